"""What people see: on a terminal, and through a pipe."""

from __future__ import annotations

import io
import re

import pytest

from viber_async.cli._demo_claims import Claim
from viber_async.cli._show import PlainShow, RichShow, show_for

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
