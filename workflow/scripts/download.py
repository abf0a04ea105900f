"""Fetch one data set, or convert your own images: four IDX files, checked, and a manifest."""

import argparse
from pathlib import Path

from vaepipe import flags, params
from vaepipe.core.errors import exit_on_user_error
from vaepipe.data.sources import fetch
from vaepipe.data.state import keep_state


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    flags.add_section(parser, params.Data)
    parser.add_argument("--out", type=Path, required=True, help="folder for the data set's files")
    args = parser.parse_args()
    data = flags.section(params.Data, args)
    fetch(data.name, args.out, data.source, size=data.size, colour=data.colour)
    keep_state(data, args.out)


if __name__ == "__main__":
    with exit_on_user_error():
        main()
