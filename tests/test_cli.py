"""The command `vaepipe`: what it says by itself, and its help."""

import argparse
import shlex
import sys
from contextlib import suppress

import pytest

from conftest import ROOT, git
from vaepipe import cli
from vaepipe.versions import presets
from vaepipe.versions.next_steps import next_steps


def told(capsys, monkeypatch, *words: str) -> str:
    """What `vaepipe` prints for these words."""
    monkeypatch.setattr(sys, "argv", ["vaepipe", *words])
    with suppress(SystemExit):
        cli.main()
    return capsys.readouterr().out


def test_without_a_word_it_says_what_to_do_next(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert "holds no pipeline" in told(capsys, monkeypatch)
    for name in ("params.yaml", "Snakefile"):
        (tmp_path / name).touch()
    assert "make smoke" in told(capsys, monkeypatch)
    (tmp_path / "results/models").mkdir(parents=True)
    (tmp_path / "results/models/ae-z3-s0.safetensors").touch()
    assert told(capsys, monkeypatch).startswith("1 trained models and no report")
    (tmp_path / "results/report.html").touch()
    assert "results/report.html" in "".join(next_steps(tmp_path))
    assert "vaepipe ui" in told(capsys, monkeypatch)
    assert "vaepipe diff" not in told(capsys, monkeypatch), "nothing is committed"
    git(tmp_path, "init", "-q")
    (tmp_path / "results/comparison.csv").touch()
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "results")
    assert "vaepipe diff" in told(capsys, monkeypatch)


def test_version(capsys, monkeypatch):
    assert told(capsys, monkeypatch, "--version").startswith("vaepipe 0.")


@pytest.mark.parametrize("command", [[], *([run.__name__] for run in cli.EXAMPLES)])
def test_every_help_has_an_example(capsys, monkeypatch, command):
    text = told(capsys, monkeypatch, *command, "--help")
    assert f"\n  vaepipe {' '.join(command)}".rstrip() in text or "&& vaepipe" in text


@pytest.mark.parametrize("line", [line for lines in cli.EXAMPLES.values() for line in lines])
def test_every_example_can_be_parsed(monkeypatch, line):
    class Parsed(Exception):
        pass

    def parse(parser):
        raise Parsed(parse_args(parser))

    parse_args = argparse.ArgumentParser.parse_args
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    monkeypatch.setattr(sys, "argv", shlex.split(line.split("&& ")[-1]))
    with pytest.raises(Parsed):
        cli.main()


def test_preset_without_a_name_lists_them(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    text = told(capsys, monkeypatch, "preset")
    assert [line.split()[0] for line in text.splitlines()] == list(presets.listed())
    assert "The whole graph in under a minute" in text
