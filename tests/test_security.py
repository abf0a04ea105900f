"""Text from params and files reaches a shell only quoted, and a page only escaped."""

import shlex

import pytest
import yaml
from dvc.repo import Repo

from conftest import a_copy, run_in

HOSTILE = [
    "'; touch pwned; '",
    "$(touch pwned)",
    '"; touch pwned; "',
    "a b`touch pwned`",
    "{x} and more",
]


@pytest.mark.parametrize("source", HOSTILE)
def test_no_shell_is_built_from_a_setting(smoke_tree, tmp_path, source, record):
    """A folder of that name is asked for its files, by Snakemake and by the command DVC builds."""
    tree = a_copy(smoke_tree, tmp_path / "tree")
    for file in (tree / "data/mnist").iterdir():
        file.unlink()
    config = f"data={{source: {source!r}}}"
    done = run_in(tree, "snakemake", "--cores", "1", "data/mnist/manifest.json", "--config", config)
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert source in text
    assert not (tree / "pwned").exists()
    record("hostile settings on their way to a shell", 1)


@pytest.mark.parametrize("source", HOSTILE)
def test_dvc_quotes_settings_as_the_snakefile_does(smoke_tree, tmp_path, source, record):
    tree = a_copy(smoke_tree, tmp_path / "tree")
    params = yaml.safe_load((tree / "params.yaml").read_text())
    params["data"]["source"] = source
    (tree / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    with Repo(str(tree)) as repo:
        command = next(stage.cmd for stage in repo.index.stages if "download.py" in stage.cmd)
    words = shlex.split(command)
    assert words[words.index("--source") + 1] == source
    record("hostile settings on their way to a shell", 1)
