"""The figures, by name: each a function from `Inputs` to a matplotlib figure."""

from collections.abc import Iterable
from colorsys import hls_to_rgb

# Here, so that the Snakefile need not import matplotlib; a test holds it equal to `draw.FIGURES`.
NAMES = (
    "comparison",
    "rate_distortion",
    "reconstructions",
    "samples",
    "interpolations",
    "manifold",
    "digit_grid",
    "latents_rainbow",
    "latents_digits",
    "latents_points",
    "active_latents",
    "latent_kl",
    "structure",
    "curves",
)

# Okabe and Ito's palette, which colour-blind readers can tell apart, and a violet; where it is used
# up, four of Tol's "muted" scheme.
COLOURS = {"ae": "#0072B2", "vae": "#D55E00", "cvae": "#009E73", "gan": "#4b1a66"}
SPARE = ("#CC79A7", "#E69F00", "#56B4E9", "#8a6d00", "#7a7f88", "#000000")
SPARE += ("#882255", "#44AA99", "#332288", "#117733")

# Ten colours that colour-blind readers tell apart better than a rainbow (Petroff 2021, arXiv
# 2107.02270), one for each of ten classes.
DIGIT_COLOURS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)


def colour(model: str, models: Iterable[str]) -> str:
    """The model's colour, the same in every figure and on the page."""
    others = [m for m in models if m not in COLOURS]
    return COLOURS.get(model) or SPARE[others.index(model) % len(SPARE)]


def class_colours(classes: int) -> list[str]:
    """A colour for each class; of more than ten, by hue, so that neighbours differ little."""
    if classes <= len(DIGIT_COLOURS):
        return list(DIGIT_COLOURS[: max(1, classes)])
    found = (hls_to_rgb(k / classes, 0.5, 0.8) for k in range(classes))
    return ["#" + "".join(f"{round(255 * value):02x}" for value in rgb) for rgb in found]
