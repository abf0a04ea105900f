"""Put all runs into tables: runs, means with intervals, paired differences, losses."""

import argparse
from pathlib import Path

import pandas as pd

from vaepipe import arguments, params
from vaepipe.comparison import (
    comparison_table,
    curves_table,
    differences_table,
    metrics_table,
    shared_protocol,
    summary,
    with_protocol,
)
from vaepipe.data.dataset import duplicates, test_images, training_images
from vaepipe.errors import one_message
from vaepipe.files import read_json, write_json, write_text
from vaepipe.runs import Results, runs_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    arguments.add_section(parser, params.Matrix)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--results", type=Path, required=True, help="folder of all results")
    flags = parser.parse_args()
    matrix, results = arguments.section(params.Matrix, flags), Results(flags.results)

    runs = runs_of(matrix)
    measured = [read_json(results.metrics(run)) for run in runs]
    test, training = test_images(flags.data), training_images(flags.data, validation=0)[0]
    protocol = shared_protocol(measured) | {
        "seeds": list(matrix.seeds),
        "failed_runs": [run.name for run, r in zip(runs, measured, strict=True) if r["failed"]],
        "test_images_among_training_images": duplicates(test, training),
        "classifier": read_json(results.examination),
    }
    table = metrics_table(measured)
    comparison = comparison_table(table)
    tables = {
        results.metrics_table: table,
        results.comparison_table: comparison,
        results.differences_table: differences_table(table),
    }
    for path, content in tables.items():
        write_text(path, with_protocol(content, protocol).to_csv(index=False))
    write_json(results.protocol, protocol)
    write_json(results.summary, summary(comparison))
    curves = curves_table({run: pd.read_csv(results.history(run)) for run in runs})
    write_text(results.curves_table, curves.to_csv(index=False))


if __name__ == "__main__":
    with one_message():
        main()
