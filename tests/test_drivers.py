"""Snakemake and DVC must run the same commands on the same files."""

import contextlib
import fcntl
import io
import json
import re
import shlex
import shutil
import sys
from itertools import groupby
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pandas as pd
import pytest
import yaml
from dvc.repo import Repo
from snakemake.api import SnakemakeApi
from snakemake.settings.types import OutputSettings, Quietness, ResourceSettings

from conftest import ROOT, a_copy, run_in, stage_command, with_site
from logged import Seen
from test_stage_code import STAGES, imported, missing, script_of
from vaepipe.core.files import read_json
from vaepipe.evaluation.metrics import METRICS
from vaepipe.models import weights

# Snakemake checks the params while it reads the Snakefile, so DVC alone has a stage for it.
CHECKED = "results/params.checked"
# Of the code Snakemake compares a digest, as a param of the rule.
CODE = ("src/", "workflow/")


def plain(command: str) -> str:
    """A command without what the drivers put around it: variables before it, a log behind it."""
    words = shlex.split(command.partition(" 2>&1 | tee ")[0])
    return " ".join(words[words.index("python") :])


def dvc_stages() -> dict[str, tuple[frozenset, frozenset]]:
    """Inputs and outputs by command, as DVC sees them."""
    with Repo(str(ROOT)) as repo:
        return {
            plain(stage.cmd): (
                frozenset(d.def_path for d in stage.deps if not d.def_path.startswith(CODE))
                - {"params.yaml", CHECKED},
                frozenset(o.def_path for o in stage.outs),
            )
            for stage in repo.index.stages
            if stage.name != "check"
        }


def snakemake_stages() -> dict[str, tuple[frozenset, frozenset]]:
    """Inputs and outputs by command, as Snakemake sees them."""
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        flow = api.workflow(ResourceSettings(cores=1), snakefile=ROOT / "Snakefile", workdir=ROOT)
        with contextlib.redirect_stdout(io.StringIO()):
            flow.dag().printd3dag()
        return {
            plain(job.shellcmd): (
                frozenset(map(str, job.input)),
                frozenset(map(str, job.output)),
            )
            for job in flow._workflow.dag.jobs
            if job.shellcmd
        }


@pytest.mark.slow
@pytest.mark.parametrize("overlay", [[], ["--configfile", "params/sweep.yaml"]])
def test_snakemake_has_nothing_to_say_of_the_rules(overlay):
    """Such as a log for each, which `--lint` asks for."""
    done = run_in(ROOT, "snakemake", "--lint", *overlay)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_conda_environment_is_the_lock():
    environment = yaml.safe_load((ROOT / "workflow/envs/vaepipe.yaml").read_text())
    [of_pip] = [part["pip"] for part in environment["dependencies"] if isinstance(part, dict)]
    assert of_pip == (ROOT / "requirements.lock").read_text().splitlines()


def widened(files: frozenset, wanted: frozenset) -> frozenset:
    """The files, with a folder that DVC names in the place of those that lie in it."""
    folders = [Path(w) for w in wanted if not Path(w).suffix]
    return frozenset(
        next((str(f) for f in folders if f in Path(name).parents), name) for name in files
    )


def by_model(stages: dict[str, tuple]) -> dict[str, tuple[frozenset, frozenset]]:
    """Stages that differ in the run's seed alone as one: Snakemake may take them in one process."""
    found: dict[str, tuple[frozenset, frozenset]] = {}
    for command, (inputs, outputs) in stages.items():
        words = re.sub(r"-s\d+|--seed [\d ]+(?=--hidden)", "-s", command).split()
        name = " ".join(word for word, _ in groupby(words))
        before = found.get(name, (frozenset(), frozenset()))
        found[name] = before[0] | inputs, before[1] | outputs
    return found


def test_both_drivers_have_the_same_stages():
    ours, theirs = by_model(snakemake_stages()), by_model(dvc_stages())
    assert sorted(ours) == sorted(theirs)
    for command, (inputs, outputs) in ours.items():
        assert widened(outputs, theirs[command][1]) == theirs[command][1], command
        assert widened(inputs, theirs[command][0]) == theirs[command][0], command


