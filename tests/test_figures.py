"""Figures: drawn for what there is, the same every time, each with a caption."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb

from conftest import ROOT
from reports import made_results
from vaepipe.core.rng import generator
from vaepipe.data.idx import SIDE
from vaepipe.evaluation.metrics import METRICS
from vaepipe.figures import COLOURS, DIGIT_COLOURS, NAMES, charts, draw, images
from vaepipe.figures.codes import codes_3d, shown_dim
from vaepipe.figures.inputs import read
from vaepipe.figures.style import WIDTH, mosaic
from vaepipe.models.objectives import gaussian_kl
from vaepipe.params import Figures, Matrix
from vaepipe.results import Run

OF_CODES = ("reconstructions", "interpolations", "manifold", "latents_digits", "latents_points")
FIGURES = Figures(images=4, digits=20, points=150, dpi=60)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, mnist_folder):
    matrix = Matrix(("ae", "vae", "cvae"), (3, 5), (0, 1))
    results = made_results(tmp_path_factory.mktemp("figures"), matrix, mnist_folder)
    return read(matrix, FIGURES, mnist_folder, results)


def test_the_names_told_to_the_drivers_are_the_figures_drawn():
    assert tuple(draw.FIGURES) == NAMES


@pytest.mark.parametrize("name", [*NAMES, "run", "page"])
def test_every_figure_has_a_caption_that_begins_with_a_heading(name):
    text = " ".join((ROOT / f"workflow/report/{name}.rst").read_text().split())
    heading, dot, rest = text.partition(".")
    assert 10 < len(heading) < 90
    assert dot
    assert rest.strip() or name == "page"


@pytest.mark.parametrize("name", ["comparison", "samples", "structure", "latents_points"])
def test_a_figure_drawn_twice_has_the_same_bytes(inputs, tmp_path, name):
    for place in ("one", "two"):
        draw._write(draw.FIGURES[name](inputs), tmp_path / place / f"{name}.png", dpi=40)
    for kind in ("png", "svg"):
        first = (tmp_path / "one" / f"{name}.{kind}").read_bytes()
        assert first == (tmp_path / "two" / f"{name}.{kind}").read_bytes()
        assert len(first) > 1000


def marked(inputs) -> dict[str, tuple[list[str], str]]:
    """Labels of the comparison's first column by title: its models, from the top, and its axis."""
    figure = charts.comparison(inputs)
    figure.draw_without_rendering()
    panels = [axis for axis in figure.axes if axis.get_subplotspec().is_first_col()]
    return {
        axis.get_title(loc="left"): (
            [label.get_text() for label in axis.get_yticklabels()][::-1],
            axis.get_xlabel(),
        )
        for axis in panels
    }


def test_the_comparison_marks_a_model_that_is_given_the_label(inputs):
    labels = marked(inputs)
    models, axis = labels[METRICS["reconstruction_cross_entropy"].title]
    assert models == ["AE", "VAE", "CVAE †"]
    assert axis.endswith("lower is better")
    models, axis = labels[METRICS["probe_accuracy"].title]
    assert models == ["AE", "VAE", "CVAE †"]
    assert axis.endswith("higher is better (not †)")
    assert labels[METRICS["nll_marginal"].title][0] == ["VAE", "CVAE"]


def test_without_other_models_a_conditional_one_has_no_mark(tmp_path, mnist_folder):
    matrix = Matrix(("cvae",), (3,), (0,))
    results = made_results(tmp_path, matrix, mnist_folder)
    for models, axis in marked(read(matrix, FIGURES, mnist_folder, results)).values():
        assert models == ["CVAE"]
        assert "†" not in axis


@pytest.mark.parametrize(
    ("dims", "shown"),
    [((3, 20), 3), ((2, 20), 2), ((20, 2, 3), 3), ((20, 8), 8), ((1, 4), 1), ((50,), 50)],
)
def test_three_latents_are_shown_if_there_are_such_runs(dims, shown):
    assert shown_dim(dims) == shown


def test_codes_of_three_latents_are_the_models_own(inputs):
    run = Run("vae", 3, 0)
    codes, labels = codes_3d(inputs, run, 50)
    model, binarize = inputs.trained(run)
    x = inputs.pixels(torch.arange(50), binarize)
    assert torch.equal(codes, model.posterior(x, labels)[0].detach())
    assert torch.equal(labels, inputs.test.labels[:50])


