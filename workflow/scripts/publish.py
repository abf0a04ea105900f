"""Add the report to the comparison's run in MLflow."""

import argparse
from pathlib import Path

from vaepipe.errors import one_message
from vaepipe.files import write_json
from vaepipe.runs import Results
from vaepipe.tracking.attach import attach_report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True, help="folder of all results")
    parser.add_argument("--out", type=Path, required=True, help="where it is written down")
    flags = parser.parse_args()
    write_json(flags.out, attach_report(Results(flags.results)))


if __name__ == "__main__":
    with one_message():
        main()
