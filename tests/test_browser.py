"""The page in a real browser: it draws, decodes as PyTorch does, and asks nobody for anything."""

import json

import numpy as np
import pytest
import torch
from selenium.webdriver.support.ui import WebDriverWait

from browser import chromium
from vaepipe.models import weights

MODELS = ("ae", "vae", "cvae")
SIZES = [(width, scheme) for width in (400, 1400) for scheme in ("light", "dark")]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A headless Chromium that logs its console and its requests."""
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture(scope="module")
def opened(browser, smoke_tree):
    """The smoke preset's page, with its explorer ready."""
    browser.get("about:blank")
    browser.get_log("performance")  # what the browser asked of itself while it started
    browser.get((smoke_tree / "results/report.html").as_uri())
    browser.execute_script("document.getElementById('explorer').scrollIntoView()")
    ready = "return document.getElementById('explorer').dataset.ready === 'true'"
    WebDriverWait(browser, 120).until(lambda b: b.execute_script(ready))
    return browser


def set_z(browser, z) -> None:
    """Type z into the number fields, as a reader would."""
    browser.execute_script(
        """document.querySelectorAll('.slider [type=number]').forEach((field, k) => {
             field.value = arguments[0][k];
             field.dispatchEvent(new Event('input', { bubbles: true }));
           });""",
        [float(v) for v in z],
    )


def ask(browser, digit: int) -> None:
    browser.execute_script("document.querySelectorAll('[name=asked]')[arguments[0]].click()", digit)


def ink(browser, model: str) -> np.ndarray:
    """The image on a model's canvas as ink in [0, 1], `[784]`."""
    pixels = browser.execute_script(
        """const canvas = document.getElementById(`decoded-${arguments[0]}`);
           const data = canvas.getContext('2d').getImageData(0, 0, 28, 28).data;
           return [...data].filter((_, k) => k % 4 === 0);""",
        model,
    )
    return 1 - np.array(pixels) / 255


def test_the_page_loads_without_an_error_and_without_a_request(opened, smoke_tree):
    severe = [entry for entry in opened.get_log("browser") if entry["level"] == "SEVERE"]
    assert not severe
    events = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    asked = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    page = (smoke_tree / "results/report.html").as_uri()
    assert page in asked
    assert not [url for url in asked if url != page and not url.startswith(("data:", "blob:"))]


def test_every_image_is_shown(opened):
    widths = opened.execute_script(
        "return [...document.images].map((i) => i.complete ? i.naturalWidth : 0)"
    )
    assert len(widths) >= 12
    assert min(widths) > 100


def test_the_3d_plots_draw_every_code(opened):
    for model in MODELS:
        shapes = opened.execute_script(
            "return document.getElementById(`codes-${arguments[0]}`).data.map((t) => t.x.length)",
            model,
        )
        assert sum(shapes) == 1000
        assert min(shapes) > 50
        colours = opened.execute_script(
            """const canvas = document.querySelector(`#codes-${arguments[0]} canvas`);
               const gl = canvas.getContext('webgl') || canvas.getContext('webgl2');
               const plot = document.getElementById(`codes-${arguments[0]}`);
               plot._fullLayout.scene._scene.glplot.redraw();
               const n = gl.drawingBufferWidth * gl.drawingBufferHeight;
               const pixels = new Uint8Array(4 * n);
               gl.readPixels(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight, gl.RGBA,
                             gl.UNSIGNED_BYTE, pixels);
               const found = new Set();
               for (let k = 0; k < n; k++) found.add(pixels.slice(4 * k, 4 * k + 3).join());
               return found.size;""",
            model,
        )
        assert colours > 10


