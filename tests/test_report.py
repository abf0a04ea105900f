"""The page: what it says about the numbers, and that it is valid, whole and safe."""

import io
import json
import math
import re
import shlex
import subprocess
import time
import zlib
from base64 import b64decode, b64encode
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from types import SimpleNamespace
from urllib.parse import unquote

import html5lib
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image

from conftest import ROOT, git
from reports import PROTOCOL, made_page, made_results, page_of
from vaepipe import params
from vaepipe.core.files import read_json, write_json
from vaepipe.core.provenance import git_state
from vaepipe.core.rng import generator
from vaepipe.evaluation.metrics import METRICS, is_weak
from vaepipe.evaluation.tables import comparison_table, differences_table
from vaepipe.evaluation.verdicts import holm, with_verdicts
from vaepipe.figures import NAMES
from vaepipe.models import Architecture, build, weights
from vaepipe.models.architecture import ACTIVATIONS
from vaepipe.params import Figures, Matrix
from vaepipe.report import answers, captions, embed, longer, numbers, provenance, words
from vaepipe.report.top import weak_classifier
from vaepipe.report.words import Text
from vaepipe.results import Results, Run
from vaepipe.versions.diff import PARAMS

FIGURES = Figures(images=4, digits=20, points=150, dpi=50)
CONDITIONAL = {"cvae"}
ALONE = Matrix(("ae",), (3,), (0,))
WIDE = Matrix(("vae", "cvae"), (5,), (0, 1))


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


def verdicts(metrics: pd.DataFrame, conditional=CONDITIONAL) -> pd.DataFrame:
    return with_verdicts(differences_table(metrics), conditional)


def answer(metrics: pd.DataFrame, question: str, conditional=CONDITIONAL) -> answers.Answer:
    """The answer to a question with three latents."""
    timing = {Run(m, 3, 0): {"cpu_seconds": 7.25, "seconds": 30.0} for m in metrics["model"]}
    tables = comparison_table(metrics), verdicts(metrics, conditional)
    asked = answers.questions(*tables, numbers.seconds_table(timing), conditional)
    (found,) = next(q for q in asked if q.name == question).answers
    return found


def test_no_winner_is_looked_for_where_neither_way_is_better():
    """A code that is given the label need not hold it."""
    metrics = table(
        cvae={"probe_accuracy": [10.0, 11.0], "nll_marginal": [95.0, 95.2]},
        **{"cvae-beta4": {"probe_accuracy": [20.0, 21.0], "nll_marginal": [97.0, 97.1]}},
    )
    conditional = {"cvae", "cvae-beta4"}
    seconds = numbers.seconds_table({Run("cvae", 3, 0): {"cpu_seconds": 7.25, "seconds": 30.0}})
    tables = comparison_table(metrics), verdicts(metrics, conditional), seconds
    asked = [question.name for question in answers.questions(*tables, conditional)]
    assert "likelihood" in asked
    assert "tells_apart" not in asked


def test_the_cross_entropy_of_grey_pixels_is_not_called_a_likelihood():
    metrics = table(vae={"nll_marginal": [90.0, 90.1]}, ae={"probe_accuracy": [80.0, 81.0]})
    seconds = numbers.seconds_table({Run("vae", 3, 0): {"cpu_seconds": 7.25, "seconds": 30.0}})
    tables = comparison_table(metrics), verdicts(metrics), seconds
    for protocol, grey in (
        ({"binarize": "dynamic"}, False),
        ({"binarize": "none"}, True),
        ({"binarize": "none", "likelihood": "logistic"}, False),
    ):
        asked = answers.questions(*tables, CONDITIONAL, answers.is_grey(protocol))
        [unit] = [q.unit.plain().en for q in asked if q.name == "likelihood"]
        assert ("not a likelihood" in unit) == grey


def said(metrics: pd.DataFrame, question: str) -> str:
    found = answer(metrics, question)
    parts = (part.plain().en for part in (found.text, found.note, found.how_sure))
    return " ".join(part for part in parts if part)


@pytest.fixture
def longer_run(tmp_path):
    """The tables of a longer run, in which the VAE leads where the page's models may not."""
    metrics = table(
        ae={"reconstruction_cross_entropy": [80.0, 80.1, 79.9]},
        vae={
            "reconstruction_cross_entropy": [70.0, 70.1, 70.2],
            "nll_marginal": [90.0, 90.1, 90.2],
        },
        cvae={"nll_marginal": [95.0, 95.2, 95.1], "conditional_accuracy": [99.0, 99.0, 98.0]},
    )
    timing = {Run(model, 3, 0): {"cpu_seconds": 99.0} for model in ("ae", "vae", "cvae")}
    tables = comparison_table(metrics), differences_table(metrics), numbers.seconds_table(timing)
    for name, one in zip(longer.TABLES, tables, strict=True):
        one.to_csv(tmp_path / f"{name}.csv", index=False)
    about = {"preset": "params/full.yaml", "commit": "abcdefg", "hidden": "400", "epochs": 30}
    about |= {"seeds": 3, "tested": 2, "importance_samples": 1000}
    write_json(tmp_path / "about.json", about | {"data_set": "mnist", "binarize": "dynamic"})
    return tmp_path


