"""Train one run, or several seeds at once; write weights, histories and what they cost."""

import argparse

from vaepipe import flags, params
from vaepipe.core.errors import exit_on_user_error
from vaepipe.core.provenance import code_digests
from vaepipe.training.job import train_runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    flags.add_runs(parser)
    flags.add_section(parser, params.Train)
    flags.add_folders(parser)
    args = parser.parse_args()
    settings = flags.section(params.Train, args)
    train_runs(flags.runs(args), settings, args.data, args.results, code_digests("train"))


if __name__ == "__main__":
    with exit_on_user_error():
        main()
