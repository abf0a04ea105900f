"""Sweeps: which settings of training are tried, and by which number one is chosen.

A trial is one choice of settings. Every model with every latent size gets the same trials with the
same seeds and epochs, so that none has a larger budget than another. Trials are compared on the
validation images; only what was chosen is measured on the test images, once, with other seeds.
"""

import hashlib
import json
import math
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from itertools import islice, product
from typing import Any

from vaepipe.core.errors import UserError
from vaepipe.models.names import split
from vaepipe.params import Train
from vaepipe.values import problems_of, retyped

KEYS = ("method", "trials", "seed", "seeds", "settings")
METHODS = ("grid", "random")
SCALES = ("linear", "log")
MOST = 100_000  # trials
# Settings of training that can't be swept, and why.
FIXED = {
    "epochs": "all trials have the same budget",
    "validation": "all trials are compared on the same images",
    "likelihood": "it changes what the validation loss means",
    "binarize": "it changes what the validation loss means",
    "reconstruction": "it changes what the validation loss means",
    "importance_samples": "it changes what the validation loss means",
    "gan_batch_size": "trials can't be of a GAN",
    "gan_learning_rate": "trials can't be of a GAN",
    "gan_penalty": "trials can't be of a GAN",
    "compiler": "it changes the rounding alone",
    "seeds_at_once": "it changes no result",
    "device": "it is where a run is trained, and not how",
    "threads": "it is where a run is trained, and not how",
}


@dataclass(frozen=True)
class Sweep:
    """The section `sweep` of a params file.

    Attributes:
        method: `grid`, every combination of the values, or `random`, draws from them.
        trials: how many each model with each latent size gets; a grid must have as many.
        seed: of the draws.
        seeds: the seeds that each trial is trained with; the matrix's are those of the test.
        settings: by the name of a setting of `train`, a list of values or, for `random`, a range:
            `low`, `high` and `scale`.
    """

    method: str
    trials: int
    seed: int
    seeds: tuple[int, ...]
    settings: dict[str, Any]


@dataclass(frozen=True)
class Trial:
    """One choice of settings: what differs from params.yaml, and all settings of training.

    Its name is a digest of what differs: a value that is added to a sweep leaves the trials that
    are trained already as they are.
    """

    changes: dict[str, Any]
    settings: Train

    @property
    def name(self) -> str:
        text = json.dumps(self.changes, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:10]


def check(
    section: Any, train: Train, test_seeds: tuple[int, ...] = (), models: tuple[str, ...] = ()
) -> Sweep:
    """The sweep that a section describes; one `UserError` names all that is wrong with it.

    A text where a number belongs is read as YAML: Snakemake's loader leaves 1e-4 a text.

    Args:
        train: the settings that the trials differ from.
        test_seeds: the matrix's seeds, which the trials must not be trained with.
        models: the matrix's models, none of them a GAN.
    """
    if not isinstance(section, Mapping) or set(section) != set(KEYS):
        raise UserError(f"sweep is {section!r:.80}, allowed is a section with {', '.join(KEYS)}")
    section = _retyped(section)
    problems = []
    if gans := [model for model in models if split(model)[0] == "gan"]:
        problems.append(f"trials can't be of {gans[0]}, which has no loss to compare them by")
    if section["method"] not in METHODS:
        problems.append(f"method is {section['method']!r}, allowed is one of {', '.join(METHODS)}")
    if not _whole(section["trials"], 1, MOST):
        problems.append(f"trials is {section['trials']!r}, allowed is a whole number to {MOST}")
    if not _whole(section["seed"], 0, 2**31):
        problems.append(f"seed is {section['seed']!r}, allowed is a whole number from 0 to {2**31}")
    seeds = section["seeds"]
    if not (isinstance(seeds, list | tuple) and seeds and all(_whole(s, 0, 2**31) for s in seeds)):
        problems.append(f"seeds is {seeds!r}, allowed is a list of whole numbers")
    elif len(set(seeds)) < len(seeds):
        problems.append(f"seeds is {seeds!r}, allowed is each seed once")
    elif both := set(seeds) & set(test_seeds):
        problems.append(f"seeds holds {min(both)}, which is among matrix.seeds, those of the test")
    if not isinstance(section["settings"], Mapping) or not section["settings"]:
        problems.append("settings is empty, allowed are settings of train")
    else:
        for name, choices in section["settings"].items():
            problems += _problems(name, choices, train, section["method"])
            problems += [
                f"settings.{name} can't be swept for {model}, whose name holds it"
                for model in models
                if name in split(model)[1]
            ]
    if problems:
        lines = "\n".join(f"  sweep.{problem}" for problem in problems)
        raise UserError(f"the sweep can't be used:\n{lines}")
    return Sweep(**{**section, "seeds": tuple(seeds), "settings": dict(section["settings"])})


