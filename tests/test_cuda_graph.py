"""Steps recorded and replayed: the code around a CUDA graph, with a recorder for the CPU.

The recorder's replay runs the work again and writes into the tensors of the recording, as a graph
does. It can't show that a CUDA device records the step: `graphed_steps` checks that where there is
one.
"""

import inspect

import pytest
import torch

from test_training import DEVICE, SETTINGS, images, same, trained, trained_at_once  # noqa: F401
from vaepipe.results import Run
from vaepipe.training import cuda_graph

MESSAGE = "training without a CUDA graph"


def run_again(works, rngs):
    found = [work() for work in works]

    def replay():
        for one, work in zip(found, works, strict=True):
            one.copy_(work())

    return found, replay


def run_once(works, rngs):
    """Its replay does nothing."""
    return [work() for work in works], lambda: None


def run_the_first_alone(works, rngs):
    """Its replay leaves out all runs but the first."""
    found, replay = run_again(works[:1], rngs)
    return [*found, *(work() for work in works[1:])], replay


def run_with_the_same_random_numbers(works, rngs):
    """Its replay begins from the same state of the generators each time."""
    states = [rng.get_state() for rng in rngs]
    found, again = run_again(works, rngs)

    def replay():
        for rng, state in zip(rngs, states, strict=True):
            rng.set_state(state)
        again()

    return found, replay


def run_on_the_first_image(works, rngs):
    """Its replay does not look at which images it is given."""
    indices = [inspect.getclosurevars(work).nonlocals["own"] for work in works]
    found, again = run_again(works, rngs)

    def replay():
        for own in indices:
            own.zero_()
        again()

    return found, replay


def refusing(works, rngs):
    works[0]()
    raise RuntimeError("operation not permitted when stream is capturing\nand more")


def near(one, other, rel=1e-5):
    """Up to the rate, which a graph reads in float32."""
    (model, history), (other_model, other_history) = one, other
    for row, other_row in zip(history, other_history, strict=True):
        assert row == pytest.approx(other_row, rel=rel)
    for a, b in zip(model.parameters(), other_model.parameters(), strict=True):
        assert (a - b).norm() < 100 * rel * b.norm()


@pytest.fixture
def few(images):  # noqa: F811
    """1,950 images: 20 steps an epoch, of which a block is recorded and the last is smaller."""
    assert 1950 // SETTINGS.batch_size > cuda_graph.BLOCK
    return images[0].first(1950), images[1]


def test_an_epoch_shorter_than_a_graph_is_not_recorded(images, tmp_path, monkeypatch, capsys):  # noqa: F811
    monkeypatch.setitem(cuda_graph.RECORDERS, DEVICE.type, refusing)
    few = images[0].first(cuda_graph.BLOCK * SETTINGS.batch_size - 1), images[1]
    trained(Run("vae", 3, 0), few, tmp_path)
    assert MESSAGE not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["ae", "cvae", "gan"])
def test_replayed_steps_are_the_steps(name, few, tmp_path, monkeypatch, capsys):
    run = Run(name, 3, 0)
    plain = trained(run, few, tmp_path / "plain")
    monkeypatch.setitem(cuda_graph.RECORDERS, DEVICE.type, run_again)
    # Two networks that answer each other make more of a rounding.
    near(trained(run, few, tmp_path / "replayed"), plain, 1e-3 if name == "gan" else 1e-5)
    assert MESSAGE not in capsys.readouterr().err


def test_replayed_steps_of_seeds_at_once_are_the_steps(few, tmp_path, monkeypatch, capsys):
    runs = [Run("vae", 3, seed) for seed in range(2)]
    plain = trained_at_once(runs, few, tmp_path / "plain")
    monkeypatch.setitem(cuda_graph.RECORDERS, DEVICE.type, run_again)
    for one, other in zip(trained_at_once(runs, few, tmp_path), plain, strict=True):
        near(one, other)
    assert MESSAGE not in capsys.readouterr().err


@pytest.mark.parametrize(
    "record",
    [
        run_once,
        run_the_first_alone,
        run_with_the_same_random_numbers,
        run_on_the_first_image,
        refusing,
    ],
)
def test_steps_that_are_not_recorded_right_are_run_one_by_one(
    record, few, tmp_path, monkeypatch, capsys
):
    runs = [Run("vae", 3, seed) for seed in range(2)]
    plain = trained_at_once(runs, few, tmp_path / "plain")
    monkeypatch.setitem(cuda_graph.RECORDERS, DEVICE.type, record)
    others = trained_at_once(runs, few, tmp_path / "other")
    for (model, history), (other, other_history) in zip(plain, others, strict=True):
        assert same(model, other)
        assert history == other_history
    message = capsys.readouterr().err
    assert MESSAGE in message
    assert "and more" not in message


def out_of_memory(works, rngs):
    """As a recording ends: what was wrong is the context of another error."""
    try:
        raise torch.OutOfMemoryError("there is no more")
    finally:
        raise RuntimeError("operation failed due to a previous error during capture")


def test_memory_that_is_too_small_for_a_recording_is_said(few, tmp_path, monkeypatch):
    """Steps one by one would need as much."""
    monkeypatch.setitem(cuda_graph.RECORDERS, DEVICE.type, out_of_memory)
    with pytest.raises(torch.OutOfMemoryError):
        trained(Run("vae", 3, 0), few, tmp_path)
