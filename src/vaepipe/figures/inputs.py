"""What the figures are drawn from, read once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from vaepipe.core.files import read_table
from vaepipe.core.rng import generator
from vaepipe.data.dataset import Images, as_input, test_images
from vaepipe.data.manifest import About, about, read_manifest
from vaepipe.models import weights
from vaepipe.params import Figures, Matrix
from vaepipe.results import Results, Run, pictured_cells, pictured_runs, runs_of


@dataclass(frozen=True)
class Inputs:
    """Trained models, test images and tables, of all cells or, of very many, of some.

    Attributes:
        matrix: the cells that are shown.
        pictured: the runs that have a figure of their own.
        data: what the images are.
        test: test images as in the files.
        seen: the same as input of the models, by `train.binarize`: one draw for all figures.
        histories: a row per epoch, by run.
        metrics, comparison: the tables of `vaepipe.evaluation.tables`, of these cells.
    """

    matrix: Matrix
    settings: Figures
    results: Results
    data: About
    test: Images
    seen: dict[str, Tensor]
    histories: dict[Run, pd.DataFrame]
    metrics: pd.DataFrame
    comparison: pd.DataFrame
    pictured: list[Run]

    @property
    def first_runs(self) -> list[Run]:
        """The runs of the first seed: those whose images are shown."""
        seed = self.matrix.seeds[0]
        return sorted(
            (run for run in runs_of(self.matrix) if run.seed == seed),
            key=lambda run: run.latent_dim,
        )

    @property
    def autoencoders(self) -> list[Run]:
        """Those of `first_runs` that have codes and reconstructions, as a GAN has not."""
        return [run for run in self.first_runs if not self.trained(run)[0].adversarial]

    def trained(self, run: Run) -> tuple[nn.Module, str]:
        """The run's model, and how it was given its pixels (`train.binarize`)."""
        model, metadata = weights.load(self.results.model(run))
        return model, metadata["train"]["binarize"]

    def train(self, run: Run) -> dict[str, Any]:
        """The settings of training that the run had."""
        return weights.read_metadata(self.results.model(run))["train"]

    def pixels(self, index: Tensor, binarize: str) -> Tensor:
        """Input of some test images, `[n, pixels]`."""
        return self.seen[binarize][index]

    def of_class(self, label: int) -> Tensor:
        """Indices of the test images with that label, in the order of the file."""
        return torch.nonzero(self.test.labels == label)[:, 0]

    def examples(self) -> Tensor:
        """Indices of the test images shown: the first of each class, then the second, ..."""
        n = self.settings.images
        places = [self.of_class(label)[:n] for label in range(max(1, len(self.data.classes)))]
        turns = [(turn, label) for label, p in enumerate(places) for turn in range(len(p))]
        return torch.stack([places[label][turn] for turn, label in sorted(turns)[:n]])

    def shown_classes(self) -> list[int]:
        """The labels that test images have, in order; none where the images have no labels."""
        return self.test.labels.unique().tolist() if self.data.classes else []


def read(matrix: Matrix, settings: Figures, data: Path, results: Results) -> Inputs:
    """Read what the figures need; weights are read one at a time, when they are drawn."""
    test = test_images(data).to(torch.device("cpu"))
    pictured, matrix = pictured_runs(matrix), pictured_cells(matrix)

    def of_cells(table: pd.DataFrame) -> pd.DataFrame:
        return table[table["latent_dim"].isin(matrix.latent_dims)].reset_index(drop=True)

    ways = ("dynamic", "none")
    return Inputs(
        matrix,
        settings,
        results,
        about(read_manifest(data)),
        test,
        {way: as_input(test.pixels, way, generator(0, "figures")) for way in ways},
        {run: read_table(results.history(run)) for run in runs_of(matrix)},
        of_cells(read_table(results.metrics_table)),
        of_cells(read_table(results.comparison_table)),
        pictured,
    )
