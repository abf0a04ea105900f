"""The shape of a model: all that is needed to build it."""

from dataclasses import dataclass

# Name in the params: class in torch.nn.
ACTIVATIONS = {"relu": "ReLU", "tanh": "Tanh", "elu": "ELU", "silu": "SiLU"}


NETWORKS = ("mlp", "conv")
PRIORS = ("normal", "flow")


@dataclass(frozen=True)
class Architecture:
    """The shape of one model; the decoder mirrors the encoder's widths.

    Attributes:
        hidden: widths of the encoder's dense layers.
        network: mlp, or conv: convolutions of `channels` before the dense layers.
        prior: of the latents; normal is N(0, I), flow is learned with the model.
    """

    model: str
    latent_dim: int
    hidden: tuple[int, ...]
    activation: str
    network: str = "mlp"
    channels: tuple[int, ...] = (16, 32)
    prior: str = "normal"
    pixels: int = 784
    classes: int = 10
