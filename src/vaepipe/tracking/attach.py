"""The report joins the comparison's run, after it was written with that run's id in it."""

from mlflow import MlflowClient

from vaepipe.files import read_json, sha256
from vaepipe.runs import Results
from vaepipe.tracking.store import store_uri, usable


def attach_report(results: Results) -> dict[str, str]:
    """Add the report to the run of the comparison that `track` made, in place of an earlier one.

    Raises:
        UserError: the store can't be used.
    """
    uri, run_id = store_uri(results), read_json(results.folder / "mlflow.json")["comparison"]
    report = results.folder / "report.html"
    digest = sha256(report)
    with usable(uri):
        client = MlflowClient(uri)
        client.log_artifact(run_id, str(report))
        client.set_tag(run_id, "report_digest", digest)
    return {"comparison": run_id, "report_digest": digest}
