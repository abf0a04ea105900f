"""Logging to MLflow: what is there, that it is there once, and that it is there whole."""

import base64
import json
import math
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import zlib
from dataclasses import replace
from itertools import count, product
from pathlib import Path

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
import sqlalchemy
import torch
from mlflow import MlflowClient

from conftest import ROOT, STRENGTH
from logged import ALL, ONE, Killed, Seen, assert_whole, start_logging, writes
from servers import refusing, serve, status
from synthetic import (
    COST,
    MANIFEST,
    PROVENANCE,
    TRAIN,
    draw,
    metadata,
    write_results,
    write_run,
    write_tables,
)
from vaepipe.core.errors import UserError
from vaepipe.core.files import read_json, sha256, write_json, write_text
from vaepipe.evaluation.metrics import METRICS
from vaepipe.evaluation.sweep import trial_results
from vaepipe.figures import COLOURS, colour
from vaepipe.models import weights
from vaepipe.params import Matrix, check_file
from vaepipe.results import Results, Run, runs_of
from vaepipe.sweep import Sweep, Trial
from vaepipe.tracking import notes
from vaepipe.tracking.address import store_uri
from vaepipe.tracking.content import driver
from vaepipe.tracking.log_runs import log_runs
from vaepipe.tracking.names import run_tags
from vaepipe.tracking.registry import registered_name
from vaepipe.tracking.secrets import redacted, without_secrets
from vaepipe.tracking.store import usable
from vaepipe.tracking.sweep import log_trials
from vaepipe.trained.model import load

VAE = Run("vae", 3, 0)


@pytest.fixture(autouse=True)
def default_store(monkeypatch):
    # Set and not deleted, because mlflow.set_tracking_uri sets it, too.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")


@pytest.fixture
def results(tmp_path, schema) -> Results:
    """Results of one VAE beside an empty store."""
    return write_results(_store(tmp_path / "results", schema), ONE)


def _store(folder: Path, schema: Path) -> Path:
    folder.mkdir(parents=True)
    shutil.copy(schema, folder / "mlflow.db")
    return folder


@pytest.fixture(scope="module")
def tracked(tmp_path_factory, schema):
    """All models logged once, for tests that only look."""
    folder = _store(tmp_path_factory.mktemp("tracked") / "results", schema)
    results = write_results(folder, ALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "")
        ids = log_runs(ALL, "vaepipe", results)
        patch.setenv("MLFLOW_TRACKING_URI", "")
        return results, ids, Seen(store_uri(results))


def test_a_run_holds_all_that_its_files_hold(tracked):
    results, ids, seen = tracked
    assert_whole(results, ALL, seen)
    for run in runs_of(ALL):
        assert seen.run(run.name).info.run_id == ids["runs"][run.name]


def test_tags_tell_runs_apart(tracked):
    _, _, seen = tracked
    tags = seen.run("vae-z3-s0").data.tags
    expected = {
        "model": "vae",
        "latent_dim": "3",
        "seed": "0",
        "data_set": "mnist",
        "git_commit": PROVENANCE["git"]["commit"],
        "git_clean": "true",
        "vaepipe_version": PROVENANCE["versions"]["vaepipe"],
        "mlflow.runColor": COLOURS["vae"],
        "mlflow.runName": "vae-z3-s0",
    }
    assert {name: tags[name] for name in expected} == expected
    assert len(tags["digest"]) == len(tags["data_digest"]) == 32
    versions = {run.data.tags["report_version"] for run in seen.runs}
    assert len(versions) == 1


def test_params_are_those_the_user_set(tracked):
    _, _, seen = tracked
    assert seen.run("vae-z3-s0").data.params == {
        "model": "vae",
        "latent_dim": "3",
        "seed": "0",
        **{f"train.{name}": str(value) for name, value in TRAIN.items()},
        "evaluate.importance_samples": "5",
        "evaluate.seed": "0",
    }


