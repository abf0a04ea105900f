"""The estimators on a VAE trained on real images, and the rest of the evaluation."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import logsigmoid

import exact
from conftest import ROOT
from reports import made_classifier
from vaepipe import params
from vaepipe.core.errors import UserError
from vaepipe.core.files import read_yaml
from vaepipe.core.rng import generator
from vaepipe.data import dataset
from vaepipe.data.dataset import Images, as_input, duplicates
from vaepipe.evaluation import classifier, evaluate, latents
from vaepipe.evaluation.generation import generated, sample_quality
from vaepipe.evaluation.likelihood import bound_and_terms, likelihood_metrics, marginal_bound
from vaepipe.evaluation.metrics import HEADLINE, METRICS
from vaepipe.models import MODELS, Architecture, build, objectives, weights
from vaepipe.models.prior import NormalPrior
from vaepipe.results import Run
from vaepipe.training import loop
from vaepipe.versions.record import of_classifier

CPU = torch.device("cpu")
SETTINGS = params.check(read_yaml(ROOT / "params.yaml"))


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def training_set(mnist_folder) -> Images:
    return dataset.training_images(mnist_folder, 0)[0]


@pytest.fixture(scope="module")
def test_set(mnist_folder) -> Images:
    return dataset.test_images(mnist_folder)


@pytest.fixture(scope="module")
def small_vae(training_set, tmp_path_factory) -> torch.nn.Module:
    """A VAE with two latents after 300 steps on real images.

    After longer training the encoder misses the posterior of some images altogether, and no number
    of samples that can be paid for finds it: docs/metrics.md has the figures.
    """
    # All that the weights depend on is said here: other default params must not change this model.
    settings = replace(
        SETTINGS.train,
        hidden=(64,),
        activation="silu",
        epochs=3,
        batch_size=100,
        learning_rate=0.005,
        warmup=0.1,
        kl_warmup=0.2,
        device="cpu",
    )
    images = training_set.first(10_000), training_set.first(100)
    return loop.train([Run("vae", 2, 0)], settings, *images, CPU)[0][0]


@pytest.fixture(scope="module")
def trained_classifier(training_set) -> classifier.ImageClassifier:
    return classifier.train(training_set, SETTINGS.classify, CPU)


def some(images: Images, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    x = as_input(images.pixels[:n], "dynamic", generator(0, "evaluation"))
    return x, images.labels[:n].long()


@torch.no_grad()
def by_quadrature(model: torch.nn.Module, x: torch.Tensor, spacing: float) -> torch.Tensor:
    """log p(x) `[n]` as a sum over a grid of the two latents, from -6 to 6."""
    axis = torch.arange(-6, 6 + spacing / 2, spacing)
    z = torch.cartesian_prod(axis, axis)
    log_pz = -0.5 * z.square().sum(1) - math.log(2 * math.pi) + 2 * math.log(spacing)
    terms = []
    for part, prior in zip(z.split(10_000), log_pz.split(10_000), strict=True):
        logits = model.decoder(part)
        log_px = x @ logsigmoid(logits).T + (1 - x) @ logsigmoid(-logits).T
        terms.append((log_px + prior).double().logsumexp(1))
    return torch.stack(terms).logsumexp(0)


def quadrature_agrees(model: torch.nn.Module, x: torch.Tensor, labels: torch.Tensor) -> None:
    with torch.no_grad():
        bound, distortion, _ = bound_and_terms(
            model, x, labels, 5000, 20_000, generator(0, "latent")
        )
        neg_elbo = distortion + objectives.gaussian_kl(*model.posterior(x, labels))
    truth = by_quadrature(model, x, 0.04)
    assert (bound.mean() - truth.mean()).abs() < 0.05
    assert (bound - truth).abs().max() < 0.5
    assert (neg_elbo > -truth).all()


@pytest.mark.slow
def test_the_bound_is_what_quadrature_gives_on_real_images(small_vae, test_set):
    x, labels = some(test_set, 100)
    coarse, fine = (by_quadrature(small_vae, x, spacing) for spacing in (0.08, 0.04))
    assert torch.allclose(coarse, fine, atol=1e-3)
    quadrature_agrees(small_vae, x, labels)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("standard_normal_log_density", lambda z: -0.25 * z.square().sum(-1)),
        ("importance_weighted_bound", lambda w: w.mean(-1)),
        ("bernoulli_log_likelihood", lambda logits, x: -(x - logits.sigmoid()).square().sum(-1)),
    ],
)
def test_quadrature_notices_what_is_broken(name, wrong, small_vae, test_set, monkeypatch):
    monkeypatch.setattr(objectives, name, wrong)
    with pytest.raises(AssertionError):
        quadrature_agrees(small_vae, *some(test_set, 100))


def test_a_posterior_that_is_almost_a_point_has_a_finite_bound():
    """As of a VAE without a KL term: z - mean is rounded to 0 there, and exp(-log_var) infinite."""
    model = build(Architecture("vae", 2, (4,), "silu"), generator(0, "initialisation"))
    with torch.no_grad():
        model.encoder[-1].weight[2:] = 0
        model.encoder[-1].bias.copy_(torch.tensor([40.0, -40.0, -100.0, -200.0]))
        x, labels = torch.ones(3, 784), torch.zeros(3, dtype=torch.int64)
        bound, distortion, rate = bound_and_terms(model, x, labels, 5, 10, generator(0, "latent"))
    assert bound.isfinite().all()
    assert torch.allclose(
        rate, objectives.gaussian_kl(*model.posterior(x, labels)).double(), rtol=1e-2
    )
    assert torch.allclose(-bound, distortion + rate, atol=5)


@pytest.mark.parametrize("chunk", [1, 7, 100, 2000])
def test_no_more_images_than_the_chunk_are_decoded_at_once(chunk):
    model, decoded = exact.LinearGaussian(), []
    x, labels = model.sample(150)
    inner = model.log_likelihood

    def counted(x, z, labels):
        decoded.append(z.shape[0] * z.shape[1])
        return inner(x, z, labels)

    model.log_likelihood = counted
    bound_and_terms(model, x, labels, 30, chunk, generator(0, "latent"))
    assert max(decoded) <= chunk
    assert sum(decoded) == 150 * 30


def test_the_label_is_worth_at_most_ln_10(test_set):
    """Also where the images are real and the model is not linear."""
    architecture = Architecture("cvae", 3, (16,), "silu")
    model = build(architecture, generator(0, "initialisation"))
    x, labels = some(test_set, 50)
    with torch.no_grad():
        given = bound_and_terms(model, x, labels, 10, 500, generator(0, "latent"))[0]
        marginal = marginal_bound(model, x, labels, given, 3, 500, generator(1, "latent"))
    assert (given - marginal <= math.log(10) + 1e-9).all()
    assert (given - marginal < math.log(10) - 1e-3).any()  # the other labels count


@pytest.mark.parametrize("name", ["vae", "cvae"])
def test_an_encoder_whose_log_variance_runs_away_leaves_finite_bounds(name, test_set):
    """As a CVAE with 3 latents had it after 30 epochs: a log-variance of 125 for a wrong label."""
    model = build(Architecture(name, 3, (16,), "silu"), generator(0, "initialisation"))
    settings = replace(SETTINGS.evaluate, importance_samples=10)
    x, labels = some(test_set, 50)
    with torch.no_grad():
        model.encoder[-1].bias[3:] += torch.tensor([125.0, 0.0, 200.0])
        found = likelihood_metrics(model, x, labels, settings, generator(0, "latent"))
    assert all(values.isfinite().all() for values in found.values())
    assert found["rate"].max() < 1000


@pytest.mark.parametrize("name", MODELS)
def test_every_metric_has_an_error_and_a_title(name, trained_classifier, test_set, training_set):
    model = build(Architecture(name, 3, (16,), "silu"), generator(0, "initialisation"))
    settings = replace(
        SETTINGS.evaluate, importance_samples=4, training_images=300, generated_images=300
    )
    images = test_set.first(400), training_set.first(300)
    arguments = (*images, trained_classifier, "dynamic", settings, 0, CPU)
    found = evaluate.evaluate(model, *arguments)
    names = {key for key in found if not key.endswith("_sem")}
    assert names <= set(METRICS)
    assert {f"{key}_sem" for key in names} == set(found) - names
    assert all(math.isfinite(value) for value in found.values())
    assert found == evaluate.evaluate(model, *arguments)
    missing = set(METRICS) - names
    expected = {
        "ae": {"neg_elbo", "nll", "nll_marginal", "bits_per_dim", "rate", "distortion"}
        | {"active_units", "conditional_accuracy"},
        "vae": {"conditional_accuracy"},
        "cvae": set(),
        "gan": METRICS.keys() - {"frechet_distance"},
    }
    assert missing == expected[name]
    other = evaluate.evaluate(model, *arguments[:-3], replace(settings, seed=1), 0, CPU)
    assert {key for key in names if other[key] != found[key]} >= names - {
        "active_units",
        "conditional_accuracy",
    }


def test_the_headline_is_of_metrics():
    assert set(HEADLINE) <= set(METRICS)


# The job


def test_the_protocol_says_all_that_a_number_depends_on():
    settings = replace(SETTINGS.evaluate, importance_samples=7, seed=3, chunk=5, threads=2)
    metadata = {"train": {"binarize": "none"}, "run": {}}
    found = evaluate.protocol({"data_set": "kmnist", "files": {}}, metadata, 123, settings)
    assert found == {
        "data_set": "kmnist",
        "split": "test",
        "images": 123,
        "binarize": "none",
        "importance_samples": 7,
        "evaluation_seed": 3,
        "training_images": settings.training_images,
        "generated_images": settings.generated_images,
    }
    other = replace(settings, chunk=6, threads=1, device="cpu", seeds_at_once="all")
    assert evaluate.protocol({"data_set": "kmnist"}, metadata, 123, other) == found


@pytest.fixture
def files(tmp_path, mnist_folder, monkeypatch):
    """Weights of two runs and a classifier, over a few of the images."""

    def test_images(folder):
        return dataset.test_images(folder).first(200)

    monkeypatch.setattr(evaluate, "test_images", test_images)
    model = build(Architecture("vae", 2, (8,), "silu"), generator(0, "initialisation"))
    for seed, failed in ((0, {}), (1, {"failed": "loss is NaN in epoch 2"})):
        run = {"model": "vae", "latent_dim": 2, "seed": seed}
        metadata = {"run": run, "train": {"binarize": "dynamic"}} | failed
        weights.save(tmp_path / f"s{seed}", model, metadata)
    settings = replace(
        SETTINGS.evaluate,
        importance_samples=2,
        training_images=100,
        generated_images=100,
        device="cpu",
    )
    return tmp_path, made_classifier(tmp_path / "classifier"), settings, mnist_folder


def test_a_failed_run_has_no_metrics_and_says_why(files):
    folder, *arguments = files
    paths = [folder / "s0", folder / "s1"]
    good, failed = evaluate.evaluate_files(paths, *arguments)
    assert good["failed"] is None
    assert {name for name in good["metrics"] if not name.endswith("_sem")} <= set(METRICS)
    assert good["metrics"]["neg_elbo"] > 0
    assert failed["metrics"] == {}
    assert failed["failed"] == "loss is NaN in epoch 2"
    assert (failed["model"], failed["latent_dim"], failed["seed"]) == ("vae", 2, 1)
    assert good["protocol"] == failed["protocol"]
    assert good["protocol"]["images"] == 200


def test_a_run_whose_metrics_are_not_finite_has_failed(files, monkeypatch):
    folder, *arguments = files
    measured = {"neg_elbo": 100.0, "nll": math.nan}
    monkeypatch.setattr(evaluate, "evaluate", lambda *_: measured)
    [found] = evaluate.evaluate_files([folder / "s0"], *arguments)
    assert found["metrics"] == {}
    assert found["failed"] == "not finite: nll"


def test_each_run_is_measured_as_if_it_were_alone(files):
    folder, *arguments = files
    together = list(evaluate.evaluate_files([folder / "s1", folder / "s0"], *arguments))
    assert list(evaluate.evaluate_files([folder / "s0"], *arguments)) == together[1:]


def test_memory_that_is_short_names_the_setting_to_lower(files, monkeypatch):
    folder, *arguments = files

    def evaluate_too_much(*_):
        raise MemoryError

    monkeypatch.setattr(evaluate, "evaluate", evaluate_too_much)
    with pytest.raises(UserError, match=r"evaluate\.chunk"):
        list(evaluate.evaluate_files([folder / "s0"], *arguments))


@pytest.mark.parametrize("model", ["ae", "cvae"])
def test_no_net_is_given_more_than_the_chunk_at_once(model, files, test_set, training_set):
    net = build(Architecture(model, 2, (4,), "silu"), generator(0, "initialisation"))
    given = {"encoder": [], "decoder": []}
    for name, sizes in given.items():
        part = getattr(net, name)
        part.register_forward_hook(lambda _, x, __, sizes=sizes: sizes.append(len(x[0])))
    settings = replace(files[2], chunk=30)
    judge = classifier.load(files[1], CPU)
    images = test_set.first(100), training_set.first(100)
    evaluate.evaluate(net, *images, judge, "dynamic", settings, 0, CPU)
    assert {name: max(sizes) for name, sizes in given.items()} == {"encoder": 30, "decoder": 30}


# The classifier, and the quality of samples that it measures


@pytest.mark.parametrize("side", [14, 9])
def test_without_a_gradient_the_pooling_is_the_same(side):
    maps = torch.randn(3, 2, side, side, generator=generator(0, "maps"))
    with_gradient = classifier.largest_of_four(maps.clone().requires_grad_())
    assert torch.equal(classifier.largest_of_four(maps), with_gradient)


def test_the_classifier_is_right_about_985_of_1000(trained_classifier, test_set):
    found = classifier.evaluate(trained_classifier, test_set, 0, CPU)
    assert found["test_accuracy"] >= 98.5
    assert 0 < found["frechet_floor"] < 5


def test_the_classifier_comes_from_its_seed_alone_and_back_from_disk(
    training_set, test_set, tmp_path
):
    few = training_set.first(1000)
    torch.manual_seed(1)
    one = classifier.train(few, SETTINGS.classify, CPU)
    torch.manual_seed(2)
    other = classifier.train(few, SETTINGS.classify, CPU)
    for place, made in ((tmp_path / "one", one), (tmp_path / "other", other)):
        classifier.save(place, made, SETTINGS.classify)
        assert of_classifier(place) == vars(SETTINGS.classify)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    again = classifier.load(tmp_path / "one", CPU)
    assert classifier.evaluate(one, test_set, 0, CPU) == classifier.evaluate(
        again, test_set, 0, CPU
    )


def test_what_is_no_classifier_is_refused(tmp_path):
    model = build(Architecture("ae", 2, (4,), "silu"), generator(0, "initialisation"))
    weights.save(tmp_path / "model", model, {})
    for path in (tmp_path / "model", tmp_path / "missing"):
        with pytest.raises(UserError, match=path.name):
            classifier.load(path, CPU)


def test_frechet_distance_and_conditional_accuracy_rank_images(trained_classifier, test_set):
    """Real images in the place of the decoder's, sorted by digit, then shuffled, then noisy."""
    order = [torch.nonzero(test_set.labels == digit)[:, 0][:200] for digit in range(10)]
    index = torch.stack(order, 1).flatten()
    real = test_set.pixels[index] / 255
    noise = torch.rand(real.shape, generator=generator(0, "noise"))

    def found(images):
        class Model:
            architecture = Architecture("cvae", 2, (4,), "silu")
            conditional = True
            prior = NormalPrior()

            def images(self, z, digits):
                return images

        settings = replace(SETTINGS.evaluate, generated_images=len(images), chunk=len(images))
        with torch.no_grad():
            return sample_quality(Model(), trained_classifier, settings, 0, CPU)

    good, shuffled, bad = found(real), found(real.roll(1, 0)), found(0.5 * real + 0.5 * noise)
    assert good["conditional_accuracy"] > 98
    assert shuffled["conditional_accuracy"] < 2
    assert shuffled["frechet_distance"] == pytest.approx(good["frechet_distance"])
    assert bad["frechet_distance"] > 10 * good["frechet_distance"]


