"""Training: its loss, that it gives the same bits, and that it goes on where it stopped."""

import math
import os
from dataclasses import replace

import pytest
import torch

from conftest import ROOT
from vaepipe import params
from vaepipe.core.device import prepare
from vaepipe.core.errors import UserError
from vaepipe.core.files import read_yaml
from vaepipe.core.rng import generator
from vaepipe.data.dataset import Images, as_input, binarized, training_images
from vaepipe.models import MODELS, Architecture, build
from vaepipe.models.objectives import bernoulli_log_likelihood
from vaepipe.results import Run, name_of
from vaepipe.training import adam, checkpoint, loop, schedule, state, step

# On a machine with a GPU, VAEPIPE_TEST_DEVICE=cuda runs these tests on it.
DEVICE = torch.device(os.environ.get("VAEPIPE_TEST_DEVICE", "cpu"))
SETTINGS = replace(
    params.check(read_yaml(ROOT / "params.yaml")).train,
    hidden=(32,),
    epochs=2,
    batch_size=100,
    device=DEVICE.type,
)
CONV = {"network": "conv", "channels": (4, 8)}


@pytest.fixture(scope="module")
def images(mnist_folder) -> tuple[Images, Images]:
    """2,000 training and 500 validation images."""
    first, last = training_images(mnist_folder, SETTINGS.validation)
    return Images(*(t[:2000] for t in first)), Images(*(t[:500] for t in last))


@pytest.fixture(autouse=True)
def prepared():
    """PyTorch as a stage sets it: one thread, and the same bits every time."""
    prepare(DEVICE.type, 1)
    yield
    torch.set_deterministic_debug_mode("default")


def trained_at_once(runs, images, folder, settings=SETTINGS, on_epoch=lambda rows: None):
    saved = checkpoint.Checkpoint(folder / f"{name_of(runs)}.safetensors", f"{runs} {settings}")
    return loop.train(runs, settings, *images, DEVICE, saved, on_epoch)


def trained(run, images, folder, settings=SETTINGS, on_epoch=lambda row: None):
    return trained_at_once([run], images, folder, settings, lambda rows: on_epoch(rows[0]))[0]


class Killed(Exception):
    """Ends a training between two epochs."""


def kill(rows):
    raise Killed


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_the_split_is_the_last_ten_thousand(mnist_folder):
    first, last = training_images(mnist_folder, SETTINGS.validation)
    assert (len(first.labels), len(last.labels)) == (50_000, 10_000)
    # The first label of the training file and the last, which everybody can look up.
    assert (first.labels[0], last.labels[-1]) == (5, 8)


def test_binarized_pixels_have_the_pixels_mean():
    pixels = torch.tensor([0, 1, 128, 254, 255], dtype=torch.uint8).repeat(200_000, 1)
    drawn = binarized(pixels, generator(0, "test"))
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    expected = torch.tensor([0, 1, 128, 254, 255]) / 255
    error = (expected * (1 - expected) / len(pixels)).sqrt()
    assert ((drawn.mean(0) - expected).abs() <= 5 * error).all()
    assert as_input(pixels[:1], "none", generator(0, "test"))[0, 2] == pytest.approx(128 / 255)


def test_every_minibatch_is_binarised_anew():
    pixels, rng = torch.full((1, 784), 128, dtype=torch.uint8), generator(0, "binarisation")
    assert not torch.equal(binarized(pixels, rng), binarized(pixels, rng))


@pytest.mark.parametrize("falls", ["linear", "cosine"])
def test_the_rate_rises_then_falls_to_nothing(falls):
    settings = replace(SETTINGS, learning_rate=0.01, warmup=0.1, schedule=falls, epochs=5)
    rates = [schedule.learning_rate(step, 20, settings) for step in range(100)]
    assert rates[:10] == pytest.approx([0.001 * (i + 1) for i in range(10)])
    assert rates[10] == pytest.approx(0.01)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[55] == pytest.approx(0.005)
    assert 0 < rates[-1] < 2e-4
    flat = replace(settings, schedule="constant", warmup=0.0)
    assert {schedule.learning_rate(step, 20, flat) for step in range(100)} == {0.01}


def test_the_rate_of_burda_and_others():
    """Section 5 of arXiv 1509.00519: 3^i passes at 0.001 * 10^(-i/7), i = 0 to 7."""
    settings = replace(SETTINGS, learning_rate=0.001, warmup=0, schedule="burda", epochs=3280)
    per_epoch = 7
    rates = [schedule.learning_rate(e * per_epoch + 6, per_epoch, settings) for e in range(3280)]
    expected = [0.001 * 10 ** (-i / 7) for i in range(8) for _ in range(3**i)]
    assert rates == pytest.approx(expected)


