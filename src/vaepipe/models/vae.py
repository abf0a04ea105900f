"""The variational autoencoder of Kingma and Welling 2014 (arXiv 1312.6114)."""

import torch
from torch import Tensor, nn

from vaepipe.models import objectives
from vaepipe.models.architecture import Architecture
from vaepipe.models.networks import mlp


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
        # Under autocast the products come out in bfloat16; all that follows is in x's precision.
        mean, log_var = self.encoder(x).to(x.dtype).chunk(2, dim=1)
        return mean, log_var

    def codes(self, x: Tensor, labels: Tensor) -> Tensor:
        """Posterior means `[n, latent_dim]`."""
        return self.posterior(x, labels)[0]

    def decode(self, z: Tensor, labels: Tensor) -> Tensor:
        """Logits `[n, pixels]` of p(x|z) for z `[n, latent_dim]`."""
        return self.decoder(z).to(z.dtype)

    def log_likelihood(self, x: Tensor, z: Tensor, labels: Tensor) -> Tensor:
        """log p(x|z) in nats, `[n, k]`, of images `[n, pixels]` for k codes each, z `[n, k, d]`."""
        k = z.shape[1]
        logits = self.decode(z.flatten(0, 1), labels[:, None].expand(-1, k).flatten()).unflatten(
            0, (-1, k)
        )
        return objectives.bernoulli_log_likelihood(logits, x[:, None])

    def terms(self, x: Tensor, labels: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """What is minimised, `[n]` each in nats per image.

        One sample: distortion and rate, whose sum is -ELBO (arXiv 1312.6114, eq. 7); the rate is
        the KL term in closed form (appendix B there), the distortion a one-sample estimate.
        More: the negative importance-weighted bound (IWAE, arXiv 1509.00519, eq. 8), which does
        not split into the two.

        Args:
            noise: samples of N(0, 1), `[n, samples, latent_dim]`.
        """
        mean, log_var = self.posterior(x, labels)
        if noise.shape[1] == 1:
            z = objectives.gaussian_sample(mean, log_var, noise[:, 0])
            log_px = objectives.bernoulli_log_likelihood(self.decode(z, labels), x)
            return {"distortion": -log_px, "rate": objectives.gaussian_kl(mean, log_var)}
        mean, log_var = mean[:, None], log_var[:, None]
        z = objectives.gaussian_sample(mean, log_var, noise)
        log_px = self.log_likelihood(x, z, labels)
        weights = objectives.log_importance_weights(log_px, z, mean, log_var)
        return {"nll": -objectives.importance_weighted_bound(weights)}
