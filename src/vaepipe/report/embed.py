"""Images, plotly, codes and decoders as text that can be embedded in the page."""

import json
import re
import zlib
from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree

import torch
from markupsafe import Markup
from PIL import Image
from torch import Tensor, nn

from vaepipe.models.layers import Residual

SIDES = ("width", "height")
# Integers on either side of zero: of coordinates, and of weights, for which fewer bits are enough.
STEPS = 2**15 - 1
DECODER_STEPS = 2**12 - 1
ENCODER_STEPS = 2**7 - 1
SMALL = 20_000  # weights of a layer that keeps all its bits: codes may be large, and it is cheap
# Characters; more would make the page too large to send.
NETWORKS_LIMIT = 3_100_000


def packed(data: bytes) -> str:
    """Bytes deflated (zlib) and in base64; `unpack` in explorer.js is its inverse."""
    return b64encode(zlib.compress(data, 9)).decode()


# The style of figures/style.py on dark paper. Colours of models and classes stay as they are;
# images of ink on paper are turned. `!important`, because matplotlib writes each colour at its
# element.
DARK = """<style>@media (prefers-color-scheme: dark) {
svg { fill: #e6e8eb; } TURNED
[style*="fill: #ffffff"] { fill: #14161a !important; }
:is([style*="fill: #e6e6e6"], [style*="fill: #ececec"], [style*="fill: #f2f2f2"]) {
  fill: #23272e !important; stroke: #23272e !important; }
[style*="fill: #f3f4f6"] { fill: #23272e !important; }
[style*="stroke: #22252a"] { stroke: #e6e8eb !important; }
[style*="stroke: #ffffff"] { stroke: #14161a !important; }
[style*="stroke: #e3e5e8"] { stroke: #343941 !important; }
[style*="stroke: #000000"] { stroke: #e6e8eb !important; }
:is([style*="fill: #22252a"], [style*="fill: #000000"]) { fill: #e6e8eb !important; }
:is([style*="fill: #555b64"], [style*="fill: #777c85"], [style*="fill: #8a8f98"])
{ fill: #a8aeb8 !important; }
:is([style*="stroke: #555b64"], [style*="stroke: #8a8f98"], [style*="stroke: #b4b9c1"])
{ stroke: #777d87 !important; }
}</style>"""


def svg_uri(path: Path, ink: bool) -> str:
    """An SVG file as a data URI, with its colours on dark paper: in base64 or percent-encoded,
    whichever is shorter.

    Args:
        ink: whether its images are ink on paper, which is light on dark paper; photographs stay.
    """
    head, tag, rest = path.read_text(encoding="utf-8").partition("<svg ")
    attributes, end, body = rest.partition(">")
    body = re.sub(r"(?<=data:image/png;base64,)[^\"]+", _in_grey, body)
    style = DARK.replace("TURNED", "image { filter: invert(1); }" if ink else "")
    text = f"{head}{tag}{attributes}{end}{style}{body}"
    return min(
        "data:image/svg+xml," + quote(text, safe="/:;,=()+*!?@-._~$"),
        "data:image/svg+xml;base64," + b64encode(text.encode()).decode(),
        key=len,
    )


def _in_grey(png: re.Match) -> str:
    """A PNG in base64 with one channel in place of four, if it is grey and nowhere transparent."""
    image = Image.open(BytesIO(b64decode(png[0])))
    red, *others = image.convert("RGB").split()
    if image.convert("RGBA").getextrema()[3] != (255, 255) or any(
        other.tobytes() != red.tobytes() for other in others
    ):
        return png[0]
    out = BytesIO()
    red.save(out, "PNG", optimize=True)
    return b64encode(out.getvalue()).decode()


def svg_size(path: Path) -> tuple[int, int]:
    """Width and height of an SVG file in CSS pixels."""
    box = ElementTree.parse(path).getroot().attrib
    return tuple(round(float(box[side].removesuffix("pt")) * 96 / 72) for side in SIDES)


