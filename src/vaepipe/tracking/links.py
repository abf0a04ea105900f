"""Where MLflow's UI shows what `track` logged."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

# MLflow's UI opens on a page for chat models unless it is told otherwise.
MODE = "workflowType=machine_learning"


def run_link(experiment_id: str, run_id: str = "", base: str = "") -> str:
    """The address of a run's page, or of the list of an experiment's runs.

    Args:
        base: URL of MLflow's server; without it, the link leads from one page of the UI to another.
    """
    return f"{base}#/experiments/{experiment_id}/runs" + (f"/{run_id}" if run_id else "")


def view_link(experiment_id: str, view: str, base: str = "") -> str:
    """The address of a saved view of an experiment's runs, as charts."""
    runs = run_link(experiment_id, base=base)
    return f"{runs}?{MODE}&compareRunsMode=CHART&viewStateShareKey={quote(view)}"


def links(base: str, logged: Mapping[str, Any]) -> dict[str, str]:
    """The pages of the server at `base` that show the comparison, by what is seen there.

    Args:
        logged: what `log_runs` returned.
    """
    experiment, views = logged["experiment_id"], logged["views"]
    ids = list(logged["cells"].values())
    base = base.rstrip("/") + "/"
    runs = run_link(experiment, base=base)
    compared = f"runs={quote(json.dumps(ids))}&experiments={quote(json.dumps([experiment]))}"
    comparison = run_link(experiment, logged["comparison"], base)
    return {
        "means": view_link(experiment, views["means"], base),
        "runs": view_link(experiment, views["runs"], base),
        "table": f"{runs}?{MODE}",
        "compare": f"{base}#/compare-runs?{compared}&{MODE}",
        "report": f"{comparison}/artifacts/report.html?{MODE}",
        # MLflow's list of all registered models forgets the mode that a link asks for.
        **{name: f"{base}#/models/{quote(name)}?{MODE}" for name in logged["registered"]},
    }
