"""The estimators of the claims, each against an exact or independent answer; and the rules."""

import math
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import torch
from benchmarks import claims as claims_pages
from scipy import ndimage, stats
from torch import nn

from conftest import ROOT
from made_claims import CLASSES, SETTINGS, made_table, write_claims
from reports import made_classifier
from vaepipe import params
from vaepipe.claims import (
    NAMES,
    codes,
    coverage,
    inversion,
    labels,
    posterior,
    sampling,
    sharpness,
    speed,
    stability,
    style,
)
from vaepipe.claims.conditions import CLAIMS, NEEDS, Numbers
from vaepipe.claims.inputs import ANY_SEED, COLUMNS, spread
from vaepipe.claims.job import claims as claims_of_stage
from vaepipe.claims.job import verdicts
from vaepipe.claims.pictures import draw_all
from vaepipe.claims.rules import Condition, Fewer, judge
from vaepipe.core.errors import UserError
from vaepipe.core.files import read_json, write_json
from vaepipe.data.dataset import Images
from vaepipe.data.manifest import MNIST, read_manifest
from vaepipe.evaluation import statistics
from vaepipe.evaluation.classifier import ImageClassifier
from vaepipe.models import Architecture, build, names, objectives, weights
from vaepipe.models.prior import FlowPrior
from vaepipe.params import Matrix, Train
from vaepipe.report import claims as pages
from vaepipe.report.claims import chapter, digits
from vaepipe.results import Results, Run, runs_of
from vaepipe.training.loop import train

RNG = np.random.default_rng(0)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# --- codes


def test_principal_components_span_what_scikit_learn_finds():
    from sklearn.decomposition import PCA

    x = RNG.normal(size=(300, 6)) * [5, 3, 2, 1, 0.5, 0.1] + 4
    new = RNG.normal(size=(10, 6))
    ours = codes.pca_codes(torch.tensor(x), torch.tensor(new), 3)[1].numpy()
    theirs = PCA(3).fit(x).transform(new)
    assert np.abs(ours) == pytest.approx(np.abs(theirs), rel=1e-6)


def test_a_probe_of_components_reads_what_lies_in_them():
    """Two classes far apart along one direction; the third component is noise of both alike."""
    labels = torch.arange(400) % 2
    x = torch.randn(400, 8, generator=rng())
    x[:, 3] += 100.0 * labels
    found = codes.baselines((x[:300], labels[:300]), (x[300:], labels[300:]), [1])
    assert found["pca", 1]["probe_accuracy"] == found["pca", 1]["knn_accuracy"] == 100
    assert found["pixels", 0]["knn_accuracy"] == 100
    x[:, 3] -= 100.0 * labels  # now the classes are alike
    found = codes.baselines((x[:300], labels[:300]), (x[300:], labels[300:]), [1])
    assert 25 < found["pca", 1]["knn_accuracy"] < 75


# --- samples


def test_draws_have_the_mean_and_covariance_they_were_fitted_to():
    root = torch.tensor([[2.0, 0, 0], [1, 0.5, 0], [0, 0, 0]])  # a singular covariance
    rows = torch.randn(4000, 3, generator=rng()) @ root.T + torch.tensor([1.0, -2, 3])
    drawn = sampling.gaussian_draws(rows, 20_000, rng(1))
    for ours, theirs in zip(statistics.moments(drawn), statistics.moments(rows), strict=True):
        assert ours.numpy() == pytest.approx(theirs.numpy(), abs=0.1)


def test_entropy_of_known_distributions():
    p = torch.tensor([[0.25] * 4, [1.0, 0, 0, 0]], dtype=torch.float64)
    assert sampling.entropy(p).tolist() == pytest.approx([math.log(4), 0])


def fake_classifier(classes: int = 10) -> ImageClassifier:
    """It takes an image for the class whose pixel, of the first ones, is 1: its features."""

    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.output = nn.Linear(classes, classes)
            self.output.weight.data = 50 * torch.eye(classes)
            self.output.bias.data.zero_()

        def features(self, x):
            return x[:, :classes]

    reference = statistics.Moments(torch.zeros(classes).double(), torch.eye(classes).double())
    return ImageClassifier(Reads(), reference)


@torch.no_grad()
def test_what_a_classifier_makes_of_images_that_it_is_sure_of():
    images = torch.eye(10).repeat(3, 1)
    found = sampling.classified(images, fake_classifier())
    assert found["variety"] == pytest.approx(math.log(10))
    assert found["confidence"] == pytest.approx(100)
    assert found["doubt"] == pytest.approx(0, abs=1e-9)
    found = sampling.classified(images[:1].repeat(9, 1), fake_classifier())
    assert found["variety"] == 0
    broken = sampling.classified(images / 0, fake_classifier())
    assert math.isinf(broken["frechet"])


