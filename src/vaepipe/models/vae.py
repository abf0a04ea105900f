"""The variational autoencoder of Kingma and Welling 2014 (arXiv 1312.6114)."""

import torch
from torch import Tensor, nn

from vaepipe.models import objectives
from vaepipe.models.architecture import Architecture
from vaepipe.models.likelihood import build_likelihood
from vaepipe.models.networks import decoder, encoder
from vaepipe.models.prior import build_prior

# No log-variance of a posterior is larger. Without a bound it ran away for single images, where the
# KL term grows as its exponential: docs/metrics.md has the trainings that this ended or spoilt.
LARGEST_LOG_VAR = 6.0


class VAE(nn.Module):
    """Diagonal Gaussian posterior q(z|x), and a likelihood of the pixels given logits.

    The prior is N(0, I), or a flow that is learned with the model (`vaepipe.models.prior`).
    """

    conditional = False
    variational = True
    adversarial = False

    def __init__(self, architecture: Architecture, generator: torch.Generator):
        super().__init__()
        a = self.architecture = architecture
        given = a.classes if self.conditional else 0
        self.encoder = encoder(a, given, 2 * a.latent_dim, generator)
        self.decoder = decoder(a, given, generator)
        self.likelihood = build_likelihood(a, generator)
        self.prior = build_prior(a.prior, a.latent_dim, a.activation, generator)

    def posterior(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|x), each `[n, latent_dim]`, of images `[n, pixels]`.

        The log-variance is what the encoder says, and at most `LARGEST_LOG_VAR`.
        """
        # Under autocast the products come out in bfloat16; all that follows is in x's precision.
        mean, log_var = self.encoder(x).to(x.dtype).chunk(2, dim=1)
        return mean, log_var.clamp(max=LARGEST_LOG_VAR)

    def codes(self, x: Tensor, labels: Tensor) -> Tensor:
        """Posterior means `[n, latent_dim]`."""
        return self.posterior(x, labels)[0]

    def decode(self, z: Tensor, labels: Tensor) -> Tensor:
        """What the likelihood makes p(x|z) of, for z `[n, latent_dim]`: logits `[n, pixels]`."""
        return self.decoder(z).to(z.dtype)

    def images(self, z: Tensor, labels: Tensor) -> Tensor:
        """Images `[n, pixels]` of p(x|z), as `likelihood` gives them: its means, or draws."""
        return self.likelihood.images(self.decode(z, labels))

    def log_likelihood(self, x: Tensor, z: Tensor, labels: Tensor) -> Tensor:
        """log p(x|z) in nats, `[n, k]`, of images `[n, pixels]` for k codes each, z `[n, k, d]`."""
        k = z.shape[1]
        logits = self.decode(z.flatten(0, 1), labels[:, None].expand(-1, k).flatten()).unflatten(
            0, (-1, k)
        )
        return self.likelihood.log_density(logits, x[:, None])

    def rate(self, mean: Tensor, log_var: Tensor, z: Tensor) -> Tensor:
        """KL(q(z|x) || p(z)) in nats: exact where the prior is N(0, I), else estimated at z.

        Args:
            mean, log_var, z: `[n, latent_dim]`, z drawn from the posterior.

        Returns:
            `[n, latent_dim]`, of each latent, where the prior is N(0, I); `[n]` with a learned one.
        """
        if self.architecture.prior == "normal":
            return objectives.kl_per_latent(mean, log_var)
        return objectives.gaussian_negative_entropy(log_var) - self.prior.log_density(z)

    def terms(self, x: Tensor, labels: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """What is minimised, `[n]` each in nats per image, and the rate by latent, `[n, d]`.

        One sample: distortion and rate, whose sum is -ELBO (arXiv 1312.6114, eq. 7); the rate is
        the KL term in closed form (appendix B there) unless the prior is learned, the distortion a
        one-sample estimate.
        More: the negative importance-weighted bound (IWAE, arXiv 1509.00519, eq. 8), which does
        not split into the two.

        Args:
            noise: samples of N(0, 1), `[n, samples, latent_dim]`.
        """
        mean, log_var = self.posterior(x, labels)
        if noise.shape[1] == 1:
            z = objectives.gaussian_sample(mean, log_var, noise[:, 0])
            log_px = self.likelihood.log_density(self.decode(z, labels), x)
            return {"distortion": -log_px, "rate": self.rate(mean, log_var, z)}
        mean, log_var = mean[:, None], log_var[:, None]
        z = objectives.gaussian_sample(mean, log_var, noise)
        log_px = self.log_likelihood(x, z, labels)
        log_pz = self.prior.log_density(z)
        weights = objectives.log_importance_weights(log_px, log_pz, noise, log_var)
        return {"nll": -objectives.importance_weighted_bound(weights)}
