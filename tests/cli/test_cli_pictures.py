"""Funnels, messages, checks and pairs: as lines for a pipe, and as a terminal draws them."""

from __future__ import annotations

import io
import re
from datetime import datetime

import pytest
from attrs import evolve
from rich.console import Console

from viber_async import Campaign, CampaignStatistics, CampaignStatus
from viber_async.cli._bubble import Bubble, visible
from viber_async.cli._checks import Check, Checks
from viber_async.cli._funnel import Funnel, stages
from viber_async.cli._pairs import Pairs
from viber_async.cli._show import show_for

FIGURES = CampaignStatistics(270, delivered=250, read=200, redirected=50, undelivered=20, errors=30)
EMPTY = CampaignStatistics(0, delivered=0, read=0, redirected=0, undelivered=0, errors=0)


def campaign(statistics=FIGURES, status="sending") -> Campaign:
    return Campaign(
        7,
        name="spring\x1b[2J",
        sender_id=1,
        message_live_time=60,
        status=None if status is None else CampaignStatus(status),
        statistics=statistics,
    )


def in_lines(picture) -> list[str]:
    file = io.StringIO()
    show_for(file, plain=False).draw(picture)
    return file.getvalue().splitlines()


def test_a_stage_is_a_part_of_the_one_before():
    """And errors are a part of all, because they were never sent."""

    assert [(s.name, s.count, s.share) for s in stages(FIGURES)] == [
        ("sent", 270, "90.0% of all"),
        ("delivered", 250, "92.6% of sent"),
        ("read", 200, "80.0% of delivered"),
        ("clicked", 50, "25.0% of read"),
        ("undelivered", 20, "7.4% of sent"),
        ("errors", 30, "10.0% of all"),
    ]
    assert {s.share for s in stages(EMPTY)} == {""}


def test_a_funnel_is_headed_by_the_name_that_people_gave():
    """Without the marker of a key; whoever watches asked by id."""
    file = io.StringIO()
    Console(file=file, width=80).print(Funnel(evolve(campaign(), name="abcdefgh23456722 | spring")).rich())

    assert file.getvalue().startswith("spring  sending")


def test_a_funnel_in_lines_is_a_column_of_figures():
    """Or says that there are none."""

    assert in_lines(Funnel(campaign()))[:2] == [
        "  sent              270  90.0% of all",
        "  delivered         250  92.6% of sent",
    ]
    assert in_lines(Funnel(campaign(EMPTY)))[0] == "  sent                0"
    assert in_lines(Funnel(campaign(None))) == ["  no figures yet"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            Funnel(campaign(), datetime.fromisoformat("2026-11-24T09:05:07")),
            "09:05:07 sending: 270 sent, 250 delivered, 200 read, 50 clicked, 20 undelivered, 30 errors",
        ),
        (Funnel(campaign(None, None)), "no status yet: no figures yet"),
    ],
)
def test_a_funnel_is_a_line_where_nothing_moves(given, said):
    """For logs."""
    file = io.StringIO()
    with show_for(file, plain=False).live() as draw:
        draw(given)
        draw(given)

    assert file.getvalue() == f"{said}\n{said}\n"


def test_a_terminal_draws_bars_in_the_same_place(terminal):
    """The longest for all messages; what the provider wrote moves no cursor."""
    with show_for(terminal, plain=False).live() as draw:
        draw(Funnel(campaign(None)))
        draw(Funnel(campaign(), datetime.fromisoformat("2026-11-24T09:05:07")))
    text = terminal.getvalue()
    bars = {
        row.split()[0]: row.count("━") for row in re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", text).splitlines() if "━" in row
    }

    assert "no figures yet" in text
    assert "\x1b[2J" not in text
    assert list(bars) == ["sent", "delivered", "read", "clicked", "undelivered", "errors"]
    assert "80.0% of delivered" in text
    assert "09:05:07" in text


def test_a_message_is_shown_as_it_is_written():
    """Line by line, with its button and its picture."""
    bubble = Bubble(
        sender="shop",
        text="Hello,\n\n👩‍👧 you",
        button=("Go", "https://example.com"),
        image="https://example.com/a.png",
    )

    assert in_lines(bubble) == [
        "  | shop",
        "  | Hello,",
        "  |",
        "  | 👩‍👧 you",
        "  | [ Go ] https://example.com",
        "  | (image) https://example.com/a.png",
    ]
    assert str(bubble).startswith("| shop / | Hello,")
    assert "Hello" not in repr(bubble)


def test_a_terminal_frames_a_message(terminal):
    """As wide as a phone; a picture alone has neither text nor button."""
    show = show_for(terminal, plain=False)
    show.draw(Bubble(sender="shop", text="Hello", button=("Go", "https://example.com"), image=None))
    show.draw(Bubble(sender="shop", text=None, button=None, image="https://example.com/a.png"))

    assert terminal.getvalue().count("╭") == 2
    for seen in ("shop", "Hello", "Go", "https://example.com/a.png"):
        assert seen in terminal.getvalue()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", "a\nb"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\rb\x07", "a\\rb\\x07"),
        ("abc\u202ecba", "abc\\u202ecba"),
        ("👩‍👧 שלום", "👩‍👧 שלום"),
        ("\x9b2J", "\\x9b2J"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(text, shown):
    """Joined emoji and other scripts are left in peace."""

    assert visible(text) == shown


def test_checks_and_pairs_are_rows(terminal):
    """In lines, and on a terminal."""
    checks = Checks([Check(state, state=state, said="so") for state in ("ok", "note", "no", "skipped")])
    pairs = Pairs([("a", "1"), ("long", "2")])
    for picture in (checks, pairs):
        show_for(terminal, plain=False).draw(picture)

    assert in_lines(checks) == ["  [ok] ok: so", "  [note] note: so", "  [no] no: so", "  [skipped] skipped: so"]
    assert in_lines(pairs) == ["  a     1", "  long  2"]
    assert (str(checks).count("; "), str(pairs)) == (3, "a: 1; long: 2")
    for seen in ("✓", "!", "✗", "long"):
        assert seen in terminal.getvalue()
