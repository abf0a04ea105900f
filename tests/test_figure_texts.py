"""Texts of figures: none covers another, and names of classes are shown as they are."""

import warnings
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.text import Text

from reports import made_results
from vaepipe.evaluation.metrics import HEADLINE
from vaepipe.figures import draw
from vaepipe.figures.inputs import Inputs, read
from vaepipe.figures.style import CHINESE, INSTALLED, WIDTH, titles
from vaepipe.params import Figures, Matrix

FIGURES = Figures(images=4, digits=20, points=50, dpi=60)
THREE = ("ae", "vae", "cvae")
BETAS = ("vae", "vae-beta0.25", "vae-beta0.5", "vae-beta4")
RATES = ("ae", "vae", "vae-lr0.001", "cvae-lr0.00025")


@pytest.fixture(scope="module")
def made(tmp_path_factory, mnist_folder):
    """What figures of some models and latent sizes are drawn from, made once for all tests."""
    found: dict[tuple, Inputs] = {}

    def inputs(models: tuple, dims: tuple, seeds: tuple = (0,), **settings: object) -> Inputs:
        key = (models, dims, seeds, *settings.items())
        if key not in found:
            matrix = Matrix(models, dims, seeds)
            results = made_results(
                tmp_path_factory.mktemp("made"), matrix, mnist_folder, **settings
            )
            found[key] = read(matrix, FIGURES, mnist_folder, results)
        return found[key]

    return inputs


def drawn(name: str, inputs: Inputs) -> Figure:
    plt.close("all")
    figure = draw.FIGURES[name](inputs)
    figure.draw_without_rendering()
    return figure


def shown_texts(figure: Figure) -> list[Text]:
    """The texts of a figure, without the labels of ticks outside of an axis's limits."""
    coordinates = [c for axes in figure.axes for c in (axes.xaxis, axes.yaxis)]
    off = [c for c in coordinates if not c.axes.axison]
    ticks = {c: c.get_major_ticks() + c.get_minor_ticks() for c in coordinates}
    of_ticks = {t for c in coordinates for tick in ticks[c] for t in (tick.label1, tick.label2)}
    within = {t.label1 for c in coordinates if c not in off for t in c._update_ticks()}
    return [
        text
        for text in figure.findobj(Text)
        if text.get_visible()
        and text.get_text().strip()
        and (text not in of_ticks or text in within)
    ]


