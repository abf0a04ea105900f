"""A picture for each claim: small, with text as text, so that the page stays small."""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from torch import Tensor

from vaepipe.claims.conditions import FOLLOWS, NEAR, SAME, WELL, Numbers
from vaepipe.core.files import write_text
from vaepipe.data.manifest import About
from vaepipe.evaluation.tables import interval
from vaepipe.figures import colour
from vaepipe.figures.style import WIDTH, empty, image_rows, panels
from vaepipe.models.names import split, title
from vaepipe.results import Results

# Labels of arms that are no models.
ARMS = {
    "pca": "PCA",
    "pixels": "pixels",
    "ae-fitted": "AE, fitted Gaussian",
    "vae-inverted": "VAE, best code",
    "original": "test image",
    "vae-cut": "VAE, cut at ½",
    "gan-cut": "GAN, cut at ½",
    "input": "input",
    "own": "own label",
    "swapped": "wrong label",
    "averaged": "mean of labels",
    "left_out": "no label",
}
GREY = "#7a7f88"
NARROW = 0.8  # of the page's width: a claim has text beside its picture


def arm_title(arm: str) -> str:
    """A model's title, or what stands for another arm."""
    return ARMS.get(arm) or title(arm)


def _colour(arm: str, arms: list[str]) -> str:
    return GREY if arm in ARMS and "-" not in arm else colour(arm, arms)


def dots(
    axis: Axes, numbers: Numbers, claim: str, quantity: str, dim: int, arms: list[str], log: bool
) -> None:
    """A line for each arm: its seeds as small dots, their mean and its 95 % interval.

    Args:
        log: whether mean and interval are those of the logarithms, as in the test.
    """
    for place, arm in enumerate(reversed(arms)):
        values = numbers.of(claim, quantity, arm, dim)
        if not len(values):
            continue
        spread, ink = interval(np.log(values) if log else values), _colour(arm, arms)
        low, mean, high = (np.exp(spread[k]) if log else spread[k] for k in ("low", "mean", "high"))
        axis.plot([low, high], [place, place], color=ink, linewidth=2.5, alpha=0.6)
        axis.plot(values, [place] * len(values), ".", color=ink, markersize=4)
        axis.plot([mean], [place], "|", color=ink, markersize=10)
    axis.set_yticks(range(len(arms)), [arm_title(a) for a in reversed(arms)])
    axis.set_ylim(-0.6, len(arms) - 0.4)
    axis.grid(False, axis="y")


class Panel(NamedTuple):
    """A quantity, the label of its axis, whether it is a logarithm, and limits of the rule."""

    quantity: str
    label: str
    log: bool = False
    limits: tuple[float, ...] = ()


def by_dim(numbers: Numbers, claim: str, columns: Sequence[Panel]) -> tuple[Figure, Any]:
    """A row of panels for each latent size, a column for each quantity."""
    dims, arms = numbers.dims(claim), numbers.arms(claim)
    height = 0.35 + 0.19 * len(arms)
    figure, axes = panels(len(dims), len(columns), height, sharey=True, sharex="col")
    for line, dim in zip(axes, dims, strict=True):
        for axis, one in zip(line, columns, strict=True):
            dots(axis, numbers, claim, one.quantity, dim, arms, one.log)
            for limit in one.limits:
                axis.axvline(limit, color="#22252a", linewidth=0.8, linestyle=":")
            axis.set_title(f"z = {dim}", loc="right", fontweight="normal", color="#555b64")
            if one.log:
                decades(axis)
    for axis, one in zip(axes[-1], columns, strict=True):
        axis.set_xlabel(one.label, labelpad=1)
    return figure, axes


def decades(axis: Axes, along: str = "x") -> None:
    """A logarithmic axis, x or y, with plain numbers."""
    axis.set(**{f"{along}scale": "log"})
    low, high = axis.get_xlim() if along == "x" else axis.get_ylim()
    digits = (1,) if high > 300 * low else (1, 3) if high > 10 * low else (1, 2, 3, 5)
    ticks = axis.xaxis if along == "x" else axis.yaxis
    ticks.set_major_locator(LogLocator(subs=digits))
    ticks.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    ticks.set_minor_locator(NullLocator())


def separates(numbers: Numbers) -> Figure:
    """Accuracy on codes and baselines."""
    columns = [Panel("knn", "5-NN, %", limits=(WELL,)), Panel("probe", "linear probe, %")]
    figure, axes = by_dim(numbers, "separates", columns)
    for axis in axes.flat:
        axis.set_xlim(0, 103)
    return figure


def kl_gaussian(numbers: Numbers) -> Figure:
    """Distances to N(0, I), with the limits of the rule."""
    columns = [
        Panel("moments", "distance to N(0, I), per latent", True, (NEAR,)),
        Panel("ks", "Kolmogorov-Smirnov, mean of the axes", limits=(FOLLOWS,)),
    ]
    figure, axes = by_dim(numbers, "kl_gaussian", columns)
    axes[0, 1].set_xlim(left=0)
    return figure


