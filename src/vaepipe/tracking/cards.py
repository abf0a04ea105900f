"""Model cards: what a champion is, what it was trained on, how good it is and what it is not for.

After Mitchell et al. 2019, Model Cards for Model Reporting (arXiv 1810.03993).
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException

from vaepipe.core.files import read_json, read_table, write_text
from vaepipe.data.manifest import About, about
from vaepipe.evaluation.metrics import METRICS
from vaepipe.models import weights
from vaepipe.models.names import split
from vaepipe.results import Results, Run
from vaepipe.tracking.names import data_digest, minimises_squared_error
from vaepipe.tracking.registry import registered_name, weights_digest
from vaepipe.tracking.store import Store

KINDS = {
    "ae": "An autoencoder: a code for each image, and an image for each code. It has no prior and"
    " no likelihood.",
    "vae": "A variational autoencoder (Kingma and Welling 2014, arXiv 1312.6114): an unconditional"
    " latent-variable model of images.",
    "cvae": "A conditional variational autoencoder (Sohn, Lee and Yan 2015): a latent-variable"
    " model of images given their label.",
    "gan": "A generative adversarial network (Goodfellow et al. 2014, arXiv 1406.2661): a generator"
    " of images from N(0, I). It has no codes and no likelihood.",
}
USE = (
    "For teaching and for experiments: to encode, reconstruct, sample and interpolate images like"
    " those it was trained on, and to find images that are unusual among them."
)
LIMITS = (
    "It knows images like its training images alone, of their size; others are resized, and a high"
    " score says only that an image is unusual, not why.",
    "Likelihood is no measure of how good samples look, and out-of-distribution images can have a"
    " high one (Nalisnick et al. 2019, arXiv 1810.09136).",
    "It was not examined for bias, and must not decide about people.",
)


def card(
    name: str,
    version: str,
    metadata: Mapping[str, Any],
    comparison: pd.DataFrame,
    protocol: Mapping[str, Any],
) -> str:
    """The card of one version of a registered model, as Markdown.

    Args:
        metadata: what stands beside its weights.
        comparison: means and intervals over the seeds, as `tables.comparison_table` has them.
        protocol: how they were measured.
    """
    run, data = Run(**metadata["run"]), about(metadata["data"])
    rows = comparison[
        (comparison["model"] == run.model) & (comparison["latent_dim"] == run.latent_dim)
    ]
    lines = [
        f"# {name}, version {version}",
        "",
        f"{KINDS[split(run.model)[0]]} It has {run.latent_dim} latents; this is run"
        f" `{run.name}`, the champion: the lowest loss on the validation images among the versions"
        " of this name.",
        "",
        "## Data",
        "",
        _data(metadata["data"], data),
        "",
        "## Training",
        "",
        _training(metadata),
        "",
        "## Metrics",
        "",
        f"On {protocol['images']:,} test images that had no part in training or in any choice, of"
        " runs that differ in their seed alone: mean and 95 % t-interval over the seeds.",
        "",
        "| metric | unit | mean | interval | seeds |",
        "| --- | --- | --- | --- | --- |",
        *(_row(row) for row in rows.itertuples() if row.metric in METRICS),
        "",
        "## Intended use and limits",
        "",
        USE,
        "",
        *(f"- {limit}" for limit in LIMITS),
        "",
    ]
    return "\n".join(lines)


def _data(manifest: Mapping[str, Any], data: About) -> str:
    channels, height, width = data.image
    kind = "grey" if channels == 1 else "colour"
    labels = f"{len(data.classes)} classes: {', '.join(data.classes[:20])}"
    if len(data.classes) > 20:
        labels += ", ..."
    title = f"{data.title[:1].upper()}{data.title[1:]}"
    return (
        f"{title} (`{manifest['data_set']}`), {kind} images of {height} x {width} pixels,"
        f" {labels if data.classes else 'without labels'}. Digest {data_digest(manifest)}."
    )


def _training(metadata: Mapping[str, Any]) -> str:
    train = metadata["train"]
    pixels = {
        ("dynamic", "bernoulli"): "pixels binarised anew for each minibatch, Bernoulli likelihood",
        ("dynamic", "autoregressive"): "pixels binarised anew for each minibatch, each given those"
        " before it as well",
        ("none", "logistic"): "pixels of 8 bits, discretised logistic likelihood",
    }.get(
        (train["binarize"], train.get("likelihood", "bernoulli")),
        "pixels taken as probabilities, whose cross-entropy is not a likelihood",
    )
    if minimises_squared_error(metadata):
        anew = " binarised anew for each minibatch" * (train["binarize"] == "dynamic")
        pixels = f"pixels{anew}, squared error"
    settings = ", ".join(
        f"{key} {train[key]}" for key in ("network", "hidden", "prior") if key in train
    )
    return (
        f"{train['epochs']} epochs; {pixels}; {settings}. All settings are beside the weights, and"
        " in the run's parameters."
    )


def _row(row: Any) -> str:
    metric = METRICS[row.metric]
    interval = (
        "one seed, none"
        if math.isnan(row.high)
        else f"{row.low:,.{metric.digits}f} to {row.high:,.{metric.digits}f}"
    )
    title = metric.title.replace("|", "\\|")
    return f"| {title} | {metric.unit} | {row.mean:,.{metric.digits}f} | {interval} | {row.n} |"


def write_cards(store: Store, ids: Mapping[str, str], results: Results) -> list[Path]:
    """Write the card of each champion that is one of these runs, and give it to MLflow.

    Args:
        ids: MLflow's run ids by the runs' names.
    """
    comparison, protocol = read_table(results.comparison_table), read_json(results.protocol)
    paths = {name: results.folder / "models" / f"{name}.safetensors" for name in ids}
    known = {name: weights.read_metadata(path) for name, path in paths.items()}
    written = []
    for registered in sorted({registered_name(one) for one in known.values()}):
        try:
            champion = store.client.get_model_version_by_alias(registered, "champion")
        except MlflowException:
            continue  # all of its runs failed
        name = _run_with(champion, paths, ids)
        if name is None:
            continue  # a champion of other results has its card there
        text = card(registered, champion.version, known[name], comparison, protocol)
        path = results.folder / "cards" / f"{registered}.md"
        write_text(path, text)
        if champion.description != text:
            store.client.update_model_version(registered, champion.version, description=text)
        written.append(path)
    return written


def _run_with(version: Any, paths: Mapping[str, Path], ids: Mapping[str, str]) -> str | None:
    """The run whose weights a version has; it may have been logged under another id before."""
    for name, path in paths.items():
        cell = f"-z{version.tags.get('latent_dim')}-s{version.tags.get('seed')}"
        if ids[name] == version.run_id or (
            name.endswith(cell) and version.tags.get("weights_digest") == weights_digest(path)
        ):
            return name
    return None
