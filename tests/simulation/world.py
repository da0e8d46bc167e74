"""One run of the simulation: a scenario drawn from a seed, client processes that live and die in it, and its record.

Everything that is drawn comes from one generator, and time is virtual, so a seed replays exactly:
`python -m tests.simulation SEED` prints what happened. The record is for `checker`.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from contextlib import nullcontext
from contextvars import Context, ContextVar, copy_context
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from attrs import define, evolve, field, frozen

from tests.shell.clock import VirtualTimeLoop
from tests.shell.ledger import MemoryLedger
from tests.simulation.network import CALM, FAULTS, REFUSALS, Sent, Weather
from tests.simulation.process import OPERATION, FileLedger, Operation, Process, Report
from tests.simulation.provider import FakeProvider, Habits
from viber_async import LedgerRow

PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)

HOUR = 3600.0
KINDS = ("once", "once", "once", "crowd", "create", "create", "pending", "reconcile", "read", "walk", "add", "remove")


@frozen(kw_only=True)
class Scenario:
    """What a seed stands for."""

    seed: int
    habits: Habits
    weather: Weather
    slots: tuple[tuple[Operation, ...], ...]
    """What is wanted of each process that lives at the same time; a new one goes on when one ends."""
    oauth: bool
    file: bool
    """The ledger is a real file."""
    ledger_fails: float
    dies: float
    """How often a process dies before its work is done."""
    closes: float
    """How often a session is closed while calls are under way."""
    revokes: float
    resend_after: timedelta | None
    deadline: float
    wall_jumps: float
    """Seconds by which the wall clocks of processes may differ and jump."""
    counts_turns: bool


def drawn(seed: int) -> Scenario:
    """Give the scenario of *seed*."""
    chance = random.Random(seed)
    faults = tuple(fault for fault in FAULTS if chance.random() < 0.35)
    resend = chance.random() < 0.3
    late, lag = chance.choice([(0.0, 0.0), (20.0, 0.0), (0.0, 60.0), (300.0, 300.0), (900.0, 900.0), (3600.0, 600.0)])
    window = max(timedelta(minutes=10), timedelta(seconds=late + lag))
    wall_jumps = chance.choice([0.0, 0.0, 60.0, 90_000.0])
    skewed = 0.0 if resend and wall_jumps else chance.choice([0.0, 0.0, 100.0, HOUR])
    race = chance.random() < 0.25
    keys = 1 if resend or race else chance.randint(1, 3)
    kinds = KINDS if not (resend or race) else ("once", "once", "once", "pending")
    pauses = [0.05] if race else [1.0, 200.0, window.total_seconds() + 250.0] if resend else [10.0, 60.0, 600.0]
    numbers = iter(range(1, 1000))
    slots = tuple(
        tuple(_operation(chance, next(numbers), kinds, keys, pauses) for _ in range(chance.randint(2, 6)))
        for _ in range(chance.choice([2, 3] if race else [1, 1, 2, 2, 3]))
    )
    return Scenario(
        seed=seed,
        habits=Habits(
            rows_before=chance.choice([0, 1, 3, 3, 3, 120]),
            newest_first=chance.random() < 0.8,
            name_length=chance.choice([255, 255, 255, 40, 19, 16]),
            renames=chance.choice([0.0, 0.0, 0.0, 0.3, 1.0]),
            lag=lag,
            repeats_rows=chance.choice([0.0, 0.0, 0.3]),
            zone=timedelta(hours=chance.choice([0, 0, 2, 14, -12])),
            date_skew=skewed,
            dateless=chance.choice([0.0, 0.0, 0.0, 0.3, 1.0]),
            token_lifetime=chance.choice([3600, 3600, 400, 70]),
        ),
        weather=Weather(
            faults=faults,
            often=chance.choice([0.0, 0.4, 0.7, 1.0]),
            late=late,
            jitter=chance.choice([0.02, 0.05, 0.2]),
            tells=chance.random() < 0.7,
        ),
        slots=slots,
        oauth=chance.random() < 0.4,
        file=chance.random() < 0.04,
        ledger_fails=chance.choice([0.0, 0.0, 0.0, 0.05]),
        dies=chance.choice([0.0, 0.0, 0.4, 0.8]),
        closes=chance.choice([0.0, 0.0, 0.0, 0.3]),
        revokes=chance.choice([0.0, 0.0, 0.1]),
        resend_after=window if resend else None,
        deadline=chance.choice([5.0, 20.0, 150.0]),
        wall_jumps=wall_jumps,
        counts_turns=chance.random() < 0.25,
    )


def _operation(chance: random.Random, number: int, kinds: tuple[str, ...], keys: int, pauses: list[float]) -> Operation:
    pause = chance.choice(pauses)
    ways = ("wait", "wait", "wait", "wait", "cancel", "cancel twice", "timeout", "cancel soon")
    return Operation(
        number=number,
        kind="crowd of reads" if chance.random() < 0.03 else chance.choice(kinds),
        key=chance.randint(1, keys),
        content=1 if chance.random() < 0.93 else 2,
        way=chance.choice(ways),
        after=chance.choice([0.0, 0.05, 1.0, chance.uniform(0, 10), pause, chance.uniform(0, pause)]),
        gives_up_after=chance.choice([0.02, 0.1, 0.5, 3.0, 30.0]) * chance.random(),
    )


@frozen
class Kept:
    """A row as it was written, and when."""

    at: float
    row: LedgerRow


@define
class World:
    """Everything that is there in one run, and all that happened."""

    scenario: Scenario
    provider: FakeProvider
    store: Any
    chance: random.Random
    sent: list[Sent] = field(factory=list)
    reports: list[Report] = field(factory=list)
    kept: list[Kept] = field(factory=list)
    last: list[Report] = field(factory=list)
    """What the last process of all was told, in calm weather and after all delays."""
    handles: list[tuple[int, dict[str, object]]] = field(factory=list)
    """What unknown creates left behind: the number of the operation, and the handle as it was written down."""
    processes: list[Process] = field(factory=list)
    complaints: list[str] = field(factory=list)
    """What was noticed on the way."""
    events: list[str] = field(factory=list)

    @staticmethod
    def now() -> float:
        return asyncio.get_running_loop().time()

    @staticmethod
    def operation() -> int:
        return OPERATION.get()

    def log(self, what: str) -> None:
        self.events.append(f"{self.now():.4f} {what}")

    def note_row(self, row: LedgerRow) -> None:
        """A row was written."""
        self.kept.append(Kept(self.now(), row))
        self.log(f"the row of {row.handle.marker} says: {row.state.value} (version {row.version})")

    def wall(self) -> float:
        """Give the true time, in seconds since the epoch."""
        return self.provider.moment(self.now()).timestamp()

    def process(self, name: str, *, calm: bool = False) -> Process:
        """Start a process."""
        weather = evolve(CALM, tells=self.scenario.weather.tells) if calm else self.scenario.weather
        process = Process(self, name, weather, calm=calm)
        self.processes.append(process)
        return process

    @property
    def can_count_turns(self) -> bool:
        """Tell whether ten reads are ten requests that nothing but the rate limit holds up."""
        scenario = self.scenario
        disturbed = scenario.revokes or scenario.habits.token_lifetime < 3600
        return scenario.counts_turns and not disturbed and not set(scenario.weather.faults) & set(REFUSALS)

    # The run.

    async def run(self) -> None:
        """Let all of it happen."""
        loop = asyncio.get_running_loop()
        loop.set_task_factory(_owned)
        loop.set_exception_handler(lambda _, what: self.complaints.append(f"the loop was told: {what}"))
        slots = [self._slot(number, work) for number, work in enumerate(self.scenario.slots, 1)]
        await asyncio.gather(*slots)
        weather = self.scenario.weather
        await asyncio.sleep(weather.late + self.scenario.habits.lag + 3 * HOUR)
        await self._settle()
        for process in self.processes:
            await process.bury()
        self.complaints += [f"{p.name} left {len(p.left_behind)} tasks behind" for p in self.processes if p.left_behind]

    async def _slot(self, number: int, work: tuple[Operation, ...]) -> None:
        """Have *work* done, by one process after another."""
        todo, born = list(work), 0
        while todo:
            born += 1
            process = self.process(f"{number}.{born}")
            working = asyncio.get_running_loop().create_task(process.work(todo), context=_context_of(process))
            over = asyncio.ensure_future(process.is_over.wait())
            await asyncio.wait([working, over], return_when=asyncio.FIRST_COMPLETED)
            over.cancel()
            if not process.dead:
                await working
                await process.close()

    async def _settle(self) -> None:
        """Let a last process find out, in calm weather, what became of everything."""
        self.log("calm")
        process = self.process("last", calm=True)
        wanted = sorted({(r.operation.key, r.operation.content) for r in self.reports if r.operation.is_once})
        work = [Operation(number=900, kind="pending")]
        work += [Operation(number=901 + n, kind="once", key=k, content=c) for n, (k, c) in enumerate(wanted)]
        work += [Operation(number=950, kind="reconcile")]
        working = asyncio.get_running_loop().create_task(process.work(work), context=_context_of(process))
        await working
        await process.close()
        self.last = [each for each in self.reports if each.process == "last"]


def _context_of(process: Process) -> Context:
    context = copy_context()
    context.run(PROCESS.set, process)
    return context


def _owned(
    loop: asyncio.AbstractEventLoop, work: Any, context: Context | None = None, **more: Any
) -> asyncio.Task[Any]:
    """Make a task, and note which process it belongs to."""
    task = asyncio.Task(work, loop=loop, context=context, **more)
    process = PROCESS.get() if context is None else context.get(PROCESS)
    if process is not None:
        process.tasks.append(task)
    return task


def lived(scenario: Scenario) -> World:
    """Run *scenario* from its beginning to its end."""
    chance = random.Random(scenario.seed + 1)
    before = random.getstate()
    random.seed(scenario.seed)  # the jitter of repetitions
    loop = VirtualTimeLoop()
    epoch = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=loop.time())
    with tempfile.TemporaryDirectory() if scenario.file else nullcontext("") as place:
        world = World(
            scenario,
            FakeProvider(scenario.habits, chance, loop.time, epoch),
            FileLedger(Path(place, "ledger")) if scenario.file else MemoryLedger(),
            chance,
        )
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(world.run())
        finally:
            random.setstate(before)
    return world
