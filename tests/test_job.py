"""The train stage: its files, and what becomes of runs whose loss is not finite."""

import io
import shutil
from dataclasses import replace

import pandas as pd
import pytest
import torch

from test_training import SETTINGS, images  # noqa: F401
from vaepipe.core.device import explain_out_of_memory
from vaepipe.core.errors import UserError
from vaepipe.core.files import locked, read_json
from vaepipe.core.progress import PARTS, progress
from vaepipe.models import weights
from vaepipe.results import Results, Run
from vaepipe.training import job, loop

AT_ONCE = replace(SETTINGS, seeds_at_once="all")
IN_TURN = replace(SETTINGS, seeds_at_once="in_turn")
RUNS = [Run("vae", 3, seed) for seed in range(3)]


@pytest.fixture
def train(images, mnist_folder, monkeypatch):  # noqa: F811
    """Run the stage on few images; the loss of seed 1 is not finite in the epoch asked for."""
    monkeypatch.setattr(job, "training_images", lambda *_: images)

    def run(runs, folder, failing=None, settings=AT_ONCE):
        means = loop.epoch_means

        def epoch_means(sums, n, runs, epoch, last_good):
            if epoch + 1 == failing:
                seeds = torch.tensor([run.seed for run in runs])
                sums = sums.clone()
                sums[seeds == 1] = torch.nan
            return means(sums, n, runs, epoch, last_good)

        results = Results(folder)
        with monkeypatch.context() as patch:
            patch.setattr(loop, "epoch_means", epoch_means)
            job.train_runs(runs, settings, mnist_folder, results, code={})
        return results

    return run


def same_files(one, other, run):
    return all(
        getattr(one, kind)(run).read_bytes() == getattr(other, kind)(run).read_bytes()
        for kind in ("model", "history")
    )


def test_the_files_of_runs_trained_at_once(train, tmp_path, capsys):
    results = train(RUNS, tmp_path)
    for run in RUNS:
        model, metadata = weights.load(results.model(run))
        assert metadata["run"] == vars(run)
        assert metadata["train"]["epochs"] == SETTINGS.epochs
        assert metadata["data"]["data_set"] == "mnist"
        assert "failed" not in metadata
        assert (model.architecture.model, model.architecture.latent_dim) == ("vae", 3)
        assert list(pd.read_csv(results.history(run))["epoch"]) == [1, 2]
        timing = read_json(results.timing(run))
        assert timing["seeds_at_once"] == 3
        assert timing["seconds"] > 0
    assert "epoch 2 of 2" in capsys.readouterr().err
    assert not list(tmp_path.rglob(".*.part"))
    assert not results.checkpoint(*RUNS).exists()


@pytest.mark.parametrize(
    ("term", "unit"), [("distortion", "nats"), ("squared_error", "squared error")]
)
def test_progress_names_the_unit_of_the_loss(capsys, term, unit):
    with progress("ae-z3-s0", 2) as show:
        row = {f"{part}_{name}": 18.0 for part in PARTS for name in ("loss", term)}
        show({"epoch": 1} | row)
    assert f"epoch 1 of 2: train 18.00, validation 18.00 {unit}\n" in capsys.readouterr().err


def test_a_hundred_seeds_have_a_checkpoint_whose_name_fits(tmp_path):
    """Their seeds, one by one, were longer than the 255 bytes that a file's name may have."""
    results = Results(tmp_path)
    many = [Run("vae", 20, seed) for seed in range(1000, 1100)]
    path = results.checkpoint(*many)
    path.parent.mkdir()
    path.with_suffix(".safetensors.part").touch()
    assert len({path, results.checkpoint(*many[:99]), results.checkpoint(many[0])}) == 3
    assert results.checkpoint(*RUNS).name == "vae-z3-s0+1+2.safetensors"


def test_runs_in_turn_are_the_runs_by_themselves(train, tmp_path):
    """To the bit, and the others are trained if one fails."""
    results = train(RUNS, tmp_path / "in turn", failing=1, settings=IN_TURN)
    for run in (RUNS[0], RUNS[2]):
        alone = train([run], tmp_path / run.name, settings=IN_TURN)
        assert same_files(results, alone, run)
    for run in RUNS:
        assert read_json(results.timing(run))["seeds_at_once"] == 1
        assert ("failed" in weights.read_metadata(results.model(run))) == (run.seed == 1)


