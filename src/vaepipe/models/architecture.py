"""The shape of a model: all that is needed to build it."""

from dataclasses import asdict, dataclass, fields
from typing import Any

# Name in the params: class in torch.nn.
ACTIVATIONS = {
    "relu": "ReLU",
    "leaky_relu": "LeakyReLU",
    "tanh": "Tanh",
    "elu": "ELU",
    "silu": "SiLU",
}


NETWORKS = ("mlp", "conv")
PRIORS = ("normal", "flow")
LIKELIHOODS = ("bernoulli", "logistic")
# Fields that files written before them lack; where they say nothing new, files stay as they were.
NEWER = ("image", "likelihood")


@dataclass(frozen=True)
class Architecture:
    """The shape of one model; the decoder mirrors the encoder's widths.

    Attributes:
        hidden: widths of the encoder's dense layers.
        network: mlp, or conv: convolutions of `channels` before the dense layers.
        prior: of the latents; normal is N(0, I), flow is learned with the model.
        pixels: values of an image: channels x height x width.
        classes: of the labels; 0 if there are none.
        image: channels, height and width.
        likelihood: of pixels: bernoulli of 0 and 1, logistic of 8 bits.
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
    image: tuple[int, int, int] = (1, 28, 28)
    likelihood: str = "bernoulli"

    def saved(self) -> dict[str, Any]:
        """What is written beside weights: `NEWER` only where they are not the default."""
        default = {field.name: field.default for field in fields(self) if field.name in NEWER}
        return {k: v for k, v in asdict(self).items() if k not in NEWER or v != default[k]}
