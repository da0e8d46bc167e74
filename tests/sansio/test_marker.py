"""What a marker looks like in front of a name, and what a name is without it."""

from __future__ import annotations

import pytest

from viber_async._sansio import ledger
from viber_async._sansio import marker as rules

MARKER = "a2b3c4d5e6f7abcd"


@pytest.mark.parametrize(
    ("name", "does"),
    [
        (f"{MARKER} | spring", True),
        (f"{MARKER} | sp", True),
        (MARKER, True),
        (f"{MARKER}…", True),
        (f"{MARKER}a | spring", False),
        (f"{MARKER}X", True),
        (MARKER[:-1], False),
        (f" {MARKER} | spring", False),
        ("spring", False),
        (None, False),
    ],
)
def test_a_name_carries_a_marker_at_its_front(name, does):
    """However the rest was cut."""
    assert rules.carries(name, MARKER) is does


@pytest.mark.parametrize("name", ["responsibilities and duties", "", None, "spring", "responsibilities"])
def test_ordinary_names_do_not_look_marked(name):
    """Sixteen letters are a word; with the separator they are a marker."""
    assert not rules.looks_marked(name)
    ledger.refuse_like_marked(name)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (f"{MARKER} | spring", ("spring", MARKER)),
        (f"{MARKER} | spring | sale", ("spring | sale", MARKER)),
        (f"{MARKER} | {MARKER} | spring", (f"{MARKER} | spring", MARKER)),
        (f"{MARKER} | \nspring", ("\nspring", MARKER)),
        ("abcdefghijklmno2 | x", ("x", "abcdefghijklmno2")),
        (f"{MARKER} | ", (f"{MARKER} | ", None)),
        (f"{MARKER} |  \t", (f"{MARKER} |  \t", None)),
        (MARKER, (MARKER, None)),
        (f"{MARKER}|spring", (f"{MARKER}|spring", None)),
        (f"{MARKER[1:]} | spring", (f"{MARKER[1:]} | spring", None)),
        (f"a{MARKER} | spring", (f"a{MARKER} | spring", None)),
        (f"{MARKER.upper()} | spring", (f"{MARKER.upper()} | spring", None)),
        ("a1b3c4d5e6f7abcd | spring", ("a1b3c4d5e6f7abcd | spring", None)),
        ("a8b3c4d5e6f7abcd | spring", ("a8b3c4d5e6f7abcd | spring", None)),
        (f"sale {MARKER} | spring", (f"sale {MARKER} | spring", None)),
        ("spring", ("spring", None)),
        ("", ("", None)),
    ],
)
def test_a_name_is_shown_without_its_marker(name, shown):
    """Which is given beside it; a name that is nothing else stays whole."""
    assert rules.parted(name) == shown
    assert rules.looks_marked(name) or shown[1] is None


@pytest.mark.parametrize("name", ["spring", "я" * 236, " ", "x | y", None])
def test_what_a_marker_was_put_in_front_of_is_found_again(name):
    """Whatever name a campaign has."""
    sent = ledger.marked(name, MARKER)

    assert rules.parted(sent) == ((name or "campaign", MARKER) if name != " " else (sent, None))
