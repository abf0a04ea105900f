"""A sweep over settings of training: its trials, the choice by validation, and one test of it.

Not part of `all`; params/sweep.yaml has an example, docs/scaling.md the explanation.
"""


include: "sweep_common.smk"


wildcard_constraints:
    trial="[0-9a-f]{10}",


rule sweep_train:
    input:
        data=DATA_FILES,
    output:
        model=f"{IN_TRIAL}models/{RUN}.safetensors",
        history=f"{IN_TRIAL}history/{RUN}.csv",
        timing=f"{IN_TRIAL}timing/{RUN}.json",
    log:
        f"results/logs/sweep_train/{{trial}}/{RUN}.log",
    conda:
        "../envs/vaepipe.yaml"
    threads: settings.train.threads
    resources:
        gpu=gpus("train"),
    params:
        code=code("train"),
        train=lambda wildcards: join(to_cli_args(TRIALS[wildcards.trial].settings)),
        data=lambda wildcards, input: folder_of(input.data),
        results=lambda wildcards, output: results_of(output),
    shell:
        # Trials are logged together by sweep_track: none is streamed to a server.
        "MLFLOW_TRACKING_URI= python workflow/scripts/train.py --model {wildcards.model}"
        " --latent_dim {wildcards.latent_dim} --seed {wildcards.seed} {params.train}"
        " --data {params.data} --results {params.results}"
        " 2>&1 | tee -i {log} >&2"


checkpoint sweep_choose:
    input:
        histories=of_trials("results/sweep/{trial}/history/{run}.csv"),
        timings=of_trials("results/sweep/{trial}/timing/{run}.json"),
    output:
        trials="results/sweep/trials.csv",
        chosen="results/sweep/chosen.json",
    log:
        "results/logs/sweep_choose.log",
    localrule: True
    conda:
        "../envs/vaepipe.yaml"
    params:
        sweep=SWEEP_FLAGS,
        code=code("compare") + OWN_CODE,
        matrix=flags("matrix"),
        train=flags("train"),
        results=lambda wildcards, output: results_of(output),
    shell:
        "python workflow/scripts/sweep_choose.py {params.sweep} {params.matrix} {params.train}"
        " --results {params.results}"
        " 2>&1 | tee -i {log} >&2"


rule sweep_evaluate:
    input:
        data=DATA_FILES,
        weights=f"{IN_TRIAL}models/{RUN}.safetensors",
        classifier="results/classifier.safetensors",
    output:
        metrics=f"{IN_TRIAL}metrics/{RUN}.json",
    log:
        f"results/logs/sweep_evaluate/{{trial}}/{RUN}.log",
    conda:
        "../envs/vaepipe.yaml"
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
        " 2>&1 | tee -i {log} >&2"


rule sweep_track:
    input:
        models=of_trials("results/sweep/{trial}/models/{run}.safetensors"),
        histories=of_trials("results/sweep/{trial}/history/{run}.csv"),
        timings=of_trials("results/sweep/{trial}/timing/{run}.json"),
        chosen="results/sweep/chosen.json",
    output:
        "results/sweep/mlflow.json",
    log:
        "results/logs/sweep_track.log",
    localrule: True
    conda:
        "../envs/vaepipe.yaml"
    params:
        sweep=SWEEP_FLAGS,
        code=code("track") + OWN_CODE,
        matrix=flags("matrix"),
        train=flags("train"),
        track=flags("track"),
        results=lambda wildcards, output: results_of(output),
    shell:
        "python workflow/scripts/sweep_track.py {params.sweep} {params.matrix} {params.train}"
        " {params.track} --results {params.results}"
        " 2>&1 | tee -i {log} >&2"


rule sweep:
    input:
        chosen="results/sweep/chosen.json",
        trials="results/sweep/trials.csv",
        metrics=of_chosen("results/sweep/{trial}/metrics/{run}.json"),
        mlflow="results/sweep/mlflow.json",
    output:
        report="results/sweep/report.html",
        test="results/sweep/test.csv",
    log:
        "results/logs/sweep.log",
    localrule: True
    conda:
        "../envs/vaepipe.yaml"
    params:
        sweep=SWEEP_FLAGS,
        code=code("report") + OWN_CODE,
        matrix=flags("matrix"),
        train=flags("train"),
        results=lambda wildcards, output: results_of(output),
    shell:
        "python workflow/scripts/sweep_report.py {params.sweep} {params.matrix} {params.train}"
        " --metrics {input.metrics} --results {params.results}"
        " 2>&1 | tee -i {log} >&2"
