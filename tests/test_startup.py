"""What a process imports before its work begins; docs/performance.md has the times."""

import platform
import subprocess
import sys

import pytest

from conftest import ROOT

# Each takes a good part of a second to import, mlflow and sklearn more than one.
HEAVY = {
    "mlflow",
    "matplotlib",
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
    "figures": {"torch", "pandas", "matplotlib"},
    "report": {"torch", "pandas", "scipy", "plotly"},
    "track": {"torch", *MLFLOW},
    "provenance": {"torch", "pandas", "scipy"},
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


# How many pages of memory a step takes from the system, once twenty were taken.
STEPS = """
import resource, sys
from dataclasses import replace
from pathlib import Path
import torch
from vaepipe import params
from vaepipe.training import loop
from vaepipe.data.dataset import Images
from vaepipe.core.device import prepare
from vaepipe.training.ensemble import Ensemble
from vaepipe.core.files import read_yaml
from vaepipe.models import Architecture, build
from vaepipe.core.rng import generator

settings = params.check(read_yaml(Path(sys.argv[1]))).train
prepare("cpu", 1)
images = Images(torch.zeros(128, 784, dtype=torch.uint8), torch.zeros(128, dtype=torch.int64))
model = build(Architecture("vae", 20, (400,), "relu"), generator(0, "initialisation"))
ensemble, draw = Ensemble([model], settings), generator(0, "latent")
chance = [{"binarisation": draw, "latent": draw}]
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        ensemble.train_step(loop.as_batch(images, chance, 20, settings), 1e-3)
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20)
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="memory is kept where the C library is glibc"
)
def test_a_step_is_made_of_memory_that_is_there():
    """Its arrays are not given back to the system and taken anew, which was 650 pages a step."""
    command = [sys.executable, "-c", STEPS, str(ROOT / "params.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 100, "pages of memory taken by a step"