def test_a_longer_run_answers_beside_a_shorter_one_for_the_models_of_the_page(longer_run):
    page = (("ae", "vae"), (3, 20), (0,)), "mnist", {"binarize": "dynamic"}, {}, 4
    found = longer.answers(Matrix(*page[0]), *page[1:], folder=longer_run)
    assert "30 epochs" in found.budget.en
    assert "K = 1,000" in found.explained.en
    assert (
        found.answers["reconstructs", 3]
        .text.plain()
        .en.startswith("VAE is better than AE (error 9.90 nats lower)")
    )
    assert found.answers["likelihood", 3].text.plain().en.startswith("VAE has no other")
    assert ("reconstructs", 20) not in found.answers


@pytest.mark.parametrize(
    ("models", "data_set", "binarize", "train", "epochs"),
    [
        (("ae", "vae"), "kmnist", "dynamic", {}, 4),
        (("ae", "vae"), "mnist", "none", {}, 4),
        (("ae", "vae"), "mnist", "dynamic", {}, 30),
        (("vae-beta4",), "mnist", "dynamic", {}, 4),
        (("ae", "vae"), "mnist", "dynamic", {"likelihood": "autoregressive"}, 4),
        (("ae", "vae"), "mnist", "dynamic", {"prior": "flow"}, 4),
        (("ae", "vae"), "mnist", "dynamic", {"beta": 0.5}, 4),
        (("ae", "vae"), "mnist", "dynamic", {"importance_samples": 5}, 4),
    ],
)
def test_nothing_stands_beside_a_page_of_another_kind(
    longer_run, models, data_set, binarize, train, epochs
):
    matrix = Matrix(models, (3,), (0,))
    protocol = {"binarize": binarize}
    found = longer.answers(matrix, data_set, protocol, train, epochs, folder=longer_run)
    assert found is None


def test_an_answer_names_a_model_only_where_the_difference_is_told_from_chance():
    clear = table(
        ae={"reconstruction_cross_entropy": [60.0, 60.2, 60.1]},
        vae={"reconstruction_cross_entropy": [70.0, 70.3, 70.2]},
    )
    assert said(clear, "reconstructs").startswith(
        "AE is better than VAE (error 10.07 nats lower). Very sure (p < 0.001)"
    )
    unclear = table(
        ae={"reconstruction_cross_entropy": [60.0, 72.0, 61.0]},
        vae={"reconstruction_cross_entropy": [70.0, 60.3, 70.2]},
    )
    assert (
        said(unclear, "reconstructs")
        == "No clear winner between AE and VAE. Not proven with 3 seeds"
    )
    three = table(
        ae={"reconstruction_cross_entropy": [60.0, 60.2, 60.1]},
        vae={"reconstruction_cross_entropy": [70.0, 70.3, 70.2]},
        gan={"reconstruction_cross_entropy": [60.1, 60.0, 60.15]},
    )
    assert said(three, "reconstructs").startswith(
        "No clear winner between GAN and AE; not VAE. Not proven with 3 seeds"
    )


def test_a_difference_counts_only_after_the_correction_for_all_of_them():
    rng = np.random.default_rng(0)
    names = [name for name in METRICS if METRICS[name].better]
    noise = {m: {name: list(rng.normal(size=3)) for name in names} for m in ("ae", "vae")}
    noise["vae"]["nll"], noise["ae"]["nll"] = [1.2, 1.0, 1.1], [0.0, 0.2, 0.1]
    alone = table(**{model: {"nll": columns["nll"]} for model, columns in noise.items()})
    (row,) = verdicts(alone).itertuples()
    assert row.better == "ae"
    assert row.p == row.p_holm
    among = verdicts(table(**noise)).set_index("metric").loc["nll"]
    assert among.p == row.p
    assert among.p_holm > 2 * row.p


def test_holm_is_the_step_down_procedure():
    p = pd.Series([0.01, 0.04, math.nan, 0.03, 0.005])
    # Holm 1979: the smallest times 4, the next times 3, ..., each no less than the one before.
    assert holm(p).tolist()[:2] == pytest.approx([0.03, 0.06])
    assert holm(p).tolist()[3:] == pytest.approx([0.06, 0.02])
    assert math.isnan(holm(p)[2])
    assert holm(pd.Series([0.6, 0.9])).tolist() == [1, 1]


@pytest.mark.parametrize("metric", ["neg_elbo", "nll"])
@pytest.mark.parametrize(("lead", "wins"), [(2.0, False), (2.2, False), (2.6, True)])
def test_a_cvae_must_lead_by_more_than_the_label_is_worth(metric, lead, wins):
    noise = [0.0, 0.01, -0.01]
    metrics = table(
        vae={metric: [100 + e for e in noise]},
        cvae={metric: [100 - lead - 2 * e for e in noise]},
    )
    assert numbers.best(verdicts(metrics), metric, 3) == ("cvae" if wins else None)
    assert (verdicts(metrics)["p"].item() < 0.05) is wins
    swapped = verdicts(metrics.assign(model=["cvae"] * 3 + ["vae"] * 3))
    assert numbers.best(swapped, metric, 3) == "vae", "what has no label to help it needs no lead"
    renamed = verdicts(metrics.rename(columns={metric: "nll_marginal"}))
    won = numbers.best(renamed, "nll_marginal", 3)
    assert won == "cvae", "without the label the lead is all the model's own"