def test_noise_keeps_each_pixel_and_no_more():
    x = (torch.rand(2000, 1, generator=rng()) < 0.3).float().repeat(1, 4)  # all pixels alike
    noise = sampling.noise_images(x, 2000, 0)
    assert noise.mean(0).numpy() == pytest.approx(x.mean(0).numpy(), abs=0.05)
    assert abs(np.corrcoef(noise.T.numpy())[0, 1]) < 0.1


# --- codes against the prior


def test_kolmogorov_smirnov_is_that_of_scipy():
    z = torch.randn(500, 3, generator=rng()) * torch.tensor([1.0, 2.0, 1.0]) + torch.tensor(
        [0.0, 0.0, 0.7]
    )
    ours = posterior.kolmogorov_smirnov(z)
    theirs = [stats.kstest(z[:, k].double().numpy(), "norm").statistic for k in range(3)]
    assert ours.tolist() == pytest.approx(theirs, abs=1e-6)


def test_axes_of_a_shifted_gaussian():
    found = posterior.axes(3 + 2 * torch.randn(20_000, 2, generator=rng()))
    assert found["offset"] == pytest.approx(3, abs=0.05)
    assert found["spread"] == pytest.approx(2, abs=0.05)
    # The largest distance of N(3, 4) from N(0, 1) is at the crossing of their densities.
    x = np.linspace(-5, 10, 10_001)
    assert found["ks"] == pytest.approx(
        np.abs(stats.norm.cdf(x, 3, 2) - stats.norm.cdf(x)).max(), abs=0.01
    )


def test_kl_by_monte_carlo_is_that_by_quadrature():
    mean, log_var = torch.tensor([[0.5, -1.0]]), torch.tensor([[-1.0, 0.3]])
    ours = posterior.monte_carlo_kl(mean, log_var, 20_000, rng()).item()
    z = np.linspace(-12, 12, 20_001)
    exact = 0.0
    for m, v in zip(mean[0].tolist(), log_var[0].tolist(), strict=True):
        q = stats.norm(m, math.exp(v / 2))
        exact += np.trapezoid(q.pdf(z) * (q.logpdf(z) - stats.norm.logpdf(z)), z)
    assert ours == pytest.approx(exact, rel=0.03)
    assert objectives.gaussian_kl(mean, log_var).item() == pytest.approx(exact, rel=1e-5)


def test_mmd_of_known_gaussians():
    """E k(a - b) for the kernel C / (C + |a - b|^2), by numbers, in one dimension."""
    d = np.linspace(-40, 40, 400_001)

    def expected(variance: float, offset: float) -> float:
        return np.trapezoid(2 / (2 + d**2) * stats.norm.pdf(d, offset, variance**0.5), d)

    exact = expected(2, 0) + expected(2 * 4, 0) - 2 * expected(1 + 4, 1)
    found = statistics.prior_mmd(1 + 2 * torch.randn(20_000, 1, generator=rng()), rng(1))
    assert found.mean().item() == pytest.approx(
        exact, abs=3 * found.std().item() / len(found) ** 0.5
    )


# --- inversion


def test_inversion_finds_the_code_of_a_linear_decoder():
    weight = torch.randn(40, 3, generator=rng())
    z = torch.randn(7, 3, generator=rng(1))
    x = (z @ weight.T).sigmoid()
    found, error = inversion.invert(lambda z: z @ weight.T, x, 3, 4, 300, rng(2))
    assert found.numpy() == pytest.approx(z.numpy(), abs=0.02)
    assert error.max() < 1e-3


def test_inversion_keeps_the_best_of_its_restarts():
    """Of |z^2 - x|: a decoder with two codes for an image and a worthless one at 0."""
    x = torch.full((5, 1), 0.9)

    def decode(z):
        return torch.where(z > 0, z, -30.0)  # flat below 0: there no start gets away

    one = inversion.invert(decode, x, 1, 1, 100, rng())[1]
    z, many = inversion.invert(decode, x, 1, 16, 100, rng())
    assert (one > 0.5).any()
    assert (many < 1e-3).all()
    assert torch.equal((decode(z).sigmoid() - x).square().sum(1), many)  # of that very code


# --- sharpness


