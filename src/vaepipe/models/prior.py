"""Priors p(z): the unit Gaussian, and a normalising flow that is learned with the model."""

import torch
from torch import Tensor, nn

from vaepipe.models import objectives
from vaepipe.models.layers import mlp

COUPLINGS = 6
HIDDEN = (128, 128)
LARGEST_LOG_SCALE = 1.5  # of one coupling: keeps the flow from blowing up early in training


class NormalPrior(nn.Module):
    """N(0, I)."""

    def log_density(self, z: Tensor) -> Tensor:
        """log p(z), `[..., latent_dim]` to `[...]`, in nats."""
        return objectives.standard_normal_log_density(z)

    def to_normal(self, z: Tensor) -> Tensor:
        """What is N(0, I) if z is drawn from the prior: z itself."""
        return z

    def from_normal(self, noise: Tensor) -> Tensor:
        """A draw from the prior for each draw from N(0, I), `[..., latent_dim]`."""
        return noise


class FlowPrior(nn.Module):
    """RealNVP with affine couplings (Dinh, Sohl-Dickstein and Bengio 2017, arXiv 1605.08803).

    z is taken to noise by couplings that in turn keep one half of the coordinates and shift and
    scale the other half by networks of the kept half; p(z) = N(f(z); 0, I) |det df/dz|. It starts
    as the identity, so training starts at the prior N(0, I).
    """

    def __init__(self, latent_dim: int, activation: str, rng: torch.Generator):
        super().__init__()
        self.kept = latent_dim // 2
        self.latent_dim = latent_dim
        nets = []
        for number in range(COUPLINGS):
            kept = self._kept(number)
            net = mlp([kept, *HIDDEN, 2 * (latent_dim - kept)], activation, rng)
            nn.init.zeros_(net[-1].weight)
            nets.append(net)
        self.nets = nn.ModuleList(nets)

    def _kept(self, number: int) -> int:
        """How many coordinates coupling `number` keeps: the first half, then the second, ..."""
        return self.kept if number % 2 == 0 else self.latent_dim - self.kept

    def _scale_and_shift(self, number: int, kept: Tensor) -> tuple[Tensor, Tensor]:
        raw, shift = self.nets[number](kept).to(kept.dtype).chunk(2, dim=-1)
        return LARGEST_LOG_SCALE * torch.tanh(raw / LARGEST_LOG_SCALE), shift

    def log_density(self, z: Tensor) -> Tensor:
        """log p(z), `[..., latent_dim]` to `[...]`, in nats."""
        noise, log_det = self._flow(z)
        return objectives.standard_normal_log_density(noise) + log_det

    def to_normal(self, z: Tensor) -> Tensor:
        """f(z) `[..., latent_dim]`: N(0, I) if z is drawn from the prior."""
        return self._flow(z)[0]

    def _flow(self, z: Tensor) -> tuple[Tensor, Tensor]:
        log_det = z.new_zeros(z.shape[:-1])
        for number in range(COUPLINGS):
            # The halves change places after each coupling, so that the first is always kept.
            kept, moved = z.split(
                [self._kept(number), self.latent_dim - self._kept(number)], dim=-1
            )
            log_scale, shift = self._scale_and_shift(number, kept)
            moved = (moved - shift) * (-log_scale).exp()
            log_det = log_det - log_scale.sum(-1)
            z = torch.cat([moved, kept], dim=-1)
        return z, log_det

    def from_normal(self, noise: Tensor) -> Tensor:
        """The inverse of `to_normal`: a draw from the prior for each draw from N(0, I)."""
        z = noise
        for number in reversed(range(COUPLINGS)):
            kept_size = self._kept(number)
            moved, kept = z.split([self.latent_dim - kept_size, kept_size], dim=-1)
            log_scale, shift = self._scale_and_shift(number, kept)
            z = torch.cat([kept, moved * log_scale.exp() + shift], dim=-1)
        return z


def build_prior(kind: str, latent_dim: int, activation: str, rng: torch.Generator) -> nn.Module:
    """The prior called `normal` or `flow`."""
    if kind == "normal":
        return NormalPrior()
    return FlowPrior(latent_dim, activation, rng)