# Every Python process of the project notes which of its files it has imported.
NOTING = """
import atexit, os, pathlib, sys, uuid
def note(root=os.getcwd(), place=os.environ["NOTES"]):
    files = {getattr(m, "__file__", None) for m in list(sys.modules.values())}
    files = [os.path.relpath(f, root) for f in map(str, files) if f.startswith(root + "/src/")]
    pathlib.Path(place, uuid.uuid4().hex).write_text("\\n".join(files))
atexit.register(note)
"""


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_a_stage_imports_nothing_that_is_not_listed(smoke_tree, tmp_path, stage):
    """The stage is run for real: what a search in the source could miss is seen, too."""
    tree = a_copy(smoke_tree, tmp_path / "tree")
    (tmp_path / "notes").mkdir()
    site = with_site(tmp_path / "site", NOTING, tree)
    if stage == "check":  # Snakemake has no such stage
        shutil.rmtree(tree / "results")
        script = script_of(stage).relative_to(ROOT)
        command = [sys.executable, str(script), "params.yaml", "--results", "results"]
        command += ["--out", "results/params.checked"]
    else:
        command = stage_command(tree, stage)
    if stage == "track":  # it finds no runs, and logs them
        (tree / "results/mlflow.db").unlink()
    done = run_in(tree, *command, **site, NOTES=str(tmp_path / "notes"))
    assert done.returncode == 0, done.stderr
    found = {f for note in (tmp_path / "notes").iterdir() for f in note.read_text().split("\n")}
    assert "src/vaepipe/core/errors.py" in found
    assert not missing(found, STAGES[stage]["deps"])
    assert found <= imported(script_of(stage))


def jobs(done) -> dict[str, int]:
    """How many jobs of each rule a dry run of Snakemake names."""
    assert done.returncode == 0, done.stdout + done.stderr
    text = done.stdout + done.stderr
    if "Nothing to be done" in text:
        return {}
    table = text.split("Job stats:")[1].split("\n\n")[0].splitlines()[3:]
    counts = {row.split()[0]: int(row.split()[1]) for row in table if row.strip()}
    return {rule: n for rule, n in counts.items() if rule not in ("all", "total")}


def planned(tree: Path, *words: str) -> dict[str, int]:
    return jobs(run_in(tree, "snakemake", "-n", *words))


AFTER_DRAWING = {"figures": 1, "provenance": 1, "report": 1, "track": 1}
AFTER_ALL = {"compare": 1, "claims": 1, **AFTER_DRAWING}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), {}),
        (("--config", "figures={dpi: 90}"), AFTER_DRAWING),
        (("--config", "matrix={seeds: [0, 7]}"), {"train": 3, "evaluate": 3, **AFTER_ALL}),
        (("--config", "evaluate={seed: 1}"), {"evaluate": 3, **AFTER_ALL}),
        (
            ("--config", "matrix={seeds: [0, 7]}", "evaluate={seeds_at_once: one}"),
            {"train": 3, "evaluate": 6, **AFTER_ALL},
        ),
    ],
)
def test_snakemake_runs_only_what_a_change_touches(smoke_tree, words, expected):
    assert planned(smoke_tree, *words) == expected


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("src/vaepipe/tracking/names.py", {"track": 1}),
        ("src/vaepipe/report/page.css", {"report": 1, "track": 1}),
        ("workflow/report/page.rst", {"report": 1, "track": 1}),
        ("src/vaepipe/figures/style.py", {"claims": 1, **AFTER_DRAWING}),
        ("src/vaepipe/evaluation/tables.py", {"classify": 1, "evaluate": 3, **AFTER_ALL}),
        ("src/vaepipe/training/loop.py", {"train": 3, "classify": 1, "evaluate": 3, **AFTER_ALL}),
        (
            "src/vaepipe/claims/conditions.py",
            {"claims": 1, "provenance": 1, "report": 1, "track": 1},
        ),
        ("src/vaepipe/versions/diff.py", {"provenance": 1, "report": 1, "track": 1}),
        ("src/vaepipe/flags.py", {}),
        ("docs/versions.md", {}),
    ],
)
def test_both_drivers_run_again_what_a_change_of_code_touches(
    smoke_tree, version, tmp_path, file, expected
):
    ours = a_copy(smoke_tree, tmp_path / "ours")
    theirs = a_copy(version, tmp_path / "theirs")
    for tree in (ours, theirs):
        with (tree / file).open("a") as text:
            text.write("\n")
    assert planned(ours) == expected
    plan = run_in(theirs, "dvc", "status", "--json").stdout
    changed = {stage.partition("@")[0] for stage, why in json.loads(plan).items() if code_in(why)}
    listed = {stage for stage, one in STAGES.items() if depends_on(one["deps"], file)}
    assert changed == listed
    assert listed - {"check", "download"} <= set(expected)


def depends_on(deps: list[str], file: str) -> bool:
    return any(file == dep or file.startswith(f"{dep}/") for dep in deps)


def code_in(reasons: list) -> bool:
    """Whether a stage's code is among what DVC finds changed."""
    deps = [name for why in reasons for name in why.get("changed deps", {})]
    return any(name.startswith(CODE) for name in deps)


def test_snakemake_wrote_what_it_promises(smoke_tree):
    page = (smoke_tree / "results/report.html").read_text()
    assert "reconstructions" in page
    assert not list((smoke_tree / "results/checkpoints").glob("*.safetensors"))
    for name in ("metrics.csv", "comparison.csv", "mlflow.json", "mlflow.db"):
        assert (smoke_tree / "results" / name).stat().st_size > 0