def test_laplacian_variance_of_known_images():
    image = torch.rand(2, 1, 9, 7, generator=rng())
    theirs = [ndimage.laplace(one[0].double().numpy())[1:-1, 1:-1].var(ddof=1) for one in image]
    ours = sharpness.laplacian_variance(image.flatten(1), (1, 9, 7))
    assert ours.tolist() == pytest.approx(theirs, rel=1e-5)
    ramp = torch.arange(7.0).expand(1, 1, 9, 7).flatten(1)
    assert sharpness.laplacian_variance(ramp, (1, 9, 7)).item() == 0


def test_gradient_energy_of_a_step():
    image = torch.zeros(1, 1, 4, 6)
    image[..., 3:] = 0.5
    assert sharpness.gradient_energy(image.flatten(1), (1, 4, 6)).item() == 4 * 0.25


def test_blur_lowers_all_measures_and_the_control_takes_it_back():
    real = torch.zeros(50, 1, 12, 12)
    real[:, :, 3:9, 3:9] = 1
    kernel = torch.ones(1, 1, 3, 3) / 9
    blurred = nn.functional.conv2d(real, kernel, padding=1)
    shape = (1, 12, 12)
    same = sharpness.sharpness(real.flatten(1), real.flatten(1), shape)
    soft = sharpness.sharpness(blurred.flatten(1), real.flatten(1), shape)
    assert same == {"edges": 1, "laplacian": 1, "edges_cut": 1, "laplacian_cut": 1, "grey": 0}
    assert soft["edges"] < 0.6
    assert soft["laplacian"] < 0.6
    assert soft["grey"] > 0
    assert soft["edges_cut"] == pytest.approx(1, abs=0.2)
    assert soft["laplacian_cut"] > 2 * soft["laplacian"]


# --- precision and recall of distributions


def test_prd_of_the_same_and_of_others():
    x = torch.randn(600, 4, generator=rng())
    same = coverage.prd(x, x.clone(), 0)
    assert same["prd_precision"] == pytest.approx(100, abs=0.1)
    assert same["prd_recall"] == pytest.approx(100, abs=0.1)
    far = coverage.prd(x, x + 100, 0)
    assert far["prd_precision"] < 0.1
    assert far["prd_recall"] < 0.1


def test_prd_of_fewer_images_than_clusters():
    x = torch.randn(6, 3, generator=rng())
    assert coverage.prd(x, x.clone(), 0)["prd_recall"] > 99


def test_prd_of_samples_that_lost_half_of_the_modes():
    """All samples are real, and half of the real ones are met: algorithm 1 on two bins."""
    precision, recall = coverage.prd_curve(np.array([0.5, 0.5]), np.array([1.0, 0.0]))
    assert precision.max() == pytest.approx(0.5 * 2)  # min(l / 2, 1), up to 1
    assert recall.max() == pytest.approx(0.5)
    two = torch.cat(
        [torch.randn(300, 2, generator=rng()), 50 + torch.randn(300, 2, generator=rng(1))]
    )
    one = torch.randn(600, 2, generator=rng(2))
    found = coverage.prd(two, one, 0)
    assert found["prd_precision"] > found["prd_recall"] + 20


def test_neighbourhoods_of_the_same_and_of_others():
    x = torch.randn(400, 3, generator=rng())
    assert coverage.neighbourhoods(x, x.clone()) == {"precision": 100, "recall": 100}
    assert coverage.neighbourhoods(x, x + 100) == {"precision": 0, "recall": 0}
    half = torch.cat([x, x + 100])
    found = coverage.neighbourhoods(half, x)
    assert found["precision"] == 100
    assert 50 <= found["recall"] < 51


# --- style


def drawn(shift: float, thickness: int = 1) -> torch.Tensor:
    """A stroke of 21 rows that moves right by `shift` pixels with each row up."""
    image = torch.zeros(28, 40)
    for row in range(21):
        place = 20 + shift * (10 - row)
        left = math.floor(place)
        image[row + 3, left : left + thickness] += 1 - (place - left)
        image[row + 3, left + 1 : left + 1 + thickness] += place - left
    return image.flatten()


@pytest.mark.parametrize("shift", [0.0, 0.5, -0.7, 1.0])
def test_slant_of_a_stroke(shift):
    assert style.slant(drawn(shift)[None], (1, 28, 40)).item() == pytest.approx(shift, abs=1e-6)


def test_an_empty_image_has_no_slant():
    assert style.slant(torch.zeros(1, 25), (1, 5, 5)).item() == 0


def test_style_is_compared_within_classes():
    classes = torch.arange(200) % 2
    rest = torch.randn(200, generator=rng())
    one, other = rest + 50 * classes, 2 * rest - 9 * (1 - classes)
    assert style.within_classes(one, classes, other, 1 - classes) == pytest.approx(1)
    fresh = torch.randn(200, generator=rng(1)) + 50 * classes
    assert abs(style.within_classes(one, classes, fresh, classes)) < 0.2


