"""Headless Chromium, which tests of pages drive."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

# Nothing is asked of the outside; WebGL is drawn by the processor.
FLAGS = """headless=new no-sandbox disable-gpu use-angle=swiftshader enable-unsafe-swiftshader
    disable-background-networking disable-component-update disable-sync no-first-run
    disable-dev-shm-usage window-size=1500,1000"""


@contextmanager
def chromium(profile: Path) -> Iterator[webdriver.Chrome]:
    """A browser with a new profile in an empty folder, which logs its console and its requests."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in [*FLAGS.split(), f"user-data-dir={profile}"]:
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()
