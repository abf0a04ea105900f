"""Captions of the figures. What depends on the outcome is written from the numbers.

The texts in workflow/report hold for every outcome, and are those that Snakemake's own report
shows; the page adds the sentences below to them. Their Chinese is in words.toml.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from vaepipe.figures.codes import shown_dim
from vaepipe.figures.decoded import from_prior, pairs, reconstructed
from vaepipe.figures.inputs import Inputs
from vaepipe.models.names import title
from vaepipe.report.numbers import number
from vaepipe.report.words import Text, catalogue, joined, listed, names, say
from vaepipe.results import Run

VARIETY_IMAGES = 1000  # samples and reconstructions whose variance is compared
NEARLY_ALL = 95.0  # % of images; with fewer, whole cells of the grid show another class
LACKS_VARIETY = 0.5  # of the variance of reconstructions; below it, the caption says so

# What is said of a GAN, by figure.
OF_ADVERSARIAL = {
    "reconstructions": "no_codes",
    "interpolations": "no_codes",
    "manifold": "no_codes",
    "latents_digits": "no_codes",
    "samples": "trained_on_draws",
    "curves": "two_losses",
}

Shares = Mapping[tuple[str, int], float]  # a number by model and latent size


class Caption(NamedTuple):
    """A figure's heading, without its full stop, and the text after it."""

    heading: Text
    text: Text


def captions(
    folder: Path, figures: Collection[str], outcomes: Mapping[str, Text]
) -> dict[str, Caption]:
    """Each figure's caption: the first sentence of its text is the heading.

    Args:
        folder: a text for each figure, as Snakemake's report shows it.
        outcomes: sentences that are added to the texts, by figure.
    """
    return {
        name: _caption((folder / f"{name}.rst").read_text(), name, outcomes.get(name))
        for name in figures
    }


def _caption(english: str, name: str, outcome: Text | None) -> Caption:
    heading, _, text = f"{' '.join(english.split())} ".partition(". ")
    zh_heading, _, zh_text = catalogue()["captions"].get(name, "").partition("。")
    zh = (zh_heading, zh_text) if zh_heading else (heading, text)
    body = Text(text.strip(), zh[1].strip())
    return Caption(
        Text(heading.strip().removesuffix("."), zh[0]),
        joined([body, outcome]) if outcome and body.en else outcome or body,
    )


def outcomes(inputs: Inputs, conditional: Collection[str]) -> dict[str, Text]:
    """The sentences to add to the captions, by figure.

    Args:
        conditional: names of the models that are given the label.
    """
    said = {
        "interpolations": interpolations(inputs),
        "digit_grid": digit_grid(means(inputs.comparison, "conditional_accuracy")),
        "samples": samples(
            {(r.model, r.latent_dim): variety(inputs, r) for r in inputs.autoencoders}
        ),
        "latents_digits": codes(
            means(inputs.comparison, "knn_accuracy"),
            means(inputs.comparison, "prior_moments"),
            shown_dim(inputs.matrix.latent_dims),
            conditional,
        ),
    }
    found = {name: [text] for name, text in said.items() if text}
    coded = {run.model for run in inputs.autoencoders}
    if others := [model for model in inputs.matrix.models if model not in coded]:
        for name, key in OF_ADVERSARIAL.items():
            found.setdefault(name, []).append(
                say(f"captions_of_outcomes.{key}", models=names(others))
            )
    return {name: joined(texts) for name, texts in found.items()}


def means(comparison: pd.DataFrame, metric: str) -> Shares:
    """Means over the seeds by model and latent size; empty where it was not measured."""
    rows = comparison[comparison["metric"] == metric]
    return {(row.model, row.latent_dim): row.mean for row in rows.itertuples()}


def _by_dim(values: Shares) -> dict[int, dict[str, float]]:
    """The same by latent size, from small to large, then by model."""
    dims = sorted({dim for _, dim in values})
    return {dim: {m: value for (m, d), value in values.items() if d == dim} for dim in dims}


