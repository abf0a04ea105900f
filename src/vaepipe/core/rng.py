"""A random number generator for each purpose, so that none changes another's numbers."""

import hashlib

import torch
from torch import Tensor


def generator(seed: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator seeded by the run's seed and the name of what it is for.

    Purposes in training: initialisation, order, binarisation, latent, validation. The seed is
    hashed with the purpose, so that neighbouring seeds do not share streams.
    """
    digest = hashlib.sha256(f"{purpose}:{seed}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def normal(shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    """Samples of N(0, 1) on the generator's device, float32."""
    return torch.empty(shape, device=rng.device).normal_(generator=rng)
