"""Which trials a sweep makes, what is chosen among them, and how it is shown."""

import math
import random

import pandas as pd
import pytest
import yaml

from conftest import ROOT, a_copy, run_in
from reports import made_page, made_results
from vaepipe import params, sweep
from vaepipe.core.errors import UserError
from vaepipe.core.files import read_json, write_json, write_text
from vaepipe.evaluation.sweep import chosen, trial_results, trials_table
from vaepipe.figures import NAMES
from vaepipe.params import Figures, Matrix
from vaepipe.report import many
from vaepipe.results import FEW, MANY, Results, Run, pictured_cells, pictured_runs, runs_of

TRAIN = params.check(yaml.safe_load((ROOT / "params.yaml").read_text())).train
RANDOM = {
    "method": "random",
    "trials": 8,
    "seed": 0,
    "seeds": [100],
    "settings": {
        "learning_rate": {"low": 0.001, "high": 0.1, "scale": "log"},
        "hidden": [[16], [32, 16]],
        "batch_size": {"low": 20, "high": 200, "scale": "linear"},
    },
}
GRID = RANDOM | {
    "method": "grid",
    "trials": 6,
    "settings": {"beta": [0.5, 1.0, 2.0], "hidden": [[16], [32]]},
}


def trials(section: dict) -> list[sweep.Trial]:
    return sweep.trials(sweep.check(section, TRAIN), TRAIN)


def test_a_grid_has_every_combination_once():
    found = [(t.settings.beta, t.settings.hidden) for t in trials(GRID)]
    assert sorted(found) == [(b, (h,)) for b in (0.5, 1.0, 2.0) for h in (16, 32)]
    assert all(t.settings.learning_rate == TRAIN.learning_rate for t in trials(GRID))


def test_a_random_search_is_the_same_for_the_same_seed_and_stays_in_its_ranges():
    found = trials(RANDOM)
    assert found == trials(RANDOM)
    assert found != trials(RANDOM | {"seed": 1})
    assert len({t.name for t in found}) == 8
    for trial in found:
        assert 0.001 <= trial.settings.learning_rate <= 0.1
        assert trial.settings.hidden in ((16,), (32, 16))
        assert type(trial.settings.batch_size) is int
        assert 20 <= trial.settings.batch_size <= 200


def test_a_logarithmic_range_has_as_many_draws_in_every_decade():
    rates = [t.settings.learning_rate for t in trials(RANDOM | {"trials": 1000})]
    assert 400 < sum(rate < 0.01 for rate in rates) < 600


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_draws_of_a_narrow_range_differ_and_stay_in_it(scale):
    """With four digits they were 0.999 and 1, which no setting may be."""
    narrow = {"adam_beta2": {"low": 0.999, "high": 0.99999, "scale": scale}}
    found = [t.settings.adam_beta2 for t in trials(RANDOM | {"trials": 500, "settings": narrow})]
    assert 0.999 <= min(found) < 0.9991
    assert 0.9999 < max(found) <= 0.99999
    assert len(set(found)) == 500


@pytest.mark.parametrize(("share", "drawn"), [(0.0, 0.100004), (0.5, 0.55), (1.0, 0.999996)])
def test_rounding_to_four_digits_does_not_leave_the_range(share, drawn):
    class Fixed(random.Random):
        def random(self):
            return share

    choices = {"low": 0.100004, "high": 0.999996, "scale": "linear"}
    assert sweep._drawn("beta", choices, Fixed()) == drawn


def test_numbers_that_snakemakes_loader_leaves_as_text_are_numbers():
    """YAML 1.1, which Snakemake reads, has no number 1e-3, and `--config` gives texts alone."""
    learning_rate = {"low": "1e-3", "high": "1e-1", "scale": "log"}
    texts = {"learning_rate": learning_rate, "hidden": [["16"], "[32, 16]"], "batch_size": ["20"]}
    numbers = {**RANDOM["settings"], "batch_size": [20]}
    section = RANDOM | {"trials": "8", "seed": "0", "seeds": ["100"], "settings": texts}
    assert trials(section) == trials(RANDOM | {"settings": numbers})
    grid = GRID | {"trials": 2, "settings": {"learning_rate": ["1e-4", "1e-3"]}}
    assert [t.changes["learning_rate"] for t in trials(grid)] == [1e-4, 1e-3]


