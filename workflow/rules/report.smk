"""What the results were made with, the page over all of them, and their runs in MLflow."""


rule provenance:
    input:
        data=DATA_FILES,
        classifier=["results/classifier.safetensors", "results/classifier.json"],
        models=of_runs("results/models/{run}.safetensors"),
        histories=of_runs("results/history/{run}.csv"),
        metrics=of_runs("results/metrics/{run}.json"),
        timings=of_runs("results/timing/{run}.json"),
        tables=TABLES,
        summary="results/summary.json",
        curves="results/curves.csv",
        figures=FIGURES,
        vectors=VECTORS,
        figures_of_runs=of_pictured("results/figures/{run}.png"),
        vectors_of_runs=of_pictured("results/figures/{run}.svg"),
        claims="results/claims.csv",
        pictures_of_claims=PICTURES_OF_CLAIMS,
    output:
        digest="results/digest.json",
        provenance="results/provenance.json",
    log:
        "results/logs/provenance.log",
    conda:
        "../envs/vaepipe.yaml"
    params:
        code=code("provenance"),
        matrix=flags("matrix"),
        data=lambda wildcards, input: folder_of(input.data),
        results=lambda wildcards, output: results_of(output),
    shell:
        "python workflow/scripts/provenance.py {params.matrix}"
        " --data {params.data} --results {params.results}"
        " 2>&1 | tee -i {log} >&2"


rule report:
    input:
        data=DATA_FILES,
        models=of_runs("results/models/{run}.safetensors"),
        timings=of_runs("results/timing/{run}.json"),
        metrics=of_runs("results/metrics/{run}.json"),
        tables=TABLES,
        histories=of_runs("results/history/{run}.csv"),
        vectors=VECTORS,
        claims="results/claims.json",
        pictures_of_claims=PICTURES_OF_CLAIMS,
        provenance="results/provenance.json",
    output:
        report=captioned("results/report.html", "page", "Report"),
        answers="results/answers.json",
    log:
        "results/logs/report.log",
    conda:
        "../envs/vaepipe.yaml"
    params:
        code=code("report"),
        matrix=flags("matrix"),
        figures=flags("figures"),
        data=lambda wildcards, input: folder_of(input.data),
        results=lambda wildcards, output: results_of(output),
    shell:
        "python workflow/scripts/report.py {params.matrix} {params.figures}"
        " --data {params.data} --results {params.results}"
        " 2>&1 | tee -i {log} >&2"


rule track:
    input:
        models=of_runs("results/models/{run}.safetensors"),
        histories=of_runs("results/history/{run}.csv"),
        timings=of_runs("results/timing/{run}.json"),
        metrics=of_runs("results/metrics/{run}.json"),
        tables=TABLES,
        figures=FIGURES,
        figures_of_runs=of_pictured("results/figures/{run}.png"),
        provenance="results/provenance.json",
        report="results/report.html",
        answers="results/answers.json",
    output:
        "results/mlflow.json",
    log:
        "results/logs/track.log",
    localrule: True
    conda:
        "../envs/vaepipe.yaml"
    params:
        code=code("track"),
        matrix=flags("matrix"),
        track=flags("track"),
        results=lambda wildcards, output: results_of(output),
    shell:
        "python workflow/scripts/track.py {params.matrix} {params.track} --results {params.results}"
        " 2>&1 | tee -i {log} >&2"
