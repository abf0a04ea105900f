"""Which trainings failed, by a rule that looks at a run's samples alone."""

import math
from collections.abc import Mapping

FEWEST = 0.5  # of the real images' variety: samples with no more have lost modes


def failure(of_samples: Mapping[str, float] | None, noise: float, variety: float) -> str | None:
    """Why a run counts as failed: `not_finite`, `no_variety` or `noise`; None if it does not.

    Args:
        of_samples: as `sampling.classified` returns it; None where training itself gave up because
            its loss was not finite.
        noise: Fréchet distance of `sampling.noise_images`.
        variety: exp(entropy) of the real images' classes: how many they have, were these equally
            frequent.
    """
    if of_samples is None or math.isinf(of_samples["frechet"]):
        return "not_finite"
    if math.exp(of_samples["variety"]) <= FEWEST * variety:
        return "no_variety"
    return "noise" if of_samples["frechet"] >= noise else None
