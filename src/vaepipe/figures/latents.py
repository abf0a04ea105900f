"""The codes of test images in three dimensions, as names of classes and as points."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vaepipe.figures import class_colours
from vaepipe.figures.codes import axis_name, codes_3d, shown_runs
from vaepipe.figures.inputs import Inputs
from vaepipe.figures.style import WIDTH, label, no_codes, titles

MOST_NAMES = 30  # classes named in a legend
ACROSS = 3  # panels side by side, at most: smaller ones have no room for their axes' labels
SHORT = 3  # letters of a class's name that are drawn at a code

Draw = Callable[[plt.Axes, np.ndarray, np.ndarray, Colormap, Sequence[str]], None]


def _rainbow(classes: int) -> Colormap:
    return plt.get_cmap("rainbow", max(1, classes))


def _distinct(classes: int) -> Colormap:
    """Colours that colour-blind readers can tell apart, for up to ten classes."""
    return ListedColormap(class_colours(classes))


def _panels(inputs: Inputs, n: int, draw: Draw, palette: Callable[[int], Colormap]) -> Figure:
    names = inputs.data.classes or ("",)
    colours = palette(len(names))
    if not (runs := shown_runs(inputs)):
        return no_codes()
    lines = -(-len(runs) // ACROSS)
    columns = -(-len(runs) // lines)
    ncols = 10 if max(map(len, names)) < 3 else 5
    side = min(4.6, WIDTH / columns)  # inches, as all below
    more = 0.22 * (math.ceil(len(names) / ncols) - 1 if len(names) <= MOST_NAMES else 0)
    below = 0.45 + more  # for the legend
    height = lines * side + below
    figure = plt.figure(figsize=(WIDTH, height))
    margin = (WIDTH - columns * side) / 2
    texts = titles(map(label, runs), columns)
    for place, run in enumerate(runs):
        line, column = divmod(place, columns)
        left = margin + column * side
        bottom = 0.09 * (side + 0.45) + more + (lines - 1 - line) * side
        box = (left / WIDTH, bottom / height, 0.94 * side / WIDTH, side / height)
        axis = figure.add_axes(box, projection="3d")
        codes, labels = (t.numpy() for t in codes_3d(inputs, run, n))
        draw(axis, codes, labels, colours, names)
        # Without the outliers, which would squeeze all other codes.
        low, high = np.quantile(codes, [0.002, 0.998], axis=0)
        high = np.maximum(high, low + 1e-3)
        axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
        axis.set_box_aspect((1, 1, 1), zoom=0.88)
        axis.tick_params(labelsize=6.5, pad=-3)
        axis.locator_params(nbins=5)
        for number, name in enumerate("xyz", start=1):
            # Fewer than three latents leave axes over, along which all codes are 0.
            text = f"{axis_name(run.latent_dim)} {number}" if number <= run.latent_dim else ""
            axis.set(**{f"{name}label": text})
            getattr(axis, f"{name}axis").labelpad = -4
        axis.set_title(texts[place], y=0.97)
    if 1 < len(names) <= MOST_NAMES:
        dots = [
            Line2D([], [], marker="o", ls="", color=colours(k), label=name)
            for k, name in enumerate(names)
        ]
        style = {"handletextpad": 0.1, "columnspacing": 1.2}
        figure.legend(handles=dots, ncols=ncols, loc="lower center", **style)
    return figure


def _names(
    axis: plt.Axes,
    codes: np.ndarray,
    labels: np.ndarray,
    colours: Colormap,
    names: Sequence[str],
) -> None:
    for (x, y, z), k in zip(codes, labels, strict=True):
        axis.text(x, y, z, names[k][:SHORT] or "x", color=colours(k), fontsize=7, clip_on=True)


def _points(
    axis: plt.Axes,
    codes: np.ndarray,
    labels: np.ndarray,
    colours: Colormap,
    names: Sequence[str],
) -> None:
    # As pixels also in vector files: thirty thousand shapes would weigh megabytes.
    axis.scatter(
        *codes.T,
        c=labels,
        cmap=colours,
        vmin=-0.5,
        vmax=len(names) - 0.5,
        s=2,
        alpha=0.7,
        lw=0,
        rasterized=True,
    )


def latents_rainbow(inputs: Inputs) -> Figure:
    """Each code drawn as the name of its class, in rainbow colours."""
    return _panels(inputs, inputs.settings.digits, _names, _rainbow)


def latents_digits(inputs: Inputs) -> Figure:
    """The same in colours that colour-blind readers can tell apart."""
    return _panels(inputs, inputs.settings.digits, _names, _distinct)


def latents_points(inputs: Inputs) -> Figure:
    """Each code drawn as a point, coloured by class."""
    return _panels(inputs, inputs.settings.points, _points, _distinct)
