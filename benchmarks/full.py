"""The version to quote: `python -m benchmarks.full RESULTS`.

Takes what params/full.yaml measured to where it is shown: the tables of docs/results.md and of
README.md, the pictures in docs/images/full/, and the longer budget beside the answers of every
report of a shorter training on MNIST (src/vaepipe/report/longer/).
"""

import argparse
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks import page, setting
from benchmarks.tables import table
from vaepipe.claims import NAMES
from vaepipe.core.errors import UserError, exit_on_user_error
from vaepipe.core.files import read_json, read_table, write_json, write_text
from vaepipe.core.provenance import git
from vaepipe.evaluation.metrics import METRICS, is_given_label
from vaepipe.evaluation.verdicts import with_verdicts
from vaepipe.models import weights
from vaepipe.models.names import title
from vaepipe.report import numbers
from vaepipe.report.answers_file import plain
from vaepipe.report.longer import FOLDER
from vaepipe.report.words import say
from vaepipe.results import Results, Run

PRESET = "params/full.yaml"
DOCS = setting.ROOT / "docs"
PICTURES = DOCS / "images" / "full"
FIGURES = {
    "reconstructions": "Test images and their reconstructions by each model with each latent size",
    "samples": "Samples of each model; an AE has no prior, and is given draws from N(0, I)",
    "digit_grid": "A CVAE's images: the same latents in a column, another label in each row",
    "latents_points": "The codes of 10,000 test images with 3 latents, coloured by digit",
    "manifold": "What the decoders make of a grid of codes",
    "comparison": "Metrics of each model, with their intervals",
}
# The rows of the README's table, by the words that it uses.
SHORT = {
    "neg_elbo": "−ELBO, nats per image",
    "nll_marginal": "NLL without the label",
    "reconstruction_cross_entropy": "reconstruction, nats per image",
    "frechet_distance": "Fréchet distance of samples",
    "probe_accuracy": "linear probe on the codes, %",
    "conditional_accuracy": "digit asked for, %",
}


def take(results: Results, commit: str) -> None:
    """Take the tables of a folder of results, and what stands beside them.

    Args:
        commit: the commit that holds them.

    Raises:
        UserError: the results are of another preset.
    """
    preset = read_json(results.claims)["settings"]["preset"]
    if preset != PRESET:
        raise UserError(f"{results.folder} is of {preset}, and the version to quote of {PRESET}")
    comparison = read_table(results.comparison_table)
    # Only models that are given the label have this metric.
    conditional = set(comparison.loc[comparison["metric"] == "conditional_accuracy", "model"])
    runs = read_table(results.metrics_table)[["model", "latent_dim", "seed"]]
    runs = [Run(*key) for key in runs.itertuples(index=False)]
    timing = {run: read_json(results.timing(run)) for run in runs}
    differences = read_table(results.differences_table)
    verdicts = with_verdicts(differences, conditional)
    found = {
        "comparison": comparison,
        "differences": differences,
        "seconds": numbers.seconds_table(timing),
    }
    for name, one in found.items():
        write_text(FOLDER / f"{name}.csv", one.to_csv(index=False))
    about = read_about(results, runs[0], commit) | {"tested": int(verdicts["p"].notna().sum())}
    write_json(FOLDER / "about.json", about)
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name in FIGURES:
        shutil.copyfile(results.figure(name).with_suffix(".png"), PICTURES / f"{name}.png")
    made = {
        "quoted_commit": lambda _: commands(about["commit"]),
        "quoted_pictures": lambda _: pictures(),
        "quoted": lambda _: means(found, conditional, SHORT),
        "quoted_all": lambda _: means(found, conditional, dict.fromkeys(METRICS)),
        "quoted_notes": lambda _: notes(results),
        "quoted_differences": lambda _: paired(verdicts, conditional),
        "quoted_claims": lambda _: claims(read_json(results.claims)["claims"]),
    }
    for path in (setting.ROOT / "README.md", DOCS / "results.md"):
        write_text(path, page.rendered(path.read_text(encoding="utf-8"), found, made))


def read_about(results: Results, run: Run, commit: str) -> dict[str, Any]:
    """How the results were made, in the words of the page."""
    train = weights.read_metadata(results.model(run))["train"]
    protocol = read_json(results.protocol)
    about = {
        "preset": PRESET,
        "commit": commit,
        "hidden": "-".join(map(str, train["hidden"])),
        "epochs": train["epochs"],
        "seeds": len(protocol["seeds"]),
    }
    return about | {key: protocol[key] for key in ("data_set", "binarize", "importance_samples")}


def commands(commit: str) -> str:
    """How to compare with this version, and how to make it again."""
    return f"""```sh
vaepipe diff {commit}        # this version against the working tree, with intervals
git checkout {commit}        # to make it again: snakemake --cores 2, or dvc repro
```"""


