"""Metrics of the runs, and the tables and figures over all of them."""


rule evaluate:
    input:
        data=DATA_FILES,
        weights=of_job("evaluate", "results/models/{run}.safetensors"),
        classifier="results/classifier.safetensors",
    output:
        metrics=of_job("evaluate", "results/metrics/{run}.json"),
    log:
        log_of_job("evaluate"),
    priority: costly_first(more=0)
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


rule compare:
    input:
        data=DATA_FILES,
        metrics=of_runs("results/metrics/{run}.json"),
        histories=of_runs("results/history/{run}.csv"),
        classifier="results/classifier.json",
    output:
        tables=TABLES,
        summary="results/summary.json",
        curves="results/curves.csv",
    log:
        "results/logs/compare.log",
    conda:
        "../envs/vaepipe.yaml"
    params:
        code=code("compare"),
        matrix=flags("matrix"),
        data=lambda wildcards, input: folder_of(input.data),
        results=lambda wildcards, output: results_of(output),
    shell:
        "python workflow/scripts/compare.py {params.matrix}"
        " --data {params.data} --results {params.results}"
        " 2>&1 | tee -i {log} >&2"


rule claims:
    input:
        data=DATA_FILES,
        models=of_runs("results/models/{run}.safetensors"),
        metrics=of_runs("results/metrics/{run}.json"),
        classifier="results/classifier.safetensors",
    output:
        verdicts="results/claims.json",
        table="results/claims.csv",
        seconds="results/claims_seconds.csv",
        pictures=PICTURES_OF_CLAIMS,
    log:
        "results/logs/claims.log",
    conda:
        "../envs/vaepipe.yaml"
    threads: settings.claims.processes
    resources:
        mem_mb=memory_of_claims,
    params:
        code=code("claims"),
        matrix=flags("matrix"),
        claims=flags("claims"),
        data=lambda wildcards, input: folder_of(input.data),
        results=lambda wildcards, output: results_of(output),
    shell:
        "python workflow/scripts/claims.py {params.matrix} {params.claims}"
        " --data {params.data} --results {params.results}"
        " 2>&1 | tee -i {log} >&2"


rule figures:
    input:
        data=DATA_FILES,
        models=of_runs("results/models/{run}.safetensors"),
        histories=of_runs("results/history/{run}.csv"),
        tables=TABLES,
    output:
        [captioned(path, Path(path).stem, "Figures") for path in FIGURES],
        [
            captioned(path, "run", "Runs")
            for path in of_pictured("results/figures/{run}.png")
        ],
        VECTORS,
        of_pictured("results/figures/{run}.svg"),
    log:
        "results/logs/figures.log",
    conda:
        "../envs/vaepipe.yaml"
    params:
        code=code("figures"),
        matrix=flags("matrix"),
        figures=flags("figures"),
        data=lambda wildcards, input: folder_of(input.data),
        results=lambda wildcards, output: results_of(output),
    shell:
        "python workflow/scripts/figures.py {params.matrix} {params.figures}"
        " --data {params.data} --results {params.results}"
        " 2>&1 | tee -i {log} >&2"