@pytest.mark.parametrize("name", sorted(MODELS.keys() - {"gan"}))
def test_training_lowers_the_loss_and_repeats_itself(name, images, tmp_path, capsys):
    run = Run(name, 3, 0)
    model, history = trained(run, images, tmp_path / "one")
    assert capsys.readouterr().err == ""  # on a GPU: nothing about steps that can't be recorded
    again, history_again = trained(run, images, tmp_path / "two")
    assert same(model, again)
    assert history == history_again
    assert history[-1]["validation_loss"] < history[0]["validation_loss"] < 300
    terms = [k for k in history[0] if k.startswith("train_") and k != "train_loss"]
    for row in history:
        assert row["train_loss"] == pytest.approx(sum(row[t] for t in terms), rel=1e-5)
    other, _ = trained(Run(name, 3, 1), images, tmp_path / "three")
    assert not same(model, other)


@pytest.mark.parametrize("name", MODELS)
def test_a_run_goes_on_where_it_stopped(name, images, tmp_path):
    run = Run(name, 3, 0)
    whole, history = trained(run, images, tmp_path / "whole")
    with pytest.raises(Killed):
        trained(run, images, tmp_path / "cut", on_epoch=kill)
    seen = []
    resumed, history_resumed = trained(run, images, tmp_path / "cut", on_epoch=seen.append)
    assert [row["epoch"] for row in seen] == [2]
    assert same(whole, resumed)
    assert history == history_resumed


def test_a_checkpoint_that_does_not_fit_is_set_aside(images, tmp_path, capsys, record):
    run = Run("vae", 3, 0)
    trained(run, images, tmp_path)
    settings = replace(SETTINGS, learning_rate=0.001)
    fresh, _ = trained(run, images, tmp_path / "fresh", settings)
    model, _ = trained(run, images, tmp_path, settings)
    assert "set aside" in capsys.readouterr().err
    assert list(tmp_path.glob("*.unfit"))
    assert same(fresh, model)
    (tmp_path / "vae-z3-s0.safetensors").write_bytes(b"half a file")
    trained(run, images, tmp_path, settings)
    assert "can't be read" in capsys.readouterr().err
    record("checkpoints that do not fit or can't be read", 2)


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_state(
    images, tmp_path, monkeypatch
):
    run, per_epoch = Run("vae", 3, 4), 20
    rates = {0: 0.001, 1: math.inf}
    with monkeypatch.context() as patched:
        patched.setattr(loop, "learning_rate", lambda step, *_: rates[step // per_epoch])
        with pytest.raises(loop.NotFinite) as caught:
            trained(run, images, tmp_path)
    for part in ("model vae", "3 latents", "seed 4", "epoch 2", "step 2 of 20", "learning_rate"):
        assert part in str(caught.value)

    monkeypatch.setattr(loop, "learning_rate", lambda *_: 0.001)
    seen = []
    resumed, _ = trained(run, images, tmp_path, on_epoch=seen.append)
    assert [row["epoch"] for row in seen] == [2]
    assert same(resumed, trained(run, images, tmp_path / "whole")[0])


def test_the_state_before_a_loss_that_is_not_finite_is_kept_when_no_checkpoint_was_due(
    images, tmp_path, monkeypatch
):
    """What a failed run leaves must not depend on the clock."""
    run, per_epoch, settings = Run("vae", 3, 0), 20, replace(SETTINGS, epochs=3)
    monkeypatch.setattr(checkpoint.Checkpoint, "due", lambda saved: saved.written < 0)
    with monkeypatch.context() as patched:
        rate = lambda step, *_: math.inf if step == 2 * per_epoch else 0.001  # noqa: E731
        patched.setattr(loop, "learning_rate", rate)
        with pytest.raises(loop.NotFinite, match="epoch 3"):
            trained(run, images, tmp_path, settings)
    monkeypatch.setattr(loop, "learning_rate", lambda *_: 0.001)
    seen = []
    resumed, _ = trained(run, images, tmp_path, settings, on_epoch=seen.append)
    assert [row["epoch"] for row in seen] == [3]
    assert same(resumed, trained(run, images, tmp_path / "whole", settings)[0])


def test_a_last_step_that_spoils_the_model_is_noticed(images, tmp_path, monkeypatch):
    """The losses of an epoch are those before each step: after the last, none is taken."""
    rate = lambda step, *_: math.inf if step == 39 else 0.001  # noqa: E731
    monkeypatch.setattr(loop, "learning_rate", rate)
    with pytest.raises(loop.NotFinite, match=r"validation loss .* after epoch 2"):
        trained(Run("vae", 3, 0), images, tmp_path)


def test_a_run_that_was_trained_to_its_end_is_not_trained_again(images, tmp_path):
    run, seen = Run("vae", 3, 0), []
    model, history = trained(run, images, tmp_path)
    again, history_again = trained(run, images, tmp_path, on_epoch=seen.append)
    assert not seen
    assert same(model, again)
    assert history == history_again


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        *((name, {}) for name in MODELS),
        ("cvae", {"importance_samples": 2, "kl_warmup": 0.0}),
        ("vae", CONV | {"likelihood": "autoregressive"}),
    ],
)
def test_seeds_at_once_are_the_seeds_one_by_one(name, changed, images, tmp_path):
    """To the bit."""
    runs = [Run(name, 3, seed) for seed in range(3)]
    settings = replace(SETTINGS, **changed)
    at_once = trained_at_once(runs, images, tmp_path, settings)
    for run, (model, history) in zip(runs, at_once, strict=True):
        alone, history_alone = trained(run, images, tmp_path, settings)
        assert same(model, alone)
        assert history == history_alone
    assert not same(at_once[0][0], at_once[1][0])


