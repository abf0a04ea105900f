"""The images.

Where they come from is no part of what they are: SOURCE is a global, which Snakemake does not
compare, and no param, so that a new source does not run the download again.
"""


rule download:
    output:
        # Kept until the fetch has delivered: offline, they could not be had again.
        update(DATA_FILES),
    params:
        code=code("download"),
        name=settings.data.name,
    shell:
        "python workflow/scripts/download.py --name {params.name} --source {SOURCE:q} --out {DATA}"
