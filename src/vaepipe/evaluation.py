"""Measuring one trained run on the test set, in nats per image.

Every function keeps the images apart (`[n]`); means and standard errors are taken once, at the end.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from vaepipe.data.dataset import Images, as_input
from vaepipe.objectives import (
    bernoulli_log_likelihood,
    gaussian_kl,
    gaussian_log_density,
    standard_normal_log_density,
)
from vaepipe.params import Evaluate
from vaepipe.randomness import generator

BLOCK = 100  # images whose samples are decoded together


def log_weights(
    model: nn.Module, x: Tensor, labels: Tensor, samples: int, chunk: int, draw: torch.Generator
) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Importance weights of z drawn from the posterior, in pieces of bounded memory.

    Args:
        x, labels: input images `[n, pixels]` and their labels `[n]`.
        samples: z per image.
        chunk: decoded images in memory at once, at most.
        draw: where the latent noise comes from.

    Yields:
        The slice of the images, log p(x|z) and log p(x|z) + log p(z) - log q(z|x), both
        `[images, s]`; the s of all pieces of one slice add up to `samples`. The encoder runs once
        per image.
    """
    block = min(BLOCK, chunk)
    for start in range(0, len(x), block):
        part = slice(start, start + block)
        mean, log_var = (t[:, None] for t in model.posterior(x[part], labels[part]))
        n = len(mean)
        for done in range(0, samples, chunk // block):
            s = min(chunk // block, samples - done)
            noise = torch.randn(n, s, mean.shape[-1], generator=draw, device=x.device)
            z = mean + (0.5 * log_var).exp() * noise
            logits = model.decode(z.flatten(0, 1), labels[part].repeat_interleave(s))
            logits = logits.view(n, s, -1)
            # x l - softplus(l) as in objectives.bernoulli_log_likelihood, with the product as a
            # matrix product: x is the same for all samples of an image.
            log_px = torch.bmm(logits, x[part][:, :, None])[..., 0] - softplus(logits).sum(-1)
            log_pz = standard_normal_log_density(z)
            yield part, log_px, log_px + log_pz - gaussian_log_density(z, mean, log_var)


def importance_weighted_bound(
    model: nn.Module, x: Tensor, labels: Tensor, samples: int, chunk: int, draw: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The bound of Burda, Grosse and Salakhutdinov 2016 (arXiv 1509.00519, eq. 8) per image.

    Returns:
        log((1/K) sum_k p(x, z_k) / q(z_k|x)), whose mean is at most log p(x) and rises with K
        (for a CVAE, everything given the label), and the mean of -log p(x|z_k), the distortion.
        Both `[n]` in nats, float64.
    """
    bound = torch.full((len(x),), -math.inf, dtype=torch.float64, device=x.device)
    distortion = torch.zeros_like(bound)
    for part, log_px, weights in log_weights(model, x, labels, samples, chunk, draw):
        bound[part] = torch.logaddexp(bound[part], weights.to(torch.float64).logsumexp(1))
        distortion[part] -= log_px.sum(1, dtype=torch.float64)
    return bound - math.log(samples), distortion / samples


def reconstruction(model: nn.Module, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """How well one pass through the code gives the image back, for every model alike.

    The code is the AE's code or the posterior's mean. The cross-entropy is in nats per image, the
    squared error is summed over the pixels of the image.
    """
    logits = model.decode(model.codes(x, labels), labels)
    return {
        "reconstruction_cross_entropy": -bernoulli_log_likelihood(logits, x),
        "reconstruction_squared_error": (logits.sigmoid() - x).square().sum(1),
    }


@torch.no_grad()
def evaluate(
    model: nn.Module, images: Images, binarize: str, settings: Evaluate, device: torch.device
) -> dict[str, float]:
    """All metrics of one run: the mean over the images and its standard error (`..._sem`).

    Args:
        images: the test images, on the CPU.
        binarize: how the model saw its pixels while training. The draw depends on
            `settings.seed` alone, so all runs are measured on the same pixels.
    """
    # Drawn on the CPU, so that it is the same draw on every device.
    x = as_input(images.pixels, binarize, generator(settings.seed, "evaluation")).to(device)
    labels = images.to(device).labels
    per_image = reconstruction(model, x, labels)
    if model.variational:
        draw = generator(settings.seed, "evaluation latent", device)
        bound, distortion = importance_weighted_bound(
            model, x, labels, settings.importance_samples, settings.chunk, draw
        )
        rate = gaussian_kl(*model.posterior(x, labels))
        per_image |= {
            "neg_elbo": distortion + rate,
            "distortion": distortion,
            "rate": rate,
            "nll": -bound,
        }
    return {k: v for name, values in per_image.items() for k, v in summary(name, values).items()}


def summary(name: str, values: Tensor) -> dict[str, float]:
    """Mean over the images and its standard error."""
    values = values.to("cpu", torch.float64)
    return {name: values.mean().item(), f"{name}_sem": (values.std() / len(values) ** 0.5).item()}
