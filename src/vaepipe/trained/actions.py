"""The five things that a trained model does: encode, reconstruct, sample, interpolate, score.

Every function takes a model as `vaepipe.trained.model.load` does, or one that is loaded already,
and images as files, Pillow images or uint8 arrays. What was done to an image to fit the model is
said as a warning, or collected where `notes` is given.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vaepipe.core.errors import UserError
from vaepipe.core.rng import generator
from vaepipe.data.dataset import as_input
from vaepipe.evaluation.likelihood import bound_and_terms, marginal_bound
from vaepipe.trained.images import Source, batch, pictures
from vaepipe.trained.model import Trained, load, no_grad

MOST_SAMPLES = 1_000_000
SAMPLES = 100  # latent samples per image, by which `score` estimates the NLL
CHUNK = 2000  # decoded images in memory at once

Model = Trained | str | Path
Notes = list[list[str]] | None


def _trained(run: Model, results: Path) -> Trained:
    return run if isinstance(run, Trained) else load(run, Path(results))


def _input(
    trained: Trained, images: Sequence[Source], invert: bool, seed: int, notes: Notes
) -> Tensor:
    """Images as the model was given them in training, `[n, pixels]`."""
    pixels, said = batch(images, trained.data, invert)
    if notes is not None:
        notes += said
    else:
        for number, some in enumerate(said):
            if some:
                warnings.warn(f"image {number}: {'; '.join(some)}", stacklevel=4)
    return as_input(pixels, trained.binarize, generator(seed, "own images"))


def _labels(trained: Trained, label: str | int | None, n: int, needed: bool = True) -> Tensor:
    return torch.full((n,), trained.label(label, needed))


@no_grad
def encode(
    images: Sequence[Source],
    run: Model,
    *,
    label: str | int | None = None,
    invert: bool = False,
    seed: int = 0,
    results: Path = Path("results"),
    notes: Notes = None,
) -> np.ndarray:
    """The codes of images, `[n, latent_dim]`: an AE's code, or the mean of the posterior.

    Args:
        images: files, Pillow images, or uint8 arrays `[height, width]` or `[height, width, 3]`.
        run: a model of `load`, the name of a run, a file of weights, or `models:/...`.
        label: for a conditional model, name or number of the class of all images.
        invert: the images are dark ink on light paper, and the model knows bright ink on black.
        seed: of the Bernoulli draw, where the model was trained on binarised pixels.
        results: folder of all results.
        notes: a list that is given what was done to each image, in place of warnings.

    Raises:
        UserError: an image or the model can't be taken; the text says why.
    """
    trained = _trained(run, results)
    trained.need_codes()
    x = _input(trained, images, invert, seed, notes)
    return trained.model.codes(x, _labels(trained, label, len(x))).numpy()


@no_grad
def reconstruct(
    images: Sequence[Source],
    run: Model,
    *,
    label: str | int | None = None,
    invert: bool = False,
    seed: int = 0,
    results: Path = Path("results"),
    notes: Notes = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Images as the model was given them, and after one pass through their codes.

    Both are `[n, height, width]`, of colour `[n, height, width, 3]`, with values from 0 to 1.
    Arguments and errors are those of `encode`.
    """
    trained = _trained(run, results)
    trained.need_codes()
    x = _input(trained, images, invert, seed, notes)
    labels = _labels(trained, label, len(x))
    model = trained.model
    decoded = model.images(model.codes(x, labels), labels)
    return pictures(x, trained.data), pictures(decoded, trained.data)


@no_grad
def sample(
    run: Model,
    n: int = 64,
    *,
    label: str | int | None = None,
    seed: int = 0,
    results: Path = Path("results"),
) -> np.ndarray:
    """n decoded draws from the prior, shaped and scaled as by `reconstruct`.

    Without a label a conditional model is asked for all classes in turn. An AE has no prior: its
    draws are from N(0, I), where its codes need not lie.
    """
    trained = _trained(run, results)
    if not 1 <= n <= 100_000:
        raise UserError(f"{n} images were asked for, allowed are 1 to 100,000")
    model = trained.model
    noise = torch.randn(n, model.architecture.latent_dim, generator=generator(seed, "sample"))
    labels = _labels(trained, label, n, needed=False)
    if label is None and model.conditional:
        labels = torch.arange(n) % model.architecture.classes
    return pictures(model.images(model.prior.from_normal(noise), labels), trained.data)


@no_grad
def interpolate(
    first: Source,
    last: Source,
    run: Model,
    *,
    steps: int = 10,
    label: str | int | None = None,
    invert: bool = False,
    seed: int = 0,
    results: Path = Path("results"),
    notes: Notes = None,
) -> np.ndarray:
    """Decoded images at equal steps on the line between the codes of two images.

    Shaped and scaled as by `reconstruct`; arguments and errors are those of `encode`.
    """
    trained = _trained(run, results)
    trained.need_codes()
    if not 2 <= steps <= 1000:
        raise UserError(f"{steps} steps were asked for, allowed are 2 to 1,000")
    x = _input(trained, [first, last], invert, seed, notes)
    start, end = trained.model.codes(x, _labels(trained, label, 2))
    z = torch.lerp(start, end, torch.linspace(0, 1, steps)[:, None])
    decoded = trained.model.images(z, _labels(trained, label, steps))
    return pictures(decoded, trained.data)


@no_grad
def score(
    images: Sequence[Source],
    run: Model,
    *,
    label: str | int | None = None,
    invert: bool = False,
    samples: int = SAMPLES,
    seed: int = 0,
    results: Path = Path("results"),
    notes: Notes = None,
) -> np.ndarray:
    """An upper bound on -log p(x) of each image in nats, `[n]`: the higher, the more unusual.

    The importance-weighted bound (arXiv 1509.00519) of `samples` z per image. For a conditional
    model with a label it bounds -log p(x|y), without one -log p(x). Other arguments and errors are
    those of `encode`.
    """
    if not 1 <= samples <= MOST_SAMPLES:
        raise UserError(f"{samples} samples were asked for, allowed are 1 to {MOST_SAMPLES:,}")
    trained = _trained(run, results)
    model = trained.model
    if not model.variational:
        kind = "a GAN" if model.adversarial else "an AE"
        raise UserError(f"{trained.name} is {kind}, which has no likelihood; use a VAE or CVAE")
    if trained.binarize == "none" and model.architecture.likelihood == "bernoulli":
        warnings.warn(
            f"{trained.name} was trained on grey values as if they were probabilities: its scores"
            " are no likelihoods, and only to be compared with each other",
            stacklevel=3,
        )
    x = _input(trained, images, invert, seed, notes)
    labels = _labels(trained, label, len(x), needed=False)
    rng = generator(seed, "score")
    bound = bound_and_terms(model, x, labels, samples, CHUNK, rng)[0]
    if model.conditional and label is None:
        bound = marginal_bound(model, x, labels, bound, samples, CHUNK, rng)
    return -bound.numpy()
