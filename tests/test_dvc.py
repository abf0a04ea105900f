"""Experiments, metrics and plots as people see them in DVC."""

import csv
import hashlib
import io
import json
import sqlite3
from pathlib import Path

import dvc.api
import pytest
import yaml

from conftest import ROOT, a_copy, git, run_in
from vaepipe.params import check_file
from vaepipe.results import Results
from vaepipe.versions.digest import deterministic_files

RATES = ("0.001", "0.003")
# Every output that is in no digest, and why, is in docs/versions.md.
TABLES = ("metrics.csv", "comparison.csv", "differences.csv", "protocol.json", "summary.json")
CLAIMS = ("claims.json", "claims.csv", "claims_seconds.csv")
CIRCUMSTANCES = {
    f"results/{name}"
    for name in (
        "answers.json",
        "claims.json",
        "claims_seconds.csv",
        "claims/faster.svg",
        "digest.json",
        "mlflow.json",
        "provenance.json",
        "report.html",
    )
}


def logged(tree: Path) -> set[str]:
    """The peak learning rates of the runs in the tree's MLflow store."""
    with sqlite3.connect(tree / "results/mlflow.db") as store:
        return {
            v for (v,) in store.execute("select value from params where key='train.learning_rate'")
        }


@pytest.fixture(scope="module")
def experiments(dvc_tree, tmp_path_factory) -> Path:
    """A tree in which a queued grid of two experiments has run, with code of their own."""
    tree = a_copy(dvc_tree, tmp_path_factory.mktemp("experiments") / "tree")
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "results")
    page = tree / "src/vaepipe/report/page.html.j2"
    text = page.read_text()
    page.write_text(text.replace("</title>", " MARKED</title>"))
    grid = f"train.learning_rate={','.join(RATES)}"
    words = ("--queue", "-S", grid, "-S", "matrix.models=[ae]")
    queued = run_in(tree, "dvc", "exp", "run", *words, PYTHONPATH="")
    assert queued.returncode == 0, queued.stderr
    page.write_text(text)
    done = run_in(tree, "dvc", "exp", "run", "--run-all", PYTHONPATH="")
    assert done.returncode == 0, done.stdout + done.stderr
    return tree


def shown(tree: Path) -> list[dict[str, str]]:
    text = run_in(tree, "dvc", "exp", "show", "--csv").stdout
    return list(csv.DictReader(io.StringIO(text)))


def test_queued_experiments_are_shown_with_their_params_and_metrics(experiments):
    rows = [row for row in shown(experiments) if row["rev"] not in ("workspace", "master", "main")]
    assert {row["train.learning_rate"] for row in rows if row["Executor"]} == set(RATES)
    for row in rows:
        assert 50 < float(row["ae-z3.reconstruction_cross_entropy"]) < 400
        assert len(row["ae-z3.reconstruction_cross_entropy"]) <= 6


def test_queued_experiments_log_to_the_store_of_the_tree(experiments, dvc_tree):
    assert logged(experiments) == logged(dvc_tree) | set(RATES)
    assert not list(experiments.glob(".dvc/tmp/exps/**/mlflow.db"))


def test_queued_experiments_run_their_own_code(experiments):
    names = run_in(experiments, "dvc", "exp", "list", "--name-only").stdout.split()
    assert len(names) == 2
    for name in names:
        rev = git(experiments, "for-each-ref", "--format=%(objectname)", f"refs/exps/*/*/{name}")
        page = dvc.api.read("results/report.html", repo=str(experiments), rev=rev)
        assert "MARKED</title>" in page
    assert "MARKED" not in (experiments / "results/report.html").read_text()


def test_an_experiment_is_compared_by_its_name(experiments):
    name = run_in(experiments, "dvc", "exp", "list", "--name-only").stdout.split()[0]
    done = run_in(experiments, "vaepipe", "diff", "HEAD", name)
    assert done.returncode == 0, done.stderr
    before = check_file(ROOT / "params.yaml").train.learning_rate
    assert f"train.learning_rate: {before} ->" in done.stdout
    assert "matrix.models: ae, vae, cvae -> ae" in done.stdout


