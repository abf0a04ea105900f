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


NETWORKS = ("mlp", "residual", "conv")
PRIORS = ("normal", "flow")
LIKELIHOODS = ("bernoulli", "logistic", "autoregressive")
# Fields that files written before them lack; where they say nothing new, files stay as they were.
NEWER = ("image", "likelihood")


@dataclass(frozen=True)
class Architecture:
    """The shape of one model; the decoder mirrors the encoder's widths.

    Attributes:
        hidden: widths of the encoder's dense layers.
        network: mlp; residual, an MLP in which a hidden layer as wide as the one before it adds its
            output to its input; or conv: convolutions of `channels` before an MLP.
        prior: of the latents; normal is N(0, I), flow is learned with the model.
        pixels: values of an image: channels x height x width.
        classes: of the labels; 0 if there are none.
        image: channels, height and width.
        likelihood: of pixels: bernoulli of 0 and 1, logistic of 8 bits; autoregressive, of 0 and 1,
            given the pixels before as well.
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

    @property
    def outputs(self) -> int:
        """Values that the decoder gives for each pixel: a logit, or what the autoregressive
        likelihood makes one of, half as many as the first convolution gives.
        """
        return max(2, self.channels[0] // 2) if self.likelihood == "autoregressive" else 1

    def saved(self) -> dict[str, Any]:
        """What is written beside weights: `NEWER` only where they are not the default."""
        default = {field.name: field.default for field in fields(self) if field.name in NEWER}
        return {k: v for k, v in asdict(self).items() if k not in NEWER or v != default[k]}
