"""The page in a real browser: it draws, decodes as PyTorch does, and asks nobody for anything."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from axe_core_python.selenium import Axe
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.support.ui import WebDriverWait

from browser import chromium
from reports import made_page, made_results
from vaepipe.data.dataset import test_images as read_test_images
from vaepipe.models import weights
from vaepipe.params import Figures, Matrix

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
    open_page(browser, smoke_tree / "results/report.html")
    return browser


def open_page(browser, page: Path) -> None:
    """Load a page and wait for its explorer."""
    browser.get(page.as_uri())
    browser.execute_script("document.getElementById('explorer').scrollIntoView()")
    ready = "return document.getElementById('explorer').dataset.ready === 'true'"
    WebDriverWait(browser, 120).until(lambda b: b.execute_script(ready))


def set_z(browser, z) -> None:
    """Type z into the number fields of every model, as a reader would."""
    browser.execute_script(
        """document.querySelectorAll('[name=moved]').forEach((model) => {
             model.click();
             document.querySelectorAll('.slider [type=number]').forEach((field, k) => {
               field.value = arguments[0][k];
               field.dispatchEvent(new Event('input', { bubbles: true }));
             });
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
    assert len(widths) >= 11
    assert min(widths) > 100


def test_the_3d_plots_draw_every_code(opened):
    for model in MODELS:
        shapes = opened.execute_script(
            """return document.getElementById(`codes-${arguments[0]}`).data.slice(0, 10)
                        .map((trace) => trace.x.length)""",
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


def test_a_slider_changes_its_models_image_and_the_class_only_the_cvaes(opened):
    set_z(opened, (0, 0, 0))
    ask(opened, 3)
    before = {name: ink(opened, name) for name in MODELS}
    opened.execute_script(
        """document.querySelector('[name=moved][value=vae]').click();
           const slider = document.getElementById('z2');
           slider.value = 2;
           slider.dispatchEvent(new Event('input', { bubbles: true }));"""
    )
    moved = {name: ink(opened, name) for name in MODELS}
    assert np.abs(moved["vae"] - before["vae"]).max() > 0.02
    assert all((moved[name] == before[name]).all() for name in ("ae", "cvae"))
    ask(opened, 8)
    asked = {name: ink(opened, name) for name in MODELS}
    assert np.abs(asked["cvae"] - moved["cvae"]).max() > 0.02
    assert all((asked[name] == moved[name]).all() for name in ("ae", "vae"))


def marked(browser, model: str) -> list[float]:
    """Where a model's plot marks the current z."""
    return browser.execute_script(
        """const { x, y, z } = document.getElementById(`codes-${arguments[0]}`).data.at(-2);
           return [x[0], y[0], z[0]];""",
        model,
    )


def code_of(browser, model: str, image: int) -> list[float]:
    """Where a model's plot draws an image."""
    return browser.execute_script(
        """for (const { customdata, x, y, z } of
                document.getElementById(`codes-${arguments[0]}`).data) {
             const k = customdata?.indexOf(arguments[1]) ?? -1;
             if (k >= 0) return [x[k], y[k], z[k]];
           }""",
        model,
        image,
    )


def test_a_clicked_point_shows_its_image_in_every_space(opened, smoke_tree):
    image = 17
    images = read_test_images(smoke_tree / "data/mnist")
    opened.execute_script(
        """document.getElementById('codes-ae').emit('plotly_click',
             { points: [{ customdata: arguments[0] }] })""",
        image,
    )
    number = "return document.getElementById('image-number').value"
    WebDriverWait(opened, 10).until(lambda b: b.execute_script(number) == str(image))
    source = opened.execute_script(
        """const { width, height } = document.getElementById('source');
           const context = document.getElementById('source').getContext('2d');
           return [...context.getImageData(0, 0, width, height).data].filter((_, k) => !(k % 4));"""
    )
    pixels = images.pixels[image].flatten().numpy()
    assert (255 - np.array(source) == pixels).all()
    asked = opened.execute_script("return document.querySelector('[name=asked]:checked').value")
    assert int(asked) == images.labels[image]
    for name in MODELS:
        code = code_of(opened, name, image)
        assert marked(opened, name) == code
        model, _ = weights.load(smoke_tree / f"results/models/{name}-z3-s0.safetensors")
        with torch.no_grad():
            decoded = model.decode(torch.tensor([code]), images.labels[[image]]).sigmoid()
        assert np.abs(ink(opened, name) - decoded[0].numpy()).max() <= 1.5 / 255
    opened.execute_script("document.getElementById('next-image').click()")
    WebDriverWait(opened, 10).until(lambda b: b.execute_script(number) == str(image + 1))
    assert marked(opened, "vae") == code_of(opened, "vae", image + 1)


def test_a_slider_comes_back_to_its_range(opened):
    opened.execute_script("document.querySelector('[name=moved][value=vae]').click()")
    reach = "return Number(document.getElementById('z1').max)"
    before = opened.execute_script(reach)
    opened.execute_script(
        """const field = document.querySelector('.slider [type=number]');
           field.value = 50;
           field.dispatchEvent(new Event('input', { bubbles: true }));
           field.dispatchEvent(new Event('change', { bubbles: true }));"""
    )
    assert opened.execute_script(reach) == 50
    opened.execute_script("document.getElementById('origin-z').click()")
    assert opened.execute_script(reach) == before


def test_a_drawn_digit_is_encoded_and_reconstructed_by_every_model(opened, smoke_tree):
    pad = opened.find_element("id", "pad")
    opened.execute_script(
        "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })", pad
    )
    stroke = ActionChains(opened, duration=20).move_to_element_with_offset(pad, 5, -70)
    stroke.click_and_hold()
    for x, y in ((0, 50), (-10, 60), (15, 20)):
        stroke.move_by_offset(x, y)
    stroke.release().perform()
    told = "return document.getElementById('image-class').textContent"
    WebDriverWait(opened, 10).until(lambda b: "your image" in b.execute_script(told))
    shown = opened.execute_script(
        """const context = document.getElementById('source').getContext('2d');
           return [...context.getImageData(0, 0, 28, 28).data].filter((_, k) => k % 4 === 0);"""
    )
    drawn = 1 - np.array(shown) / 255
    assert set(drawn) == {0, 1}
    assert 20 < drawn.sum() < 300
    rows, columns = np.nonzero(drawn.reshape(28, 28))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == pytest.approx(20, abs=2)
    assert rows.mean() == pytest.approx(13.5, abs=1.5)
    asked = opened.execute_script("return document.querySelector('[name=asked]:checked').value")
    x, label = torch.tensor(drawn[None]).float(), torch.tensor([int(asked)])
    for name in MODELS:
        model, _ = weights.load(smoke_tree / f"results/models/{name}-z3-s0.safetensors")
        with torch.no_grad():
            code = model.codes(x, label)
            image = model.decode(code, label).sigmoid()[0].numpy()
        # The encoder's weights are rounded to 8 bits.
        assert marked(opened, name) == pytest.approx(code[0].tolist(), rel=0.05, abs=0.15)
        assert np.abs(ink(opened, name) - image).mean() < 0.02


def show_image(browser, number: int) -> None:
    browser.execute_script(
        """const box = document.getElementById('image-number');
           box.value = arguments[0];
           box.dispatchEvent(new Event('input', { bubbles: true }));""",
        number,
    )
    WebDriverWait(browser, 10).until(lambda b: source_of(b).any() and text_of(b, "image-class"))


def text_of(browser, place: str) -> str:
    return browser.execute_script("return document.getElementById(arguments[0]).textContent", place)


def source_of(browser) -> np.ndarray:
    """The ink on the canvas of the image that the codes belong to."""
    shown = browser.execute_script(
        """const context = document.getElementById('source').getContext('2d');
           return [...context.getImageData(0, 0, 28, 28).data].filter((_, k) => k % 4 === 0);"""
    )
    return 1 - np.array(shown) / 255


def test_a_slider_that_is_moved_leaves_the_image(opened):
    show_image(opened, 5)
    opened.execute_script(
        """document.querySelector('[name=moved][value=vae]').click();
           const slider = document.getElementById('z1');
           slider.value = 1.5;
           slider.dispatchEvent(new Event('input', { bubbles: true }));"""
    )
    assert not source_of(opened).any()
    assert text_of(opened, "image-class") == ""


@pytest.mark.parametrize("size", [(28, 28), (40, 24), (20, 44)])
def test_an_opened_picture_on_dark_paper_is_turned(opened, tmp_path, size):
    width, height = size
    picture = Image.new("L", size)
    picture.paste(255, (width // 2 - 2, height // 4, width // 2 + 2, 3 * height // 4))
    picture.save(tmp_path / "digit.png")
    show_image(opened, 0)
    opened.find_element("id", "open-image").send_keys(str(tmp_path / "digit.png"))
    WebDriverWait(opened, 10).until(lambda b: "your image" in text_of(b, "image-class"))
    assert 0.01 < source_of(opened).mean() < 0.2


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


def emulate(browser, width: int, scheme: str, media: str = "") -> None:
    """A window's width, the reader's colour scheme, and `print` for paper."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": [feature]})


def luminance(rgb: list[float]) -> float:
    """Relative luminance (WCAG 2.2) of sRGB in 0..255."""
    c = np.array(rgb[:3]) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_the_page_fits_and_is_legible_at_every_width_and_scheme(opened, width, scheme):
    emulate(opened, width, scheme)
    # The plots follow a new width a moment later; what sticks out then still does after seconds.
    fits = "return document.documentElement.scrollWidth <= arguments[0]"
    WebDriverWait(opened, 10).until(lambda b: b.execute_script(fits, width))
    colours = opened.execute_script(
        """const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
           const of = (e) => rgb(getComputedStyle(e).color);
           const paper = rgb(getComputedStyle(document.body).backgroundColor);
           const texts = ['h1', '.lede', 'nav a', 'td', 'figcaption', 'figcaption strong',
                          'summary', 'main a', '.note', '.said', '.sure', '.asked p'];
           return [paper, ...texts.map((t) => of(document.querySelector(t)))];"""
    )
    paper, *inks = map(luminance, colours)
    assert (paper < 0.1) == (scheme == "dark")
    for one in inks:
        low, high = sorted((paper, one))
        assert (high + 0.05) / (low + 0.05) >= 4.5


def choose_language(browser, name: str) -> None:
    browser.execute_script("document.getElementById(arguments[0]).click()", f"language-{name}")


def test_the_reader_switches_the_language(opened):
    heading = opened.find_element("css selector", "#asked-reconstructs")
    image = opened.find_element("css selector", "#samples img")
    show_image(opened, 3)
    choose_language(opened, "zh")
    assert heading.text == "哪个模型重构得最好？"
    WebDriverWait(opened, 10).until(lambda b: re.search("[一-龥]", text_of(b, "image-class")))
    assert image.get_attribute("alt").startswith("样本")
    assert opened.execute_script("return document.documentElement.lang") == "zh-Hans"
    choose_language(opened, "en")
    assert heading.text == "Which reconstructs best?"
    assert image.get_attribute("alt").startswith("Samples")
    values = opened.execute_script(
        "return [...document.querySelectorAll('.value')].map((e) => e.textContent)"
    )
    assert all(re.fullmatch(r"−?[\d.,]+( ± [\d.,]+)?", value) for value in values)


@pytest.mark.parametrize(
    ("width", "scheme", "language"), [(1400, "light", "en"), (400, "dark", "zh")]
)
def test_axe_finds_nothing_serious(opened, width, scheme, language):
    emulate(opened, width, scheme)
    choose_language(opened, language)
    found = Axe().run(opened)["violations"]
    choose_language(opened, "en")
    serious = [v for v in found if v["impact"] in ("serious", "critical")]
    assert not [(v["id"], [node["html"][:200] for node in v["nodes"]]) for v in serious]


def test_on_a_phone_the_models_name_stays_while_the_table_scrolls(opened):
    emulate(opened, 400, "light")
    table = opened.find_element("id", "main")
    name = table.find_element("css selector", "tbody th[scope=row]")
    opened.execute_script("arguments[0].scrollLeft = 300", table)
    left = "return arguments[0].getBoundingClientRect().left"
    assert opened.execute_script(left, name) == opened.execute_script(left, table)
    opened.execute_script("arguments[0].scrollLeft = 0", table)


def test_the_table_of_results_is_not_cut_in_a_desktop_window(opened):
    emulate(opened, 1400, "light")
    assert opened.execute_script(
        "const t = document.getElementById('main'); return t.scrollWidth <= t.clientWidth"
    )


def test_print_has_no_empty_boxes_and_hides_nothing(opened):
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    opened.execute_script("dispatchEvent(new Event('beforeprint'))")
    shown = """return [...document.querySelectorAll(arguments[0])]
                 .map((e) => e.checkVisibility() && e.getBoundingClientRect().height > 0)"""
    try:
        assert not any(opened.execute_script(shown, "canvas, .plot, nav, input, button"))
        assert all(opened.execute_script(shown, "details > :not(summary), .still"))
        # The width of A4 less its margins.
        emulate(opened, 718, "light", media="print")
        cut = opened.execute_script(
            """return [...document.querySelectorAll('.wide')]
                 .filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.innerText)"""
        )
        assert not cut
    finally:
        opened.execute_script("dispatchEvent(new Event('afterprint'))")
        emulate(opened, 1400, "light")
    assert not any(
        opened.execute_script("return [...document.querySelectorAll('details')].map((d) => d.open)")
    )


def test_without_a_script_a_picture_stands_for_the_explorer(browser, opened, smoke_tree):
    """Last in this file: it loads the page anew."""
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get((smoke_tree / "results/report.html").as_uri())
        visible = {
            e: browser.find_element("css selector", e).is_displayed()
            for e in (".still", "#latents_digits img", "#explorer", "#asked-cost")
        }
        browser.find_element("id", "language-zh").click()
        heading = browser.find_element("id", "asked-reconstructs").text
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert visible == {
        ".still": True,
        "#latents_digits img": True,
        "#explorer": False,
        "#asked-cost": True,
    }
    assert heading == "哪个模型重构得最好？"


def test_other_seeds_and_latent_sizes_can_be_shown(browser, tmp_path, mnist_folder):
    """On a page of untrained models; it too is loaded anew."""
    matrix = Matrix(("vae",), (3, 5), (0, 1))
    figures = Figures(images=4, digits=10, points=50, dpi=40)
    results = made_results(tmp_path / "results", matrix, mnist_folder)
    open_page(browser, made_page(matrix, figures, mnist_folder, results))
    views = browser.execute_script(
        "return [...document.querySelectorAll('#view option')].map((o) => o.textContent)"
    )
    assert views[0] == "3 latents, seed 0"
    assert sorted(views) == [f"{dim} latents, seed {seed}" for dim in (3, 5) for seed in (0, 1)]
    first = code_of(browser, "vae", 3)
    show = """const view = document.getElementById('view');
              view.value = arguments[0];
              view.dispatchEvent(new Event('change'));"""
    browser.execute_script(show, 3)
    WebDriverWait(browser, 20).until(lambda b: code_of(b, "vae", 3) != first)
    WebDriverWait(browser, 20).until(lambda b: marked(b, "vae") == code_of(b, "vae", 0))
    browser.execute_script(show, 0)
    WebDriverWait(browser, 20).until(lambda b: code_of(b, "vae", 3) == first)
