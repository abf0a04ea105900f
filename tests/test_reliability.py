"""docs/reliability.md: its figures are those of the tests, and the tests it names exist."""

import ast
import re

import pytest

from conftest import ROOT
from tried import with_table
from vaepipe.core.files import read_json

PAGE = (ROOT / "docs/reliability.md").read_text()
NAMED = re.findall(r"`(test_\w+)\.py::(test_\w+)`", PAGE)


def test_the_table_is_made_of_what_the_tests_counted():
    assert with_table(PAGE, read_json(ROOT / "docs/reliability.json")) == PAGE


@pytest.mark.parametrize(("file", "name"), NAMED, ids=lambda word: word)
def test_tests_that_are_named_exist(file, name):
    body = ast.parse((ROOT / "tests" / f"{file}.py").read_text()).body
    assert name in {node.name for node in body if isinstance(node, ast.FunctionDef)}


def test_every_row_of_the_faults_names_a_test():
    rows = PAGE.partition("| fault |")[2].partition("\n\n")[0].splitlines()[2:]
    assert len(rows) > 10
    assert all(re.search(r"`test_\w+\.py::test_\w+`", row) for row in rows)
