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


def normal(shape: tuple[int, ...], *draws: torch.Generator) -> Tensor:
    """Draws from N(0, 1) on the generators' device, float32.

    Of several generators each draws an equal part of the first dimension.
    """
    whole = torch.empty(shape, device=draws[0].device)
    for part, draw in zip(whole.chunk(len(draws)), draws, strict=True):
        part.normal_(generator=draw)
    return whole
