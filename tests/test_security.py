"""Text from params and files reaches a shell only quoted, and a page only escaped."""

import shlex
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo

from conftest import ROOT, copied_tree, run_in

HOSTILE = [
    "'; touch pwned; '",
    "$(touch pwned)",
    '"; touch pwned; "',
    "a b`touch pwned`",
    "{x} and more",
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory, mnist_folder) -> Path:
    """A tree without data and without results."""
    return copied_tree(tmp_path_factory.mktemp("hostile") / "tree", mnist_folder)


@pytest.mark.parametrize("source", HOSTILE)
def test_no_shell_is_built_from_a_setting(tree, source, record):
    """A folder of that name is asked for its files, by Snakemake and by the command DVC builds."""
    config = f"data={{source: {source!r}}}"
    done = run_in(tree, "snakemake", "--cores", "1", "data/mnist/manifest.json", "--config", config)
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert source in text
    assert not (tree / "pwned").exists()
    record("hostile settings on their way to a shell", 1)


@pytest.mark.parametrize("source", HOSTILE)
def test_dvc_quotes_settings_as_the_snakefile_does(tree, source, record):
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["data"]["source"] = source
    (tree / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    with Repo(str(tree)) as repo:
        command = next(stage.cmd for stage in repo.index.stages if "download.py" in stage.cmd)
    words = shlex.split(command)
    assert words[words.index("--source") + 1] == source
    record("hostile settings on their way to a shell", 1)
