"""The page: what it says about the numbers, and that it is valid, whole and safe."""

import json
import math
import re
import shlex
import zlib
from base64 import b64decode
from functools import cache
from itertools import pairwise
from types import SimpleNamespace

import html5lib
import pandas as pd
import pytest
import torch
import yaml

from conftest import ROOT
from reports import made_page, made_results
from vaepipe import params
from vaepipe.core.files import read_json, write_json
from vaepipe.evaluation.metrics import METRICS
from vaepipe.evaluation.tables import comparison_table, differences_table
from vaepipe.models import weights
from vaepipe.params import Figures, Matrix
from vaepipe.report import embed, numbers, origin
from vaepipe.report import page as page_module
from vaepipe.results import Run

FIGURES = Figures(images=4, digits=20, points=150, dpi=50)
CONDITIONAL = {"cvae"}


def table(**values: dict[str, list[float]]) -> pd.DataFrame:
    """A metrics table with three latents: `vae={"neg_elbo": [one a seed]}`."""
    return pd.DataFrame(
        [
            {"model": model, "latent_dim": 3, "seed": seed}
            | {name: column[seed] for name, column in columns.items()}
            for model, columns in values.items()
            for seed in range(len(next(iter(columns.values()))))
        ]
    )


def said(metrics: pd.DataFrame) -> str:
    differences = differences_table(metrics)
    return " ".join(numbers.verdict(comparison_table(metrics), differences, CONDITIONAL))


def test_the_verdict_names_a_model_only_where_the_interval_excludes_zero():
    clear = table(
        ae={"reconstruction_cross_entropy": [60.0, 60.2, 60.1]},
        vae={"reconstruction_cross_entropy": [70.0, 70.3, 70.2]},
    )
    text = said(clear)
    assert "lowest reconstruction cross-entropy with 3 latents is the AE's, 10.07" in text
    unclear = table(
        ae={"reconstruction_cross_entropy": [60.0, 72.0, 61.0]},
        vae={"reconstruction_cross_entropy": [70.0, 60.3, 70.2]},
    )
    assert said(unclear) == (
        "No difference between the models is larger than its 95 % interval over the seeds."
    )


@pytest.mark.parametrize("metric", ["neg_elbo", "nll"])
@pytest.mark.parametrize(("lead", "wins"), [(2.0, False), (2.2, False), (2.6, True)])
def test_a_cvae_must_lead_by_more_than_the_label_is_worth(metric, lead, wins):
    noise = [0.0, 0.01, -0.01]
    metrics = table(
        vae={metric: [100 + e for e in noise]},
        cvae={metric: [100 - lead - 2 * e for e in noise]},
    )
    won = numbers.best(differences_table(metrics), metric, 3, CONDITIONAL)
    assert (won is not None) is wins
    if won:
        assert (won.model, won.rival) == ("cvae", "vae")
        assert won.gap == pytest.approx(lead)
        assert won.low < won.gap < won.high
    swapped = metrics.assign(model=["cvae"] * 3 + ["vae"] * 3)
    won = numbers.best(differences_table(swapped), metric, 3, CONDITIONAL)
    assert won.model == "vae", "what has no label to help it needs no lead"
    renamed = metrics.rename(columns={metric: "nll_marginal"})
    won = numbers.best(differences_table(renamed), "nll_marginal", 3, CONDITIONAL)
    assert won.model == "cvae", "without the label the lead is all the model's own"


def test_best_beats_every_other_model_and_not_just_one():
    metrics = table(
        ae={"reconstruction_cross_entropy": [60.0, 60.2, 60.1]},
        vae={"reconstruction_cross_entropy": [70.0, 70.3, 70.2]},
        cvae={"reconstruction_cross_entropy": [60.1, 60.0, 60.15]},
    )
    differences = differences_table(metrics)
    assert numbers.best(differences, "reconstruction_cross_entropy", 3, CONDITIONAL) is None


def test_one_seed_or_one_model_gives_no_verdict():
    assert "One seed" in said(table(ae={"neg_elbo": [3.0]}, vae={"neg_elbo": [1.0]}))
    assert "One model" in said(table(vae={"neg_elbo": [3.0, 3.1]}))


@pytest.mark.parametrize(
    ("mean", "high", "digits", "text"),
    [
        (100.126, 100.456, 2, "100.13 ± 0.33"),
        (-3.5, math.nan, 2, "−3.50"),
        (0.0123, 0.0125, 4, "0.0123 ± 0.0002"),
    ],
)
def test_numbers_stand_with_half_the_width_of_their_interval(mean, high, digits, text):
    assert numbers.with_interval(SimpleNamespace(mean=mean, high=high), digits) == text


