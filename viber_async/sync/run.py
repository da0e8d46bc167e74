"""Carries out a plan: adds, looks, removes, looks again; each write stands in the journal before and after.

The order is the promise. Adds come first, and are seen before anything is removed; a phone is removed only if the plan
says so and ``still_wanted``, asked just before, does not object; who objects afterwards is brought back. What the last
walk finds is what is reported, whatever the writes were answered.
"""

from __future__ import annotations

import asyncio
from array import array
from itertools import islice
from typing import TYPE_CHECKING, Final

from anyio import move_on_after
from attrs import evolve, field, frozen

from viber_async._sansio import blacklist as calls
from viber_async._sansio.batches import BATCH, Batches, add_up, is_about_the_batch, parts
from viber_async._sansio.blacklist import BlacklistRemoved
from viber_async._sansio.numbers import IdSet, Index, Phones
from viber_async._sansio.patience import Patience
from viber_async._sansio.privacy import mask_phone, safe_text
from viber_async._sansio.sync_report import NOTHING_WANTED, RefusedPhone, SyncReport
from viber_async._sansio.words import counted, suiting
from viber_async._tasks import beside, cancels, until_ended
from viber_async.errors import ApiError, DecodeError, SessionClosedError, ViberError
from viber_async.sync.bulk import pause
from viber_async.sync.journal import ADD, DONE, DOUBTFUL, REFUSED, REMOVE

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine, Iterator, Mapping, Sequence

    from viber_async._exchange import Reply
    from viber_async._sansio.blacklist import BlacklistAdded
    from viber_async._sansio.number_page import NumberPage
    from viber_async._sansio.paging import WalkReport
    from viber_async.sync.bulk import Bulk
    from viber_async.sync.callbacks import Asked
    from viber_async.sync.journal import Begun, Journal
    from viber_async.sync.plan import SyncPlan
    from viber_async.sync.source import Source
    from viber_async.sync.thread import OwnThread

PASSES: Final = 3
"""Ours: how often the blacklist is looked at and put right in the end. What three passes cannot mend is not a matter of
chance, and is reported."""
FINISHES_WITHIN: Final = 8.0
"""Ours: seconds that a batch under way may still take when the sync is cancelled: a container is killed after ten."""
SHOWN: Final = 1000
"""How many refused phones are reported; all are counted."""


@frozen(kw_only=True)
class Look:
    """What a walk found of what this run is about."""

    missing: array[int]
    """Wanted, not refused, and not there."""
    lingering: array[int]
    """Removed, and there."""
    refused: int
    """Refused by the provider one by one, and so not there though wanted, or there though to be removed."""
    unseen: array[int]
    """Wanted and not there, the refused ones included."""
    walk: WalkReport

    @property
    def agrees(self) -> bool:
        """Tell whether all is as it should be. What was not seen by a walk with doubts may be there all the same."""
        return not self.missing and not self.lingering and not self.refused


@frozen(kw_only=True)
class Todo:
    """What is left to do of a plan, and what it took to find out."""

    adds: array[int] = field(repr=False)
    removes: array[int] = field(repr=False)
    fresh: bool
    """The plan's own walk has just ended, and what an interrupted run removed was not there any more: if there is
    nothing to do, it counts as the look afterwards."""
    anew: set[int] = field(factory=set[int], repr=False)
    """Planned to be removed, and put there by somebody since: they are left alone."""
    stopped: str = ""
    """Why nothing is removed, though there is something left to remove."""
    requests: int = 0
    """Made for the plan, before."""
    looked: int = 0
    """Made to hold the plan against the other side once more."""

    def without_removals(self, plan: SyncPlan) -> Todo:
        """Give what of an old *plan* may still be done: people say stop at any moment, and it does not hear them."""
        why = (
            f"{counted(len(self.removes), 'phones', 'is', 'are')} still there that the plan was to remove, and nothing "
            f"more was removed: it was made at {plan.created_at:%Y-%m-%d %H:%M:%S} UTC, and is good for an hour. Make "
            "a new one; the same journal will do"
        )
        left_alone = self.anew.union(plan.removes.numbers)
        return evolve(self, removes=array("q"), anew=left_alone, stopped=why if self.removes else "")


