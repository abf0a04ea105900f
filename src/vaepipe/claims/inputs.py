"""What the measurements of the claims need, read once; and the table that they fill."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from vaepipe.claims.sampling import classified, entropy, noise_images
from vaepipe.core.files import read_json
from vaepipe.core.rng import generator
from vaepipe.data.dataset import Images, as_input, grey, test_images, training_images
from vaepipe.data.manifest import About, about, read_manifest
from vaepipe.evaluation.classifier import ImageClassifier, load
from vaepipe.evaluation.generation import generated
from vaepipe.models import weights
from vaepipe.models.names import split
from vaepipe.params import Claims, Matrix
from vaepipe.results import Results, Run, pictured_cells, runs_of

COLUMNS = ("claim", "quantity", "arm", "latent_dim", "seed", "value")
ANY_SEED = -1  # of what does not depend on one
ALL_SIZES = 0  # the latent size of what is over all of them
SHOWN = 10  # images in a row of a picture
CHUNK = 1000  # images decoded at once, at most


@dataclass
class Table:
    """Rows of measurements, rows of seconds, which no rerun gives again, and images to show."""

    rows: list[tuple] = field(default_factory=list)
    seconds: list[tuple] = field(default_factory=list)
    images: dict[str, dict[str, Tensor]] = field(default_factory=dict)

    def add(self, claim: str, arm: str, latent_dim: int, seed: int, **values: float) -> None:
        """Note values of one arm and seed by quantity."""
        self.rows += _rows(claim, arm, latent_dim, seed, values)

    def add_seconds(
        self, claim: str, arm: str, latent_dim: int, seed: int, **values: float
    ) -> None:
        """Note processor seconds of one arm and seed by quantity."""
        self.seconds += _rows(claim, arm, latent_dim, seed, values)

    def show(self, claim: str, row: str, images: Tensor) -> None:
        """Keep the first images `[n, pixels]` for a row of the claim's picture."""
        self.images.setdefault(claim, {})[row] = images[:SHOWN].cpu()

    def extend(self, other: "Table") -> None:
        """Put another table's rows behind these, and its images beside them."""
        self.rows += other.rows
        self.seconds += other.seconds
        for claim, rows in other.images.items():
            self.images.setdefault(claim, {}).update(rows)


def _rows(claim: str, arm: str, dim: int, seed: int, values: Mapping[str, float]) -> list[tuple]:
    return [(claim, quantity, arm, dim, seed, float(v)) for quantity, v in values.items()]


def frame(rows: Iterable[tuple]) -> pd.DataFrame:
    """Rows of a `Table` with `COLUMNS`."""
    table = pd.DataFrame(list(rows), columns=list(COLUMNS))
    return table.astype({"latent_dim": int, "seed": int, "value": float})


@dataclass(frozen=True)
class Inputs:
    """Images, classifier and trained runs; of very many cells, of some latent sizes alone.

    Attributes:
        metrics: what the evaluate stage measured, by the run's name.
        failed: names of the runs that failed in training or in evaluation.
    """

    matrix: Matrix
    settings: Claims
    folder: Path
    results: Results
    data: About
    classifier: ImageClassifier | None
    test: Images
    metrics: Mapping[str, Mapping[str, float]]
    failed: Collection[str]

    @cached_property
    def training(self) -> Images:
        """All training images."""
        return training_images(self.folder, validation=0)[0].to(torch.device("cpu"))

    @cached_property
    def some(self) -> Images:
        """The test images that are encoded."""
        return self.test.at(spread(len(self.test.labels), self.settings.images))

    @cached_property
    def protocol(self) -> dict[str, Any]:
        """How the runs were measured by the evaluate stage."""
        return read_json(self.results.metrics(runs_of(self.matrix)[0]))["protocol"]

    @cached_property
    def noise(self) -> Tensor:
        """Images that know nothing of each other's pixels: `sampling.noise_images`."""
        pixels = grey(self.training.pixels[:10_000])
        return noise_images(pixels, self.settings.samples, self.settings.seed)

    def of_kind(self, *kinds: str, own: str | None = None) -> Iterator[Run]:
        """The runs of these models; of models with a setting of their own only if it is `own`."""
        for run in runs_of(self.matrix):
            kind, held = split(run.model)
            if kind in kinds and (not held or own in held):
                yield run

    @cached_property
    def variety(self) -> float:
        """exp(entropy) of the training images' classes: 10 where ten are equally frequent."""
        counts = torch.bincount(self.training.labels.long()).to(torch.float64)
        return entropy(counts / counts.sum()).exp().item()

    @property
    def has_gan(self) -> bool:
        """Whether a GAN is among the models."""
        return any(True for _ in self.of_kind("gan"))

    def trained(self, run: Run) -> tuple[nn.Module | None, dict[str, Any]]:
        """The run's model, None if the run failed, and what stands beside its weights."""
        model, metadata = weights.load(self.results.model(run))
        return (None if run.name in self.failed else model), metadata

    def rng(self, purpose: str, run: Run | None = None) -> torch.Generator:
        """Random numbers for one purpose; those of runs with other seeds differ."""
        name = f"claims {purpose}" + (f" {run.seed}" if run else "")
        return generator(self.settings.seed, name)

    def seen(self, metadata: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
        """Test images as the model was given its own, `[n, pixels]`, and their labels `[n]`."""
        pixels = as_input(self.some.pixels, metadata["train"]["binarize"], self.rng("images"))
        return pixels, self.some.labels

    def originals(self) -> Tensor:
        """Grey test images `[n, pixels]`, the same as `seen` has binarised."""
        return grey(self.some.pixels)

    def samples(self, model: nn.Module, run: Run) -> Tensor:
        """Decoded draws of the prior; of N(0, I) where a model has none."""
        rng = self.rng("samples", run)
        return generated(model, self.settings.samples, CHUNK, rng, torch.device("cpu"))[0]

    def quality(self, images: Tensor) -> dict[str, float]:
        """`sampling.classified` of images."""
        return classified(images, self.classifier)


def spread(n: int, few: int) -> Tensor:
    """Indices of a few of n images, at equal distances `[few]`; of all, if there are no more.

    Not the first: those of MNIST's test images were written by other people than the last, and are
    easier (yann.lecun.com/exdb/mnist).
    """
    few = min(n, few)
    return torch.arange(few) * n // few


def read(matrix: Matrix, settings: Claims, folder: Path, results: Results) -> Inputs:
    """Read what is needed of all claims; weights are read when they are used."""
    data = about(read_manifest(folder))
    matrix = pictured_cells(matrix)
    records = {run.name: read_json(results.metrics(run)) for run in runs_of(matrix)}
    return Inputs(
        matrix,
        settings,
        folder,
        results,
        data,
        load(results.classifier, torch.device("cpu"), data),
        test_images(folder).to(torch.device("cpu")),
        {name: record["metrics"] for name, record in records.items()},
        {name for name, record in records.items() if record.get("failed")},
    )
