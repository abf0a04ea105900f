"""The model registry: a version for all new weights, and the champion among them.

The champion is the version with the lowest loss on the validation images after its last epoch. The
test set has no part in any choice. A GAN has no such loss, and so no champion.
"""

import hashlib
import math
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from safetensors import safe_open

from vaepipe.data.manifest import OWN
from vaepipe.models import weights
from vaepipe.models.names import split, title
from vaepipe.results import Results, Run
from vaepipe.tracking import notes
from vaepipe.tracking.content import history_rows
from vaepipe.tracking.models import models_of
from vaepipe.tracking.names import DIGITS, data_digest, minimises_squared_error
from vaepipe.tracking.store import Store


def register(store: Store, run: Run, run_id: str, results: Results) -> str:
    """Make a version of the run's model unless one has its weights, and compare it once.

    Alias `champion` is the best of all latent sizes, `champion-z20` the best of that size. A
    version is compared once, so that an alias which people moved by hand stays where it is.

    Returns:
        The name of the registered model.
    """
    path, client = results.model(run), store.client
    metadata = weights.read_metadata(path)
    name, sha = registered_name(metadata), weights_digest(path)
    found = client.search_model_versions(f"name = '{name}' and tags.weights_digest = '{sha}'")
    if any(version.tags.get("compared") for version in found):
        return name
    if found:
        version = found[0]
    else:
        _registered(client, name, metadata)
        [model] = models_of(store, run_id)
        tags = {
            "weights_digest": sha,
            "validation_loss": repr(validation_loss(results.history(run))),
            "latent_dim": str(run.latent_dim),
            "seed": str(run.seed),
            "data_digest": data_digest(metadata["data"]),
        }
        version = client.create_model_version(
            name,
            f"models:/{model.model_id}",
            run_id,
            tags=tags,
            description=notes.of_version(run, metadata, validation_loss(results.history(run))),
            model_id=model.model_id,
        )
    for alias in ("champion", f"champion-z{run.latent_dim}"):
        champion = _holder(client, name, alias)
        if _loss(version) < (math.inf if champion is None else _loss(champion)):
            client.set_registered_model_alias(name, alias, version.version)
    client.set_model_version_tag(name, version.version, "compared", "true")
    return name


def validation_loss(history: Path) -> float:
    """The loss on the validation images after the last epoch; infinite where none was measured."""
    return history_rows(history)[-1].get("validation_loss", math.inf)


def registered_name(metadata: dict[str, Any]) -> str:
    """`vaepipe-vae`; with the data set, and what else makes validation losses of another kind: grey
    pixels, another likelihood, the squared error, several importance samples."""
    data, pixels = metadata["data"]["data_set"], metadata["train"]["binarize"]
    parts = ["vaepipe", metadata["run"]["model"]]
    parts += [data] * (data != "mnist")
    # One user's images are not another's, though both are in a folder.
    parts += [data_digest(metadata["data"])[:8]] * (data in OWN)
    parts += ["squared"] * minimises_squared_error(metadata)
    kind, train = split(metadata["run"]["model"])[0], metadata["train"]
    if kind in ("vae", "cvae") and (k := train.get("importance_samples", 1)) > 1:
        parts.append(f"k{k}")
    if (likelihood := metadata["train"].get("likelihood", "bernoulli")) != "bernoulli":
        return "-".join([*parts, likelihood])
    parts += ["grey"] * (pixels == "none")
    return "-".join(parts)


def weights_digest(path: Path) -> str:
    """A digest over the tensors alone: the settings beside them may differ."""
    whole = hashlib.sha256()
    with safe_open(path, framework="numpy") as file:
        for name in sorted(file.keys()):
            tensor = file.get_tensor(name)
            whole.update(f"{name} {tensor.dtype} {tensor.shape}".encode() + tensor.tobytes())
    return whole.hexdigest()[:DIGITS]


def _registered(client: MlflowClient, name: str, metadata: dict[str, Any]) -> None:
    model, data = title(metadata["run"]["model"]), metadata["data"]["data_set"]
    champion = (
        "`champion` has the lowest validation loss of all, `champion-z20` of those with 20 latents."
    )
    if split(metadata["run"]["model"])[0] == "gan":
        champion = "No version is the champion: no loss of a GAN says how good its images are."
    description = f"{model} trained on {data} by vaepipe. {champion}"
    try:
        client.create_registered_model(name, description=description)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _holder(client: MlflowClient, name: str, alias: str) -> Any | None:
    try:
        return client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        return None


def _loss(version: Any) -> float:
    # A version that someone registered by hand has no such tag, and is no match.
    return float(version.tags.get("validation_loss", "inf"))