def test_best_beats_every_other_model_and_not_just_one():
    metrics = table(
        ae={"reconstruction_cross_entropy": [60.0, 60.2, 60.1]},
        vae={"reconstruction_cross_entropy": [70.0, 70.3, 70.2]},
        cvae={"reconstruction_cross_entropy": [60.1, 60.0, 60.15]},
    )
    assert numbers.best(verdicts(metrics, ()), "reconstruction_cross_entropy", 3) is None


LABELLED = table(
    ae={"reconstruction_cross_entropy": [60.0, 60.2, 60.1], "knn_accuracy": [95.0, 95.1, 95.2]},
    vae={"reconstruction_cross_entropy": [70.0, 70.3, 70.2], "knn_accuracy": [90.0, 90.2, 90.1]},
    cvae={"reconstruction_cross_entropy": [50.0, 50.1, 50.2], "knn_accuracy": [20.0, 21.0, 20.5]},
)


def shown_table(metrics: pd.DataFrame, conditional=CONDITIONAL) -> dict:
    names = tuple(name for name in METRICS if name in metrics)
    timing = {Run(m, 3, 0): {"cpu_seconds": 7.25, "seconds": 30.0} for m in metrics["model"]}
    tables = comparison_table(metrics), numbers.seconds_table(timing), verdicts(metrics)
    return numbers.main_table(*tables, conditional, names)


def test_nothing_is_marked_best_where_only_some_models_are_given_the_label():
    (group,) = shown_table(LABELLED)["groups"]
    cells = {row["model"]: row["cells"] for row in group["rows"]}
    assert not any(cell.best for row in cells.values() for cell in row)
    assert all(cell.given_label for cell in cells["cvae"])
    assert not any(cell.given_label for cell in cells["ae"] + cells["vae"])
    (group,) = shown_table(LABELLED[LABELLED["model"] != "cvae"])["groups"]
    cells = {row["model"]: row["cells"] for row in group["rows"]}
    assert [cell.best for cell in cells["ae"]] == [True, True]
    assert [cell.best for cell in cells["vae"]] == [False, False]


def test_a_mark_has_a_note_and_a_direction_names_the_models_it_holds_for():
    shown = shown_table(LABELLED)
    notes = dict(note.en.split(": ", 1) for note in shown["label_notes"])
    assert set(notes) == {
        METRICS[n].title for n in ("reconstruction_cross_entropy", "knn_accuracy")
    }
    better = [metric["better"].en for metric in shown["metrics"]]
    assert better == ["lower is better", "higher is better (AE and VAE)"]
    for models in (["ae", "vae"], ["cvae"]):
        assert not shown_table(LABELLED[LABELLED["model"].isin(models)])["label_notes"]
    alone = shown_table(LABELLED[LABELLED["model"] == "cvae"])["metrics"]
    assert [metric["better"] and metric["better"].en for metric in alone] == [
        "lower is better",
        None,
    ]


def test_an_answer_compares_the_models_that_are_not_given_the_label():
    text = said(LABELLED, "reconstructs")
    assert text.startswith(
        "AE is better than VAE (error 10.07 nats lower)."
        " CVAE†: told the class of each image, so not ranked."
    )
    bars = answer(LABELLED, "reconstructs").bars
    assert [bar.given_label for bar in bars] == [False, False, True]
    without_ae = said(LABELLED[LABELLED["model"] != "ae"], "reconstructs")
    assert without_ae.startswith(
        "VAE has no other to be compared with. CVAE†: told the class of each image, so not ranked."
    )


def test_answers_about_the_prior_the_class_asked_for_and_the_cost():
    metrics = table(
        ae={"prior_moments": [90.0, 91.0, 92.0]},
        vae={"prior_moments": [0.01, 0.02, 0.03]},
        cvae={"prior_moments": [0.1, 0.9, 0.3], "conditional_accuracy": [97.0, 97.5, 98.0]},
    )
    assert said(metrics, "prior") == (
        "VAE: near (below 0.3); AE: not near; CVAE: can't be told. Not proven with 3 seeds"
    )
    assert said(metrics, "obeys") == "Yes, in 97.5 % of images. Measured with 3 seeds, not compared"
    low = metrics.assign(conditional_accuracy=[math.nan] * 6 + [60.0, 62.0, 61.0])
    assert said(low, "obeys").startswith("Mostly, in 61.0 %")
    spread = metrics.assign(conditional_accuracy=[math.nan] * 6 + [20.0, 95.0, 94.0])
    assert said(spread, "obeys").startswith("Can't be told: in 69.7 %")  # 0 to 100, by the interval
    two = metrics.assign(conditional_accuracy=[math.nan] * 3 + [10.0, 12.0, 11.0, 97.0, 97.5, 98.0])
    assert said(two, "obeys").startswith(
        "VAE: Often not: in 11.0 % of images. CVAE: Yes, in 97.5 % of images."
    )
    assert said(metrics, "cost").startswith("About the same: 7.2 to 7.2 s a run.")


