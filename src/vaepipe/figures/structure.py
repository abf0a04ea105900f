"""The networks as diagrams, from the layer sizes of the trained models."""

import math
from collections.abc import Iterator
from itertools import groupby, pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from torch import nn

from vaepipe.figures import colour
from vaepipe.figures.inputs import Inputs
from vaepipe.figures.style import WIDTH, panels
from vaepipe.models import Architecture
from vaepipe.models.names import title

PAPER, SOFT, INK = "#f3f4f6", "#555b64", "#22252a"
STEP = 1.3  # from one layer to the next
NOTE = 1.05  # height of notes above a layer, clear of three lines over an arrow
LABEL = "#f6e3b4"
MOST_LAYERS = 4  # hidden ones drawn one by one; of more, equal ones in a row are drawn once
ROOM = 0.59  # inches from one layer to the next that texts need; with less they are smaller


def _height(size: int) -> float:
    return 0.25 + 0.33 * math.log10(size + 1)


def _layer(
    axis: Axes, x: float, y: float, size: int, name: str, fill: str, count: str, above: bool = False
) -> None:
    """A layer as a box, its height the logarithm of its size, with name and size beside it."""
    height = _height(size)
    box = FancyBboxPatch(
        (x - 0.13, y - height / 2),
        0.26,
        height,
        boxstyle="round,pad=0,rounding_size=0.06",
        fc=fill,
        ec=INK,
        lw=0.8,
    )
    axis.add_patch(box)
    edge, side = (y + height / 2 + 0.07, "bottom") if above else (y - height / 2 - 0.07, "top")
    axis.text(x, edge, f"{name}\n{count}", ha="center", va=side, fontsize=7.5)


def _arrow(axis: Axes, start: tuple, end: tuple, text: str = "", bend: float = 0) -> None:
    shape = FancyArrowPatch(
        start,
        end,
        arrowstyle="-|>",
        mutation_scale=7,
        lw=0.8,
        color=SOFT,
        connectionstyle=f"arc3,rad={bend}",
    )
    axis.add_patch(shape)
    middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + 0.06
    axis.text(*middle, text, ha="center", va="bottom", fontsize=6.8, color=SOFT)


def _chain(axis: Axes, places: list[float], texts: list[str]) -> None:
    """Arrows from layer to layer, each labelled with its operation."""
    for left, right, text in zip(places, places[1:], texts, strict=False):
        _arrow(axis, (left + 0.16, 0), (right - 0.16, 0), text)


def _feature_maps(a: Architecture) -> Iterator[tuple[int, str, str]]:
    """Size, name and size in text of what each convolution gives."""
    _, height, width = a.image
    for channels in a.channels:
        height, width = height // 2, width // 2
        size = channels * height * width
        yield size, f"{channels} maps", f"{size}"


def _runs(widths: tuple[int, ...]) -> list[tuple[int, int]]:
    """Hidden layers as they are drawn: a width, and how many layers of it."""
    if len(widths) <= MOST_LAYERS:
        return [(width, 1) for width in widths]
    return [(width, len([*equal])) for width, equal in groupby(widths)]


def _hidden(a: Architecture) -> list[tuple[int, str, str]]:
    """Size, name and size in text of every hidden layer of the encoder."""
    maps = _feature_maps(a) if a.network == "conv" else ()
    added = ",\n+ input" if a.network == "residual" else ""
    runs = ((w, f"{n} × {w}{added}" if n > 1 else f"{w}") for w, n in _runs(a.hidden))
    return [*maps, *((width, "hidden", text) for width, text in runs)]


def _step(kind: str, activation: str) -> str:
    return f"{kind},\n{activation}".replace("_", "\n")


def _dense(a: Architecture, activation: str, widths: tuple[int, ...]) -> list[str]:
    """What each hidden dense layer of these widths does, in their order."""
    drawn = [width for width, _ in _runs(widths)]
    return [
        _step("linear", activation)
        + (",\n+ input" if a.network == "residual" and width == before else "")
        for before, width in pairwise([0, *drawn])
    ]


def _from_maps(a: Architecture, maps: int) -> list[str]:
    """What the decoder does after its hidden dense layers."""
    if not maps:
        return ["linear"]
    return [_step("linear", a.activation), *[_step("conv", a.activation)] * (maps - 1), "conv"]


