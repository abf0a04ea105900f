"""Which trainings failed, by a rule that looks at a run's samples alone."""

import math
from collections.abc import Mapping

FEWEST = 0.5  # of the classes: samples of fewer, by the entropy of their classes, have lost modes


def failure(of_samples: Mapping[str, float] | None, noise: float, classes: int) -> str | None:
    """Why a run counts as failed: `not_finite`, `no_variety` or `noise`; None if it does not.

    Args:
        of_samples: as `sampling.classified` returns it; None where training itself gave up because
            its loss was not finite.
        noise: Fréchet distance of `sampling.noise_images`.
        classes: how many there are. exp(entropy) of the samples' classes is how many of them the
            samples have, were these equally frequent.
    """
    if of_samples is None or math.isinf(of_samples["frechet"]):
        return "not_finite"
    if math.exp(of_samples["variety"]) < FEWEST * classes:
        return "no_variety"
    return "noise" if of_samples["frechet"] >= noise else None