def latents(dim: int) -> Text:
    """Such as `3 latents`."""
    return say("page.latents" if dim > 1 else "page.latent", n=dim)


def _each(values: Mapping[str, float], digits: int, unit: str = "") -> str:
    return ", ".join(f"{title(m)} {number(value, digits)}{unit}" for m, value in values.items())


def _by_latents(values: Shares, digits: int, unit: str = "") -> Text:
    """All values: `AE 0.31, VAE 0.97 (3 latents); ...`."""
    parts = [
        say("captions_of_outcomes.of", values=_each(models, digits, unit), latents=latents(dim))
        for dim, models in _by_dim(values).items()
    ]
    return joined(parts, "; ", "；")


def digit_grid(accuracy: Shares) -> Text | None:
    """Whether label and z are separated, from the conditional accuracy in per cent."""
    if not accuracy:
        return None
    text = say("captions_of_outcomes.obeyed", values=_by_latents(accuracy, 1, " %"))
    low = [
        latents(dim)
        for dim, models in _by_dim(accuracy).items()
        if min(models.values()) < NEARLY_ALL
    ]
    if not low:
        return joined([text, say("captions_of_outcomes.label_sets_class")])
    return joined([text, say("captions_of_outcomes.label_fails", latents=listed(low))])


def interpolations(inputs: Inputs) -> Text | None:
    """The classes of the two ends of each interpolation; none without labels."""
    names = inputs.data.classes
    if not names:
        return None
    ends = [
        say("captions_of_outcomes.from_to", first=names[labels[0]], last=names[labels[1]])
        for labels in (inputs.test.labels[list(pair)].tolist() for pair in pairs(inputs))
    ]
    return say("captions_of_outcomes.between", ends=joined(ends, "; ", "；"))


def relative_variance(images: Tensor, reference: Tensor) -> float:
    """Total variance of images `[n, pixels]` over that of the reference images `[m, pixels]`."""
    variance, of_reference = (x.double().var(0).sum().item() for x in (images, reference))
    return variance / of_reference if of_reference else 1.0


def variety(inputs: Inputs, run: Run) -> float:
    """Variance of the run's samples relative to its reconstructions of test images.

    About 1 where draws from N(0, I) reach all that the decoder can make; less where they don't.
    """
    index = torch.arange(min(VARIETY_IMAGES, len(inputs.test.labels)))
    columns = max(10, len(inputs.data.classes))  # a conditional model is given another in each
    drawn = from_prior(inputs, run, rows=-(-len(index) // columns), columns=columns)
    return relative_variance(drawn, reconstructed(inputs, run, index))


def samples(varieties: Shares) -> Text | None:
    """How varied the samples are, from `variety` of each model and latent size."""
    if not varieties:
        return None
    text = say("captions_of_outcomes.variety", values=_by_latents(varieties, 2))
    lacking = [
        say("captions_of_outcomes.model_with", model=title(model), latents=latents(dim))
        for dim, models in _by_dim(varieties).items()
        for model, value in models.items()
        if value < LACKS_VARIETY
    ]
    if not lacking:
        return text
    return joined([text, say("captions_of_outcomes.lack_variety", models=listed(lacking))])


def codes(
    knn_accuracy: Shares, distance: Shares, dim: int, conditional: Collection[str]
) -> Text | None:
    """Whether codes of one class lie together, and how far all are from N(0, I).

    Args:
        knn_accuracy: in per cent.
        distance: `prior_moments`.
        dim: the latent size that is shown.
    """
    accuracy, distances = _by_dim(knn_accuracy).get(dim), _by_dim(distance).get(dim)
    sentences = []
    if accuracy:
        sentences.append(say("captions_of_outcomes.neighbours", values=_each(accuracy, 1, " %")))
        if given := [model for model in accuracy if model in conditional]:
            sentences.append(say("captions_of_outcomes.need_not_encode", models=names(given)))
    if distances:
        sentences.append(say("captions_of_outcomes.distance", values=_each(distances, 2)))
    return joined(sentences) if sentences else None
