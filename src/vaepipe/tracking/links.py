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


def links_to_runs(experiment_id: str, ids: Mapping[str, str]) -> str:
    """Markdown for the description of the comparison: a link to each run, by the run's name."""
    lines = [f"- [{name}]({run_link(experiment_id, run_id)})" for name, run_id in ids.items()]
    return "\n".join(["The runs of this comparison:", "", *lines])


def links(base: str, logged: Mapping[str, Any]) -> dict[str, str]:
    """The pages of the server at `base` that show the comparison, by what is seen there.

    Args:
        logged: what `log_runs` returned.
    """
    experiment, ids = logged["experiment_id"], list(logged["runs"].values())
    base = base.rstrip("/") + "/"
    runs = run_link(experiment, base=base)
    compared = f"runs={quote(json.dumps(ids))}&experiments={quote(json.dumps([experiment]))}"
    comparison = run_link(experiment, logged["comparison"], base)
    return {
        "runs": f"{runs}?{MODE}",
        "charts": f"{runs}?{MODE}&compareRunsMode=CHART",
        "compare": f"{base}#/compare-runs?{compared}&{MODE}",
        "report": f"{comparison}/artifacts/report.html?{MODE}",
        "models": f"{base}#/models?{MODE}",
    }