def test_the_data_set_is_an_input_with_its_digest(tracked):
    _, _, seen = tracked
    run = seen.run("vae-z3-s0")
    [used] = run.inputs.dataset_inputs
    assert used.dataset.name == "mnist"
    assert used.dataset.digest == run.data.tags["data_digest"]
    assert json.loads(used.dataset.source) == {"train-images-idx3-ubyte": "ab" * 32}


def test_the_comparison_holds_the_report_and_leads_to_its_runs(tracked):
    results, ids, seen = tracked
    comparison = seen.run("comparison").info.run_id
    path = seen.client.download_artifacts(comparison, "report.html")
    assert Path(path).read_bytes() == results.report.read_bytes()
    tags = seen.run("comparison").data.tags
    for run_id in ids["runs"].values():
        assert f"#/experiments/{ids['experiment_id']}/runs/{run_id}" in tags["mlflow.note.content"]


def spoil(run: Run, results: Results, stage: str, reason: str) -> None:
    """Make it a run that failed in training or in evaluation."""
    if stage == "training":
        model, known = weights.load(results.model(run))
        weights.save(results.model(run), model, known | {"failed": reason})
    measured = read_json(results.metrics(run)) | {"metrics": {}, "failed": reason}
    write_json(results.metrics(run), measured)


@pytest.mark.parametrize("stage", ["training", "evaluation"])
def test_a_mean_over_seeds_is_a_run_with_its_interval(tmp_path, schema, stage):
    """As the table has them; losses are averaged by epoch; one failed seed has no part."""
    matrix = Matrix(("vae",), (3,), (0, 1, 2))
    results = write_results(_store(tmp_path / "results", schema), matrix)
    spoil(Run("vae", 3, 2), results, stage, "not finite")
    write_tables(results, matrix)
    log_runs(matrix, "vaepipe", results)
    seen = Seen(store_uri(results))
    mean, runs = seen.points("vae-z3"), [seen.points(f"vae-z3-s{seed}") for seed in (0, 1)]
    table = pd.read_csv(results.comparison_table).set_index("metric")
    assert set(table.index) == set(METRICS)
    for name, row in table.iterrows():
        assert mean[f"test/{name}", 0] == row["mean"]
        assert mean[f"interval/{name}", 0] == row["high"] - row["mean"]
    for point in [("validation/loss", 2), ("cost/cpu_seconds", 0)]:
        assert mean[point] == pytest.approx(sum(run[point] for run in runs) / 2)
    assert not [name for name, _ in mean if name.startswith(("sem/", "kl/"))]
    run = seen.run("vae-z3")
    assert run.data.params["seeds"] == "2"
    assert "seed" not in run.data.params
    note = run.data.tags["mlflow.note.content"]
    assert "the mean over 2 seeds, without 1 that failed." in note
    assert seen.run("vae-z3-s2").info.run_id in note


def test_a_model_has_the_colour_that_it_has_in_the_figures(results):
    """Those with a setting in their name have theirs by their place in the matrix."""
    own, more = ("vae", "vae-beta0.25"), ("vae", "ae-lr0.01", "vae-beta0.25")
    for models in (own, more):
        matrix = Matrix(models, (3,), (0,))
        write_results(results.folder, matrix)
        log_runs(matrix, "vaepipe", results)
        seen = Seen(store_uri(results))
        for model, name in product(models, ("{}-z3", "{}-z3-s0")):
            tags = seen.run(name.format(model)).data.tags
            assert tags["mlflow.runColor"] == colour(model, models)


def test_times_of_a_run_are_those_of_its_training(tracked):
    _, _, seen = tracked
    for run in seen.runs:
        assert run.info.start_time == COST["started"] * 1000
        assert run.info.end_time == COST["ended"] * 1000


def test_the_comparison_says_what_the_report_answers(tracked):
    results, _, seen = tracked
    run, answers = seen.run("comparison"), read_json(results.answers)
    assert len(answers) > 5
    for one in answers:
        tag = run.data.tags[f"answer.{one['question']}.z{one['latent_dim']}"]
        assert tag.startswith(one["answer"].strip())
        assert tag.endswith(one["how_sure"].strip())
        assert one["answer"].strip() in run.data.tags["mlflow.note.content"]
    assert not [one for one in answers if "<" in one["answer"]], "plain text, no tags"
    mean = seen.run("cvae-z3").data.metrics["test/neg_elbo"]
    assert run.data.metrics["mean/neg_elbo.cvae-z3"] == mean