def test_runs_that_were_trained_before_a_kill_are_not_trained_again(train, tmp_path, monkeypatch):
    """A driver removes what a killed job wrote: of all its runs, also of those that were done."""
    whole = train(RUNS, tmp_path / "whole", settings=IN_TURN)
    write, cut = job.weights.save, Results(tmp_path / "cut")

    def killed(path, *given):
        if path == cut.model(RUNS[2]):
            raise KeyboardInterrupt
        write(path, *given)

    with monkeypatch.context() as patch:
        patch.setattr(job.weights, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            train(RUNS, cut.folder, settings=IN_TURN)
    for run in RUNS[:2]:
        cut.model(run).unlink()
    monkeypatch.setattr(loop, "train_step", None)  # no step is taken
    train(RUNS, cut.folder, settings=IN_TURN)
    assert all(same_files(cut, whole, run) for run in RUNS)
    assert not any(cut.checkpoint(run).exists() for run in RUNS)


def test_if_one_of_several_fails_each_is_trained_by_itself(train, tmp_path, capsys):
    results = train(RUNS, tmp_path / "together", failing=1)
    message = capsys.readouterr().err
    assert "seed 1, is not finite in epoch 1" in message
    assert "training each by itself" in message
    assert not results.checkpoint(*RUNS).exists()
    for run in (RUNS[0], RUNS[2]):
        assert same_files(results, train([run], tmp_path / run.name), run)
    for run in RUNS:
        assert read_json(results.timing(run))["seeds_at_once"] == 1
        assert ("failed" in weights.read_metadata(results.model(run))) == (run.seed == 1)


def test_a_run_that_fails_leaves_its_last_good_state(train, tmp_path, capsys):
    run = RUNS[1]
    results = train([run], tmp_path / "failed", failing=2)
    assert "training each by itself" not in capsys.readouterr().err
    model, metadata = weights.load(results.model(run))
    assert "is not finite in epoch 2, step 1 of 20" in metadata["failed"]
    assert list(pd.read_csv(results.history(run))["epoch"]) == [1]
    assert results.checkpoint(run).exists()
    good = {name: value.clone() for name, value in model.state_dict().items()}
    # A rerun goes on from there, and ends as if it had not failed.
    capsys.readouterr()
    again = train([run], tmp_path / "failed")
    assert "epoch 1 of" not in capsys.readouterr().err
    whole = train([run], tmp_path / "whole")
    assert same_files(again, whole, run)
    ended = weights.load(again.model(run))[0].state_dict()
    assert not torch.equal(good["decoder.0.weight"], ended["decoder.0.weight"])


def test_a_run_that_fails_in_its_first_epoch_has_a_history_without_rows(train, tmp_path):
    results = train([RUNS[1]], tmp_path, failing=1)
    assert pd.read_csv(results.history(RUNS[1])).empty
    assert results.history(RUNS[1]).read_text().startswith("epoch,learning_rate,train_loss,")


def test_a_run_that_is_being_trained_is_refused(train, tmp_path):
    lock = Results(tmp_path).checkpoint(RUNS[2]).with_suffix(".lock")
    with (
        locked(lock, "held by the test"),
        pytest.raises(UserError, match="vae-z3-s2 is being trained by process"),
    ):
        train(RUNS, tmp_path)
    assert not list(tmp_path.rglob("*.csv"))


def test_missing_data_are_named(tmp_path, mnist_folder):
    folder = shutil.copytree(mnist_folder, tmp_path / "data")
    (folder / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(UserError, match="train-labels-idx1-ubyte: No such file"):
        job.train_runs(RUNS[:1], SETTINGS, folder, Results(tmp_path), code={})


def test_a_history_comes_back_from_csv():
    rows = [{"epoch": n, "learning_rate": 0.1 / 3**n, "train_loss": 100 / n} for n in (1, 2)]
    assert pd.read_csv(io.StringIO(job.history_csv(rows))).to_dict("records") == rows
    assert job.history_csv([]) == "epoch,learning_rate,train_loss,validation_loss\n"


def test_seconds_are_shared_equally_and_memory_is_not():
    cost = {"seconds": 10.0, "cpu_seconds": 8.0, "peak_memory_mib": 300.0, "device": "a processor"}
    assert job.share_of_cost(cost, 3) == {
        "seconds": 3.333,
        "cpu_seconds": 2.667,
        "peak_memory_mib": 300.0,
        "device": "a processor",
        "seeds_at_once": 3,
    }
    assert job.share_of_cost(cost, 1) == cost | {"seeds_at_once": 1}


def too_large():
    torch.empty(2**46)


def no_memory():
    raise MemoryError


@pytest.mark.parametrize("allocate", [too_large, no_memory])
def test_out_of_memory_names_the_setting_to_lower(allocate):
    says = r"out of memory for train\.batch_size = 50: lower train\.batch_size"
    with pytest.raises(UserError, match=says), explain_out_of_memory("train.batch_size", 50):
        allocate()


def test_another_error_is_left_as_it_is():
    with pytest.raises(RuntimeError, match="shapes"), explain_out_of_memory("train.batch_size", 50):
        raise RuntimeError("shapes do not fit")


def test_the_train_stage_explains_a_batch_that_is_too_large(train, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "train_step", lambda *_: too_large())
    settings = replace(SETTINGS, batch_size=200)
    with pytest.raises(UserError, match=r"out of memory for train\.batch_size = 200"):
        train(RUNS[:1], tmp_path, settings=settings)
