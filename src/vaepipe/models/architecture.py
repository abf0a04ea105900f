"""The shape of a model: all that is needed to build it."""

from dataclasses import dataclass

# Name in the params: class in torch.nn.
ACTIVATIONS = {"relu": "ReLU", "tanh": "Tanh", "elu": "ELU", "silu": "SiLU"}


@dataclass(frozen=True)
class Architecture:
    """The shape of one model; the decoder mirrors the encoder's hidden widths."""

    model: str
    latent_dim: int
    hidden: tuple[int, ...]
    activation: str
    pixels: int = 784
    classes: int = 10
