"""Names of models: of a class, or of one of them with a KL weight of its own, as `vae-beta0.25`."""

import re

# By name and not by class: reading the params must not cost the import of torch.
MODELS = {
    "ae": "vaepipe.models.ae:AE",
    "vae": "vaepipe.models.vae:VAE",
    "cvae": "vaepipe.models.cvae:CVAE",
}
WEIGHTED = re.compile(r"(vae|cvae)-beta(0|[1-9]\d*|(?:0|[1-9]\d*)\.\d*[1-9])")
ALLOWED = f"one of {', '.join(MODELS)}, or vae-beta0.25, cvae-beta4: a KL weight of its own"


def is_model(name: str) -> bool:
    """Whether a model has that name. A weight has one spelling: 0.5 is no `.5`, `0.50`, `5e-1`."""
    return name in MODELS or WEIGHTED.fullmatch(name) is not None


def split(name: str) -> tuple[str, float | None]:
    """The name of the class, and the KL weight (`train.beta`) if the name has one.

    `vae-beta0.25` is a VAE whose rate counts a quarter in the training loss (Higgins et al. 2017).
    """
    weighted = WEIGHTED.fullmatch(name)
    return (weighted[1], float(weighted[2])) if weighted else (name, None)


def title(name: str) -> str:
    """The name in text: AE, VAE, CVAE, or VAE (β = 0.25)."""
    kind, beta = split(name)
    return kind.upper() if beta is None else f"{kind.upper()} (β = {beta:g})"
