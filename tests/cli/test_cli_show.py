"""What people see: on a terminal, and through a pipe."""

from __future__ import annotations

import io
import re

import pytest

from viber_async.cli._demo_claims import Claim
from viber_async.cli._show import PlainShow, RichShow, duration, show_for

GOOD = Claim(((4_320, "lines"),), right=((4_320, "valid"),))
BAD = Claim(((4_320, "lines"),), right=((1, "valid"),))
COLOUR = re.compile(r"\x1b\[[\d;]*(3\d|4\d|38;5;\d+)m")


def everything(show) -> None:
    """Show one of each."""
    show.heading("First")
    show.say("4,320 phones at http://127.0.0.1:8025 [not markup] :smile:")
    show.code("await session.senders.list()")
    show.table(("phone", "rows"), [("4420•••••958", 1_200), ("1", 3)])
    show.table(("nothing",), [])
    with show.bar("adding", 1_000, "phones") as reach:
        reach(500)
        reach(1_000)
    show.heading("Second")
    show.verdict("All add up.", [GOOD])
    show.verdict("1 does NOT add up.", [GOOD, BAD])


def test_a_pipe_gets_plain_lines():
    """Not one character for a terminal."""
    file = io.StringIO()
    everything(show_for(file, plain=False))

    text = re.sub(r"in \d+\.\d s", "in 0.1 s", file.getvalue())

    assert text.splitlines() == [
        "== First",
        "4,320 phones at http://127.0.0.1:8025 [not markup] :smile:",
        ">>> await session.senders.list()",
        "  phone          rows",
        "  4420•••••958  1,200",
        "  1                 3",
        "  nothing",
        "adding: 1,000 of 1,000 phones in 0.1 s",
        "",
        "== Second",
        "[ok] 4,320 lines = 4,320 valid",
        "",
        "All add up.",
        "[ok] 4,320 lines = 4,320 valid",
        "[NO] 4,320 lines = 1 valid: 4,320 against 1",
        "",
        "1 does NOT add up.",
    ]