def test_quantised_weights_are_off_by_half_a_step_at_most():
    values = torch.randn(40, 30, generator=torch.Generator().manual_seed(0))
    values[3] = 0
    steps, scale = embed.quantised(values)
    error = (steps * scale[:, None] - values).abs()
    assert (error <= scale[:, None] * 0.51).all()
    assert error.max() < 1e-4
    assert zlib.decompress(b64decode(embed.packed(b"text" * 99))) == b"text" * 99


def test_json_in_a_script_can_not_end_it():
    hostile = {"name": "</script><script>alert(1)</script><!--"}
    text = embed.script_json(hostile)
    assert "<" not in text
    assert json.loads(text) == hostile


def defaults() -> dict:
    return yaml.safe_load((ROOT / "params.yaml").read_text())


def test_the_commands_make_the_settings_that_were_used():
    default = defaults()
    used = {
        "matrix": {
            "models": ("vae",),
            "latent_dims": (2, 8),
            "seeds": tuple(default["matrix"]["seeds"]),
        },
        "train": default["train"] | {"epochs": 7, "hidden": [64, 32], "binarize": "none"},
        "data": {"name": "fashion_mnist"},
    }
    changes = origin.changed(used, default)
    assert changes == {
        "matrix": {"models": ("vae",), "latent_dims": (2, 8)},
        "train": {"epochs": 7, "hidden": [64, 32], "binarize": "none"},
        "data": {"name": "fashion_mnist"},
    }
    checkout, snakemake, dvc = origin.commands(changes, "abc")
    assert checkout == "git checkout abc"
    words = shlex.split(snakemake)
    overlay = dict(word.split("=", 1) for word in words[words.index("--config") + 1 :])
    again = {s: v | yaml.safe_load(overlay.get(s, "{}")) for s, v in default.items()}
    settings = params.check(again)
    assert settings.matrix.latent_dims == (2, 8)
    assert settings.train.hidden == (64, 32)
    assert settings.train.epochs == 7
    sets = [word for word in shlex.split(dvc) if "." in word]
    assert sorted(sets) == sorted(
        [
            'matrix.models=["vae"]',
            "matrix.latent_dims=[2, 8]",
            "train.epochs=7",
            "train.hidden=[64, 32]",
            'train.binarize="none"',
            'data.name="fashion_mnist"',
        ]
    )
    assert origin.commands({}, None) == ["snakemake --cores 4", "dvc repro"]


def test_links_lead_to_the_server_or_to_the_address_of_the_ui():
    ids = {"experiment_id": "7", "runs": {"vae-z3-s0": "aa"}, "comparison": "bb"}
    remote = origin.mlflow_links({"tracking_uri": "https://mlflow.example/", **ids})
    assert remote["vae-z3-s0"] == "https://mlflow.example/#/experiments/7/runs/aa"
    local = origin.mlflow_links({"tracking_uri": "sqlite:///results/mlflow.db", **ids})
    assert local["comparison"].startswith("http://127.0.0.1:5000/#/experiments/7/")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, mnist_folder):
    """Pages over matrices unlike the default: one model on grey pixels; no three latents."""
    tmp = tmp_path_factory.mktemp("pages")
    alone = Matrix(("ae",), (3,), (0,))
    results = made_results(tmp / "alone" / "results", alone, mnist_folder, binarize="none")
    hostile = read_json(results.folder / "mlflow.json")
    hostile["tracking_uri"] = "sqlite:///</code><script>alert(1)</script>"
    write_json(results.folder / "mlflow.json", hostile)
    made_page(alone, FIGURES, mnist_folder, results)
    wide = Matrix(("vae", "cvae"), (5,), (0, 1))
    results = made_results(tmp / "wide" / "results", wide, mnist_folder)
    failed = read_json(results.metrics(Run("vae", 5, 1)))
    write_json(results.metrics(Run("vae", 5, 1)), failed | {"failed": "loss is <NaN>"})
    made_page(wide, FIGURES, mnist_folder, results)
    return tmp


@pytest.fixture(params=["alone", "wide", "smoke"])
def page(request, folder):
    """A page as text: the two above, and the smoke preset's as Snakemake made it."""
    if request.param == "smoke":
        return (request.getfixturevalue("smoke_tree") / "results/report.html").read_text()
    return (folder / request.param / "results" / "report.html").read_text()