@pytest.mark.parametrize(
    ("z", "digit"),
    [((0, 0, 0), 0), ((1.5, -0.7, 0.2), 7), ((-3, 2.25, -1.125), 4), ((12.5, -8.25, 30), 9)],
)
def test_the_decoders_agree_with_pytorch(opened, smoke_tree, z, digit):
    set_z(opened, z)
    ask(opened, digit)
    for name in MODELS:
        model, _ = weights.load(smoke_tree / f"results/models/{name}-z3-s0.safetensors")
        with torch.no_grad():
            expected = model.decode(torch.tensor([z]).float(), torch.tensor([digit])).sigmoid()
        assert np.abs(ink(opened, name) - expected[0].numpy()).max() <= 1 / 255


def test_a_slider_changes_all_images_and_the_digit_only_the_cvaes(opened):
    set_z(opened, (0, 0, 0))
    ask(opened, 3)
    before = {name: ink(opened, name) for name in MODELS}
    opened.execute_script(
        """const slider = document.getElementById('z2');
           slider.value = 2;
           slider.dispatchEvent(new Event('input', { bubbles: true }));"""
    )
    moved = {name: ink(opened, name) for name in MODELS}
    assert all(np.abs(moved[name] - before[name]).max() > 0.02 for name in MODELS)
    ask(opened, 8)
    asked = {name: ink(opened, name) for name in MODELS}
    assert np.abs(asked["cvae"] - moved["cvae"]).max() > 0.02
    assert all((asked[name] == moved[name]).all() for name in ("ae", "vae"))


def test_a_clicked_point_becomes_z_even_beyond_the_sliders_reach(opened):
    opened.execute_script(
        """document.getElementById('codes-ae').emit('plotly_click',
             { points: [{ x: 9.5, y: -0.25, z: 1 }] })"""
    )
    shown = opened.execute_script(
        "return [...document.querySelectorAll('.slider [type=range]')].map((s) => Number(s.value))"
    )
    assert shown == [9.5, -0.25, 1]


def test_a_digit_can_be_switched_off_and_the_camera_shared(opened):
    visible = (
        "return arguments[0].map((m) => document.getElementById(`codes-${m}`).data[4].visible)"
    )
    opened.execute_script("document.querySelectorAll('[name=shown]')[4].click()")
    assert opened.execute_script(visible, MODELS) == [False] * 3
    opened.execute_script("document.querySelectorAll('[name=shown]')[4].click()")
    assert opened.execute_script(visible, MODELS) == [True] * 3

    eyes = """return arguments[0].map((m) =>
                document.getElementById(`codes-${m}`).layout.scene.camera.eye.x)"""
    turn = """return Plotly.relayout('codes-vae',
                { 'scene.camera': { eye: { x: arguments[0], y: 1, z: 1 } } })"""
    opened.execute_script(turn, 0.5)
    assert opened.execute_script(eyes, MODELS) == [1.5, 0.5, 1.5]
    opened.execute_script("document.getElementById('same-camera').click()")
    opened.execute_script(turn, 0.75)
    WebDriverWait(opened, 10).until(lambda b: b.execute_script(eyes, MODELS) == [0.75] * 3)


def luminance(rgb: list[float]) -> float:
    """Relative luminance (WCAG 2.2) of sRGB in 0..255."""
    c = np.array(rgb[:3]) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_the_page_fits_and_is_legible_at_every_width_and_scheme(opened, width, scheme):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    # The plots follow a new width a moment later; what sticks out then still does after seconds.
    fits = "return document.documentElement.scrollWidth <= arguments[0]"
    WebDriverWait(opened, 10).until(lambda b: b.execute_script(fits, width))
    colours = opened.execute_script(
        """const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
           const of = (e) => rgb(getComputedStyle(e).color);
           const paper = rgb(getComputedStyle(document.body).backgroundColor);
           const texts = ['h1', '.lede', 'nav a', 'td', 'figcaption', 'figcaption strong',
                          'summary', 'main a', '.note'];
           return [paper, ...texts.map((t) => of(document.querySelector(t)))];"""
    )
    paper, *inks = map(luminance, colours)
    assert (paper < 0.1) == (scheme == "dark")
    for one in inks:
        low, high = sorted((paper, one))
        assert (high + 0.05) / (low + 0.05) >= 4.5
