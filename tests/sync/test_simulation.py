"""Whole syncs in a hostile world, by seed: faults, kills at any step, people who say stop meanwhile; then the truth.

A world is a provider, a source, and a client that is killed and started again until it ends. What must hold:

1.  Nobody who is wanted when the last run reads the source is missing in the end, and nobody whom this sync removed and
    who said stop before it was through.
2.  Nothing is removed that the source wants when the request leaves.
3.  Nothing is removed beyond the first plan; no foreign row, no unreadable one, ever.
4.  What is reported is what is there.
"""

from __future__ import annotations

import json
import os
import random
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from attrs import define, evolve, field

from tests.shell.clock import run
from tests.shell.provider import no, ok
from tests.shell.sessions import session_over
from tests.sync.blacklist import BlacklistProvider
from viber_async import DecodeError, SyncInterruptedError, SyncRefusedError, SyncReport
from viber_async.sync import errands
from viber_async.sync import run as runs
from viber_async.sync.journal import DONE, KEEP, REMOVE, Begun, Errand, JournalFile

B = 380_500_000_000
SEEDS = int(os.environ.get("VIBER_TEST_SEEDS", "80"))
"""Three thousand take a few minutes (``nox -s sync_simulation``)."""
BATCH = 7
GUARDS = ("empty", "respelled", "replaced", "max_remove", "incomplete")


class KilledError(BaseException):
    """The client's process ends here."""


class BrokenPromiseError(BaseException):
    """Not an Exception, which the client would take for a transport that failed."""


class MemoryJournal:
    """Keeps what a file would keep, for as many clients as come after each other."""

    def __init__(self) -> None:
        self.errand: Errand | None = None
        self.begun = 0
        self.first_plan: set[int] = set()
        self.rows: set[int] = set()
        self.steps: list[list[Any]] = []
        self.alarm: Callable[[], None] = lambda: None

    path = "memory"

    def open(self, account: str) -> Begun | None:
        if self.errand is None:
            return None

        def of(kind: str, *states: str) -> array[int]:
            return array("q", (n for k, s, phones in self.steps if k == kind and s in states for n in phones))

        return Begun(
            self.errand,
            planned=array("q", self.first_plan),
            rows=array("q", self.rows),
            added=of("add", "intended", DONE, "doubtful"),
            removed=of(REMOVE, "intended", DONE, "doubtful"),
            gone=of(REMOVE, DONE),
            kept=of(KEEP, DONE),
        )

    def begin(self, errand: Errand, planned: array[int], rows: array[int]) -> None:
        self.alarm()
        self.errand, self.first_plan, self.rows, self.steps = errand, set(planned), set(rows), []
        self.begun += 1
        self.alarm()

    def intend(self, kind: str, phones: array[int]) -> int:
        self.alarm()
        self.steps.append([kind, "intended", tuple(phones)])
        self.alarm()
        return len(self.steps) - 1

    def settle(self, step: int, state: str) -> None:
        self.alarm()
        self.steps[step][1] = state
        self.alarm()

    def heed(self) -> None:
        self.alarm()
        assert self.errand is not None
        self.errand = evolve(self.errand, asks=True)
        self.alarm()

    def keep(self, phones: array[int]) -> None:
        self.alarm()
        self.steps.append([KEEP, DONE, tuple(phones)])
        self.alarm()

    def finish(self) -> None:
        self.alarm()
        self.errand = None
        self.alarm()

    def close(self) -> None:
        pass


