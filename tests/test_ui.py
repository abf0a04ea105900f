"""MLflow's UI as a person sees it: in a browser, from the links that are printed."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from selenium.webdriver.support.ui import WebDriverWait

from browser import chromium
from conftest import ROOT
from logged import ALL
from stores import free_port
from synthetic import write_results
from vaepipe.core.files import read_json, write_json
from vaepipe.evaluation.metrics import HEADLINE, METRICS
from vaepipe.results import Results, runs_of

UI = [sys.executable, "-c", "from vaepipe.cli import main; main()", "ui"]
NAMES = [run.name for run in runs_of(ALL)]
MEANS = [f"{run.model}-z{run.latent_dim}" for run in runs_of(ALL)]
# Python imports this in every process that has its folder on its path. It writes down the addresses
# that are looked up or connected to.
WATCH = """
import os, sys

def watch(event, details):
    if event == "socket.connect" and isinstance(details[1], tuple):
        host = details[1][0]
    elif event == "socket.getaddrinfo":
        host = details[0]
    else:
        return
    with open(os.environ["CALLS"], "a") as calls:
        calls.write(f"{host}\\n")

sys.addaudithook(watch)
"""
LOOPBACK = {"127.0.0.1", "localhost", "::1", "None"}


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """An environment in which Python writes down where it connects to, and the file of that."""
    folder = tmp_path_factory.mktemp("watched")
    (folder / "sitecustomize.py").write_text(WATCH)
    (folder / "calls").touch()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    environment["PYTHONPATH"] = f"{folder}:{environment.get('PYTHONPATH', '')}"
    # As on many clusters: a proxy that does not know this machine's own address.
    environment |= {"http_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    return environment | {"CALLS": str(folder / "calls")}, folder / "calls"


@pytest.fixture(scope="module")
def results(tmp_path_factory, schema, watched) -> Results:
    """Logged results; `track` was run as a stage is run, and watched."""
    folder = tmp_path_factory.mktemp("ui") / "results"
    folder.mkdir()
    shutil.copy(schema, folder / "mlflow.db")
    results = write_results(folder, ALL)
    words = [sys.executable, str(ROOT / "workflow/scripts/track.py"), "--results", str(folder)]
    words += [
        "--models",
        "ae",
        "vae",
        "cvae",
        "--latent_dims",
        "3",
        "--seeds",
        "0",
        "--experiment",
        "vaepipe",
    ]
    done = subprocess.run(words, env=watched[0], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return results


@pytest.fixture(scope="module")
def printed(results, watched):
    """The links that `vaepipe ui` prints, while it runs; afterwards nothing may be left of it."""
    port = free_port()
    words = [*UI, "--results", str(results.folder), "--port", str(port)]
    child = subprocess.Popen(words, env=watched[0], stdout=subprocess.PIPE, text=True)
    found = {}
    for line in child.stdout:
        if link := re.match(r"([\w-]+) +(http\S+)$", line):
            found[link[1]] = link[2]
        if line.startswith("Ctrl-C"):
            break
    yield found, port
    child.send_signal(signal.SIGTERM)
    assert child.wait(30) == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Headless Chromium with a new profile."""
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


def shown(browser, url: str, *parts: str) -> str:
    """The page's text once it holds all of the parts."""
    browser.get("about:blank")
    browser.get(url)

    def text(_) -> str | bool:
        body = browser.execute_script("return document.body.innerText")
        return body if all(part in body for part in parts) else False

    return WebDriverWait(browser, 60, ignored_exceptions=()).until(text, f"{parts} not on {url}")


