"""All figures, drawn and written."""

import logging
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from vaepipe.figures import charts, images, latents
from vaepipe.figures.inputs import Inputs
from vaepipe.files import replacing
from vaepipe.runs import runs_of

logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

FIGURES = {
    "comparison": charts.comparison,
    "curves": charts.curves,
    "reconstructions": images.reconstructions,
    "samples": images.samples,
    "latents_digits": latents.latents_digits,
    "latents_points": latents.latents_points,
}


def draw_all(inputs: Inputs) -> None:
    """Write every figure over runs, and one figure for each run."""
    for name, draw in FIGURES.items():
        _write(draw(inputs), inputs.results.figure(name), inputs.settings.dpi)
    for run in runs_of(inputs.matrix):
        path = inputs.results.figure(run.name)
        _write(images.one_run(inputs, run), path, inputs.settings.dpi)


def _write(figure: Figure, path: Path, dpi: int) -> None:
    with replacing(path) as aside:
        figure.savefig(aside, format="png", dpi=dpi, bbox_inches="tight")
    plt.close(figure)
