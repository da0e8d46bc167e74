"""Measures several ways of doing the same, turn by turn in one run, and shows each beside the first: the floor.

```python
ways = {"json.loads": lambda: cost(floor, 100), "ours": lambda: cost(ours, 100)}
show("reading a page", side_by_side(ways, rounds=7))
```

Absolute times belong to the machine; what counts is the ratio to the floor of the same round, its median and its
spread. Where `VIBER_BENCH_TABLE` names a file, every row is kept there too, for the table of the whole run.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

T = TypeVar("T")

TABLE = "VIBER_BENCH_TABLE"


@dataclass(frozen=True)
class Cost:
    """Seconds of one turn, divided by how often the work was done in it."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Row:
    """One way's line of the table."""

    question: str
    way: str
    figure: str
    """The median, with its unit."""
    ratio: float
    """To the floor of the same round: the median, and between which two it was found."""
    least: float
    most: float
    note: str = ""


def cost(work: Callable[[], object], times: int = 1) -> Cost:
    """Give what *work* costs, done so many times."""
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(times):
        work()
    return Cost((time.process_time() - cpu) / times, (time.perf_counter() - wall) / times)


async def async_cost(work: Callable[[], Awaitable[object]], times: int = 1) -> Cost:
    """Give what awaiting *work* costs, one after another so many times."""
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(times):
        await work()
    return Cost((time.process_time() - cpu) / times, (time.perf_counter() - wall) / times)


async def at_once(once: Callable[[], Awaitable[object]], callers: int, times: int) -> Cost:
    """Give the cost of *once* when so many callers await it at once, together so many times."""
    left = iter(range(times))

    async def caller() -> None:
        for _ in left:
            await once()

    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return Cost((time.process_time() - cpu) / times, (time.perf_counter() - wall) / times)


def side_by_side(ways: Mapping[str, Callable[[], T]], *, rounds: int) -> dict[str, list[T]]:
    """Give what each way gave in each round. One round more is run first, to warm up."""
    given: dict[str, list[T]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name in _in_turn(ways, turn):
            given[name].append(ways[name]())
    return _without_the_first(given)


async def async_side_by_side(ways: Mapping[str, Callable[[], Awaitable[T]]], *, rounds: int) -> dict[str, list[T]]:
    """Give the same for ways that are awaited."""
    given: dict[str, list[T]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name in _in_turn(ways, turn):
            given[name].append(await ways[name]())
    return _without_the_first(given)


def _in_turn(ways: Mapping[str, object], turn: int) -> list[str]:
    """Give the names in another order each time: who comes after whom must not matter."""
    names = list(ways)
    start = turn % len(names)
    return names[start:] + names[:start]


def _without_the_first(given: dict[str, list[T]]) -> dict[str, list[T]]:
    return {name: turns[1:] for name, turns in given.items()}


def show(question: str, costs: Mapping[str, Sequence[Cost]]) -> None:
    """Print a line for each way: its CPU beside that of the first one, and what the clock on the wall said."""
    floor = next(iter(costs.values()))
    walls = {name: [turn.wall for turn in turns] for name, turns in costs.items()}
    show_figures(
        question,
        {name: [turn.cpu for turn in turns] for name, turns in costs.items()},
        unit=" CPU",
        notes={
            name: f"wall {readable(statistics.median(turns))}, {_ratios(turns, [turn.wall for turn in floor])[0]:.2f}"
            for name, turns in walls.items()
        },
    )


def show_figures(
    question: str,
    figures: Mapping[str, Sequence[float]],
    *,
    unit: str,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Print a line for each way. A *unit* that begins with a space says what the seconds are of."""
    floor = next(iter(figures.values()))
    for name, turns in figures.items():
        median = statistics.median(turns)
        figure = readable(median) + unit if unit.startswith(" ") else f"{median:,.4g} {unit}"
        row = Row(question, name, figure, *_ratios(turns, floor), note=(notes or {}).get(name, ""))
        print(line(row), flush=True)
        if os.environ.get(TABLE):
            with Path(os.environ[TABLE]).open("a") as table:
                table.write(json.dumps(asdict(row)) + "\n")


def _ratios(turns: Sequence[float], floor: Sequence[float]) -> tuple[float, float, float]:
    ratios = [ours / theirs for ours, theirs in zip(turns, floor, strict=True)]
    return statistics.median(ratios), min(ratios), max(ratios)


def readable(seconds: float) -> str:
    """Give *seconds* in the unit that suits them."""
    for unit, factor in (("ns", 1e9), ("us", 1e6), ("ms", 1e3)):
        if seconds * factor < 1000:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"


def line(row: Row) -> str:
    """Give *row* as the table shows it."""
    spread = f"({row.least:.2f} to {row.most:.2f})"
    return f"{row.question:<46} {row.way:<22} {row.figure:>16}  {row.ratio:7.2f} x {spread:<17} {row.note}".rstrip()


def read_table(path: Path) -> list[Row]:
    """Give the rows that a run has kept."""
    return [Row(**json.loads(kept)) for kept in path.read_text().splitlines()]