def test_metrics_and_params_are_diffed_by_name(experiments):
    name = run_in(experiments, "dvc", "exp", "list", "--name-only").stdout.split()[0]
    rev = git(experiments, "for-each-ref", "--format=%(objectname)", f"refs/exps/*/*/{name}")
    metrics = json.loads(
        run_in(experiments, "dvc", "metrics", "diff", "--json", "HEAD", rev).stdout
    )
    assert "reconstruction_cross_entropy" in str(metrics["results/summary.json"])
    params = json.loads(run_in(experiments, "dvc", "params", "diff", "--json", "HEAD", rev).stdout)
    assert set(params["params.yaml"]) == {"train.learning_rate", "matrix.models"}


def test_plots_have_titles_on_their_axes(dvc_tree):
    done = run_in(dvc_tree, "dvc", "plots", "show", "--json", "--split")
    assert done.returncode == 0, done.stderr
    plots = json.loads(done.stdout)["data"]
    for name in ("validation loss", "training loss"):
        (plot,) = plots[name]
        assert plot["anchor_definitions"]["<DVC_METRIC_X_LABEL>"] == "epoch"
        assert plot["anchor_definitions"]["<DVC_METRIC_Y_LABEL>"] == "loss per image"
        assert len(plot["anchor_definitions"]["<DVC_METRIC_DATA>"]) == 3
    assert "results/figures/comparison.png" in plots


def test_a_run_leaves_only_what_is_to_be_committed(dvc_tree):
    status = git(dvc_tree, "status", "--porcelain", "-uall", "--", ".", ":!results/metrics")
    changed = {line.split()[-1] for line in status.splitlines()}
    tables = {f"results/{n}" for n in (*TABLES, *CLAIMS)}
    assert "dvc.lock" in changed
    assert changed <= {"dvc.lock", "results/digest.json", "results/classifier.json", *tables}


def test_the_digest_holds_every_output_but_circumstances(dvc_tree):
    lock = yaml.safe_load((dvc_tree / "dvc.lock").read_text())["stages"]
    outputs = {out["path"] for name, s in lock.items() if name != "check" for out in s["outs"]}
    for folder in ("figures", "claims"):
        outputs.remove(f"results/{folder}")
        files = dvc_tree.glob(f"results/{folder}/*")
        outputs |= {f"results/{folder}/{path.name}" for path in files}
    listed = deterministic_files(
        check_file(dvc_tree / "params.yaml").matrix, Path("data/mnist"), Results()
    )
    timings = {path for path in outputs if path.startswith("results/timing/")}
    assert outputs - timings - CIRCUMSTANCES == {path.as_posix() for path in listed}


def test_the_digest_over_all_is_that_of_sha256sum(dvc_tree):
    found = json.loads((dvc_tree / "results/digest.json").read_text())
    lines = run_in(dvc_tree, "sha256sum", *sorted(found["files"])).stdout
    assert lines == "".join(f"{value}  {name}\n" for name, value in sorted(found["files"].items()))
    assert found["all"] == hashlib.sha256(lines.encode()).hexdigest()


def test_dvc_never_takes_mlflow_ids_from_its_cache(dvc_tree, tmp_path):
    tree = a_copy(dvc_tree, tmp_path / "tree")
    (tree / "results/mlflow.json").unlink()
    (tree / "results/mlflow.db").unlink()
    (tree / "results/figures/samples.png").unlink()
    plan = run_in(tree, "dvc", "repro", "--dry", "figures", "track").stdout
    assert "Stage 'figures' is cached" in plan
    assert "Running stage 'track'" in plan


def test_the_picture_of_the_graph_shows_every_stage():
    picture = (ROOT / "docs/dag.svg").read_text()
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for stage in set(stages) - {"check"}:
        assert f">{stage}<" in picture, "run `make dag`"