@define
class World:
    """One seed's world."""

    seed: int
    chance: random.Random = field(init=False)
    provider: BlacklistProvider = field(init=False)
    source: set[int] = field(init=False)
    bad: set[int] = field(init=False)
    """Phones that the provider refuses."""
    terms: dict[str, Any] = field(init=False)
    foreign: set[int] = field(init=False)
    stopped: set[int] = field(init=False, factory=set)
    """Who said stop while a run was going on."""
    removed: set[int] = field(init=False, factory=set)
    there_before: set[int] = field(init=False)
    others: set[int] = field(init=False, factory=set)
    """Who was put on the blacklist by somebody else meanwhile."""
    journal: MemoryJournal = field(init=False, factory=MemoryJournal)
    peace: bool = field(init=False, default=False)
    kills: int = field(init=False, default=0)
    trouble: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        chance = self.chance = random.Random(self.seed)
        size = chance.choice([0, 5, 40, 120])
        there = {B + chance.randrange(300) for _ in range(size)}
        self.source = {n for n in there if chance.random() < 0.8} | {
            B + chance.randrange(300) for _ in range(size // 3 + 2)
        }
        owner = chance.choice([None, None, "crm"])
        self.terms = {"mode": chance.choice(["add_only", "mirror", "mirror"]), "owner": owner, "max_remove": 300}
        self.bad = {n for n in self.source - there if chance.random() < 0.03}
        self.trouble = chance.choice([0.0, 0.05, 0.25])
        self.provider = BlacklistProvider(page=chance.choice([10, 30, 1000]))
        self.foreign = set()
        for number in sorted(there, key=lambda _: chance.random()):
            mine = owner is None or chance.random() < 0.7
            self.foreign |= set() if mine else {number}
            self.provider.put(number, (owner or "") if mine else "shop")
        for number in chance.sample(sorted(there), len(there) // 20) if owner else ():
            self.foreign.add(number)  # a second row of the same phone
            self.provider.put(number, "shop")
        for odd in chance.sample([None, "n/a", 7], chance.randrange(3)):
            self.provider.put(odd)
        self.there_before = there
        self.provider.faults.append(self._fault)
        self.provider.after = self._after
        self.journal.alarm = lambda: self._maybe_kill(0.02)

    # What may happen

    def _maybe_kill(self, likely: float) -> None:
        if not self.peace and self.chance.random() < likely:
            self.kills += 1
            raise KilledError

    def _fault(self, request: httpx.Request) -> Any:
        if request.method != "GET":
            self._check_write(request)
        self._maybe_kill(0.02)
        if not self.peace and self.chance.random() < self.trouble:
            if request.method == "DELETE":
                self._somebody_says_stop()
            return self.chance.choice(
                [
                    httpx.ConnectError("x"),
                    httpx.ReadTimeout("x"),
                    no(503),
                    no(429, {"error_code": 2020202020}),
                    self._html,
                ]
            )
        if request.method == "POST" and self.bad & set(map(int, json.loads(request.content)["phones"])):
            return no(422, {"message": "bad phone"})
        return None

    def _html(self, _request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"<html>welcome to the hotel</html>")

    def _after(self, request: httpx.Request, response: httpx.Response) -> Any:
        if request.method == "DELETE":
            self.removed |= set(map(int, json.loads(request.content)["phones"]))
            self._somebody_says_stop()
        if request.method == "POST" and not self.removed:
            self._somebody_says_stop()
        self._maybe_kill(0.02)
        if self.peace or self.chance.random() >= self.trouble / 2:
            return None
        if request.method == "POST" and self.chance.random() < 0.3:
            newest = max(self.provider.rows)  # one of the new ones is dropped, though all were said to be added
            if self.provider.rows[newest]["phone"] in map(int, json.loads(request.content)["phones"]):
                del self.provider.rows[newest]
            return None
        return self.chance.choice([no(502), httpx.ReadError("cut"), ok({"result": True})])

    def _somebody_says_stop(self) -> None:
        """The source hears of it first; sometimes the provider does as well."""
        if self.chance.random() < 0.4:
            number = self.chance.choice([*sorted(self.journal.first_plan), B + self.chance.randrange(300)])
            self.source.add(number)
            self.stopped.add(number)
            if self.chance.random() < 0.3 and number not in self.provider.phones:
                self.provider.put(number)
                self.others.add(number)

    def between_runs(self) -> None:
        """Some may be messaged again: they leave the source, and are no matter of the plan that is under way."""
        if self.chance.random() < 0.3:
            self.source -= set(
                self.chance.sample(sorted(self.source - self.stopped), len(self.source - self.stopped) // 10)
            )

    def _check_write(self, request: httpx.Request) -> None:
        numbers = set(map(int, json.loads(request.content)["phones"]))
        delete = request.method == "DELETE"
        broken = {
            "an odd batch": not 1 <= len(numbers) <= BATCH,
            "removes who is wanted": delete and numbers & self.source,
            "removes beyond the plan": delete and not numbers <= self.journal.first_plan,
            "removes what is somebody else's": delete and numbers & self.foreign,
        }
        if said := [promise for promise, is_broken in broken.items() if is_broken]:
            raise BrokenPromiseError(said)

    # The client

    async def client(self, wanted: set[int], journal: str | None) -> SyncReport:
        session, _ = session_over(provider=self.provider)
        try:
            return await session.blacklist.sync(
                sorted(wanted, key=lambda _: self.chance.random()),
                journal=journal or "memory",
                still_wanted=self._still_wanted,
                **self.terms,
            )
        finally:
            await session.aclose()

    async def _still_wanted(self, batch: tuple[str, ...]) -> list[int]:
        return [int(phone) for phone in batch if int(phone) in self.source]

    def live(self, journal: str | None = None) -> tuple[SyncReport | None, set[int]]:
        """Start clients until one ends; give its report (None: a guard refused) and what it had read."""
        for attempt in range(60):
            self.peace = attempt > 12
            if attempt:
                self.between_runs()
            read = set(self.source)
            try:
                report = run(self.client(read, journal))
                mended = not report.unverified and not report.lingering
                if report.converged or (report.refused and mended) or self.peace:
                    return report, read
                assert report.notes  # adds that got lost again and again
            except (KilledError, SyncInterruptedError, DecodeError):
                continue
            except SyncRefusedError as refused:
                if refused.reason not in GUARDS:
                    raise
                if self.peace or self.journal.errand is None:
                    return None, read
        raise AssertionError("it never ends")


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of a few phones, so that a small world has many."""
    monkeypatch.setattr(runs, "BATCH", BATCH)


def check(world: World, report: SyncReport | None, read: set[int]) -> None:
    """Hold what is there against what must be."""
    there = world.provider.phones
    if report is None:
        assert not world.removed & (world.source - world.bad) - there
        return
    assert not read - world.bad - there, "wanted and missing"
    assert not (world.removed & world.source) - there, "said stop, was removed, and is missing"
    assert report.converged == (read <= there), report.notes
    assert not report.unverified, report.notes
    assert not report.lingering, report.notes
    assert report.added + report.already_there == len(read & there)
    assert report.rejected == len(read - there)
    assert report.wanted == len(read)
    assert world.foreign <= there
    if world.terms["mode"] == "add_only":
        assert not world.removed
    if world.journal.begun == 1 and not world.others:
        assert report.removed == len(world.removed - there)
        assert report.added == len(read & there - world.there_before)


@pytest.mark.parametrize("block", range(4))
def test_whatever_happens_nobody_who_said_stop_is_missing(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of the seeds each, so that two processes can share them."""
    ended = kills = 0
    for seed in range(block, SEEDS, 4):
        world = World(seed)
        monkeypatch.setattr(errands, "journal_at", lambda _, world=world: world.journal)
        try:
            report, read = world.live()
            check(world, report, read)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        ended += report is not None
        kills += world.kills

    assert ended > SEEDS / 4 * 0.6
    assert kills > SEEDS / 4 * 0.3


def test_the_same_holds_with_a_journal_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few seeds, with the file itself; its own kills are those of the provider's requests."""
    for seed in range(7000, 7000 + max(5, SEEDS // 20)):
        world = World(seed)
        really = JournalFile.begin

        def begin(self, *given, world=world, really=really):
            really(self, *given)
            errand, planned, _ = given
            world.journal.first_plan = set(planned)
            world.journal.errand = errand
            world.journal.begun += 1

        monkeypatch.setattr(JournalFile, "begin", begin)
        try:
            check(world, *world.live(str(tmp_path / f"{seed}")))
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        finally:
            monkeypatch.setattr(JournalFile, "begin", really)
