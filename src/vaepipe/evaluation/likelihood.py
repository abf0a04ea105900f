"""Bounds on the log-likelihood of images, their terms, and reconstruction errors.

All in nats per image; images are kept apart (`[n]`), so that means and standard errors are taken
once, at the end.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from vaepipe.core.rng import normal
from vaepipe.evaluation.chunks import in_chunks
from vaepipe.models import objectives
from vaepipe.params import Evaluate

BLOCK = 100  # images whose samples are decoded together
FEW = 20  # samples, at most, that the labels which an image does not have are first tried with
NEAR = 12.0  # nats: a label that is further below the own one adds less than 6.2e-6 nats


def log_weights(
    model: nn.Module, x: Tensor, labels: Tensor, samples: int, chunk: int, rng: torch.Generator
) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Importance weights of z drawn from the posterior, in pieces of bounded memory.

    Args:
        x, labels: input images `[n, pixels]` and their labels `[n]`.
        samples: z per image.
        chunk: decoded images in memory at once, at most.
        rng: generator of the latent noise.

    Yields:
        The slice of the images, log p(x|z) and log p(x|z) + log p(z) - log q(z|x), both
        `[images, s]`; the s of all pieces of one slice add up to `samples`. The encoder runs once
        per image.
    """
    block = min(BLOCK, chunk)
    for start in range(0, len(x), block):
        part = slice(start, start + block)
        mean, log_var = (t[:, None] for t in model.posterior(x[part], labels[part]))
        for done in range(0, samples, chunk // block):
            s = min(chunk // block, samples - done)
            noise = normal((len(mean), s, mean.shape[-1]), rng)
            z = objectives.gaussian_sample(mean, log_var, noise)
            log_px = model.log_likelihood(x[part], z, labels[part])
            log_pz = model.prior.log_density(z)
            yield part, log_px, objectives.log_importance_weights(log_px, log_pz, noise, log_var)


def bound_and_terms(
    model: nn.Module, x: Tensor, labels: Tensor, samples: int, chunk: int, rng: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """The importance-weighted bound on log p(x), distortion and rate, from the same samples.

    Returns:
        `objectives.importance_weighted_bound` of K samples (for a CVAE on log p(x|y), given the
        labels), and the means of -log p(x|z_k) and of log q(z_k|x) - log p(z_k) over them. All
        `[n]` in nats, float64.
    """
    bound = torch.full((len(x),), -math.inf, dtype=torch.float64, device=x.device)
    distortion, rate = torch.zeros_like(bound), torch.zeros_like(bound)
    for part, log_px, weights in log_weights(model, x, labels, samples, chunk, rng):
        # A piece counts by its share of the K samples.
        share = math.log(weights.shape[1] / samples)
        piece = objectives.importance_weighted_bound(weights.to(torch.float64)) + share
        bound[part] = torch.logaddexp(bound[part], piece)
        distortion[part] -= log_px.sum(1, dtype=torch.float64) / samples
        rate[part] += (log_px - weights).sum(1, dtype=torch.float64) / samples
    return bound, distortion, rate


def marginal_bound(
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
    given: Tensor,
    samples: int,
    chunk: int,
    rng: torch.Generator,
) -> Tensor:
    """A lower bound on log p(x) = log sum_y p(y) p(x|y) of a conditional model, p(y) uniform.

    Each of the other labels first has a tenth of the samples (with ten labels), at most `FEW`.
    Where the likeliest of them comes within `NEAR` nats of the image's own label, it then has as
    many samples as that one, and these take the place of the few that it was chosen by. An
    estimate of p(x|y) is unbiased with any number of samples; a label is left with its few only
    where they came out low, so the expected sum is at most p(x), and with it the mean of its
    logarithm at most log p(x).

    Args:
        given: the bound on log p(x|y) of each image's own label, `[n]` in nats.
        samples: z per image for its own label.

    Returns:
        `[n]` in nats, float64: at least `given` - ln 10 for ten labels.
    """
    classes = model.architecture.classes
    few = min(math.ceil(samples / classes), FEW)

    def bound(of: Tensor, turn: int | Tensor, samples: int) -> Tensor:
        other = (labels[of] + turn) % classes
        return bound_and_terms(model, x[of], other, samples, chunk, rng)[0]

    everyone = torch.arange(len(x), device=x.device)
    others = torch.stack([bound(everyone, turn, few) for turn in range(1, classes)])
    highest, likeliest = others.max(0)
    near = (highest > given - NEAR).nonzero()[:, 0]
    others[likeliest[near], near] = bound(near, 1 + likeliest[near], samples)
    return torch.cat([given[None], others]).logsumexp(0) - math.log(classes)


def posteriors(model: nn.Module, x: Tensor, labels: Tensor, chunk: int) -> tuple[Tensor, Tensor]:
    """Mean and log-variance of q(z|x), `[n, latent_dim]` each, `chunk` images at a time."""
    both = in_chunks(lambda *part: torch.cat(model.posterior(*part), 1), x, labels, chunk)
    return both[:, : both.shape[1] // 2], both[:, both.shape[1] // 2 :]


def reconstruction_metrics(
    model: nn.Module, x: Tensor, labels: Tensor, chunk: int
) -> dict[str, Tensor]:
    """Reconstruction errors of one pass through the code, for every model alike.

    The code is the AE's code or the posterior's mean. The cross-entropy, -log p(x|z), is in nats
    per image, the squared error is summed over the pixels of the image. With an autoregressive
    likelihood there is no squared error: the mean of its pixels has no closed form.

    Args:
        chunk: images decoded at once, at most.
    """

    def errors(x: Tensor, labels: Tensor) -> Tensor:
        logits = model.decode(model.codes(x, labels), labels)
        found = [-model.likelihood.log_density(logits, x)]
        if model.architecture.likelihood != "autoregressive":
            found.append(objectives.squared_error(logits, x))
        return torch.stack(found, dim=1)

    names = ("reconstruction_cross_entropy", "reconstruction_squared_error")
    columns = in_chunks(errors, x, labels, chunk).unbind(1)
    return dict(zip(names, columns, strict=False))  # the second is not of every model


def likelihood_metrics(
    model: nn.Module, x: Tensor, labels: Tensor, settings: Evaluate, rng: torch.Generator
) -> dict[str, Tensor]:
    """The likelihood metrics of a variational model, `[n]` each in nats per image.

    Except `bits_per_dim`: bits per pixel.
    """
    samples, chunk = settings.importance_samples, settings.chunk
    bound, distortion, rate = bound_and_terms(model, x, labels, samples, chunk, rng)
    if model.architecture.prior == "normal":  # the exact value has no sampling error
        rate = objectives.gaussian_kl(*posteriors(model, x, labels, chunk))
    marginal = bound
    if model.conditional:
        marginal = marginal_bound(model, x, labels, bound, samples, chunk, rng)
    return {
        "neg_elbo": distortion + rate,
        "distortion": distortion,
        "rate": rate,
        "nll": -bound,
        "nll_marginal": -marginal,
        "bits_per_dim": -marginal / (x.shape[1] * math.log(2)),
    }