def test_more_latents_are_turned_onto_the_axes_of_most_variance(inputs):
    run = Run("ae", 5, 0)
    codes, labels = codes_3d(inputs, run, 100)
    model, binarize = inputs.trained(run)
    whole = model.codes(inputs.pixels(torch.arange(100), binarize), labels).detach()
    largest = torch.linalg.eigvalsh(whole.T.cov()).flip(0)[:3]
    torch.testing.assert_close(codes.var(0), largest, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(codes.mean(0), torch.zeros(3), rtol=0, atol=1e-4)


def test_the_nats_of_the_latents_add_up_to_the_rate(inputs):
    run = Run("cvae", 5, 1)
    kl, active = charts.latent_use(inputs, run)
    model, binarize = inputs.trained(run)
    index = torch.arange(FIGURES.points)
    mean, log_var = model.posterior(inputs.pixels(index, binarize), inputs.test.labels[index])
    assert kl.sum() == pytest.approx(gaussian_kl(mean, log_var).mean().item(), rel=1e-5)
    assert active.tolist() == [v > 0.01 for v in mean.var(0).tolist()]


def test_no_label_covers_a_run_in_the_plane_of_rate_and_distortion(inputs):
    axis = draw.FIGURES["rate_distortion"](inputs).axes[0]
    points = [line.zorder for line in axis.lines if line.get_marker() not in ("None", "")]
    labels = [text.zorder for text in axis.texts if "ELBO" in text.get_text()]
    assert len(points) == 8
    assert min(points) > max(labels)


def test_all_models_decode_the_same_draws_and_a_cvae_is_asked_for_the_columns_digit(inputs):
    run = Run("cvae", 3, 0)
    drawn = images.from_prior(inputs, run, rows=2, columns=4)
    model, _ = inputs.trained(run)
    z = torch.randn(8, 3, generator=generator(0, "samples 3"))
    expected = model.decode(z, torch.tensor([0, 1, 2, 3] * 2)).sigmoid()
    assert torch.equal(drawn, expected.detach())


def test_a_mosaic_puts_images_row_after_row():
    one, two, three = (torch.full((SIDE * SIDE,), value) for value in (0.1, 0.2, 0.3))
    whole = mosaic(torch.stack([one, two, three]), columns=2, gap=1)
    assert whole.shape == (2 * SIDE + 1, 2 * SIDE + 1)
    assert whole[0, 0] == one[0]
    assert whole[0, SIDE] == 0
    assert whole[0, SIDE + 1] == two[0]
    assert whole[SIDE + 1, 0] == three[0]
    assert whole[-1, -1] == 0


@pytest.mark.parametrize(
    ("model", "nothing"),
    [
        ("ae", ("rate_distortion", "active_latents", "latent_kl", "digit_grid")),
        ("gan", ("rate_distortion", "active_latents", "latent_kl", "digit_grid", *OF_CODES)),
    ],
)
def test_where_there_is_nothing_to_draw_the_figure_says_so(tmp_path, mnist_folder, model, nothing):
    matrix = Matrix((model,), (2,), (0,))
    results = made_results(tmp_path, matrix, mnist_folder, binarize="none")
    inputs = read(matrix, FIGURES, mnist_folder, results)
    draw.draw_all(inputs)
    for name in (*NAMES, f"{model}-z2-s0"):
        assert results.figure(name).with_suffix(".svg").stat().st_size > 1000
    for name in nothing:
        (text,) = draw.FIGURES[name](inputs).texts
        assert "No " in text.get_text()


# Machado, Oliveira and Fernandes 2009, severity 1, applied to linear RGB.
COLOUR_BLIND = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


def lab(linear: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear sRGB, white D65."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ linear / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def closest(colours, matrix) -> float:
    """The smallest distance in L*a*b* between any two colours as that reader sees them."""
    seen = []
    for colour in colours:
        rgb = np.array(to_rgb(colour))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        seen.append(lab(np.clip(np.array(matrix) @ linear, 0, 1)))
    return min(math.dist(a, b) for k, a in enumerate(seen) for b in seen[:k])


@pytest.mark.parametrize("kind", COLOUR_BLIND)
def test_colours_can_be_told_apart_by_colour_blind_readers(kind):
    assert closest(COLOURS.values(), COLOUR_BLIND[kind]) > 20
    assert closest(DIGIT_COLOURS, COLOUR_BLIND[kind]) > 6
    rainbow = [draw.latents._rainbow(10)(k) for k in range(10)]
    assert closest(DIGIT_COLOURS, COLOUR_BLIND[kind]) > closest(rainbow, COLOUR_BLIND[kind])


@pytest.fixture(scope="module")
def of_many(tmp_path_factory, mnist_folder):
    models = ("ae", "vae", "cvae", "vae-beta0", "vae-beta0.25", "vae-beta4", "vae-lr0.001")
    matrix = Matrix(models, (3, 5), (0,))
    results = made_results(tmp_path_factory.mktemp("many"), matrix, mnist_folder)
    return read(matrix, FIGURES, mnist_folder, results)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", NAMES)
def test_with_many_models_no_title_covers_another_and_the_width_stays_a_pages(of_many, name):
    plt.close("all")
    figure = draw.FIGURES[name](of_many)
    figure.draw_without_rendering()
    assert figure.get_tightbbox().width < WIDTH + 1.5
    titles = [t for axis in figure.axes for t in (axis.title, axis._left_title) if t.get_text()]
    boxes = [title.get_window_extent() for title in titles]
    for one, other in combinations(boxes, 2):
        assert not one.overlaps(other)


def test_the_legend_of_long_names_lies_below_the_plots(inputs):
    names = (
        "T-shirt",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "bag",
        "boot",
        "hat",
    )
    of_clothes = replace(inputs, data=replace(inputs.data, classes=names))
    figure = draw.FIGURES["latents_points"](of_clothes)
    figure.draw_without_rendering()
    [legend] = figure.legends
    for axis in figure.axes:
        for coordinate in (axis.xaxis, axis.yaxis, axis.zaxis):
            assert not legend.get_window_extent().overlaps(coordinate.label.get_window_extent())