def stabler(numbers: Numbers) -> Figure:
    """Distance of samples by model and rate: a dot is a run, a cross one that failed."""
    table = numbers.table[numbers.table["claim"] == "stabler"]
    table = table[table["latent_dim"] > 0]  # without those over all sizes
    wide = table.pivot(index=["arm", "latent_dim", "seed"], columns="quantity", values="value")
    arms = sorted(numbers.arms("stabler"), key=lambda arm: (split(arm)[0] != "vae", arm))
    figure, axes = panels(1, 1, 0.5 + 0.19 * len(arms))
    axis = axes[0, 0]
    worst = wide["frechet"].max() if "frechet" in wide else 1.0
    for place, arm in enumerate(reversed(arms)):
        rows, kind = wide.loc[arm], split(arm)[0]
        ink = colour(kind, [kind])
        for failed, marker in ((0.0, "o"), (1.0, "x")):
            some = rows[rows["failed"] == failed]
            x = some["frechet"].fillna(worst) if "frechet" in some else [worst] * len(some)
            axis.plot(x, [place] * len(some), marker, color=ink, markersize=4.5, alpha=0.8)
    axis.set_yticks(range(len(arms)), [arm_title(a) for a in reversed(arms)])
    decades(axis)
    axis.grid(False, axis="y")
    axis.set_xlabel("Fréchet distance of the samples; ×: failed", labelpad=1)
    return figure


def faster(numbers: Numbers) -> Figure:
    """Distance of the samples against processor seconds of training."""
    figure, axes = panels(1, 1, 2.2)
    axis = axes[0, 0]
    table = numbers.table[numbers.table["claim"] == "faster"]
    wide = table.pivot(index=["arm", "latent_dim", "seed"], columns="quantity", values="value")
    for (arm, _, _), row in wide.iterrows():
        looks = sorted(
            (int(name.removeprefix("look_")), value)
            for name, value in row.dropna().items()
            if name.startswith("look_")
        )
        seconds = [k * row["epoch_seconds"] * row["epochs"] / len(looks) for k, _ in looks]
        axis.plot(seconds, [v for _, v in looks], color=colour(arm, [arm]), label=arm_title(arm))
    axis.axhline(wide["target"].iloc[0], color="#22252a", linewidth=0.8, linestyle=":")
    axis.set_ylabel("Fréchet distance of samples")
    decades(axis, "y")
    axis.set_xlabel("processor seconds of training", labelpad=1)
    named = dict(zip(*axis.get_legend_handles_labels()[::-1], strict=True))
    axis.legend(named.values(), named.keys())
    return figure


def closed_form(numbers: Numbers) -> Figure:
    """Monte Carlo over closed form, less 1, in per cent, with the limits of the rule."""
    table = numbers.table
    table = table[(table["claim"] == "closed_form") & (table["quantity"] == "ratio")]
    shown = Numbers(table.assign(value=100 * (table["value"] - 1)))
    limits = (-100 * SAME, 100 * SAME)
    columns = [Panel("ratio", "Monte Carlo − closed form, %", limits=limits)]
    figure, axes = by_dim(shown, "closed_form", columns)
    axes[0, 0].set_xlim(-150 * SAME, 150 * SAME)
    return figure


CHARTS: dict[str, Callable[[Numbers], Figure]] = {
    "separates": separates,
    "kl_gaussian": kl_gaussian,
    "stabler": stabler,
    "faster": faster,
    "closed_form": closed_form,
}


def rows_of(images: Mapping[str, Tensor], data: About) -> Figure:
    """Rows of images, each with what it shows."""
    order = sorted(images, key=lambda name: name != "original")
    return image_rows({arm_title(name): images[name] for name in order}, data=data)


def draw_all(
    table: pd.DataFrame,
    verdicts: Mapping[str, Any],
    images: Mapping[str, Mapping[str, Tensor]],
    data: About,
    results: Results,
) -> None:
    """Write a picture of each claim, as SVG; of one that was not tested a file that says so."""
    numbers = Numbers(table)
    for name, found in verdicts["claims"].items():
        if found["verdict"] == "not_tested":
            figure = empty("not tested here")
        elif name in CHARTS:
            figure = CHARTS[name](numbers)
        elif name in images:
            figure = rows_of(images[name], data)
        else:  # images are of the first seed
            figure = empty("the run of the first seed failed")
        figure.set_figwidth(NARROW * WIDTH)
        write_text(results.claim(name), as_svg(figure))
        plt.close(figure)


LONG = re.compile(r"(\d\.\d\d)\d+")  # coordinates, beyond a hundredth of a point
# Comments, idle white space, the fonts that stand in for the first, and the names of groups.
SHORTER = (
    (r"<!--.*?-->", ""),
    (r"<metadata>.*?</metadata>", ""),
    (r">\s+<", "><"),
    (r"\s*\n\s*", " "),
    (r"(font(?:-family)?: [^;\"]*?)'DejaVu Sans'[^;\"]*", r"\1sans-serif"),
    (r'<g id="[a-z]+\d*_\d+">', "<g>"),
)


def as_svg(figure: Figure) -> str:
    """The figure as SVG without a date, its texts as text, and without idle white space."""
    text = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None}, bbox_inches="tight")
    short = text.getvalue()
    for found, instead in SHORTER:
        short = re.sub(found, instead, short, flags=re.DOTALL)
    # Of coordinates alone: texts keep their digits.
    return re.sub(r"<[^>]*>", lambda tag: LONG.sub(r"\1", tag[0]), short).strip() + "\n"
