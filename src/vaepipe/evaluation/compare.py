"""The job of the compare stage: from the files of all runs to tables over them."""

from pathlib import Path

from vaepipe.core.errors import UserError
from vaepipe.core.files import read_json, read_table, write_json, write_text
from vaepipe.data.dataset import duplicates, test_images, training_images
from vaepipe.evaluation.tables import (
    comparison_table,
    curves_table,
    differences_table,
    metrics_table,
    shared_protocol,
    summary,
    with_protocol,
)
from vaepipe.params import Matrix
from vaepipe.results import Results, runs_of


def compare(matrix: Matrix, data: Path, results: Results) -> None:
    """Write the tables, the summary and the protocol of all runs of the matrix.

    Args:
        data: folder of the data set.

    Raises:
        UserError: the runs were measured by different protocols, none has a metric, or a file is
            missing.
    """
    runs = runs_of(matrix)
    measured = [read_json(results.metrics(run)) for run in runs]
    if not any(one["metrics"] for one in measured):
        reason = measured[0]["failed"] or "a GAN is measured on images with labels alone"
        raise UserError(
            f"there is nothing to compare: no run has metrics. {runs[0].name}: {reason}"
        )
    test, training = test_images(data), training_images(data, validation=0)[0]
    protocol = shared_protocol(measured) | {
        "seeds": list(matrix.seeds),
        "failed_runs": [run.name for run, r in zip(runs, measured, strict=True) if r["failed"]],
        "test_images_among_training_images": duplicates(test, training),
        "classifier": read_json(results.classifier_metrics),
    }
    metrics = metrics_table(measured)
    comparison = comparison_table(metrics)
    tables = {
        results.metrics_table: metrics,
        results.comparison_table: comparison,
        results.differences_table: differences_table(metrics),
    }
    for path, table in tables.items():
        write_text(path, with_protocol(table, protocol).to_csv(index=False))
    write_json(results.protocol, protocol)
    write_json(results.summary, summary(comparison))
    curves = curves_table({run: read_table(results.history(run)) for run in runs})
    write_text(results.curves_table, curves.to_csv(index=False))
