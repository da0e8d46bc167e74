"""Numbers in sentences."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from viber_async._sansio.words import counted, numbered, suiting


@pytest.mark.parametrize(
    ("count", "units", "verbs", "said"),
    [
        (1, "entries", (), "1 entry"),
        (1, "recipients", (), "1 recipient"),
        (1, "batches", ("was", "were"), "1 batch was"),
        (1, "more phones", (), "1 more phone"),
        (1, "times", (), "1 time"),
        (1, "pages", (), "1 page"),
        (0, "rows", (), "0 rows"),
        (0, "rows", ("is", "are"), "0 rows are"),
        (2, "batches", ("was", "were"), "2 batches were"),
        (1234, "phones", (), "1,234 phones"),
    ],
)
def test_one_is_not_several(count: int, units: str, verbs: tuple[str, ...], said: str) -> None:
    """Nor is none one."""
    assert counted(count, units, *verbs) == said


@pytest.mark.parametrize(("count", "word"), [(0, "them"), (1, "it"), (2, "them")])
def test_a_word_suits_its_number(count: int, word: str) -> None:
    """Where the thing itself is named elsewhere."""
    assert suiting(count, "it", "them") == word


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ([500], "campaign 500"),
        ([90244, 90242], "campaigns 90244 and 90242"),
        ([90244, 90242, 90241], "campaigns 90244, 90242 and 90241"),
        (range(1, 11), "campaigns 1, 2, 3, 4, 5, 6, 7, 8, 9 and 10"),
        (range(1, 12), "campaigns 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 1 more"),
        (range(1, 2001), "campaigns 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 1,990 more"),
    ],
)
def test_ids_are_read_out(ids: Sequence[int], said: str) -> None:
    """As a person would say them, and not all of very many."""
    assert numbered(ids, "campaign") == said
