"""The page of promises: every sentence names tests, and every test that it names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "promises.md").read_text()
PROMISES = re.findall(r"^## ([0-9]+)\. .*?\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
NAMED = re.findall(r"`(tests/\w+/test_\w+\.py)::(test_\w+)`", PAGE)


def sentences(text: str) -> list[str]:
    """Give the items of a promise."""
    return re.findall(r"^- .*?(?=^- |\Z)", text, re.MULTILINE | re.DOTALL)


def test_there_are_ten_promises() -> None:
    """And a list of what is not promised."""

    assert [int(number) for number, _ in PROMISES] == list(range(1, 11))
    assert sentences(PAGE.partition("## Not promised\n")[2])


@pytest.mark.parametrize("sentence", [s for _, text in PROMISES for s in sentences(text)], ids=lambda s: s[2:40])
def test_every_sentence_names_a_test(sentence: str) -> None:
    """A promise that nothing holds is a wish."""

    assert re.search(r"^  `tests/\w+/test_\w+\.py::test_\w+`$", sentence, re.MULTILINE)


def test_whatever_looks_like_a_test_is_read_as_one() -> None:
    """A name that is misspelt must not be passed over."""

    assert len(NAMED) == PAGE.count("`tests/") > 50


@pytest.mark.parametrize("path", sorted({path for path, _ in NAMED}))
def test_every_test_that_is_named_exists(path: str) -> None:
    """It is looked for in the text of its file."""
    tree = ast.parse((ROOT / path).read_text())
    there = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}

    assert {name for where, name in NAMED if where == path} <= there
