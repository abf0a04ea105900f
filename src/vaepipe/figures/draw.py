"""All figures, drawn and written."""

import logging
from multiprocessing import get_context
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from vaepipe.core.device import prepare
from vaepipe.core.files import replacing
from vaepipe.figures import charts, images, latents
from vaepipe.figures.inputs import Inputs
from vaepipe.figures.structure import structure
from vaepipe.results import Run

logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

FIGURES = {
    "comparison": charts.comparison,
    "rate_distortion": charts.rate_distortion,
    "reconstructions": images.reconstructions,
    "samples": images.samples,
    "interpolations": images.interpolations,
    "manifold": images.manifold,
    "digit_grid": images.digit_grid,
    "latents_rainbow": latents.latents_rainbow,
    "latents_digits": latents.latents_digits,
    "latents_points": latents.latents_points,
    "active_latents": charts.active_latents,
    "latent_kl": charts.latent_kl,
    "structure": structure,
    "curves": charts.curves,
}

_taken: Inputs  # what a process beside others draws from


def draw_all(inputs: Inputs) -> None:
    """Write every figure over runs, and one figure for each run, or for a few of very many.

    Side by side in `figures.processes` processes, which share what was read: nothing is read or
    imported a second time.
    """
    prepare("cpu", threads=1)  # few images: the same bits on every machine matter more than time
    figures = [*FIGURES, *inputs.pictured]
    if inputs.settings.processes == 1:
        for figure in figures:
            _draw(inputs, figure)
        return
    # A forked process has the inputs already: they need not be sent to it.
    with get_context("fork").Pool(inputs.settings.processes, _take, [inputs]) as pool:
        for _ in pool.imap_unordered(_draw_taken, figures):
            pass


def _take(inputs: Inputs) -> None:
    global _taken
    _taken = inputs


def _draw_taken(figure: str | Run) -> None:
    _draw(_taken, figure)


def _draw(inputs: Inputs, figure: str | Run) -> None:
    if isinstance(figure, Run):
        drawn, path = images.one_run(inputs, figure), inputs.results.figure(figure.name)
    else:
        drawn, path = FIGURES[figure](inputs), inputs.results.figure(figure)
    _write(drawn, path, inputs.settings.dpi)


def _write(figure: Figure, path: Path, dpi: int) -> None:
    """Write the figure as PNG and, beside it, as SVG; neither file has a date."""
    figure.set_dpi(dpi)
    # Laid out and measured once; `bbox_inches="tight"` would do both for each file.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    box = figure.get_tightbbox().padded(0.04)
    for kind, metadata in (("png", {}), ("svg", {"Date": None})):
        with replacing(path.with_suffix(f".{kind}")) as aside:
            figure.savefig(aside, format=kind, dpi=dpi, metadata=metadata, bbox_inches=box)
    plt.close(figure)