def test_seeds_at_once_go_on_where_they_stopped(images, tmp_path):
    runs = [Run("vae", 3, seed) for seed in range(2)]
    whole = trained_at_once(runs, images, tmp_path / "whole")
    with pytest.raises(Killed):
        trained_at_once(runs, images, tmp_path / "cut", on_epoch=kill)
    seen = []
    resumed = trained_at_once(runs, images, tmp_path / "cut", on_epoch=seen.append)
    assert [[row["epoch"] for row in rows] for rows in seen] == [[2, 2]]
    for one, other in zip(whole, resumed, strict=True):
        assert same(one[0], other[0])
        assert one[1] == other[1]


@pytest.mark.parametrize("pieces", [False, True])
def test_a_step_is_one_of_pytorchs_adam(pieces, images, tmp_path, monkeypatch):
    """In float64, where nothing but a wrong formula makes a difference."""
    run = Run("vae", 2, 0)
    if pieces:
        monkeypatch.setattr(adam, "cut_up", lambda parameters: True)
    monkeypatch.setattr(state, "build", lambda *given: build(*given).double())
    [ours], [theirs] = (state.start([run], SETTINGS, images[0].pixels, DEVICE) for _ in range(2))
    assert (len(ours.adam.steps) > len(ours.adam.parameters)) == (pieces or DEVICE.type == "cuda")
    model, betas = theirs.model, (SETTINGS.adam_beta1, SETTINGS.adam_beta2)
    optimizer = torch.optim.Adam(model.parameters(), betas=betas, eps=SETTINGS.adam_epsilon)
    rng = generator(0, "test")
    for rate in (0.01, 0.1, 0.001):
        batch = (
            torch.rand(6, 784, generator=rng).double(),
            torch.arange(6),
            torch.randn(6, 1, 2, generator=rng).double(),
        )
        batch = tuple(part.to(DEVICE) for part in batch)
        monkeypatch.setattr(step, "minibatch", lambda *_, given=batch: given)
        sums = step.train_step(ours, images[0], rate, 1.0, SETTINGS)
        terms = model.terms(*batch)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        (sum(term.sum() for term in terms.values()) / 6).backward()
        optimizer.step()
        assert torch.allclose(sums, torch.stack([t.sum() for t in terms.values()]))
    for a, b in zip(ours.model.parameters(), model.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=1e-9)


def test_a_minibatch_is_made_of_the_runs_own_numbers(images):
    few, model = images[0].first(4), build(Architecture("vae", 3, (4,), "silu"), generator(0, "a"))
    batches = []
    for seed in (0, 1, 0):
        rngs = {name: generator(seed, name) for name in ("binarisation", "latent")}
        batches.append(step.minibatch(few, rngs, SETTINGS, model))
    first, other, again = batches
    x, labels, noise = first
    assert [x.shape, labels.shape, noise.shape] == [(4, 784), (4,), (4, 1, 3)]
    assert all(torch.equal(*pair) for pair in zip(first, again, strict=True))
    assert not torch.equal(x, other[0])
    assert not torch.equal(noise, other[2])


def test_bfloat16_is_near_float32_and_is_not_it(images, tmp_path):
    run, low = Run("vae", 3, 0), replace(SETTINGS, precision="bfloat16")
    model, history = trained(run, images, tmp_path / "low", low)
    whole, history_whole = trained(run, images, tmp_path)
    assert not same(model, whole)
    assert all(p.dtype == torch.float32 for p in model.parameters())
    last, last_whole = history[-1]["validation_loss"], history_whole[-1]["validation_loss"]
    assert last == pytest.approx(last_whole, rel=0.01)


def test_autocast_leaves_the_log_likelihood_its_digits():
    """To 8 bits it would be off by a nat, which decides between importance weights."""
    rng = generator(0, "test", DEVICE)
    x = torch.randint(0, 2, (5, 784), generator=rng, device=DEVICE).float()
    logits = 3 * torch.randn(5, 784, generator=rng, device=DEVICE)
    with torch.autocast(DEVICE.type, torch.bfloat16):
        found = bernoulli_log_likelihood(logits, x)
    assert torch.equal(found, bernoulli_log_likelihood(logits, x))