# --- labels


@torch.no_grad()
def test_a_decoder_that_obeys_draws_the_label_and_keeps_the_code():
    """A CVAE whose decoder paints the label into the first ten pixels and z into the others."""
    a = Architecture("cvae", 2, (4,), "relu", pixels=28 * 28)
    model = build(a, rng())
    weight, bias = torch.zeros(784, 12), torch.full((784,), -9.0)
    weight[:10, 2:] = 4 * torch.eye(10)
    weight[400:500, 0], bias[400:500] = 0.3, 0.0  # where the sigmoid is nearly straight
    model.decoder = nn.Linear(12, 784)
    model.decoder.weight.data, model.decoder.bias.data = weight, bias
    asked = torch.arange(400) % 10
    z = torch.randn(400, 2, generator=rng(3))
    samples = model.decode(z, asked).sigmoid()
    seen = (torch.rand(400, 784, generator=rng(4)) < 0.2).float()
    found, shown = labels.label_effects(model, fake_classifier(), samples, seen, asked, rng(5))
    assert found["right"] == found["worst"] == found["swapped"] == 100
    assert found["averaged"] <= 20  # nothing tells the classes apart
    assert found["ink"] > 0.9
    assert abs(found["ink_shuffled"]) < 0.2
    one_hot = torch.eye(10)[asked]
    blended = labels.decode_blended(model, z, one_hot)
    assert torch.equal(blended, samples)
    assert {"own", "swapped", "averaged", "left_out"} <= set(shown)
    # Classes that no sample was asked for are in no mean.
    few, _ = labels.label_effects(model, fake_classifier(), samples[:7], seen, asked, rng(5))
    assert few["worst"] == 100
    assert "right_6" in few
    assert "right_7" not in few


# --- stability and speed

GOOD = {"frechet": 50.0, "variety": math.log(9)}


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (GOOD, None),
        (None, "not_finite"),
        (GOOD | {"frechet": math.inf}, "not_finite"),
        (GOOD | {"variety": math.log(4.9)}, "no_variety"),
        (GOOD | {"frechet": 900.0}, "noise"),
    ],
)
def test_which_runs_have_failed(found, why):
    assert stability.failure(found, noise=900.0, variety=10) == why


@pytest.mark.parametrize(("shares", "lost"), [([0.5, 0.5], [1.0]), ([0.91] + [0.01] * 9, [1.0])])
def test_modes_are_lost_by_comparison_with_the_real_images(shares, lost):
    """Of two classes one is half; of ten of which one has 91 % even the real images have 1.7."""
    variety = sampling.entropy(torch.tensor(shares)).exp().item()
    for some, why in ((shares, None), (lost, "no_variety")):
        found = GOOD | {"variety": sampling.entropy(torch.tensor(some)).item()}
        assert stability.failure(found, 900.0, variety) == (why if len(shares) == 2 else None)


class Pretended:
    """A training whose steps take no time, but note who took them."""

    def __init__(self, name, steps, log):
        self.name, self.left, self.log, self.per_epoch = name, steps, log, 16
        self.curve = speed.Curve(1)

    def go_on(self, steps):
        self.left -= steps
        self.log.append(self.name)
        self.curve.seconds.append(1.0 + (self.curve.seconds[-1] if self.curve.seconds else 0))

    @property
    def done(self):
        return self.left <= 0

    def model(self):
        return nn.Identity()


def test_a_race_takes_turns_that_change_sides():
    log = []
    distances = iter(range(100, 0, -1))
    curves = speed.race(
        [Pretended("a", 8, log), Pretended("b", 6, log)], lambda model: next(distances)
    )
    assert "".join(log) == "abbaaba"
    assert [len(c.seconds) for c in curves] == [4, 3]
    assert curves[0].epoch_seconds == 4
    assert curves[0].seconds_to(curves[0].distance[1]) == 2
    assert curves[0].seconds_to(0) == math.inf
    worst = max(c.distance[-1] for c in curves)
    assert all(c.seconds_to(speed.fixed_quality(curves)) < math.inf for c in curves)
    assert speed.fixed_quality(curves) == pytest.approx(1.1 * worst)


# --- rules


