"""Captions of the figures. What depends on the outcome is written from the numbers.

The texts in workflow/report hold for every outcome, and are those that Snakemake's own report
shows; the page adds the sentences below to them.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from vaepipe.figures.codes import shown_dim
from vaepipe.figures.decoded import from_prior, reconstructed
from vaepipe.figures.inputs import Inputs
from vaepipe.report.numbers import names_of, number
from vaepipe.results import Run

VARIETY_IMAGES = 1000  # samples and reconstructions whose variance is compared
NEARLY_ALL = 95.0  # % of images; with fewer, whole cells of the grid show another digit
LACKS_VARIETY = 0.5  # of the variance of reconstructions; below it, the caption says so

Shares = Mapping[tuple[str, int], float]  # a number by model and latent size


class Caption(NamedTuple):
    """A figure's heading, without its full stop, and the text after it."""

    heading: str
    text: str


def captions(
    folder: Path, names: Collection[str], outcomes: Mapping[str, str]
) -> dict[str, Caption]:
    """Each figure's caption: the first sentence of its text is the heading.

    Args:
        folder: a text for each figure, as Snakemake's report shows it.
        outcomes: sentences that are added to the texts, by figure.
    """
    texts = {name: " ".join((folder / f"{name}.rst").read_text().split()) for name in names}
    split = {name: (text + " ").split(". ", 1) for name, text in texts.items()}
    return {
        name: Caption(heading.strip(), f"{text.strip()} {outcomes.get(name, '')}".strip())
        for name, (heading, text) in split.items()
    }


def outcomes(inputs: Inputs, conditional: Collection[str]) -> dict[str, str]:
    """The sentences to add to the captions, by figure.

    Args:
        conditional: names of the models that are given the label.
    """
    return {
        "digit_grid": digit_grid(means(inputs.comparison, "conditional_accuracy")),
        "samples": samples(
            {(r.model, r.latent_dim): variety(inputs, r) for r in inputs.first_runs}
        ),
        "latents_points": latents_points(
            means(inputs.comparison, "knn_accuracy"),
            means(inputs.comparison, "prior_moments"),
            shown_dim(inputs.matrix.latent_dims),
            conditional,
        ),
    }


def means(comparison: pd.DataFrame, metric: str) -> Shares:
    """Means over the seeds by model and latent size; empty where it was not measured."""
    rows = comparison[comparison["metric"] == metric]
    return {(row.model, row.latent_dim): row.mean for row in rows.itertuples()}


def _by_dim(values: Shares) -> dict[int, dict[str, float]]:
    """The same by latent size, from small to large, then by model."""
    dims = sorted({dim for _, dim in values})
    return {dim: {m: value for (m, d), value in values.items() if d == dim} for dim in dims}


def _latents(dim: int) -> str:
    return f"{dim} latent{'s' * (dim > 1)}"


def _each(values: Mapping[str, float], digits: int, unit: str = "") -> str:
    return ", ".join(f"{m.upper()} {number(value, digits)}{unit}" for m, value in values.items())


def digit_grid(accuracy: Shares) -> str:
    """Whether label and z are separated, from the conditional accuracy in per cent."""
    if not accuracy:
        return ""
    parts = [
        f"{_each(models, 1, ' %')} ({_latents(dim)})" for dim, models in _by_dim(accuracy).items()
    ]
    text = (
        "Share of generated images that the classifier recognises as the digit asked for, mean over"
        f" the seeds: {'; '.join(parts)}."
    )
    low = [
        _latents(dim)
        for dim, models in _by_dim(accuracy).items()
        if min(models.values()) < NEARLY_ALL
    ]
    if not low:
        return f"{text} The label sets the digit."
    return f"{text} With {' and '.join(low)} the label does not always set the digit."


def relative_variance(images: Tensor, reference: Tensor) -> float:
    """Total variance of images `[n, pixels]` over that of the reference images `[m, pixels]`."""
    variance, of_reference = (x.double().var(0).sum().item() for x in (images, reference))
    return variance / of_reference if of_reference else 1.0


def variety(inputs: Inputs, run: Run) -> float:
    """Variance of the run's samples relative to its reconstructions of test images.

    About 1 where draws from N(0, I) reach all that the decoder can make; less where they don't.
    """
    index = torch.arange(min(VARIETY_IMAGES, len(inputs.test.labels)))
    drawn = from_prior(inputs, run, rows=-(-len(index) // 10), columns=10)
    return relative_variance(drawn, reconstructed(inputs, run, index))


def samples(varieties: Shares) -> str:
    """How varied the samples are, from `variety` of each model and latent size."""
    parts = [f"{_each(models, 2)} ({_latents(dim)})" for dim, models in _by_dim(varieties).items()]
    text = (
        "Pixel variance of 1,000 samples relative to that of reconstructed test images, first seed:"
        f" {'; '.join(parts)}."
    )
    lacking = [
        f"{model.upper()} with {_latents(dim)}"
        for dim, models in _by_dim(varieties).items()
        for model, value in models.items()
        if value < LACKS_VARIETY
    ]
    if not lacking:
        return text
    return f"{text} Well below 1 the samples lack variety: {_listed(lacking)}."


def _listed(parts: Sequence[str]) -> str:
    return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]


def latents_points(
    knn_accuracy: Shares, distance: Shares, dim: int, conditional: Collection[str]
) -> str:
    """Whether codes of one digit lie together, and how far all are from N(0, I).

    Args:
        knn_accuracy: in per cent.
        distance: `prior_moments`.
        dim: the latent size that is shown.
    """
    accuracy, distances = _by_dim(knn_accuracy).get(dim), _by_dim(distance).get(dim)
    sentences = []
    if accuracy:
        sentences.append(
            "Test images whose digit is that of most of the 5 nearest training codes:"
            f" {_each(accuracy, 1, ' %')}."
        )
        if given := [model for model in accuracy if model in conditional]:
            sentences.append(f"{names_of(given)} need not encode the digit, which is given.")
    if distances:
        sentences.append(f"Fréchet distance of the codes to N(0, I): {_each(distances, 2)}.")
    return " ".join(sentences)
