"""What is behind `blacklist.plan`, `apply` and `sync`: the parts of a sync, put together and let go of."""

from __future__ import annotations

import asyncio
import os
from array import array
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from viber_async._exchange import without_frames
from viber_async._sansio.blacklist import count_blacklist
from viber_async._sansio.difference import Earlier
from viber_async._sansio.guards import check_account, check_age, is_good, moved
from viber_async._sansio.numbers import Index, fingerprint, together
from viber_async._sansio.privacy import refused
from viber_async._sansio.words import counted
from viber_async._tasks import until_ended
from viber_async.errors import SyncInterruptedError, SyncRefusedError
from viber_async.sync.bulk import Bulk
from viber_async.sync.callbacks import Asked, Told
from viber_async.sync.journal import Begun, Errand, JournalFile, NoJournal
from viber_async.sync.lock import AccountLock
from viber_async.sync.planning import Planner, source_of
from viber_async.sync.run import Run, Todo
from viber_async.sync.thread import OwnThread

__all__ = ["apply", "plan", "source_of", "sync"]

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from viber_async._sansio.number_page import NumberPage
    from viber_async._sansio.sync_report import SyncReport
    from viber_async._sansio.terms import Terms
    from viber_async._session import Caller
    from viber_async.sync.callbacks import SyncProgress
    from viber_async.sync.journal import Journal
    from viber_async.sync.plan import StillWanted, SyncPlan
    from viber_async.sync.source import Source

    TellProgress = Callable[[SyncProgress], object]


async def plan(
    caller: Caller, source: Source, terms: Terms, *, still_wanted: StillWanted | None, progress: TellProgress | None
) -> SyncPlan:
    """Give the plan."""
    thread = OwnThread("viber_async sync")
    try:
        return await Planner(Bulk(caller, Told(progress)), thread, terms, still_wanted).plan(source)
    finally:
        thread.leave()


async def apply(
    caller: Caller,
    made: SyncPlan,
    *,
    journal: str | os.PathLike[str] | None,
    still_wanted: StillWanted | None,
    progress: TellProgress | None,
) -> SyncReport:
    """Carry out a plan that was made before."""
    asks = made.still_wanted if still_wanted is None else still_wanted
    check_account(made.account, caller.account)
    if made.asks and asks is None and made.removes:
        raise asks_no_more("the plan was made with a callback still_wanted, and a file cannot hold one")
    errand = Errand(f"plan {made.id}", asks=asks is not None)
    async with Hall.opened(caller, journal, asks, progress) as hall:
        unfinished = await hall.begun(errand)
        begun, now = unfinished or hall.done(errand, made), datetime.now(UTC)
        if begun is None or (unfinished is None and made.removes):
            check_age(made.created_at, now=now)
        todo = await hall.todo(made, begun)
        if not is_good(made.created_at, now=now):
            todo = todo.without_removals(made)
        return await hall.run(made, todo, begun, errand=errand)


async def sync(  # noqa: PLR0913 - as the public call
    caller: Caller,
    source: Source,
    terms: Terms,
    *,
    journal: str | os.PathLike[str] | None,
    still_wanted: StillWanted | None,
    progress: TellProgress | None,
) -> SyncReport:
    """Plan, apply and verify; or go on with the run that *journal* tells of."""
    async with Hall.opened(caller, journal, still_wanted, progress) as hall:
        errand = Errand(
            f"sync {terms.mode} owner {terms.owner} from {source.name}",
            digest=source.digest,
            asks=still_wanted is not None,
        )
        begun = await hall.begun(errand)
        planner = Planner(hall.bulk, hall.thread, terms, still_wanted)
        made = await planner.plan(source, earlier=None if begun is None else earlier(begun))
        fresh = begun is None or not begun.removed or (made.walk.complete and not planner.back)
        todo = Todo(adds=made.adds.numbers, removes=made.removes.numbers, anew=planner.anew, fresh=fresh)
        return await hall.run(made, todo, begun, errand=errand, source=source)


