"""Log every run and the comparison, with its report, to MLflow."""

import argparse

from vaepipe import flags, params
from vaepipe.core.errors import exit_on_user_error
from vaepipe.core.files import write_json
from vaepipe.tracking.log_runs import log_runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    flags.add_section(parser, params.Matrix)
    flags.add_section(parser, params.Track)
    flags.add_folders(parser, "results")
    args = parser.parse_args()
    matrix, settings = flags.section(params.Matrix, args), flags.section(params.Track, args)
    write_json(args.results.mlflow_runs, log_runs(matrix, settings.experiment, args.results))


if __name__ == "__main__":
    with exit_on_user_error():
        main()
