"""One training step, from top to bottom: batch, terms, gradient, Adam."""

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from torch import Tensor

from vaepipe.core.rng import normal
from vaepipe.data.dataset import Images, as_input
from vaepipe.params import Train
from vaepipe.training.state import Batch, Rngs, State


def train_step(state: State, images: Images, rate: float | Tensor, settings: Train) -> Tensor:
    """One step of Adam on a minibatch; it changes the state's parameters and moments in place.

    Args:
        images: the minibatches of all runs, one after the other, uint8 on the device.
        rate: the learning rate; a tensor on the device where the step is part of a CUDA graph.

    Returns:
        The sum over the images of each term in nats, `[terms]`, or `[terms, runs]` of several runs.
    """
    batch = minibatch(images, state.rngs, settings, state.models[0].architecture.latent_dim)

    # The forward pass: for a VAE the terms are distortion and rate, whose sum is the -ELBO.
    bfloat16 = settings.precision == "bfloat16"
    device = images.pixels.device.type
    with torch.autocast(device, torch.bfloat16) if bfloat16 else nullcontext():
        terms = state.terms(batch)

    # The loss is the sum of the terms, averaged over the images of each run. Autograd is told the
    # share of every image in it, which is less work than to compute the loss itself.
    share = torch.full_like(terms[0], 1 / terms[0].shape[-1])
    gradients = torch.autograd.grad(terms, state.adam.parameters, [share] * len(terms))

    state.adam.step(gradients, rate)
    return torch.stack([term.detach().sum(-1) for term in terms])


def minibatch(images: Images, rngs: Sequence[Rngs], settings: Train, latent_dim: int) -> Batch:
    """x `[n, 784]` float32, labels `[n]` and N(0, 1) noise `[n, importance_samples, latent_dim]`.

    Args:
        images: of several runs, one after the other; each of the three is then `[runs, n, ...]`.
        rngs: for each run the generators called binarisation and latent.
    """
    x = as_input(images.pixels, settings.binarize, *(one["binarisation"] for one in rngs))
    shape = (len(x), settings.importance_samples, latent_dim)
    noise = normal(shape, *(one["latent"] for one in rngs))
    batch = x, images.labels, noise
    runs = len(rngs)
    return batch if runs == 1 else tuple(t.unflatten(0, (runs, -1)) for t in batch)