class Clock:
    """A clock to move by hand."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_a_bar_that_takes_long_is_a_line_now_and_then():
    """With the rate so far, and what is left at that rate."""
    file, clock = io.StringIO(), Clock()
    with PlainShow(file, monotonic=clock).bar("adding", None, "phones") as reach:
        for seconds, done, of in [
            (9, 50, None),
            (1, 100, None),
            (9, 900, 10_000),
            (2, 2_100, 10_000),
            (20, 2_100, None),
        ]:
            clock.now += seconds
            reach(done, of)
        clock.now += 9_000
        reach(9_999)

    assert file.getvalue().splitlines() == [
        "adding: 100 phones, 10/s",
        "adding: 2,100 of 10,000 phones, 100/s, 1 min 19 s left",
        "adding: 2,100 of 10,000 phones, 51/s, 2 min 34 s left",
        "adding: 9,999 of 10,000 phones, 1/s, 0.9 s left",
        "adding: 9,999 of 10,000 phones in 9041.0 s",
    ]


def test_a_bar_that_waits_for_somebody_else_says_so_and_counts_its_own_time():
    """An outage of five minutes makes nothing slower that comes after it."""
    file, clock = io.StringIO(), Clock()
    with PlainShow(file, monotonic=clock).bar("adding", 10_000, "phones") as reach:
        for seconds, done, how in [
            (10, 1_000, {}),
            (1, 1_000, {"waits": True}),
            (300, 1_000, {"waits": True}),
            (10, 2_000, {"waited": 301.0}),
        ]:
            clock.now += seconds
            reach(done, **how)

    assert file.getvalue().splitlines() == [
        "adding: 1,000 of 10,000 phones, 100/s, 1 min 30 s left",
        "adding: 1,000 of 10,000 phones, waiting for the provider",
        "adding: 2,000 of 10,000 phones, 100/s, 1 min 20 s left",
        "adding: 2,000 of 10,000 phones in 321.0 s, 5 min 01 s of it waiting for the provider",
    ]


def test_a_terminal_draws_no_pace_while_somebody_else_is_waited_for(terminal):
    """It would fall second by second, and the time left with it."""
    with show_for(terminal, plain=False).bar("adding", 10_000, "phones") as reach:
        reach(1_000, waits=True)
    waiting = terminal.getvalue()
    with show_for(terminal, plain=False).bar("adding", 10_000, "phones") as reach:
        reach(1_000, waited=0.5)
    text = terminal.getvalue()[len(waiting) :]

    assert "waiting" in waiting
    assert "-:--" in waiting
    assert "waiting" not in text


def test_a_bar_without_progress_has_no_time_left():
    """It may take for ever."""
    file, clock = io.StringIO(), Clock()
    with PlainShow(file, monotonic=clock).bar("adding", 5, "phones") as reach:
        clock.now += 10
        reach(0)

    assert file.getvalue().splitlines()[0] == "adding: 0 of 5 phones, 0/s"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.04, "0.0 s"),
        (59.4, "59.4 s"),
        (59.6, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (9041, "2 h 30 min"),
    ],
)
def test_a_duration_is_said_as_people_do(seconds, said):
    """In the two units that matter."""

    assert duration(seconds) == said


def test_a_terminal_draws_a_bar_whose_end_is_not_known(terminal):
    """With what is done so far; the end may come later."""
    with show_for(terminal, plain=False).bar("reading", None, "entries") as reach:
        reach(1_234)
        reach(2_000, 4_000)

    assert "entries" in terminal.getvalue()
    assert "2,000/4,000 entries" in terminal.getvalue()


def test_a_colour_that_the_environment_forces_does_not_reach_a_pipe(monkeypatch):
    """FORCE_COLOR is for programs that only colour; ours would draw bars."""
    monkeypatch.setenv("FORCE_COLOR", "1")

    assert isinstance(show_for(io.StringIO(), plain=False), PlainShow)


def test_a_terminal_gets_rules_bars_tables_and_a_panel(terminal):
    """In colour; what looks like markup is shown as it is."""
    everything(show_for(terminal, plain=False))
    text = terminal.getvalue()

    assert COLOUR.search(text)
    for seen in ("─────", "━━━━━", "1,000/1,000 phones", "100%", "/s", "╭", "✓", "✗", "[not markup] :smile:"):
        assert seen in text


def test_a_narrow_terminal_gets_a_bar_without_its_rate(terminal, monkeypatch):
    """And no line that is too long."""
    monkeypatch.setenv("COLUMNS", "50")
    everything(show_for(terminal, plain=False))
    text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", terminal.getvalue())

    assert "100%" not in text
    assert max(map(len, re.split(r"[\r\n]", text))) <= 50


@pytest.mark.parametrize(("columns", "heads"), [("99", ["name"]), ("100", ["name", "marker"])])
def test_a_column_that_can_be_spared_goes_where_there_is_no_room(terminal, monkeypatch, columns, heads):
    """So that the others can be read; a pipe has room for all."""
    monkeypatch.setenv("COLUMNS", columns)
    piped = io.StringIO()
    for file in (terminal, piped):
        show_for(file, plain=False).table(("name", "marker"), [("spring", "abcdefgh23456722")], spare=1)

    assert re.findall(r"name|marker", terminal.getvalue()) == heads
    assert ("abcdefgh" in terminal.getvalue()) is (len(heads) == 2)
    assert re.findall(r"name|marker|abcdefgh23456722", piped.getvalue()) == ["name", "marker", "abcdefgh23456722"]


def test_no_color_is_respected(terminal, monkeypatch):
    """The bars stay, the colours go."""
    monkeypatch.setenv("NO_COLOR", "1")
    everything(show_for(terminal, plain=False))

    assert not COLOUR.search(terminal.getvalue())
    assert "━━━━━" in terminal.getvalue()


@pytest.mark.parametrize(
    ("term", "plain", "kind"), [("dumb", False, PlainShow), ("xterm", True, PlainShow), ("xterm", False, RichShow)]
)
def test_a_terminal_gets_plain_lines_where_it_can_do_no_more(terminal, monkeypatch, term, plain, kind):
    """Or where they were asked for."""
    monkeypatch.setenv("TERM", term)

    assert isinstance(show_for(terminal, plain=plain), kind)
