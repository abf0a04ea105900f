"""The plain autoencoder: a code instead of a distribution over codes."""

import torch
from torch import Tensor, nn

from vaepipe.models.architecture import Architecture
from vaepipe.models.likelihood import build_likelihood
from vaepipe.models.networks import decoder, encoder
from vaepipe.models.prior import NormalPrior


class AE(nn.Module):
    """Encoder to a code, decoder to logits: the VAE's networks without sampling and KL.

    Rumelhart, Hinton and Williams 1986. Trained on the same reconstruction cross-entropy as the
    VAE's distortion, so that their reconstructions can be compared pixel by pixel.
    """

    conditional = False
    variational = False
    adversarial = False

    def __init__(self, architecture: Architecture, generator: torch.Generator):
        super().__init__()
        a = self.architecture = architecture
        self.encoder = encoder(a, 0, a.latent_dim, generator)
        self.decoder = decoder(a, 0, generator)
        self.likelihood = build_likelihood(a, generator)
        self.prior = NormalPrior()  # an AE has none: its samples are made from the plain VAE's

    def codes(self, x: Tensor, labels: Tensor) -> Tensor:
        """Codes `[n, latent_dim]` of images `[n, pixels]`; the labels are ignored."""
        return self.encoder(x).to(x.dtype)

    def decode(self, z: Tensor, labels: Tensor) -> Tensor:
        """Logits `[n, pixels]` of codes `[n, latent_dim]`; the labels are ignored."""
        return self.decoder(z).to(z.dtype)

    def images(self, z: Tensor, labels: Tensor) -> Tensor:
        """Images `[n, pixels]` of codes `[n, latent_dim]`; the labels are ignored."""
        return self.likelihood.images(self.decode(z, labels))

    def terms(self, x: Tensor, labels: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """Distortion `[n]` in nats per image; the noise is ignored."""
        logits = self.decode(self.codes(x, labels), labels)
        return {"distortion": -self.likelihood.log_density(logits, x)}
