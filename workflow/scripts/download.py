"""Fetch one data set, check its digests and write its four IDX files and a manifest."""

import argparse
from pathlib import Path

from vaepipe import arguments, params
from vaepipe.data.sources import fetch
from vaepipe.errors import one_message


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    arguments.add_section(parser, params.Data)
    parser.add_argument("--out", type=Path, required=True, help="folder for the data set's files")
    flags = parser.parse_args()
    data = arguments.section(params.Data, flags)
    fetch(data.name, flags.out, data.source)


if __name__ == "__main__":
    with one_message():
        main()