def test_everything_is_described(tracked):
    _, ids, seen = tracked
    experiment = seen.client.get_experiment(ids["experiment_id"])
    for described in [experiment, *(run.data for run in seen.runs)]:
        assert described.tags["mlflow.note.content"]
    assert all(version.description for version in seen.versions)


def test_views_are_saved_once_and_changed_with_the_report(results):
    """In the form that MLflow's page reads, which tests/test_ui.py opens; others stay."""
    ids = log_runs(ONE, "vaepipe", results)
    client, experiment = MlflowClient(store_uri(results)), ids["experiment_id"]

    def saved() -> dict[str, str]:
        return client.get_experiment(experiment).tags

    first, key = saved(), f"mlflow.sharedViewState.{ids['views']['means']}"
    client.set_experiment_tag(experiment, "mlflow.sharedViewState.mine", "{}")
    client.set_experiment_tag(experiment, "mlflow.note.content", "Mine.")
    log_runs(ONE, "vaepipe", results)
    assert saved()[key] == first[key]
    write_run(VAE, results, shift=1.0)
    write_tables(results, ONE, shift=1.0)
    log_runs(ONE, "vaepipe", results)
    view = json.loads(saved()[key])
    assert view["state"] != json.loads(first[key])["state"]
    state = json.loads(zlib.decompress(base64.b64decode(view["state"].removeprefix("deflate;"))))
    shown = client.search_runs([experiment], state["searchFilter"])
    assert [run.info.run_name for run in shown] == ["vae-z3"]
    assert view["name"].endswith(shown[0].data.tags["report_version"])
    assert saved()["mlflow.sharedViewState.mine"] == "{}"
    assert saved()["mlflow.note.content"] == "Mine.", "a description of someone else stays"


def test_links_to_very_many_runs_fit_in_a_description():
    ids = {f"vae-z{dim}-s0": f"{dim:032x}" for dim in range(1000)}
    note = notes.of_comparison("1", [], {"vae-z3": "ab"}, ids)
    assert len(note) <= 8000
    assert re.search(r"and 89\d more", note)


def test_the_drivers_name_themselves(monkeypatch):
    monkeypatch.delenv("VAEPIPE_DRIVER", raising=False)
    assert driver() == "none"
    monkeypatch.setenv("VAEPIPE_DRIVER", "dvc")
    assert driver() == "dvc"


LOADED = """
import json, sys
import mlflow, numpy as np
task = json.load(sys.stdin)
mlflow.set_tracking_uri(task["uri"])
answer = {}
for name, model_id in task["models"].items():
    model = mlflow.pyfunc.load_model(f"models:/{model_id}")
    given = {"image": np.array(task["image"], "f4")}
    if name == "cvae-z3-s0":
        given["label"] = np.array(task["label"])
    out = {"reconstruct": model.predict(given)}
    if name != "ae-z3-s0":
        for draw, seed in (("first", 1), ("again", 1), ("other", 2)):
            out[draw] = model.predict(given, params={"task": "sample", "seed": seed})
    answer[name] = {k: v.tolist() for k, v in out.items()}
import vaepipe
print(json.dumps({"code": vaepipe.__file__, "out": answer}))
"""


@pytest.fixture(scope="module")
def answers(tracked, tmp_path_factory):
    """What the logged models give, in a process that does not see this tree's code."""
    results, _, seen = tracked
    task = {
        "uri": f"sqlite:///{results.folder / 'mlflow.db'}",
        "models": {m.name: m.model_id for m in seen.models},
        "image": np.random.default_rng(0).random((4, 784), "f4").tolist(),
        "label": [3, 1, 4, 1],
    }
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        cwd=tmp_path_factory.mktemp("elsewhere"),
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert "mlartifacts" in answer["code"], "the code must be the model's own"
    return task, answer["out"]


