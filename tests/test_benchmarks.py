"""Benchmarks measure what they say, and the page shows it; no test asserts a time."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from benchmarks import (
    bound,
    floor,
    frontier,
    full,
    growth,
    page,
    recipes,
    setting,
    tables,
    throughput,
    time_to_loss,
    usage,
)
from benchmarks.example import Digits
from benchmarks.timing import in_turns, instructions, ratios, spread

from conftest import ROOT
from test_startup import heavy_imports
from vaepipe.core.errors import UserError
from vaepipe.core.files import read_json, read_table
from vaepipe.data import dataset
from vaepipe.data.idx import parse_idx
from vaepipe.models import networks
from vaepipe.params import Matrix
from vaepipe.report import longer
from vaepipe.results import Results, Run
from vaepipe.training import loop


@pytest.fixture(scope="module")
def images(mnist_folder):
    return dataset.training_images(mnist_folder, 0)[0].first(256)


def of(median: float) -> dict[str, float]:
    return {"median": median, "low": median / 2, "high": 2 * median, "turns": 3}


@pytest.fixture
def measured() -> dict[str, dict]:
    """Made-up measurements of which each goal is just met."""
    names = ("vaepipe float32", "vaepipe bfloat16", "floor float32", "example", "pythae")
    ratio = {"example": of(3), "pythae": of(1.5), "floor": of(1.3)}
    machine = {
        "processor": "a processor",
        "cores": 2,
        "instructions": "AVX2",
        "bfloat16_products": False,
        "versions": dict.fromkeys(("python", "torch", "numpy", "snakemake", "dvc"), "1.2"),
    }
    stage = {"jobs": 18, "wall_seconds": 200.0, "cpu_seconds": 190.0, "peak_mib": 500}
    reached = {"seconds": of(4), "test_nats": of(105.4), "reached": 3, "ratio": of(8)}
    bench = {
        "machine": machine,
        "throughput": {
            "images_per_second": {name: of(12_345) for name in names},
            "step_ms": {name: of(6.789) for name in names},
            "goals": throughput.GOALS,
            "ratios float32": ratio,
            "ratios bfloat16": ratio,
        },
        "time_to_loss": {
            "target_nats": 105.5,
            "example_seconds": 60.0,
            "example_test_seconds": 4.0,
            "goals": time_to_loss.GOALS,
            "float32": reached,
        },
        "bound": {
            "share_of_square_product": of(0.5),
            "share_of_products": of(0.6),
            "gflops": of(50),
            "square_gflops": of(100),
            "added_memory_mib": 17.9,
            "full_test_minutes": of(7.2),
            "goal": bound.GOAL,
        },
        "main_job": {
            "wall_seconds": 180.0,
            "cpu_seconds": 300.0,
            "share_in_steps": 0.7,
            "stages": {"train": stage, "snakemake": stage | {"wall_seconds": None}},
            "no_op_seconds": {"snakemake --cores 4": of(3), "dvc repro": of(3)},
            "start_up": {"train": {"wall_seconds": of(3)}},
            "goals": {"share_in_steps": 0.7, "seconds": 180, "no_op": 3, "start_up": 3},
        },
    }
    rows = [{"size": n, "seconds": n / 10, "added_memory_mib": 5.0} for n in (1, 10)]
    failed = {"size": 100, "failed": "no memory"}
    axes = {"width": {"rows": [*rows, failed], "exponent_seconds": 1.0}}
    gpu = {"what": "100 epochs", "measured": of(4), "goal": "under 5", "met": True}
    rate = {"what": "steps/s", "measured": of(8000), "goal": "", "met": None}
    run = {
        "name": "ar-4",
        "family": "MLP",
        "seed": 0,
        "epochs": 4,
        "seconds": 150.0,
        "validation": 87.0,
    }
    run |= {"neg_elbo": 86.0, "rate": 12.0, "nll": 84.6, "samples": 1000, "machine": machine}
    return {
        "frontier": {"runs": [run, run | {"seed": 1, "nll": 84.2}]},
        "bench": {"AVX2": bench},
        "growth": {"axes": axes, "machine": machine},
        "gpu": {"rows": [gpu, rate], "device": "a GPU", "torch": "2", "cuda": "13"},
    }


def test_tables_show_what_was_measured(measured):
    shown = page.rendered("".join(f"<!-- {t} -->old<!-- /{t} -->" for t in tables.TABLES), measured)
    assert "old" not in shown
    assert "84.40 (84.20 to 84.60)" in shown
    for text in ("12,300", "6.79 (3.39 to 13.6)", "105.40", "3 of 3", "70%", "17.9", "no memory"):
        assert text in shown
    for text in (
        "a processor",
        "a GPU",
        "without bfloat16",
        "| width | 10 | 1 | 5 |",
        "16,000) |  |  |",
    ):
        assert text in shown


GOALS = {
    "throughput": [
        (("throughput", "ratios float32", "example", "median"), 2.99),
        (("throughput", "ratios float32", "pythae", "median"), 1.49),
        (("throughput", "ratios float32", "floor", "median"), 1.31),
    ],
    "bound": [(("bound", "share_of_square_product", "median"), 0.49)],
    "main_job": [
        (("main_job", "wall_seconds"), 181.0),
        (("main_job", "share_in_steps"), 0.69),
        (("main_job", "no_op_seconds", "dvc repro", "median"), 3.1),
        (("main_job", "start_up", "train", "wall_seconds", "median"), 3.1),
    ],
    "time_to_loss": [(("time_to_loss", "float32", "ratio", "median"), 7.9)],
}


@pytest.mark.parametrize(
    ("name", "path", "value"), [(name, *one) for name, each in GOALS.items() for one in each]
)
def test_a_goal_missed_by_little_is_not_met(measured, name, path, value):
    assert "not met" not in tables.TABLES[name](measured)
    *outer, last = path
    place = measured["bench"]["AVX2"]
    for key in outer:
        # Two ratios share one dict above.
        place[key] = dict(place[key])
        place = place[key]
    place[last] = value
    assert tables.TABLES[name](measured).count("not met") == 1


def test_the_page_is_what_its_source_says():
    text = page.PAGE.read_text(encoding="utf-8")
    literature = frontier.PAGE.read_text(encoding="utf-8")
    assert sorted(re.findall(r"<!-- (\w+) -->", text + literature)) == sorted(tables.TABLES)
    assert page.rendered(text, read_json(page.SOURCE)) == text
    measured = {"frontier": read_json(frontier.SOURCE)} if frontier.SOURCE.exists() else {}
    assert page.rendered(literature, measured) == literature


def test_each_machine_has_its_own_tables(measured):
    [found] = measured["bench"].values()
    other = dict(found, machine=found["machine"] | {"instructions": "AVX512"})
    del other["main_job"]
    measured["bench"]["AVX512"] = other
    assert tables.TABLES["machines"](measured).count("a processor") == 2
    assert re.findall("^AVX.*:$", tables.TABLES["bound"](measured), re.MULTILINE) == [
        "AVX2:",
        "AVX512:",
    ]
    assert "AVX512" not in tables.TABLES["main_job"](measured)


def test_a_recipe_changes_its_own_trainings_alone(mnist_folder, monkeypatch):
    """One process trains many: what a recipe changes in the code ends with it."""
    monkeypatch.setattr(setting, "MNIST", mnist_folder)
    small = {"hidden": [8], "epochs": 1, "batch_size": 1000}
    run = Run("ae", 3, 0)
    before = recipes.measure("default", small, run)
    changed = recipes.measure("changed", small | {"adam_beta1": 0.5, "label_scale": 1.0}, run)
    assert changed["validation_loss"] != before["validation_loss"]
    assert networks.LABEL_SCALE == 1.0
    after = recipes.measure("default", small, run)
    assert networks.LABEL_SCALE == recipes.LABEL_SCALE
    assert before["validation_loss"] == after["validation_loss"]


def test_without_measurements_tables_say_so():
    assert {make({}) for make in tables.TABLES.values()} == {tables.NOT_MEASURED}


def test_ratios_are_taken_within_turns():
    values = iter([9.0, 9.0, 2.0, 1.0, 6.0, 2.0])  # the first turn warms up
    found = in_turns({"a": lambda: next(values), "b": lambda: next(values)}, 2)
    assert found == {"a": [2.0, 6.0], "b": [1.0, 2.0]}
    quotients = spread(ratios(found["a"], found["b"]))
    assert quotients == {"median": 2.5, "low": 2.0, "high": 3.0, "turns": 2}


@pytest.mark.parametrize("b", [0.5, 1.0, 2.0])
def test_exponent_of_a_power(b):
    rows = [{"size": n, "seconds": 3 * n**b} for n in (1, 10, 100, 1000)]
    rows[0]["seconds"] = 1e6  # where constants count
    rows[2]["seconds"] *= 2  # a step between the two
    assert growth.exponent(rows, "seconds") == b


def test_exponent_of_what_starts_at_nothing():
    rows = [{"size": n, "seconds": float(n > 1)} for n in (1, 10, 100)]
    assert growth.exponent(rows, "seconds") is None


def test_synthetic_images_are_idx(tmp_path, images):
    growth.write_images(tmp_path / "file", 600, images.pixels.numpy())
    found = parse_idx((tmp_path / "file").read_bytes(), "file").reshape(600, -1)
    assert np.array_equal(found[:256], images.pixels)
    assert np.array_equal(found[256:512], np.roll(images.pixels, 1, axis=1))
    assert len(np.unique(found, axis=0)) == 600


def test_all_train_the_same_net():
    settings = setting.settings_of("example")
    assert (settings.hidden, settings.batch_size) == ((setting.HIDDEN,), setting.BATCH)
    assert (settings.learning_rate, settings.binarize) == (setting.RATE, "none")
    assert setting.settings_of("example", "recipe").hidden == (setting.HIDDEN,)


def test_the_example_sees_the_same_pixels(images):
    data = Digits(images)
    x = torch.stack([data[index][0].flatten() for index in range(len(data))])
    assert torch.allclose(x, dataset.grey(images.pixels))
    assert [data[index][1] for index in range(5)] == images.labels[:5].tolist()


def test_floor_does_the_products_of_a_step():
    with torch.profiler.profile(with_flops=True) as profile:
        floor.step_products([784, 400, 40], [20, 400, 784], 128, torch.float32)()
    counted = sum(event.flops for event in profile.key_averages())
    forward = floor.flops([784, 400, 40], 128) + floor.flops([20, 400, 784], 128)
    # Backward does as many again for the weights, and for all inputs but the images.
    assert counted == 3 * forward - floor.flops([784, 400], 128)


@pytest.mark.slow
def test_time_to_loss_of_little_training(images, mnist_folder, monkeypatch):
    monkeypatch.setattr(time_to_loss, "EVERY", 1)
    test = dataset.test_images(mnist_folder).first(100)
    found = time_to_loss.measure(images, test, epochs=2)
    for precision in setting.PRECISIONS:
        assert found[precision]["test_nats"]["turns"] == 2
        assert 100 < found[precision]["test_nats"]["median"] < 600
    assert found["target_nats"] > found["float32"]["test_nats"]["high"]


def test_usage_names_the_functions_of_training():
    """A renamed function or file would be sampled as steps, or not at all."""
    for name in usage.NOT_STEPS - {"on_epoch"}:
        assert hasattr(loop, name) or hasattr(loop.checkpoint, name)
    assert "on_epoch" in loop.train.__code__.co_varnames
    assert loop.train.__code__.co_filename.endswith(usage.LOOP)


def test_instructions_are_read_as_linux_names_them(tmp_path):
    file = tmp_path / "cpuinfo"
    assert instructions(file) == set()
    file.write_text("processor\t: 0\nmodel name\t: A: B\nflags\t\t: fpu avx512_bf16\n\n")
    assert instructions(file) == {"fpu", "avx512_bf16"}


def test_usage_tells_steps_from_the_rest(tmp_path):
    """A small training process: it validates for a while, and runs steps for as long."""
    (tmp_path / "vaepipe/training").mkdir(parents=True)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "sitecustomize.py").write_text((ROOT / "benchmarks/usage.py").read_text())
    for package in ("vaepipe", "vaepipe/training"):
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "vaepipe/training/loop.py").write_text(
        "import time\n"
        "def busy():\n"
        "    until = time.process_time() + 0.1\n"
        "    while time.process_time() < until: pass\n"
        "def validate(): busy()\n"
        "def train(): busy(); validate()\n"
    )
    script = tmp_path / "scripts/train.py"
    script.write_text("from vaepipe.training.loop import train\ntrain()\n")
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "BENCHMARK_USAGE": str(tmp_path)}
    subprocess.run([sys.executable, str(script)], env=environment, check=True)
    (file,) = tmp_path.glob("*.json")
    found = json.loads(file.read_text())
    assert found["command"] == [str(script)]
    assert found["cpu_seconds"] >= 0.2
    assert found["peak_mib"] > 1
    samples = found["samples"]
    assert 0.25 < samples["steps"] / samples["all"] < 0.75


def test_gpu_measurements_need_little():
    assert heavy_imports("import sys, benchmarks.gpu") == {"torch"}


def test_the_version_to_quote_goes_to_readme_docs_and_page(smoke_tree, tmp_path, monkeypatch):
    monkeypatch.setattr(full, "PRESET", "params/smoke.yaml")
    monkeypatch.setattr(full, "FOLDER", tmp_path / "longer")
    monkeypatch.setattr(full, "DOCS", tmp_path / "docs")
    monkeypatch.setattr(full, "PICTURES", tmp_path / "docs" / "images" / "full")
    monkeypatch.setattr(full.setting, "ROOT", tmp_path)
    for name in ("README.md", "docs/results.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        markers = re.findall(r"<!-- quoted\w* -->", (ROOT / name).read_text())
        assert markers, f"{name} has no place for it"
        text = "".join(f"{m}\nnot measured\n{m.replace('<!-- ', '<!-- /')}\n" for m in markers)
        (tmp_path / name).write_text(text)
    results = Results(smoke_tree / "results")
    full.take(results, "abc1234")
    comparison = read_table(results.comparison_table)
    nll = comparison[(comparison["metric"] == "nll_marginal") & (comparison["model"] == "vae")]
    for name in ("README.md", "docs/results.md"):
        text = (tmp_path / name).read_text()
        assert "not measured" not in text
        assert f"{nll['mean'].item():.2f}" in text
    assert "vaepipe diff abc1234" in text
    for picture in re.findall(r"\]\((images/full/\w+\.png)\)", text):
        assert (tmp_path / "docs" / picture).exists()
    protocol = read_json(results.protocol)
    matrix, folder = Matrix(("ae", "vae"), (3,), (0,)), tmp_path / "longer"
    found = longer.answers(matrix, protocol["data_set"], protocol, {}, 0, folder)
    assert ("likelihood", 3) in found.answers


def test_the_version_to_quote_must_be_of_its_preset_and_committed(smoke_tree, tmp_path):
    with pytest.raises(UserError, match=r"is of params/smoke\.yaml"):
        full.take(Results(smoke_tree / "results"), "abc1234")
    with pytest.raises(UserError, match="are not committed"):
        full.commit_with(smoke_tree / "results")


@pytest.mark.slow
def test_a_point_of_the_frontier_is_trained_once_and_measured_with_what_that_took(tmp_path, capfd):
    train = {"hidden": [8], "network": "mlp", "epochs": 1, "validation": 50_000, "batch_size": 500}
    point = {"family": "MLP", "latent_dim": 2, "train": train}
    path = tmp_path / "weights" / "tiny-s0.safetensors"
    frontier.train_point("tiny", point, 0, path)
    assert "tiny seed 0: 1 of 1 epochs" in capfd.readouterr().out
    row = frontier.measure("tiny", point, 0, path, 2, "cpu", 1000)
    assert row["nll"] < row["neg_elbo"] < 784
    assert row["rate"] < row["neg_elbo"]
    assert row["epochs"] == 1
    assert row["seconds"] > 0
    written = path.read_bytes()
    frontier.train_point("tiny", point, 0, path)
    assert path.read_bytes() == written
    assert not capfd.readouterr().out
    frontier.draw_samples(["tiny"], path.parent, tmp_path / "samples.png")
    assert (tmp_path / "samples.png").stat().st_size > 1000
    other = point | {"train": train | {"epochs": 2}}
    with pytest.raises(UserError, match="other settings"):
        frontier.measure("tiny", other, 0, path, 2, "cpu", 1000)
