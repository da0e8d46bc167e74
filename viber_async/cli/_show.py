"""What is put before people: on a terminal with Rich, through a pipe as plain lines.

A `Show` is told what there is to see, and nothing about how. Whoever reads a pipe gets no colour, no carriage
return and no line that is wrapped; whoever looks at a terminal gets all that it can do, less what NO_COLOR asks.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Protocol

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.progress import BarColumn, Progress, ProgressColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from viber_async._sansio.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence
    from contextlib import AbstractContextManager
    from typing import TextIO

    from rich.console import RenderableType
    from rich.progress import Task

    from viber_async.cli._demo_claims import Claim

NARROW: Final = 72
"""Columns below which a progress bar goes without its rate and time."""
WIDE: Final = 100
"""Columns below which a table goes without what can be spared."""
EVERY: Final = 10.0
"""Seconds between two lines about one bar in a pipe."""
WAITING: Final = "waiting for the provider"
CODE: Final = "dim cyan"
NUMBER: Final = r"(?<![\w/.:•-])\d+(,\d{3})*(\.\d+)?(?![\w/:•-])"
"""A number that stands alone, its thousands together: Rich's own highlighter takes 4,320 for two."""
ADDRESS: Final = r"https?://[\w.:\[\]]*\w"


class Reach(Protocol):
    """Tells a bar how far something has got."""

    def __call__(self, done: int, total: int | None = None, /, *, waited: float = 0.0, waits: bool = False) -> None:
        """Say that *done* are done, of *total*.

        Seconds that were *waited* for somebody else do not count for its pace; while it *waits*, it has none.
        """


class Picture(Protocol):
    """Something with a look of its own; `str` of it is a line that says the same."""

    def lines(self) -> Iterable[str]:
        """Give it as plain lines."""
        ...

    def rich(self) -> RenderableType:
        """Give it as a terminal can draw it."""
        ...


class Draw(Protocol):
    """Puts a picture in the place of the one before."""

    def __call__(self, picture: Picture, /) -> None:
        """Draw *picture*."""


class Show(Protocol):
    """Whatever can put things before people."""

    def heading(self, text: str) -> None:
        """Begin a part."""

    def say(self, text: str) -> None:
        """Say one sentence."""

    def code(self, text: str) -> None:
        """Show the line of Python that does what follows."""

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str | int]], *, spare: int = 0) -> None:
        """Show rows; what is an int stands to the right. The last *spare* columns may go where there is no room."""

    def bar(self, label: str, total: int | None, unit: str) -> AbstractContextManager[Reach]:
        """Show how far something has got; it is told the number that is done, and of how many, if that changes."""
        ...

    def verdict(self, title: str, claims: Sequence[Claim]) -> None:
        """Show which claims hold, and whether all do."""

    def draw(self, picture: Picture) -> None:
        """Show a picture."""

    def live(self) -> AbstractContextManager[Draw]:
        """Show one picture after another in the same place, and leave the last."""
        ...


def show_for(file: TextIO, *, plain: bool) -> Show:
    """Return the show that suits *file*: Rich for a terminal that can move its cursor, else plain lines.

    Asked of the file itself: what a FORCE_COLOR in the environment would put into a pipe is a surprise there.
    """
    console = Console(file=file)
    if plain or not file.isatty() or console.is_dumb_terminal:
        return PlainShow(file)
    return RichShow(console)


