"""The plot of docs/performance.md."""

from pathlib import Path

from vaepipe.figures.style import panels


def growth(found: dict[str, dict], path: Path) -> None:
    """Processor seconds and added memory against each size, both axes logarithmic.

    The dotted line through the largest size is what linear growth would be.
    """
    axes = found["axes"]
    figure, grid = panels(2, len(axes), 1.5)
    for column, (name, one) in enumerate(axes.items()):
        rows = [row for row in one["rows"] if "failed" not in row]
        sizes = [row["size"] for row in rows]
        for line, key in enumerate(("seconds", "added_memory_mib")):
            axis, values = grid[line, column], [max(row[key], 1e-3) for row in rows]
            axis.loglog(sizes, values, marker="o", markersize=3, color="#0072B2")
            axis.loglog(sizes, [values[-1] * s / sizes[-1] for s in sizes], ":", color="#8a8f98")
        grid[0, column].set_title(name)
    grid[0, 0].set_ylabel("processor seconds")
    grid[1, 0].set_ylabel("memory added, MiB")
    figure.savefig(path, dpi=150)
