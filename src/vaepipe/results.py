"""The names of runs and of their files, in one place."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
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


NAMED = 10  # runs whose seeds are all in their name: a file's name has at most 255 bytes


def name_of(runs: Sequence[Run]) -> str:
    """The name of runs that differ in their seeds alone: `vae-z20-s0+1+2`, or of many
    `vae-z20-s0-and-99-more`.
    """
    if len(runs) > NAMED:
        return f"{runs[0].name}-and-{len(runs) - 1}-more"
    return "+".join([runs[0].name, *(str(run.seed) for run in runs[1:])])


def runs_of(matrix: "Matrix") -> list[Run]:
    """All runs of the matrix, in its order."""
    return [
        Run(model, latent_dim, seed)
        for model in matrix.models
        for latent_dim in matrix.latent_dims
        for seed in matrix.seeds
    ]


MANY = 40  # cells or runs; pictures of more would be too many to look at
FEW = 3  # latent sizes that are pictured then


def pictured_cells(matrix: "Matrix") -> "Matrix":
    """The matrix, or, if it has too many models with latent sizes, one with fewer latent sizes.

    The smallest, the largest and some between them, evenly by their place.
    """
    sizes = sorted(matrix.latent_dims)
    if len(matrix.models) * len(sizes) <= MANY or len(sizes) <= FEW:
        return matrix
    few = {sizes[round(k * (len(sizes) - 1) / (FEW - 1))] for k in range(FEW)}
    return replace(matrix, latent_dims=tuple(d for d in matrix.latent_dims if d in few))


def pictured_runs(matrix: "Matrix") -> list[Run]:
    """The runs that have a figure of their own: all, or those of the first seed of a few cells."""
    runs = runs_of(matrix)
    if len(runs) <= MANY:
        return runs
    return [run for run in runs_of(pictured_cells(matrix)) if run.seed == matrix.seeds[0]]


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

    def checkpoint(self, *runs: Run) -> Path:
        """Where unfinished runs go on from, trained at once; not an output, so no driver deletes
        it."""
        return self.folder / "checkpoints" / f"{name_of(runs)}.safetensors"

    @property
    def classifier(self) -> Path:
        """Weights of the classifier that measures generated images, and its reference."""
        return self.folder / "classifier.safetensors"

    @property
    def classifier_metrics(self) -> Path:
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
    def curves_table(self) -> Path:
        """Losses of all runs, a row per run and epoch."""
        return self.folder / "curves.csv"

    @property
    def summary(self) -> Path:
        """The means alone, rounded, for people and for DVC."""
        return self.folder / "summary.json"

    @property
    def mlflow(self) -> Path:
        """The folder of MLflow's store, in the tree that was asked for the results.

        A queued experiment runs in a copy of that tree; dvc.yaml names the tree in VAEPIPE_ROOT.
        """
        return Path(os.path.relpath(Path(os.environ.get("VAEPIPE_ROOT") or ".") / self.folder))

    @property
    def mlflow_runs(self) -> Path:
        """The ids of the runs in MLflow, by the runs' names."""
        return self.folder / "mlflow.json"

    @property
    def params_checked(self) -> Path:
        """The output of DVC's check stage."""
        return self.folder / "params.checked"

    @property
    def provenance(self) -> Path:
        """What everything was made with: commit, versions, machine, and what changed."""
        return self.folder / "provenance.json"

    @property
    def report(self) -> Path:
        """The page over all runs."""
        return self.folder / "report.html"

    @property
    def answers(self) -> Path:
        """The page's answers as plain text, a question and latent size each."""
        return self.folder / "answers.json"

    @property
    def digest(self) -> Path:
        """SHA-256 of every deterministic result."""
        return self.folder / "digest.json"

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

    @property
    def claims(self) -> Path:
        """Verdicts on the claims of docs/claims.md, with their conditions and intervals."""
        return self.folder / "claims.json"

    @property
    def claims_table(self) -> Path:
        """What was measured for the claims: a row for each quantity, arm, latent size and seed."""
        return self.folder / "claims.csv"

    @property
    def claims_seconds(self) -> Path:
        """The same of processor seconds, which no rerun gives again."""
        return self.folder / "claims_seconds.csv"

    def claim(self, name: str) -> Path:
        """The picture of a claim."""
        return self.folder / "claims" / f"{name}.svg"

    def timing(self, run: Run) -> Path:
        """Seconds, memory, machine."""
        return self.folder / "timing" / f"{run.name}.json"
