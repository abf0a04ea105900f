"""The names of runs and of their files, in one place."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vaepipe.params import Matrix


@dataclass(frozen=True, order=True)
class Run:
    """One cell of the matrix."""

    model: str
    latent_dim: int
    seed: int

    @property
    def name(self) -> str:
        """Such as `vae-z20-s0`."""
        return f"{self.model}-z{self.latent_dim}-s{self.seed}"


def runs_of(matrix: "Matrix") -> list[Run]:
    """All runs of the matrix, in its order."""
    return [
        Run(model, latent_dim, seed)
        for model in matrix.models
        for latent_dim in matrix.latent_dims
        for seed in matrix.seeds
    ]


@dataclass(frozen=True)
class Results:
    """Where the stages leave their files under one results folder."""

    folder: Path = Path("results")

    def model(self, run: Run) -> Path:
        """Trained weights."""
        return self.folder / "models" / f"{run.name}.safetensors"

    def history(self, run: Run) -> Path:
        """A row per epoch."""
        return self.folder / "history" / f"{run.name}.csv"

    def metrics(self, run: Run) -> Path:
        """Test metrics."""
        return self.folder / "metrics" / f"{run.name}.json"

    def checkpoint(self, run: Run) -> Path:
        """Where an unfinished run goes on from; not an output, so no driver deletes it."""
        return self.folder / "checkpoints" / f"{run.name}.safetensors"

    @property
    def classifier(self) -> Path:
        """Weights of the classifier that judges generated images, and its reference."""
        return self.folder / "classifier.safetensors"

    @property
    def examination(self) -> Path:
        """The classifier on real test images."""
        return self.folder / "classifier.json"

    @property
    def metrics_table(self) -> Path:
        """A row per run."""
        return self.folder / "metrics.csv"

    @property
    def comparison_table(self) -> Path:
        """Means and intervals over seeds."""
        return self.folder / "comparison.csv"

    @property
    def differences_table(self) -> Path:
        """Differences between models, paired by seed."""
        return self.folder / "differences.csv"

    @property
    def protocol(self) -> Path:
        """How everything in the tables was measured."""
        return self.folder / "protocol.json"

    def figure(self, name: str) -> Path:
        """A figure over runs, by its name, or a run's own figure, by the run's."""
        return self.folder / "figures" / f"{name}.png"

    def timing(self, run: Run) -> Path:
        """Seconds, memory, machine."""
        return self.folder / "timing" / f"{run.name}.json"
