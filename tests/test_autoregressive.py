"""The likelihood whose pixels depend on those before them, against exact answers."""

import itertools
import math

import pytest
import torch
from torch import nn

from vaepipe.core.rng import generator
from vaepipe.evaluation.likelihood import likelihood_metrics, reconstruction_metrics
from vaepipe.models import Architecture, build
from vaepipe.models.conv import Upsampling
from vaepipe.models.likelihood import REACH
from vaepipe.params import Evaluate

ALL = torch.tensor([*itertools.product([0.0, 1.0], repeat=8)])  # all images of 4 x 2 pixels


def model(name: str = "vae", image=(1, 4, 2), spread: float = 0.7):
    """A model whose weights are all drawn with the same spread."""
    shape = Architecture(
        name, 2, (4,), "tanh", "conv", (2,), pixels=math.prod(image), classes=3, image=image,
        likelihood="autoregressive",
    )  # fmt: skip
    one = build(shape, generator(0, "initialisation"))
    rng = generator(0, "test")
    for parameter in one.parameters():
        parameter.data.normal_(0, spread, generator=rng)
    return one


def log_p(one: nn.Module, z: torch.Tensor) -> torch.Tensor:
    """log p(x|z) of every image, for one code `[1, latent_dim]`."""
    features = one.decode(z, torch.zeros(1, dtype=torch.int64))
    return one.likelihood.log_density(features.expand(len(ALL), -1), ALL)


@pytest.mark.parametrize("name", ["ae", "vae", "cvae"])
@torch.no_grad()
def test_the_probabilities_of_all_images_add_up_to_1(name):
    p = log_p(model(name), torch.tensor([[0.3, -1.2]])).exp()
    assert p.sum().item() == pytest.approx(1, abs=1e-5)
    assert p.max() < 0.9


@torch.no_grad()
def test_images_are_drawn_with_their_probabilities():
    one, z, n = model(), torch.tensor([[0.3, -1.2]]), 100_000
    p = log_p(one, z).exp()
    drawn = one.images(z.expand(n, -1), torch.zeros(n, dtype=torch.int64))
    assert torch.equal(drawn, one.images(z.expand(n, -1), torch.zeros(n, dtype=torch.int64)))
    which = (drawn @ 2.0 ** torch.arange(7, -1, -1)).long()
    found = torch.bincount(which, minlength=len(ALL)) / n
    chi_squared = (n * (found - p).square() / p).sum().item()
    # Of 255 degrees of freedom: mean 255, standard deviation 22.6.
    assert chi_squared < 255 + 4 * 22.6


@torch.no_grad()
def test_a_pixel_depends_on_near_pixels_before_it_alone():
    """The logit of the middle pixel, when each other pixel of the image is turned in turn."""
    one, side = model(image=(1, 12, 12)), 12
    row, column = 6, 6
    x = torch.rand(side * side, generator=generator(0, "x")).round()
    turned = torch.where(torch.eye(side * side).bool(), 1 - x, x)
    features = one.decode(torch.zeros(1, 2), None)
    logits = one.likelihood.logits(features, torch.cat([x[None], turned]))
    changed = (logits[1:] != logits[0])[:, row * side + column].view(side, side)
    before = [
        (r, c)
        for r in range(row - REACH, row + 1)
        for c in range(column - REACH, column + REACH + 1)
        if (r, c) < (row, column)
    ]
    assert [tuple(place) for place in changed.nonzero().tolist()] == before


@torch.no_grad()
def test_upsampling_is_a_transposed_convolution():
    one = Upsampling(3, 5, generator(0, "test"))
    parts = one.convolution.weight.view(2, 2, 5, 3, 2, 2)
    whole = nn.ConvTranspose2d(3, 5, 4, 2, 1, bias=False)
    for r, c, i, j in itertools.product(range(2), repeat=4):
        whole.weight[:, :, r + 2 - 2 * i, c + 2 - 2 * j] = parts[r, c, :, :, i, j].T
    maps = torch.randn(2, 3, 4, 6)
    expected = whole(maps).permute(0, 2, 3, 1).flatten(1, 2)
    assert torch.allclose(one(maps), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["vae", "cvae"])
@torch.no_grad()
def test_the_bound_of_a_model_that_ignores_its_code_is_exact(name):
    """With q(z|x) = p(z) and a decoder without weights the bound is log p(x) itself."""
    one = model(name)
    for parameter in (*one.encoder.parameters(), *one.decoder.parameters()):
        parameter.zero_()
    settings = Evaluate(3, 60, 100, 100, 0, "all", "cpu", 1)
    found = likelihood_metrics(
        one, ALL, torch.zeros(len(ALL), dtype=torch.int64), settings, generator(0, "z")
    )
    assert (-found["nll"]).exp().sum().item() == pytest.approx(1, abs=1e-5)
    assert torch.allclose(-found["nll"].float(), log_p(one, torch.zeros(1, 2)), atol=1e-5)
    assert found["rate"].abs().max() < 1e-5
    labels = torch.zeros(len(ALL), dtype=torch.int64)
    assert set(reconstruction_metrics(one, ALL, labels, 60)) == {"reconstruction_cross_entropy"}
