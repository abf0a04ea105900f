"""A trained model behind MLflow's `pyfunc` interface.

MLflow keeps this module, what it imports and the weights file together with the model, so that
`mlflow.pyfunc.load_model` needs PyTorch and safetensors, but neither this project nor a pickle.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from vaepipe.models import weights

TASKS = ("reconstruct", "sample")


def _load_pyfunc(path: str) -> "Served":
    """What MLflow calls with the path of the weights file."""
    return Served(weights.load(Path(path))[0])


class Served:
    """A model that reconstructs images or samples new ones; a GAN samples alone."""

    def __init__(self, model: nn.Module):
        self.model = model

    @torch.no_grad()
    def predict(
        self, model_input: Mapping[str, np.ndarray], params: Mapping[str, Any] | None = None
    ) -> np.ndarray:
        """Images `[n, pixels]` with values from 0 to 1, one row for each row given.

        Args:
            model_input: `image` `[n, pixels]` in [0, 1] and, for a conditional model, `label`
                `[n]`.
            params: `task` is `reconstruct`, one pass through the code or the posterior's mean, or
                `sample`: z drawn from N(0, I) by `seed`, and of the images only their number
                counts.

        Raises:
            ValueError: another task, samples of an AE, or reconstructions of a GAN.
        """
        adversarial = self.model.adversarial
        task = "sample" if adversarial else "reconstruct"
        params = {"task": task, "seed": 0} | dict(params or {})
        x = torch.as_tensor(model_input["image"])
        labels = torch.as_tensor(model_input.get("label", np.zeros(len(x), np.int64)))
        if params["task"] == "reconstruct":
            if adversarial:
                raise ValueError("a GAN has no codes to reconstruct from; its task is sample")
            z = self.model.codes(x, labels)
        elif params["task"] != "sample":
            raise ValueError(f"task is {params['task']!r}, allowed is one of {', '.join(TASKS)}")
        elif not (self.model.variational or adversarial):
            raise ValueError("an AE has no prior to sample from; its task is reconstruct")
        else:
            rng = torch.Generator().manual_seed(int(params["seed"]))
            noise = torch.randn(len(x), self.model.architecture.latent_dim, generator=rng)
            z = self.model.prior.from_normal(noise)
        return self.model.images(z, labels).numpy()
