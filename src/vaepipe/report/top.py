"""Texts at the top of the page: title, lede, key and warnings."""

from typing import Any

from vaepipe.data.manifest import About
from vaepipe.evaluation.metrics import is_weak
from vaepipe.evaluation.statistics import largest_class
from vaepipe.figures import colour
from vaepipe.figures.inputs import Inputs
from vaepipe.models.names import split
from vaepipe.params import Matrix
from vaepipe.report import longer
from vaepipe.report.words import Text, counted, listed, names, say

MOST_LISTED = 6  # latent sizes or classes in a sentence
PUBLISHED_EPOCHS = 3280
# READMEs of reruns of Burda et al. 2016 with their lowest and highest NLL (docs/literature.md).
PUBLISHED = {"low": "86.31", "high": "87.78", "sources": "xqding, yoonholee, nbip"}


def _dims(dims: list[int]) -> Text:
    """Latent sizes as a sentence lists them; of many, the first two and the last."""
    if len(dims) > MOST_LISTED:
        few = f"{dims[0]}, {dims[1]}, …, {dims[-1]}"
        return Text(few, few)
    return listed([Text(str(dim), str(dim)) for dim in dims])


def _images(about: About) -> Text:
    """What the images are, for a reader who has not heard of the data set."""
    channels, height, width = about.image
    named = about.classes
    if len(named) > MOST_LISTED:
        named = (*named[:3], "…", named[-1])
    return say(
        "key.images",
        data_set=about.title,
        kind=say("key.grey" if channels == 1 else "key.colour"),
        width=width,
        height=height,
        classes=say("key.classes", n=len(about.classes), listed=", ".join(named))
        if named
        else say("key.no_classes"),
    )


def texts(
    matrix: Matrix,
    inputs: Inputs,
    protocol: dict[str, Any],
    train: dict[str, Any],
    conditional: set[str],
) -> dict[str, Any]:
    """The page's title and lede, and a published number where there is one of the same kind.

    Args:
        matrix: all cells, also where the page shows some of them.
        train: the settings of training.
    """
    data_set = inputs.data.title
    epochs = max(len(table) for table in inputs.histories.values())  # a row each
    models = names(list(matrix.models))
    seeds = counted("seed", len(matrix.seeds))
    dims = _dims(sorted(matrix.latent_dims))
    data_set_name = protocol["data_set"]
    alike = data_set_name == "mnist" and protocol["binarize"] == "dynamic"
    published = alike and longer.is_plain(train) and epochs < PUBLISHED_EPOCHS
    return {
        "longer": longer.answers(matrix, data_set_name, protocol, train, epochs),
        "title": say("page.title", models=models, data_set=data_set),
        "lede": say(
            "page.lede",
            models=models,
            dims=dims,
            epochs=counted("epoch", epochs),
            seeds=seeds,
            images=f"{protocol['images']:,}",
        ),
        "seeds": seeds,
        "data_set_images": _images(inputs.data),
        # Models that differ in a setting alone are of one kind.
        "kinds": list(dict.fromkeys(split(model)[0] for model in matrix.models)),
        "weak": weak_classifier(inputs, protocol),
        "conditional_names": names(sorted(conditional)) if conditional else None,
        "published": say("answers.published", **PUBLISHED) if published else None,
        "colours": {model: colour(model, matrix.models) for model in matrix.models},
    }


def weak_classifier(inputs: Inputs, protocol: dict[str, Any]) -> Text | None:
    """A warning where the classifier of generated images hardly tells the classes apart."""
    if not inputs.data.classes:
        return None
    accuracy, largest = protocol["classifier"]["test_accuracy"], largest_class(inputs.test.labels)
    if not is_weak(accuracy, largest):
        return None
    return say("table.weak_classifier", accuracy=f"{accuracy:.1f}", largest=f"{largest:.1f}")
