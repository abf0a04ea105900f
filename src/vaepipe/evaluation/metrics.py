"""The metrics by name: titles, units, directions, and where the label makes models incomparable.

docs/metrics.md explains each.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass

CLASSES = 10  # of MNIST
WEAK = 5.0  # percentage points above the largest class, below which a classifier is called weak:
# at most half of the way to 100 %


@dataclass(frozen=True)
class Metric:
    """How a metric is called and read.

    Attributes:
        better: `lower` or `higher`, or empty where neither is better.
        digits: digits behind the point that are worth showing.
        given_label: what the label is used for when a conditional model is measured; empty where
            all models are measured alike.
        nats_of_label: whether the metric is in nats, of which a label is worth at most so many.
        better_conditional: `better` among conditional models; None where it is the same.
    """

    title: str
    unit: str
    better: str
    digits: int = 2
    given_label: str = ""
    nats_of_label: bool = False
    better_conditional: str | None = None


NATS, PERCENT = "nats per image", "% of test images"
BOUND = {
    "given_label": "bounds on −log p(x|y), where the label y is worth at most ln(number of classes)"
    " nats",
    "nats_of_label": True,
}
TERM = {"given_label": "terms of the bound on −log p(x|y)"}
DECODER = {"given_label": "the decoder is given the label of the image it reconstructs"}
ENCODER = {
    "given_label": "the encoder is given the label, so the code need not hold it: neither a high"
    " nor a low accuracy is better",
    "better_conditional": "",
}
SAMPLES = {"given_label": "the samples are decoded with every label equally often"}

METRICS = {
    "neg_elbo": Metric("-ELBO = rate + distortion", NATS, "lower", **BOUND),
    "nll": Metric("NLL, importance-weighted bound", NATS, "lower", **BOUND),
    "nll_marginal": Metric("NLL without the label", NATS, "lower"),
    "bits_per_dim": Metric(
        "Bits per dimension, without the label", "bits per value of a pixel", "lower", 4
    ),
    "rate": Metric("Rate, KL(q(z|x) || p(z))", NATS, "", **TERM),
    "distortion": Metric("Distortion, -E log p(x|z)", NATS, "", **TERM),
    "reconstruction_cross_entropy": Metric(
        "Reconstruction cross-entropy", NATS, "lower", **DECODER
    ),
    "reconstruction_squared_error": Metric(
        "Reconstruction squared error", "per image", "lower", **DECODER
    ),
    "active_units": Metric("Active units", "latents", "", 1),
    "knn_accuracy": Metric("Accuracy of 5-NN on the codes", PERCENT, "higher", **ENCODER),
    "probe_accuracy": Metric(
        "Accuracy of a linear probe on the codes", PERCENT, "higher", **ENCODER
    ),
    "prior_moments": Metric(
        "Distance of the codes to N(0, I), Fréchet", "squared distance", "lower", 3
    ),
    "prior_mmd": Metric("Distance of the codes to N(0, I), MMD", "squared MMD", "lower", 4),
    "frechet_distance": Metric(
        "Fréchet distance to training images",
        "squared, own classifier's features",
        "lower",
        **SAMPLES,
    ),
    "conditional_accuracy": Metric(
        "Conditional accuracy: generated class is the one asked for",
        "% of generated images",
        "higher",
    ),
}
# What the main table and the comparison figure show, where it was measured.
HEADLINE = (
    "neg_elbo",
    "rate",
    "distortion",
    "nll",
    "nll_marginal",
    "reconstruction_cross_entropy",
    "probe_accuracy",
    "frechet_distance",
)


def is_weak(test_accuracy: float, largest: float) -> bool:
    """Whether a classifier is hardly better than always answering the largest class, both in %."""
    return test_accuracy < largest + min(WEAK, (100 - largest) / 2)


def direction(name: str, conditional: bool) -> str:
    """`lower` or `higher`, whichever is better; empty where neither is, or for no such metric.

    Args:
        conditional: whether the model is given the label.
    """
    if name not in METRICS:
        return ""
    metric = METRICS[name]
    if conditional and metric.better_conditional is not None:
        return metric.better_conditional
    return metric.better


def is_given_label(name: str, model: str, conditional: Collection[str]) -> bool:
    """Whether the model is given the label when that metric is measured."""
    return model in conditional and bool(METRICS[name].given_label)


def label_worth(name: str, classes: int) -> float:
    """What knowing one of so many equally frequent classes is worth at most, in the metric's unit.

    p(x) >= p(y) p(x|y), so -log p(x) <= -log p(x|y) + ln(classes).
    """
    return math.log(classes) if METRICS[name].nats_of_label else math.inf


def comparable(name: str, models: Collection[str], conditional: Collection[str]) -> bool:
    """Whether these models are measured alike: all, or none, of them are given the label.

    Also where only some are, if it is known what the label is worth at most.
    """
    given = {is_given_label(name, model, conditional) for model in models}
    return len(given) < 2 or METRICS[name].nats_of_label
