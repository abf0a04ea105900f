"""The claims of docs/claims.md: what is measured for each, how it is judged, and its picture."""

# In the order of the page. Here, so that the Snakefile need not import pandas; a test holds it
# equal to `conditions.CLAIMS`.
NAMES = (
    "separates",
    "cannot_generate",
    "kl_gaussian",
    "compares",
    "blurrier",
    "stabler",
    "faster",
    "obeys",
    "closed_form",
)
# Whose pictures show seconds, which no rerun gives again.
OF_SECONDS = ("faster",)