def test_bars_start_at_zero_and_share_an_axis():
    (ae, vae, _) = answer(LABELLED, "reconstructs").bars
    assert ae.end / vae.end == pytest.approx(60.1 / 70.1667, rel=1e-3)
    assert ae.low < ae.end < ae.high <= 100


def test_differences_say_where_models_are_not_comparable():
    rows = numbers.differences_rows(verdicts(LABELLED), CONDITIONAL)
    better = {(r["row"].metric, r["row"].model_a, r["row"].model_b): r["better"].en for r in rows}
    for name in ("reconstruction_cross_entropy", "knn_accuracy"):
        assert better[name, "ae", "vae"] == "AE"
        assert better[name, "ae", "cvae"] == "not comparable"
        assert better[name, "vae", "cvae"] == "not comparable"
    rates = table(vae={"rate": [3.0, 3.1]}, cvae={"rate": [1.0, 1.1]})
    (row,) = numbers.differences_rows(verdicts(rates), CONDITIONAL)
    assert row["better"].en == "–"
    noise = table(vae={"nll": [100.0, 90.0]}, cvae={"nll": [90.0, 100.0]})
    (row,) = numbers.differences_rows(verdicts(noise), CONDITIONAL)
    assert row["better"].en == "undecided"


def test_training_costs_processor_seconds():
    (group,) = shown_table(LABELLED)["groups"]
    assert {row["seconds"] for row in group["rows"]} == {"7.25"}


# Captions that depend on the outcome


def test_the_caption_of_the_digit_grid_depends_on_conditional_accuracy():
    good = captions.digit_grid({("cvae", 20): 98.25, ("cvae", 3): 97.0})
    assert good.en.endswith(
        "CVAE 97.0 % (3 latents); CVAE 98.2 % (20 latents). The label sets the class."
    )
    mixed = captions.digit_grid({("cvae", 3): 97.0, ("cvae", 20): 76.0})
    assert mixed.en.endswith("With 20 latents the label does not always set the class.")
    assert mixed.zh.endswith("20 维隐变量时，标签并不总能决定类别。")
    assert captions.digit_grid({}) is None


def test_the_caption_of_the_samples_names_the_models_that_lack_variety():
    text = captions.samples(
        {("ae", 3): 0.31, ("vae", 3): 0.97, ("ae", 20): 0.49, ("vae", 20): 1.0}
    ).en
    assert "AE 0.31, VAE 0.97 (3 latents); AE 0.49, VAE 1.00 (20 latents)" in text
    assert text.endswith("the samples lack variety: AE with 3 latents and AE with 20 latents.")
    assert "lack" not in captions.samples({("ae", 3): 1.1, ("vae", 3): 0.97}).en


def test_variety_is_the_variance_of_samples_relative_to_reconstructions():
    images = torch.rand(500, 784, generator=torch.Generator().manual_seed(0))
    assert captions.relative_variance(images, images) == pytest.approx(1)
    assert captions.relative_variance(images[:1].expand(500, -1), images) == pytest.approx(0)
    assert captions.relative_variance(0.5 * images, images) == pytest.approx(0.25)
    assert captions.relative_variance(images, images[:1].expand(9, -1)) == 1


def test_the_caption_of_the_codes_says_how_well_they_are_classified():
    accuracy = {("ae", 3): 93.0, ("cvae", 3): 21.0, ("ae", 20): 97.0}
    distance = {("ae", 3): 96.2, ("cvae", 3): 0.57, ("ae", 20): 300.0}
    text = captions.codes(accuracy, distance, 3, CONDITIONAL).en
    assert "AE 93.0 %, CVAE 21.0 %" in text
    assert "CVAE need not encode the class" in text
    assert "AE 96.20, CVAE 0.57" in text
    assert "97.0" not in text
    assert captions.codes({}, {}, 3, CONDITIONAL) is None


def test_a_caption_is_its_text_and_the_sentences_of_the_outcome(tmp_path):
    (tmp_path / "one.rst").write_text("A heading. Some\ntext.\n")
    (tmp_path / "two.rst").write_text("Only a heading.\n")
    outcome = {"one": Text("An outcome.", "结果。")}
    read = captions.captions(tmp_path, ["one", "two"], outcome)
    assert read["one"].heading.en == "A heading"
    assert read["one"].text == ("Some text. An outcome.", "Some text.结果。")
    assert read["two"] == (("Only a heading",) * 2, ("", ""))
    (tmp_path / "curves.rst").write_text("Loss. More.")
    translated = captions.captions(tmp_path, ["curves"], {})["curves"]
    assert translated.heading == ("Loss", "各轮的损失")


