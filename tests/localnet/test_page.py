"""The page about localnet names tests and faults, and they exist."""

import ast
import re
from pathlib import Path
from typing import get_args

import pytest

from engine.runners.localnet.faults import Kind

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "localnet.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(test_\w+)`", PAGE)))


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_test_that_is_named_exists(path, name):
    nodes = ast.walk(ast.parse((HERE / path).read_text()))
    assert name in {node.name for node in nodes if isinstance(node, ast.FunctionDef)}


def test_every_row_names_a_test_and_every_fault_has_a_row():
    first = PAGE.index("| what | tests |")
    rows = [line for line in PAGE[first : PAGE.index("## The SDK's")].splitlines() if "`" in line]
    assert all("::" in row for row in rows if row.startswith("|"))
    assert len(NAMED) > 50
    assert all(f"`{kind}`" in PAGE for kind in get_args(Kind))
