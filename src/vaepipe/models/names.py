"""Names of models: of a class, or of one of them with a setting of its own, as `vae-beta0.25`."""

import re

# By name and not by class: reading the params must not cost the import of torch.
MODELS = {
    "ae": "vaepipe.models.ae:AE",
    "vae": "vaepipe.models.vae:VAE",
    "cvae": "vaepipe.models.cvae:CVAE",
    "gan": "vaepipe.models.gan:GAN",
}
_NUMBER = r"(0|[1-9]\d*|(?:0|[1-9]\d*)\.\d*[1-9])"
# By the setting of `train` that a name can hold: the names that can, and its sign in a title.
OWN = {
    "beta": (re.compile(rf"(vae|cvae)-beta{_NUMBER}"), "β"),
    "learning_rate": (re.compile(rf"({'|'.join(MODELS)})-lr(?!0$){_NUMBER}"), "lr"),
}
ALLOWED = (
    f"one of {', '.join(MODELS)}, or vae-beta0.25, cvae-beta4: a KL weight of its own,"
    " or vae-lr0.02, gan-lr0.001: a learning rate of its own"
)


def is_model(name: str) -> bool:
    """Whether a model has that name. A number has one spelling: 0.5 is no `.5`, `0.50`, `5e-1`."""
    return split(name)[0] in MODELS


def split(name: str) -> tuple[str, dict[str, float]]:
    """The name of the class, and the settings of `train` that the name holds, at most one.

    `vae-beta0.25` is a VAE whose rate counts a quarter in the training loss (Higgins et al. 2017);
    `gan-lr0.001` is a GAN whose learning rate is at most 0.001.
    """
    for setting, (pattern, _) in OWN.items():
        if found := pattern.fullmatch(name):
            return found[1], {setting: float(found[2])}
    return name, {}


def title(name: str) -> str:
    """The name in text: AE, VAE, CVAE, GAN, VAE (β = 0.25), or GAN (lr = 0.001)."""
    kind, own = split(name)
    signs = ", ".join(f"{OWN[setting][1]} = {value:g}" for setting, value in own.items())
    return f"{kind.upper()} ({signs})" if signs else kind.upper()
