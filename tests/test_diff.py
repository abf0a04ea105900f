"""What changed between two versions, and by how much the metrics moved."""

import math
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from conftest import ROOT, a_copy, git, run_in
from vaepipe.core.errors import UserError
from vaepipe.evaluation.metrics import METRICS
from vaepipe.evaluation.tables import comparison_table, curves_table, interval, summary
from vaepipe.params import check_file
from vaepipe.results import Run
from vaepipe.versions import diff, presets, revisions


def test_the_move_has_welchs_interval():
    rng = np.random.default_rng(0)
    a, b = pd.Series(rng.normal(100, 1, 5)), pd.Series(rng.normal(98, 3, 4))
    moved, half = diff.difference(interval(a), interval(b))
    expected = stats.ttest_ind(b, a, equal_var=False).confidence_interval(0.95)
    assert moved - half == pytest.approx(expected.low)
    assert moved + half == pytest.approx(expected.high)


def test_one_seed_has_a_move_without_an_interval():
    moved, half = diff.difference(interval(pd.Series([100.0])), interval(pd.Series([99.0, 98.0])))
    assert moved == pytest.approx(-1.5)
    assert math.isnan(half)


@pytest.mark.parametrize(
    ("moved", "half", "better", "said"),
    [
        (0.0, 0.0, "lower", "unchanged"),
        (-1.0, math.nan, "lower", "one seed: no interval"),
        (-1.0, 1.5, "lower", "within the interval"),
        (-1.0, 0.5, "lower", "better"),
        (1.0, 0.5, "lower", "worse"),
        (1.0, 0.5, "higher", "better"),
        (-1.0, 0.5, "", "lower"),
    ],
)
def test_nothing_is_said_of_a_change_within_the_interval(moved, half, better, said):
    assert diff.change_in_words(moved, half, better) == said


def table(mean: float, **changed) -> pd.DataFrame:
    rows = [
        {"model": model, "latent_dim": 3, "seed": seed, "neg_elbo": mean + seed}
        for model in changed.get("models", ("vae", "cvae"))
        for seed in range(3)
    ]
    return comparison_table(pd.DataFrame(rows))


def test_a_model_of_one_version_is_called_new_or_gone():
    found = diff.moves(table(100.0), table(50.0, models=("vae", "ae"))).set_index("model")
    assert found["verdict"].to_dict() == {"vae": "better", "ae": "new", "cvae": "gone"}
    assert found.loc["vae", "moved"] == pytest.approx(-50)
    assert math.isnan(found.loc["ae", "old"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<<<<<<< HEAD\na: 1\n=======\n", "can't be read"),
        ("train: {epochs: 4}\n", "without a matrix"),
    ],
)
def test_params_that_can_not_be_read_are_named(tmp_path, text, said):
    (tmp_path / "results").mkdir()
    table(100.0).to_csv(tmp_path / "results/comparison.csv", index=False)
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(UserError, match=f"workspace holds .*{said}"):
        revisions.read_version(tmp_path, None)


def test_changes_name_what_one_side_lacks():
    assert diff.changes({"a": 1, "b": 2}, {"a": 1, "c": 3}) == [("b", 2, None), ("c", None, 3)]
    assert diff.changes({}, {"a": 1}) is None


def test_the_summary_is_rounded_for_people():
    assert summary(table(100.123456)) == {
        "vae-z3": {"neg_elbo": 101.12},
        "cvae-z3": {"neg_elbo": 101.12},
    }


def test_curves_hold_every_epoch_of_every_run():
    history = pd.DataFrame({"epoch": [1, 2], "train_loss": [3.0, 2.0], "validation_loss": [4.0, 3]})
    found = curves_table({Run("vae", 3, seed): history for seed in (0, 1)})
    assert len(found) == 4
    assert set(found["runs"]) == {"vae-z3"}
    assert set(found["seed"]) == {0, 1}


