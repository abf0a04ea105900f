"""One look for all figures."""

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from vaepipe.figures import COLOURS

SPARE = ["#CC79A7", "#E69F00", "#56B4E9"]

plt.rcParams.update(
    {
        "figure.facecolor": "white",
        "font.size": 10,
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#e4e4e4",
        "axes.axisbelow": True,
        "legend.frameon": False,
        "svg.hashsalt": "vaepipe",
    }
)


def colour(model: str, models: list[str]) -> str:
    """The model's colour, the same in every figure."""
    others = [m for m in models if m not in COLOURS]
    return COLOURS.get(model) or SPARE[others.index(model) % len(SPARE)]


def title(model: str) -> str:
    """The model's name as it is written in text: AE, VAE, CVAE."""
    return model.upper()


def image_rows(rows: dict[str, object], heading: str) -> Figure:
    """A figure of small images: a labelled row each, all rows of one length.

    Args:
        rows: label of a row: its images `[n, 28, 28]`, values in [0, 1].
    """
    n = max(len(images) for images in rows.values())
    figure, axes = plt.subplots(
        len(rows),
        n,
        figsize=(2.0 + 0.62 * n, 0.5 + 0.64 * len(rows)),
        squeeze=False,
        gridspec_kw={"wspace": 0.06, "hspace": 0.06},
    )
    for line, (label, images) in zip(axes, rows.items(), strict=True):
        for axis in line:
            axis.set_axis_off()
        for axis, image in zip(line, images, strict=False):
            axis.imshow(image, cmap="gray", vmin=0, vmax=1)
        line[0].text(-0.25, 0.5, label, transform=line[0].transAxes, ha="right", va="center")
    figure.suptitle(heading, fontsize=11, fontweight="bold")
    return figure