@pytest.mark.slow
@pytest.mark.parametrize("run", runs_of(ALL), ids=lambda run: run.model)
def test_a_model_loads_by_itself_and_reconstructs_and_samples(tracked, answers, run):
    results, _, _ = tracked
    task, out = answers
    model, _ = weights.load(results.model(run))
    x, labels = torch.tensor(task["image"]), torch.tensor(task["label"])
    with torch.no_grad():
        expected = model.decode(model.codes(x, labels), labels).sigmoid()
    given = {k: torch.tensor(v) for k, v in out[run.name].items()}
    torch.testing.assert_close(given["reconstruct"], expected)
    if run.model != "ae":
        assert given["first"].shape == (4, 784)
        assert torch.equal(given["first"], given["again"])
        assert not torch.equal(given["first"], given["other"])


@pytest.mark.slow
def test_a_model_of_the_registry_is_loaded_by_its_address(tracked, tmp_path):
    results, _, _ = tracked
    found = load("models:/vaepipe-vae@champion", results.folder).model.state_dict()
    there = weights.load(results.model(VAE))[0].state_dict()
    assert all(torch.equal(value, there[name]) for name, value in found.items())
    with pytest.raises(UserError, match="vaepipe-vae@nobody can't be fetched"):
        load("models:/vaepipe-vae@nobody", results.folder)
    with pytest.raises(UserError, match="run `make track`"):
        load("models:/vaepipe-vae@champion", str(tmp_path))


@pytest.mark.parametrize(
    ("run", "train", "name"),
    [
        (VAE, {}, "vaepipe-vae"),
        (VAE, {"binarize": "none"}, "vaepipe-vae-grey"),
        (VAE, {"importance_samples": 50}, "vaepipe-vae-k50"),
        (Run("ae", 3, 0), {"reconstruction": "squared_error"}, "vaepipe-ae-squared"),
        (Run("ae", 3, 0), {"importance_samples": 50}, "vaepipe-ae"),
    ],
)
def test_losses_of_another_kind_have_another_champion(run, train, name):
    assert registered_name(metadata(run, train=TRAIN | train)) == name


def test_the_name_of_a_model_of_own_images_can_be_put_together():
    """As docs/mlflow.md says, from the tag `data_digest`."""
    data = MANIFEST | {"data_set": "folder"}
    of = metadata(Run("vae-beta0.25", 3, 0), data=data, train=TRAIN | {"likelihood": "logistic"})
    digits = run_tags(VAE, data)["data_digest"][:8]
    assert registered_name(of) == f"vaepipe-vae-beta0.25-folder-{digits}-logistic"


def test_a_gans_version_has_no_loss_to_name():
    gan = Run("gan", 3, 0)
    assert notes.of_version(gan, metadata(gan), math.inf).endswith("seed 0, trained for 3 epochs.")


@pytest.mark.parametrize(
    ("run", "reconstruction", "unit"),
    [
        (VAE, "cross_entropy", "nats"),
        (Run("ae", 3, 0), "cross_entropy", "nats"),
        (Run("ae", 3, 0), "squared_error", "squared error"),
    ],
)
def test_the_unit_of_a_loss_is_named(run, reconstruction, unit):
    of = metadata(run, train=TRAIN | {"reconstruction": reconstruction})
    assert f"the losses by epoch, in {unit} per image," in notes.of_run(run, of, None)
    assert notes.of_version(run, of, 18.0).endswith(f": 18.000 {unit} per image.")


def test_a_model_with_a_number_in_its_name_is_logged(results):
    """MLflow allows no full stop in the name of a logged model."""
    matrix = Matrix(("vae-beta0.25",), (3,), (0,))
    write_results(results.folder, matrix)
    log_runs(matrix, "vaepipe", results)
    runs = Seen(store_uri(results)).runs
    assert {run.info.run_name for run in runs} == {
        "comparison",
        "vae-beta0.25-z3",
        "vae-beta0.25-z3-s0",
    }


