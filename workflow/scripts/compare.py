"""Put the metrics and the losses of all runs into tables, with means and intervals."""

import argparse
from pathlib import Path

import pandas as pd

from vaepipe import params
from vaepipe.comparison import comparison_table, curves_table, metrics_table, summary
from vaepipe.errors import one_message
from vaepipe.files import read_json, write_json, write_text
from vaepipe.runs import Results, runs_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    params.add_flags(parser, params.Matrix)
    parser.add_argument("--results", type=Path, required=True, help="folder of all results")
    flags = parser.parse_args()
    runs, results = runs_of(params.from_flags(params.Matrix, flags)), Results(flags.results)

    table = metrics_table(read_json(results.metrics(run)) for run in runs)
    write_text(results.metrics_table, table.to_csv(index=False))
    comparison = comparison_table(table)
    write_text(results.comparison_table, comparison.to_csv(index=False))
    write_json(results.summary, summary(comparison))
    curves = curves_table({run: pd.read_csv(results.history(run)) for run in runs})
    write_text(results.curves_table, curves.to_csv(index=False))


if __name__ == "__main__":
    with one_message():
        main()
