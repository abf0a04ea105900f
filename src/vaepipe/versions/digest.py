"""SHA-256 of every result that the same params, code and versions must give again, bit for bit.

Circumstances are left out, because they differ from run to run: `results/timing` (seconds, memory),
`results/provenance.json` (commit, machine), `results/mlflow.json` (ids that MLflow draws), and
`results/report.html` and `results/answers.json`, which show circumstances;
`results/claims_seconds.csv`, and with it the verdicts of `results/claims.json` and the picture of
seconds.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vaepipe import claims
from vaepipe.core.errors import UserError
from vaepipe.core.files import sha256
from vaepipe.data.manifest import FILES, MANIFEST
from vaepipe.figures import NAMES
from vaepipe.params import Matrix
from vaepipe.results import Results, pictured_runs, runs_of


def deterministic_files(matrix: Matrix, data: Path, results: Results) -> list[Path]:
    """All files that a rerun gives again: data, and what is computed from data and params alone."""
    of_runs = [
        path
        for run in runs_of(matrix)
        for path in (
            results.model(run),
            results.history(run),
            results.metrics(run),
        )
    ]
    of_runs += [f for run in pictured_runs(matrix) for f in _pictures(results.figure(run.name))]
    of_all = [
        results.classifier,
        results.classifier_metrics,
        results.metrics_table,
        results.comparison_table,
        results.differences_table,
        results.protocol,
        results.summary,
        results.curves_table,
        results.claims_table,
        *(results.claim(name) for name in claims.NAMES if name not in claims.OF_SECONDS),
    ]
    return [
        *(data / name for name in (*FILES, MANIFEST)),
        *of_runs,
        *of_all,
        *(file for name in NAMES for file in _pictures(results.figure(name))),
    ]


def _pictures(figure: Path) -> tuple[Path, Path]:
    """A figure as it is for the screen and for print."""
    return figure, figure.with_suffix(".svg")


def digest(files: Iterable[Path]) -> dict[str, Any]:
    """SHA-256 of each file, and `all`: that of the lines which `sha256sum` prints for them.

    Raises:
        UserError: a file can't be read.
    """
    try:
        found = {name: sha256(Path(name)) for name in sorted(p.as_posix() for p in files)}
    except OSError as error:
        raise UserError(f"{error.filename} can't be read: {error.strerror}") from error
    lines = "".join(f"{value}  {name}\n" for name, value in found.items())
    return {"all": hashlib.sha256(lines.encode()).hexdigest(), "files": found}