def covered(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts that cover each other."""
    boxes = [(text.get_text(), text.get_window_extent()) for text in shown_texts(figure)]
    return [(a, b) for (a, one), (b, other) in combinations(boxes, 2) if one.overlaps(other)]


@pytest.mark.parametrize(
    ("models", "dims", "metrics"),
    [
        (THREE, (3, 20), HEADLINE),
        (THREE, (2, 3, 20), HEADLINE),
        (("vae",), tuple(range(98, 111)), ("distortion", HEADLINE[-1])),
        (RATES, (2, 3, 5, 10), ("nll", HEADLINE[-1])),
    ],
)
def test_no_text_of_the_comparison_covers_another(made, models, dims, metrics):
    inputs = made(models, dims, (0, 1))
    table = inputs.comparison
    few = replace(inputs, comparison=table[table["metric"].isin(metrics)])
    figure = drawn("comparison", few)
    assert covered(figure) == []
    assert figure.get_tightbbox().width <= WIDTH
    texts = [text.get_text() for text in shown_texts(figure)]
    for dim in dims:
        assert f"{dim} latent{'s' * (dim > 1)}" in texts
    assert any("lower is better" in text for text in texts)


def test_a_cell_without_results_leaves_its_line_empty_in_the_comparison(made):
    inputs = made(THREE, (2, 3, 20), (0, 1))
    table = inputs.comparison
    failed = (table["model"] == "vae") & (table["latent_dim"] == 3)
    table = table[~failed & (table["metric"] == HEADLINE[-1])]
    figure = drawn("comparison", replace(inputs, comparison=table))
    means = {
        dim: [line.get_ydata()[0] for line in axis.lines if line.get_marker() == "|"]
        for dim, axis in zip((2, 3, 20), figure.axes, strict=True)
    }
    assert means[2] == means[20] == pytest.approx([2.12, 1.12, 0.12])
    assert means[3] == pytest.approx([2.12, 0.12])


@pytest.mark.parametrize("network", ["mlp", "residual", "conv"])
@pytest.mark.parametrize("activation", ["silu", "leaky_relu"])
@pytest.mark.parametrize(
    ("dims", "hidden", "says"),
    [
        ((3, 20), (208,) * 4, "208"),
        ((2, 3, 5, 10, 20), (208,) * 8, "8 × 208"),
        ((2, 3, 20, 128), (512, 512, 512, 256, 256, 128, 64), "3 × 512"),
        ((16, 128), (512, 448, 384, 320, 256, 192, 128, 96), "448"),
    ],
)
def test_no_text_of_the_networks_covers_another(
    made, monkeypatch, dims, hidden, says, activation, network
):
    inputs = made((*THREE, "gan"), dims[:1], hidden=(24, 12))
    trained = Inputs.trained

    def of_that_shape(self, run):
        model, binarize = trained(self, run)
        shape = {"hidden": hidden, "activation": activation, "network": network}
        model.architecture = replace(model.architecture, **shape)
        return model, binarize

    monkeypatch.setattr(Inputs, "trained", of_that_shape)
    monkeypatch.setattr(Inputs, "first_runs", inputs.first_runs)
    figure = drawn("structure", replace(inputs, matrix=replace(inputs.matrix, latent_dims=dims)))
    assert covered(figure) == []
    texts = "\n".join(text.get_text() for text in shown_texts(figure))
    assert f"{dims[0]} {'or' if len(dims) == 2 else 'to'} {dims[-1]}" in texts
    assert says in texts
    assert figure.get_tightbbox().width < WIDTH + 0.2


@pytest.mark.parametrize(
    "name", ["samples", "manifold", "digit_grid", "active_latents", "latent_kl", "latents_points"]
)
@pytest.mark.parametrize("models", [BETAS, RATES])
def test_titles_of_four_models_with_settings_of_their_own_do_not_meet(made, models, name):
    figure = drawn(name, made(models, (3, 20)))
    boxes = [a.title.get_window_extent().padded(1) for a in figure.axes if a.title.get_text()]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    if name != "latents_points":  # its labels stand aslant
        assert covered(figure) == []


def test_the_legend_of_four_clouds_of_codes_covers_no_label(made):
    figure = drawn("latents_points", made(BETAS, (3, 20)))
    [legend] = figure.legends
    for axis in figure.axes:
        for coordinate in (axis.xaxis, axis.yaxis, axis.zaxis):
            assert not legend.get_window_extent().overlaps(coordinate.label.get_window_extent())


def test_titles_are_broken_all_or_none():
    short, long = ["AE, 3 latents", "VAE, 20 latents"], "VAE (β = 0.25), 20 latents"
    assert titles(short, columns=4) == short
    assert titles([short[0], long], columns=4) == ["AE,\n3 latents", "VAE (β = 0.25),\n20 latents"]
    assert titles([short[0], long], columns=3) == [short[0], long]


def test_ten_latent_sizes_have_marks_of_their_own_in_the_legend(made):
    dims = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16)
    inputs = made(("vae",), dims)
    figure = drawn("rate_distortion", inputs)
    [legend] = figure.legends
    marks = {
        text.get_text(): (line.get_marker(), line.get_fillstyle())
        for text, line in zip(legend.get_texts(), legend.get_lines(), strict=True)
    }
    of_dims = {dim: marks[f"{dim} latent{'s' * (dim > 1)}"] for dim in dims}
    assert len(set(of_dims.values())) == len(dims)
    points = {line.get_xdata()[0]: line for line in figure.axes[0].lines if line.get_ls() == "None"}
    for run in inputs.metrics.itertuples():
        point = points[run.rate]
        assert (point.get_marker(), point.get_fillstyle()) == of_dims[run.latent_dim]


def test_of_forty_latent_sizes_no_mark_comes_twice_and_the_legend_stays_on_the_page(made):
    inputs = made(("vae",), tuple(range(1, 41)))
    figure = drawn("rate_distortion", inputs)
    [legend] = figure.legends
    marks = [(line.get_marker(), line.get_fillstyle()) for line in legend.get_lines()[1:]]
    assert len(set(marks)) == len(marks) == 40
    assert figure.get_tightbbox().height < 4
    assert figure.get_tightbbox().width <= WIDTH


def test_losses_of_an_ae_that_lie_close_share_a_label(made):
    inputs = made(("ae", "vae"), (2, 3, 20))
    metrics = inputs.metrics.copy()
    loss = {2: 110.0, 3: 109.9, 20: 90.0}
    metrics["reconstruction_cross_entropy"] = metrics["latent_dim"].map(loss)
    axis = drawn("rate_distortion", replace(inputs, metrics=metrics)).axes[0]
    labels = [text.get_text() for text in axis.texts if text.get_text().startswith("AE")]
    assert labels == ["AE, 20 latents", "AE, 2, 3 latents"]


ODD = ("猫", r"$\frac$", "$5 and $6", "狗子", "a_b^c", r"\alpha", "$", "鸟", "x" * 12, "{}")
WITH_NAMES = ("manifold", "digit_grid", "latents_points", "latents_digits", "latents_rainbow")


@pytest.mark.parametrize("name", WITH_NAMES)
def test_names_of_classes_are_drawn_letter_by_letter(made, tmp_path, name):
    inputs = made(THREE, (3, 20))
    for first in (0, 1):
        names = (*ODD[first:], *ODD[:first])
        given = replace(inputs, data=replace(inputs.data, classes=names))
        with warnings.catch_warnings():
            # Without a font that has them, boxes stand for Chinese letters.
            warnings.simplefilter("error" if INSTALLED & {*CHINESE} else "ignore")
            draw._write(draw.FIGURES[name](given), tmp_path / f"{name}{first}.png", dpi=40)
    assert (tmp_path / f"{name}1.svg").stat().st_size > 1000


@pytest.mark.needs("Chinese font")
def test_chinese_letters_differ_from_each_other_in_a_figure():
    pictures = []
    for letter in "猫狗":
        figure = plt.figure(figsize=(1, 1))
        figure.text(0.2, 0.4, letter)
        figure.canvas.draw()
        pictures.append(np.array(figure.canvas.buffer_rgba()))
    assert (pictures[0] != pictures[1]).any()


def test_only_fonts_that_are_installed_are_asked_for():
    first, *others = plt.rcParams["font.family"]
    assert first == "DejaVu Sans"
    assert {*others} == INSTALLED & {*CHINESE}
