"""What the blacklist commands do, each against one session, and what came of it."""

from __future__ import annotations

import asyncio
import shlex
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

from attrs import asdict, define, evolve, frozen

from viber_async import BlacklistAdded, BlacklistRemoved, SyncPlan, SyncRefusedError
from viber_async._sansio.sync_report import NOTHING_WANTED
from viber_async._sansio.words import counted, suiting
from viber_async._tasks import cancels, until_ended
from viber_async.cli import _export
from viber_async.cli._exits import Exit, exit_of_plan
from viber_async.cli._report import Outcome, entries, of_plan, of_report, rejected

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from datetime import timedelta
    from typing import Literal

    from viber_async import ViberSession
    from viber_async.cli._show import Reach, Show
    from viber_async.sync.callbacks import SyncProgress
    from viber_async.sync.source import Source

BATCH: Final = 500
"""As many as the library puts into one request, so that the bar moves with every request."""
PAGE: Final = 1000
FINISHES_WITHIN: Final = 8.0
"""Seconds that a request under way may still take after a signal: a container is killed after ten."""
UNITS: Final = {"read": ("reading", "entries"), "walk": ("walking", "rows"), "check": ("checking", "rows")}
MORE_UNITS: Final = {"add": ("adding", "phones"), "remove": ("removing", "phones"), "verify": ("verifying", "rows")}

APPLY: Final = "viber-async blacklist apply --plan"
SYNC: Final = "viber-async blacklist sync, with the same list and options"
NOT_DRY: Final = "Carry it out: the same without --dry-run"


class Meter:
    """Shows how far a sync is: one bar for each of its phases."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._phase = ""
        self._bars = ExitStack()
        self._reach: Reach | None = None
        self._waited = 0.0
        """What was waited before this phase."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.close()

    def __call__(self, progress: SyncProgress) -> None:
        """Show *progress*."""
        self.reach(progress.phase, progress.done, progress.of, waited=progress.waited, waits=progress.waits)

    def reach(self, phase: str, done: int, of: int | None, *, waited: float = 0.0, waits: bool = False) -> None:
        """Show that *done* of a phase are done; of all phases' time, so many seconds were *waited*."""
        if self._reach is None or phase != self._phase:
            self._bars.close()
            label, unit = {**UNITS, **MORE_UNITS}[phase]
            self._phase, self._waited = phase, waited
            self._reach = self._bars.enter_context(self._show.bar(label, of, unit))
        self._reach(done, of, waited=waited - self._waited, waits=waits)


@frozen(kw_only=True)
class Terms:
    """What `plan` and `sync` are asked for."""

    mode: Literal["add_only", "mirror"]
    max_remove: int | None
    owner: str | None
    description: str | None
    max_reject: float
    min_age: timedelta | None

    @property
    def arguments(self) -> dict[str, Any]:
        """The same, as the library's calls take them."""
        return asdict(self)


@define
class Done:
    """How far a write came; kept outside of it, for when it is interrupted."""

    sent: int = 0
    of: int = 0
    added: int = 0
    exists: int = 0
    deleted: int = 0
    exact: bool = True

    def take(self, phones: int, answer: BlacklistAdded | BlacklistRemoved) -> None:
        """Count one batch."""
        self.sent += phones
        self.exact = self.exact and answer.exact
        if isinstance(answer, BlacklistAdded):
            self.added, self.exists = self.added + answer.added, self.exists + answer.exists
        else:
            self.deleted += answer.deleted


async def export(session: ViberSession, target: str, form: _export.Format, *, force: bool, meter: Meter) -> Outcome:
    """Write all rows of the blacklist to *target*."""
    bulk = session.with_options(lane="bulk").blacklist
    written = 0
    with _export.opened(target, force=force) as file:
        file.write(_export.header(form))
        async with bulk.list(limit=PAGE) as pages:
            async for page in pages.pages():
                file.write(_export.rendered(form, page))
                written += len(page)
                meter.reach("walk", written, pages.total)
    report = pages.report
    where = "the standard output" if target == _export.STDOUT else target
    facts = {"rows": written, "file": target, "complete": report.complete, "doubts": list(report.doubts)}
    if report.complete:
        return Outcome(Exit.IN_SYNC, said=(f"{counted(written, 'rows')} written to {where}.",), facts=facts)
    said = f"{counted(written, 'rows')} written to {where}, and some may be missing: {'; '.join(report.doubts)}."
    return Outcome(Exit.PARTIAL, said=(said,), facts=facts)


async def add(  # noqa: PLR0913 - the command's options
    session: ViberSession,
    source: Source,
    done: Done,
    *,
    description: str | None,
    max_reject: float,
    dry_run: bool,
    meter: Meter,
) -> Outcome:
    """Add the phones of *source*."""
    phones = await _all_of(source, max_reject=max_reject, meter=meter)
    if dry_run:
        return _dry(source, phones, "added")
    blacklist = session.with_options(lane="bulk").blacklist
    await _in_batches(phones, partial(blacklist.add, description=description), done, phase="add", meter=meter)
    bound = "" if done.exact else "at least "
    there = f"{done.exists:,} {suiting(done.exists, 'was', 'were')} there before"
    said = f"{counted(len(phones), 'phones')} sent: {bound}{done.added:,} added, {there}."
    return _written(source, said, phones=len(phones), added=done.added, exists=done.exists, exact=done.exact)