def condition(values, threshold=0.0, **options) -> Condition:
    return Condition("made up", 3, tuple(values), threshold, **options)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([5.0, 5.1, 4.9], "supported"),
        ([-5.0, -5.1, -4.9], "not_supported"),
        ([5.0, -5.0, 1.0], "undecided"),
        ([5.0], "undecided"),
    ],
)
@pytest.mark.parametrize("ratio", [False, True])
def test_the_three_verdicts(values, verdict, ratio):
    if ratio:
        values, threshold = [math.exp(v) for v in values], 1.0
    else:
        threshold = 0.0
    found = judge({"claim": [condition(values, threshold, ratio=ratio)]})["claim"]
    assert found.verdict == verdict
    below = judge({"claim": [condition(values, threshold, ratio=ratio, above=False)]})["claim"]
    turned = {"supported": "not_supported", "not_supported": "supported"}
    assert below.verdict == turned.get(verdict, verdict)


def test_the_t_test_is_scipys():
    values = [1.0, 1.4, 0.9, 1.2]
    found = condition(values, 1.0).tested()
    assert found.holds == pytest.approx(
        stats.ttest_1samp(values, 1.0, alternative="greater").pvalue
    )
    assert found.holds + found.fails == pytest.approx(1)
    interval = stats.ttest_1samp(values, 1.0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_all_conditions_have_to_hold():
    good, bad, open_ = [5.0, 5.1, 4.9], [-5.0, -5.1, -4.9], [5.0, -5.0, 1.0]
    found = judge(
        {
            "all": [condition(good), condition(good)],
            "one fails": [condition(good), condition(bad)],
            "one open": [condition(good), condition(open_)],
            "none": [],
        }
    )
    assert {name: one.verdict for name, one in found.items()} == {
        "all": "supported",
        "one fails": "not_supported",
        "one open": "undecided",
    }
    assert found["one fails"].closest == found["one open"].closest == 1


def test_more_claims_ask_for_more_evidence():
    values = [5.0, 5.6, 4.4]
    alone = judge({"a": [condition(values)]})["a"]
    assert alone.verdict == "supported"
    others = {f"other {k}": [condition([1.0, -1.0, 0.2])] for k in range(20)}
    assert judge({"a": [condition(values)]} | others)["a"].verdict == "undecided"


def test_more_conditions_ask_for_more_evidence_against_a_claim():
    fails = condition([-5.0, -5.6, -4.4])
    assert judge({"a": [fails]})["a"].verdict == "not_supported"
    others = [condition([1.0, -1.0, 0.2])] * 20
    assert judge({"a": [fails, *others]})["a"].verdict == "undecided"


@pytest.mark.parametrize("value", [2.0, 0.0, -2.0])
def test_values_without_spread_decide_nothing(value):
    """Two seeds of 100 % each: how far the next would be from them is not known."""
    found = judge({"a": [condition([value, value])]})["a"]
    assert (found.verdict, found.p) == ("undecided", 1)


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ((0, 18, 12, 18), "supported"),
        ((12, 18, 0, 18), "not_supported"),
        ((1, 18, 2, 18), "undecided"),
    ],
)
def test_shares_of_failures(counts, verdict):
    assert judge({"a": [Fewer("made up", 0, *counts)]})["a"].verdict == verdict


def test_the_interval_of_shares_is_newcombes():
    """His example of 56 of 70 against 48 of 80 (Statistics in Medicine 17, 1998, table II)."""
    found = Fewer("made up", 0, 48, 80, 56, 70).tested()
    assert found.estimate == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_some_images_are_from_all_parts_of_the_set():
    """MNIST's first test images are easier than its last."""
    assert spread(10, 5).tolist() == [0, 2, 4, 6, 8]
    assert spread(10, 20).tolist() == list(range(10))
    assert spread(10_000, 3).tolist() == [0, 3333, 6666]


def table(*rows) -> Numbers:
    return Numbers(pd.DataFrame(rows, columns=list(COLUMNS)))


def test_pairs_are_of_one_seed_and_a_baseline_stands_beside_each():
    n = table(
        ("separates", "knn", "ae", 3, 0, 90.0),
        ("separates", "knn", "ae", 3, 1, 91.0),
        ("separates", "knn", "vae", 3, 1, 80.0),
        ("separates", "knn", "pca", 3, ANY_SEED, 50.0),
    )
    assert n.pairs("separates", "knn", ("ae", "pca"), 3) == [(90, 50), (91, 50)]
    assert n.pairs("separates", "knn", ("ae", "vae"), 3) == [(91, 80)]
    names = {c.name: c.values for c in CLAIMS["separates"](n)}
    assert names == {"ae_knn": (90, 91), "ae_over_pca": (40, 41)}


