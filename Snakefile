import sys
from glob import glob
from pathlib import Path
from shlex import join

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from vaepipe import arguments, params
from vaepipe.data.manifest import FILES, MANIFEST
from vaepipe.drivers import keep_dvc_out
from vaepipe.errors import UserError
from vaepipe.figures import NAMES
from vaepipe.files import read_yaml, undo_future_dates
from vaepipe.runs import runs_of

min_version("9.10")

# Snakemake's own message would not name what is wrong in the file.
try:
    read_yaml(Path("params.yaml"))
except UserError as error:
    raise WorkflowError(str(error)) from None

# Snakemake deletes what a job wrote if an input has a later date than now.
if workflow.is_main_process:
    if ahead := undo_future_dates(map(Path, ("data", "results", "src", "workflow"))):
        print(
            f"vaepipe: {len(ahead)} files, such as {ahead[0]}, are dated later than now: the clock"
            " was set back, or was ahead when they were written. They are dated anew",
            file=sys.stderr,
        )


# Runs in MLflow say which driver made them.
shell.prefix("export VAEPIPE_DRIVER=snakemake; ")


configfile: "params.yaml"


report: "workflow/report/workflow.rst"


try:
    settings = params.check(params.retyped(config))
except UserError as error:
    raise WorkflowError(str(error)) from None

RUN = "{model}-z{latent_dim}-s{seed}"
RUNS = [run.name for run in runs_of(settings.matrix)]
DATA = f"data/{settings.data.name}"
DATA_FILES = [f"{DATA}/{name}" for name in (*FILES, MANIFEST)]
TABLES = [
    "results/metrics.csv",
    "results/comparison.csv",
    "results/differences.csv",
    "results/protocol.json",
]
SUMMARY = "results/summary.json"
TRIED = "docs/reliability.json"
CURVES = "results/curves.csv"
FIGURES = [f"results/figures/{name}.png" for name in NAMES]
VECTORS = [f"results/figures/{name}.svg" for name in NAMES]
GPU = 1 if glob("/dev/nvidia[0-9]*") else 0
STAGES = yaml.safe_load(Path(workflow.basedir, "dvc.yaml").read_text())["stages"]


def code(stage):
    """The source files that change a stage's result: dvc.yaml lists them, for both drivers."""
    listed = [
        Path(d) for d in STAGES[stage]["deps"] if d.startswith(("src/", "workflow/"))
    ]
    files = [[p] if p.suffix else sorted(p.rglob("*.*")) for p in listed]
    return [str(p) for some in files for p in some if p.suffix != ".pyc"]


def flags(section):
    """The command-line form that DVC gives to a section of the params in a stage's cmd."""
    return join(arguments.words(getattr(settings, section)))


def of_runs(path):
    """The path of every run of the matrix."""
    return [path.format(run=run) for run in RUNS]


def seeds_of_job(stage):
    """The seeds that a job of train or evaluate takes: all of its model, or the wildcard's one."""
    together = getattr(settings, stage).seeds_at_once == "all"
    return [str(s) for s in settings.matrix.seeds] if together else ["{seed}"]


def of_job(stage, path):
    """The path of every run of one job of train or evaluate."""
    return [
        path.format(
            run=RUN.format(model="{model}", latent_dim="{latent_dim}", seed=seed)
        )
        for seed in seeds_of_job(stage)
    ]


def captioned(path, caption, category):
    """An output that `snakemake --report` shows, with its caption."""
    return report(path, caption=f"workflow/report/{caption}.rst", category=category)


wildcard_constraints:
    model="[a-z0-9]+",
    latent_dim=r"\d+",
    seed=r"\d+",


onstart:
    try:
        keep_dvc_out(Path(workflow.basedir))
    except UserError as error:
        raise WorkflowError(str(error)) from None


rule all:
    input:
        "results/report.html",
        "results/digest.json",
        "results/published.json",


rule download:
    input:
        code("download"),
    output:
        DATA_FILES,
    params:
        data=flags("data"),
    shell:
        "python workflow/scripts/download.py {params.data} --out " + DATA


