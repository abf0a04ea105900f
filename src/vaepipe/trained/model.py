"""A trained model from results/models, a file, or MLflow's registry."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn

from vaepipe.core.errors import UserError
from vaepipe.data.manifest import About, about
from vaepipe.models import weights
from vaepipe.results import Results


@dataclass(frozen=True)
class Trained:
    """A trained model, what its images are, and how it was given their pixels."""

    name: str
    model: nn.Module
    data: About
    binarize: str

    def need_codes(self) -> None:
        """Raise a `UserError` where the model has no codes."""
        if self.model.adversarial:
            raise UserError(
                f"{self.name} is a GAN, which has no encoder, so no codes and no reconstructions:"
                " it can sample"
            )

    def label(self, label: str | int | None, needed: bool = True) -> int:
        """The number of a class that is named by its name or number; 0 where none is asked for.

        Raises:
            UserError: no such class; or a conditional model is told none, though it is needed.
        """
        if not self.model.conditional:
            if label is not None:
                raise UserError(f"{self.name} is given no label; leave it out")
            return 0
        names = self.data.classes
        if label is None:
            if needed:
                raise UserError(
                    f"{self.name} is given a label; name one of: {', '.join(names[:20])}"
                )
            return 0
        if str(label) in names:
            return names.index(str(label))
        if str(label).isdecimal() and int(label) < len(names):
            return int(label)
        raise UserError(
            f"label {label!r} is unknown, allowed is one of {', '.join(names[:20])}, or a number"
            f" from 0 to {len(names) - 1}"
        )


def load(run: str | Path, results: Path = Path("results")) -> Trained:
    """Load a trained model.

    Args:
        run: a file of weights; the name of a run, such as `vae-z20-s0`; or the address of a model
            in MLflow's registry, such as `models:/vaepipe-vae@champion`.
        results: folder of all results, in which a run by its name and MLflow's store are.

    Raises:
        UserError: there is no such model, or its training failed.
    """
    results = Path(results)
    if str(run).startswith("models:/"):
        return _from_registry(str(run), Results(results))
    path = Path(run)
    if not path.is_file():
        folder = results / "models"
        path = folder / f"{run}.safetensors"
        if not path.is_file():
            there = sorted(one.stem for one in folder.glob("*.safetensors"))
            known = f"there are {', '.join(there)}" if there else "there are none"
            raise UserError(f"no run {str(run)!r} in {folder}: {known}")
    return _read(path, path.stem)


def _read(path: Path, name: str) -> Trained:
    model, metadata = weights.load(path)
    if failed := metadata.get("failed"):
        raise UserError(f"the training of {name} failed: {failed}")
    return Trained(name, model, _data(metadata), metadata["train"]["binarize"])


def _data(metadata: dict[str, Any]) -> About:
    try:
        return about(metadata["data"])
    except (LookupError, TypeError) as error:
        raise UserError("the weights do not say which images they were trained on") from error


def _from_registry(uri: str, results: Results) -> Trained:
    # Takes a second, which the other sources need not wait for. Our own comes first: it sets what
    # MLflow reads when it is imported.
    from vaepipe.tracking.address import LOG_AGAIN, sqlite_path, store_uri  # isort: split
    import mlflow

    from vaepipe.tracking.store import usable

    store = store_uri(results)
    if (path := sqlite_path(store)) and not path.exists():
        raise UserError(f"{uri} can't be fetched: there is no {path}; {LOG_AGAIN}")
    with TemporaryDirectory(prefix="vaepipe-") as folder:
        with usable(store, f"So {uri} can't be fetched"):
            # Not `mlflow.set_tracking_uri`, after which other results had this store, too.
            found = Path(
                mlflow.artifacts.download_artifacts(
                    uri, dst_path=folder, tracking_uri=store, registry_uri=store
                )
            )
        files = sorted(found.rglob("*.safetensors"))
        if len(files) != 1:
            raise UserError(f"{uri} is no model of vaepipe")
        return _read(files[0], uri)


def no_grad(function):
    """`function` without gradients, on one thread: another number gives other bits."""

    def call(*args, **options):
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with torch.no_grad():
                return function(*args, **options)
        finally:
            torch.set_num_threads(threads)

    call.__name__, call.__doc__ = function.__name__, function.__doc__
    call.__wrapped__ = function
    return call
