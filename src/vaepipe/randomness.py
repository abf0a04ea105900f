"""One generator for each purpose, so that no use of chance disturbs another."""

import hashlib

import torch
from torch import Tensor


def generator(seed: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator seeded by the run's seed and the name of what it is for.

    Purposes in use: initialisation, order, binarisation, latent, evaluation. The seed is hashed
    with the purpose because neighbouring seeds of one generator must not share streams.
    """
    digest = hashlib.sha256(f"{purpose}:{seed}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def normal(shape: tuple[int, ...], draw: torch.Generator) -> Tensor:
    """Draws from N(0, 1) on the generator's device, float32."""
    return torch.empty(shape, device=draw.device).normal_(generator=draw)