def _retyped(section: Mapping[str, Any]) -> dict[str, Any]:
    kinds = {f.name: f.type for f in fields(Sweep)}
    section = {key: retyped(value, kinds[key]) for key, value in section.items()}
    if isinstance(section["settings"], Mapping):
        types = {f.name: f.type for f in fields(Train)}
        section["settings"] = {
            name: _retyped_choices(choices, types.get(name, str))
            for name, choices in section["settings"].items()
        }
    return section


def _retyped_choices(choices: Any, kind: Any) -> Any:
    if isinstance(choices, list):
        return [retyped(one, kind) for one in choices]
    if isinstance(choices, Mapping):
        return {k: retyped(v, str if k == "scale" else kind) for k, v in choices.items()}
    return choices


def _whole(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _problems(name: str, choices: Any, train: Train, method: str) -> list[str]:
    """What is wrong with the choices of one setting."""
    known = [f.name for f in fields(Train) if f.name not in FIXED]
    if name in FIXED:
        return [f"settings.{name} can't be swept: {FIXED[name]}"]
    if name not in known:
        return [f"settings.{name} is unknown, allowed is one of {', '.join(known)}"]
    if isinstance(choices, list) and choices:
        values = choices
    elif isinstance(choices, Mapping) and set(choices) == {"low", "high", "scale"}:
        if method == "grid":
            return [f"settings.{name} is a range, of which a grid can't be made; give a list"]
        values = [choices["low"], choices["high"]]
        numbers = all(type(v) in (int, float) for v in values)
        if not numbers or values[0] >= values[1] or choices["scale"] not in SCALES:
            return [f"settings.{name} is {choices!r}, allowed is low < high, scale linear or log"]
        if choices["scale"] == "log" and values[0] <= 0:
            return [f"settings.{name}.low is {values[0]!r}, allowed with scale log is more than 0"]
    else:
        return [f"settings.{name} is {choices!r:.80}, allowed is a list, or low, high and scale"]
    found = []
    for value in values:
        problems = problems_of("train", Train, asdict(train) | {name: value})
        found += [f"settings.{name}: {problem}" for problem in problems]
    return found


def trials(sweep: Sweep, train: Train) -> list[Trial]:
    """All trials, each once.

    Raises:
        UserError: a grid has another number of combinations than `trials`, or the values have fewer
            combinations than `trials`.
    """
    names = list(sweep.settings)
    if sweep.method == "grid":
        size = math.prod(len(values) for values in sweep.settings.values())
        if size != sweep.trials:
            raise UserError(f"sweep.trials is {sweep.trials}, but the grid has {size} combinations")
        combinations = product(*sweep.settings.values())
        grid = [_trial(dict(zip(names, values, strict=True)), train) for values in combinations]
        if len({trial.name for trial in grid}) < size:
            raise UserError("sweep.settings names a value twice, allowed is each once")
        return grid
    rng = random.Random(sweep.seed)
    found: dict[str, Trial] = {}
    draws = ({n: _drawn(n, c, rng) for n, c in sweep.settings.items()} for _ in iter(int, 1))
    for changes in islice(draws, 100 * sweep.trials):
        trial = _trial(changes, train)
        found.setdefault(trial.name, trial)
        if len(found) == sweep.trials:
            return list(found.values())
    raise UserError(
        f"sweep.trials is {sweep.trials}, but sweep.settings has {len(found)} combinations"
    )


def _trial(changes: dict[str, Any], train: Train) -> Trial:
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in changes.items()}
    return Trial(changes, replace(train, **values))


def _drawn(name: str, choices: Any, rng: random.Random) -> Any:
    """One value of a setting: of a list, or of a range, to four digits more than its ends share."""
    if isinstance(choices, list):
        return choices[int(rng.random() * len(choices))]
    low, high = choices["low"], choices["high"]
    share = rng.random()
    log = choices["scale"] == "log"
    value = low * (high / low) ** share if log else low + share * (high - low)
    kind = next(f.type for f in fields(Train) if f.name == name)
    if kind is int:
        return round(value)
    digits = 4 + math.floor(math.log10(high / (high - low)))
    return min(max(float(f"{value:.{digits}g}"), float(low)), float(high))


def cell_name(model: str, latent_dim: int) -> str:
    """A model with a latent size, such as `vae-z20`."""
    return f"{model}-z{latent_dim}"


def validation_value(rows: list[Mapping[str, float]], epochs: int) -> float:
    """The number by which trials are compared, in nats per image; lower is better.

    For VAE and CVAE it is the negative ELBO on the validation images after the last epoch:
    distortion plus rate, whatever `beta`, `kl_warmup` and `free_bits` the loss was trained with.
    For an AE it is its loss. Infinite where training did not come to its end.

    Args:
        rows: a history, a row per epoch.
    """
    if len(rows) < epochs:
        return math.inf
    last = rows[-1]
    if "validation_rate" in last and not math.isnan(last["validation_rate"]):
        return last["validation_distortion"] + last["validation_rate"]
    return last["validation_loss"]
