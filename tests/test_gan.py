"""The GAN: whose gradient goes where, its penalty, and that it learns what images look like."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from test_training import DEVICE, SETTINGS, images, trained  # noqa: F401
from vaepipe.core.rng import generator, normal
from vaepipe.data.dataset import grey
from vaepipe.evaluation.tables import curves_table
from vaepipe.models import Architecture, build
from vaepipe.results import Run
from vaepipe.tracking.pyfunc import Served
from vaepipe.training import job, state, step

N = 6


@pytest.fixture(params=["mlp", "conv"])
def gan(request):
    """In float64, where nothing but a wrong formula makes a difference."""
    a = Architecture("gan", 3, (16, 8), "silu", request.param, (2, 4))
    made = build(a, generator(0, "initialisation")).double()
    made.mean_image.copy_(torch.linspace(0, 1, 784))
    return made


@pytest.fixture
def batch():
    rng = generator(0, "test")
    return torch.rand(N, 784, generator=rng).double(), normal((N, 1, 3), rng).double()


def test_each_loss_is_the_cross_entropy_of_its_own_network_and_moves_it_alone(gan, batch):
    """Against the losses written as PyTorch's cross-entropy, one network after the other."""
    x, noise = batch
    terms = gan.terms(x, torch.zeros(N), noise)
    made = gan.decoder(noise[:, 0]).sigmoid()
    real, generated = (gan.discriminator(2 * (i - gan.mean_image))[:, 0] for i in (x, made))

    def cross_entropy(logits, target):
        target = torch.full_like(logits, target)
        return binary_cross_entropy_with_logits(logits, target, reduction="none")

    expected = {
        "discriminator": cross_entropy(real, 1.0) + cross_entropy(generated, 0.0),
        "generator": cross_entropy(generated, 1.0),
    }
    networks = {"discriminator": gan.discriminator, "generator": gan.decoder}
    whole = sum(terms[name].sum() for name in expected)
    for name, network in networks.items():
        assert torch.allclose(terms[name], expected[name])
        own = [*network.parameters()]
        gradients = torch.autograd.grad(expected[name].sum(), own, retain_graph=True)
        found = torch.autograd.grad(whole, own, retain_graph=True)
        for one, other in zip(found, gradients, strict=True):
            assert torch.allclose(one, other)


def test_the_penalty_is_half_the_squared_gradient_at_real_images(gan, batch):
    x, noise = batch
    penalty = gan.terms(x, torch.zeros(N), noise)["penalty"]
    step = 1e-6 * one_hot(torch.arange(784), 784)
    for image, value in zip(x, penalty, strict=True):
        slope = (gan.discriminate(image + step) - gan.discriminate(image - step)) / 2e-6
        assert value.item() == pytest.approx(0.5 * slope.square().sum().item(), rel=1e-5)
    parameters = [*gan.parameters()]
    moved = torch.autograd.grad(penalty.sum(), parameters, allow_unused=True)
    names = [name for name, _ in gan.named_parameters()]
    assert {n.split(".")[0] for n, g in zip(names, moved, strict=True) if g is not None} == {
        "discriminator"
    }


def test_the_penalty_alone_has_the_weight_of_the_penalty():
    settings, term = replace(SETTINGS, gan_penalty=3.0), torch.ones(4)
    for name, weight in {"penalty": 3.0, "discriminator": 1.0, "generator": 1.0}.items():
        assert step.loss_weights(name, term, 0.5, settings).tolist() == [weight / 4] * 4


def test_it_is_given_grey_images_whatever_the_others_are_given(images):  # noqa: F811
    few = images[0].first(N)
    gan = build(Architecture("gan", 3, (4,), "silu"), generator(0, "initialisation"))
    rngs = {name: generator(0, name) for name in ("binarisation", "latent")}
    assert SETTINGS.binarize == "dynamic"
    assert torch.equal(step.minibatch(few, rngs, SETTINGS, gan)[0], grey(few.pixels))


def test_it_learns_what_images_look_like(images, tmp_path):  # noqa: F811
    """By the energy distance of Szekely and Rizzo 2004, which is 0 for images of the same kind."""
    real = grey(images[1].pixels)
    z = normal((500, 3), generator(0, "test"))

    def energy_distance(epochs):
        settings = replace(SETTINGS, epochs=epochs, learning_rate=0.01)
        model, history = trained(Run("gan", 3, 0), images, tmp_path / str(epochs), settings)
        made = model.eval().decode(z, torch.zeros(500)).sigmoid().detach()
        within = sum(torch.pdist(part).mean() for part in (made, real))
        return 2 * torch.cdist(made, real).mean() - within, history

    (far, _), (near, history) = energy_distance(1), energy_distance(10)
    assert near < 0.5 * far
    terms = ("discriminator", "generator", "penalty")
    named = {f"{part}_{term}" for part in ("train", "validation") for term in terms}
    assert history[-1].keys() == {"epoch", "learning_rate", *named}


def test_it_has_a_rate_and_a_batch_of_its_own_and_a_name_may_hold_another_rate():
    settings = replace(SETTINGS, learning_rate=0.006, gan_learning_rate=0.004, beta=1.0)
    settings = replace(settings, batch_size=200, gan_batch_size=80)
    rates = {"vae": 0.006, "vae-beta2": 0.006, "ae-lr0.02": 0.02, "gan": 0.004, "gan-lr0.1": 0.1}
    for name, rate in rates.items():
        own = job.own_settings(name, settings)
        assert own.learning_rate == rate
        assert own.batch_size == (80 if name.startswith("gan") else 200)
        assert own.beta == (2.0 if name == "vae-beta2" else 1.0)


@pytest.mark.parametrize(("name", "betas"), [("vae", (0.8, 0.95)), ("gan", (0.5, 0.99))])
def test_its_averages_in_adam_are_its_own(name, betas, images):  # noqa: F811
    settings = replace(SETTINGS, adam_beta1=0.8, adam_beta2=0.95)
    [run] = state.start([Run(name, 3, 0)], settings, images[0].pixels, DEVICE)
    assert run.adam.betas == betas


def test_its_two_losses_are_not_mistaken_for_the_loss_of_others():
    gan = pd.DataFrame({"epoch": [1], "train_generator": [0.7], "validation_generator": [0.8]})
    vae = pd.DataFrame({"epoch": [1], "train_loss": [200.0], "validation_loss": [210.0]})
    table = curves_table({Run("gan", 3, 0): gan, Run("vae", 3, 0): vae}).set_index("runs")
    assert table.loc["gan-z3", ["train_loss", "validation_loss"]].isna().all()
    assert table.loc["vae-z3", "validation_loss"] == 210.0


def test_served_it_samples_and_does_not_reconstruct():
    served = Served(build(Architecture("gan", 3, (4,), "silu"), generator(0, "initialisation")))
    given = {"image": np.zeros((5, 784), np.float32)}
    assert served.predict(given).shape == (5, 784)
    assert (served.predict(given) == served.predict(given, {"task": "sample", "seed": 0})).all()
    with pytest.raises(ValueError, match="a GAN has no codes"):
        served.predict(given, {"task": "reconstruct"})