def test_a_preset_keeps_comments_and_is_checked(tmp_path):
    text = (ROOT / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text)
    shutil.copytree(ROOT / "params", tmp_path / "params")
    (tmp_path / "params/bad.yaml").write_text("train: {epochs: 0}\n")
    names = (tmp_path / "params.yaml", tmp_path / "params")

    changed = presets.apply("smoke", *names)
    before = yaml.safe_load(text)["train"]["epochs"]
    assert f"train.epochs: {before} -> 1" in changed
    settings = check_file(tmp_path / "params.yaml")
    assert settings.train.epochs == 1
    assert settings.matrix.seeds == (0,)
    after = (tmp_path / "params.yaml").read_text()
    assert after.count("#") == text.count("#")
    assert len(after.splitlines()) == len(text.splitlines())
    assert presets.apply("smoke", *names) == []

    for name, said in (("bad", "train.epochs"), ("nix", "smoke"), ("sweep", "is a sweep")):
        with pytest.raises(UserError, match=said):
            presets.apply(name, *names)
        assert (tmp_path / "params.yaml").read_text() == after


@pytest.fixture(scope="module")
def two_versions(version, tmp_path_factory):
    """A tree with the tag v1 and, uncommitted, other params, metrics and one other figure."""
    tree = a_copy(version, tmp_path_factory.mktemp("versions") / "tree")
    params = (tree / "params.yaml").read_text()
    (tree / "params.yaml").write_text(params.replace("epochs: 1", "epochs: 3"))
    place = tree / "results/comparison.csv"
    metrics = pd.read_csv(place)
    metrics["mean"] -= 1.25
    metrics.to_csv(place, index=False)
    shutil.copy(tree / "results/figures/samples.png", tree / "results/figures/curves.png")
    return tree


def test_diff_of_the_working_tree_names_what_changed(two_versions):
    done = run_in(two_versions, "vaepipe", "diff")
    assert done.returncode == 0, done.stderr
    assert "train.epochs: 1 -> 3" in done.stdout
    assert "-1.25" in done.stdout
    assert "Figures that differ: curves" in done.stdout
    page = (two_versions / "results/diff.html").read_text()
    assert page.count("data:image/webp") == 2
    assert "train.epochs" in page
    assert METRICS["rate"].title.split(",")[0] in page


def test_diff_of_a_version_with_itself_finds_nothing(two_versions):
    found = diff.compare(two_versions, "v1", "HEAD")
    assert (found.params, found.data, found.packages, found.code) == ([], [], [], [])
    assert set(found.metrics["verdict"]) == {"unchanged"}
    assert found.figures == []
    assert found.same_figures


def test_the_report_compares_with_the_version_before(two_versions, version):
    assert revisions.earlier(two_versions) is not None
    changes = diff.since_earlier(two_versions)["sections"][diff.PARAMS]
    assert ("train.epochs", 1, 3) in changes
    name = revisions.earlier(version)
    assert name is None or name not in git(version, "rev-parse", "--short", "v1")


def test_results_taken_out_of_the_repository_are_no_earlier_version(tmp_path):
    table = tmp_path / "results" / "comparison.csv"
    table.parent.mkdir()
    git(tmp_path, "init", "-q")

    def commit(text: str | None) -> None:
        table.write_text(text) if text else table.unlink()
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-qm", text or "no results")

    commit("a trial")
    commit(None)
    table.write_text("results")
    assert revisions.earlier(tmp_path) is None
    commit("results")
    assert revisions.earlier(tmp_path) is None
    table.write_text("newer results")
    assert revisions.earlier(tmp_path) == git(tmp_path, "rev-parse", "--short", "HEAD")


def test_what_is_no_version_is_named(two_versions, tmp_path):
    for words, said in (
        (["nix"], "nix is neither a git revision nor a DVC experiment"),
        (["--out", "x", "-x"], "usage"),
    ):
        done = run_in(two_versions, "vaepipe", "diff", *words)
        assert done.returncode != 0
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    git(two_versions, "stash", "-q")
    git(two_versions, "rm", "-q", "--cached", "results/comparison.csv")
    git(two_versions, "commit", "-qm", "no results")
    done = run_in(two_versions, "vaepipe", "diff", "HEAD")
    assert "holds no results" in done.stderr