def test_a_model_says_what_it_takes_and_needs(tracked):
    results, _, seen = tracked
    mlflow.set_tracking_uri(store_uri(results))
    by_name = {m.name: mlflow.models.get_model_info(f"models:/{m.model_id}") for m in seen.models}
    assert by_name["cvae-z3-s0"].signature.inputs.input_names() == ["image", "label"]
    assert by_name["vae-z3-s0"].signature.inputs.input_names() == ["image"]
    for info in by_name.values():
        assert info.saved_input_example_info is not None
        folder = Path(mlflow.artifacts.download_artifacts(f"models:/{info.model_id}"))
        needs = (folder / "requirements.txt").read_text().split()
        assert f"torch=={torch.__version__.partition('+')[0]}" in needs
        assert all("==" in need for need in needs)
        assert not [p for p in folder.rglob("*") if p.suffix in (".pkl", ".pickle", ".pt", ".pth")]


def test_an_ae_has_no_samples(tracked, monkeypatch):
    results, _, seen = tracked
    monkeypatch.setattr(sys, "path", sys.path[:])  # loading puts the model's code in front
    mlflow.set_tracking_uri(store_uri(results))
    [model_id] = [m.model_id for m in seen.models if m.name == "ae-z3-s0"]
    model = mlflow.pyfunc.load_model(f"models:/{model_id}")
    with pytest.raises(ValueError, match="no prior"):
        model.predict({"image": np.zeros((1, 784), "f4")}, params={"task": "sample"})
    with pytest.raises(ValueError, match="reconstruct, sample"):
        model.predict({"image": np.zeros((1, 784), "f4")}, params={"task": "dream"})


def test_tracking_again_changes_nothing(results):
    first = log_runs(ONE, "vaepipe", results)
    before = Seen(store_uri(results))
    assert log_runs(ONE, "vaepipe", results) == first
    after = Seen(store_uri(results))
    assert [r.to_dictionary() for r in after.runs] == [r.to_dictionary() for r in before.runs]
    assert len(after.models) == len(after.versions) == 1


def test_other_results_are_other_runs_and_other_figures_are_not(results):
    first = log_runs(ONE, "vaepipe", results)
    draw(results.figure(VAE.name), 50.0)
    again = log_runs(ONE, "vaepipe", results)
    assert again == first
    client = MlflowClient(store_uri(results))
    path = client.download_artifacts(first["runs"][VAE.name], f"figures/{VAE.name}.png")
    assert sha256(Path(path)) == sha256(results.figure(VAE.name))

    write_run(VAE, results, shift=1.0)
    write_tables(results, ONE, shift=1.0)
    second = log_runs(ONE, "vaepipe", results)
    assert second["runs"] != first["runs"]
    assert second["comparison"] != first["comparison"]
    seen = Seen(store_uri(results))
    assert seen.names() == ["comparison"] * 2 + ["vae-z3"] * 2 + [VAE.name] * 2
    assert len({run.data.tags["report_version"] for run in seen.runs}) == 2


def test_another_report_over_the_same_results_replaces_it_in_the_same_run(results):
    """The page shows seconds, which differ from one run of the pipeline to the next."""
    first = log_runs(ONE, "vaepipe", results)
    write_text(results.report, "<!doctype html><title>A report</title><h1>4 s later</h1>")
    assert log_runs(ONE, "vaepipe", results) == first
    client = MlflowClient(store_uri(results))
    path = client.download_artifacts(first["comparison"], "report.html")
    assert "4 s later" in Path(path).read_text()
    assert Seen(store_uri(results)).names() == ["comparison", "vae-z3", VAE.name]


def test_tracking_again_after_the_database_was_deleted(results, schema):
    log_runs(ONE, "vaepipe", results)
    MlflowClient(store_uri(results))._tracking_client.store.engine.dispose()
    shutil.copy(schema, results.folder / "mlflow.db")
    log_runs(ONE, "vaepipe", results)
    assert_whole(results, ONE, Seen(store_uri(results)))


