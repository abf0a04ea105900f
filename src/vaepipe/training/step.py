"""One training step, from top to bottom: batch, terms, gradient, Adam."""

from contextlib import nullcontext

import torch
from torch import Tensor, nn

from vaepipe.core.rng import normal
from vaepipe.data.dataset import Images, as_input
from vaepipe.params import Train
from vaepipe.training.state import Batch, Rngs, State


def train_step(
    state: State,
    images: Images,
    learning_rate: float | Tensor,
    kl_weight: float | Tensor,
    settings: Train,
) -> Tensor:
    """One step of Adam on a minibatch; it changes the state's parameters and moments in place.

    Args:
        images: the minibatch, uint8 on the device.
        learning_rate, kl_weight: tensors on the device where the step is part of a CUDA graph.

    Returns:
        The sum over the images of each term in nats, `[terms]`.
    """
    batch = minibatch(images, state.rngs, settings, state.model)

    # The forward pass: for a VAE the terms are distortion and rate, whose sum is the -ELBO; for a
    # GAN the losses of its two networks, each with a gradient in its own parameters alone.
    bfloat16 = settings.precision == "bfloat16"
    device = images.pixels.device.type
    with torch.autocast(device, torch.bfloat16) if bfloat16 else nullcontext():
        terms = state.objective(*batch)

    # The loss is the sum of the terms, averaged over the images, with the rate times the KL weight,
    # and a GAN's penalty times its own. Autograd is told the weight of every value in it, which is
    # less work than to compute the loss itself.
    weights = [
        loss_weights(name, term.detach(), kl_weight, settings) for name, term in terms.items()
    ]
    gradients = torch.autograd.grad([*terms.values()], state.adam.parameters, weights)

    state.adam.step(gradients, learning_rate)
    return torch.stack([term.detach().sum() for term in terms.values()])


def loss_weights(name: str, term: Tensor, kl_weight: float | Tensor, settings: Train) -> Tensor:
    """The weight of each value of a term in the loss: 1 / images, for the rate times the KL weight,
    for a GAN's penalty times `settings.gan_penalty`.

    With free bits a latent whose mean rate over the minibatch is below them is not pushed further
    down: its rate counts as max(free_bits, mean) (Kingma et al. 2016, arXiv 1606.04934, eq. 15).

    Args:
        term: `[n]`, or the rate by latent, `[n, latent_dim]`.
    """
    weights = torch.full_like(term, 1 / len(term))
    if name == "penalty":
        return weights * settings.gan_penalty
    if name != "rate":
        return weights
    if settings.free_bits:
        weights *= term.mean(0) > settings.free_bits
    return weights * kl_weight


def minibatch(images: Images, rngs: Rngs, settings: Train, model: nn.Module) -> Batch:
    """x `[n, pixels]`, labels `[n]` and N(0, 1) noise `[n, importance_samples, latent_dim]`.

    A GAN's images are grey whatever `settings.binarize` says: see `vaepipe.models.gan`.

    Args:
        rngs: the generators called binarisation and latent.
    """
    binarize = "none" if model.adversarial else settings.binarize
    x = as_input(images.pixels, binarize, rngs["binarisation"])
    shape = (len(x), settings.importance_samples, model.architecture.latent_dim)
    return x, images.labels, normal(shape, rngs["latent"])