def test_a_claim_without_its_models_has_no_conditions():
    nothing = table()
    assert all(not conditions(nothing) for conditions in CLAIMS.values())
    assert NEEDS.keys() == CLAIMS.keys() == dict.fromkeys(NAMES).keys()
    assert tuple(CLAIMS) == NAMES


# --- verdicts on all claims, and the pages that show them

MATRIX = Matrix(("ae", "vae", "cvae", "gan"), (3, 20), (0, 1, 2, 3))


@pytest.mark.parametrize(
    ("factor", "mixed", "expected"),
    [(1.0, False, "supported"), (0.01, False, "not_supported"), (0.01, True, "undecided")],
)
def test_every_claim_has_all_three_verdicts(factor, mixed, expected):
    found = verdicts(made_table(MATRIX, factor, mixed), MATRIX, SETTINGS, CLASSES)["claims"]
    got = {name: one["verdict"] for name, one in found.items()}
    assert set(got.values()) == {expected}, got


def test_what_the_matrix_can_not_answer_is_not_tested(tmp_path):
    results, matrix = Results(tmp_path), Matrix(("ae",), (3,), (0,))
    write_claims(results, matrix)
    found = read_json(results.claims)
    claims = chapter(found)
    assert {one.verdict for one in claims} == {"not_tested"}
    assert pages.tested(claims) == 0
    by_name = {one.name: one for one in claims}
    assert "VAE and GAN" in by_name["faster"].said.en
    assert "not tested" in results.claim("faster").read_text()


@pytest.mark.parametrize("left", [["ae"], ["vae"]])
def test_a_claim_about_two_models_is_not_tested_with_one(left):
    whole = made_table(MATRIX)
    only = whole[whole["arm"].isin([*left, "pca"])]
    found = verdicts(only, MATRIX, SETTINGS, CLASSES)["claims"]
    got = {name for name, one in found.items() if one["verdict"] != "not_tested"}
    assert got == {"ae": {"separates"}, "vae": {"closed_form"}}[left[0]]


def test_a_claim_is_not_tested_where_all_runs_of_a_latent_size_failed():
    whole = made_table(MATRIX)
    left = whole[(whole["arm"] != "vae") | (whole["latent_dim"] != 20)]
    found = verdicts(left, MATRIX, SETTINGS, CLASSES)["claims"]
    lacking = {name for name, one in found.items() if one["verdict"] == "not_tested"}
    assert {"cannot_generate", "kl_gaussian", "blurrier", "faster", "closed_form"} <= lacking
    assert not found["kl_gaussian"]["needs"]
    assert not lacking & {"separates", "obeys"}


def test_stability_is_compared_at_learning_rates_that_both_have():
    """A GAN's failures at a rate that no VAE was trained with say nothing about the two."""
    arms = {"vae": 0, "gan": 0, "gan-lr0.1": 1, "vae-lr0.03": 0, "gan-lr0.03": 1}
    rows = [
        ("stabler", "failed", arm, 3, seed, float(failed))
        for arm, failed in arms.items()
        for seed in range(4)
    ]
    (found,) = CLAIMS["stabler"](table(*rows))
    assert (found.failed, found.runs, found.others_failed, found.others_runs) == (0, 8, 4, 8)


def test_a_picture_of_a_first_seed_that_failed_says_so(tmp_path):
    """Its other seeds decide the claim."""
    found, results = verdicts(made_table(MATRIX), MATRIX, SETTINGS, CLASSES), Results(tmp_path)
    draw_all(made_table(MATRIX), found, {}, MNIST, results)
    assert "first seed failed" in results.claim("obeys").read_text()
    assert "first seed failed" not in results.claim("faster").read_text()


def test_one_seed_decides_nothing():
    one = Matrix(MATRIX.models, (3,), (0,))
    table = made_table(one)
    found = verdicts(table[table["claim"] != "stabler"], one, SETTINGS, CLASSES)
    said = {c.name: c for c in chapter(found) if c.verdict == "undecided"}
    assert set(NAMES) - set(said) == {"stabler"}
    assert all("One seed" in claim.said.en for claim in said.values())


def test_a_claim_that_fails_names_the_condition_and_its_numbers():
    found = verdicts(made_table(MATRIX, 0.01), MATRIX, SETTINGS, CLASSES)
    claim = next(one for one in chapter(found) if one.name == "obeys")
    row = found["claims"]["obeys"]["conditions"][found["claims"]["obeys"]["closest"]]
    for text in claim.said:
        assert digits(row["estimate"]) in text
        assert f"{row['threshold']:g}" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.01234, "0.0123"), (-1.5, "−1.500"), (1234.5, "1,234"), (None, "–"), (-0.00001, "0.0000")],
)
def test_digits(value, text):
    assert digits(value) == text


