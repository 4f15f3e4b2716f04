"""The page on reliability names tests, and they exist."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reliability.md").read_text()
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_every_invariant_and_requirement_has_its_row():
    rows = re.findall(r"^\| ([IR]\d+) \|", PAGE, re.MULTILINE)
    assert rows == [f"I{n}" for n in range(1, 17)] + [f"R{n}" for n in range(10, 32)]


def test_every_row_names_a_test_or_says_that_there_is_none():
    for row in re.findall(r"^\| [IR]\d+ \|.*$", PAGE, re.MULTILINE):
        held = row.split("|")[4]
        assert NAMED.search(held) or "not done" in held or "not tested" in held, row


def test_every_test_that_is_named_exists():
    named = NAMED.findall(PAGE)
    assert len(named) > 50
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text())
        found = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert name in found, f"{path} has no {name}"
