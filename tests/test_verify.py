"""`vaepipe verify` runs a run again and says what is not the same, and by how much."""

import json

from conftest import a_copy, run_in


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


def test_other_settings_are_refused(smoke_tree, tmp_path):
    tree = only_vae(smoke_tree, tmp_path / "tree")
    params = tree / "params.yaml"
    params.write_text(params.read_text().replace("epochs: 1", "epochs: 2"))
    done = run_in(tree, "vaepipe", "verify")
    assert done.returncode == 1
    assert "other settings" in done.stderr
