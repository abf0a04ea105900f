"""The conditional VAE of Sohn, Lee and Yan 2015, given the digit."""

from torch import Tensor

from vaepipe.models.networks import with_label
from vaepipe.models.vae import VAE


class CVAE(VAE):
    """A VAE whose encoder and decoder are given the one-hot label: q(z|x, y) and p(x|z, y).

    The prior is the same whatever the label, so its -ELBO bounds -log p(x|y), not -log p(x).
    """

    conditional = True

    def posterior(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|x, y), each `[n, latent_dim]`."""
        return super().posterior(with_label(x, labels, self.architecture.classes), labels)

    def decode(self, z: Tensor, labels: Tensor) -> Tensor:
        """Logits `[n, pixels]` of p(x|z, y)."""
        return super().decode(with_label(z, labels, self.architecture.classes), labels)
