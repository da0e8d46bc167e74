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
from viber_async._sansio.phones import phones as read_phones
from viber_async.errors import ViberError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from viber_async._exchange import Reply
    from viber_async._sansio.blacklist import BlacklistEntry
    from viber_async._sansio.call import Call
    from viber_async._sansio.paging import Page
    from viber_async._session import Caller

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

    def list(self, *, limit: int = PAGE_ROWS, offset: int = 0, token: str | None = None) -> Pages[BlacklistEntry]:
        """Give the entries, page by page while you iterate (``GET /v2/viber-service/phone-exception``).

        *limit* is how many rows are asked for at a time (the server may give fewer); *token* goes on where
        another walk's ``pages.token`` stopped.
        """
        return Pages(
            self._page, key=lambda entry: entry.id, limit=limit, offset=offset, token=token, name="blacklist.list"
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

    async def _page(self, limit: int, offset: int) -> Page[BlacklistEntry]:
        return await self._caller.get(calls.list_blacklist(limit, offset))

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
