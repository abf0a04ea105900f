"""The variational autoencoder of Kingma and Welling 2014 (arXiv 1312.6114)."""

import torch
from torch import Tensor, nn

from vaepipe.models.architecture import Architecture
from vaepipe.models.mlp import mlp
from vaepipe.objectives import bernoulli_log_likelihood, gaussian_kl, gaussian_sample


class VAE(nn.Module):
    """Diagonal Gaussian posterior q(z|x), prior N(0, I), Bernoulli likelihood on logits."""

    conditional = False
    variational = True

    def __init__(self, architecture: Architecture, generator: torch.Generator):
        super().__init__()
        a = self.architecture = architecture
        given = a.classes if self.conditional else 0
        encoder = [a.pixels + given, *a.hidden, 2 * a.latent_dim]
        decoder = [a.latent_dim + given, *reversed(a.hidden), a.pixels]
        self.encoder = mlp(encoder, a.activation, generator)
        self.decoder = mlp(decoder, a.activation, generator)

    def posterior(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|x), each `[n, latent_dim]`, of images `[n, pixels]`."""
        mean, log_var = self.encoder(x).chunk(2, dim=1)
        return mean, log_var

    def codes(self, x: Tensor, labels: Tensor) -> Tensor:
        """Posterior means `[n, latent_dim]`."""
        return self.posterior(x, labels)[0]

    def decode(self, z: Tensor, labels: Tensor) -> Tensor:
        """Logits `[n, pixels]` of p(x|z) for z `[n, latent_dim]`."""
        return self.decoder(z)

    def terms(self, x: Tensor, labels: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Distortion and rate `[n]` in nats per image, with one z per image.

        Their sum is -ELBO (arXiv 1312.6114, eq. 7); the rate is the KL term in closed form
        (appendix B there), the distortion a one-sample estimate.
        """
        mean, log_var = self.posterior(x, labels)
        z = gaussian_sample(mean, log_var, generator)
        distortion = -bernoulli_log_likelihood(self.decode(z, labels), x)
        return {"distortion": distortion, "rate": gaussian_kl(mean, log_var)}
