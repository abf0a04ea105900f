"""The plots of docs/performance.md and docs/literature.md."""

from pathlib import Path

from matplotlib.ticker import FuncFormatter, LogLocator

from vaepipe.figures.style import panels

QUANTITIES = {"seconds": "processor seconds", "added_memory_mib": "memory added, MiB"}


def short(size: float) -> str:
    """A size in few letters: 784, 10k, 10M."""
    for unit, letter in ((10**6, "M"), (10**3, "k")):
        if size >= unit:
            return f"{size / unit:g}{letter}"
    return f"{size:g}"


def growth(found: dict[str, dict], path: Path) -> None:
    """Processor seconds and added memory against each size, both axes logarithmic.

    The dotted line through the largest size is what linear growth would be. Where nothing that can
    be measured was added, there is no point.
    """
    axes = found["axes"]
    figure, grid = panels(len(QUANTITIES), len(axes), 1.5)
    for column, (name, one) in enumerate(axes.items()):
        for line, key in enumerate(QUANTITIES):
            axis = grid[line, column]
            rows = [row for row in one["rows"] if row.get(key, 0) > 0]
            if not rows:
                axis.set_axis_off()
                axis.text(0.5, 0.5, "none measurable", ha="center", transform=axis.transAxes)
                continue
            sizes, values = [row["size"] for row in rows], [row[key] for row in rows]
            axis.loglog(sizes, values, marker="o", markersize=3, color="#0072B2")
            linear = [values[-1] * size / sizes[-1] for size in sizes]
            axis.loglog(sizes, linear, ":", color="#8a8f98")
            axis.set_ylim(min(values) / 2, 2 * max(values))
            axis.set_xticks([row["size"] for row in one["rows"]])
            axis.xaxis.set_major_formatter(FuncFormatter(lambda size, _: short(size)))
            axis.tick_params(axis="x", labelsize=5.5)
            axis.minorticks_off()
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
            axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        grid[0, column].set_title(name)
    for line, text in enumerate(QUANTITIES.values()):
        grid[line, 0].set_ylabel(text)
    figure.savefig(path, dpi=150)


# Epochs and NLL in nats per image, K = 5,000, dynamic binarisation; docs/literature.md has sources.
PUBLISHED = {
    "VAE, 3,280 epochs\n(Burda et al. 2016)": (3280, 86.76),
    "IWAE, k = 50, 3,280 epochs": (3280, 84.78),
}
TIMES = {30: "30 s", 60: "1 min", 180: "3 min", 600: "10 min", 1800: "30 min"}
FAMILY_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8a6d00")


def frontier(runs: list[dict], path: Path) -> None:
    """NLL against processor seconds, and against epochs beside published numbers.

    Each dot is a seed.
    """
    figure, ((left, right),) = panels(1, 2, 3.2, sharey=True)
    families = list(dict.fromkeys(run["family"] for run in runs))
    for family, colour in zip(families, FAMILY_COLOURS, strict=False):
        rows = [run for run in runs if run["family"] == family]
        for axis, key in ((left, "seconds"), (right, "epochs")):
            points = [(row[key], row["nll"]) for row in rows]
            axis.semilogx(*zip(*points, strict=True), "o", ms=4, color=colour, label=family)
    for name, (epochs, nll) in PUBLISHED.items():
        right.semilogx(epochs, nll, "D", ms=5, color="#555b64")
        right.annotate(
            name, (epochs, nll), (-6, 4), textcoords="offset points", ha="right", fontsize=6.5
        )
        left.axhline(nll, ls=":", lw=0.8, color="#8a8f98")
        left.annotate(
            name.partition(",")[0], (1, nll), (0, 2), xycoords=("axes fraction", "data"),
            textcoords="offset points", ha="right", fontsize=6.5, color="#555b64",
        )  # fmt: skip
    left.set(xlabel="processor time of training, one thread", ylabel="test NLL, nats per image")
    left.set_xticks([*TIMES], [*TIMES.values()])
    left.minorticks_off()
    right.set(xlabel="epochs")
    right.xaxis.set_major_formatter(FuncFormatter(lambda size, _: short(size)))
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=150)
