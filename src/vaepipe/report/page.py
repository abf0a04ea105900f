"""Tables, figures and decoders to one HTML file that needs no other."""

from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape
from plotly.offline import get_plotlyjs

from vaepipe.core.device import prepare
from vaepipe.core.files import read_json, read_table
from vaepipe.data.manifest import verify
from vaepipe.evaluation.metrics import HEADLINE, METRICS
from vaepipe.evaluation.verdicts import with_verdicts
from vaepipe.figures import NAMES
from vaepipe.figures.inputs import Inputs
from vaepipe.figures.inputs import read as read_inputs
from vaepipe.models import weights
from vaepipe.params import Figures, Matrix
from vaepipe.report import claims, embed, many, numbers, provenance, templates, top, versions
from vaepipe.report.answers import is_grey, questions
from vaepipe.report.captions import captions as read_captions
from vaepipe.report.captions import outcomes
from vaepipe.report.explorer import explorer
from vaepipe.report.words import Text, catalogue, joined, names, say
from vaepipe.results import Results, runs_of

CAPTIONS = Path("workflow/report")
SECTIONS = ("summary", "claims", "numbers", "explore", "images", "latents", "method", "provenance")
SCRIPTS = ("page.js", "networks.js", "pad.js", "plots.js", "explorer.js")
# Figures that need a variational or a conditional model.
OF_VARIATIONAL = ("rate_distortion", "active_latents", "latent_kl")
OF_CONDITIONAL = ("digit_grid",)
OF_CODES = ("reconstructions", "interpolations", "manifold", "latents_digits")  # a GAN has none
# The same view as latents_digits: files in the figures folder that the page does not repeat.
NOT_SHOWN = ("latents_rainbow", "latents_points")


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
    adversarial = [name for name in matrix.models if models[name].adversarial]
    measured = {run.name: read_json(results.metrics(run)) for run in runs_of(matrix)}
    protocol = read_json(results.protocol)
    made_with = read_json(results.provenance)
    timing = {run: read_json(results.timing(run)) for run in runs_of(matrix)}
    manifest = verify(data)
    known = _provenance(matrix, inputs, timing, protocol, made_with)
    page = _environment().get_template("page.html.j2")
    return page.render(
        sections=_sections(variational, bool(inputs.autoencoders), made_with["changes"]),
        matrix=matrix,
        runs=runs_of(matrix),
        failed={name: m["failed"] for name, m in measured.items() if m["failed"]},
        conditional=conditional,
        variational=variational,
        figures=_figures(inputs, captions, conditional, variational),
        explorer=(shown := explorer(inputs) if inputs.autoencoders else None),
        embedded=shown and {key: value for key, value in shown.items() if key != "why_not"},
        images=inputs.data,
        protocol=protocol,
        data=manifest,
        timing=timing,
        **_numbers(inputs, timing, protocol, conditional),
        **top.texts(matrix, inputs, protocol, known["train"], conditional),
        adversarial_names=names(adversarial) if adversarial else None,
        variational_names=names([m for m in matrix.models if m in variational] or ["vae"]),
        **known,
        claims=_claims(results, known["changes"], inputs.data.ink),
        # With many cells, numbers, figures and explorer are of a few of them.
        all_cells=many.cells_html(results) if many.many_cells(matrix) else None,
        shown_dims=sorted(inputs.matrix.latent_dims),
        changes_since=made_with["changes"] and versions.html(made_with["changes"]),
        plotly=embed.packed(get_plotlyjs().encode()),
        style=Markup(_source("page.css")),
        script=Markup("".join(_source(name) for name in SCRIPTS)),
        words=catalogue()["explorer"],
    ).lstrip()


def _sections(variational: set[str], codes: bool, changes: Any) -> list[str]:
    """Those that the page has, in its order."""
    left_out = {*(() if variational else ("latents",)), *(() if codes else ("explore",))}
    return [name for name in SECTIONS if name not in left_out] + ["versions"] * bool(changes)


