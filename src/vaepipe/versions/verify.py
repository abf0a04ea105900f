"""One run of each model again, held against the results that are there. No stage needs this."""

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaepipe import flags, params
from vaepipe.core.errors import UserError
from vaepipe.core.files import read_json, sha256
from vaepipe.core.provenance import processor, versions
from vaepipe.evaluation.evaluate import protocol
from vaepipe.evaluation.metrics import METRICS
from vaepipe.models import weights
from vaepipe.results import Results, Run, runs_of


@dataclass(frozen=True)
class Finding:
    """What one run gave again.

    Attributes:
        differing: the files whose SHA-256 is not the one in results/digest.json.
        moved: by metric: value that is there, value of the rerun, standard error of the former.
        surroundings: what was otherwise when the results were made: versions, processor.
    """

    run: Run
    differing: list[Path]
    moved: dict[str, tuple[float, float, float]]
    surroundings: list[str]


def verify(root: Path) -> Iterator[Finding]:
    """Train and evaluate the first run of each model again, elsewhere, and compare.

    Raises:
        UserError: there are no results, or they were made with other params than params.yaml.
    """
    results = Results(root / "results")
    settings = params.check_file(root / "params.yaml")
    digests = read_json(results.digest)["files"]
    first = {run.model: run for run in reversed(runs_of(settings.matrix))}
    for run in sorted(first.values(), key=lambda run: settings.matrix.models.index(run.model)):
        metadata = weights.read_metadata(results.model(run))
        # A GAN, and a model whose name holds a setting, is trained with that of its own.
        given = metadata["train"] | metadata.get("replaced", {})
        if {k: v for k, v in given.items() if k in vars(settings.train)} != _plain(settings.train):
            raise UserError(
                f"{results.model(run)} was trained with other settings than params.yaml holds;"
                " run the pipeline, or put the settings back"
            )
        how = read_json(results.metrics(run))["protocol"]
        now = protocol({"data_set": settings.data.name}, metadata, how["images"], settings.evaluate)
        if now != how:
            raise UserError(
                f"{results.metrics(run)} was measured on other data, or with other settings of"
                " evaluate, than params.yaml holds; run the pipeline, or put the settings back"
            )
        with tempfile.TemporaryDirectory() as folder:
            again = Results(Path(folder))
            _rerun(root, run, settings, results, again)
            yield _compared(run, results, again, digests)


def _plain(settings: params.Train) -> dict[str, Any]:
    """The settings as they stand beside weights."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in vars(settings).items()}


def _rerun(root: Path, run: Run, settings: params.Settings, there: Results, to: Results) -> None:
    data = ["--data", f"data/{settings.data.name}"]
    chosen = ["--model", run.model, "--latent_dim", str(run.latent_dim), "--seed", str(run.seed)]
    train = [*chosen, *flags.to_cli_args(settings.train), *data, "--results", str(to.folder)]
    classifier = ["--classifier", str(there.classifier.relative_to(root))]
    given = ["--weights", str(to.model(run)), *classifier]
    evaluate = [*given, *flags.to_cli_args(settings.evaluate), *data, "--out", str(to.metrics(run))]
    for script, words in (("train", train), ("evaluate", evaluate)):
        command = [sys.executable, f"workflow/scripts/{script}.py", *words]
        # It is not to be streamed to a server, as if it were a run of these results.
        environment = os.environ | {"MLFLOW_TRACKING_URI": ""}
        if subprocess.run(command, cwd=root, env=environment).returncode:
            raise UserError(f"{run.name} can't be run again: {script} failed, see above")


def _compared(run: Run, there: Results, again: Results, digests: dict[str, str]) -> Finding:
    pairs = [(place(there), place(again)) for place in _places(run)]
    differing = [old for old, new in pairs if digests.get(_named(old)) != sha256(new)]
    before, after = (read_json(r.metrics(run))["metrics"] for r in (there, again))
    moved = {
        name: (before[name], after[name], before.get(f"{name}_sem", 0.0))
        for name in METRICS
        if name in before and name in after and before[name] != after[name]
    }
    timing = read_json(there.timing(run))
    now = {"processor or device": processor(), "python": platform.python_version(), **versions()}
    then = {"processor or device": timing["device"], **timing["versions"]}
    other = [f"{k} {then[k]}, now {now[k]}" for k in now if k in then and then[k] != now[k]]
    return Finding(run, differing, moved, other)


def _places(run: Run):
    return (lambda r: r.model(run), lambda r: r.history(run), lambda r: r.metrics(run))


def _named(path: Path) -> str:
    """The path as digest.json names it: from the tree's root."""
    return Path(*path.parts[path.parts.index("results") :]).as_posix()


def text(finding: Finding) -> str:
    """What was found, for people."""
    if not finding.differing:
        return f"{finding.run.name}: the same bits"
    lines = [f"{finding.run.name}: {', '.join(map(str, finding.differing))} differ"]
    for name, (before, after, sem) in finding.moved.items():
        error = f", {abs(after - before) / sem:.2g} standard errors" if sem else ""
        lines.append(f"  {name} {before:.6g} -> {after:.6g}: {after - before:+.2g}{error}")
    if not finding.moved:
        lines.append("  no metric moved")
    lines += [f"  made with {other}" for other in finding.surroundings]
    return "\n".join(lines)
