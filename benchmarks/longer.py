"""The longer budget beside the page's answers: `python -m benchmarks.longer RESULTS`.

Takes what params/full.yaml measured (means, differences between models, processor seconds) into
src/vaepipe/report/longer/, from where the report of a shorter training on MNIST reads it.
"""

import argparse
from pathlib import Path

from vaepipe.core.errors import UserError, exit_on_user_error
from vaepipe.core.files import read_json, read_table, write_json, write_text
from vaepipe.evaluation.verdicts import with_verdicts
from vaepipe.models import weights
from vaepipe.report.longer import FOLDER
from vaepipe.report.numbers import seconds_table
from vaepipe.results import Results, Run

PRESET = "params/full.yaml"


def take(results: Results) -> None:
    """Take the tables of a folder of results, and what stands beside them.

    Raises:
        UserError: the results are of another preset.
    """
    preset = read_json(results.claims)["settings"]["preset"]
    if preset != PRESET:
        raise UserError(f"{results.folder} is of {preset}, and the longer budget is {PRESET}'s")
    table = read_table(results.metrics_table)
    runs = [Run(*key) for key in table[["model", "latent_dim", "seed"]].itertuples(index=False)]
    conditional = set(table.loc[table["conditional_accuracy"].notna(), "model"])
    differences = read_table(results.differences_table)
    tables = {
        "comparison": read_table(results.comparison_table),
        "differences": differences,
        "seconds": seconds_table({run: read_json(results.timing(run)) for run in runs}),
    }
    for name, one in tables.items():
        write_text(FOLDER / f"{name}.csv", one.to_csv(index=False))
    train = weights.read_metadata(results.model(runs[0]))["train"]
    protocol = read_json(results.protocol)
    about = {
        "preset": preset,
        "commit": read_json(results.provenance)["git"]["commit"][:7],
        "hidden": "-".join(map(str, train["hidden"])),
        "epochs": train["epochs"],
        "seeds": len(protocol["seeds"]),
        "tested": int(with_verdicts(differences, conditional)["p"].notna().sum()),
    }
    about |= {key: protocol[key] for key in ("data_set", "binarize", "importance_samples")}
    write_json(FOLDER / "about.json", about)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.longer",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("results", type=Path, help=f"folder of the results of {PRESET}")
    take(Results(parser.parse_args().results))


if __name__ == "__main__":
    with exit_on_user_error():
        main()