def test_the_docs_are_those_that_the_command_writes():
    """From docs/claims.json, or without numbers before there is one."""
    found = read_json(claims_pages.SOURCE) if claims_pages.SOURCE.exists() else None
    for language, path in claims_pages.PAGES.items():
        assert path.read_text(encoding="utf-8") == claims_pages.page(found, language)


def test_the_readme_counts_the_verdicts_of_the_docs():
    found = read_json(claims_pages.SOURCE)["claims"].values()
    of = Counter(claim["verdict"] for claim in found)
    words = ["none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    counts = [words[of[verdict]] for verdict in ("supported", "not_supported", "undecided")]
    text = " ".join((ROOT / "README.md").read_text().split())
    stay = "stays" if of["undecided"] == 1 else "stay"
    said = f"{counts[0]} are supported, {counts[1]} are not, {counts[2]} {stay} undecided with four"
    assert len(found) == 9
    assert said in text


def test_both_pages_of_the_docs_have_the_same_numbers():
    found = verdicts(made_table(MATRIX), MATRIX, SETTINGS, CLASSES)
    english, chinese = (claims_pages.page(found, language) for language in ("en", "zh"))
    of = [sorted(re.findall(r"\d+\.\d{3,}", page)) for page in (english, chinese)]
    assert of[0] == of[1]
    assert len(of[0]) > 50
    assert english.count("**Supported**") == 2 * len(NAMES)  # in the table, and beside each claim
    assert "params/claims.yaml" in english
    assert not re.search("<(?! |details|/details|summary|/summary|sub|/sub)", english + chinese)


def test_the_docs_take_no_results_of_another_preset(tmp_path):
    results = Results(tmp_path)
    write_claims(results, Matrix(("ae",), (3,), (0,)))
    with pytest.raises(UserError, match=r"is of params\.yaml"):
        claims_pages.take(results)


def test_pictures_keep_the_digits_of_their_texts(tmp_path):
    """Coordinates are rounded, to make files small; the rate 0.0012 must not be."""
    table = made_table(MATRIX)
    table["arm"] = table["arm"].replace("vae-lr0.02", "vae-lr0.0012")
    write_claims(Results(tmp_path), MATRIX, table)
    text = Results(tmp_path).claim("stabler").read_text()
    assert "lr = 0.0012" in text
    assert len(text) < 30_000
    for name in NAMES:
        ElementTree.parse(Results(tmp_path).claim(name))


# --- the stage

TINY = Matrix(("ae", "vae", "cvae", "gan", "vae-beta0", "vae-lr0.02", "gan-lr0.02"), (3,), (0, 1))


def tiny_training() -> Train:
    """The settings of a training of two steps."""
    whole = params.check_file(ROOT / "params.yaml").train
    return replace(whole, hidden=(16,), epochs=1, batch_size=500, validation=59_000, device="cpu")


@pytest.mark.parametrize("model", ["vae", "gan"])
def test_a_race_takes_the_steps_of_the_train_stage(model):
    """The same weights, bit by bit, though it was interrupted after every few steps."""
    pixels = torch.randint(0, 256, (330, 784), generator=rng()).to(torch.uint8)
    images = Images(pixels, torch.zeros(330, dtype=torch.int64))
    settings = replace(tiny_training(), batch_size=50, epochs=2)
    run, device = Run(model, 3, 0), torch.device("cpu")
    [(theirs, _)] = train([run], settings, images, images.first(10), device)
    ours = speed.Training(run, settings, images, MNIST)
    while not ours.done:
        ours.go_on(3)
    for name, value in ours.model().state_dict().items():
        assert torch.equal(value, theirs.state_dict()[name]), name


FEW = replace(
    SETTINGS,
    images=100,
    samples=100,
    posterior_draws=2,
    inversion_images=3,
    inversion_restarts=2,
    inversion_steps=2,
    races=1,
)


def write_trained(
    results: Results, run: Run, data: Path, of: Architecture, failed: str | None = None
) -> None:
    """What train and evaluate stages leave of a model that is not trained."""
    settings = replace(
        tiny_training(), prior=of.prior, network=of.network, likelihood=of.likelihood
    )
    about = {"run": vars(run), "train": vars(settings), "data": read_manifest(data)}
    if failed and "loss" in failed:
        about["failed"] = failed
    results.model(run).parent.mkdir(parents=True, exist_ok=True)
    weights.save(results.model(run), build(of, rng(run.seed)).eval(), about)
    metrics = {"prior_moments": 1.0, "prior_mmd": 0.1}
    if of.model != "gan":
        metrics |= {"knn_accuracy": 50.0 + run.seed, "probe_accuracy": 40.0}
    protocol = {"binarize": "dynamic", "evaluation_seed": 0, "training_images": 100}
    record = {"metrics": {} if failed else metrics, "protocol": protocol, "failed": failed}
    write_json(results.metrics(run), record)


FAILED = {
    Run("gan-lr0.02", 3, 1): "its loss was not finite",
    Run("vae-beta0", 3, 1): "not finite: nll",
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, mnist_folder) -> Results:
    """Results of the claims stage over models that are not trained."""
    results = Results(tmp_path_factory.mktemp("tiny"))
    for run in runs_of(TINY):
        of = Architecture(names.split(run.model)[0], run.latent_dim, (16,), "silu")
        write_trained(results, run, mnist_folder, of, FAILED.get(run))
    made_classifier(results.classifier)
    claims_of_stage(TINY, FEW, mnist_folder, results)
    return results


@pytest.mark.slow
def test_two_processes_measure_what_one_does(tiny, mnist_folder):
    kept = {path: path.read_bytes() for path in (tiny.claims_table, tiny.claim("compares"))}
    claims_of_stage(TINY, replace(FEW, processes=2), mnist_folder, tiny)
    for path, content in kept.items():
        assert path.read_bytes() == content


@pytest.mark.slow
def test_the_stage_measures_every_claim(tiny):
    found = read_json(tiny.claims)["claims"]
    assert {name for name, one in found.items() if one["verdict"] == "not_tested"} == set()
    assert all((tiny.claim(name)).stat().st_size > 2000 for name in NAMES)
    table = pd.read_csv(tiny.claims_table)
    assert list(table.columns) == list(COLUMNS)
    assert not table["quantity"].str.contains("seconds").any()  # those are no results to compare
    seconds = pd.read_csv(tiny.claims_seconds)
    assert set(seconds["claim"]) == {"compares", "faster"}
    assert (seconds["value"] > 0).all()


@pytest.mark.slow
def test_a_failed_training_counts_as_failed_and_is_in_no_mean(tiny):
    table = pd.read_csv(tiny.claims_table)
    rows = table[(table["arm"] == "gan-lr0.02") & (table["seed"] == 1)]
    assert rows["quantity"].tolist() == ["failed"]
    assert rows["value"].tolist() == [1.0]
    rows = table[(table["arm"] == "vae-beta0") & (table["claim"] == "kl_gaussian")]
    assert set(rows["seed"]) == {0}  # the other failed in evaluation


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "tested"),
    [
        ({"prior": "flow"}, {"compares", "blurrier", "stabler", "faster"}),
        (
            {"network": "conv", "channels": (2, 2), "likelihood": "autoregressive"},
            {"stabler", "closed_form"},
        ),
    ],
)
def test_claims_with_another_prior_or_likelihood(
    settings, tested, tmp_path, mnist_folder, monkeypatch
):
    """Codes are drawn from the learned prior; draws of 0 and 1 are not set beside grey images."""
    results, matrix = Results(tmp_path), Matrix(("vae", "gan"), (3,), (0, 1))
    for run in runs_of(matrix):
        own = settings if run.model == "vae" else {}
        write_trained(results, run, mnist_folder, Architecture(run.model, 3, (16,), "silu", **own))
    made_classifier(results.classifier)
    drawn = []
    monkeypatch.setattr(FlowPrior, "from_normal", lambda self, z: drawn.append(z) or z)
    claims_of_stage(matrix, FEW, mnist_folder, results)
    found = read_json(results.claims)["claims"]
    assert {name for name, one in found.items() if one["verdict"] != "not_tested"} == tested
    looks = pd.read_csv(results.claims_table)["quantity"].str.startswith("look_").sum() / 2
    assert len(drawn) == (len(matrix.seeds) + looks if "prior" in settings else 0)


@pytest.mark.slow
def test_a_kl_weight_is_part_of_the_sweep_and_a_rate_of_the_grid(tiny):
    arms = pd.read_csv(tiny.claims_table).groupby("claim")["arm"].unique()
    assert set(arms["kl_gaussian"]) == {"ae", "vae", "cvae", "vae-beta0"}
    assert set(arms["stabler"]) == {"vae", "gan", "vae-lr0.02", "gan-lr0.02"}
    assert set(arms["separates"]) == {"ae", "vae", "cvae", "pca", "pixels"}
    assert set(arms["compares"]) == {"vae", "vae-inverted", "gan"}