def test_one_seed_or_one_model_gives_no_comparison():
    one_seed = table(ae={"nll_marginal": [3.0]}, vae={"nll_marginal": [1.0]})
    answer = said(one_seed, "likelihood")
    assert answer.startswith("One seed can't tell; VAE has the lowest value.")
    assert answer.endswith("One seed: the spread is unknown")
    one_model = table(vae={"nll_marginal": [3.0, 3.1]})
    assert said(one_model, "likelihood").endswith("Nothing to compare")


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
    for steps, most in ((embed.STEPS, 1e-4), (embed.ENCODER_STEPS, 0.02)):
        whole, scale = embed.quantised(values, steps)
        error = (whole * scale[:, None] - values).abs()
        assert (error <= scale[:, None] * 0.51).all()
        assert error.max() < most
    assert zlib.decompress(b64decode(embed.packed(b"text" * 99))) == b"text" * 99


def test_rows_are_low_bytes_then_high_bytes_of_integers_from_zero():
    packed = embed.rows(torch.tensor([[1.0, -1.0, 0.5]]), 1000)
    low, high = (
        zlib.decompress(b64decode(packed["steps"]))[:3],
        zlib.decompress(b64decode(packed["steps"]))[3:],
    )
    assert [a + 256 * b - packed["zero"] for a, b in zip(low, high, strict=True)] == [
        1000,
        -1000,
        500,
    ]


def test_rounding_errors_are_those_of_the_rounded_weights():
    model = build(Architecture("vae", 3, (16,), "tanh"), generator(0, "initialisation")).eval()
    rng = torch.Generator().manual_seed(0)
    z, x = torch.randn(20, 3, generator=rng), torch.rand(20, 784, generator=rng)
    labels = torch.zeros(20, dtype=torch.long)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    errors = embed.quantisation_errors(model, z, x, labels)
    assert 0 < errors.decoded < 0.002
    assert 0 < errors.reconstructed < 0.01
    assert all((before[name] == value).all() for name, value in model.state_dict().items())


@pytest.mark.parametrize(("mode", "fewer"), [("grey", True), ("colour", False), ("clear", False)])
def test_grey_pictures_in_a_figure_keep_their_pixels_in_one_channel(tmp_path, mode, fewer):
    grey = np.random.default_rng(0).integers(0, 256, (20, 30, 1), dtype=np.uint8)
    pixels = np.concatenate([grey, grey, grey, np.full_like(grey, 255)], axis=2)
    if mode == "colour":
        pixels[3, 4, 1] += 1
    if mode == "clear":
        pixels[3, 4, 3] = 9
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, "PNG")
    href = "data:image/png;base64," + b64encode(png.getvalue()).decode()
    (tmp_path / "a.svg").write_text(f'<svg width="9pt" height="9pt"><image href="{href}"/></svg>')
    kind, _, data = embed.svg_uri(tmp_path / "a.svg", ink=True).partition(",")
    text = b64decode(data).decode() if kind.endswith("base64") else unquote(data)
    shown = Image.open(io.BytesIO(b64decode(re.search(r"png;base64,([^\"]+)", text)[1])))
    assert (shown.mode == "L") == fewer
    assert np.array_equal(np.asarray(shown.convert("RGBA")), pixels)


@pytest.mark.parametrize("ink", [True, False])
def test_a_figure_has_colours_for_dark_paper(tmp_path, ink):
    """Digits are light on dark paper; photographs stay as they are."""
    text = '<?xml version="1.0"?><svg width="9pt" height="9pt"><g/></svg>'
    (tmp_path / "a.svg").write_text(text)
    kind, _, data = embed.svg_uri(tmp_path / "a.svg", ink).partition(",")
    shown = b64decode(data).decode() if kind.endswith("base64") else unquote(data)
    assert shown.index("prefers-color-scheme: dark") > shown.index("<svg")
    assert ("image { filter: invert(1); }" in shown) == ink
    assert re.sub(r"<style>.*</style>", "", shown, flags=re.DOTALL) == text


def test_the_page_knows_every_activation():
    script = (ROOT / "src/vaepipe/report/networks.js").read_text()
    table = script[script.index("const ACTIVATIONS") : script.index("};")]
    assert set(re.findall(r"^  (\w+):", table, re.MULTILINE)) == set(ACTIVATIONS)


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
        "train": default["train"] | {"epochs": 7, "hidden": [64, 32], "learning_rate": 0.00005},
        "data": {"name": "fashion_mnist"},
    }
    changes = provenance.changed(used, default)
    assert changes == {
        "matrix": {"models": ("vae",), "latent_dims": (2, 8)},
        "train": {"epochs": 7, "hidden": [64, 32], "learning_rate": 0.00005},
        "data": {"name": "fashion_mnist"},
    }
    checkout, snakemake, dvc = provenance.commands(changes, "abc")
    assert checkout == "git checkout abc"
    words = shlex.split(snakemake)
    overlay = dict(word.split("=", 1) for word in words[words.index("--config") + 1 :])
    again = {s: v | yaml.safe_load(overlay.get(s, "{}")) for s, v in default.items()}
    settings = params.check(params.retyped(again))  # as the Snakefile does
    assert settings.train.learning_rate == 0.00005
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
            "train.learning_rate=5e-05",
            'data.name="fashion_mnist"',
        ]
    )
    assert provenance.commands({}, None) == ["snakemake --cores 4", "dvc repro"]