class PlainShow:
    """Lines for pipes, logs and whoever asked for them."""

    def __init__(self, file: TextIO, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._first = True
        self._monotonic = monotonic

    def heading(self, text: str) -> None:
        """Begin a part, with an empty line between it and the one before."""
        self._write(*([] if self._first else [""]), f"== {text}")
        self._first = False

    def say(self, text: str) -> None:
        """Write a line."""
        self._write(text)

    def code(self, text: str) -> None:
        """Write a line as the interpreter would show it."""
        self._write(f">>> {text}")

    def table(
        self,
        heads: Sequence[str],
        rows: Iterable[Sequence[str | int]],
        *,
        spare: int = 0,  # noqa: ARG002 - a pipe has room for all
    ) -> None:
        """Write aligned columns, two spaces apart."""
        kept = list(rows)
        cells = [list(heads), *([_cell(value) for value in row] for row in kept)]
        right = [bool(kept) and isinstance(value, int) for value in (kept[0] if kept else heads)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for row in cells:
            self._write("  " + "  ".join(map(_aligned, row, widths, right)).rstrip())

    @contextmanager
    def bar(self, label: str, total: int | None, unit: str) -> Generator[Reach]:
        """Write a line now and then, and one at the end: a bar does not move in a file."""
        began = said = self._monotonic()
        done, of, idle = 0, total, 0.0

        def reach(number: int, whole: int | None = None, /, *, waited: float = 0.0, waits: bool = False) -> None:
            nonlocal done, of, said, idle
            done, of, idle = number, whole if whole is not None else of, waited
            if (now := self._monotonic()) - said >= EVERY:
                said = now
                pace = WAITING if waits else _pace(done, of, now - began - idle)
                self._write(f"{label}: {_so_far(done, of, unit)}, {pace}")

        yield reach
        waited = f", {duration(idle)} of it {WAITING}" if idle else ""
        self._write(f"{label}: {_so_far(done, of, unit)} in {self._monotonic() - began:.1f} s{waited}")

    def verdict(self, title: str, claims: Sequence[Claim]) -> None:
        """Write a line for each claim, and one for all of them."""
        self._write(*(f"[{'ok' if claim.holds else 'NO'}] {claim}" for claim in claims), "", title)

    def draw(self, picture: Picture) -> None:
        """Write it in lines."""
        self._write(*(f"  {line}".rstrip() for line in picture.lines()))

    @contextmanager
    def live(self) -> Generator[Draw]:
        """Write a line for each: nothing moves in a file."""
        yield lambda picture: self._write(str(picture))

    def _write(self, *lines: str) -> None:
        self._file.writelines(f"{line}\n" for line in lines)
        self._file.flush()


class RichShow:
    """A terminal's worth of the same."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def heading(self, text: str) -> None:
        """Draw a rule with the part's name."""
        self._console.print()
        self._console.print(Rule(Text(text, "bold"), style="magenta", align="left"))

    def say(self, text: str) -> None:
        """Print a line with its numbers and addresses coloured."""
        line = Text(text)
        line.highlight_regex(ADDRESS, "underline blue")
        line.highlight_regex(NUMBER, "bold cyan")
        self._console.print(line, highlight=False)

    def code(self, text: str) -> None:
        """Print a line of Python, dimmed."""
        self._console.print(Text(f">>> {text}", CODE), highlight=False)

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str | int]], *, spare: int = 0) -> None:
        """Print a table that fits the terminal."""
        shown = len(heads) - (spare if self._console.width < WIDE else 0)
        kept = [row[:shown] for row in rows]
        table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
        for i, head in enumerate(heads[:shown]):
            number = bool(kept) and isinstance(kept[0][i], int)
            table.add_column(Text(head), justify="right" if number else "left", style="cyan" if number else None)
        for row in kept:
            table.add_row(*(Text(_cell(value)) for value in row))
        self._console.print(Padding(table, (0, 0, 0, 2)))

    @contextmanager
    def bar(self, label: str, total: int | None, unit: str) -> Generator[Reach]:
        """Draw a bar with its rate and the time left."""
        columns: list[ProgressColumn] = [TextColumn("{task.description}"), BarColumn(None), _DoneColumn(unit)]
        if self._console.width >= NARROW:
            columns += [
                TaskProgressColumn(),
                _RateColumn(),
                _LeftColumn(compact=True, elapsed_when_finished=True),
            ]
        with Progress(*columns, console=self._console, expand=True) as progress:
            task = progress.add_task(label, total=total, waited=0.0, waits=False)

            def reach(done: int, whole: int | None = None, /, *, waited: float = 0.0, waits: bool = False) -> None:
                progress.update(
                    task, completed=done, total=whole, waited=waited, waits=waits
                )  # None leaves it as it is

            yield reach

    def verdict(self, title: str, claims: Sequence[Claim]) -> None:
        """Draw a panel, green if all claims hold and red if one does not."""
        good = all(claim.holds for claim in claims)
        grid = Table.grid(padding=(0, 1))
        for claim in claims:
            grid.add_row(Text("✓", "green") if claim.holds else Text("✗", "bold red"), _claim_text(claim))
        colour = "green" if good else "red"
        last = Text(title, f"bold {colour}")
        self._console.print(Panel(Group(grid, Text(), last), border_style=colour, title="Does it add up?"))

    def draw(self, picture: Picture) -> None:
        """Print it as it can be drawn here."""
        self._console.print(Padding(picture.rich(), (0, 0, 0, 2)))

    @contextmanager
    def live(self) -> Generator[Draw]:
        """Draw each over the one before."""
        with Live(console=self._console, auto_refresh=False) as live:
            yield lambda picture: live.update(picture.rich(), refresh=True)


class _DoneColumn(ProgressColumn):
    """So many of so many."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """Return the numbers as wide from the first to the last."""
        if task.total is None:
            return Text(counted(int(task.completed), self._unit))
        total = f"{int(task.total):,}"
        return Text(f"{int(task.completed):>{len(total)},}/{counted(int(task.total), self._unit)}")


class _RateColumn(ProgressColumn):
    """So many a second."""

    def render(self, task: Task) -> Text:
        """Return the rate since the beginning: that of the last second jumps, because the first turns are free."""
        if task.fields["waits"]:
            return Text("waiting", "yellow")
        worked = (task.finished_time or task.elapsed or 0.0) - task.fields["waited"]
        return Text(f"{task.completed / worked if worked > 0 else 0.0:,.0f}/s", "magenta")


class _LeftColumn(TimeRemainingColumn):
    """The time that is left, where that can be said: not for as long as somebody else is waited for."""

    def render(self, task: Task) -> Text:
        """Return it, or a dash."""
        return Text("-:--", "yellow") if task.fields["waits"] else super().render(task)


def _so_far(done: int, of: int | None, unit: str) -> str:
    return counted(done, unit) if of is None else f"{done:,} of {counted(of, unit)}"


def _pace(done: int, of: int | None, seconds: float) -> str:
    """The rate since the beginning, and what is left at that rate."""
    rate = done / seconds
    if of is None or not rate:
        return f"{rate:,.0f}/s"
    return f"{rate:,.0f}/s, {duration(max(of - done, 0) / rate)} left"


def duration(seconds: float) -> str:
    """Give *seconds* as people say them."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{seconds:.1f} s"


def _claim_text(claim: Claim) -> Text:
    text = Text(str(claim), "" if claim.holds else "red")
    text.highlight_regex(NUMBER, "bold")
    return text


def _cell(value: str | int) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def _aligned(text: str, width: int, right: bool) -> str:  # noqa: FBT001 - mapped over columns
    return text.rjust(width) if right else text.ljust(width)


def fail(text: str) -> None:
    """Write the one line that says what went wrong to stderr; where nobody reads that, there is the exit code."""
    with suppress(OSError):
        sys.stderr.write(f"viber-async: {text}\n")
