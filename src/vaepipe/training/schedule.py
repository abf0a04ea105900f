"""Learning rate and KL weight as functions of the step: they have no state."""

import math

from vaepipe.params import Train


def burda_stage(epoch: int) -> int:
    """The stage i that an epoch, counted from 0, belongs to, when stage i is 3^i epochs long."""
    stage = 0
    while epoch >= (3 ** (stage + 1) - 1) // 2:
        stage += 1
    return stage


def learning_rate(step: int, per_epoch: int, settings: Train) -> float:
    """The rate of one step: linear over the warm-up, then by `settings.schedule`.

    linear: straight down to 0; cosine: half a cosine down to 0; constant: flat; burda: 10^(-i/7) of
    the peak in stage i, as in section 5 of arXiv 1509.00519, where 3,280 epochs are stages 0 to 7.

    Args:
        step: counted from 0 over the whole training.
        per_epoch: steps of one epoch.
    """
    steps = settings.epochs * per_epoch
    warmup = math.ceil(settings.warmup * steps)
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    if settings.schedule == "constant":
        return settings.learning_rate
    if settings.schedule == "burda":
        return settings.learning_rate * 10 ** (-burda_stage(step // per_epoch) / 7)
    done = (step - warmup) / max(1, steps - warmup)
    if settings.schedule == "linear":
        return settings.learning_rate * (1 - done)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def kl_weight(step: int, per_epoch: int, settings: Train) -> float:
    """The weight of the rate in the loss of one step: a linear rise from 0 to beta, then beta.

    Higgins et al. 2017 (beta-VAE); the rise is that of Bowman et al. 2016 (arXiv 1511.06349).
    """
    warmup = math.ceil(settings.kl_warmup * settings.epochs * per_epoch)
    return settings.beta * min(1.0, (step + 1) / warmup) if warmup else settings.beta
