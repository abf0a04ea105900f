"""dvc.yaml lists all code that a stage's result depends on. `make lint` runs this.

Both drivers run a stage again when code that is listed for it changes, and a checkpoint is dropped
when training's does: see `vaepipe.core.provenance.code_of`.
"""

import ast
import re
from pathlib import Path

import pytest
import yaml

from vaepipe.core.provenance import code_of

ROOT = Path(__file__).parents[1]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]

# Listed for no stage. They turn flags into settings and settings into names of files, and all of
# that stands in the stage's command, which both drivers compare.
EXEMPT = {f"src/vaepipe/{name}.py" for name in ("__init__", "values", "params", "flags", "results")}


# How `vaepipe.models.MODELS` names a class that is imported when it is built.
BY_NAME = re.compile(r"vaepipe(\.\w+)+:\w+")


def test_what_editors_and_desktops_leave_is_no_code(tmp_path):
    room = tmp_path / "src/room"
    (room / ".ipynb_checkpoints").mkdir(parents=True)
    (tmp_path / "dvc.yaml").write_text("stages: {train: {deps: [src/room]}}")
    names = ["a.py", ".a.py.swp", ".DS_Store", "a.pyc", ".ipynb_checkpoints/a.py"]
    for name in names:
        (room / name).touch()
    (room / ".#a.py").symlink_to("nobody@nowhere")
    assert code_of("train", tmp_path) == [room / "a.py"]


def is_for_types(node: ast.AST) -> bool:
    """Whether it is `if TYPE_CHECKING:`, which is never run."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def nodes(tree: ast.AST):
    """All nodes but those for types only, within functions too."""
    for node in ast.iter_child_nodes(tree):
        if not is_for_types(node):
            yield node
            yield from nodes(node)


def names(path: Path) -> set[str]:
    """What a file imports, or may import: a name after `from` may be a module or not."""
    found = set()
    for node in nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and BY_NAME.fullmatch(str(node.value)):
            found.add(node.value.partition(":")[0])
    return {name for name in found if name.split(".")[0] == "vaepipe"}


def files_of(name: str, root: Path) -> set[Path]:
    """The files that importing a module runs: its own and those of the packages above it."""
    found = set()
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        place = root / "src" / Path(*parts[:end])
        found |= {place / "__init__.py", place.with_suffix(".py")}
    return {path for path in found if path.is_file()}


def imported(script: Path, root: Path = ROOT) -> set[str]:
    """The project's files that a script runs or may run, from the root."""
    found: set[Path] = set()
    waiting = {script}
    while waiting:
        path = waiting.pop()
        found.add(path)
        for name in names(path):
            waiting |= files_of(name, root) - found
    return {path.relative_to(root).as_posix() for path in found}


def missing(found: set[str], listed: list[str]) -> set[str]:
    """The files that no entry of a list covers."""
    return {
        file
        for file in found - EXEMPT
        if not any(file == entry or file.startswith(f"{entry}/") for entry in listed)
    }


def script_of(stage: str) -> Path:
    return ROOT / f"workflow/scripts/{stage}.py"


@pytest.mark.parametrize("stage", STAGES)
def test_all_code_of_a_stage_is_listed(stage):
    assert not missing(imported(script_of(stage)), STAGES[stage]["deps"])


@pytest.mark.parametrize("stage", STAGES)
def test_a_list_without_one_of_its_folders_is_refused(stage):
    """So nothing is listed that is never imported, and nothing can be left out."""
    found = imported(script_of(stage))
    listed = STAGES[stage]["deps"]
    for entry in listed:
        if entry.startswith("src/"):
            assert missing(found, [e for e in listed if e != entry]) or entry in EXEMPT, entry


def test_imports_within_functions_and_of_packages_are_seen(tmp_path):
    room = tmp_path / "src/vaepipe/room"
    room.mkdir(parents=True)
    (room / "__init__.py").write_text("import vaepipe.lazy\n")
    (room / "part.py").touch()
    (room.parent / "lazy.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import vaepipe.never\n"
    )
    (room.parent / "never.py").touch()
    script = tmp_path / "script.py"
    script.write_text("def f():\n    from vaepipe.room import part\n")
    assert imported(script, tmp_path) == {
        "script.py",
        "src/vaepipe/lazy.py",
        "src/vaepipe/room/__init__.py",
        "src/vaepipe/room/part.py",
    }