def test_dvc_runs_the_same_graph_and_then_nothing(dvc_tree, tmp_path):
    tree = a_copy(dvc_tree, tmp_path / "tree")
    assert (tree / "results/report.html").exists()
    assert "up to date" in run_in(tree, "dvc", "repro").stdout

    params = (tree / "params.yaml").read_text()
    (tree / "params.yaml").write_text(params.replace("dpi: 80", "dpi: 90"))
    plan = run_in(tree, "dvc", "repro", "--dry").stdout
    ran = {line.split("'")[1].split("@")[0] for line in plan.splitlines() if "Running" in line}
    assert ran & {"train", "evaluate", "compare"} == set()
    assert "figures" in ran


def test_a_run_that_is_being_trained_is_refused_to_a_second_process(smoke_tree, tmp_path, record):
    """A second training of a run that is being trained is refused, and says by whom."""
    lock = tmp_path / "results/checkpoints/ae-z3-s0.lock"
    lock.parent.mkdir(parents=True)
    command = stage_command(smoke_tree, "train", results=tmp_path / "results")
    with lock.open("w") as held:
        held.write("4711")
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)
        done = run_in(smoke_tree, *command)
    assert done.returncode == 1
    assert "4711" in done.stderr
    assert "Traceback" not in done.stderr
    record("second trainings of a run that is being trained", 1)


def test_of_seeds_at_once_those_that_fail_are_named_one_by_one(smoke_tree, tmp_path):
    words = stage_command(
        smoke_tree, "train", results=tmp_path, learning_rate="1e9", seeds_at_once="all"
    )
    words.insert(words.index("--seed") + 2, "1")
    done = run_in(smoke_tree, *words)
    assert done.returncode == 0, done.stderr
    assert "training each by itself" in done.stderr
    assert "Traceback" not in done.stderr
    for seed in (0, 1):
        note = weights.read_metadata(tmp_path / f"models/ae-z3-s{seed}.safetensors")
        assert f"seed {seed}, is not finite" in note["failed"]


def test_snakemake_trains_all_seeds_of_a_model_at_once_when_asked(smoke_tree, tmp_path):
    tree = a_copy(smoke_tree, tmp_path / "tree")
    config = ["--config", "train={seeds_at_once: all}", "matrix={seeds: [0, 1], models: [vae]}"]
    wanted = "results/models/vae-z3-s1.safetensors"
    # A target after `--forcerun` would be one more rule to run, and all of the graph the target.
    words = ["snakemake", wanted, "--cores", "1", "--forcerun", "train", *config]
    done = run_in(tree, *words)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"rule (\w+):", done.stderr) == ["train"]
    for seed in (0, 1):
        run = f"vae-z3-s{seed}"
        assert len(pd.read_csv(tree / f"results/history/{run}.csv")) == 1
        assert read_json(tree / f"results/timing/{run}.json")["seeds_at_once"] == 2
        assert (
            weights.read_metadata(tree / f"results/models/{run}.safetensors")["run"]["seed"] == seed
        )


def test_every_name_in_mlflow_is_in_the_table_of_the_docs(smoke_tree, tmp_path):
    """And every name of the table is in MLflow, but for what only some runs have."""
    database = shutil.copy(smoke_tree / "results/mlflow.db", tmp_path)
    seen = Seen(f"sqlite:///{database}")
    found = {"metric": set(), "param": set(), "tag": set(), "artifact": set()}
    for run in seen.runs:
        found["metric"] |= run.data.metrics.keys()
        found["param"] |= run.data.params.keys()
        found["tag"] |= run.data.tags.keys()
        folder = Path(unquote(urlsplit(run.info.artifact_uri).path))
        found["artifact"] |= {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}
    rows = re.findall(r"^\| (\w+) \| (`.*?`) \|", (ROOT / "docs/mlflow.md").read_text(), re.M)
    named = [(kind, name) for kind, names in rows for name in re.findall("`(.+?)`", names)]
    matched = {
        (kind, name): {n for n in found[kind] if re.fullmatch(as_pattern(name), n)}
        for kind, name in named
        if kind in found
    }
    for kind, names in found.items():
        assert names == set().union(*(m for (k, _), m in matched.items() if k == kind)), kind
    rare = {("metric", "system/<name>"), ("tag", "failed"), ("tag", "training")}
    rare.add(("metric", "interval/<metric>"))  # one seed has none
    terms = ("nll", "squared_error", "generator", "discriminator", "penalty")
    rare |= {("metric", f"{part}/{term}") for part in ("train", "validation") for term in terms}
    assert {at for at, names in matched.items() if not names} == rare
    measured = {n.removeprefix("test/") for n in found["metric"] if n.startswith("test/")}
    assert measured <= METRICS.keys()


def as_pattern(name: str) -> str:
    """`test/<metric>` as a regular expression."""
    return re.sub("<[a-z]+>", ".+", name.replace(".", r"\."))
