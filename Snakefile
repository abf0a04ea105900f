"""The pipeline under Snakemake: what is made, and where its rules are.

dvc.yaml has the same stages; tests/test_drivers.py holds the two equal. How many runs there are and
what each stage does is set in params.yaml.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir, "src")))

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from vaepipe import params
from vaepipe.core.errors import UserError
from vaepipe.core.files import read_yaml

min_version("9.10")

# Snakemake's own message would not name what is wrong in the file.
try:
    read_yaml(Path("params.yaml"))
except UserError as error:
    raise WorkflowError(str(error)) from None


configfile: "params.yaml"


try:
    settings = params.check(
        params.retyped({k: config[k] for k in config if k != "sweep"})
    )
except UserError as error:
    raise WorkflowError(str(error)) from None

# Runs in MLflow say which driver made them. A prefix replaces Snakemake's own, by which a script's
# failure is not lost in the pipe to its log.
shell.prefix(
    "set -euo pipefail; export VAEPIPE_DRIVER=snakemake PYTHONPATH=src:${{PYTHONPATH-}}; "
)


# A limit on GPUs, such as in profiles/default, holds for one machine: a scheduler counts its own.
resource_scopes:
    gpu="local",


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/report.smk"


# An overlay such as params/sweep.yaml has this section, for the target `sweep`.
if "sweep" in config:

    include: "workflow/rules/sweep.smk"


onstart:
    before_the_first_job()


onsuccess:
    after_the_last_job()


onerror:
    after_the_last_job()


rule all:
    default_target: True
    input:
        report="results/report.html",
        provenance="results/provenance.json",
        mlflow="results/mlflow.json",
