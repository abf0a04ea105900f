"""The metrics by name: what people read beside the numbers. docs/metrics.md explains each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """How a metric is called, in which unit it is, whether lower or higher is better, and how many
    digits behind the point are worth showing."""

    title: str
    unit: str
    better: str
    digits: int = 2


NATS, PERCENT = "nats per image", "% of test images"
METRICS = {
    "neg_elbo": Metric("-ELBO = rate + distortion", NATS, "lower"),
    "nll": Metric("NLL, importance-weighted bound", NATS, "lower"),
    "nll_marginal": Metric("NLL without the label", NATS, "lower"),
    "bits_per_dim": Metric("Bits per dimension, without the label", "bits per pixel", "lower", 4),
    "rate": Metric("Rate, KL(q(z|x) || p(z))", NATS, ""),
    "distortion": Metric("Distortion, -E log p(x|z)", NATS, ""),
    "reconstruction_cross_entropy": Metric("Reconstruction cross-entropy", NATS, "lower"),
    "reconstruction_squared_error": Metric("Reconstruction squared error", "per image", "lower"),
    "active_units": Metric("Active units", "latents", "", 1),
    "knn_accuracy": Metric("Digit from code, 5 nearest neighbours", PERCENT, "higher"),
    "probe_accuracy": Metric("Digit from code, linear probe", PERCENT, "higher"),
    "prior_moments": Metric("Codes from N(0, I), by moments", "squared distance", "lower", 3),
    "prior_mmd": Metric("Codes from N(0, I), by MMD", "squared MMD", "lower", 4),
    "frechet_distance": Metric(
        "Classifier Fréchet distance, this project's own", "squared distance", "lower"
    ),
    "conditional_accuracy": Metric("Digit asked for", "% of generated images", "higher"),
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
