"""``session.blacklist``: the phones that no campaign of the account may reach."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import field, frozen

from viber_async._defaults import PAGE_ROWS
from viber_async._exchange import without_frames
from viber_async._pages import Pages
from viber_async._sansio import blacklist as calls
from viber_async._sansio.blacklist import BATCH, BlacklistAdded, BlacklistRemoved
from viber_async._sansio.converter import merged
from viber_async._sansio.door import flag
from viber_async._sansio.phones import phones as read_phones
from viber_async._sansio.terms import MAX_REJECT, checked_terms
from viber_async.errors import ViberError

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Iterable
    from datetime import timedelta

    from viber_async._exchange import Reply
    from viber_async._journey import OnTurn
    from viber_async._sansio.blacklist import BlacklistEntry
    from viber_async._sansio.call import Call
    from viber_async._sansio.paging import Page
    from viber_async._sansio.sync_report import SyncReport
    from viber_async._sansio.terms import Mode
    from viber_async._session import Caller
    from viber_async.sync.callbacks import SyncProgress
    from viber_async.sync.plan import StillWanted, SyncPlan
    from viber_async.sync.source import Source, Wanted

T = TypeVar("T")
Counted = TypeVar("Counted", bound=BlacklistAdded | BlacklistRemoved)


class Blacklist:
    """The account's blacklist.

    ```python
    await session.blacklist.add(["+380 93 111 11 11"], description="asked to stop")
    async for entry in session.blacklist.list():
        print(entry.id, entry.add_date)
    ```
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def list(
        self, *, limit: int = PAGE_ROWS, offset: int = 0, token: str | None = None, ahead: bool = True
    ) -> Pages[BlacklistEntry]:
        """Give the entries, page by page while you iterate (``GET /v2/viber-service/phone-exception``).

        *limit* is how many rows are asked for at a time (the server may give fewer); *token* goes on where
        another walk's ``pages.token`` stopped; *ahead* False asks for one page after another.
        """
        return Pages(
            self._page,
            asking=self._caller.asking(self._page) if flag(ahead, "ahead") else None,
            key=lambda entry: entry.id,
            limit=limit,
            offset=offset,
            token=token,
            name="blacklist.list",
        )

    async def count(self) -> int:
        """Give how many entries the provider says there are.

        Raises:
            DecodeError: it does not say.

        """
        return await self._caller.get(calls.count_blacklist())

    async def add(self, phones: Iterable[str | int], *, description: str | None = None) -> BlacklistAdded:
        """Add any number of phones, in batches, and give how many were new and how many were there before.

        All phones are checked before the first request; repetitions are sent once; no phones, no request.
        *description* stays with every phone of the call (at most 255 characters). When a batch had to be repeated
        after a failure, ``exact`` is False and the counters are lower bounds.

        Raises:
            ValidationError: a phone is not one; nothing was sent.
            ViberError: a batch failed; ``partial`` has the counters of the batches before it. Adding is
                idempotent, so the same call may simply be made again.

        """
        batches = _Batches(phones, partial(calls.add_phones, description=description))
        del phones, description  # not for those who see a traceback with its locals
        return await self._in_batches(batches, BlacklistAdded(0, exists=0), _plus_added)

    async def remove(self, phones: Iterable[str | int]) -> BlacklistRemoved:
        """Remove any number of phones, in batches, and give how many were removed.

        The people behind these phones can be messaged again afterwards. All phones are checked before the first
        request; no phones, no request.

        Raises:
            ValidationError: a phone is not one; nothing was sent.
            ViberError: a batch failed; ``partial`` has the counters of the batches before it.

        """
        batches = _Batches(phones, calls.remove_phones)
        del phones  # as above
        return await self._in_batches(batches, BlacklistRemoved(0), _plus_removed)

    async def plan(  # noqa: PLR0913 - the contract's page of arguments, all by keyword
        self,
        wanted: Wanted | Source,
        *,
        mode: Mode = "add_only",
        max_remove: int | None = None,
        owner: str | None = None,
        description: str | None = None,
        still_wanted: StillWanted | None = None,
        max_reject: float = MAX_REJECT,
        min_age: timedelta | None = None,
        region: str | None = None,
        column: str | int | None = None,
        progress: Callable[[SyncProgress], object] | None = None,
    ) -> SyncPlan:
        """Give what it takes for the blacklist to hold every phone that is *wanted*; nothing is written.

        The wanted side is read whole, then the blacklist is walked once.

        Args:
            wanted: an iterable or async iterable of phones, or the path of a file of them (text, CSV or NDJSON, gzip
                too; ``"-"`` is stdin), read as a stream.
            mode: ``"add_only"``, or ``"mirror"``: what is not wanted is removed.
            max_remove: how many phones may be removed; None: the larger of 100 and 1 %, and never all.
            owner: a tag, kept at the front of ``description``; with it a mirror removes only rows that carry it.
            description: for the phones that are added.
            still_wanted: asked before each batch of removals: gets digit strings, and gives those of them that must
                stay on the blacklist; a plain or an async function. One that raises, gives something else or takes
                more than a minute stops the sync.
            max_reject: the part of the entries that may hold no phone.
            min_age: rows younger than that are not removed. The provider's dates have no zone: without the session's
                ``time_zone`` a row counts as young for twelve hours longer.
            region: whose national spellings are read, such as ``"UA"``.
            column: where the phones of a table stand, where that cannot be found.
            progress: called with a `SyncProgress` after each chunk and page, and before a wait for a provider that is
                away.

        Raises:
            ValidationError: an argument is wrong; nothing was sent.
            SyncRefusedError: a guard says no; ``reason`` is one of ``empty``, ``rejects``, ``incomplete``,
                ``max_remove``, ``respelled``, ``replaced``, or why the source cannot be read; ``rejects`` are the
                entries that hold no phone.
            SyncInterruptedError: the provider was away for ten minutes, or a callback failed.

        """
        from viber_async.sync import errands  # noqa: PLC0415 - files, threads and locks only where they are used

        terms = checked_terms(
            mode=mode,
            max_remove=max_remove,
            owner=owner,
            description=description,
            max_reject=max_reject,
            min_age=min_age,
        )
        source = errands.source_of(wanted, region, column)
        return await _bare(errands.plan(self._caller, source, terms, still_wanted=still_wanted, progress=progress))

    async def apply(
        self,
        plan: SyncPlan,
        *,
        journal: str | os.PathLike[str] | None = None,
        progress: Callable[[SyncProgress], object] | None = None,
        still_wanted: StillWanted | None = None,
    ) -> SyncReport:
        """Carry out *plan*: add, look, remove, look again.

        Before anything is written the blacklist must be the one that the plan was made from. For a plan that removes,
        that costs a walk; for one that only adds, one request, which compares the total. No two runs of this user on
        this machine write to one account at once.

        With a *journal* (the path of a file, made if missing), a run that was killed or interrupted is gone on with by
        the same call: what is missing is added, and a removal is repeated only if it was planned, is still there and
        *still_wanted* does not object. A plan that was carried out with it already removes nothing any more: whoever is
        back has said stop since. *still_wanted* is the plan's own unless given here.

        Cancelled, it finishes the batch under way, for at most eight seconds.

        Raises:
            SyncRefusedError: nothing was written; ``reason`` is one of ``account``, ``expired`` (after an hour),
                ``moved``, ``locked``, ``lock``, ``journal``, ``still_wanted``.
            SyncInterruptedError: it stopped in the middle; the same call with the same journal goes on.
            ViberError: the provider said no for good; a journal can be gone on with afterwards.

        """
        from viber_async.sync import errands  # noqa: PLC0415 - as above

        return await _bare(
            errands.apply(self._caller, plan, journal=journal, still_wanted=still_wanted, progress=progress)
        )

    async def sync(  # noqa: PLR0913 - as `plan`
        self,
        wanted: Wanted | Source,
        *,
        journal: str | os.PathLike[str] | None = None,
        progress: Callable[[SyncProgress], object] | None = None,
        mode: Mode = "add_only",
        max_remove: int | None = None,
        owner: str | None = None,
        description: str | None = None,
        still_wanted: StillWanted | None = None,
        max_reject: float = MAX_REJECT,
        min_age: timedelta | None = None,
        region: str | None = None,
        column: str | int | None = None,
    ) -> SyncReport:
        """Plan, apply and verify in one; the arguments are those of `plan` and `apply`.

        The same call with the same *journal* after a crash goes on: the source is read and the blacklist walked again,
        what is missing is added, and nothing is removed that the first run had not planned to remove.

        Raises:
            SyncRefusedError: a guard said no; nothing was written. ``reason`` is one of those of `plan`, ``locked``,
                ``lock``, ``journal`` or ``still_wanted``; ``rejects`` are the entries that hold no phone.
            SyncInterruptedError: it stopped in the middle; the same call with the same journal goes on.

        """
        from viber_async.sync import errands  # noqa: PLC0415 - as above

        terms = checked_terms(
            mode=mode,
            max_remove=max_remove,
            owner=owner,
            description=description,
            max_reject=max_reject,
            min_age=min_age,
        )
        source = errands.source_of(wanted, region, column)
        return await _bare(
            errands.sync(self._caller, source, terms, journal=journal, still_wanted=still_wanted, progress=progress)
        )

    async def _page(self, limit: int, offset: int, on_turn: OnTurn | None = None) -> Page[BlacklistEntry]:
        return await self._caller.get(calls.list_blacklist(limit, offset), on_turn)

    async def _in_batches(
        self,
        batches: _Batches[Counted],
        total: Counted,
        add: Callable[[Counted, Reply[Counted]], Counted],
    ) -> Counted:
        try:
            for call in batches.calls():
                try:
                    total = add(total, await self._caller.reply(call))
                except ViberError as error:
                    error.partial = total
                    raise
        except ViberError as error:
            raise without_frames(error) from error.__cause__  # the frames below hold every phone
        return total


