"""The importance-weighted bound, K = 5,000: its share of the machine's matrix rate, its memory.

`likelihood.bound_and_terms` of a trained 784-400-20 VAE on a slice of the test images, with
the default chunk, against the decoder's matrix products alone at the same shapes (the encoder runs
once per image, so its products don't count), and against the rate of one large square product.
"""

import torch
from torch import nn

from benchmarks import setting
from benchmarks.floor import decoder_products, flops
from benchmarks.memory import watched
from benchmarks.setting import HIDDEN, LATENTS, PIXELS
from benchmarks.timing import in_turns, processor_seconds, ratios, spread
from vaepipe import params
from vaepipe.core.rng import generator
from vaepipe.data.dataset import Images, grey
from vaepipe.evaluation.likelihood import bound_and_terms

SAMPLES = 5000
IMAGES = 100
TURNS = 3
SQUARE = 2048
WIDTHS = (LATENTS, HIDDEN, PIXELS)
GOAL = 0.5


@torch.no_grad()
def bound(model: nn.Module, images: Images, samples: int, chunk: int) -> None:
    """The bound on log p(x) of all images."""
    rng = generator(0, "benchmark")
    labels = images.labels.to(torch.int64)
    bound_and_terms(model, grey(images.pixels), labels, samples, chunk, rng)


def measure(
    training: Images, test: Images, images: int = IMAGES, samples: int = SAMPLES, turns: int = TURNS
) -> dict[str, object]:
    """Seconds, shares and memory; `full_test_minutes` is for all 10,000 test images."""
    chunk = params.check_file(setting.ROOT / "params.yaml").evaluate.chunk
    model = setting.trained(setting.settings_of("example", epochs=1), training.first(12_800))[0]
    asked = test.first(images)
    calls = images * samples // chunk
    products = decoder_products(WIDTHS, chunk, torch.float32)
    square = decoder_products((SQUARE, SQUARE), SQUARE, torch.float32)
    seconds = in_turns(
        {
            "bound": lambda: processor_seconds(lambda: bound(model, asked, samples, chunk)),
            "products": lambda: processor_seconds(lambda: [products() for _ in range(calls)]),
            "square": lambda: processor_seconds(square),
        },
        turns,
    )
    with watched() as memory:
        bound(model, asked, samples, chunk)
    operations = flops(WIDTHS, images * samples)
    rates = [operations / s for s in seconds["bound"]]
    best = [flops((SQUARE, SQUARE), SQUARE) / s for s in seconds["square"]]
    return {
        "samples": samples,
        "images": images,
        "chunk": chunk,
        "seconds": spread(seconds["bound"]),
        "share_of_products": spread(ratios(seconds["products"], seconds["bound"])),
        "share_of_square_product": spread(ratios(rates, best)),
        "gflops": spread(rate / 1e9 for rate in rates),
        "square_gflops": spread(rate / 1e9 for rate in best),
        "added_memory_mib": round(memory["peak_mib"] - memory["before_mib"], 1),
        "full_test_minutes": spread(s * 10_000 / images / 60 for s in seconds["bound"]),
        "goal": GOAL,
    }
