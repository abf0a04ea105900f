"""Log every trial of a sweep to MLflow."""

import argparse
import json

from vaepipe import flags, params, sweep
from vaepipe.core.errors import exit_on_user_error
from vaepipe.core.files import write_json
from vaepipe.tracking.sweep import log_trials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweep", type=json.loads, required=True, help="the section, as JSON")
    flags.add_section(parser, params.Matrix)
    flags.add_section(parser, params.Train)
    flags.add_section(parser, params.Track)
    flags.add_folders(parser, "results")
    args = parser.parse_args()
    matrix, train = flags.section(params.Matrix, args), flags.section(params.Train, args)
    asked = sweep.check(args.sweep, train, matrix.seeds, matrix.models)
    trials = sweep.trials(asked, train)
    experiment = flags.section(params.Track, args).experiment
    ids = log_trials(matrix, asked, trials, experiment, args.results)
    write_json(args.results.folder / "sweep" / "mlflow.json", ids)


if __name__ == "__main__":
    with exit_on_user_error():
        main()