def test_the_settings_that_were_used_are_the_classifiers_and_those_of_ones_own_images_too():
    default = defaults()
    made_from = {"files": 3, "sha256": "0", "size": 16, "colour": "grey"}
    metadata = {
        "train": default["train"],
        "data": {"data_set": "folder", "source": made_from},
    }
    classify = default["classify"] | {"epochs": 9}
    used = provenance.settings_used(
        params.check(default).matrix, FIGURES, metadata, PROTOCOL, classify
    )
    changes = provenance.changed(used, default)
    assert changes["classify"] == {"epochs": 9}
    assert changes["data"] == {
        "name": "folder",
        "source": provenance.SOURCE,
        "size": 16,
        "colour": "grey",
    }


@contextmanager
def provenance_of(results: Results, **changed: object):
    """Results whose provenance says something else in the body."""
    before = read_json(results.provenance)
    write_json(results.provenance, before | changed)
    yield
    write_json(results.provenance, before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, mnist_folder):
    """Pages over matrices unlike the default: one model on grey pixels; no three latents."""
    tmp = tmp_path_factory.mktemp("pages")
    results = made_results(tmp / "alone" / "results", ALONE, mnist_folder, binarize="none")
    with provenance_of(results, processor="</code><script>alert(1)</script>"):
        made_page(ALONE, FIGURES, mnist_folder, results)
    results = made_results(tmp / "wide" / "results", WIDE, mnist_folder)
    failed = read_json(results.metrics(Run("vae", 5, 1)))
    write_json(results.metrics(Run("vae", 5, 1)), failed | {"failed": "loss is <NaN>"})
    made_page(WIDE, FIGURES, mnist_folder, results)
    return tmp


@pytest.mark.parametrize("models", [("gan",), ("gan", "vae")])
def test_the_page_claims_nothing_of_a_gan_that_it_does_not_have(models, tmp_path, mnist_folder):
    matrix = Matrix(models, (3,), (0, 1))
    page = made_page(
        matrix, FIGURES, mnist_folder, made_results(tmp_path, matrix, mnist_folder)
    ).read_text()
    root = parsed(page)
    cells = {
        row.find("th").text: ["".join(cell.itertext()) for cell in row.iter("td")]
        for row in root.find(".//*[@id='main']").iter("tr")
        if row.find("td") is not None
    }
    measured = [text for text in cells["GAN"] if "not defined" not in text]
    assert len(measured) == 2  # the Fréchet distance, and the seconds of training
    assert all(any(c.isdigit() for c in text) for text in measured)
    shown = {figure.get("id") for figure in root.iter("figure")}
    assert ("explorer" in shown) == ("reconstructions" in shown) == ("vae" in models)
    assert {"samples", "structure", "curves"} <= shown
    text = " ".join("".join(root.itertext()).split())
    assert "neither has to fall" in text
    assert ("GAN has no encoder, so it is not shown here." in text) == ("vae" in models)


@pytest.fixture(params=["alone", "wide", pytest.param("smoke", marks=pytest.mark.pipeline)])
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


def test_the_claims_begin_with_all_verdicts_each_linked_to_its_claim(page):
    [listed] = [e for e in parsed(page).iter("ol") if e.get("class") == "verdicts"]
    found = [(line.find("a").get("href"), line.find("b").get("class")) for line in listed]
    chapter = [e for e in parsed(page).iter("article") if e.get("class") == "claim"]
    below = [(f"#{e.get('id')}", e.find("p").find("b").get("class")) for e in chapter]
    assert found == below
    assert len(found) == 9


