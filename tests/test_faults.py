"""The fault table: every row of docs/faults.md is held by a test that names it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROWS = re.findall(r"^\| ([A-Z][0-9]{2}) \|", (TESTS.parent / "docs" / "faults.md").read_text(), re.MULTILINE)

WITHOUT_A_TEST: set[str] = set()
"""Rows that no test holds yet; whoever writes one takes its row out of here."""


def rows_named_by(source: str) -> set[str]:
    """Give the rows that a file of tests names: in the marker itself, or in a table whose rows get the marker."""
    if "pytest.mark.fault(" not in source:
        return set()
    texts = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    return {text for text in texts if isinstance(text, str) and re.fullmatch(r"[A-Z][0-9]{2}", text)}


def test_every_row_has_a_test() -> None:
    """A row without one fails, and so does a name that stands for no row."""
    named = set().union(
        *(rows_named_by(path.read_text()) for path in TESTS.rglob("test_*.py") if path != Path(__file__))
    )

    assert sorted(named - set(ROWS)) == []
    assert sorted(set(ROWS) - named) == sorted(WITHOUT_A_TEST)


def test_the_table_names_each_row_once() -> None:
    """All 140 rows that are not about a shared store, and whatever came later."""

    assert len(ROWS) == len(set(ROWS)) >= 140


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ('@pytest.mark.fault("N01", "N02")\ndef test_x(): ...', {"N01", "N02"}),
        ('T = {"I01": 1}\nP = [pytest.param(marks=pytest.mark.fault(row)) for row in T]', {"I01"}),
        ('def test_x():\n    """Row N01."""', set()),
        ('X = "N01"', set()),
    ],
)
def test_a_row_is_named_by_the_marker_and_not_by_a_sentence(source: str, named: set[str]) -> None:
    """Whoever reads "N01" in a docstring alone cannot be found by it."""

    assert rows_named_by(source) == named
