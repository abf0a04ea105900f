"""What the rules of a sweep share: its trials, and the paths of their runs."""

import json

from pathlib import Path

from vaepipe import sweep as sweeping
from vaepipe.core.files import sha256

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

# Of what makes the trials and chooses among them, which is in no stage of dvc.yaml.
OWN_CODE = sha256(Path(sweeping.__file__))
IN_TRIAL = "results/sweep/{trial}/"
SWEEP_FLAGS = join(["--sweep", json.dumps(config["sweep"])])
CELLS = [(m, d) for m in settings.matrix.models for d in settings.matrix.latent_dims]


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
