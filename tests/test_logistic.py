"""The discretised logistic likelihood of 8-bit pixels, against exact answers."""

import math

import pytest
import torch

from vaepipe.core.errors import UserError
from vaepipe.core.rng import generator
from vaepipe.evaluation.likelihood import likelihood_metrics
from vaepipe.models import Architecture, build, weights
from vaepipe.models.objectives import discretised_logistic_log_likelihood as log_likelihood
from vaepipe.params import Evaluate

LEVELS = torch.arange(256, dtype=torch.float32) / 255


@pytest.mark.parametrize("scale", [1e-3, 0.004, 0.1, 1.0, 100.0])
@pytest.mark.parametrize("mean", [0.0, 0.013, 0.5, 1.0])
def test_the_probabilities_of_256_levels_add_up_to_1(mean, scale):
    log_p = log_likelihood(torch.tensor([mean]), torch.tensor([math.log(scale)]), LEVELS[:, None])
    assert log_p.exp().sum().item() == pytest.approx(1, abs=2e-5)


@pytest.mark.parametrize("scale", [0.05, 0.1, 0.7])
def test_a_level_has_the_probability_of_its_bin(scale):
    """The difference of two values of the cumulative function, in float64."""
    mean = 0.3
    ends = torch.arange(257, dtype=torch.float64)
    s = ((ends - 0.5) / 255 - mean).div(scale).sigmoid()
    s[0], s[-1] = 0, 1
    log_p = log_likelihood(torch.tensor([mean]), torch.tensor([math.log(scale)]), LEVELS[:, None])
    assert torch.allclose(log_p, s.diff().log().float(), atol=2e-4)


def test_far_from_the_mean_nothing_is_lost():
    """There the cumulative function is exp, so the logarithm falls by 1 with each scale."""
    scale = 0.01
    x = torch.tensor([[200 / 255], [201 / 255]])
    near, far = log_likelihood(torch.tensor([0.0]), torch.tensor([math.log(scale)]), x)
    assert (near - far).item() == pytest.approx(1 / 255 / scale, rel=1e-3)
    assert torch.isfinite(far)


def test_pixels_are_summed_and_gradients_are_finite():
    mean, log_scale = torch.rand(4, 6, requires_grad=True), torch.full((6,), -7.0)
    log_scale.requires_grad_()
    x = torch.tensor([0, 1, 127, 200, 254, 255]).expand(4, 6) / 255
    whole = log_likelihood(mean, log_scale, x)
    parts = [log_likelihood(mean[:, [k]], log_scale[[k]], x[:, [k]]) for k in range(6)]
    assert torch.allclose(whole, torch.stack(parts).sum(0), rtol=1e-5)
    for gradient in torch.autograd.grad(whole.sum(), [mean, log_scale]):
        assert gradient.isfinite().all()


def model(name: str = "vae"):
    shape = Architecture(
        name, 2, (4,), "tanh", pixels=12, classes=3, image=(3, 2, 2), likelihood="logistic"
    )
    return build(shape, generator(0, "initialisation"))


@pytest.mark.parametrize("name", ["vae", "cvae"])
def test_bits_per_dimension_of_a_model_that_ignores_its_code(name):
    """With q(z|x) = p(z) and a decoder without weights the bound is log p(x) itself."""
    one = model(name)
    for parameter in (*one.encoder.parameters(), *one.decoder.parameters()):
        parameter.data.zero_()
    one.likelihood.log_scale.data.fill_(math.log(0.2))
    x = LEVELS[torch.tensor([[0, 255] * 6, [128] * 12])]
    settings = Evaluate(3, 100, 100, 100, 0, "all", "cpu", 1)
    with torch.no_grad():
        found = likelihood_metrics(one, x, torch.tensor([0, 1]), settings, generator(0, "z"))
    expected = -log_likelihood(torch.full((12,), 0.5), torch.full((12,), math.log(0.2)), x)
    assert torch.allclose(found["nll"].float(), expected, rtol=1e-5)
    assert found["rate"].abs().max() < 1e-5
    assert torch.allclose(found["bits_per_dim"].float(), expected / 12 / math.log(2), rtol=1e-5)


def test_the_scale_is_learned_saved_and_loaded(tmp_path):
    one = model()
    terms = one.terms(torch.rand(5, 12), torch.zeros(5, dtype=torch.int64), torch.zeros(5, 1, 2))
    gradient = torch.autograd.grad(terms["distortion"].sum(), one.likelihood.log_scale)[0]
    assert (gradient != 0).all()
    one.likelihood.log_scale.data.fill_(-1.5)
    weights.save(tmp_path / "m", one, {"run": {}})
    again, metadata = weights.load(tmp_path / "m")
    assert again.likelihood.log_scale.eq(-1.5).all()
    assert metadata["architecture"]["likelihood"] == "logistic"
    assert again.architecture == one.architecture


def test_binarised_pixels_have_no_logistic_likelihood():
    from dataclasses import replace

    from conftest import ROOT
    from vaepipe import params
    from vaepipe.core.files import read_yaml
    from vaepipe.data.manifest import MNIST
    from vaepipe.results import Run
    from vaepipe.training.state import _untrained

    settings = replace(params.check(read_yaml(ROOT / "params.yaml")).train, likelihood="logistic")
    pixels = torch.zeros(4, 784, dtype=torch.uint8)
    with pytest.raises(UserError, match=r"train.binarize none"):
        _untrained(Run("ae", 2, 0), settings, pixels, MNIST)
    made = _untrained(Run("ae", 2, 0), replace(settings, binarize="none"), pixels, MNIST)
    assert made.architecture.likelihood == "logistic"