def test_it_listens_on_loopback_alone(printed):
    listening = [
        line.split()[1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    ]
    port = f"{printed[1]:04X}"
    assert [address for address in listening if address.endswith(f":{port}")] == [
        f"0100007F:{port}"
    ]


def test_the_run_list_shows_every_run(printed, browser):
    shown(browser, printed[0]["table"], *NAMES, *MEANS, "comparison", "mnist", "Model training")


def test_the_first_view_has_a_bar_for_each_mean_and_headline_metrics_first(printed, browser):
    """The page draws the first charts, and tells how many there are in each section."""
    text = shown(
        browser,
        printed[0]["means"],
        *MEANS,
        "Means over the seeds, report",
        f"test\n({len(METRICS) + 1})",
        *(f"test/{name}" for name in HEADLINE[:3]),
    )
    assert not [name for name in NAMES if name in text]


def test_the_second_view_groups_the_runs_by_model_and_latent_size(printed, browser):
    text = shown(
        browser, printed[0]["runs"], "Runs by model and latent size", "3 matching runs", "Group:"
    )
    assert text.count("Group: ") == len(MEANS)
    assert not [name for name in NAMES if name in text], "the groups are folded"


def test_the_compare_page_shows_the_means(printed, browser):
    text = shown(
        browser, printed[0]["compare"], "Comparing 3 Runs", *MEANS, "test/neg_elbo", "train.epochs"
    )
    assert "comparison" not in text


def test_the_report_is_shown(printed, browser):
    shown(browser, printed[0]["report"], "comparison", "report.html", "metrics.csv")


def test_the_registry_shows_the_champions(printed, browser):
    for name in ("vaepipe-ae", "vaepipe-vae", "vaepipe-cvae"):
        text = shown(browser, printed[0][name], name, "champion", "Version 1")
        assert "AI Gateway" not in text, "this is the mode for chat models"


def test_nothing_connected_to_the_outside(printed, watched, browser):
    """Neither `track`, nor the UI's server, nor its pages."""
    shown(browser, printed[0]["table"], *NAMES)
    calls = set(watched[1].read_text().split())
    assert "127.0.0.1" in calls, "the watch sees that the UI connects to its server"
    assert calls <= LOOPBACK
    requests = [
        entry["message"]
        for entry in browser.get_log("performance")
        if '"Network.requestWillBeSent"' in entry["message"]
    ]
    hosts = {h for r in requests for h in re.findall(r'"url":"https?://([^/:"]+)', r)}
    assert hosts == {"127.0.0.1"}


def test_the_watch_sees_a_connection_to_the_outside(watched, tmp_path):
    calls = tmp_path / "calls"
    code = """
import socket
with socket.socket() as one:
    one.settimeout(0.01)
    try: one.connect(("192.0.2.1", 9))
    except OSError: pass
"""
    subprocess.run([sys.executable, "-c", code], env=watched[0] | {"CALLS": str(calls)}, check=True)
    assert calls.read_text() == "192.0.2.1\n"


@pytest.mark.parametrize(
    ("uri", "message"),
    [("", "names no runs in the store"), ("sqlite:///other.db", "names no runs in the store")],
)
def test_a_store_without_runs_gets_one_message(tmp_path, uri, message):
    environment = os.environ | {"MLFLOW_TRACKING_URI": uri}
    done = subprocess.run(UI, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert message in done.stderr
    assert "make track" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("login", ["ann:pw", "ann:1/pw", "ann:[pw"])
def test_a_server_elsewhere_is_linked_to_and_not_served_again(tmp_path, login):
    tracked = {"experiment_id": "7", "cells": {"vae": "ab"}, "comparison": "cd"}
    tracked |= {"views": {"means": "ef-means", "runs": "ef-runs"}, "registered": []}
    tracked["tracking_uri"] = "https://ann:***@mlflow.example.org/"
    write_json(tmp_path / "results/mlflow.json", tracked)
    environment = os.environ | {"MLFLOW_TRACKING_URI": f"https://{login}@mlflow.example.org/"}
    done = subprocess.run(UI, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "https://mlflow.example.org/#/experiments/7/runs?" in done.stdout
    assert "pw" not in done.stdout


def test_a_taken_port_gets_one_message(results):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = [*UI, "--port", port, "--results", str(results.folder)]
        done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "--port" in done.stderr


@pytest.mark.parametrize("port", ["99999", "0", "-1", "http"])
def test_what_is_no_port_gets_one_message(port):
    done = subprocess.run([*UI, "--port", port], capture_output=True, text=True)
    assert done.returncode == 2
    assert f"argument --port: '{port}' is not allowed, only 1 to 65535" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_with_options_in_its_address_is_found(results, tmp_path):
    """The port is taken, so that it says that in place of serving."""
    uri = f"sqlite:///{(results.folder / 'mlflow.db').resolve()}?timeout=5"
    logged = read_json(results.mlflow_runs) | {"tracking_uri": uri}
    write_json(tmp_path / "results/mlflow.json", logged)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = [*UI, "--port", str(taken.getsockname()[1])]
        environment = os.environ | {"MLFLOW_TRACKING_URI": uri}
        done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert "can't be used (Address already in use)" in done.stderr