def test_tracking_the_trials_of_a_sweep_again_changes_nothing(results):
    matrix = Matrix(("vae-beta0.25",), (3,), (0,))
    settings = replace(check_file(ROOT / "params.yaml").train, epochs=3)
    trial = Trial({"epochs": 3}, settings)
    run = Run("vae-beta0.25", 3, 0)
    write_run(run, trial_results(results, trial.name))
    sweep = Sweep("grid", 1, 0, (0,), {"epochs": [3]})
    first = log_trials(matrix, sweep, [trial], "vaepipe", results)
    assert log_trials(matrix, sweep, [trial], "vaepipe", results) == first
    [logged] = Seen(store_uri(results), "vaepipe-sweep").runs
    assert logged.data.tags["mlflow.runColor"] == colour(run.model, matrix.models)


@pytest.mark.slow
def test_killed_at_any_step_nothing_is_twice_or_half(tmp_path, schema, record):
    """Killed before a call that writes, then again; what looks whole in between is whole.

    Before the first and the last call of each kind, or, at ten times the strength, before each.
    """
    files = write_results(tmp_path / "files", ONE)
    with writes() as calls:
        log_runs(ONE, "vaepipe", copied(files, tmp_path / "counted", schema))
    backwards = calls[::-1]
    steps = {len(calls) - 1 - backwards.index(name) for name in calls}
    steps |= {calls.index(name) for name in calls}
    if STRENGTH > 1:
        steps = set(range(len(calls)))
    for step in sorted(steps):
        results = copied(files, tmp_path / str(step), schema)
        with writes(killed_at=step), pytest.raises(Killed):
            log_runs(ONE, "vaepipe", results)
        assert_no_half_run_looks_whole(results)
        log_runs(ONE, "vaepipe", results)
        seen = Seen(store_uri(results))
        assert_whole(results, ONE, seen)
        assert len(seen.versions) == 1, calls[step]
        for alias in ("champion", "champion-z3"):
            champion = seen.client.get_model_version_by_alias("vaepipe-vae", alias)
            assert champion.run_id == seen.run(VAE.name).info.run_id, calls[step]
    assert len(steps) >= 15
    record("kills of track between two calls to MLflow", len(steps))


def copied(files: Results, folder: Path, schema: Path) -> Results:
    """The same results beside an empty store."""
    shutil.copytree(files.folder, folder)
    shutil.copy(schema, folder / "mlflow.db")
    os.environ["MLFLOW_TRACKING_URI"] = ""  # which mlflow has set to the one before
    return Results(folder)


@pytest.mark.slow
def test_killed_at_any_moment_nothing_is_twice_or_half(tmp_path, schema, record):
    """SIGKILL at random moments, within a call, too; the moments are drawn until they hit."""
    files, limit = write_results(tmp_path / "files", ONE), 1.0
    random_moments = random.Random(6)
    kills = 0
    for attempt in count():
        if kills == 2 * STRENGTH:
            break
        results = copied(files, tmp_path / str(attempt), schema)
        writer = start_logging(results.folder, ONE, MLFLOW_TRACKING_URI="")
        writer.join(random_moments.uniform(0.02, limit))
        if writer.exitcode is None:
            os.kill(writer.pid, signal.SIGKILL)
            writer.join(10)
            kills += 1
            assert_no_half_run_looks_whole(results)
            writer = start_logging(results.folder, ONE, MLFLOW_TRACKING_URI="")
            writer.join(60)
        else:
            limit /= 2
        assert writer.exitcode == 0
        assert_whole(results, ONE, Seen(store_uri(results)))
    record("kills of track at random moments", kills)


def assert_no_half_run_looks_whole(results: Results) -> None:
    with sqlite3.connect(results.folder / "mlflow.db") as db:
        whole = db.execute(
            "SELECT run_uuid, name FROM runs"
            " WHERE status = 'FINISHED' AND lifecycle_stage = 'active' AND name LIKE '%-s%'"
        ).fetchall()
        for run_id, name in whole:
            [(points,)] = db.execute("SELECT count(*) FROM metrics WHERE run_uuid = ?", (run_id,))
            model = read_json(results.folder / "metrics" / f"{name}.json")
            assert points == 3 * 4 + 3 + len(model["metrics"])  # epochs, columns; costs
            models = db.execute(
                "SELECT status FROM logged_models WHERE source_run_id = ?"
                " AND lifecycle_stage = 'active'",
                (run_id,),
            ).fetchall()
            assert len(models) == 1
    assert len({name for _, name in whole}) == len(whole)


