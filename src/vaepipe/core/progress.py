"""Progress of training: a bar on a terminal, plain lines in a log."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm


@contextmanager
def progress(name: str, epochs: int) -> Iterator[Callable[[dict[str, float]], None]]:
    """Give a function that shows each finished epoch's row, its losses in nats, on stderr."""
    with tqdm(total=epochs, desc=name, unit="epoch", disable=not sys.stderr.isatty()) as bar:

        def on_epoch(row: dict[str, float]) -> None:
            epoch = int(row["epoch"])
            losses = f"train {row['train_loss']:.2f}, validation {row['validation_loss']:.2f} nats"
            if bar.disable:
                print(f"{name} epoch {epoch} of {epochs}: {losses}", file=sys.stderr, flush=True)
            else:
                bar.set_postfix_str(losses)
                bar.update(epoch - bar.n)

        yield on_epoch