def script_json(value: Any) -> Markup:
    """JSON that may stand in a script element: no `<`, so nothing in it can end the element."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def quantised(values: Tensor, steps: int = STEPS) -> tuple[Tensor, Tensor]:
    """Integers in -steps..steps, `[rows, columns]`, and the scale of each row, `[rows]`."""
    scale = values.abs().amax(1) / steps
    whole = (values / scale.clamp_min(1e-30)[:, None]).round()
    return whole.to(torch.int16), scale


def _dequantised(values: Tensor, steps: int) -> Tensor:
    whole, scale = quantised(values, steps)
    return whole * scale[:, None]


def _bytes(values: Tensor) -> bytes:
    """Little-endian bytes of a tensor, as the browser's typed arrays read them."""
    array = values.contiguous().numpy()
    return array.astype(array.dtype.newbyteorder("<")).tobytes()


def rows(values: Tensor, steps: int = STEPS) -> dict[str, Any]:
    """A matrix as quantised rows; `dequantised` in networks.js is the inverse.

    All low bytes stand before all high bytes, and no integer is negative: where few bits are used,
    the high bytes then deflate to little.
    """
    whole, scale = quantised(values, steps)
    unsigned = _bytes((whole.to(torch.int32) + steps).to(torch.uint16))
    return {
        "zero": steps,
        "steps": packed(unsigned[::2] + unsigned[1::2]),
        "scale": packed(_bytes(scale)),
    }


def network(module: nn.Module, steps: int) -> list[dict[str, Any]]:
    """An MLP's linear layers, first to last: integer weights, a scale a row, and biases.

    Empty for a convolutional network, which the page can't run.
    """
    if not isinstance(module, nn.Sequential):
        return []
    return [
        {
            "inputs": linear.in_features,
            "outputs": linear.out_features,
            **rows(linear.weight.detach(), _steps_of(linear, steps)),
            "bias": packed(_bytes(linear.bias.detach())),
            "residual": isinstance(part, Residual),
        }
        for part in module
        for linear in part.modules()
        if isinstance(linear, nn.Linear)
    ]


def _steps_of(linear: nn.Linear, steps: int) -> int:
    return STEPS if linear.weight.numel() < SMALL else steps


def network_size(layers: list[dict[str, Any]]) -> int:
    """Characters that the layers take in the page."""
    return sum(len(layer[key]) for layer in layers for key in ("steps", "scale", "bias"))


def _quantise(model: nn.Module) -> None:
    """Round the weights as the page has them."""
    for name, steps in (("decoder", DECODER_STEPS), ("encoder", ENCODER_STEPS)):
        for layer in getattr(model, name).modules():
            if isinstance(layer, nn.Linear):
                layer.weight.copy_(_dequantised(layer.weight, _steps_of(layer, steps)))


class Errors(NamedTuple):
    """Largest change of a pixel's probability that quantising makes: of a decoded z, and the mean
    over the pixels of an image that is encoded and decoded, of the image with the largest."""

    decoded: float
    reconstructed: float


@torch.no_grad()
def quantisation_errors(model: nn.Module, z: Tensor, x: Tensor, labels: Tensor) -> Errors:
    """What rounding the weights changes.

    Args:
        z: inputs of the decoder, `[n, latent_dim]`.
        x: images `[n, pixels]`.
        labels: of both, `[n]`.
    """
    weights = {name: value.clone() for name, value in model.state_dict().items()}

    def outputs() -> tuple[Tensor, Tensor]:
        codes = model.codes(x, labels)
        return model.images(z, labels), model.images(codes, labels)

    exact = outputs()
    _quantise(model)
    decoded, again = ((a - b).abs() for a, b in zip(outputs(), exact, strict=True))
    model.load_state_dict(weights)
    return Errors(decoded.max().item(), again.mean(1).max().item())
