"""The images.

Where they come from is no part of what they are: the source is among the resources, which
Snakemake does not compare, and no param, so that a new source does not run the download again.
Your own images are what is at the source: `own` says what was there when Snakemake last looked.
"""


rule download:
    output:
        # Left in place: right files are not fetched again, and offline they could not be. For other
        # rules `update` is wrong: when the job fails, Snakemake puts the old files back, but takes
        # them for what the new params give.
        update(DATA_FILES),
    log:
        "results/logs/download.log",
    localrule: True
    conda:
        "../envs/vaepipe.yaml"
    resources:
        source=settings.data.source,
    params:
        code=code("download"),
        name=settings.data.name,
        own=OWN_IMAGES,
        data=lambda wildcards, output: folder_of(output),
    shell:
        "python workflow/scripts/download.py --name {params.name} --source {resources.source:q}"
        f" --size {settings.data.size} --colour {settings.data.colour} --out {{params.data}}"
        " 2>&1 | tee -i {log} >&2"