async def _bare(work: Awaitable[T]) -> T:
    """Give the result of *work*; its errors lose the frames, which hold phones."""
    try:
        return await work
    except ViberError as error:
        raise without_frames(error) from error.__cause__


@frozen
class _Batches(Generic[Counted]):
    """Phones as they were given, and the call for a batch of them; its repr shows nothing of either."""

    _phones: Iterable[str | int] = field(repr=False)
    _call_for: Callable[[tuple[str, ...]], Call[Counted]] = field(repr=False)

    def calls(self) -> list[Call[Counted]]:
        """Give the calls for all of them, of which none is made before every phone was checked."""
        different, _ = read_phones(self._phones, "phones")
        return [self._call_for(different[start : start + BATCH]) for start in range(0, len(different), BATCH)]


def _plus_added(total: BlacklistAdded, more: Reply[BlacklistAdded]) -> BlacklistAdded:
    new = more.value
    return BlacklistAdded(
        total.added + new.added,
        exists=total.exists + new.exists,
        exact=total.exact and not more.unsure,
        extras=merged(total.extras, new.extras),
    )


def _plus_removed(total: BlacklistRemoved, more: Reply[BlacklistRemoved]) -> BlacklistRemoved:
    new = more.value
    return BlacklistRemoved(
        total.deleted + new.deleted,
        exact=total.exact and not more.unsure,
        extras=merged(total.extras, new.extras),
    )
