"""What a process imports before its work begins; docs/performance.md has the times."""

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
    "digest": set(),
    "classify": {"torch"},
    "train": {"torch"},
    "evaluate": {"torch"},
    "compare": {"torch", "pandas", "scipy"},
    "figures": {"torch", "pandas", "matplotlib"},
    "report": {"torch", "pandas", "scipy", "plotly"},
    "track": {"torch", *MLFLOW},
    "publish": MLFLOW,
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


@pytest.mark.parametrize("module", ["vaepipe", "vaepipe.cli", "vaepipe.drivers", "vaepipe.figures"])
def test_what_every_command_imports_is_light(module):
    assert heavy_imports(f"import sys, {module}") == set()
