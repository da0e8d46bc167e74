"""The executable specification of "at most once": the ledger's own rules, explored exhaustively.

Two processes want the campaign of one key. They run the rules of `_sansio.ledger` against an abstract provider, which
carries out what it was sent up to `late` ticks later (or never), shows it in its list up to `lag` ticks after that, and
may answer, refuse, or be cut off from the sender at any moment. A process may crash between any two steps and start
again knowing nothing. Every interleaving is visited; a state with two campaigns is what must not be reached.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve, frozen

from viber_async._sansio import ledger as rules
from viber_async._sansio.ledger import Event, LedgerRow, State, Todo
from viber_async._sansio.outcome import CreateHandle

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
HANDLE = CreateHandle(
    task_name=None, sender_id=1, message_digest=None, sent_after=NOON, sent_before=NOON, marker="a" * 16
)
LEASE = 1.0
WHOLE = bool(os.environ.get("VIBER_TEST_MODEL"))
"""Everything takes a minute (``nox -s model``); the smallest worlds say as much as the others."""
ALL_DELAYS = [(0, 0), (1, 0), (0, 1), (1, 1)] if WHOLE else [(0, 0)]
FAST_CLOCKS = [0.0, 1000.0] if WHOLE else [1000.0]
"""Seconds; where one clock makes every lease seem over, more can happen than where both agree."""
SPARE = 2 if WHOLE else 1
"""Ticks after the settle window."""


@frozen
class World:
    """What may happen."""

    late: int = 1
    lag: int = 1
    keeps_marker: bool = True
    window: int | None = None
    """The whole settle window, lease included, for those who want it sent again; None: never."""
    ticks: int = 3
    crashes: int = 1
    errands: int = 2
    """How often each process asks for the campaign."""
    fast_clock: float = 0.0
    """How far the wall clock of the second process is ahead."""


@frozen(cache_hash=True)
class Sent:
    """A request that left: on its way, created, shown in the list, or gone."""

    by: int
    now: str = "under way"
    until: int = 0


@frozen(cache_hash=True)
class Process:
    """Where a process stands: what it does next, and the row as it knows it."""

    does: str = "rest"
    row: LedgerRow | None = None
    sent: int | None = None
    """When it was allowed to send or last looked; which request it waits for."""
    event: Event | None = None
    errands: int = 0
    name: str = ""


@frozen(cache_hash=True)
class Now:
    """One state of everything."""

    processes: tuple[Process, ...]
    row: LedgerRow | None = None
    sent: tuple[Sent, ...] = ()
    time: int = 0
    crashes: int = 0


def put(now: Now, row: LedgerRow | None, before: LedgerRow | None) -> Now | None:
    """What a ledger does: replace one version by the next, or refuse."""
    return evolve(now, row=row) if row is not None and now.row == before else None


def moved(now: Now, who: int, **changes: object) -> Now:
    processes = list(now.processes)
    processes[who] = evolve(processes[who], **changes)
    return evolve(now, processes=tuple(processes))


def rest(now: Now, who: int) -> Now:
    return moved(now, who, does="rest", row=None, sent=None, event=None)


def is_listed(now: Now) -> bool:
    return any(each.now == "listed" for each in now.sent)


def provider_steps(world: World, now: Now) -> Iterator[Now]:
    for i, each in enumerate(now.sent):

        def became(word: str, until: int = 0, i: int = i, each: Sent = each) -> Now:
            return evolve(now, sent=(*now.sent[:i], evolve(each, now=word, until=until), *now.sent[i + 1 :]))

        if each.now == "under way":
            yield became("created", now.time + world.lag)
            yield became("gone")
        elif each.now == "created":
            yield became("listed")
    if now.time < world.ticks and not any(s.now in ("under way", "created") and s.until <= now.time for s in now.sent):
        yield evolve(now, time=now.time + 1)


def steps(world: World, now: Now) -> Iterator[Now]:
    yield from provider_steps(world, now)
    for who, process in enumerate(now.processes):
        if process.does != "rest" and now.crashes < world.crashes:
            yield evolve(rest(now, who), crashes=now.crashes + 1)
        yield from DOES[process.does](world, now, who, process)


def wall(world: World, now: Now, who: int) -> float:
    return now.time + (world.fast_clock if who else 0.0)


def begins(world: World, now: Now, who: int, process: Process) -> Iterator[Now]:
    if process.errands == world.errands:
        return
    errand = {"errands": process.errands + 1, "name": f"{who}.{process.errands}", "row": now.row}
    todo = rules.todo(now.row, fingerprint="same", now=wall(world, now, who), watched=0.0)
    if todo in (Todo.CLAIM, Todo.LOOK):
        yield moved(now, who, does=todo.name, **errand)


def claims(world: World, now: Now, who: int, process: Process) -> Iterator[Now]:
    mine = {"attempt": process.name, "since": wall(world, now, who), "lease": LEASE, "handle": HANDLE}
    if process.row is None:
        row = LedgerRow(key="key", fingerprint="same", state=State.PREPARED, version=1, **mine)
    else:
        row = rules.step(process.row, Event.CLAIM, **mine)
    after = put(now, row, process.row)
    yield rest(now, who) if after is None else moved(after, who, does="check", row=row)


def checks(world: World, now: Now, who: int, process: Process) -> Iterator[Now]:
    """Look at the newest page before the first sending; then be allowed to send."""
    if world.keeps_marker and is_listed(now):
        yield from finds(now, who, process)
        return
    changes = {"since": wall(world, now, who), "lease": LEASE}
    yield from is_allowed(now, who, process, rules.step(process.row, Event.SEND, by=process.name, **changes))


def finds(now: Now, who: int, process: Process) -> Iterator[Now]:
    after = put(now, rules.step(process.row, Event.FIND, task_id=1), process.row)
    yield rest(now if after is None else after, who)


def is_allowed(now: Now, who: int, process: Process, row: LedgerRow | None) -> Iterator[Now]:
    after = put(now, row, process.row)
    yield rest(now, who) if after is None else moved(after, who, does="send", row=row, sent=now.time)


def sends(world: World, now: Now, who: int, process: Process) -> Iterator[Now]:
    """It leaves, unless its deadline is over (which only matters to those who send again), or it fails to."""
    yield moved(now, who, does="settle", event=Event.NOT_SENT)
    if world.window is None or now.time <= process.sent + LEASE:
        sent = (*now.sent, Sent(who, until=now.time + world.late))
        yield moved(evolve(now, sent=sent), who, does="hear", sent=len(now.sent))


def hears(world: World, now: Now, who: int, process: Process) -> Iterator[Now]:
    """An answer, a refusal, or nothing: a cut is possible at every moment."""
    yield moved(now, who, does="settle", event=Event.UNCLEAR)
    became = now.sent[process.sent].now
    if became == "gone":
        yield moved(now, who, does="settle", event=Event.REJECT)
    elif became in ("created", "listed"):
        yield moved(now, who, does="settle", event=Event.ACCEPT if world.keeps_marker else Event.UNCLEAR)


def settles(world: World, now: Now, who: int, process: Process) -> Iterator[Now]:
    changes: dict[str, object] = {}
    if process.event is Event.ACCEPT:
        changes = {"task_id": 1}
    elif process.event is Event.NOT_SENT:
        changes = {"lease": 0.0}
    elif not world.keeps_marker:
        changes = {"handle": HANDLE.lost_its_marker()}
    row = None if now.row is None else rules.step(now.row, process.event, by=process.name, **changes)
    yield rest(now if row is None else evolve(now, row=row), who)


def looks(world: World, now: Now, who: int, process: Process) -> Iterator[Now]:
    """A lapsed row is unknown first; then the list is searched, and what was found is noted."""
    row = process.row
    if row.state is State.SENDING:
        lapsed = rules.step(row, Event.LAPSE)
        after = put(now, lapsed, row)
        yield rest(now, who) if after is None else moved(after, who, row=lapsed)
    elif is_listed(now) and world.keeps_marker:
        yield from finds(now, who, process)
    elif is_listed(now):
        yield rest(now, who)  # probable: nobody sends on that
    elif row.missed is None:
        missed = rules.step(row, Event.MISS, missed=wall(world, now, who), missed_by_server=float(now.time))
        after = put(now, missed, row)
        yield rest(now, who) if after is None else moved(after, who, does="again", row=missed, sent=now.time)
    else:
        yield moved(now, who, does="again", sent=now.time)


def sends_again(world: World, now: Now, who: int, process: Process) -> Iterator[Now]:
    """What it saw in the list may be old by now, and others may have moved since."""
    if world.window is None:
        yield rest(now, who)
        return
    row, after = process.row, timedelta(seconds=world.window - LEASE)
    clocks = {"now": wall(world, now, who), "server_now": float(process.sent)}
    if rules.settles_in(row, after, **clocks) == 0:
        changes = {"attempt": process.name, "since": wall(world, now, who), "lease": LEASE}
        yield from is_allowed(now, who, process, rules.step(row, Event.RESEND, **changes))
    else:
        yield rest(now, who)


DOES = {
    "rest": begins,
    "CLAIM": claims,
    "check": checks,
    "send": sends,
    "hear": hears,
    "settle": settles,
    "LOOK": looks,
    "again": sends_again,
}


def explored(world: World, *, enough: int = 99) -> tuple[int, int, set[State]]:
    """Give how many states there are, the most campaigns in any of them, and the states of the row.

    The search stops at a state with *enough* campaigns.
    """
    start = Now(processes=(Process(), Process()))
    seen, waiting, most, states = {start}, [start], 0, set[State]()
    while waiting and most < enough:
        now = waiting.pop()
        most = max(most, sum(each.now in ("created", "listed") for each in now.sent))
        if now.row is not None:
            states.add(now.row.state)
        for after in steps(world, now):
            if after not in seen:
                seen.add(after)
                waiting.append(after)
    return len(seen), most, states


@pytest.mark.parametrize("keeps_marker", [True, False])
@pytest.mark.parametrize("fast_clock", FAST_CLOCKS)
def test_never_re_send_has_no_state_with_two_campaigns(keeps_marker: bool, fast_clock: float) -> None:
    """However late, lagging, cut and killed; also where one clock makes every lease seem over."""
    count, most, states = explored(World(keeps_marker=keeps_marker, fast_clock=fast_clock, ticks=SPARE - 1))

    assert most == 1
    assert count > 5_000
    assert states >= {State.PREPARED, State.SENDING, State.UNKNOWN, State.REJECTED}


@pytest.mark.parametrize(("late", "lag"), ALL_DELAYS)
def test_a_timed_re_send_is_safe_beyond_lateness_plus_lag(late: int, lag: int) -> None:
    """A settle window one tick longer than both together has no state with two campaigns."""
    window = late + lag + 1

    assert explored(World(late=late, lag=lag, window=window, ticks=window + SPARE, crashes=0))[1] == 1


@pytest.mark.parametrize(("late", "lag"), [(1, 0), (0, 1), (1, 1)])
def test_a_timed_re_send_one_tick_below_that_makes_a_duplicate(late: int, lag: int) -> None:
    """Which is why it is opt-in, and why the window has to be longer than any delay ever seen."""
    window = late + lag

    assert explored(World(late=late, lag=lag, window=window, ticks=window + 2, crashes=0), enough=2)[1] == 2


def test_a_lost_marker_is_never_sent_again() -> None:
    """What can only be recognised by what it says may be somebody else's; absence of it says even less."""
    assert explored(World(late=0, lag=0, keeps_marker=False, window=2, ticks=1 + SPARE, crashes=0))[1] == 1


BROKEN = {
    "a lapsed lease allows to send": {(State.SENDING, Event.LAPSE): State.PREPARED},
    "an unclear outcome counts as not sent": {(State.SENDING, Event.UNCLEAR): State.PREPARED},
    "a search in vain counts as absence": {(State.UNKNOWN, Event.MISS): State.PREPARED},
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_a_broken_rule_is_found_out(change: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exploration bites: each of these mistakes leads to a second campaign."""
    monkeypatch.setattr(rules, "TABLE", {**rules.TABLE, **change})

    assert explored(World(ticks=2), enough=2)[1] == 2