def _source(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _environment() -> Environment:
    environment = templates.environment()
    environment.filters |= {
        "number": numbers.number,
        "p_value": numbers.p_value,
        "halves": _halves,
        "script_json": embed.script_json,
        "value": _value,
    }
    return environment


def _halves(text: str) -> tuple[Markup, Markup]:
    """A mean and, to stand below it, half the width of its interval."""
    mean, _, half = text.partition(" ± ")
    below = Markup(' <small class="half">± {}</small>').format(half) if half else Markup("")
    return escape(mean), below


def _value(value: Any) -> str:
    """A setting for readers."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_value(one)}" for key, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _figures(
    inputs: Inputs, captions: Path, conditional: set[str], variational: set[str]
) -> dict[str, dict[str, Any]]:
    """Source, size and caption of each figure that these models have something to show in."""
    left_out = {
        *NOT_SHOWN,
        *(() if conditional else OF_CONDITIONAL),
        *(() if variational else OF_VARIATIONAL),
        *(() if inputs.autoencoders else OF_CODES),
    }
    figures = [name for name in NAMES if name not in left_out]
    texts = read_captions(captions, figures, outcomes(inputs, conditional))
    shown = {}
    for name in figures:
        path = inputs.results.figure(name).with_suffix(".svg")
        width, height = embed.svg_size(path)
        shown[name] = {
            "source": embed.svg_uri(path, inputs.data.ink),
            "width": width,
            "height": height,
            "heading": texts[name].heading,
            "text": texts[name].text,
            "alt": joined([texts[name].heading, texts[name].text], ". ", "。").plain(),
        }
    return shown


def _claims(results: Results, changes: dict[str, Any], ink: bool) -> dict[str, Any]:
    """The chapter of claims, with a picture of each that was tested.

    Args:
        ink: whether images are ink on paper, as digits are, and not photographs.
    """
    found = read_json(results.claims)
    shown = claims.chapter(found)
    preset = found["settings"]["preset"]
    # A preset is named by itself; its settings differ from the defaults.
    changed = changes and preset == "params.yaml"
    named = say("claims.changed", preset=preset) if changed else Text(preset, preset)
    pictures = {
        one.name: dict(zip(("width", "height"), embed.svg_size(path), strict=True))
        | {"source": embed.svg_uri(path, ink)}
        for one in shown
        if one.conditions and (path := results.claim(one.name))
    }
    return {
        "all": shown,
        "tested": claims.tested(shown),
        "untested": any(one.verdict == "not_tested" for one in shown),
        "made_with": claims.settings(found, named),
        "pictures": pictures,
    }


def _numbers(
    inputs: Inputs, timing: dict, protocol: dict[str, Any], conditional: set[str]
) -> dict[str, Any]:
    """Answers and tables."""
    comparison = inputs.comparison
    differences = read_table(inputs.results.differences_table)
    differences = differences[differences["latent_dim"].isin(inputs.matrix.latent_dims)]
    verdicts = with_verdicts(differences, conditional, max(2, len(inputs.data.classes)))
    shown = inputs.matrix.latent_dims
    of_shown = {run: record for run, record in timing.items() if run.latent_dim in shown}
    seconds = numbers.seconds_table(of_shown, protocol["failed_runs"])
    grey = is_grey(protocol)
    others = tuple(name for name in METRICS if name not in HEADLINE)
    terms = comparison.pivot(index=["latent_dim", "model"], columns="metric", values="mean")
    return {
        "questions": questions(comparison, verdicts, seconds, conditional, grey),
        "tested": int(verdicts["p"].notna().sum()),
        "headline": HEADLINE,
        "main": numbers.main_table(comparison, seconds, verdicts, conditional),
        "others": numbers.main_table(comparison, seconds, verdicts, conditional, others),
        "differences": numbers.differences_rows(verdicts, conditional),
        "terms": terms.dropna(subset="rate").reset_index().to_dict("records")
        if "rate" in terms
        else [],
        "seconds": sum(record["cpu_seconds"] for record in timing.values()),
    }


def _provenance(
    matrix: Matrix,
    inputs: Inputs,
    timing: dict,
    protocol: dict[str, Any],
    made_with: dict[str, Any],
) -> dict[str, Any]:
    """Settings, code and machines, of all runs."""
    metadata = weights.read_metadata(inputs.results.model(inputs.first_runs[0]))
    # As the params said, and not as the first model alone was trained.
    metadata["train"] |= metadata.get("replaced", {})
    used = provenance.settings_used(
        matrix, inputs.settings, metadata, protocol, made_with["classify"]
    )
    used["claims"] = read_json(inputs.results.claims)["settings"]
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