def test_more_trials_leave_the_earlier_ones_as_they_are():
    assert trials(RANDOM | {"trials": 20})[:8] == trials(RANDOM)
    wider = GRID | {"trials": 8, "settings": {**GRID["settings"], "beta": [0.5, 1.0, 2.0, 4.0]}}
    assert {t.name for t in trials(GRID)} <= {t.name for t in trials(wider)}


OF = "settings"
BAD = [
    ({"method": "best"}, "grid, random"),
    ({"trials": 0}, "trials is 0"),
    ({"seeds": []}, "list of whole numbers"),
    ({"seeds": [0]}, "matrix.seeds"),
    ({"seeds": [7, 7]}, "each seed once"),
    ({OF: {"likelihood": ["bernoulli", "logistic"]}}, "what the validation loss means"),
    ({OF: {"gan_penalty": [0.1, 1.0]}}, "can't be of a GAN"),
    ({OF: {}}, "settings is empty"),
    ({OF: {"learning_rat": [1]}}, "unknown"),
    ({OF: {"epochs": [1, 2]}}, "same budget"),
    ({OF: {"reconstruction": ["cross_entropy"]}}, "what the validation loss means"),
    ({OF: {"learning_rate": [-1.0]}}, "above 0"),
    ({OF: {"learning_rate": {"low": 0.1, "high": 0.01, "scale": "log"}}}, "low < high"),
    ({OF: {"beta": {"low": 0, "high": 1, "scale": "log"}}}, "more than 0"),
    ({OF: {"beta": {"low": 0, "high": 1}}}, "low, high and scale"),
    ({"method": "grid"}, "a grid can't be made"),
    ({"budget": 3}, "allowed is a section with"),
]


@pytest.mark.parametrize(("change", "said"), BAD)
def test_a_sweep_that_is_not_allowed_is_refused_by_name(change, said):
    with pytest.raises(UserError, match=said):
        sweep.check(RANDOM | change, TRAIN, test_seeds=(0, 1))


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (GRID | {"trials": 5}, "the grid has 6"),
        (GRID | {"trials": 2, "settings": {"beta": [2.0, 2.0]}}, "names a value twice"),
        (RANDOM | {"settings": {"hidden": [[16], [32]]}}, "has 2 combinations"),
    ],
)
def test_a_budget_that_can_not_be_met_is_refused(section, said):
    with pytest.raises(UserError, match=said):
        trials(section)


VALIDATION = {"validation_loss": 90.0, "validation_distortion": 80.0, "validation_rate": 30.0}


def test_trials_are_compared_by_the_elbo_whatever_their_loss_was():
    assert sweep.validation_value([VALIDATION], epochs=1) == 110.0
    without = VALIDATION | {"validation_rate": math.nan}
    assert sweep.validation_value([without], epochs=1) == 90.0
    assert sweep.validation_value([VALIDATION], epochs=2) == math.inf


@pytest.fixture
def tried(tmp_path) -> tuple[Matrix, sweep.Sweep, list[sweep.Trial], Results]:
    """A grid whose trials get worse one by one; the first did not come to its end."""
    matrix, asked = Matrix(("vae", "ae"), (3,), (0,)), sweep.check(GRID, TRAIN)
    results = Results(tmp_path)
    for k, trial in enumerate(trials(GRID)):
        folder = trial_results(results, trial.name)
        for model in matrix.models:
            run = Run(model, 3, 100)
            rows = [{"epoch": e, "validation_loss": 100.0 + k} for e in range(TRAIN.epochs)]
            table = pd.DataFrame(rows if k else rows[:1])
            write_text(folder.history(run), table.to_csv(index=False))
            write_json(folder.timing(run), {"cpu_seconds": 1.0})
    return matrix, asked, trials(GRID), results


def test_the_best_trial_that_came_to_its_end_is_chosen(tried):
    table = trials_table(*tried)
    assert len(table) == 12
    assert table["validation"].isna().sum() == 2
    second = tried[2][1].name
    assert chosen(table) == {"vae-z3": second, "ae-z3": second}
    assert table["trial"].tolist()[:2] == [second, tried[2][2].name]
    with pytest.raises(UserError, match="no trial of vae"):
        chosen(table.assign(validation=math.nan))


