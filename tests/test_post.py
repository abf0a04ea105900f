"""The preset of the post: a plain AE on squared error."""

import math
from dataclasses import replace

import pytest
import torch

from conftest import ROOT
from vaepipe import params
from vaepipe.core.errors import UserError
from vaepipe.core.files import read_yaml
from vaepipe.data.dataset import Images, training_images
from vaepipe.models.objectives import squared_error
from vaepipe.results import Run
from vaepipe.training import checkpoint, loop


@pytest.fixture(scope="module")
def settings() -> params.Settings:
    """params.yaml with the preset laid over it."""
    whole = read_yaml(ROOT / "params.yaml")
    for section, values in read_yaml(ROOT / "params/post.yaml").items():
        whole[section] |= values
    return params.check(whole)


def train(run, settings, images, folder):
    saved = checkpoint.Checkpoint(folder / "checkpoint.safetensors", "post")
    return loop.train([run], settings, *images, torch.device("cpu"), saved)[0]


def some(folder) -> tuple[Images, Images]:
    """2,000 training and 500 validation images."""
    first, last = training_images(folder, 10_000)
    return Images(*(t[:2000] for t in first)), Images(*(t[:500] for t in last))


def test_the_epochs_come_closest_to_8000_steps(settings):
    per_epoch = math.ceil((60_000 - settings.train.validation) / settings.train.batch_size)
    missed = {epochs: abs(8000 - epochs * per_epoch) for epochs in range(1, 20)}
    assert settings.train.epochs == min(missed, key=missed.get)
    assert f"{settings.train.epochs * per_epoch:,} steps" in (ROOT / "params/post.yaml").read_text()


def test_the_network_and_the_rate_are_the_posts(settings, mnist_folder, tmp_path):
    short = replace(settings.train, epochs=1)
    model, (row,) = train(Run("ae", 3, 0), short, some(mnist_folder), tmp_path)
    widths = [layer.in_features for layer in model.encoder if isinstance(layer, torch.nn.Linear)]
    assert [*widths, model.architecture.latent_dim] == [784, 128, 64, 12, 3]
    assert isinstance(model.encoder[1], torch.nn.Tanh)
    assert row["learning_rate"] == 0.002


def test_it_minimises_the_squared_error_of_grey_pixels(settings, mnist_folder, tmp_path):
    images = some(mnist_folder)
    short = replace(settings.train, epochs=3)
    model, history = train(Run("ae", 3, 0), short, images, tmp_path)
    losses = [row["train_loss"] for row in history]
    assert losses == sorted(losses, reverse=True)
    pixels, labels = images[1]
    x = pixels.float() / 255
    with torch.no_grad():
        logits = model.decode(model.codes(x, labels), labels)
    expected = ((1 / (1 + (-logits).exp()) - x) ** 2).sum(1)
    torch.testing.assert_close(squared_error(logits, x), expected)
    assert history[-1]["validation_loss"] == pytest.approx(expected.mean().item(), rel=1e-4)
    assert history[-1]["validation_squared_error"] == history[-1]["validation_loss"]


def test_it_has_no_use_for_a_scale_of_the_pixels(settings, mnist_folder, tmp_path):
    own = replace(settings.train, likelihood="logistic", binarize="none")
    with pytest.raises(UserError, match=r"train\.reconstruction is squared_error.*bernoulli"):
        train(Run("ae", 3, 0), own, some(mnist_folder), tmp_path)


@pytest.mark.parametrize("model", ["vae", "cvae"])
def test_a_model_with_a_likelihood_refuses_it(settings, mnist_folder, tmp_path, model):
    with pytest.raises(UserError, match=rf"train.reconstruction .*{model}.*matrix.models: \[ae\]"):
        train(Run(model, 3, 0), settings.train, some(mnist_folder), tmp_path)