def _adversarial(axis: Axes, model: nn.Module, dims: str, shade: str) -> None:
    """z to an image by the generator, and an image to its logit of being real."""
    a: Architecture = model.architecture
    hidden, maps = _hidden(a), len(a.channels) * (a.network == "conv")
    images, real = (a.pixels, "image", f"{a.pixels}"), (1, "real?", "1")
    layers = [(a.latent_dim, "z", dims), *hidden[::-1], images, *hidden, real]
    places = [STEP * k for k in range(len(layers))]
    for place, (size, name, count) in enumerate(layers):
        fill = shade + "80" if place == 0 else PAPER
        _layer(axis, places[place], 0, size, name, fill, count)
    slope = "leaky_relu"
    back = _dense(a, a.activation, a.hidden[::-1])
    generator = back + _from_maps(a, maps)
    forth = [_step("conv", slope)] * maps + _dense(a, slope, a.hidden)
    _chain(axis, places, [*generator, *forth, "linear"])
    image = places[len(hidden) + 1]
    axis.text(places[0], NOTE, "z ~ N(0, I)", ha="center", fontsize=7.5, color=INK)
    axis.text(image, NOTE, "or a training image", ha="center", fontsize=7.5, color=INK)
    for middle, name in ((image / 2, "generator"), ((image + places[-1]) / 2, "discriminator")):
        axis.text(middle, 1.3, name, ha="center", fontsize=7.5, color=SOFT, style="italic")
    axis.set(xlim=(-0.7, places[-1] + 0.7), ylim=(-1.4, 1.3))


def _diagram(axis: Axes, model: nn.Module, dims: str, shade: str, noun: str) -> None:
    a: Architecture = model.architecture
    hidden, maps = _hidden(a), len(a.channels) * (a.network == "conv")
    encoder = [(a.pixels, "image x", f"{a.pixels}"), *hidden]
    decoder = [*hidden[::-1], (a.pixels, "logits of x", f"{a.pixels}")]
    split = len(encoder)  # the column of the code, or of mean and variance, followed by z
    latent = split + model.variational
    places = [STEP * k for k in range(latent + 1 + len(decoder))]
    for x, (size, name, count) in zip(
        places[:split] + places[latent + 1 :], encoder + decoder, strict=True
    ):
        _layer(axis, x, 0, size, name, PAPER, count)
    steps = [_step("conv", a.activation)] * maps + _dense(a, a.activation, a.hidden) + ["linear"]
    _chain(axis, places[: split + (not model.variational)], steps)
    _chain(axis, places[latent:], _dense(a, a.activation, a.hidden[::-1]) + _from_maps(a, maps))

    if model.variational:
        for y, name in ((0.55, "mean μ"), (-0.55, "log σ²")):
            _layer(axis, places[split], y, a.latent_dim, name, shade + "40", dims, above=y > 0)
            _arrow(axis, (places[split - 1] + 0.16, 0), (places[split] - 0.16, y))
            _arrow(axis, (places[split] + 0.16, y), (places[latent] - 0.16, 0))
        text = "z = μ + σ ε\nε ~ N(0, I)" + ("\nlearned prior" if a.prior == "flow" else "")
        # To the right, clear of the mean's size.
        axis.text(places[latent] + 0.12, NOTE, text, ha="center", fontsize=7.5, color=INK)
    name = "z" if model.variational else "code z"
    _layer(axis, places[latent], 0, a.latent_dim, name, shade + "80", dims)
    if model.conditional:
        for x in (places[0], places[latent]):
            _layer(axis, x, -1.72, a.classes, f"{noun} y", LABEL, f"{a.classes}, one-hot")
            # It joins what the first layer is given, clear of the layer's name.
            _arrow(axis, (x + 0.16, -1.6), (x + 0.6 * STEP, -0.03), bend=0.25)
    lowest = -2.75 if model.conditional else -1.4
    axis.set(xlim=(-0.7, places[-1] + 0.7), ylim=(lowest, 1.3))


def structure(inputs: Inputs) -> Figure:
    """Every model's networks, drawn from the layer sizes of its first run."""
    least, *others = sorted(inputs.matrix.latent_dims)
    dims = f"{least}" + (f" {'or' if len(others) < 2 else 'to'} {others[-1]}" if others else "")
    models = {run.model: inputs.trained(run)[0] for run in reversed(inputs.first_runs)}
    names = inputs.matrix.models
    heights = [4.0 if models[name].conditional else 2.6 for name in names]
    figure, axes = panels(len(names), 1, 1.6, gridspec_kw={"height_ratios": heights})
    for axis, name in zip(axes[:, 0], names, strict=True):
        axis.set_axis_off()
        if models[name].adversarial:
            _adversarial(axis, models[name], dims, colour(name, names))
        else:
            _diagram(axis, models[name], dims, colour(name, names), inputs.data.noun)
        axis.set_title(title(name), loc="left")
        left, right = axis.get_xlim()
        scale = min(1, WIDTH * STEP / (right - left) / ROOM)
        for text in axis.texts:
            text.set_fontsize(scale * text.get_fontsize())
    return figure
