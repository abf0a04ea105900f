"""The models that can be compared.

A model is an `nn.Module` built from an `Architecture` and a generator for its initial weights. It
says of itself whether it is `conditional` (given the label), `variational` (has a posterior, so an
ELBO) or `adversarial` (learns from a discriminator, so it has neither codes nor a likelihood), and
offers

- `codes(x, labels)`: one point in the latent space per image, `[n, latent_dim]`,
- `decode(z, labels)`: logits of the pixels, `[n, pixels]`, or what else its likelihood takes,
- `images(z, labels)`: what is shown of them, `[n, pixels]` in [0, 1],
- `likelihood`: p(x|z) by those logits, see `vaepipe.models.likelihood`; a GAN has none,
- `prior`: p(z), see `vaepipe.models.prior`; an AE's samples are made from N(0, I),
- `terms(x, labels, noise)`: what is minimised, by name, `[n]` or by latent `[n, latent_dim]`, in
  nats per image; their sum is the loss. The noise, N(0, 1) of `[n, samples, latent_dim]`, is drawn
  by the caller. Of an adversarial model they are the losses of two networks,
- if it is adversarial, `adam_betas`: by which Adam averages its gradients and their squares,
- if it is variational, `posterior(x, labels)`: mean and log-variance of q(z|x), and
  `log_likelihood(x, z, labels)`: log p(x|z) for several z per image.

Unconditional models take the labels and ignore them, so that callers need not distinguish. Training
uses `terms` alone (see `vaepipe.training.step`), also of two networks that play against each other:
each of their losses has a gradient in the parameters of its own network alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from vaepipe.models.architecture import ACTIVATIONS, LIKELIHOODS, NETWORKS, PRIORS, Architecture
from vaepipe.models.names import MODELS

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["ACTIVATIONS", "LIKELIHOODS", "MODELS", "NETWORKS", "PRIORS", "Architecture", "build"]


def build(architecture: Architecture, generator: "torch.Generator") -> "nn.Module":
    """The untrained model of that architecture, its weights drawn from `generator`."""
    module, _, name = MODELS[architecture.model].partition(":")
    return getattr(import_module(module), name)(architecture, generator)
