"""Checkpoints: how often they are written, what they belong to, and the seconds they add up."""

import random
from dataclasses import replace

import pytest
import torch

from conftest import ROOT
from vaepipe import params
from vaepipe.core.files import read_yaml
from vaepipe.core.provenance import Stopwatch
from vaepipe.results import Run
from vaepipe.training import checkpoint


@pytest.fixture
def clock(monkeypatch):
    """A clock of `checkpoint` and its stopwatches that only the test moves on."""
    now = [1000.0]
    for name in ("monotonic", "perf_counter", "process_time"):
        monkeypatch.setattr(checkpoint.time, name, lambda: now[0])
    return now


@pytest.fixture
def saved(tmp_path, clock, monkeypatch):
    """A checkpoint, and functions to write it in the seconds asked for and to load it."""
    first = checkpoint.Checkpoint(tmp_path / "checkpoint", "one")
    tensors = {"weight": torch.zeros(2)}

    def save(seconds: float, saved: checkpoint.Checkpoint = first) -> None:
        def slow(path, data):
            clock[0] += seconds
            path.write_bytes(data)

        monkeypatch.setattr(checkpoint, "write_bytes", slow)
        checkpoint.save(saved, tensors, [{}], [[]])

    def load(saved: checkpoint.Checkpoint) -> None:
        checkpoint.load(saved, tensors, [{}])

    return first, save, load


@pytest.mark.parametrize("seconds", [0.01, 1.0, 30.0])
def test_checkpoints_cost_a_fiftieth_of_the_time_and_are_not_rarer(saved, clock, seconds):
    """Over many epochs of random length, and writes that take now less, now twice as long."""
    first, save, _ = saved
    start, rng, waited, costs = clock[0], random.Random(0), 0.0, [0.0]
    for _ in range(1000):
        epoch = rng.uniform(0, 50)
        clock[0] += epoch
        waited += epoch
        assert first.due() == (waited >= 50 * costs[-1])
        if first.due():
            costs.append(rng.uniform(0.5, 2) * seconds)
            save(costs[-1])
            waited = 0.0
    assert len(costs) > 10
    # The last one is not paid for by waiting yet.
    assert sum(costs[:-1]) <= 0.02 * (clock[0] - start)


def test_the_first_checkpoint_is_due_at_once(saved):
    first, save, _ = saved
    assert first.due()
    save(1.0)
    assert not first.due()


def test_the_seconds_of_all_processes_are_added_up(saved, clock):
    first, save, load = saved
    clock[0] += 7
    save(0.0)
    clock[0] += 100  # lost: it was killed before another checkpoint
    second = checkpoint.Checkpoint(first.path, "one")
    load(second)
    clock[0] += 3
    assert second.watch.read()["seconds"] == 10
    save(0.0, second)
    load(second)  # as after a loss that is not finite: its own seconds are not counted twice
    clock[0] += 1
    assert second.watch.read()["seconds"] == second.watch.read()["cpu_seconds"] == 11
    other = checkpoint.Checkpoint(first.path, "two")
    load(other)
    assert other.watch.read()["seconds"] == 0


def test_a_fingerprint_is_of_run_settings_data_code_device_and_version(monkeypatch):
    settings = params.check(read_yaml(ROOT / "params.yaml")).train
    run, data, code = Run("vae", 3, 0), {"files": {"a": "0" * 64}}, {"a.py": "0" * 64}
    cpu = torch.device("cpu")
    asked = [
        ([run], settings, data, code, cpu),
        ([replace(run, seed=1)], settings, data, code, cpu),
        ([run, replace(run, seed=1)], settings, data, code, cpu),
        ([run], replace(settings, epochs=settings.epochs + 1), data, code, cpu),
        ([run], settings, {"files": {"a": "1" * 64}}, code, cpu),
        ([run], settings, data, {"a.py": "1" * 64}, cpu),
        ([run], settings, data, {"b.py": "0" * 64}, cpu),
        ([run], settings, data, code, torch.device("cuda")),
    ]
    found = {checkpoint.fingerprint(*one) for one in asked}
    assert found == {checkpoint.fingerprint(*one) for one in asked}
    monkeypatch.setattr(checkpoint.torch, "__version__", "1.2.3")
    found.add(checkpoint.fingerprint(*asked[0]))
    assert len(found) == len(asked) + 1


def test_the_peak_is_that_of_the_largest_process():
    watch = Stopwatch()
    watch.earlier = {"peak_memory_mib": 1e6}
    assert watch.read()["peak_memory_mib"] == 1e6
    watch.earlier = {"peak_memory_mib": 1.0}
    assert 1 < watch.read()["peak_memory_mib"] < 1e6