async def remove(  # noqa: PLR0913 - as above
    session: ViberSession,
    source: Source,
    done: Done,
    *,
    max_remove: int,
    max_reject: float,
    dry_run: bool,
    meter: Meter,
) -> Outcome:
    """Remove the phones of *source*."""
    phones = await _all_of(source, max_reject=max_reject, meter=meter)
    if len(phones) > max_remove:
        raise SyncRefusedError(
            f"{counted(len(phones), 'phones')} would be removed, and {max_remove:,} may be: the people behind them "
            "can be messaged again. If they are meant to go, say so with --max-remove. Nothing was written",
            reason="max_remove",
        )
    if dry_run:
        return _dry(source, phones, "removed")
    blacklist = session.with_options(lane="bulk").blacklist
    await _in_batches(phones, blacklist.remove, done, phase="remove", meter=meter)
    bound, absent = "" if done.exact else "at least ", len(phones) - done.deleted
    rest = f", {absent:,} {suiting(absent, 'was', 'were')} not on it" if done.exact and absent > 0 else ""
    said = f"{counted(len(phones), 'phones')} sent: {bound}{done.deleted:,} removed{rest}."
    return _written(source, said, phones=len(phones), deleted=done.deleted, exact=done.exact)


async def plan(  # noqa: PLR0913 - as above
    session: ViberSession, source: Source, terms: Terms, *, output: str | None, show_phones: bool, meter: Meter
) -> Outcome:
    """Make a plan; write it to *output*, if that is given."""
    made = await session.blacklist.plan(source, progress=meter, **terms.arguments)
    if output is None:
        return of_plan(made, show_phones=show_phones, follow_up=f"Carry it out: {SYNC}")
    await asyncio.to_thread(made.to_file, output)
    return of_plan(made, show_phones=show_phones, follow_up=f"Carry it out: {APPLY} {shlex.quote(output)}")


async def look(  # noqa: PLR0913 - as above
    session: ViberSession, source: Source, terms: Terms, *, dry_run: bool, show_phones: bool, meter: Meter
) -> Outcome:
    """Compare; as the *dry_run* of a sync, or for its own sake."""
    made = await session.blacklist.plan(source, progress=meter, **terms.arguments)
    follow_up = NOT_DRY if dry_run else f"Bring it in sync: {SYNC}"
    return of_plan(made, show_phones=show_phones, follow_up=follow_up, compared=not dry_run)


async def apply(  # noqa: PLR0913 - as above
    session: ViberSession, path: str, *, journal: str | None, dry_run: bool, show_phones: bool, meter: Meter
) -> Outcome:
    """Carry out the plan at *path*."""
    made = await asyncio.to_thread(SyncPlan.from_file, path)
    if dry_run:
        return of_plan(made, show_phones=show_phones, follow_up=NOT_DRY)
    return of_report(await session.blacklist.apply(made, journal=journal, progress=meter))


async def sync(session: ViberSession, source: Source, terms: Terms, *, journal: str | None, meter: Meter) -> Outcome:
    """Plan, apply and verify."""
    outcome = of_report(await session.blacklist.sync(source, journal=journal, progress=meter, **terms.arguments))
    return evolve(outcome, said=(*outcome.said, *rejected(source.rejects, source.rejected)))


async def _all_of(source: Source, *, max_reject: float, meter: Meter) -> list[int]:
    """Give the different phones of *source*, all of them: nothing is written before its end was seen."""
    found: dict[int, None] = {}
    async for chunk in source.chunks():
        found.update(dict.fromkeys(chunk))
        meter.reach("read", source.read, None)
    if source.rejected > max_reject * source.read:
        raise SyncRefusedError(
            f"{source.rejected:,} of {counted(source.read, 'entries')} {suiting(source.rejected, 'holds', 'hold')} no "
            f"phone, and --max-reject allows {max_reject:.2%}. Nothing was written",
            reason="rejects",
        )
    return list(found)


async def _in_batches(
    phones: list[int],
    write: Callable[[list[int]], Coroutine[object, object, BlacklistAdded | BlacklistRemoved]],
    done: Done,
    *,
    phase: str,
    meter: Meter,
) -> None:
    done.of = len(phones)
    for start in range(0, len(phones), BATCH):
        batch = phones[start : start + BATCH]
        await _to_its_end(_counted(write(batch), len(batch), done))
        meter.reach(phase, done.sent, done.of)


async def _counted(write: Awaitable[BlacklistAdded | BlacklistRemoved], phones: int, done: Done) -> None:
    done.take(phones, await write)


async def _to_its_end(work: Coroutine[object, object, None]) -> None:
    """Run *work* to its end also if it is cancelled meanwhile; but for no longer than can be waited for.

    Who is cancelled a second time does not wait for it any more.
    """
    before, task = cancels(), asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        try:
            if cancels() < before + 2:
                await asyncio.wait({task}, timeout=FINISHES_WITHIN)
        finally:
            task.cancel()
            await until_ended(task)
            if not task.cancelled():
                task.exception()  # looked at: what it says is said again by the next run
        raise


def _dry(source: Source, phones: list[int], what: str) -> Outcome:
    requests = counted(-(-len(phones) // BATCH), "requests")
    said = f"{counted(len(phones), 'phones')} would be {what}, in {requests}; nothing was sent."
    outcome = _written(source, said, phones=len(phones), dry_run=True)
    return evolve(outcome, code=exit_of_plan(changes=len(phones)))


def _written(source: Source, said: str, **facts: object) -> Outcome:
    lines = (said, *rejected(source.rejects, source.rejected))
    aside = () if source.read > source.rejected else (NOTHING_WANTED,)
    return Outcome(Exit.IN_SYNC, said=lines, aside=aside, facts={**facts, **entries(source), "notes": list(aside)})