def test_few_of_many_cells_are_pictured_the_smallest_and_the_largest_among_them():
    small = Matrix(("ae", "vae"), (3, 20), (0, 1))
    assert pictured_cells(small) == small
    assert pictured_runs(small) == runs_of(small)
    large = Matrix(("ae", "vae"), tuple(range(1, 101)), (5, 6))
    few = pictured_cells(large)
    assert len(few.latent_dims) == FEW
    assert (few.latent_dims[0], few.latent_dims[-1]) == (1, 100)
    assert pictured_runs(large) == [run for run in runs_of(few) if run.seed == 5]


def test_lines_follow_the_values_and_break_where_one_is_missing():
    columns = [many.Column("a", [1.0, 2.0]), many.Column("b", ["x", "y"])]
    columns.append(many.Column("c", [None, 5.0], 2))
    first, second = many._lines(columns)
    assert first.count("M") == 1
    assert first.count("L") == 1  # it ends before the missing value
    assert second.count("L") == 2
    page = many.html(columns, ["red", "blue"], "A caption.")
    assert page.count("<path") == page.count("<tr data-row") == 2
    assert 'data-value="">–' in page


def test_a_small_sweep_is_tried_chosen_tested_tracked_and_shown(smoke_tree, tmp_path):
    """One model, two trials: what is chosen by validation is tested with the other seed."""
    tree = a_copy(smoke_tree, tmp_path / "tree")
    section = RANDOM | {"trials": 2, "settings": {"learning_rate": [0.001, 0.01]}}
    overlay = {"matrix": {"models": ["vae"], "seeds": [0]}, "sweep": section}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(overlay))
    words = ["snakemake", "sweep", "--cores", "2", "--configfile", str(tmp_path / "sweep.yaml")]
    done = run_in(tree, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tree / "results/sweep"
    table = pd.read_csv(folder / "trials.csv")
    assert read_json(folder / "chosen.json")["vae-z3"] == table.loc[0, "trial"]
    assert table["validation"].is_monotonic_increasing
    [trial] = {path.parts[-3] for path in folder.glob("*/metrics/*.json")}
    assert trial == table.loc[0, "trial"]
    assert len(read_json(folder / "mlflow.json")) == 2
    assert trial in (folder / "report.html").read_text()
    assert "Nothing to be done" in run_in(tree, *words, "-n").stdout
    # The pipeline's own results are as they were.
    plan = run_in(tree, "snakemake", "-n")
    assert "Nothing to be done" in plan.stdout + plan.stderr


@pytest.mark.slow
def test_a_page_over_many_cells_has_a_row_for_each_and_pictures_of_few(mnist_folder, tmp_path):
    matrix = Matrix(("ae", "vae"), tuple(range(1, MANY // 2 + 2)), (0,))
    figures = Figures(images=3, digits=10, points=50, dpi=50)
    results = made_results(tmp_path, matrix, mnist_folder, hidden=(8,))
    page = made_page(matrix, figures, mnist_folder, results).read_text()
    assert page.count("<tr data-row=") == page.count("<path data-row=") == MANY + 2
    assert f"with 1, 2, …, {MANY // 2 + 1} latents" in page
    drawn = {path.stem for path in tmp_path.glob("figures/*.png")} - set(NAMES)
    assert drawn == {run.name for run in pictured_runs(matrix)}
    assert len(drawn) == 2 * FEW


def test_a_setting_that_a_models_name_holds_is_not_swept():
    """Every trial would be trained with that of the name."""
    with pytest.raises(UserError, match=r"settings\.beta can't be swept for vae-beta4"):
        sweep.check(GRID, TRAIN, (), ("ae", "vae-beta4"))


def test_a_gan_has_no_loss_by_which_its_trials_could_be_compared():
    with pytest.raises(UserError, match=r"trials can't be of gan-lr0\.01, which has no loss"):
        sweep.check(GRID, TRAIN, (), ("vae", "gan-lr0.01"))