rule train:
    input:
        code("train"),
        DATA_FILES,
    output:
        of_job("train", "results/models/{run}.safetensors"),
        of_job("train", "results/history/{run}.csv"),
        of_job("train", "results/timing/{run}.json"),
    threads: settings.train.threads
    resources:
        gpu=GPU,
    params:
        train=flags("train"),
        seeds=" ".join(seeds_of_job("train")),
    shell:
        "python workflow/scripts/train.py --model {wildcards.model}"
        " --latent_dim {wildcards.latent_dim} --seed {params.seeds} {params.train}"
        f" --data {DATA} --results results"


rule classify:
    input:
        code("classify"),
        DATA_FILES,
    output:
        "results/classifier.safetensors",
        "results/classifier.json",
    threads: settings.classify.threads
    resources:
        gpu=GPU,
    params:
        classify=flags("classify"),
    shell:
        "python workflow/scripts/classify.py {params.classify}"
        f" --data {DATA} --results results"


rule evaluate:
    input:
        code("evaluate"),
        DATA_FILES,
        weights=of_job("evaluate", "results/models/{run}.safetensors"),
        classifier="results/classifier.safetensors",
    output:
        of_job("evaluate", "results/metrics/{run}.json"),
    threads: settings.evaluate.threads
    resources:
        gpu=GPU,
    params:
        evaluate=flags("evaluate"),
    shell:
        "python workflow/scripts/evaluate.py --weights {input.weights}"
        " --classifier {input.classifier} {params.evaluate}"
        f" --data {DATA} --out {{output}}"


rule compare:
    input:
        code("compare"),
        DATA_FILES,
        of_runs("results/metrics/{run}.json"),
        of_runs("results/history/{run}.csv"),
        "results/classifier.json",
    output:
        TABLES,
        SUMMARY,
        CURVES,
    params:
        matrix=flags("matrix"),
    shell:
        "python workflow/scripts/compare.py {params.matrix}"
        f" --data {DATA} --results results"


rule figures:
    input:
        code("figures"),
        DATA_FILES,
        of_runs("results/models/{run}.safetensors"),
        of_runs("results/history/{run}.csv"),
        TABLES,
    output:
        [captioned(path, Path(path).stem, "Figures") for path in FIGURES],
        [
            captioned(path, "run", "Runs")
            for path in of_runs("results/figures/{run}.png")
        ],
        VECTORS,
        of_runs("results/figures/{run}.svg"),
    params:
        matrix=flags("matrix"),
        figures=flags("figures"),
    shell:
        "python workflow/scripts/figures.py {params.matrix} {params.figures}"
        f" --data {DATA} --results results"


rule track:
    input:
        code("track"),
        of_runs("results/models/{run}.safetensors"),
        of_runs("results/history/{run}.csv"),
        of_runs("results/metrics/{run}.json"),
        TABLES,
        FIGURES,
        of_runs("results/figures/{run}.png"),
    output:
        "results/mlflow.json",
    params:
        matrix=flags("matrix"),
        track=flags("track"),
    shell:
        "python workflow/scripts/track.py {params.matrix} {params.track}"
        " --results results --out {output}"


rule digest:
    input:
        code("digest"),
        DATA_FILES,
        "results/classifier.safetensors",
        "results/classifier.json",
        of_runs("results/models/{run}.safetensors"),
        of_runs("results/history/{run}.csv"),
        of_runs("results/metrics/{run}.json"),
        TABLES,
        SUMMARY,
        CURVES,
        FIGURES,
        VECTORS,
        of_runs("results/figures/{run}.png"),
        of_runs("results/figures/{run}.svg"),
    output:
        "results/digest.json",
    params:
        matrix=flags("matrix"),
    shell:
        "python workflow/scripts/digest.py {params.matrix}"
        f" --data {DATA} --results results --out {{output}}"


rule report:
    input:
        code("report"),
        DATA_FILES,
        of_runs("results/models/{run}.safetensors"),
        of_runs("results/timing/{run}.json"),
        of_runs("results/metrics/{run}.json"),
        TABLES,
        VECTORS,
        "results/mlflow.json",
        TRIED,
    output:
        captioned("results/report.html", "page", "Report"),
    params:
        matrix=flags("matrix"),
        figures=flags("figures"),
    shell:
        "python workflow/scripts/report.py {params.matrix} {params.figures}"
        f" --data {DATA} --results results --captions workflow/report --tried {TRIED}"
        " --out {output}"


rule publish:
    input:
        code("publish"),
        "results/mlflow.json",
        "results/report.html",
    output:
        "results/published.json",
    shell:
        "python workflow/scripts/publish.py --results results --out {output}"
