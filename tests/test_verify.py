"""`vaepipe verify` runs a run again and says what is not the same, and by how much."""

import json

import yaml

from conftest import ROOT, a_copy, run_in
from synthetic import MANIFEST
from vaepipe import params
from vaepipe.core.files import write_json
from vaepipe.core.rng import generator
from vaepipe.evaluation.evaluate import protocol
from vaepipe.models import Architecture, build, weights
from vaepipe.results import Results, runs_of
from vaepipe.training.job import own_settings
from vaepipe.versions import verify


def only_vae(smoke_tree, folder):
    """A copy of the smoke tree whose matrix is one model, so that one run is made again."""
    tree = a_copy(smoke_tree, folder)
    params = tree / "params.yaml"
    text = params.read_text()
    assert "- ae\n" in text
    params.write_text(text.replace("  - ae\n", "").replace("  - cvae\n", ""))
    return tree


def test_the_same_bits_are_said_to_be_the_same(smoke_tree, tmp_path, record):
    done = run_in(only_vae(smoke_tree, tmp_path / "tree"), "vaepipe", "verify")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["vae-z3-s0: the same bits"]
    record("runs made again by vaepipe verify", 1)


def test_other_results_are_said_to_differ_by_how_much(smoke_tree, tmp_path):
    tree = only_vae(smoke_tree, tmp_path / "tree")
    path = tree / "results/metrics/vae-z3-s0.json"
    metrics = json.loads(path.read_text())
    metrics["metrics"]["neg_elbo"] += 2 * metrics["metrics"]["neg_elbo_sem"]
    path.write_text(json.dumps(metrics))
    digests = json.loads((tree / "results/digest.json").read_text())
    digests["files"]["results/metrics/vae-z3-s0.json"] = "0" * 64
    (tree / "results/digest.json").write_text(json.dumps(digests))
    timing = json.loads((tree / "results/timing/vae-z3-s0.json").read_text())
    timing["versions"]["torch"] = "1.2.3"
    (tree / "results/timing/vae-z3-s0.json").write_text(json.dumps(timing))
    done = run_in(tree, "vaepipe", "verify")
    assert done.returncode == 1
    assert "metrics/vae-z3-s0.json differ" in done.stdout
    assert "neg_elbo" in done.stdout
    assert "2 standard errors" in done.stdout
    assert "made with torch 1.2.3, now " in done.stdout
    assert "made with numpy" not in done.stdout
    assert "distortion" not in done.stdout
    assert "Traceback" not in done.stderr


def test_results_of_other_settings_are_refused(smoke_tree, tmp_path):
    tree = only_vae(smoke_tree, tmp_path / "tree")
    params = tree / "params.yaml"
    text = params.read_text()
    for old, new, said in (
        ("epochs: 1\n  batch_size: 500", "epochs: 2\n  batch_size: 500", "was trained with other"),
        ("generated_images: 1000", "generated_images: 2000", "other settings of evaluate"),
        ("name: mnist", "name: kmnist", "was measured on other data"),
    ):
        assert text.count(old) == 1
        params.write_text(text.replace(old, new))
        done = run_in(tree, "vaepipe", "verify")
        assert done.returncode == 1
        assert said in done.stderr


def test_models_with_settings_of_their_own_are_run_again(tmp_path, monkeypatch):
    """A GAN, whose rate and batch are its own, and a model whose name holds a rate."""
    whole = yaml.safe_load((ROOT / "params.yaml").read_text())
    whole["matrix"] |= {"models": ["gan", "vae-lr0.02"], "latent_dims": [3], "seeds": [0]}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(whole))
    settings, results = params.check(whole), Results(tmp_path / "results")
    write_json(results.digest, {"files": {}})
    results.model(runs_of(settings.matrix)[0]).parent.mkdir()
    for run in runs_of(settings.matrix):
        own = own_settings(run.model, settings.train)
        replaced = {k: v for k, v in vars(settings.train).items() if v != getattr(own, k)}
        assert replaced
        about = {"run": vars(run), "train": vars(own), "data": MANIFEST, "replaced": replaced}
        kind = Architecture(run.model.partition("-")[0], 3, (8,), "silu")
        weights.save(results.model(run), build(kind, generator(0, "initialisation")), about)
        how = protocol(MANIFEST, about, 100, settings.evaluate)
        write_json(results.metrics(run), {"protocol": how})
    monkeypatch.setattr(verify, "_rerun", lambda *_: None)
    monkeypatch.setattr(verify, "_compared", lambda run, *_: run.model)
    assert list(verify.verify(tmp_path)) == ["gan", "vae-lr0.02"]