class Hall:
    """Where a run happens: the lock, the journal, a thread, the calls."""

    def __init__(self, caller: Caller, journal: Journal, asked: Asked, told: Told) -> None:
        self.bulk = Bulk(caller, told)
        self.thread = OwnThread("viber_async sync")
        self._journal = journal
        self._asked = asked

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        caller: Caller,
        journal: str | os.PathLike[str] | None,
        still_wanted: StillWanted | None,
        progress: TellProgress | None,
    ) -> AsyncGenerator[Hall]:
        """Give a hall that nobody else on this machine has for this account; whatever ends it says how to go on."""
        hall = cls(caller, journal_at(journal), Asked(still_wanted), Told(progress))
        lock = AccountLock(caller.account)
        lock.take()
        try:
            yield hall
        except asyncio.CancelledError as cancelled:
            raise without_frames(cancelled) from hall.interrupted("it was cancelled")
        except SyncInterruptedError as error:
            error.journal = hall._journal.path
            raise
        finally:
            closing = asyncio.get_running_loop().run_in_executor(hall.thread, hall._journal.close)
            try:
                await until_ended(closing)
                closing.result()
            finally:
                lock.release()
                hall.thread.leave()
                hall._asked.leave()

    def interrupted(self, why: str) -> SyncInterruptedError:
        """Give the error for a sync that ended in the middle."""
        path = self._journal.path
        how = "run the same again" if path is None else f"run the same again with the journal {path}"
        return SyncInterruptedError(f"the sync did not end: {why}; {how} to go on", journal=path)

    async def begun(self, errand: Errand) -> Begun | None:
        """Give the run that is gone on with, if there is one; it must be of the same *errand*."""
        begun = await self.thread.run(lambda: self._journal.open(self.bulk.caller.account))
        if begun is None:
            return None
        if begun.errand != errand:
            raise SyncRefusedError(
                f"the journal {self._journal.path} tells of another sync that was not finished ({begun.errand.shown}): "
                "finish that one by the call that began it, or name another journal. Nothing was written",
                reason="journal",
            )
        if begun.errand.asks and not errand.asks and begun.planned:
            raise asks_no_more(
                f"the run that the journal {self._journal.path} tells of has asked a callback still_wanted"
            )
        return begun

    def done(self, errand: Errand, made: SyncPlan) -> Begun | None:
        """Give what is left of a run over *made* that came to its end: nothing to remove. Who is back has come back."""
        if self._journal.done != errand:
            return None
        none = array("q")
        return Begun(errand, planned=none, rows=none, added=none, removed=none, gone=made.removes.numbers, kept=none)

    async def todo(self, made: SyncPlan, begun: Begun | None) -> Todo:
        """Give what is to be done of *made* after a look at the other side, which must not have moved.

        A plan that removes is held against every row; of one that only adds the total has to be the same. A run that is
        gone on with may find what it did itself: what is missing is added, what is still there is removed. Whoever was
        put there anew, in another row, has said stop again.
        """
        adds, removes = made.adds.numbers, made.removes.numbers
        anew = set[int]()
        if removes or begun:
            adds, removes, anew = await self._compared(made, begun)
        else:
            await self._check_total(made)
        looked = self.bulk.told.requests
        return Todo(adds=adds, removes=removes, anew=anew, fresh=False, requests=made.walk.requests, looked=looked)

    async def _check_total(self, made: SyncPlan) -> None:
        then = made.walk.total_last
        if then is not None and (now := await self.bulk.patiently(count_blacklist())) != then:
            raise moved(f"it had {counted(then, 'rows')} and has {now:,}")

    async def _compared(self, made: SyncPlan, begun: Begun | None) -> tuple[array[int], array[int], set[int]]:
        """Give what is missing, what is still to be removed, and who is there anew, if that is what the plan says."""
        marks, removes = await self.thread.run(made.wanted.marks), set(made.removes.numbers)
        found, anew, known, rest = set[int](), set[int](), set(made.rows), 1

        def take(page: NumberPage, new: Sequence[int]) -> None:
            nonlocal rest
            _, others = marks.meet([page.phones[i] for i in new if page.phones[i]])
            here = removes.intersection(others)
            found.update(here)
            if here:
                anew.update(page.phones[i] for i in new if page.phones[i] in here and page.ids[i] not in known)
            rest = together(rest, fingerprint((number for number in others if number not in here), made.salt))

        walk = await self.bulk.walk(take, phase="check")
        missing = marks.missing()
        if begun is None:
            adds = Index()
            adds.add(made.adds.numbers)
            if f"{rest:x}" != made.rest_digest or not all(map(adds.__contains__, missing)):
                raise moved("other phones came or went")
            if anew:
                raise moved(f"{counted(len(anew), 'phones', 'was', 'were')} put there anew that would be removed")
            if not walk.complete:
                raise moved("it changed while it was read again: " + "; ".join(walk.doubts))
        else:
            found.difference_update(begun.gone, begun.kept, anew)
        return missing, array("q", sorted(found)), anew

    async def run(
        self, made: SyncPlan, todo: Todo, begun: Begun | None, *, errand: Errand, source: Source | None = None
    ) -> SyncReport:
        """Carry *made* out, from its first line in the journal to its last; *source* tells of lines."""
        if begun is None:
            await self.thread.run(lambda: self._journal.begin(errand, made.removes.numbers, made.rows))
        elif errand.asks and not begun.errand.asks:
            await self.thread.run(self._journal.heed)
        run = Run(
            made,
            todo=todo,
            bulk=self.bulk,
            thread=self.thread,
            journal=self._journal,
            asked=self._asked,
            begun=begun,
            source=source,
        )
        report = await run.go()
        await self.thread.run(self._journal.finish)
        return report


def earlier(begun: Begun) -> Earlier:
    """Give what a new plan has to know of a run that is gone on with."""
    left = set(begun.planned).difference(begun.gone, begun.kept)
    return Earlier(left=left, rows=set(begun.rows), removed=set(begun.removed))


def asks_no_more(why: str) -> SyncRefusedError:
    """Give the error for a run that would remove without the callback that it was begun with."""
    return SyncRefusedError(f"{why}: give it again. Nothing was written", reason="still_wanted")


def journal_at(path: str | os.PathLike[str] | None) -> Journal:
    """Give the journal at *path*, which need not exist; None is none."""
    if path is None:
        return NoJournal()
    try:
        found = os.fspath(path)
    except TypeError:
        found = None
    if not isinstance(found, str) or not found or "\0" in found:
        raise refused("journal", path, "the path of a file, as text or a Path")
    return JournalFile(os.path.abspath(found))  # noqa: PTH100 - no link on the way is followed here
