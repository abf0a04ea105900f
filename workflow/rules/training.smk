"""The models, a job for each run or for all seeds of a model, and the classifier."""


rule train:
    input:
        data=DATA_FILES,
    output:
        models=of_job("train", "results/models/{run}.safetensors"),
        histories=of_job("train", "results/history/{run}.csv"),
        timings=of_job("train", "results/timing/{run}.json"),
    log:
        log_of_job("train"),
    priority: costly_first(more=10)
    conda:
        "../envs/vaepipe.yaml"
    threads: settings.train.threads
    resources:
        gpu=gpus("train"),
    params:
        code=code("train"),
        train=flags("train"),
        seeds=" ".join(seeds_of_job("train")),
        data=lambda wildcards, input: folder_of(input.data),
        results=lambda wildcards, output: results_of(output),
    shell:
        "python workflow/scripts/train.py --model {wildcards.model}"
        " --latent_dim {wildcards.latent_dim} --seed {params.seeds} {params.train}"
        " --data {params.data} --results {params.results}"
        " 2>&1 | tee -i {log} >&2"


rule classify:
    input:
        data=DATA_FILES,
    output:
        classifier="results/classifier.safetensors",
        metrics="results/classifier.json",
    log:
        "results/logs/classify.log",
    priority: 11
    conda:
        "../envs/vaepipe.yaml"
    threads: settings.classify.threads
    resources:
        gpu=gpus("classify"),
    params:
        code=code("classify"),
        classify=flags("classify"),
        data=lambda wildcards, input: folder_of(input.data),
        results=lambda wildcards, output: results_of(output),
    shell:
        "python workflow/scripts/classify.py {params.classify}"
        " --data {params.data} --results {params.results}"
        " 2>&1 | tee -i {log} >&2"