def test_generated_images_are_of_the_digits_in_turn():
    model = build(Architecture("cvae", 2, (4,), "silu"), generator(0, "initialisation"))
    images, digits = generated(model, 25, 7, generator(0, "generation"), CPU)
    assert images.shape == (25, 784)
    assert images.min() >= 0
    assert images.max() <= 1
    assert digits.tolist() == [*range(10), *range(10), *range(5)]


def test_runs_of_other_seeds_are_given_other_draws_of_the_prior(trained_classifier):
    model = build(Architecture("vae", 2, (4,), "silu"), generator(0, "initialisation"))
    settings = replace(SETTINGS.evaluate, generated_images=200)
    with torch.no_grad():
        found = [sample_quality(model, trained_classifier, settings, s, CPU) for s in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


# The latent space


def test_codes_that_hold_the_digit_are_classified():
    labels = torch.arange(600) % 10
    noise = exact.rand(600, 2, seed=3).float()
    ring = torch.stack([torch.cos(labels * 0.628), torch.sin(labels * 0.628)], 1)
    apart = latents.code_accuracy((ring + 0.05 * noise, labels), (ring - 0.05 * noise, labels))
    assert apart["knn_accuracy"] > 99
    assert apart["probe_accuracy"] > 99
    chance = latents.code_accuracy((noise, labels), (noise.roll(1, 0), labels))
    assert chance["knn_accuracy"] < 25
    assert chance["probe_accuracy"] < 25
    rings = torch.where(labels[:, None] % 2 == 0, 1.0, 3.0) * noise / noise.norm(dim=1)[:, None]
    curved = latents.code_accuracy((rings, labels % 2), (rings.flip(0), labels.flip(0) % 2))
    assert curved["knn_accuracy"] > 99
    assert curved["probe_accuracy"] < 65


def test_codes_of_one_class_are_refused():
    """As the first of images that are sorted by class."""
    codes = torch.randn(20, 3, generator=generator(0, "codes"))
    with pytest.raises(UserError, match=r"first 20 training images are of one class"):
        latents.code_accuracy((codes, torch.zeros(20)), (codes, torch.arange(20) % 2))


def test_distance_to_the_prior_is_zero_for_draws_of_it():
    z = exact.rand(4000, 3)
    near, far, wide = (
        latents.distance_to_prior(codes, generator(0, "test")) for codes in (z, z + 1, 3 * z)
    )
    assert near["prior_moments"] < 0.01
    assert far["prior_moments"] == pytest.approx(3, rel=0.1)
    assert wide["prior_moments"] == pytest.approx(3 * (3 - 1) ** 2, rel=0.1)
    assert abs(near["prior_mmd"]) < 4 * near["prior_mmd_sem"]
    assert far["prior_mmd"] > 10 * far["prior_mmd_sem"]


# Test images among the training images


def test_duplicates_are_counted(training_set, test_set):
    pixels = torch.from_numpy(np.arange(40, dtype=np.uint8).reshape(10, 4))
    images = Images(pixels, torch.zeros(10))
    assert duplicates(images, images.first(3)) == 3
    assert duplicates(images, Images(pixels + 1, images.labels)) == 0
    assert duplicates(test_set, training_set) == 0
