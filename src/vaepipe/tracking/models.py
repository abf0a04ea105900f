"""Trained models as MLflow's logged models: weights, code, signature, example, requirements."""

import shutil
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow.pyfunc
import numpy as np
import torch
from mlflow.entities import LoggedModelOutput
from mlflow.models import Model, ModelSignature
from mlflow.types import ParamSchema, ParamSpec, Schema, TensorSpec
from torch import nn

import vaepipe
from vaepipe.models import weights
from vaepipe.results import Run
from vaepipe.tracking.store import Store

# What vaepipe.tracking.pyfunc needs to run, kept with each model.
CODE = (
    "__init__.py",
    "core/__init__.py",
    "core/errors.py",
    "core/files.py",
    "core/rng.py",
    "models",
    "tracking/__init__.py",
    "tracking/pyfunc.py",
)
REQUIREMENTS = ("mlflow", "numpy", "safetensors", "torch")


def requirements() -> list[str]:
    """The packages that a model needs, at the versions installed here."""
    # `+cpu` and the like name a build that the package index does not have.
    return [f"{name}=={version(name).partition('+')[0]}" for name in REQUIREMENTS]


def signature(model: nn.Module) -> ModelSignature:
    """Images, and labels for a conditional model, to images."""
    images = (-1, model.architecture.pixels)
    inputs = [TensorSpec(np.dtype("float32"), images, "image")]
    if model.conditional:
        inputs.append(TensorSpec(np.dtype("int64"), (-1,), "label"))
    task = "sample" if model.adversarial else "reconstruct"
    params = [ParamSpec("task", "string", task), ParamSpec("seed", "long", 0)]
    outputs = [TensorSpec(np.dtype("float32"), images)]
    return ModelSignature(Schema(inputs), Schema(outputs), ParamSchema(params))


@torch.no_grad()
def input_example(model: nn.Module) -> dict[str, np.ndarray]:
    """Two images that the model itself decodes from z = 0, of the digits 0 and 1 if it is asked."""
    labels = torch.arange(2)
    z = torch.zeros(2, model.architecture.latent_dim)
    example = {"image": model.images(z, labels).numpy()}
    return example | ({"label": labels.numpy()} if model.conditional else {})


def logged_model(store: Store, run_id: str, path: Path, tags: dict[str, str]) -> str:
    """Log the weights at `path` as the model of a run, and give the model's id.

    A model that is there whole is left alone, one that was cut short is deleted.
    """
    for found in models_of(store, run_id):
        if found.status == "READY":
            return found.model_id
        store.client.delete_logged_model(found.model_id)

    model, metadata = weights.load(path)
    made = store.client.create_logged_model(
        store.experiment_id,
        # MLflow allows no full stop in it, as in vae-beta0.25.
        name=Run(**metadata["run"]).name.replace(".", "_"),
        source_run_id=run_id,
        tags=tags,
    )
    store.client.log_outputs(run_id, [LoggedModelOutput(made.model_id, step=0)])
    with TemporaryDirectory() as folder:
        saved, code = Path(folder, "model"), Path(folder, "vaepipe")
        copy_code(code)
        mlflow.pyfunc.save_model(
            saved,
            loader_module="vaepipe.tracking.pyfunc",
            data_path=path,
            code_paths=[code],
            signature=signature(model),
            input_example=input_example(model),
            pip_requirements=requirements(),
            mlflow_model=Model(
                artifact_path=made.artifact_location,
                run_id=run_id,
                model_id=made.model_id,
                model_uuid=made.model_id,
            ),
        )
        store.client.log_model_artifacts(made.model_id, str(saved))
    store.client.finalize_logged_model(made.model_id, "READY")
    return made.model_id


def models_of(store: Store, run_id: str) -> list:
    """The logged models of a run."""
    return store.client.search_logged_models(
        [store.experiment_id], f"source_run_id = '{run_id}'", max_results=100
    )


def copy_code(folder: Path) -> None:
    """Copy the modules of `CODE` to a folder, as a package `vaepipe`."""
    package = Path(vaepipe.__file__).parent
    for name in CODE:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (package / name).is_dir():
            shutil.copytree(package / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(package / name, target)
