"""The claims, and for each the conditions under which it is supported, written before the runs.

Every condition has to hold at every latent size that was measured, unless it says otherwise.
"""

from collections.abc import Callable, Sequence

import pandas as pd

from vaepipe.claims.rules import Condition, Fewer
from vaepipe.models.names import split

WELL = 80.0  # % of test images that 5-NN tells by the code: "quite well"
WORSE = 2.0  # times the VAE's Fréchet distance: "can't generate"
NEAR = 0.1  # squared distance to N(0, I) per latent, that of codes that are all 0 being 1
FOLLOWS = 0.1  # largest distance of an axis's distribution from that of N(0, 1)
ERROR_RATIO = 1.25  # the GAN's error over the VAE's: "can't compare"
COST_RATIO = 100.0  # the GAN's seconds over the VAE's: "can't directly"
BLURRIER = 1.05  # ratio of a measure of sharpness
OBEYS, WORST_CLASS = 95.0, 90.0  # % of images of the class asked for: all, and of each class
SLACK = 1.1  # of the largest last distance of all races: the quality that all have reached
SAME = 0.005  # share of the closed form by which the Monte Carlo estimate may differ


class Numbers:
    """The measurements: one value for each claim, quantity, arm, latent size and seed."""

    def __init__(self, table: pd.DataFrame):
        self.table = table

    def of(self, claim: str, quantity: str, arm: str, latent_dim: int) -> pd.Series:
        """Values by seed. What does not depend on a seed, such as a baseline, has the seed -1."""
        t = self.table
        rows = t[
            (t["claim"] == claim)
            & (t["quantity"] == quantity)
            & (t["arm"] == arm)
            & (t["latent_dim"] == latent_dim)
        ]
        return rows.set_index("seed")["value"].sort_index()

    def pairs(
        self, claim: str, quantity: str, arms: tuple[str, str], latent_dim: int
    ) -> list[tuple[float, float]]:
        """Values of two arms, seed by seed; those of the seed -1 stand beside every seed."""
        one, other = (self.of(claim, quantity, arm, latent_dim) for arm in arms)
        if -1 in other.index:
            return [(value, other[-1]) for value in one]
        seeds = one.index.intersection(other.index)
        return [(one[s], other[s]) for s in seeds]

    def dims(self, claim: str) -> list[int]:
        """The latent sizes at which a claim was measured; 0 stands for what has none."""
        found = self.table[self.table["claim"] == claim]["latent_dim"].unique()
        return sorted(int(d) for d in found if d)

    def has(self, claim: str, arms: Sequence[str]) -> bool:
        """Whether all of these arms were measured, at every latent size of the claim."""
        t = self.table[self.table["claim"] == claim]
        return all(set(arms) <= set(t[t["latent_dim"] == d]["arm"]) for d in self.dims(claim))

    def arms(self, claim: str) -> list[str]:
        """The arms of a claim, in the order in which they were measured."""
        return [str(a) for a in self.table[self.table["claim"] == claim]["arm"].unique()]


Conditions = Sequence[Condition | Fewer]


def _level(
    n: Numbers, at: tuple[str, str, str, int], threshold: float, above: bool, name: str
) -> list[Condition]:
    values = tuple(n.of(*at))
    return [Condition(name, at[3], values, threshold, above)] if values else []


def _ratio(
    n: Numbers, at: tuple[str, str, int], arms: tuple[str, str], threshold: float, name: str
) -> list[Condition]:
    claim, quantity, dim = at
    pairs = n.pairs(claim, quantity, arms, dim)
    values = tuple(a / b if b else float("inf") for a, b in pairs)
    return [Condition(name, dim, values, threshold, ratio=True)] if values else []


def separates(n: Numbers) -> Conditions:
    """5-NN on the AE's code is right for at least 80 %, and for more than on as many components."""
    found = []
    for dim in n.dims("separates"):
        found += _level(n, ("separates", "knn", "ae", dim), WELL, True, "ae_knn")
        pairs = n.pairs("separates", "knn", ("ae", "pca"), dim)
        if pairs:
            gaps = tuple(a - b for a, b in pairs)
            found.append(Condition("ae_over_pca", dim, gaps, 0.0))
    return found


def cannot_generate(n: Numbers) -> Conditions:
    """Samples by N(0, I), and by a Gaussian fitted to the codes, are twice as far as the VAE's."""
    found = []
    for dim in n.dims("cannot_generate"):
        at = ("cannot_generate", "frechet", dim)
        found += _ratio(n, at, ("ae", "vae"), WORSE, "ae_prior_worse")
        found += _ratio(n, at, ("ae-fitted", "vae"), WORSE, "ae_fitted_worse")
    return found


