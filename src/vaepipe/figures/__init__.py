"""The figures, by name: each a function from `Inputs` to a matplotlib figure."""

# Stated without importing matplotlib, for the Snakefile; a test holds it equal to `draw.FIGURES`.
NAMES = (
    "comparison",
    "curves",
    "reconstructions",
    "samples",
    "latents_digits",
    "latents_points",
)

# Okabe and Ito's palette, which colour-blind readers can tell apart.
COLOURS = {"ae": "#0072B2", "vae": "#D55E00", "cvae": "#009E73"}
