"""What holds for every model."""

import pytest
import torch

from vaepipe.core.errors import UserError
from vaepipe.core.rng import generator, normal
from vaepipe.models import MODELS, Architecture, build, names, weights

N = 7


# Networks and priors that every model is tested with.
KINDS = {
    "mlp": {},
    "residual": {"network": "residual", "hidden": (8, 8)},
    "conv": {"network": "conv", "channels": (2, 4)},
    "one conv": {"network": "conv", "channels": (3,)},
    "flow": {"prior": "flow"},
    "autoregressive": {"network": "conv", "channels": (2, 4), "likelihood": "autoregressive"},
}


def built(name: str, latent_dim: int = 3, seed: int = 0, hidden=(16, 8), **kind):
    if name == "gan":
        kind.pop("likelihood", None)  # it has none
    architecture = Architecture(name, latent_dim, hidden, "silu", **kind)
    return build(architecture, generator(seed, "initialisation"))


@pytest.fixture(params=MODELS)
def name(request):
    return request.param


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


@pytest.fixture
def model(name, kind):
    return built(name, **kind)


@pytest.fixture(params=sorted(MODELS.keys() - {"gan"}))
def autoencoder(request, kind):
    """Every model that has codes."""
    return built(request.param, **kind)


@pytest.fixture
def batch():
    rng = generator(0, "test")
    return torch.rand(N, 784, generator=rng).round(), torch.arange(N) % 10


def test_shapes(autoencoder, batch):
    model, (x, labels) = autoencoder, batch
    codes = model.codes(x, labels)
    assert codes.shape == (N, 3)
    assert model.decode(codes, labels).shape == (N, 784 * model.architecture.outputs)
    images = model.images(codes, labels)
    assert images.shape == (N, 784)
    assert images.min() >= 0
    assert images.max() <= 1
    terms = model.terms(x, labels, normal((N, 1, 3), generator(0, "latent")))
    assert terms["distortion"].shape == (N,)
    assert model.prior.from_normal(codes).shape == (N, 3)
    assert ("rate" in terms) == model.variational
    if model.variational:
        mean, log_var = model.posterior(x, labels)
        assert mean.shape == log_var.shape == (N, 3)
        assert torch.equal(mean, codes)
        assert terms["rate"].shape == ((N, 3) if model.architecture.prior == "normal" else (N,))


def test_only_conditional_models_look_at_the_label(autoencoder, batch):
    model, (x, labels) = autoencoder, batch
    other = (labels + 1) % 10
    same_code = torch.equal(model.codes(x, labels), model.codes(x, other))
    z = model.codes(x, labels)
    same_image = torch.equal(model.decode(z, labels), model.decode(z, other))
    assert same_code == same_image == (not model.conditional)


def test_images_do_not_see_each_other(model, batch):
    x, labels = batch
    noise = normal((N, 1, 3), generator(0, "latent"))
    one = model.terms(x[:1], labels[:1], noise[:1])
    for name, term in model.terms(x, labels, noise).items():
        assert torch.allclose(one[name], term[:1], rtol=1e-5, atol=1e-5)


def test_the_networks_are_matched():
    """All models have the same hidden layers; only what goes in and out differs."""
    shapes = {name: [tuple(p.shape) for p in built(name).parameters()] for name in MODELS}
    inner = {name: sorted(s for s in of if {*s} <= {8, 16}) for name, of in shapes.items()}
    assert inner == {name: [(8,), (8,), (8, 16), (16,), (16,), (16, 8)] for name in MODELS}


def test_initial_weights_come_from_the_seed_alone(model, name, kind):
    torch.manual_seed(1)
    same, other = (built(name, seed=seed, **kind).state_dict() for seed in (0, 1))
    for weight, value in model.state_dict().items():
        assert torch.equal(value, same[weight])
        assert value.count_nonzero() == 0 or not torch.equal(value, other[weight])


def test_weights_come_back_from_disk(model, batch, tmp_path):
    z, labels = batch[0][:, :3], batch[1]
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    weights.save(first, model, {"seed": 0, "train": {"epochs": 1}})
    weights.save(second, model, {"train": {"epochs": 1}, "seed": 0})
    assert first.read_bytes() == second.read_bytes()
    again, metadata = weights.load(first)
    assert metadata["train"] == {"epochs": 1}
    assert torch.equal(again.decode(z, labels), model.decode(z, labels))


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('code ran')",)


def test_images_that_convolutions_can_not_halve_are_refused():
    with pytest.raises(UserError, match="multiples of 4, but are 28 and 30"):
        built("vae", network="conv", channels=(4, 8), pixels=28 * 30, image=(1, 28, 30))


def test_what_is_no_model_of_this_project_is_refused(tmp_path, record):
    path = tmp_path / "model.safetensors"
    weights.save(path, built("vae"), {})
    whole = path.read_bytes()
    swapped = whole.replace(b'"hidden\\": [16, 8]', b'"hidden\\": [16, 9]')
    torch.save(Bomb(), tmp_path / "pickle")
    assert swapped != whole
    for content in (b"", whole[:-100], whole[:50], swapped, (tmp_path / "pickle").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"model\.safetensors"):
            weights.load(path)
        record("model files corrupt, of another architecture, or a pickle", 1)
    path.unlink()
    with pytest.raises(UserError, match=r"model\.safetensors"):
        weights.load(path)


@pytest.mark.parametrize(
    ("name", "parts", "title"),
    [
        ("gan", ("gan", {}), "GAN"),
        ("vae-beta0.25", ("vae", {"beta": 0.25}), "VAE (β = 0.25)"),
        ("cvae-beta0", ("cvae", {"beta": 0.0}), "CVAE (β = 0)"),
        ("vae-lr0.02", ("vae", {"learning_rate": 0.02}), "VAE (lr = 0.02)"),
        ("gan-lr0.00001", ("gan", {"learning_rate": 1e-5}), "GAN (lr = 1e-05)"),
    ],
)
def test_a_name_may_hold_a_setting(name, parts, title):
    assert names.is_model(name)
    assert names.split(name) == parts
    assert names.title(name) == title


@pytest.mark.parametrize(
    "name",
    ["ae-beta1", "gan-beta1", "vae-lr0", "vae-lr0.0", "vae-lr.1", "vae-lr1e-3", "gan-lr0.10"],
)
def test_a_name_with_a_setting_that_it_cannot_hold_is_refused(name):
    assert not names.is_model(name)
