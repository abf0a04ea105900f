"""What MLflow's pages say of runs, experiment and model versions: short texts in Markdown."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from vaepipe.models.names import title
from vaepipe.results import Run
from vaepipe.tracking.links import run_link, view_link
from vaepipe.tracking.names import minimises_squared_error

LONGEST = 7500  # characters; MLflow cuts the value of a tag at 8000
METRICS = (
    "Metrics: `test/` on the test images, `sem/` their standard errors over those images, `train/`"
    " and `validation/` the losses by epoch, in {unit}, `kl/` the KL of each latent, `cost/` what"
    " training took."
)
MEANS = (
    "Metrics: `test/` the mean over the seeds, `interval/` half the width of its 95 % t-interval,"
    " `train/`, `validation/` and `cost/` means over the seeds."
)


def what(run: Run) -> str:
    """A cell of the matrix in words: `VAE with 20 latents`."""
    return f"{title(run.model)} with {run.latent_dim} latent{'s' * (run.latent_dim != 1)}"


def unit(metadata: Mapping[str, Any]) -> str:
    """What the run's losses are counted in."""
    return f"{'squared error' if minimises_squared_error(metadata) else 'nats'} per image"


def of_run(run: Run, metadata: Mapping[str, Any], failed: str | None) -> str:
    """What one run is, and why its training or evaluation failed, if it did."""
    text = (
        f"{what(run)}, seed {run.seed}, trained for {metadata['train']['epochs']} epochs on"
        f" {metadata['data']['data_set']}."
    )
    if failed:
        text += f" **Failed:** {failed}."
    return f"{text}\n\n{METRICS.format(unit=unit(metadata))}"


def of_cell(run: Run, experiment_id: str, ids: Mapping[str, str], failed: int) -> str:
    """What the mean over the seeds of a cell is, with a link to each of its runs.

    Args:
        run: one of the cell's.
        ids: MLflow's ids of the cell's runs, by name.
        failed: how many of them have no part in the mean.
    """
    n = len(ids) - failed
    text = f"{what(run)}: the mean over {n} seed{'s' * (n != 1)}"
    if failed:
        text += f", without {failed} that failed"
    return _fitting([f"{text}.\n\n{MEANS}", ""], _linked(experiment_id, ids))


def of_comparison(
    experiment_id: str,
    answers: Iterable[Mapping[str, Any]],
    cells: Mapping[str, str],
    ids: Mapping[str, str],
) -> str:
    """The report's answers, and links to the means over the seeds and to the runs.

    Args:
        answers: as `report.answers_file.answers` returns them.
        cells: MLflow's ids of the means over the seeds, by name.
        ids: those of the runs.
    """
    answers = list(answers)
    lines: list[str] = []
    asked = ""
    for one in answers:
        if one["title"] != asked:
            asked = one["title"]
            lines += ["", f"**{asked}**", ""]
        n = one["latent_dim"]
        lines.append(
            f"- {n} latent{'s' * (n != 1)}: {one['answer'].strip()} *{one['how_sure'].strip()}*"
        )
    if any("†" in one["answer"] for one in answers):
        lines += ["", "† is given the label, so its number is not compared."]
    lines += [
        "",
        "The report is among the artifacts. Means over the seeds:",
        "",
        *_linked(experiment_id, cells),
        "",
        "Runs:",
        "",
    ]
    return _fitting(lines, _linked(experiment_id, ids))


def of_experiment(experiment_id: str, means: str, by_seed: str, comparison: str) -> str:
    """Where to begin.

    Args:
        means, by_seed: keys of the saved views.
        comparison: MLflow's id of the run with the report.
    """
    # The page shows the first line alone until it is unfolded.
    return "\n".join(
        [
            f"[Means over the seeds]({view_link(experiment_id, means)}) ·"
            f" [runs by model and latent size]({view_link(experiment_id, by_seed)}) ·"
            f" [answers and report]({run_link(experiment_id, comparison)})",
            "",
            "Models of images, compared by vaepipe. Three kinds of run, by the tag `kind`: `cell`"
            " is the mean over the seeds of a model with a latent size, `run` one training,"
            " `comparison` holds the answers and the report. The links above are of the version"
            " that was logged last; the menu *Views* has a pair for each results folder.",
        ]
    )


def of_version(run: Run, metadata: Mapping[str, Any], loss: float) -> str:
    """What a version of a registered model is, before it is a champion and has a card."""
    text = f"{what(run)}, seed {run.seed}, trained for {metadata['train']['epochs']} epochs"
    if not math.isfinite(loss):  # a GAN has none
        return f"{text}."
    loss_of = f"{loss:.3f} {unit(metadata)}"
    return f"{text}; loss on the validation images after the last one: {loss_of}."


def _linked(experiment_id: str, ids: Mapping[str, str]) -> list[str]:
    return [f"- [{name}]({run_link(experiment_id, run_id)})" for name, run_id in ids.items()]


def _fitting(lines: list[str], links: list[str]) -> str:
    """The lines and as many of the links as one tag holds."""
    room = LONGEST - len("\n".join(lines))
    shown = list(links)
    while shown and sum(len(link) + 1 for link in shown) > room:
        shown.pop()
    if left := len(links) - len(shown):
        shown.append(f"- and {left} more, with the same tag `report_version`")
    return "\n".join([*lines, *shown])
