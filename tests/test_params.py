"""Bad params get one clear message, from either driver, before any work."""

import argparse

import pytest
import yaml

from conftest import ROOT, copied_tree, run_in
from vaepipe import flags, params, sweep
from vaepipe.core.errors import UserError


def default() -> dict:
    return yaml.safe_load((ROOT / "params.yaml").read_text())


def test_the_default_and_every_preset_are_allowed():
    params.check(default())
    for preset in (ROOT / "params").glob("*.yaml"):
        whole = default()
        overlay = yaml.safe_load(preset.read_text())
        asked = overlay.pop("sweep", None)
        for section, values in overlay.items():
            whole[section] |= values
        settings = params.check(whole)
        if asked:
            of = sweep.check(asked, settings.train, settings.matrix.seeds)
            assert len(sweep.trials(of, settings.train)) == of.trials


# Key, value, and what the message must say beside them.
BAD = [
    ("train.epochs", 0, "from 1"),
    ("train.epochs", 2.5, "whole number"),
    ("train.epochs", True, "whole number"),
    ("train.epochs", "ten", "whole number"),
    ("train.epochs", None, "whole number"),
    ("train.epochs", 10**30, "1000000"),
    ("train.learning_rate", -0.1, "above 0"),
    ("train.learning_rate", float("nan"), "a number"),
    ("train.learning_rate", float("inf"), "a number"),
    ("train.learning_rate", 10**400, "a number"),
    ("train.gan_learning_rate", 0, "above 0"),
    ("train.gan_penalty", -1.0, "from 0"),
    ("train.hidden", [], "not empty"),
    ("train.hidden", 400, "a list"),
    ("train.hidden", [400, "wide"], "whole number"),
    ("train.activation", "softmax", "relu"),
    ("train.binarize", "static", "dynamic"),
    ("train.device", "tpu", "auto"),
    ("matrix.models", ["vae", "gan; rm -rf ~"], "cvae"),
    ("matrix.models", ["gan-beta2"], "gan-lr0.001"),
    ("matrix.seeds", [1, 1], "once"),
    ("matrix.seeds", {"a": 1}, "a list"),
    ("data.name", "cifar", "mnist"),
    ("data.source", "two\nlines", "one line"),
    ("track.experiment", "  ", "text"),
]


@pytest.mark.parametrize(("key", "value", "allowed"), BAD)
def test_an_impossible_value_is_named_with_what_is_allowed(key, value, allowed):
    section, name = key.split(".")
    whole = default()
    whole[section][name] = value
    with pytest.raises(UserError) as caught:
        params.check(whole)
    message = str(caught.value)
    assert key in message
    assert allowed in message
    assert len(message.splitlines()) == 2
    assert max(map(len, message.splitlines())) < 250


def test_all_that_is_wrong_is_named_at_once():
    whole = default()
    whole["train"]["epochs"] = 0
    whole["evaluate"]["typo"] = 1
    del whole["data"]["source"]
    del whole["figures"]
    whole["extra"] = {}
    with pytest.raises(UserError) as caught:
        params.check(whole)
    for key in ("train.epochs", "evaluate.typo", "data.source", "figures", "extra"):
        assert key in str(caught.value)


@pytest.mark.parametrize("whole", [None, [], "text", 3, {}, {1: 2}, {"train": None}])
def test_what_is_no_params_file_at_all_is_refused(whole):
    with pytest.raises(UserError):
        params.check(whole)


def test_texts_are_retyped_where_the_setting_is_none():
    texts = {"train": {"epochs": "1", "hidden": ["8"], "activation": "relu"}, "x": 3}
    expected = {"train": {"epochs": 1, "hidden": [8], "activation": "relu"}, "x": 3}
    assert params.retyped(texts) == expected


@pytest.mark.parametrize("section", params.SECTIONS.values(), ids=params.SECTIONS)
def test_flags_carry_a_section_whole(section):
    values = default()[section.__name__.lower()]
    words = []
    for name, value in values.items():
        words += [f"--{name}", *map(str, value if isinstance(value, list) else [value])]
    parser = argparse.ArgumentParser()
    flags.add_section(parser, section)
    made = flags.section(section, parser.parse_args(words))
    assert made == getattr(params.check(default()), section.__name__.lower())


@pytest.fixture(scope="module")
def tree(tmp_path_factory, mnist_folder):
    return copied_tree(tmp_path_factory.mktemp("params") / "tree", mnist_folder)


@pytest.mark.pipeline
@pytest.mark.parametrize("driver", [["snakemake", "--cores", "1"], ["dvc", "repro"]], ids=" ".join)
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("epochs: 1", "epochs: -5", ["train.epochs", "-5", "from 1"]),
        ("epochs: 1", "epocs: 1", ["train.epocs", "unknown", "epochs"]),
        ("  epochs: 1", " epochs: [", ["params.yaml"]),
        ("name: mnist", "name: 'a; touch pwned'", ["data.name", "kmnist"]),
        ("name: mnist", "name: !!python/object/apply:os.system ['touch pwned']", ["params.yaml"]),
    ],
)
def test_either_driver_refuses_before_any_work(tree, driver, old, new, said, record):
    good = (tree / "params.yaml").read_text()
    (tree / "params.yaml").write_text(good.replace(old, new))
    try:
        done = run_in(tree, *driver)
    finally:
        (tree / "params.yaml").write_text(good)
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert all(part in text for part in said), text
    assert "Traceback" not in text
    assert not (tree / "results/models").exists()
    assert not (tree / "pwned").exists()
    record("bad params files given to a driver", 1)