def test_the_page_can_be_read_aloud(page):
    tree = parsed(page)
    assert tree.get("lang") == "en"
    levels = [int(e.tag[1]) for e in tree.iter() if re.fullmatch(r"h\d", str(e.tag))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert all(len(e.get("alt")) > 10 for e in tree.iter("img"))
    assert all(e.get("scope") for e in tree.iter("th"))
    captions = ["".join(e.itertext()).split("图")[0] for e in tree.iter("figcaption")]
    captions = [text.split(".")[0] for text in captions]
    assert [c.strip() for c in captions] == [f"Figure {n}" for n in range(1, len(captions) + 1)]
    for field in (*tree.iter("input"), *tree.iter("button")):
        labelled = field.get("aria-label") or "".join(field.itertext()).strip()
        wrapped = any(field in list(label.iter()) for label in tree.iter("label"))
        named = any(label.get("for") == field.get("id") for label in tree.iter("label"))
        assert labelled or wrapped or named


def test_a_page_over_one_model_on_grey_pixels_claims_no_likelihood(folder):
    page = (folder / "alone/results/report.html").read_text()
    assert "Nothing to compare" in page
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
    assert "vae-z5-s1 failed and is not part of any mean:</strong> loss is &lt;NaN&gt;" in page


def test_the_page_shows_every_number_of_the_comparison(folder):
    text = "".join(parsed((folder / "wide/results/report.html").read_text()).itertext())
    text = text.replace("†", "")
    comparison = pd.read_csv(folder / "wide/results/comparison.csv")
    for cell in comparison.itertuples():
        assert numbers.with_interval(cell, METRICS[cell.metric].digits) in text


def test_the_page_tells_its_provenance(smoke_tree):
    text = "".join(parsed((smoke_tree / "results/report.html").read_text()).itertext())
    manifest = read_json(smoke_tree / "data/mnist/manifest.json")
    for about in manifest["files"].values():
        assert about["sha256"] in text
    metadata = weights.read_metadata(smoke_tree / "results/models/vae-z3-s0.safetensors")
    assert f"train.learning_rate{metadata['train']['learning_rate']}" in re.sub(r"\s", "", text)
    assert "snakemake --cores 4" in text
    made_with = read_json(smoke_tree / "results/provenance.json")
    assert f"commit {made_with['git']['commit']}, without uncommitted changes" in text
    assert made_with["processor"] in text
    for name, version in made_with["versions"].items():
        assert f"{name} {version}" in text


@pytest.mark.parametrize("clean", [True, False, None])
def test_a_page_from_an_unclean_tree_says_so_at_its_top(folder, mnist_folder, clean):
    results = Results(folder / "alone" / "results")
    git = {"commit": None if clean is None else "0" * 40, "clean": clean}
    with provenance_of(results, git=git):
        page = page_of(ALONE, FIGURES, mnist_folder, results)
    assert ('id="unclean"' in page) is (clean is False)
    if clean is False:
        assert page.index('id="unclean"') < page.index("<h1>")
    assert ("not from a git repository" in page) is (clean is None)


def test_only_tracked_files_of_code_and_params_make_a_tree_unclean(tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    assert git_state(tree) == {"commit": None, "clean": None}
    for name in ("code.py", "dvc.lock", "results/metrics.csv"):
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text("as committed")
    git(tree, "init", "-q")
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "all")
    state = git_state(tree)
    assert state == {"commit": git(tree, "rev-parse", "HEAD"), "clean": True}
    (tree / "notes.txt").write_text("untracked")
    (tree / "results/metrics.csv").write_text("made anew")
    (tree / "dvc.lock").write_text("made anew")
    assert git_state(tree) == state
    (tree / "code.py").write_text("changed")
    assert git_state(tree) == state | {"clean": False}


def test_the_page_is_a_function_of_its_inputs(folder, mnist_folder, monkeypatch, tmp_path):
    """Rendered from another directory, with another clock, and where there is no git at all."""
    results = Results(folder / "wide" / "results")
    before = page_of(WIDE, FIGURES, mnist_folder, results)
    assert before == results.report.read_text()

    def refuse(*_, **__):
        raise AssertionError("the page started a process")

    monkeypatch.setattr(subprocess, "run", refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(time, "time", lambda: 4e9)
    monkeypatch.setattr(time, "time_ns", lambda: 4 * 10**18)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.chdir(tmp_path)
    assert page_of(WIDE, FIGURES, mnist_folder, results) == before


def test_the_page_shows_what_changed_since_the_version_before(folder, mnist_folder):
    results = Results(folder / "alone" / "results")
    assert 'id="versions"' not in page_of(ALONE, FIGURES, mnist_folder, results)
    row = {"model": "ae", "latent_dim": 3, "metric": "knn_accuracy", "verdict": "better"}
    row |= {"old": 90.0, "half_old": 1.0, "new": 95.0, "half_new": None}
    row |= {"moved": 5.0, "half_moved": 0.5}
    changes = {
        "old": {"name": "v1", "title": "v1 (abc)"},
        "new": {"name": "workspace", "title": "workspace"},
        "sections": {PARAMS: [["train.epochs", 1, None]], "Packages": [], "Data, SHA-256": None},
        "code": [["src/<b>.py", "3", "0"]],
        "metrics": [row, row | {"metric": "<i>gone", "new": None, "moved": None}],
        "figures": ["samples"],
        "same_figures": ["curves"],
    }
    with provenance_of(results, changes=changes):
        page = page_of(ALONE, FIGURES, mnist_folder, results)
    assert 'href="#versions"' in page
    section = page[page.index('<section id="versions">') :]
    text = " ".join(" ".join(parsed(page).itertext()).split())
    assert "From v1 (abc) to workspace ." in text
    assert "90.00 ± 1.00 95.00 +5.00 ± 0.50 better" in text
    assert "train.epochs 1 –" in text
    assert "Not recorded in both versions." in text
    assert "src/&lt;b&gt;.py" in section
    assert "&lt;i&gt;gone" in section


# Both languages


def test_every_text_is_in_both_languages_with_the_same_places():
    catalogue = words.catalogue()
    apart = ("captions", "translations")
    for section, texts in catalogue.items():
        for key, text in texts.items() if section not in apart else ():
            assert set(text) == {"en", "zh"}, (section, key)
            places = [sorted(re.findall(r"{(\w+)}", text[language])) for language in text]
            assert places[0] == places[1], (section, key)
            tags = [sorted(re.findall(r"</?\w+", text[language])) for language in text]
            assert tags[0] == tags[1], (section, key)
            words_left = re.sub(r"<[^>]*>|{\w+}", "", text["en"])
            if re.search(r"[a-z]{2}", words_left):
                assert re.search(r"[\u4e00-\u9fff]", text["zh"]), (section, key)
    assert set(catalogue["captions"]) == set(NAMES)


def test_every_text_of_the_catalogue_is_used():
    """By its whole key; or, where the key is put together from parts, by its section's prefix."""
    folder = ROOT / "src/vaepipe/report"
    files = [*folder.iterdir(), ROOT / "benchmarks/claims.py"]
    sources = "".join(p.read_text() for p in files if p.suffix in (".py", ".j2", ".js"))
    put_together = set(re.findall(r'["\'](\w+\.\w*){', sources)) | {"sections.", "key."}
    for section, texts in words.catalogue().items():
        for key in texts if section not in ("captions", "translations") else ():
            whole = f"{section}.{key}"
            used = whole in sources or any(whole.startswith(p) for p in put_together)
            assert used or f'told("{key}"' in sources, whole


def test_titles_units_and_notes_of_metrics_are_translated():
    known = words.catalogue()["translations"]
    for metric in METRICS.values():
        assert numbers.typeset(metric.title) in known
        assert metric.unit in known
        assert not metric.given_label or metric.given_label in known


def test_values_in_a_text_are_escaped_and_texts_among_them_go_by_language():
    text = words.say("page.failed", run="<b>", reason=Text("why", "原因"))
    assert "&lt;b&gt; failed" in text.en
    assert text.en.endswith("why")
    assert text.zh.endswith("原因")
    assert Text("same", "same").__html__() == "same"
    assert '<span lang="zh-Hans">二</span>' in Text("two", "二").__html__()
    with pytest.raises(KeyError):
        words.say("page.failed", run="a")


def test_all_of_a_page_is_in_both_languages(folder):
    """The same numbers stand in both; what has no translation are names, code and numbers."""
    tree = parsed((folder / "wide/results/report.html").read_text())
    spans = [e for e in tree.iter("span") if e.get("lang")]
    assert len(spans) > 200
    for one, other in zip(spans[::2], spans[1::2], strict=True):
        assert (one.get("lang"), other.get("lang")) == ("en", "zh-Hans")
        texts = ["".join(span.itertext()) for span in (one, other)]
        found = [sorted(re.findall(r"\d[\d.,]*\d|\d", text)) for text in texts]
        assert found[0] == found[1], texts
    for element in tree.iter():
        named = element.tag in ("img", "option", "title") or element.get("aria-label")
        if named and element.tag != "canvas":  # whose labels explorer.js writes
            assert element.get("data-zh"), element.attrib
    left = [text for text in in_no_language(tree.find("body")) if re.search("[a-z]{2} [a-z]", text)]
    assert not left


def in_no_language(element):
    """What stands outside of the texts by language; code, formulas and drawings left out."""
    code = ("script", "style", "code", "pre", "svg", "option")
    if not isinstance(element.tag, str) or element.tag in code or element.get("lang"):
        return
    yield element.text or ""
    for child in element:
        yield from in_no_language(child)
        yield child.tail or ""


def test_a_failed_run_is_not_in_the_mean_cost():
    """It may have ended in its first epoch."""
    timing = {Run("vae", 3, s): {"cpu_seconds": t} for s, t in enumerate((20.0, 22.0, 1.0))}
    [cell] = numbers.seconds_table(timing, ["vae-z3-s2"]).itertuples()
    assert (cell.mean, cell.n) == (21.0, 2)


@pytest.mark.parametrize(
    ("largest", "accuracy", "weak"),
    [(50.0, 54.0, True), (50.0, 56.0, False), (97.0, 98.0, True), (97.0, 99.0, False)],
)
def test_a_classifier_is_weak_by_the_largest_class(largest, accuracy, weak):
    assert is_weak(accuracy, largest) == weak


@pytest.mark.parametrize(("accuracy", "weak"), [(54.0, True), (56.0, False)])
def test_the_page_says_where_the_classifier_is_weak(accuracy, weak):
    """Half of these labels are of one class: 50 % need no classifier at all."""
    data = SimpleNamespace(classes=("a", "b", "c"))
    inputs = SimpleNamespace(data=data, test=SimpleNamespace(labels=torch.tensor([0, 0, 1, 2])))
    said = weak_classifier(inputs, {"classifier": {"test_accuracy": accuracy}})
    assert (said is not None) == weak
    if weak:
        assert "54.0 %" in said.en
        assert "50.0 %" in said.zh


def test_a_number_that_rounds_to_zero_has_no_minus():
    assert numbers.number(-0.00001, 4) == "0.0000"
    assert numbers.number(-0.3, 1) == "−0.3"
