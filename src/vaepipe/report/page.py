"""Tables, figures and decoders to one HTML file that needs no other."""

from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from vaepipe.core.device import prepare
from vaepipe.core.files import read_json, read_table
from vaepipe.data.idx import SIDE
from vaepipe.data.manifest import DATA_SETS, verify
from vaepipe.evaluation.metrics import HEADLINE, METRICS
from vaepipe.figures import NAMES
from vaepipe.figures.inputs import Inputs
from vaepipe.figures.inputs import read as read_inputs
from vaepipe.models import weights
from vaepipe.params import Figures, Matrix
from vaepipe.report import embed, many, numbers, provenance, templates, versions
from vaepipe.report.captions import captions as read_captions
from vaepipe.report.captions import outcomes
from vaepipe.report.explorer import explorer
from vaepipe.results import Results, runs_of

CAPTIONS = Path("workflow/report")
SECTIONS = {
    "summary": "Summary",
    "numbers": "Metrics",
    "explore": "Explorer",
    "images": "Images",
    "latents": "Latent space",
    "method": "Models and loss",
    "provenance": "Provenance",
}
# Figures that need a variational or a conditional model.
OF_VARIATIONAL = ("rate_distortion", "active_latents")
OF_CONDITIONAL = ("digit_grid",)


def render(
    matrix: Matrix, figures: Figures, data: Path, results: Results, captions: Path = CAPTIONS
) -> str:
    """The whole page as HTML, a function of its arguments and of the files of the other stages.

    Args:
        data: folder of the data set.
        captions: folder of the figures' captions, a text each.
    """
    prepare("cpu", threads=1)
    inputs = read_inputs(matrix, figures, data, results)
    models = {run.model: inputs.trained(run)[0] for run in inputs.first_runs}
    conditional = {name for name, model in models.items() if model.conditional}
    variational = {name for name, model in models.items() if model.variational}
    measured = {run.name: read_json(results.metrics(run)) for run in runs_of(matrix)}
    protocol = read_json(results.protocol)
    made_with = read_json(results.provenance)
    timing = {run: read_json(results.timing(run)) for run in runs_of(matrix)}
    manifest = verify(data)
    page = _environment().get_template("page.html.j2")
    return page.render(
        sections=SECTIONS,
        matrix=matrix,
        runs=runs_of(matrix),
        failed={name: m["failed"] for name, m in measured.items() if m["failed"]},
        conditional=conditional,
        variational=variational,
        figures=_figures(inputs, captions, conditional, variational),
        explorer=explorer(inputs),
        points=min(figures.points, len(inputs.test.labels)),
        side=SIDE,
        protocol=protocol,
        data=manifest,
        data_set=DATA_SETS[manifest["data_set"]].torchvision,
        timing=timing,
        **_numbers(inputs, timing, conditional),
        **_provenance(inputs, timing, protocol, made_with),
        # With many cells, numbers, figures and explorer are of a few of them.
        all_cells=many.cells_html(results) if many.many_cells(matrix) else None,
        shown_dims=sorted(inputs.matrix.latent_dims),
        changes_since=made_with["changes"] and versions.html(made_with["changes"]),
        plotly=embed.packed(get_plotlyjs().encode()),
        style=Markup(_source("page.css")),
        script=Markup(_source("decoder.js") + _source("explorer.js")),
    ).lstrip()


def _source(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _environment() -> Environment:
    environment = templates.environment()
    environment.filters |= {
        "number": numbers.number,
        "typeset": numbers.typeset,
        "script_json": embed.script_json,
        "value": _value,
    }
    return environment


def _value(value: Any) -> str:
    """A setting for readers."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_value(one)}" for key, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _figures(
    inputs: Inputs, captions: Path, conditional: set[str], variational: set[str]
) -> dict[str, dict[str, Any]]:
    """Source, size and caption of each figure that these models have something to show in."""
    left_out = (() if conditional else OF_CONDITIONAL) + (() if variational else OF_VARIATIONAL)
    names = [name for name in NAMES if name not in left_out]
    texts = read_captions(captions, names, outcomes(inputs, conditional))
    shown = {}
    for name in names:
        path = inputs.results.figure(name).with_suffix(".svg")
        width, height = embed.svg_size(path)
        shown[name] = {
            "source": embed.svg_uri(path),
            "width": width,
            "height": height,
            "heading": texts[name].heading,
            "text": texts[name].text,
        }
    return shown


def _numbers(inputs: Inputs, timing: dict, conditional: set[str]) -> dict[str, Any]:
    """Tables and summary."""
    comparison = inputs.comparison
    differences = read_table(inputs.results.differences_table)
    differences = differences[differences["latent_dim"].isin(inputs.matrix.latent_dims)]
    seconds = numbers.seconds_table(timing)
    others = tuple(name for name in METRICS if name not in HEADLINE)
    terms = comparison.pivot(index=["latent_dim", "model"], columns="metric", values="mean")
    return {
        "summary": numbers.summary_sentences(comparison, differences, conditional),
        "main": numbers.main_table(comparison, seconds, differences, conditional),
        "others": numbers.main_table(comparison, seconds, differences, conditional, others),
        "differences": numbers.differences_rows(differences, conditional),
        "terms": terms.dropna(subset="rate").reset_index().to_dict("records")
        if "rate" in terms
        else [],
        "seconds": sum(record["cpu_seconds"] for record in timing.values()),
    }


def _provenance(
    inputs: Inputs, timing: dict, protocol: dict[str, Any], made_with: dict[str, Any]
) -> dict[str, Any]:
    """Settings, code and machines."""
    metadata = weights.read_metadata(inputs.results.model(inputs.first_runs[0]))
    used = provenance.settings_used(inputs.matrix, inputs.settings, metadata, protocol)
    default, git = made_with["committed_params"], made_with["git"]
    changes = provenance.changed(used, default)
    return {
        "train": metadata["train"],
        "settings": used,
        "defaults": default,
        "changes": changes,
        "commands": provenance.commands(changes, git["commit"]),
        "git": git,
        "versions": made_with["versions"],
        "processor": made_with["processor"],
        "machines": provenance.machines(timing),
    }