class Run:
    """One run over one plan."""

    def __init__(  # noqa: PLR0913 - the parts of a run, all by keyword
        self,
        plan: SyncPlan,
        *,
        todo: Todo,
        bulk: Bulk,
        thread: OwnThread,
        journal: Journal,
        asked: Asked,
        begun: Begun | None,
        source: Source | None,
    ) -> None:
        self._source = source
        self._plan = plan
        self._todo = todo
        self._bulk = bulk
        self._thread = thread
        self._journal = journal
        self._asked = asked
        self._rows = IdSet(plan.rows)
        self._rows.update(begun.rows if begun else ())
        """The rows that were to be removed: whoever is in another one was put there since."""
        self._before = set(begun.planned) if begun else set[int]()
        """To be removed by the run that is gone on with: there before it began, whatever became of them since."""
        self._ours = set(begun.added) - self._before if begun else set[int]()
        """Added by that run: there before this one began, and not before that one."""
        self._removed = {number for number in begun.removed if number not in plan.wanted} if begun else set[int]()
        """Tried to remove, by that one or this one, and to stay removed."""
        self._gone = todo.anew.union(begun.gone if begun else ())
        """Removed for certain: whoever of them is there again has come back, and is left alone."""
        self._late = {number for number in begun.kept if number not in plan.wanted} if begun else set[int]()
        """To be removed by the plan, and wanted after all: `still_wanted` says so, or did in an earlier run."""
        self._removed -= self._late
        self._removed_before = self._removed.difference(todo.removes)
        """By that run, and not to be removed again by this one."""
        self._refused: dict[int, str] = {}
        self._doubtful = 0
        self._stopped = todo.stopped
        """Why nothing is removed any more."""
        self._looked = 0
        """Requests of the walks that look at what was done."""

    async def go(self) -> SyncReport:
        """Carry out the plan."""
        adds, removes = self._todo.adds, self._todo.removes
        await self._write(ADD, adds)
        if removes:
            if adds:
                await self._see_adds()
            await self._write(REMOVE, removes)
        await self._bring_back()
        if self._todo.fresh and not adds and not removes and not self._late:
            look = self._look_back()
        else:
            look = await self._put_right()
        lines = None if self._source is None else await self._source.lines_of(self._refused)
        return await self._thread.run(lambda: self._report(look, lines or {}))

    # Looking

    async def _look(self) -> Look:
        before = self._bulk.told.requests
        watched = self._removed | self._late | self._refused.keys()
        found = set[int]()
        marks = await self._thread.run(self._plan.wanted.marks)

        def take(page: NumberPage, new: Sequence[int]) -> None:
            _, others = marks.meet([page.phones[i] for i in new])
            if here := watched.intersection(others):
                found.update(here)
                rows = {page.ids[i]: page.phones[i] for i in new if page.phones[i] in here}
                self._gone.update(rows[row] for row in rows.keys() - self._rows.among(rows))

        walk = await self._bulk.walk(take, phase="verify")
        self._looked += self._bulk.told.requests - before
        return await self._thread.run(lambda: self._compared(marks.missing(), found, walk))

    def _compared(self, unseen: array[int], found: set[int], walk: WalkReport) -> Look:
        missing = [number for number in unseen if number not in self._refused]
        late = self._late - found
        return Look(
            missing=array("q", [*missing, *sorted(late - self._refused.keys())]),
            lingering=array("q", sorted(found & self._removed)),
            refused=len(unseen) - len(missing) + len((found ^ self._late) & self._refused.keys()),
            unseen=unseen,
            walk=walk,
        )

    def _look_back(self) -> Look:
        """Give what the plan's own walk saw: nothing was written since, by this run."""
        none = array("q")
        return Look(missing=none, lingering=none, refused=0, unseen=none, walk=self._plan.walk)

    async def _see_adds(self) -> None:
        """Look whether the adds are there, and add once more what is not; without them nothing is removed."""
        look = await self._look()
        if look.missing:
            await self._write(ADD, look.missing)
            look = await self._look()
        if look.missing:
            self._stopped = "nothing was removed, because phones that had been added were not seen afterwards"

    async def _put_right(self) -> Look:
        """Look, and mend what is not as it should be and can be mended, a few times."""
        look = await self._look()
        for _ in range(PASSES - 1):
            again = array("q", (number for number in look.lingering if number not in self._gone))
            if not look.missing and not again:
                break
            await self._write(ADD, look.missing)
            await self._write(REMOVE, again)
            await self._bring_back()
            look = await self._look()
        return look

    # Writing

    async def _bring_back(self) -> None:
        """Ask once more about all that was removed, and add what is wanted by now."""
        back = array("q")
        for part in parts(array("q", sorted(self._removed)), BATCH):
            back.extend(sorted(await self._asked.which(part)))
        await self._keep(back)
        await self._write(ADD, back)

    async def _keep(self, wanted: Collection[int]) -> None:
        """Note phones that are wanted after all, for whoever goes on with this; what was refused was to remove them."""
        if new := array("q", sorted(set(wanted) - self._late)):
            await self._thread.run(lambda: self._journal.keep(new))
        self._late.update(wanted)
        self._removed.difference_update(wanted)
        for number in wanted:
            self._refused.pop(number, None)

    async def _write(self, kind: str, numbers: array[int]) -> None:
        """Add or remove *numbers* in batches."""
        batches = Batches(len(numbers), largest=BATCH)
        while not (kind == REMOVE and self._stopped) and (span := batches.take()) is not None:
            refusal = await self._batch(kind, numbers[span.start : span.stop])
            if refusal is None:
                batches.accepted(span)
            elif batches.refused(span):
                self._refused[numbers[span.start]] = _reason(refusal)
                if batches.hopeless:
                    if kind == REMOVE or not await self._takes_another(numbers):
                        raise refusal
                    batches.hope()
            await self._bulk.told.tell(kind, span.stop, len(numbers))

    async def _takes_another(self, numbers: array[int]) -> bool:
        """Tell whether the provider adds the first or the last of *numbers*; like ones stand together, being sorted."""
        return await self._batch(ADD, numbers[:1]) is None or await self._batch(ADD, numbers[-1:]) is None

    async def _batch(self, kind: str, numbers: array[int]) -> ViberError | None:
        """Send one batch, however long that takes; give the error if the provider does not take this batch."""
        patience, again = Patience(), False
        while True:
            if kind == REMOVE:  # anew after each pause: an answer may be as old as one call is long, not older
                numbers = await self._unobjected(numbers)
                if not numbers:
                    return None
            try:
                await self._uninterrupted(self._step(kind, numbers, again=again))
            except ViberError as error:
                if is_about_the_batch(error):
                    return error
                await pause(patience, error, self._bulk.told)
                again = True
            else:
                return None

    async def _unobjected(self, numbers: array[int]) -> array[int]:
        stay = await self._asked.which(numbers)
        await self._keep(stay)
        return array("q", (number for number in numbers if number not in stay)) if stay else numbers

    async def _step(self, kind: str, numbers: array[int], *, again: bool) -> None:
        """Write down what is meant, send it, write down what came of it."""
        step = await self._thread.run(lambda: self._journal.intend(kind, numbers))
        new = set(numbers) - self._removed if kind == REMOVE else set[int]()
        self._removed |= new
        try:
            state = await self._sent(kind, numbers, again=again)
        except ViberError as error:
            if is_about_the_batch(error):
                self._removed -= new  # an earlier try that was not answered may have removed the others
                await self._thread.run(lambda: self._journal.settle(step, REFUSED))
            raise
        await self._thread.run(lambda: self._journal.settle(step, state))

    async def _sent(self, kind: str, numbers: array[int], *, again: bool) -> str:
        """Send one request for *numbers* and give what is to be noted of it.

        A success that cannot be read is one all the same: what became of it is seen by the next walk.
        """
        phones = tuple(Phones(numbers))
        try:
            if kind == REMOVE:  # not repeated without asking the source again
                state = self._judged(await self._bulk.send_once(calls.remove_phones(phones)), len(numbers), again=again)
            else:
                call = calls.add_phones(phones, self._plan.terms.written)
                state = self._judged(await self._bulk.send(call, again=again), len(numbers), again=again)
        except DecodeError:
            self._doubtful += 1
            state = DOUBTFUL
        if (kind, state) == (REMOVE, DONE):
            self._gone.update(numbers)
        return state

    def _judged(self, reply: Reply[BlacklistAdded] | Reply[BlacklistRemoved], count: int, *, again: bool) -> str:
        said = reply.value
        self._doubtful += not add_up(said, count, exact=not (reply.unsure or again))
        if isinstance(said, BlacklistRemoved) and said.deleted > count:
            sent = counted(count, "phones", "was", "were")
            self._stopped = f"removing stopped: {sent} sent and {said.deleted:,} were deleted"
        return DONE if add_up(said, count, exact=True) else DOUBTFUL

    async def _uninterrupted(self, work: Coroutine[None, None, None]) -> None:
        """Run *work* to its end, also if the sync is cancelled meanwhile; but not for longer than can be waited for.

        Who cancels twice does not want to wait for it.
        """
        caller, before = self._bulk.caller, cancels()
        task = caller.start(lambda: work)
        try:
            await beside(task)
        except asyncio.CancelledError:
            if task.cancelled() and caller.closing:
                raise SessionClosedError("the session was closed in the middle of a sync") from None
            try:
                if cancels() < before + 2:
                    with move_on_after(FINISHES_WITHIN, shield=True):
                        await asyncio.wait([task])
            finally:
                task.cancel()
                await until_ended(task)
            raise

    # Reporting

    def _report(self, look: Look, lines: Mapping[int, int]) -> SyncReport:
        wanted, missing = len(self._plan.wanted), look.unseen
        refused = sum(number in self._refused for number in missing)
        already = self._already(missing)
        told, looked = self._bulk.told, self._looked + self._todo.looked
        return SyncReport(
            converged=look.agrees and not self._stopped and (look.walk.complete or not self._removed),
            wanted=wanted + self._plan.rejected,
            already_there=already,
            added=wanted - len(missing) - already,
            removed=len(self._removed) - len(look.lingering),
            added_before=self._added_before(missing),
            removed_before=len(self._removed_before.intersection(self._removed).difference(look.lingering)),
            rejected=self._plan.rejected + refused,
            unverified=len(missing) - refused,
            requests=self._todo.requests + told.requests - looked,
            walk_requests=looked,
            seconds=told.seconds,
            duplicates=self._plan.duplicates,
            kept=self._plan.kept,
            late=len(self._late),
            lingering=len(look.lingering),
            refused=tuple(
                RefusedPhone(mask_phone(str(number)), reason=why, line=lines.get(number))
                for number, why in islice(self._refused.items(), SHOWN)
            ),
            doubtful=self._doubtful,
            notes=tuple(self._notes(look, len(missing) - refused)),
            walk=look.walk,
        )

    def _already(self, missing: array[int]) -> int:
        """Give how many of those that were there before anything was written are there now.

        Those are whom the plan does not add, but for `_ours`, and whom it adds only because an earlier run had removed
        them.
        """
        gone, ours, before = Index(), self._ours, self._before
        gone.add(missing)
        there = len(self._plan.wanted) - len(missing) - sum(n in self._plan.wanted and n not in gone for n in ours)
        added = (number for number in self._plan.adds.numbers if number not in gone)
        return there - sum(number not in ours and number not in before for number in added)

    def _added_before(self, missing: array[int]) -> int:
        """Give how many of those that count as added were added by the run that is gone on with."""
        if not self._ours:
            return 0
        again = Index()
        again.add(missing)
        again.add(self._todo.adds)
        return sum(number in self._plan.wanted and number not in again for number in self._ours)

    def _notes(self, look: Look, unverified: int) -> Iterator[str]:
        if not len(self._plan.wanted):
            yield NOTHING_WANTED
        if self._doubtful:
            batches = counted(self._doubtful, "batches", "was", "were")
            yield f"{batches} answered with counters that do not add up or cannot be read"
        if unverified:
            phones = counted(unverified, "wanted phones", "was", "were")
            yield f"{phones} not seen afterwards, whatever the writes were answered"
        if astray := sum(number in self._late for number in look.missing):
            phones = counted(astray, "phones", "was", "were")
            yield f"{phones} not seen afterwards that still_wanted asked to bring back"
        if look.lingering:
            are = suiting(len(look.lingering), "is", "are")
            phones = counted(len(look.lingering), "phones", "was", "were")
            yield f"{phones} removed and {are} still there, or there again"
        if self._refused:
            how = suiting(len(self._refused), "by itself", "one by one")
            yield f"the provider refused {counted(len(self._refused), 'phones')} {how}"
        if self._stopped:
            yield self._stopped
        if self._plan.left:
            left = counted(self._plan.left, "more phones")
            yield f"{left} could go; this run goes on with the removals of the one before"
        if not look.walk.complete:
            yield f"the last walk may not have seen the blacklist whole: {'; '.join(look.walk.doubts)}"


def _reason(error: ViberError) -> str:
    said = error.message if isinstance(error, ApiError) else str(error)
    return safe_text(said or str(error), 200)