def pictures() -> str:
    """The figures, each below its sentence."""
    return "\n\n".join(
        f"{said}:\n\n![{said}](images/full/{name}.png)" for name, said in FIGURES.items()
    )


def means(
    found: dict[str, pd.DataFrame], conditional: Collection[str], rows: dict[str, str | None]
) -> str:
    """A row for each metric, and a column for each model with each latent size.

    Args:
        rows: metric to what the table calls it; None: its title and unit.
    """
    comparison = found["comparison"]
    cells = {(c.metric, c.latent_dim, c.model): c for c in comparison.itertuples()}
    columns = [
        (dim, model)
        for dim in sorted(comparison["latent_dim"].unique())
        for model in pd.unique(comparison["model"])
    ]

    def shown(metric: str, dim: int, model: str) -> str:
        if (cell := cells.get((metric, dim, model))) is None:
            return "–"
        mark = " †" if is_given_label(metric, model, conditional) else ""
        return numbers.with_interval(cell, METRICS[metric].digits) + mark

    seconds = {(c.latent_dim, c.model): c for c in found["seconds"].itertuples()}
    head = ["", *(f"{title(model)}, {dim} latents" for dim, model in columns)]
    body = [
        [called or _named(metric), *(shown(metric, *column) for column in columns)]
        for metric, called in rows.items()
        if metric in set(comparison["metric"])
    ]
    cost = (numbers.with_interval(seconds[column], 0) for column in columns)
    return table(head, [*body, ["training, processor seconds", *cost]])


def notes(results: Results) -> str:
    """What a reader of the means should know, with the numbers of these results."""
    measured, classifier = read_table(results.metrics_table), read_json(results.classifier_metrics)
    errors = measured.groupby(["model", "latent_dim"])["nll_sem"].mean()
    of_vae = ", ".join(f"{error:.2f} with {dim}" for dim, error in errors["vae"].items())
    accuracy, floor = classifier["test_accuracy"], classifier["frechet_floor"]
    processor = read_json(results.provenance)["processor"]
    lines = [
        "The intervals are over seeds alone. The standard error of the VAE's NLL from the finite"
        f" test set is, in nats, {of_vae} latents.",
        "NLL is an upper bound. With 3 latents it may be loose by more than its interval"
        " ([tightness](metrics.md#likelihood-vae-and-cvae)), and not equally for VAE and CVAE.",
        f"The classifier recognises {accuracy:.2f} % of the real test images: where it recognises"
        " the digit asked for more often, generated images are more typical than real ones. The"
        f" Fréchet distance of the real test images to the training images is {floor:.2f}.",
        f"Trained on {processor}, two runs side by side, each on one thread.",
    ]
    return "\n".join(f"- {line}" for line in lines)


def claims(found: dict[str, dict[str, Any]]) -> str:
    """The verdicts on the claims that these results could be asked."""
    rows = []
    for number, name in enumerate(NAMES, 1):
        one = found[name]
        if one["verdict"] != "not_tested":
            said = (say(f"claims_stated.{name}"), say(f"claims.{one['verdict']}"))
            rows.append([f"{number}. {plain(said[0])}", plain(said[1]), numbers.p_value(one["p"])])
    return table(("claim", "verdict", "p"), rows)


def _named(metric: str) -> str:
    about = METRICS[metric]
    return f"{numbers.typeset(about.title)} ({about.unit})".replace("|", "\\|")


def paired(verdicts: pd.DataFrame, conditional: Collection[str]) -> str:
    """The differences that were tested, with their intervals and Holm's p."""
    rows = [
        [
            one["row"].latent_dim,
            _named(one["row"].metric),
            f"{title(one['row'].model_a)} − {title(one['row'].model_b)}",
            numbers.with_interval(one["row"], one["digits"]),
            numbers.p_value(one["row"].p_holm),
            one["better"].en,
        ]
        for one in numbers.differences_rows(verdicts, conditional)
        if one["row"].p == one["row"].p  # not NaN: it was tested
    ]
    return table(("latents", "metric", "difference", "mean ± 95 %", "p", "better"), rows)


def commit_with(folder: Path) -> str:
    """The last commit of the folder's repository, in seven characters.

    Raises:
        UserError: it does not hold the folder's tables as they are.
    """
    tracked = git(folder, "ls-files", "comparison.csv")
    if not tracked or git(folder, "status", "--porcelain", "--", "."):
        raise UserError(f"the results in {folder} are not committed: commit them first")
    return git(folder, "rev-parse", "--short=7", "HEAD")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.full",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("results", type=Path, help=f"folder of the results of {PRESET}")
    folder = parser.parse_args().results
    take(Results(folder), commit_with(folder))


if __name__ == "__main__":
    with exit_on_user_error():
        main()