@pytest.mark.needs("g++")
def test_compiled_steps_are_the_steps(images, tmp_path):
    """Up to the rounding of float32, and the same bits twice."""
    run, compiled = Run("cvae", 3, 0), replace(SETTINGS, compiler="inductor")
    model, history = trained(run, images, tmp_path / "plain")
    other, other_history = trained(run, images, tmp_path / "compiled", compiled)
    for row, other_row in zip(history, other_history, strict=True):
        assert row == pytest.approx(other_row, rel=1e-4)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert (a - b).norm() < 1e-2 * b.norm()
    again, again_history = trained(run, images, tmp_path / "again", compiled)
    assert same(other, again)
    assert other_history == again_history


def test_without_a_compiler_it_says_what_to_install(images, tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UserError, match="there is no no-such-compiler"):
        trained(Run("ae", 3, 0), images, tmp_path, replace(SETTINGS, compiler="inductor"))


def test_the_kl_weight_rises_to_beta():
    settings = replace(SETTINGS, epochs=10, beta=2.0, kl_warmup=0.5)
    found = [schedule.kl_weight(step, 20, settings) for step in range(200)]
    assert found[:100] == pytest.approx([2 * (n + 1) / 100 for n in range(100)])
    assert set(found[100:]) == {2.0}
    assert schedule.kl_weight(0, 20, replace(settings, kl_warmup=0.0)) == 2.0


def test_free_bits_keep_latents_that_are_below_from_being_pushed_down():
    rates = torch.tensor([0.1, 0.3]) + torch.linspace(-0.1, 0.1, 5)[:, None]
    bits, no_bits = (replace(SETTINGS, free_bits=value) for value in (0.2, 0.0))
    weights = step.loss_weights("rate", rates, 0.5, bits)
    assert weights.shape == rates.shape
    assert (weights[:, 0] == 0).all()
    assert torch.allclose(weights[:, 1], torch.tensor(0.5 / 5))
    free = step.loss_weights("rate", rates, 0.5, no_bits)
    assert torch.allclose(free, torch.tensor(0.5 / 5))
    distortion = step.loss_weights("distortion", rates[:, 0], 0.5, bits)
    assert torch.allclose(distortion, torch.tensor(1 / 5))


def test_a_large_kl_weight_collapses_the_posterior_and_zero_does_not(images, tmp_path):
    rates = {}
    for beta in (0.0, 1.0, 50.0):
        settings = replace(SETTINGS, beta=beta, learning_rate=0.003)
        row = trained(Run("vae", 2, 0), images, tmp_path, settings)[1][-1]
        rates[beta] = row["validation_rate"]
        assert row["validation_loss"] == pytest.approx(
            row["validation_distortion"] + row["validation_rate"]
        )
        of_latents = [row["validation_kl_1"], row["validation_kl_2"]]
        assert sum(of_latents) == pytest.approx(row["validation_rate"])
    assert rates[0.0] > 2 * rates[1.0] > 20 * rates[50.0]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"importance_samples": 5, "beta": 2.0}, "importance_samples"),
        ({"importance_samples": 5, "kl_warmup": 0.1}, "importance_samples"),
        ({"prior": "flow", "free_bits": 0.1}, "free_bits 0"),
        ({"likelihood": "autoregressive"}, "only train.network conv$"),
        ({"likelihood": "autoregressive", "binarize": "none"}, "network conv, train.binarize dyn"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(images, tmp_path, changed, said):
    with pytest.raises(UserError, match=said):
        trained(Run("vae", 2, 0), images, tmp_path, replace(SETTINGS, **changed))


def test_a_flow_needs_two_latents(images, tmp_path):
    with pytest.raises(UserError, match="at least 2 latents"):
        trained(Run("vae", 1, 0), images, tmp_path, replace(SETTINGS, prior="flow"))


@pytest.mark.parametrize(
    "changed", [CONV, {"prior": "flow"}, CONV | {"likelihood": "autoregressive"}]
)
def test_networks_and_priors_learn_and_resume(images, tmp_path, changed):
    run, settings = Run("cvae", 2, 0), replace(SETTINGS, **changed)
    whole, history = trained(run, images, tmp_path / "whole", settings)
    assert history[-1]["validation_loss"] < history[0]["validation_loss"]
    with pytest.raises(Killed):
        trained(run, images, tmp_path / "parts", settings, on_epoch=kill)
    seen = []
    resumed, again = trained(run, images, tmp_path / "parts", settings, on_epoch=seen.append)
    assert [row["epoch"] for row in seen] == [2]
    assert again == history
    assert same(whole, resumed)
