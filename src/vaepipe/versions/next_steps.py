"""What one most likely wants next, from what lies in the folder."""

from pathlib import Path

from vaepipe.core.errors import UserError
from vaepipe.core.provenance import git
from vaepipe.results import Results


def next_steps(root: Path) -> list[str]:
    """Lines for the user: what was found, and the commands that go on from there.

    Args:
        root: the folder in which the command was called.
    """
    if not (root / "params.yaml").exists() or not (root / "Snakefile").exists():
        return [
            "This folder holds no pipeline: there is no params.yaml or no Snakefile.",
            "  cd PATH_OF_THE_REPOSITORY         then call vaepipe again",
        ]
    results = Results(root / "results")
    if results.report.exists():
        return [
            f"The report is {results.report}.",
            "  vaepipe ui                        MLflow's pages over the same runs",
            *_comparison(root),
            "  snakemake --cores 4               replace it by what params.yaml asks for now",
        ]
    trained = sorted((results.folder / "models").glob("*.safetensors"))
    if trained:
        return [
            f"{len(trained)} trained models and no report yet: the pipeline stopped on its way.",
            "  the same command as before        go on, with its --configfile or --config if it had"
            " one: what is there is not made again",
            "  the same with --dry-run           list what is left to do",
        ]
    return [
        "No results yet.",
        "  make smoke                        the whole pipeline in a minute, on little training",
        "  snakemake --cores 4               the whole pipeline, as params.yaml says",
        "  vaepipe preset                    list the presets",
    ]


def _comparison(root: Path) -> list[str]:
    try:
        git(root, "cat-file", "-e", "HEAD:./results/comparison.csv")
    except UserError:
        return [
            "  make to-dvc                       keep them as a version; then git add and commit"
        ]
    return ["  vaepipe diff                      what differs from the committed version"]
