"""VAE and GAN trained in turns, and the seconds that each takes for samples as good."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from vaepipe.claims.conditions import SLACK
from vaepipe.core.rng import generator
from vaepipe.data.dataset import Images
from vaepipe.data.manifest import About
from vaepipe.params import Train
from vaepipe.results import Run
from vaepipe.training.schedule import kl_weight, learning_rate
from vaepipe.training.state import start
from vaepipe.training.step import train_step

LOOKS = 8  # an epoch: how often the samples are looked at


@dataclass
class Curve:
    """One training: processor seconds of its steps, and its samples' distance, at each look."""

    epochs: int
    seconds: list[float] = field(default_factory=list)
    distance: list[float] = field(default_factory=list)

    @property
    def epoch_seconds(self) -> float:
        """Processor seconds of one epoch's steps."""
        return self.seconds[-1] / self.epochs

    def seconds_to(self, distance: float) -> float:
        """Seconds of training after which the samples were first that close; infinity if never."""
        pairs = zip(self.seconds, self.distance, strict=True)
        return next((s for s, found in pairs if found <= distance), float("inf"))


class Training:
    """A training that goes on in parts; the same steps as those of the train stage, on the CPU."""

    def __init__(self, run: Run, settings: Train, images: Images, data: About):
        self.settings = replace(settings, device="cpu", compiler="none")
        device = torch.device("cpu")
        [self.state] = start([run], self.settings, images.pixels, device, data=data)
        self.images = images.to(device)
        self.per_epoch = -(-len(images.labels) // settings.batch_size)
        self.step = 0
        self.batches: list[Tensor] = []
        self.curve = Curve(settings.epochs)

    def go_on(self, steps: int) -> None:
        """Take so many steps, at most up to the end."""
        begin = time.process_time()
        for _ in range(min(steps, self.per_epoch * self.settings.epochs - self.step)):
            if not self.batches:
                n = len(self.images.labels)
                order = torch.randperm(n, generator=self.state.rngs["order"])
                self.batches = list(order.split(self.settings.batch_size))[::-1]
            at = self.step, self.per_epoch, self.settings
            batch = self.images.at(self.batches.pop())
            train_step(self.state, batch, learning_rate(*at), kl_weight(*at), self.settings)
            self.step += 1
        before = self.curve.seconds[-1] if self.curve.seconds else 0.0
        self.curve.seconds.append(before + time.process_time() - begin)

    @property
    def done(self) -> bool:
        """Whether all epochs are over."""
        return self.step >= self.per_epoch * self.settings.epochs

    def model(self) -> nn.Module:
        """The model as it is now."""
        return self.state.model


def race(trainings: Sequence[Training], distance: Callable[[nn.Module], float]) -> list[Curve]:
    """Train all in turns, so that what else the machine does meets them alike; their curves.

    The turns change their order each time. Looking at the samples is not counted.

    Args:
        distance: of a model's samples to real images.
    """
    turn = 0
    while not all(one.done for one in trainings):
        for one in trainings[:: 1 if turn % 2 == 0 else -1]:
            if one.done:
                continue
            one.go_on(-(-one.per_epoch // LOOKS))
            with torch.no_grad():
                one.curve.distance.append(distance(one.model().eval()))
            one.model().train()
        turn += 1
    return [one.curve for one in trainings]


def fixed_quality(curves: Sequence[Curve]) -> float:
    """A distance that all have reached: 1.1 times the largest of their last ones."""
    return SLACK * max(curve.distance[-1] for curve in curves)


def draws(latent_dim: int, n: int, seed: int) -> Tensor:
    """The codes `[n, latent_dim]` that are decoded at every look."""
    return torch.randn(n, latent_dim, generator=generator(seed, "claims speed"))
