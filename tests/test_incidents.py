"""The table of incidents names tests, and they exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def rows():
    """Every row of the table: its number, and all its cells."""
    lines = (ROOT / "docs" / "incidents.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0].isdecimal()]


def names_in(path):
    """The names of a file's test functions, read and not run."""
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_all_45_incidents_are_there_in_order_and_whole():
    assert [int(row[0]) for row in rows()] == list(range(1, 46))
    for row in rows():
        assert len(row) == 5
        assert all(row)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_an_incident_names_at_least_one_test_and_all_it_names_exist(row):
    named = NAMED.findall(row[4])
    assert named
    assert " ".join(f"`{path}::{name}`" for path, name in named) == row[4]
    for path, name in named:
        assert name in names_in(ROOT / path), f"{path} has no {name}"