@cache
def parsed(page: str):
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)


def test_the_page_is_valid_light_and_needs_nothing_else(page):
    tree = parsed(page)
    assert len(page.encode()) <= 8_000_000
    names = [e.get("id") for e in tree.iter() if isinstance(e.tag, str) and e.get("id")]
    assert len(names) == len(set(names))
    for element in tree.iter():
        if isinstance(element.tag, str) and element.tag != "a":
            for key in ("src", "href", "srcset", "data", "poster", "action"):
                assert element.get(key, "data:").startswith("data:"), (element.tag, key)
    for link in tree.iter("a"):
        if link.get("href").startswith("#"):
            assert link.get("href")[1:] in names
    style = "".join(e.text for e in tree.iter("style"))
    assert "url(" not in style
    assert "@import" not in style


def test_the_page_can_be_read_aloud(page):
    tree = parsed(page)
    assert tree.get("lang") == "en"
    levels = [int(e.tag[1]) for e in tree.iter() if re.fullmatch(r"h\d", str(e.tag))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert all(len(e.get("alt")) > 10 for e in tree.iter("img"))
    assert all(e.get("scope") for e in tree.iter("th"))
    captions = ["".join(e.itertext()).split(".")[0] for e in tree.iter("figcaption")]
    assert [c.strip() for c in captions] == [f"Figure {n}" for n in range(1, len(captions) + 1)]
    for field in (*tree.iter("input"), *tree.iter("button")):
        labelled = field.get("aria-label") or "".join(field.itertext()).strip()
        wrapped = any(field in list(label.iter()) for label in tree.iter("label"))
        named = any(label.get("for") == field.get("id") for label in tree.iter("label"))
        assert labelled or wrapped or named


def test_a_page_over_one_model_on_grey_pixels_claims_no_likelihood(folder):
    page = (folder / "alone/results/report.html").read_text()
    assert "One model was run" in page
    assert "not likelihoods" in page
    assert "<mtext>ELBO" not in page
    assert 'id="digit_grid"' not in page
    assert 'id="decoded-ae"' in page
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_page_without_three_latents_says_what_is_missing(folder):
    page = (folder / "wide/results/report.html").read_text()
    assert "add 3 to matrix.latent_dims" in page
    assert "principal component" in page
    assert "decoded-vae" not in page
    assert 'id="digit_grid"' in page
    assert "vae-z5-s1 failed and is in no mean:</strong> loss is &lt;NaN&gt;" in page


def test_the_page_shows_every_number_of_the_comparison(folder):
    text = "".join(parsed((folder / "wide/results/report.html").read_text()).itertext())
    comparison = pd.read_csv(folder / "wide/results/comparison.csv")
    for cell in comparison.itertuples():
        assert numbers.with_interval(cell, METRICS[cell.metric].digits) in text


def test_where_it_came_from(smoke_tree):
    text = "".join(parsed((smoke_tree / "results/report.html").read_text()).itertext())
    manifest = read_json(smoke_tree / "data/mnist/manifest.json")
    for about in manifest["files"].values():
        assert about["sha256"] in text
    mlflow = read_json(smoke_tree / "results/mlflow.json")
    for run_id in mlflow["runs"].values():
        assert run_id in text
    note = weights.read_metadata(smoke_tree / "results/models/vae-z3-s0.safetensors")
    assert f"train.learning_rate{note['train']['learning_rate']}" in re.sub(r"\s", "", text)
    assert "snakemake --cores 4" in text
    for what, times in read_json(ROOT / "docs/reliability.json")["tried"].items():
        assert f"{what}{times:,}" in text


@pytest.mark.parametrize("clean", [True, False])
def test_a_page_from_an_unclean_tree_says_so_at_its_top(folder, mnist_folder, monkeypatch, clean):
    monkeypatch.setattr(page_module, "git_state", lambda: {"commit": "0" * 40, "clean": clean})
    results = page_module.Results(folder / "alone" / "results")
    page = page_module.render(
        Matrix(("ae",), (3,), (0,)),
        FIGURES,
        mnist_folder,
        results,
        ROOT / "workflow/report",
        ROOT / "docs/reliability.json",
        results.folder / "report.html",
    )
    assert ('id="unclean"' in page) is not clean
    if not clean:
        assert page.index('id="unclean"') < page.index("<h1>")