@pytest.mark.parametrize("stage", ["training", "evaluation"])
def test_a_failed_run_is_logged_as_failed_and_is_no_candidate(results, stage):
    spoil(VAE, results, stage, "the loss is not finite in epoch 4, step 7")
    first = log_runs(ONE, "vaepipe", results)
    assert log_runs(ONE, "vaepipe", results) == first
    seen = Seen(store_uri(results))
    run = seen.run(VAE.name)
    assert run.info.status == "FAILED"
    assert "epoch 4, step 7" in run.data.tags["failed"]
    assert "epoch 4, step 7" in run.data.tags["mlflow.note.content"]
    assert not seen.versions


def test_the_champion_is_chosen_by_validation_and_moves_with_new_weights_only(results):
    client = MlflowClient(store_uri(results), registry_uri=store_uri(results))

    def champion() -> str:
        return client.get_model_version_by_alias("vaepipe-vae", "champion").run_id

    def log_version(shift: float, test_shift: float) -> str:
        write_run(VAE, results, shift, test_shift)
        write_tables(results, ONE, shift)
        return log_runs(ONE, "vaepipe", results)["runs"][VAE.name]

    first = log_version(shift=10, test_shift=0)
    assert champion() == first
    log_version(shift=20, test_shift=-1000)  # worse by validation, far better by test
    assert champion() == first
    best = log_version(shift=5, test_shift=1000)
    assert champion() == best
    assert client.get_model_version_by_alias("vaepipe-vae", "champion-z3").run_id == best
    assert len(client.search_model_versions("name = 'vaepipe-vae'")) == 3

    client.set_registered_model_alias("vaepipe-vae", "champion", "1")
    log_version(shift=5, test_shift=1000)
    assert champion() == first, "moved by hand, it stays until there are new weights"
    log_version(shift=5, test_shift=7)  # measured anew: another run, but no new weights
    assert len(client.search_model_versions("name = 'vaepipe-vae'")) == 3
    assert champion() == first


def test_a_thousand_runs_in_the_store_are_not_looked_at(results):
    """As many statements to the database, and as many rows, as without them."""
    ids = log_runs(ONE, "vaepipe", results)

    def work() -> tuple[int, int]:
        statements, rows = [], []

        def fetched(cursor, row):
            rows.append(1)
            return row

        def before(connection, cursor, *_):
            statements.append(1)
            cursor.row_factory = fetched

        sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", before)
        try:
            assert log_runs(ONE, "vaepipe", results) == ids
        finally:
            sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", before)
        return len(statements), len(rows)

    alone = work()
    assert min(alone) > 5
    multiply(results.folder / "mlflow.db", ids["runs"][VAE.name], 1000)
    assert len(MlflowClient(store_uri(results)).search_runs([ids["experiment_id"]])) == 1000
    assert work() == alone


def multiply(database: Path, run_id: str, times: int) -> None:
    """Copies of a run, of other results, with all its tags, params and metrics."""
    with sqlite3.connect(database) as db:
        for table in ("runs", "tags", "params", "metrics", "latest_metrics"):
            cursor = db.execute(f"SELECT * FROM {table} WHERE run_uuid = ?", (run_id,))
            columns = [c[0] for c in cursor.description]
            rows = [dict(zip(columns, row, strict=True)) for row in cursor]
            copies = [
                row | {"run_uuid": f"{i:032x}"} | digest_of_another(row, i)
                for i in range(times)
                for row in rows
            ]
            marks = ", ".join(f":{c}" for c in columns)
            db.executemany(f"INSERT INTO {table} VALUES ({marks})", copies)


def digest_of_another(row: dict, i: int) -> dict:
    return {"value": f"{i:032x}"} if row.get("key") == "digest" else {}


def corrupt(folder: Path) -> str:
    (folder / "mlflow.db").write_bytes(b"not a database" * 100)
    return ""


def a_folder(folder: Path) -> str:
    (folder / "mlflow.db").unlink()
    (folder / "mlflow.db").mkdir()
    return ""