def kl_gaussian(n: Numbers) -> Conditions:
    """The VAE's codes are near N(0, I), by moments and by axis; the AE's, and beta 0's, are not."""
    found = []
    for dim in n.dims("kl_gaussian"):
        for arm, near in (("vae", True), ("ae", False), ("vae-beta0", False)):
            for quantity, limit in (("moments", NEAR), ("ks", FOLLOWS)):
                values = tuple(n.of("kl_gaussian", quantity, arm, dim))
                name = f"{arm.replace('-', '_')}_{quantity}"
                # A distance is positive and may be large in one seed: tested as a logarithm.
                test = Condition(name, dim, values, limit, above=not near, ratio=True)
                found += [test] if values else []
    return found


def compares(n: Numbers) -> Conditions:
    """The GAN's best code errs a quarter more than the VAE, and costs 100 times as much."""
    found = []
    for dim in n.dims("compares"):
        at = ("compares", "error", dim)
        found += _ratio(n, at, ("gan", "vae"), ERROR_RATIO, "gan_error")
        at = ("compares", "seconds", dim)
        found += _ratio(n, at, ("gan", "vae"), COST_RATIO, "gan_seconds")
    return found


def blurrier(n: Numbers) -> Conditions:
    """By edges, Laplacian and grey alike the GAN's samples are sharper by a twentieth."""
    found = []
    for dim in n.dims("blurrier"):
        for quantity, arms in (
            ("edges", ("gan", "vae")),
            ("laplacian", ("gan", "vae")),
            ("grey", ("vae", "gan")),
        ):
            found += _ratio(n, ("blurrier", quantity, dim), arms, BLURRIER, f"blur_{quantity}")
    return found


def stabler(n: Numbers) -> Conditions:
    """Over learning rates, latent sizes and seeds a smaller share of VAEs failed than of GANs."""
    failed = {kind: rows["failed"] for kind, rows in trained_alike(n.table).items()}
    vae, gan = ((int(failed[k].sum()), len(failed[k])) for k in ("vae", "gan"))
    return [Fewer("fewer_failures", 0, *vae, *gan)] if vae[1] and gan[1] else []


def trained_alike(table: pd.DataFrame) -> dict[str, dict[str, pd.Series]]:
    """Of VAEs and GANs, what the claim on stability measured: the values of each quantity.

    Of those with their own default learning rate, and with rates that both were trained with.
    """
    rows = table[(table["claim"] == "stabler") & (table["latent_dim"] > 0)]
    kinds = rows["arm"].map(lambda arm: split(arm)[0])
    rates = rows["arm"].map(lambda arm: split(arm)[1].get("learning_rate", "default"))
    both = set(rates[kinds == "vae"]) & set(rates[kinds == "gan"])
    of = {kind: rows[(kinds == kind) & rates.isin(both)] for kind in ("vae", "gan")}
    return {
        kind: {q: own[own["quantity"] == q]["value"] for q in ("failed", "frechet")}
        for kind, own in of.items()
    }


def faster(n: Numbers) -> Conditions:
    """A GAN takes longer for an epoch, and longer until its samples are of the fixed quality."""
    found = []
    for dim in n.dims("faster"):
        for quantity in ("epoch_seconds", "quality_seconds"):
            found += _ratio(n, ("faster", quantity, dim), ("gan", "vae"), 1.0, quantity)
    return found


def obeys(n: Numbers) -> Conditions:
    """The classifier takes 95 % of the images for the class asked for, and 90 % in each class."""
    found = []
    for dim in n.dims("obeys"):
        found += _level(n, ("obeys", "right", "cvae", dim), OBEYS, True, "cvae_right")
        found += _level(n, ("obeys", "worst", "cvae", dim), WORST_CLASS, True, "cvae_worst")
    return found


def closed_form(n: Numbers) -> Conditions:
    """Monte Carlo estimate over closed form is within half a per cent of 1, for each model."""
    found = []
    for dim in n.dims("closed_form"):
        for arm in n.arms("closed_form"):
            values = tuple(n.of("closed_form", "ratio", arm, dim))
            for limit, above in ((1 - SAME, True), (1 + SAME, False)) if values else ():
                found.append(Condition("kl_ratio", dim, values, limit, above, arm=arm))
    return found


# In the order of the page. A claim without conditions, for want of a model, was not tested.
CLAIMS: dict[str, Callable[[Numbers], Conditions]] = {
    "separates": separates,
    "cannot_generate": cannot_generate,
    "kl_gaussian": kl_gaussian,
    "compares": compares,
    "blurrier": blurrier,
    "stabler": stabler,
    "faster": faster,
    "obeys": obeys,
    "closed_form": closed_form,
}
# What each needs in matrix.models.
NEEDS = {
    "separates": ("ae",),
    "cannot_generate": ("ae", "vae"),
    "kl_gaussian": ("ae", "vae"),
    "compares": ("vae", "gan"),
    "blurrier": ("vae", "gan"),
    "stabler": ("vae", "gan"),
    "faster": ("vae", "gan"),
    "obeys": ("cvae",),
    "closed_form": ("vae",),
}
