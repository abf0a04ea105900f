"""The metrics by name: what people read beside the numbers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """How a metric is called, in which unit it is and whether lower or higher is better."""

    title: str
    unit: str
    better: str


NATS = "nats per image"
METRICS = {
    "neg_elbo": Metric("-ELBO = rate + distortion", NATS, "lower"),
    "nll": Metric("NLL, importance-weighted bound", NATS, "lower"),
    "rate": Metric("Rate, KL(q(z|x) || p(z))", NATS, ""),
    "distortion": Metric("Distortion, -E log p(x|z)", NATS, ""),
    "reconstruction_cross_entropy": Metric("Reconstruction cross-entropy", NATS, "lower"),
    "reconstruction_squared_error": Metric("Reconstruction squared error", "per image", "lower"),
}
# What the main table and the comparison figure show, where it was measured.
HEADLINE = ("neg_elbo", "rate", "distortion", "nll", "reconstruction_cross_entropy")
