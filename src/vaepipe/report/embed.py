"""Images, plotly, codes and decoders as text that can be embedded in the page."""

import json
import zlib
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import torch
from markupsafe import Markup
from torch import Tensor, nn

SIDES = ("width", "height")
STEPS = 2**15 - 1  # integers on either side of zero
DECODERS_LIMIT = 2_600_000  # characters; larger decoders would make the page too large to send


def packed(data: bytes) -> str:
    """Bytes deflated (zlib) and in base64; `unpack` in explorer.js is its inverse."""
    return b64encode(zlib.compress(data, 9)).decode()


def svg_uri(path: Path) -> str:
    """An SVG file as a data URI: in base64 or percent-encoded, whichever is shorter."""
    text = path.read_text(encoding="utf-8")
    return min(
        "data:image/svg+xml," + quote(text, safe="/:;,=()+*!?@-._~$"),
        "data:image/svg+xml;base64," + b64encode(text.encode()).decode(),
        key=len,
    )


def svg_size(path: Path) -> tuple[int, int]:
    """Width and height of an SVG file in CSS pixels."""
    box = ElementTree.parse(path).getroot().attrib
    return tuple(round(float(box[side].removesuffix("pt")) * 96 / 72) for side in SIDES)


def script_json(value: Any) -> Markup:
    """JSON that may stand in a script element: no `<`, so nothing in it can end the element."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def quantised(values: Tensor) -> tuple[Tensor, Tensor]:
    """16-bit integers `[rows, columns]` and the scale of each row, `[rows]`."""
    scale = values.abs().amax(1) / STEPS
    steps = (values / scale.clamp_min(1e-30)[:, None]).round()
    return steps.to(torch.int16), scale


def _dequantised(values: Tensor) -> Tensor:
    steps, scale = quantised(values)
    return steps * scale[:, None]


def _bytes(values: Tensor) -> bytes:
    """Little-endian bytes of a tensor, as the browser's typed arrays read them."""
    array = values.contiguous().numpy()
    return array.astype(array.dtype.newbyteorder("<")).tobytes()


def decoder(model: nn.Module) -> list[dict[str, Any]]:
    """The decoder's linear layers, first to last: integer weights, a scale a row, and biases."""
    layers = []
    for linear in (layer for layer in model.decoder if isinstance(layer, nn.Linear)):
        steps, scale = quantised(linear.weight.detach())
        layers.append(
            {
                "inputs": linear.in_features,
                "outputs": linear.out_features,
                "steps": packed(_bytes(steps)),
                "scale": packed(_bytes(scale)),
                "bias": packed(_bytes(linear.bias.detach())),
            }
        )
    return layers


def decoder_size(layers: list[dict[str, Any]]) -> int:
    """Characters that the layers take in the page."""
    return sum(len(layer[key]) for layer in layers for key in ("steps", "scale", "bias"))


@torch.no_grad()
def quantisation_error(model: nn.Module, z: Tensor, labels: Tensor) -> float:
    """The largest change of a pixel's probability that quantising the weights makes.

    Args:
        z, labels: inputs of the decoder, `[n, latent_dim]` and `[n]`.
    """
    exact = model.decode(z, labels).sigmoid()
    weights = {k: v.clone() for k, v in model.state_dict().items()}
    rounded = {
        k: _dequantised(v) if k.startswith("decoder") and v.dim() == 2 else v
        for k, v in weights.items()
    }
    model.load_state_dict(rounded)
    change = (model.decode(z, labels).sigmoid() - exact).abs().max().item()
    model.load_state_dict(weights)
    return change


def points(codes: Tensor) -> dict[str, str]:
    """Codes `[n, 3]` as quantised coordinates: three runs of n integers, and three scales."""
    steps, scale = quantised(codes.T)
    return {"steps": packed(_bytes(steps)), "scale": packed(_bytes(scale))}
