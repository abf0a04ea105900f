"""Whatever a params file holds, it is a plan of runs or one message: no traceback, no code run."""

import copy

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import ROOT, STRENGTH
from vaepipe import params
from vaepipe.core.errors import UserError
from vaepipe.core.files import read_yaml
from vaepipe.results import runs_of

pytestmark = pytest.mark.slow  # hundreds of inputs each

DEFAULT = yaml.safe_load((ROOT / "params.yaml").read_text())
KEYS = [(section, key) for section, values in DEFAULT.items() for key in values]
EXAMPLES = 500 * STRENGTH
FILES = "params files made up"  # as what each of them is counted

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**300),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["; rm -rf ~", "$(id)", "`id`", "{epochs}", "${train}", "../x", "\u202e", "\0"]
    ),
    st.dates(),
    st.binary(max_size=5),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(leaves), inner, max_size=3)
    ),
    max_leaves=8,
)
changes = st.lists(st.tuples(st.sampled_from(KEYS), values), min_size=1, max_size=3)


def message_of(function, *given) -> str | None:
    """The text of the `UserError` of a call, or None; any other exception is a finding."""
    try:
        function(*given)
    except UserError as error:
        return str(error)
    return None


def plan_or_message(whole: object) -> None:
    """The params either make a plan of runs or give one message."""
    whole = params.retyped(whole) if isinstance(whole, dict) else whole
    message = message_of(params.check, whole)
    if message is None:
        names = [run.name for run in runs_of(params.check(whole).matrix)]
        assert all(name.replace("-", "").isalnum() for name in names)
    else:
        assert 0 < len(message) < 20_000


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes)
def test_changed_values(record, changed):
    record(FILES, 1)
    whole = copy.deepcopy(DEFAULT)
    for (section, key), value in changed:
        whole[section][key] = value
    plan_or_message(whole)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(values, st.dictionaries(st.sampled_from([*DEFAULT, "x", 1, None]), values)))
def test_other_forms(record, whole):
    record(FILES, 1)
    plan_or_message(whole)


def spoiled(piece: str, place: int, instead: bool) -> str:
    """The default params with a piece somewhere in them, or in the place of a value."""
    text = (ROOT / "params.yaml").read_text()
    if instead:
        lines = [line for line in text.splitlines() if line.startswith("  ")]
        line = lines[place % len(lines)]
        return text.replace(line, f"{line.partition(':')[0]}: {piece}")
    place %= len(text)
    return text[:place] + piece + text[place:]


yaml_pieces = st.sampled_from(
    [
        "!!python/object/apply:os.system ['touch pwned']",
        "!!python/name:os.system",
        "&a [*a]",
        "&a {x: *a}",
        "<<: *nothing",
        "- " * 30,
        "[" * 200,
        "{" * 200,
        "? ",
        "%YAML 9.9\n---\n",
        "---\n---\n",
        "\t",
        "\u0085",
        "é",
        ".nan",
        "1e9999",
        "0x_",
        "1:30:00",
        "2001-99-99",
        '"\\x00"',
    ]
)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(yaml_pieces, st.text(max_size=10)), st.integers(0, 10**6), st.booleans())
def test_spoiled_files(tmp_path_factory, record, piece, place, instead):
    record(FILES, 1)
    path = tmp_path_factory.getbasetemp() / "params.yaml"
    path.write_text(spoiled(piece, place, instead), encoding="utf-8", errors="surrogatepass")
    message = message_of(read_yaml, path)
    if message is None:
        plan_or_message(read_yaml(path))
    else:
        assert "params.yaml" in message
    assert not (ROOT / "pwned").exists()
