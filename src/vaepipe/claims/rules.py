"""The rules by which a claim is judged: thresholds, tests and their correction.

Each claim has one condition or several, written down in `conditions.py` before the runs. A claim is
supported if all of them hold, not supported if one of them fails, and undecided otherwise. That a
condition holds, and that it fails, are tested one-sided; the p-values of all claims that were
tested are corrected together (Holm 1979): the chance of even one wrong verdict is below 5 %.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import pandas as pd
from scipy import stats

from vaepipe.evaluation.verdicts import ALPHA, holm


@dataclass(frozen=True)
class Condition:
    """A mean over seeds that has to lie above or below a threshold.

    Attributes:
        name: key of its text.
        latent_dim: the latent size it is about.
        values: one per seed; where two models are compared, the difference or ratio by seed.
        threshold: in the unit of the values.
        above: whether the mean has to lie above the threshold, not below.
        ratio: the values are ratios, tested as logarithms, so that a half is as far as a double.
        arm: the model that it is about, where the name does not say it.
    """

    name: str
    latent_dim: int
    values: tuple[float, ...]
    threshold: float
    above: bool = True
    ratio: bool = False
    arm: str = ""

    def tested(self) -> "Tested":
        """By a t-test over the seeds; with one, or without any spread, nothing can be said."""
        values, threshold = self.values, self.threshold
        if self.ratio:
            if not all(0 < v < math.inf for v in values):
                values = tuple(min(max(v, 1e-9), 1e9) for v in values)
            values, threshold = tuple(map(math.log, values)), math.log(threshold)
        back = math.exp if self.ratio else float
        n, mean = len(values), fmean(values)
        if n < 2:
            return Tested(back(mean), None, None, 1.0, 1.0)
        error = stdev(values) / n**0.5
        half = float(stats.t.ppf(0.975, n - 1)) * error
        if not error:  # as of shares that are 100 % for each of two seeds
            return Tested(back(mean), back(mean), back(mean), 1.0, 1.0)
        higher = float(stats.t.sf((mean - threshold) / error, n - 1))
        holds, fails = (higher, 1 - higher) if self.above else (1 - higher, higher)
        return Tested(back(mean), back(mean - half), back(mean + half), holds, fails)


@dataclass(frozen=True)
class Fewer:
    """A share of failed runs that has to be smaller than another.

    Attributes:
        failed, runs: of the model that is said to fail less.
        others_failed, others_runs: of the other.
    """

    name: str
    latent_dim: int
    failed: int
    runs: int
    others_failed: int
    others_runs: int
    threshold: float = 0.0
    above: bool = True
    ratio: bool = False
    arm: str = ""

    def tested(self) -> "Tested":
        """By Fisher's exact test; the interval of the difference of shares is Newcombe's (1998)."""
        table = [
            [self.others_failed, self.others_runs - self.others_failed],
            [self.failed, self.runs - self.failed],
        ]
        holds = float(stats.fisher_exact(table, "greater").pvalue)
        fails = float(stats.fisher_exact(table, "less").pvalue)
        one, other = self.failed / self.runs, self.others_failed / self.others_runs
        (low, high), (others_low, others_high) = (
            stats.binomtest(k, n).proportion_ci(0.95, "wilson")
            for k, n in ((self.failed, self.runs), (self.others_failed, self.others_runs))
        )
        gap = other - one
        return Tested(
            gap,
            gap - math.hypot(other - others_low, high - one),
            gap + math.hypot(others_high - other, one - low),
            holds,
            fails,
        )


@dataclass(frozen=True)
class Tested:
    """A condition's estimate with its 95 % interval, None with one seed, and two p-values.

    Attributes:
        holds: p-value against "the condition does not hold".
        fails: p-value against "the condition holds".
    """

    estimate: float
    low: float | None
    high: float | None
    holds: float
    fails: float


@dataclass(frozen=True)
class Judged:
    """A claim's verdict.

    Attributes:
        verdict: `supported`, `not_supported` or `undecided`.
        p: the corrected p-value of that verdict; of an undecided one the smaller of both.
        conditions: each condition with what its test gave.
        closest: place of the condition that decides: for a supported claim the one with the
            weakest evidence for it, else the one with the strongest evidence against it.
    """

    verdict: str
    p: float
    conditions: tuple[tuple[Condition | Fewer, Tested], ...]
    closest: int


def judge(claims: Mapping[str, Sequence[Condition | Fewer]]) -> dict[str, Judged]:
    """The verdicts on claims that were tested together; claims without conditions are left out.

    All conditions of a claim have to hold, so the largest of their p-values counts for it
    (intersection-union test, Berger 1982). Against it counts the smallest, times their number
    (Bonferroni). Both p-values of all claims are one family for Holm's correction.
    """
    tested = {
        name: [(one, one.tested()) for one in conditions]
        for name, conditions in claims.items()
        if conditions
    }
    p = {}
    for name, found in tested.items():
        p[name, "supported"] = max(t.holds for _, t in found)
        p[name, "not_supported"] = min(1.0, len(found) * min(t.fails for _, t in found))
    corrected = dict(zip(p, holm(pd.Series([*p.values()], dtype=float)), strict=True))
    judged = {}
    for name, found in tested.items():
        holds, fails = corrected[name, "supported"], corrected[name, "not_supported"]
        verdict = (
            "supported" if holds < ALPHA else "not_supported" if fails < ALPHA else "undecided"
        )
        places = range(len(found))
        if verdict == "not_supported":
            closest = min(places, key=lambda k: found[k][1].fails)
        else:
            closest = max(places, key=lambda k: found[k][1].holds)
        judged[name] = Judged(verdict, min(holds, fails), tuple(found), closest)
    return judged
