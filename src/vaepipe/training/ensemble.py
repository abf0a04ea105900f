"""One model, or several of one architecture that are trained at once as a batch of models.

Small networks leave a GPU idle: seeds that only differ in their randomness can share each of its
launches. Their parameters are stacked `[seeds, ...]` and the same code is mapped over them; every
seed keeps its own randomness, and no number of one reaches another.
"""

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from vaepipe.models.objectives import squared_error
from vaepipe.params import Train
from vaepipe.training.adam import Adam

Batch = tuple[Tensor, Tensor, Tensor]


class Objective(nn.Module):
    """What is minimised, by name, `[n]` each: the model's own terms, or an AE's squared error."""

    def __init__(self, model: nn.Module, reconstruction: str):
        super().__init__()
        self.model = model
        self.reconstruction = reconstruction

    def forward(self, x: Tensor, labels: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """The terms of images `[n, pixels]`, labels `[n]` and noise `[n, samples, latent_dim]`."""
        if self.reconstruction == "squared_error":
            logits = self.model.decode(self.model.codes(x, labels), labels)
            return {"squared_error": squared_error(logits, x)}
        return self.model.terms(x, labels, noise)


class Ensemble:
    """Models of one architecture, their parameters and Adam's moments.

    Attributes:
        models: one for each seed. They are up to date after `sync_models` alone, because what is
            trained are the `parameters`, which for a single model are its own.
        parameters: by name, `[seeds, ...]` where there are several models.
        tensors: all that changes in training, by name, for a checkpoint.
    """

    def __init__(self, models: Sequence[nn.Module], settings: Train):
        self.models = models
        self.settings = settings
        self.objective = Objective(models[0], settings.reconstruction)
        if len(models) == 1:
            self.parameters = dict(models[0].named_parameters())
        else:
            self.parameters, _ = stack_module_state(models)
        self.adam = Adam([*self.parameters.values()], settings.adam_epsilon)

    @property
    def tensors(self) -> dict[str, Tensor]:
        adam = self.adam
        groups = {"parameter": adam.parameters, "exp_avg": adam.exp_avg}
        groups |= {"exp_avg_sq": adam.exp_avg_sq}
        return {"steps": adam.steps} | {
            f"{group}.{name}": value.detach()
            for group, values in groups.items()
            for name, value in zip(self.parameters, values, strict=True)
        }

    def terms(self, batch: Batch) -> list[Tensor]:
        """Each term of the objective, `[(seeds,) n]`, of a batch `[(seeds,) n, ...]`."""
        if len(self.models) == 1:
            return [*self.objective(*batch).values()]

        def of_one(parameters: dict[str, Tensor], *batch: Tensor) -> tuple[Tensor, ...]:
            named = {f"model.{name}": value for name, value in parameters.items()}
            return (*functional_call(self.objective, named, batch).values(),)

        return [*vmap(of_one)(self.parameters, *batch)]

    def train_step(self, batch: Batch, rate: float | Tensor) -> Tensor:
        """One step of Adam on a minibatch.

        The loss is the sum of the terms, averaged over the images of each seed.

        Returns:
            The sum over the images of each term, `[terms]` or `[terms, seeds]`.
        """
        low = self.settings.precision == "bfloat16"
        kind = self.adam.steps.device.type
        with torch.autocast(kind, torch.bfloat16) if low else nullcontext():
            terms = self.terms(batch)
        # The share of every image in the loss; to sum them up first would be more work.
        share = torch.full_like(terms[0], 1 / terms[0].shape[-1])
        self.adam.step(torch.autograd.grad(terms, self.adam.parameters, [share] * len(terms)), rate)
        return torch.stack([term.detach().sum(-1) for term in terms])

    def sync_models(self) -> Sequence[nn.Module]:
        """The models, each with its own parameters as they are now."""
        if len(self.models) > 1:
            for index, model in enumerate(self.models):
                state = {name: value[index] for name, value in self.parameters.items()}
                model.load_state_dict(state)
        return self.models
