"""All figures, drawn and written."""

import logging
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from vaepipe.core.device import prepare
from vaepipe.core.files import replacing
from vaepipe.figures import charts, images, latents
from vaepipe.figures.inputs import Inputs
from vaepipe.figures.rate_distortion import rate_distortion
from vaepipe.figures.structure import structure

logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

FIGURES = {
    "comparison": charts.comparison,
    "rate_distortion": rate_distortion,
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


def draw_all(inputs: Inputs) -> None:
    """Write every figure over runs, and one figure for each run, or for a few of very many."""
    prepare("cpu", threads=1)  # few images: the same bits on every machine matter more than time
    for name, draw in FIGURES.items():
        _write(draw(inputs), inputs.results.figure(name), inputs.settings.dpi)
    for run in inputs.pictured:
        path = inputs.results.figure(run.name)
        _write(images.one_run(inputs, run), path, inputs.settings.dpi)


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
