"""Progress of training: a bar on a terminal, plain lines in a log."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

PARTS = ("train", "validation")


def row_losses(row: dict[str, float], part: str) -> str:
    """The loss of a row, or both losses of a GAN, to two digits."""
    if f"{part}_loss" in row:
        return f"{row[f'{part}_loss']:.2f}"
    generator, discriminator = (row[f"{part}_{name}"] for name in ("generator", "discriminator"))
    return f"generator {generator:.2f} and discriminator {discriminator:.2f}"


@contextmanager
def progress(name: str, epochs: int) -> Iterator[Callable[[dict[str, float]], None]]:
    """Give a function that shows each finished epoch's row, losses and their unit, on stderr."""
    with tqdm(total=epochs, desc=name, unit="epoch", disable=not sys.stderr.isatty()) as bar:

        def on_epoch(row: dict[str, float]) -> None:
            epoch = int(row["epoch"])
            losses = ", ".join(f"{part} {row_losses(row, part)}" for part in PARTS)
            losses += " squared error" if "train_squared_error" in row else " nats"
            if bar.disable:
                print(f"{name} epoch {epoch} of {epochs}: {losses}", file=sys.stderr, flush=True)
            else:
                bar.set_postfix_str(losses)
                bar.update(epoch - bar.n)

        yield on_epoch