def of_another_version(folder: Path) -> str:
    with sqlite3.connect(folder / "mlflow.db") as db:
        db.execute("UPDATE alembic_version SET version_num = 'abcdef012345'")
    return ""


@pytest.mark.parametrize(
    "spoil",
    [corrupt, a_folder, of_another_version, lambda _: refusing(), lambda _: "nonsense://a:b@c/d"],
    ids=["corrupt", "folder", "version", "refused", "nonsense"],
)
def test_a_store_that_cannot_be_used_gets_one_message(results, monkeypatch, spoil):
    before = sha256(results.model(VAE))
    if uri := spoil(results.folder):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    with pytest.raises(UserError, match=r"can't be used: .*All results are kept") as caught:
        log_runs(ONE, "vaepipe", results)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert sha256(results.model(VAE)) == before


def test_a_server_that_answers_no_gets_one_message(results, monkeypatch):
    with serve(status(403)) as url:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
        with pytest.raises(UserError, match="can't be used"):
            log_runs(ONE, "vaepipe", results)


SECRET = "s3cr%40t"


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("sqlite:///results/mlflow.db", "sqlite:///results/mlflow.db"),
        ("sqlite:////tmp/a%20b.db", "sqlite:////tmp/a%20b.db"),
        (f"postgresql://ann:{SECRET}@host:5432/db", "postgresql://ann:***@host:5432/db"),
        (
            f"postgresql+psycopg2://host/db?user=ann&password={SECRET}&sslmode=require",
            "postgresql+psycopg2://host/db?user=ann&password=***&sslmode=require",
        ),
        (f"https://ann:{SECRET}@host/mlflow", "https://ann:***@host/mlflow"),
        (f"https://ann:{SECRET}@host/?a=b@c", "https://ann:***@host/?a=b@c"),
        (f"https://{SECRET}@host:5000/mlflow", "https://***@host:5000/mlflow"),
        ("http://[::1]:5000/mlflow", "http://[::1]:5000/mlflow"),
        (f"postgresql://ann@host:{SECRET}@host/db", "postgresql://ann@host:***@host/db"),
        ("postgresql://host/db?password=a#b", "postgresql://host/db?password=***"),
        ("sqlite:////home/ann:1@work/m.db", "sqlite:////home/ann:1@work/m.db"),
    ],
)
def test_passwords_are_not_shown(uri, shown):
    assert without_secrets(uri) == shown
    for form in (SECRET, "s3cr@t"):
        said = redacted(f"can't connect to {uri} with {form}", uri)
        if SECRET in uri:
            assert SECRET not in said
            assert "s3cr@t" not in said
        assert "can't connect" in said


@pytest.mark.parametrize("kind", ["postgresql", "https"])
@pytest.mark.parametrize("password", ["a/b?c#d", "s3c/ret", "s3c[ret", "s3c#r?e]t", "s3c@r/et"])
def test_a_password_with_signs_of_an_address_is_not_shown(kind, password):
    """A database's address is read by SQLAlchemy, to which / ? and # in a password are its own."""
    uri = f"{kind}://ann:{password}@host/db"
    assert without_secrets(uri) == f"{kind}://ann:***@host/db"
    said = redacted(f"{uri}: no ann with {password}", uri)
    assert said == f"{kind}://ann:***@host/db: no ann with ***"


@pytest.mark.parametrize(
    ("kind", "sign"), [*product(["https"], "/?#[]"), ("postgresql", "@")], ids=str
)
def test_an_address_with_such_a_password_gets_one_message_without_parts_of_it(kind, sign):
    """What stands before the sign is host and port to MLflow; a [ is a `ValueError` to it."""
    uri = f"{kind}://ann:12{sign}3ret@host/mlflow"
    shown = rf"{kind}://ann:\*\*\*@host/mlflow can't .*%2F"
    with pytest.raises(UserError, match=shown) as told, usable(uri):
        raise ValueError(f"port=12: /{sign}3ret@host")
    assert "12" not in str(told.value)
    assert "3ret" not in str(told.value)
