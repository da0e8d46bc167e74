"""One client process: a session over the network of the simulation, what it is asked to do, and how it may die.

A process that dies never does anything more that others could notice: whatever its tasks still wait for at one of the
`gate`s (the network, the ledger) never comes. What it had sent is the network's, what it had written is the ledger's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from attrs import define, frozen

from tests.simulation.network import Weather, Wire
from viber_async import (
    ApiKey,
    CampaignDraft,
    ClientCredentials,
    CreatedCampaign,
    CreateHandle,
    LedgerError,
    LedgerRow,
    OutcomeUnknownError,
    RateLimit,
    SqliteLedger,
    Timeout,
    ViberError,
    ViberSession,
)

if TYPE_CHECKING:
    from tests.simulation.world import World

TIMEOUT = Timeout(connect=2.0, write=5.0, read=8.0, create_read=30.0, pool=3.0)
CROWD = 6
RATE = RateLimit(10)
OPERATION: ContextVar[int] = ContextVar("operation", default=0)
"""The number of the operation in whose name something is done."""
URL = "http://127.0.0.1:1"


@frozen(kw_only=True)
class Operation:
    """Something that is wanted of a process."""

    number: int
    kind: str
    key: int = 1
    content: int = 1
    way: str = "wait"
    after: float = 0.0
    gives_up_after: float = 0.0

    @property
    def is_once(self) -> bool:
        return self.kind in ("once", "crowd")


@define(eq=False)
class Report:
    """What an operation was told; `over` is False for ever if its process died."""

    operation: Operation
    process: str
    began: float
    ended: float = float("inf")
    value: Any = None
    error: BaseException | None = None
    over: bool = False

    @property
    def told(self) -> BaseException | None:
        """The error of ours that it was told, also where it comes with a cancellation."""
        error = self.error
        while error is not None and not isinstance(error, ViberError):
            error = error.__cause__
        return error

    @property
    def was_cancelled(self) -> bool:
        return isinstance(self.error, (asyncio.CancelledError, TimeoutError)) and not isinstance(self.error, ViberError)

    def __str__(self) -> str:
        asked = f"{self.operation.kind} {self.operation.number} of {self.process}"
        if not self.over:
            return f"{asked}: died"
        said = f"{type(self.error).__name__} {getattr(self.told, 'delivery', '')}" if self.error else _shown(self.value)
        return f"{asked}: {said}"


def _shown(value: Any) -> str:
    if isinstance(value, CreatedCampaign):
        return f"campaign {value.task_id}"
    return type(value).__name__


class FileLedger(SqliteLedger):
    """The real one, without threads, for which nobody would wait in virtual time."""

    async def _off_the_loop(self, work: Any) -> Any:
        return self._run(work)


class WatchedLedger:
    """A ledger that one process uses: it may be slow, fail, or be what the process last touched."""

    def __init__(self, world: World, process: Process) -> None:
        self._world = world
        self._process = process

    async def secret(self, account: str) -> bytes:
        return await self._used(lambda: self._world.store.secret(account))

    async def get(self, account: str, key: str) -> LedgerRow | None:
        return await self._used(lambda: self._world.store.get(account, key))

    async def put(self, account: str, row: LedgerRow) -> bool:
        async def kept() -> bool:
            done: bool = await self._world.store.put(account, row)
            if done:
                self._world.note_row(row)
            return done

        return await self._used(kept)

    async def unsettled(self, account: str) -> tuple[LedgerRow, ...]:
        return await self._used(lambda: self._world.store.unsettled(account))

    async def _used(self, work: Callable[[], Awaitable[Any]]) -> Any:
        await self._process.gate()
        self._may_fail()
        if self._world.chance.random() < 0.2:
            await asyncio.sleep(self._world.chance.choice([0.001, 0.05, 1.0]))
            await self._process.gate()
        result = await work()
        self._may_fail()
        await self._process.gate()
        return result

    def _may_fail(self) -> None:
        if not self._process.calm and self._world.chance.random() < self._world.scenario.ledger_fails:
            raise LedgerError("the disk is full; nothing was sent")


class Process:
    """A client process."""

    def __init__(self, world: World, name: str, weather: Weather, *, calm: bool) -> None:
        scenario, chance = world.scenario, world.chance
        self.world, self.name, self.calm = world, name, calm
        self.tasks: list[asyncio.Task[Any]] = []
        self.dead = False
        self.is_over = asyncio.Event()
        self._grave = asyncio.Event()
        self._steps = -1 if calm or chance.random() >= scenario.dies else chance.randint(1, 60)
        self._closes = not calm and chance.random() < scenario.closes
        self._ahead = 0.0 if calm else chance.uniform(-1, 1) * scenario.wall_jumps
        self.left_behind: list[asyncio.Task[Any]] = []
        self.wire = Wire(world, self, weather)
        self.session = ViberSession(
            ClientCredentials("id", "secret") if scenario.oauth else ApiKey("key"),
            base_url=URL,
            transport=self.wire,
            ledger=WatchedLedger(world, self),
            timeout=TIMEOUT,
            deadline=scenario.deadline,
            rate_limit=RATE,
        )
        self.session._parts.once.wall = self._wall

    def _wall(self) -> float:
        """Give the time by a clock that may be wrong, and jump."""
        scenario, chance = self.world.scenario, self.world.chance
        if scenario.wall_jumps and not self.calm and chance.random() < 0.02:
            self._ahead = chance.uniform(-1, 1) * scenario.wall_jumps
        return self.world.wall() + self._ahead

    # Death.

    async def gate(self) -> None:
        """Pass, if the process lives; it may die here."""
        self._steps -= 1
        if self._steps == 0:
            self.dead = True
            self.world.log(f"{self.name} dies")
            self.is_over.set()
        if self.dead:
            await self._grave.wait()
            raise LedgerError("this process is dead")

    async def close(self) -> None:
        """End the process in good order."""
        await self.session.aclose()
        await asyncio.sleep(0)
        self.left_behind = [task for task in self.tasks if not task.done()]

    async def bury(self) -> None:
        """Let go of what a dead process held; nobody notices any more."""
        if self.dead:
            self._grave.set()
            await self.session.aclose()
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)

    # Work.

    async def work(self, todo: list[Operation]) -> None:
        """Do what is wanted, until it is done or the session is closed."""
        if self._closes:
            closing = asyncio.ensure_future(self._close_soon())
        under_way = []
        while todo and not (self._closes and closing.done()):
            operation = todo.pop(0)
            await asyncio.sleep(operation.after)
            await self.gate()
            if not self.calm and self.world.chance.random() < self.world.scenario.revokes:
                self.world.provider.revoke()
            count = CROWD if operation.kind == "crowd" else 1
            under_way += [asyncio.ensure_future(self._attempt(operation)) for _ in range(count)]
            if self.world.chance.random() < 0.7:
                await asyncio.wait(under_way)
        if under_way:
            await asyncio.wait(under_way)
        if self._closes:
            closing.cancel()
            await asyncio.wait([closing])
        await asyncio.sleep(self.world.scenario.deadline + 60)  # what was given up may still come to its end
        self._check_idle()
        if self.world.can_count_turns and not self._closes:
            await self._count_turns()

    async def _close_soon(self) -> None:
        await asyncio.sleep(self.world.chance.uniform(0, 20))
        self.world.log(f"{self.name} closes its session")
        await self.session.aclose()

    async def _attempt(self, operation: Operation) -> None:
        """Do one operation in the way that it is to be done, and report what it was told."""
        report = Report(operation, self.name, self.world.now())
        self.world.reports.append(report)
        OPERATION.set(operation.number)
        value, told = None, None
        try:
            value = await self._in_its_way(operation)
        except (ViberError, asyncio.CancelledError, TimeoutError) as error:
            told = error
        if self.dead:  # nobody is there to hear it
            return
        report.value, report.error, report.over, report.ended = value, told, True, self.world.now()
        self.world.log(str(report))
        if operation.kind == "create" and isinstance(unknown := report.told, OutcomeUnknownError):
            assert unknown.handle is not None
            self.world.handles.append((operation.number, unknown.handle.to_dict()))

    async def _in_its_way(self, operation: Operation) -> Any:
        do = getattr(self, "_" + operation.kind.replace(" ", "_").replace("crowd", "once", operation.kind == "crowd"))
        if operation.way == "wait":
            return await do(operation)
        if operation.way == "timeout":
            async with asyncio.timeout(operation.gives_up_after):
                return await do(operation)
        task = asyncio.ensure_future(do(operation))
        if operation.way == "cancel soon":
            for _ in range(int(operation.gives_up_after * 20)):
                await asyncio.sleep(0)
        else:
            await asyncio.wait([task], timeout=operation.gives_up_after)
        task.cancel()
        if operation.way == "cancel twice":
            await asyncio.sleep(0)
            task.cancel()
        return await task

    # What can be wanted.

    async def _once(self, operation: Operation) -> CreatedCampaign:
        return await self.session.campaigns.create_once(
            draft_of(f"key {operation.key}, content {operation.content}"),
            key=f"key {operation.key}",
            resend_after=self.world.scenario.resend_after,
        )

    async def _create(self, operation: Operation) -> CreatedCampaign:
        return await self.session.campaigns.create(created_by(operation))

    async def _pending(self, _: Operation) -> Any:
        return await self.session.campaigns.reconcile_pending()

    async def _reconcile(self, _: Operation) -> Any:
        found = []
        for number, handle in list(self.world.handles):
            found.append((number, await self.session.campaigns.reconcile(CreateHandle.from_dict(handle))))
        return found

    async def _read(self, _: Operation) -> Any:
        return await self.session.senders.list()

    async def _crowd_of_reads(self, _: Operation) -> Any:
        return await asyncio.gather(*(self.session.senders.list() for _ in range(13)), return_exceptions=True)

    async def _walk(self, _: Operation) -> Any:
        return await self.session.campaigns.list().collect()

    async def _add(self, operation: Operation) -> Any:
        return await self.session.blacklist.add(phones_of(operation), description="asked")

    async def _remove(self, operation: Operation) -> Any:
        return await self.session.blacklist.remove(phones_of(operation))

    # What has to be true of a process at rest.

    async def _count_turns(self) -> None:
        """Ten turns can be had within a second: none was lost."""
        self.wire.weather = CALM_AND_QUICK
        await self._read(Operation(number=0, kind="read"))  # and with it a token
        await asyncio.sleep(30)
        before = len(self.world.sent)
        await asyncio.gather(*(self.session.senders.list() for _ in range(10)))
        sent = [each.left_at for each in self.world.sent[before:] if each.process == self.name and not each.is_token]
        if len(sent) != 10 or max(sent) - min(sent) > 0.95:
            self.world.complaints.append(f"{self.name} has lost turns: ten took {max(sent) - min(sent):.2f} s")

    def _check_idle(self) -> None:
        seen = self.session.statistics()
        if seen.in_flight or any(seen.rate.waiting.values()):
            self.world.complaints.append(f"{self.name} is at rest and is not: {seen}")


CALM_AND_QUICK = Weather(jitter=0.0)


def draft_of(message: str, name: str | None = "spring") -> CampaignDraft:
    return CampaignDraft(
        sender_id=1, message_live_time=3600, task_name=name, message=message, recipients=["380931111111"]
    )


def created_by(operation: Operation) -> CampaignDraft:
    """Give the draft of a create: two operations share a name, and two a text, but none has both of another."""
    return draft_of(f"text {operation.number % 2}", f"promo {operation.number // 2}")


def phones_of(operation: Operation) -> list[str]:
    return [f"38093{operation.key:07}", f"38093{operation.number:07}", f"38094{operation.number:07}"]
