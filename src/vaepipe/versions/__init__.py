"""Versions of the results, and the two drivers that make them: Snakemake and DVC."""
