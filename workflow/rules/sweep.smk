"""A sweep over settings of training: its trials, the choice by validation, and one test of it.

Not part of `all`; params/sweep.yaml has an example, docs/scaling.md the explanation.
"""

import json

from vaepipe import sweep as sweeping

try:
    SWEEP = sweeping.check(
        config["sweep"],
        settings.train,
        settings.matrix.seeds,
        settings.matrix.models,
    )
    TRIALS = {trial.name: trial for trial in sweeping.trials(SWEEP, settings.train)}
except UserError as error:
    raise WorkflowError(str(error)) from None

IN_TRIAL = "results/sweep/{trial}/"
SWEEP_FLAGS = join(["--sweep", json.dumps(config["sweep"])])
CELLS = [(m, d) for m in settings.matrix.models for d in settings.matrix.latent_dims]


wildcard_constraints:
    trial="[0-9a-f]{10}",


def of_trials(path):
    """The path of every run of every trial."""
    return [
        path.format(trial=trial, run=f"{model}-z{dim}-s{seed}")
        for trial in TRIALS
        for model, dim in CELLS
        for seed in SWEEP.seeds
    ]


def of_chosen(path):
    """The path of the test's runs of what was chosen, once that is known."""

    def paths(wildcards):
        with open(checkpoints.sweep_choose.get().output.chosen) as file:
            chosen = json.load(file)
        return [
            path.format(
                trial=chosen[sweeping.cell_name(model, dim)],
                run=f"{model}-z{dim}-s{seed}",
            )
            for model, dim in CELLS
            for seed in settings.matrix.seeds
        ]

    return paths


rule sweep_train:
    input:
        data=DATA_FILES,
    output:
        model=f"{IN_TRIAL}models/{RUN}.safetensors",
        history=f"{IN_TRIAL}history/{RUN}.csv",
        timing=f"{IN_TRIAL}timing/{RUN}.json",
    threads: settings.train.threads
    resources:
        gpu=gpus("train"),
    params:
        code=code("train"),
        train=lambda wildcards: join(to_cli_args(TRIALS[wildcards.trial].settings)),
        data=lambda wildcards, input: folder_of(input.data),
        results=lambda wildcards, output: results_of(output),
    shell:
        "python workflow/scripts/train.py --model {wildcards.model}"
        " --latent_dim {wildcards.latent_dim} --seed {wildcards.seed} {params.train}"
        " --data {params.data} --results {params.results}"


checkpoint sweep_choose:
    input:
        histories=of_trials("results/sweep/{trial}/history/{run}.csv"),
        timings=of_trials("results/sweep/{trial}/timing/{run}.json"),
    output:
        trials="results/sweep/trials.csv",
        chosen="results/sweep/chosen.json",
    localrule: True
    params:
        code=code("compare"),
        matrix=flags("matrix"),
        train=flags("train"),
        results=lambda wildcards, output: results_of(output),
    shell:
        "python workflow/scripts/sweep_choose.py {SWEEP_FLAGS} {params.matrix} {params.train}"
        " --results {params.results}"


rule sweep_evaluate:
    input:
        data=DATA_FILES,
        weights=f"{IN_TRIAL}models/{RUN}.safetensors",
        classifier="results/classifier.safetensors",
    output:
        metrics=f"{IN_TRIAL}metrics/{RUN}.json",
    threads: settings.evaluate.threads
    resources:
        gpu=gpus("evaluate"),
    params:
        code=code("evaluate"),
        evaluate=flags("evaluate"),
        data=lambda wildcards, input: folder_of(input.data),
    shell:
        "python workflow/scripts/evaluate.py --weights {input.weights}"
        " --classifier {input.classifier} {params.evaluate}"
        " --data {params.data}"
        " --out {output.metrics}"


rule sweep_track:
    input:
        models=of_trials("results/sweep/{trial}/models/{run}.safetensors"),
        chosen="results/sweep/chosen.json",
    output:
        "results/sweep/mlflow.json",
    localrule: True
    params:
        code=code("track"),
        matrix=flags("matrix"),
        train=flags("train"),
        track=flags("track"),
        results=lambda wildcards, output: results_of(output),
    shell:
        "python workflow/scripts/sweep_track.py {SWEEP_FLAGS} {params.matrix} {params.train}"
        " {params.track} --results {params.results}"


rule sweep:
    input:
        chosen="results/sweep/chosen.json",
        trials="results/sweep/trials.csv",
        metrics=of_chosen("results/sweep/{trial}/metrics/{run}.json"),
        mlflow="results/sweep/mlflow.json",
    output:
        report="results/sweep/report.html",
        test="results/sweep/test.csv",
    localrule: True
    params:
        code=code("report"),
        matrix=flags("matrix"),
        train=flags("train"),
        results=lambda wildcards, output: results_of(output),
    shell:
        "python workflow/scripts/sweep_report.py {SWEEP_FLAGS} {params.matrix} {params.train}"
        " --metrics {input.metrics} --results {params.results}"
