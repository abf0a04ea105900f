"""No private name of another package is used. `make lint` runs this.

Ruff's SLF001 and TID251 find most of them (see pyproject.toml), but neither what a module itself
holds, such as `torch._name`, nor anything in the Snakefile.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [path for top in ("src", "workflow") for path in sorted((ROOT / top).rglob("*.py"))]
RULES = [ROOT / "Snakefile", *sorted((ROOT / "workflow/rules").glob("*.smk"))]
ALLOWED = "noqa: SLF001"  # on the line, with a reason


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def private_names(source: str) -> list[str]:
    """The private names that a file takes from other packages' modules."""
    tree = ast.parse(source)
    bound, found = set(), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] != "vaepipe":
            path = [*node.module.split("."), *(alias.name for alias in node.names)]
            found += [(node.lineno, name) for name in path if private(name)]
        elif isinstance(node, ast.Import):
            path = [part for alias in node.names for part in alias.name.split(".")]
            found += [(node.lineno, name) for name in path if private(name)]
    # NamedTuple's methods have such names so that fields can't clash with them.
    documented = {"_replace", "_asdict", "_fields", "_make"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and private(node.attr) and node.attr not in documented:
            base = node.value
            while isinstance(base, ast.Attribute):
                base = base.value
            if isinstance(base, ast.Name) and base.id in bound:
                found.append((node.lineno, node.attr))
    lines = source.splitlines()
    return [name for line, name in found if ALLOWED not in lines[line - 1]]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_private_name_of_a_package_is_used(path):
    assert not private_names(path.read_text())


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_no_private_name_is_used_in_the_rules(path):
    assert not re.findall(r"\w\._[a-z]\w*", path.read_text())


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ntorch._fused(1)",
        "import torch.optim as o\no.adam._single()",
        "from torch import _fused",
        "from torch._inductor import config",
        "import dvc._api",
        "def f():\n    from dvc.repo import Repo\n    Repo._lock",
    ],
)
def test_a_private_name_is_found(source):
    assert private_names(source)
