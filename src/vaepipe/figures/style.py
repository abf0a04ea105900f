"""The common style of all figures: sized for print, dark ink on white."""

import logging
from collections.abc import Iterable

import matplotlib

matplotlib.use("Agg")

import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font_names
from torch import Tensor

from vaepipe.data.manifest import MNIST, About
from vaepipe.models.names import title
from vaepipe.results import Run

WIDTH = 7.2  # inches: the text width of a printed page, so that fonts keep their size
GUTTER = 0.2  # inches between panels, so that grids of images are seen as two
SIDE_BY_SIDE = 4  # panels, at most: more titles would not fit
LINE = 84  # letters of bold titles that fit into a line of panels, with space between them
# Of which the first that is installed draws what DejaVu Sans has no glyph for.
CHINESE = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "SimHei",
)
INSTALLED = set(get_font_names())
# It warns of each font that has no weight called normal, such as WenQuanYi Zen Hei.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

plt.rcParams.update(
    {
        "figure.facecolor": "white",
        "figure.titlesize": 10,
        "figure.titleweight": "bold",
        "font.family": ["DejaVu Sans", *(name for name in CHINESE if name in INSTALLED)],
        "font.size": 8.5,
        "text.parse_math": False,  # names of classes are shown as they are, also with a `$`
        "axes.titlesize": 9,
        "axes.titleweight": "bold",
        "axes.labelsize": 8.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": "#8a8f98",
        "axes.linewidth": 0.7,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.formatter.useoffset": False,  # a number is read as it stands
        "grid.color": "#e3e5e8",
        "grid.linewidth": 0.6,
        "xtick.color": "#555b64",
        "ytick.color": "#555b64",
        "xtick.labelcolor": "#22252a",
        "ytick.labelcolor": "#22252a",
        "xtick.labelsize": 8,
        "ytick.labelsize": 8.5,
        "lines.linewidth": 1.4,
        "legend.frameon": False,
        "legend.fontsize": 8.5,
        # Vector files keep the pixels of images as they are, and the same ids every time.
        "image.interpolation": "none",
        "svg.hashsalt": "vaepipe",
    }
)


def label(run: Run) -> str:
    """Model and latent size, the label of a row or a panel."""
    return f"{title(run.model)}, {latents(run.latent_dim)}"


def latents(latent_dim: int) -> str:
    """A latent size in text: `1 latent`, `3 latents`."""
    return f"{latent_dim} latent{'s' * (latent_dim > 1)}"


def titles(texts: Iterable[str], columns: int) -> list[str]:
    """Titles of panels, so many side by side: where one would not fit, all in several lines."""
    texts = list(texts)
    fit = max(map(len, texts)) <= LINE // columns
    return texts if fit else [text.replace(", ", ",\n") for text in texts]


def mosaic(images: Tensor, columns: int, gap: int = 1, data: About = MNIST) -> Tensor:
    """Small images side by side in a big one, row by row.

    Args:
        images: `[n, pixels]`, values in [0, 1].
        columns: images in a row; the last row is padded with white.
        gap: white pixels between two images.
        data: what the images are.

    Returns:
        `[rows * (height + gap) - gap, columns * (width + gap) - gap]`, of colour `[..., 3]`.
    """
    rows = -(-len(images) // columns)
    channels, height, width = data.image
    down, right = height + gap, width + gap
    paper = 0.0 if data.ink else 1.0
    canvas = torch.full((rows * down - gap, columns * right - gap, channels), paper)
    for place, image in enumerate(images):
        top, left = place // columns * down, place % columns * right
        canvas[top : top + height, left : left + width] = image.view(data.image).permute(1, 2, 0)
    return canvas[:, :, 0] if channels == 1 else canvas


def show(axis: Axes, images: Tensor, columns: int, gap: int = 1, data: About = MNIST) -> None:
    """Draw images `[n, pixels]`: ink as dark on white paper, all others as they are."""
    canvas = mosaic(images, columns, gap, data).numpy()
    axis.imshow(canvas, cmap="gray_r" if data.ink else "gray", vmin=0, vmax=1)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    axis.grid(False)


def empty(text: str) -> Figure:
    """A small figure with a sentence in it: why there is nothing to draw."""
    figure = plt.figure(figsize=(WIDTH, 0.6))
    figure.text(0.5, 0.5, text, ha="center", va="center", color="#555b64")
    return figure


def no_codes() -> Figure:
    """The figure where no model is an autoencoder."""
    return empty("No model has codes: a GAN has no encoder.")


def image_rows(rows: dict[str, Tensor], blocks: int = 1, data: About = MNIST) -> Figure:
    """A figure of small images: a labelled row each, all rows of one length.

    Args:
        rows: label of a row: its images `[n, pixels]`, values in [0, 1].
        blocks: groups of equal size that each row consists of, with space between them.
        data: what the images are.
    """
    n = max(len(images) for images in rows.values()) // blocks
    names = 1.15  # inches for the labels
    side = (WIDTH - names - 0.12 * blocks) / (n * blocks)
    figure, axes = panels(len(rows), blocks, side * 1.06 * data.image[1] / data.image[2])
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        for axis, block in zip(line, images.split(n), strict=True):
            show(axis, block, n, data=data)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    figure.get_layout_engine().set(h_pad=0.01, hspace=0, w_pad=0.04, wspace=0)
    return figure


def panels(rows: int, columns: int, height: float, **options: object) -> tuple[Figure, object]:
    """A figure of the common width with a grid of axes `[rows, columns]`, each `height` inches."""
    size = (WIDTH, rows * height)
    options |= {"squeeze": False, "layout": "constrained"}
    figure, axes = plt.subplots(rows, columns, figsize=size, **options)
    figure.get_layout_engine().set(w_pad=GUTTER / 2, h_pad=0.05)
    return figure, axes


def columns_for(panels: int) -> int:
    """How many of some panels stand side by side: all up to four, of more three in a line."""
    return panels if panels <= SIDE_BY_SIDE else SIDE_BY_SIDE - 1


def wrapped_panels(
    rows: int, each: int, height: float, *, sharey: bool = False, columns: int | None = None
) -> tuple[Figure, list[list[Axes]]]:
    """Like `panels`, but a row of more than fit goes on in further lines.

    Args:
        each: panels of a row.
        height: of a line, inches.
        sharey: all panels of a row have the same vertical axis.
        columns: panels side by side, if not as many as `columns_for` says.

    Returns:
        The figure, and for each row its axes.
    """
    columns = columns or columns_for(each)
    lines = -(-each // columns)
    figure, axes = panels(rows * lines, columns, height)
    groups = []
    for row in axes.reshape(rows, lines * columns):
        for axis in row[each:]:
            axis.set_axis_off()
        for place, axis in enumerate(row[1:each] if sharey else (), 1):
            axis.sharey(row[0])
            axis.tick_params(labelleft=place % columns == 0)
        groups.append([*row[:each]])
    return figure, groups
