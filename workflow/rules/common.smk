"""What the rules share: names of runs and files, flags of the stages, and the start of a run."""

import os
from shlex import join

from vaepipe import claims
from vaepipe.core.device_files import has_nvidia_gpu
from vaepipe.core.files import future_dated, undo_future_dates
from vaepipe.core.provenance import digest_of_code
from vaepipe.data.manifest import FILES, MANIFEST
from vaepipe.data.state import state_of_source
from vaepipe.figures import NAMES
from vaepipe.flags import to_cli_args
from vaepipe.models.names import split
from vaepipe.results import Results, pictured_runs, runs_of
from vaepipe.tracking.address import check_for_cluster, store_uri
from vaepipe.versions.commands import some
from vaepipe.versions.keep import keep, put_back
from vaepipe.versions.lock import lock_out_dvc

RUN = "{model}-z{latent_dim}-s{seed}"
RUNS = [run.name for run in runs_of(settings.matrix)]
PICTURED = [run.name for run in pictured_runs(settings.matrix)]
DATA = f"data/{settings.data.name}"
DATA_FILES = [f"{DATA}/{name}" for name in (*FILES, MANIFEST)]
TABLES = [
    "results/metrics.csv",
    "results/comparison.csv",
    "results/differences.csv",
    "results/protocol.json",
]
FIGURES = [f"results/figures/{name}.png" for name in NAMES]
VECTORS = [f"results/figures/{name}.svg" for name in NAMES]
PICTURES_OF_CLAIMS = [f"results/claims/{name}.svg" for name in claims.NAMES]
GPUS = {"auto": 1 if has_nvidia_gpu() else 0, "cuda": 1, "cpu": 0}
OWN_IMAGES = state_of_source(settings.data)


wildcard_constraints:
    model=r"[a-z0-9]+(-(beta|lr)[0-9.]+)?",
    latent_dim=r"\d+",
    seed=r"\d+",


def code(stage):
    """A digest of the code that a stage's result depends on; another one runs the stage again."""
    return digest_of_code(stage, Path(workflow.basedir))


def flags(section):
    """The command-line form that DVC gives to a section of the params in a stage's cmd."""
    return join(to_cli_args(getattr(settings, section)))


def gpus(stage):
    """GPUs that a job asks for on this machine; a cluster's profile says it in set-resources."""
    return GPUS[getattr(settings, stage).device]


def memory_of_claims(wildcards, attempt):
    """MiB that claims asks a scheduler for: 780 for each process, and for the one that starts them.

    Not by `threads`, which Snakemake holds to the cores of the login node.
    """
    return 800 * (1 + settings.claims.processes) * attempt


def folder_of(files):
    """The folder of the first of some files, for a command.

    Not its name as it stands in the rules: where jobs share no file system, Snakemake puts the
    files elsewhere.
    """
    return os.path.dirname(files[0])


def results_of(files):
    """The folder of all results, given files that lie in it or in a folder of it."""
    folder = folder_of(files)
    return folder if os.path.basename(folder) == "results" else os.path.dirname(folder)


def of_runs(path):
    """The path of every run of the matrix."""
    return [path.format(run=run) for run in RUNS]


def of_pictured(path):
    """The path of every run that has a figure of its own."""
    return [path.format(run=run) for run in PICTURED]


def takes_all_seeds(stage):
    """Whether one job of train or evaluate takes all seeds of its model."""
    return getattr(settings, stage).seeds_at_once != "one"


def seeds_of_job(stage):
    """The seeds that a job of train or evaluate takes: all of its model, or the wildcard's one."""
    seeds = [str(seed) for seed in settings.matrix.seeds]
    return seeds if takes_all_seeds(stage) else ["{seed}"]


def costly_first(more):
    """The priority of a run's job: the models that take longest are begun first, so that at the end
    no core waits for another. A conditional model is measured with every label.

    Args:
        more: added for jobs whose results others wait for.
    """
    order = ["ae", "gan", "vae", "cvae"]
    return lambda wildcards: more + order.index(split(wildcards.model)[0])


def of_job(stage, path):
    """The path of every run of one job of train or evaluate."""
    cell = {"model": "{model}", "latent_dim": "{latent_dim}"}
    return [
        path.format(run=RUN.format(**cell, seed=seed)) for seed in seeds_of_job(stage)
    ]


def log_of_job(stage):
    """The log of one job of train or evaluate.

    What a script says goes through `tee` to a log and to the terminal; by `-i`, Ctrl-C ends the
    script and not what reads its last words.
    """
    job = "{model}-z{latent_dim}" if takes_all_seeds(stage) else RUN
    return f"results/logs/{stage}/{job}.log"


def captioned(path, caption, category):
    """An output that `snakemake --report` shows, with its caption."""
    return report(
        path,
        caption=f"{workflow.basedir}/workflow/report/{caption}.rst",
        category=category,
    )


def before_the_first_job():
    """Check the store, lock DVC out, keep what jobs may delete, and date anew what is dated later than now.

    Snakemake deletes what a job wrote if an input has a later date than the clock shows.
    """
    try:
        if not workflow.local_exec:
            check_for_cluster(store_uri(Results()))
        lock_out_dvc(Path(workflow.basedir))
        keep(Results())
    except UserError as error:
        raise WorkflowError(str(error)) from None
    undo_future_dates(DATED)


def after_the_last_job():
    """Put back what a failed job would have replaced."""
    if back := put_back(Results()):
        print(
            f"vaepipe: {some(back)}: a job that failed had deleted them; put back. They count as"
            " outdated; `snakemake --touch` keeps them, if they are those of the params",
            file=sys.stderr,
        )


DATED = [Path(folder) for folder in ("data", "results", "src", "workflow")]
if ahead := future_dated(DATED):
    print(
        f"vaepipe: {len(ahead)} files, such as {ahead[0]}, are dated later than now: the clock"
        " was set back, or was ahead when they were written. A run that starts dates them anew",
        file=sys.stderr,
    )
