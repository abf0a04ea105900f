"""What a process imports before its work begins; docs/performance.md has the times."""

import subprocess
import sys

import pytest

from conftest import ROOT

pytestmark = pytest.mark.slow  # each starts a process

# Each takes a good part of a second to import, mlflow and sklearn more than one.
HEAVY = {
    "mlflow",
    "matplotlib",
    "PIL",
    "plotly",
    "sklearn",
    "scipy",
    "pandas",
    "torch",
    "dvc",
    "snakemake",
}

# scipy and pandas come with mlflow, whoever else needs them.
MLFLOW = {"mlflow", "scipy", "pandas"}
NEEDED = {
    "check": set(),
    "download": set(),
    "classify": {"torch"},
    "train": {"torch"},
    "evaluate": {"torch"},
    "compare": {"torch", "pandas", "scipy"},
    "figures": {"torch", "pandas", "matplotlib", "PIL"},
    "claims": {"torch", "pandas", "scipy", "matplotlib", "PIL"},
    "report": {"torch", "pandas", "scipy", "plotly", "PIL"},
    "track": {"torch", *MLFLOW},
    "provenance": {"torch", "pandas", "scipy"},
    "sweep_choose": {"torch", "pandas", "scipy"},
    "sweep_report": {"torch", "pandas", "scipy"},
    "sweep_track": {"torch", *MLFLOW},
}


def heavy_imports(code: str, *words: str) -> set[str]:
    """Which of the heavy packages a process has imported after this code."""
    ending = "; print(*sys.modules)"
    command = [sys.executable, "-c", code + ending, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.split()) & HEAVY


@pytest.mark.parametrize("script", sorted(p.stem for p in ROOT.glob("workflow/scripts/*.py")))
def test_a_stage_imports_only_what_it_needs(script):
    path = str(ROOT / "workflow" / "scripts" / f"{script}.py")
    found = heavy_imports("import runpy, sys; runpy.run_path(sys.argv[1])", path)
    assert found <= NEEDED[script]


@pytest.mark.parametrize(
    "module", ["vaepipe", "vaepipe.cli", "vaepipe.versions.handover", "vaepipe.figures"]
)
def test_what_every_command_imports_is_light(module):
    assert heavy_imports(f"import sys, {module}") == set()


# Prints how many pages of memory a step takes from the system after the first twenty steps, and
# whether PyTorch's compiler was imported, which takes more than a second.
STEPS = """
import resource, sys
from pathlib import Path
import torch
from vaepipe import params
from vaepipe.core.device import prepare
from vaepipe.data.dataset import Images
from vaepipe.results import Run
from vaepipe.training.state import start
from vaepipe.training.step import train_step

settings = params.check_file(Path(sys.argv[1])).train
device = prepare("cpu", 1)
images = Images(torch.zeros(128, 784, dtype=torch.uint8), torch.zeros(128, dtype=torch.int64))
[state] = start([Run("vae", 20, 0)], settings, images.pixels, device)
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        train_step(state, images, 1e-3, 1.0, settings)
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20)
print("torch._dynamo" in sys.modules)
"""


@pytest.fixture(scope="module")
def steps() -> list[str]:
    """What `STEPS` prints."""
    command = [sys.executable, "-c", STEPS, str(ROOT / "params.yaml")]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.needs("glibc")
def test_a_step_is_made_of_memory_that_is_there(steps):
    """Its arrays are not given back to the system and taken anew, which was 650 pages a step."""
    assert float(steps[0]) < 100, "pages of memory taken by a step"


def test_training_does_not_import_the_compiler(steps):
    assert steps[1] == "False"
