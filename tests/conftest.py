"""What several test files share."""

import fcntl
import os
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

# Two test processes share the cores with all that they start: further threads would only wait.
# Before torch and numpy are imported, which read it then.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from needs import missing
from tried import with_table
from vaepipe.core.files import write_json
from vaepipe.core.provenance import versions
from vaepipe.data.sources import fetch

ROOT = Path(__file__).parents[1]
AUTHOR = ["-c", "user.name=a test", "-c", "user.email=test@example.org"]


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """The repository's own `data/mnist`, fetched if it is not there; never written to by a test."""
    folder = ROOT / "data" / "mnist"
    folder.parent.mkdir(exist_ok=True)
    with (folder.parent / "tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one of several test processes fetches
        fetch("mnist", folder)
    return folder


# How often the tests of reliability try: 1 in `make test`, more in `make reliability`.
STRENGTH = int(os.environ.get("VAEPIPE_STRENGTH", "1"))
RECORD = os.environ.get("VAEPIPE_RECORD")
TRIED: Counter[str] = Counter()


@pytest.fixture
def record():
    """Count what a test tried: `record("kills", 3)`; see `pytest_sessionfinish`.

    `make reliability` runs the tests that use this, and no others.
    """

    def add(what: str, times: int) -> None:
        TRIED[what] += times

    return add


# The kind of a test, by the fixtures it uses and what it needs; `make test-fast` leaves these out.
# Where a fixture doesn't tell, the test says `pytest.mark.slow` or another kind itself.
KINDS = {
    "pipeline": {"smoke_tree", "dvc_tree", "version"},
    "server": {"server", "postgres", "printed", "bucket", "schema", "needs postgresql"},
    "browser": {"browser", "needs chromium"},
    "slow": {"trained_classifier", "folder"},  # a folder of results that a page is made of
}
OF_FIXTURES = {"browser": "chromium"}  # what tests need that use these


def needed(item) -> list[str]:
    """What a test needs of the machine, by its names in tests/needs.py."""
    marked = [name for mark in item.iter_markers("needs") for name in mark.args]
    return [*marked, *(need for name, need in OF_FIXTURES.items() if name in item.fixturenames)]


def pytest_collection_modifyitems(config, items):
    for item in items:
        used = {*item.fixturenames, *(f"needs {name}" for name in needed(item))}
        for kind, signs in KINDS.items():
            if signs & used:
                item.add_marker(kind)
    if RECORD:
        others = [item for item in items if "record" not in item.fixturenames]
        items[:] = [item for item in items if item not in others]
        config.hook.pytest_deselected(items=others)


@pytest.hookimpl(tryfirst=True)  # before fixtures are made
def pytest_runtest_setup(item):
    for name in needed(item):
        if reason := missing(name):
            pytest.skip(reason)


# Where all that tests need was installed, a skip hides a failure.
NO_SKIPS = "VAEPIPE_NO_SKIPS" in os.environ
SKIPPED: dict[str, str] = {}


def pytest_runtest_logreport(report):
    if report.skipped and not hasattr(report, "wasxfail"):
        SKIPPED[report.nodeid] = report.longrepr[2] if report.longrepr else ""


def pytest_terminal_summary(terminalreporter):
    if SKIPPED:
        terminalreporter.section("not allowed to be skipped" if NO_SKIPS else "skipped")
        for name, reason in sorted(SKIPPED.items()):
            terminalreporter.line(f"{name}: {reason.removeprefix('Skipped: ')}")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Add up what the processes of pytest-xdist tried."""
    TRIED.update(getattr(node, "workeroutput", {}).get("tried", {}))


def pytest_sessionfinish(session, exitstatus):
    """When all passed, write what was tried for the report, and as a table for the docs."""
    if NO_SKIPS and SKIPPED and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tried"] = dict(TRIED)
    elif RECORD and TRIED and exitstatus == 0:
        tried = {"strength": STRENGTH, "tried": TRIED, "versions": versions()}
        write_json(ROOT / RECORD, tried)
        page = (ROOT / RECORD).with_suffix(".md")
        page.write_text(with_table(page.read_text(), tried))


def copied_tree(folder: Path, mnist: Path) -> Path:
    """The repository's files as git sees them, in a repository of their own under `folder`.

    Its params.yaml is the smoke preset, so that both drivers run the same small thing, on data from
    a folder, so that no test waits for a mirror.
    """
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    # The repository's own results are of other params than the copy's.
    names = [n for n in listed.split("\0") if n and not n.startswith("results/")]
    for name in names:
        if (ROOT / name).is_file() or (ROOT / name).is_symlink():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    for section, values in yaml.safe_load((ROOT / "params/smoke.yaml").read_text()).items():
        params[section] |= values
    params["data"]["source"] = str(mnist)
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    for words in (["init", "-q"], ["add", "-A"], [*AUTHOR, "commit", "-qm", "a copy"]):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
    return folder


def environment_of(tree: Path) -> dict[str, str]:
    """The environment in which a copied tree's own code runs."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(tree / "src")}


def run_in(tree: Path, *words: str, **environment: str) -> subprocess.CompletedProcess:
    """Run a command in a copied tree, with that tree's own code; its output is kept as text."""
    whole = environment_of(tree) | environment
    return subprocess.run(words, cwd=tree, env=whole, capture_output=True, text=True)


# What Snakemake would run, by the params: copies of a tree share it.
PLANS: dict[str, str] = {}


def with_site(folder: Path, code: str, tree: Path) -> dict[str, str]:
    """An environment in which every Python process of the tree runs the code as it starts."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": f"{tree / 'src'}:{folder}"}


def stage_command(tree: Path, script: str, **changed: object) -> list[str]:
    """The command of a stage's first job as Snakemake would run it, with some flags changed."""
    params = (tree / "params.yaml").read_text()
    if params not in PLANS:
        PLANS[params] = run_in(tree, "snakemake", "-n", "-p", "-F").stdout
    text = PLANS[params]
    start = f"python workflow/scripts/{script}.py "
    line = min(line for line in text.splitlines() if start in line)
    words = shlex.split(line[line.index(start) :].partition(" 2>&1 | tee ")[0])
    for name, value in changed.items():
        words[words.index(f"--{name}") + 1] = str(value)
    return words


def a_copy(tree: Path, folder: Path) -> Path:
    """A copy of a tree with all times of its files, so that no driver finds anything changed."""
    return Path(shutil.copytree(tree, folder, symlinks=True))


def git(tree: Path, *words: str) -> str:
    """What a git command prints; commits have an author."""
    done = run_in(tree, "git", *AUTHOR, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def once(tmp_path_factory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder that `make` filled, called once for all test processes; only to be read."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"shared-{name}"
    done, failed = folder / ".done", folder / ".failed"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if failed.exists():
            pytest.fail(failed.read_text())
        if not done.exists():
            folder.mkdir()
            try:
                make(folder)
            except BaseException as error:
                failed.write_text(f"{name} was tried once for all tests, and failed: {error}")
                raise
            done.touch()
    return folder


def driven(tmp_path_factory, mnist: Path, name: str, *words: str) -> Path:
    """This process's copy of a tree in which a driver has run the whole graph, once for all."""

    def make(folder: Path) -> None:
        done = run_in(copied_tree(folder / name, mnist), *words)
        assert done.returncode == 0, done.stdout + done.stderr

    made = once(tmp_path_factory, words[0], make)
    return a_copy(made / name, tmp_path_factory.mktemp(words[0]) / name)


@pytest.fixture(scope="session")
def smoke_tree(tmp_path_factory, mnist_folder) -> Path:
    """A tree in which Snakemake has run the whole graph on the smoke preset.

    Its folder has a space and a letter beyond ASCII in its name. Tests that change results work
    on a copy.
    """
    return driven(tmp_path_factory, mnist_folder, "smoke trée", "snakemake", "--cores", "4")


@pytest.fixture(scope="session")
def dvc_tree(tmp_path_factory, mnist_folder) -> Path:
    """A tree in which DVC has run the whole graph on the smoke preset, for tests to copy."""
    return driven(tmp_path_factory, mnist_folder, "tree", "dvc", "repro")


@pytest.fixture(scope="session")
def version(smoke_tree, tmp_path_factory) -> Path:
    """The smoke tree handed to DVC and committed with the tag `v1`; tests work on copies."""

    def make(folder: Path) -> None:
        tree = a_copy(smoke_tree, folder / "tree")
        done = run_in(tree, "vaepipe", "handover", "dvc")
        assert done.returncode == 0, done.stderr
        git(tree, "add", "-A")
        git(tree, "commit", "-qm", "results of the smoke preset")
        git(tree, "tag", "v1")

    return a_copy(
        once(tmp_path_factory, "handed", make) / "tree", tmp_path_factory.mktemp("handed") / "tree"
    )


@pytest.fixture(scope="session")
def schema(tmp_path_factory) -> Path:
    """An MLflow database without a run: making the schema takes seconds, copying it does not."""

    def make(folder: Path) -> None:
        code = "import sys, mlflow; mlflow.MlflowClient(sys.argv[1]).search_experiments()"
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        subprocess.run([sys.executable, "-c", code, uri], check=True, cwd=folder)

    return once(tmp_path_factory, "schema", make) / "mlflow.db"
