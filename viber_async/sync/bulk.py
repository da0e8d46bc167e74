"""The calls of a sync: in the bulk lane, counted, and patient with a provider that is away for a while."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from attrs import evolve

from viber_async._ahead import Ahead
from viber_async._defaults import PAGE_ROWS
from viber_async._sansio.number_page import list_numbers
from viber_async._sansio.paging import MAX_LIMIT, Walk
from viber_async._sansio.patience import LONGEST, Patience, is_transient
from viber_async._tasks import until_ended
from viber_async.errors import BadRequestError, SyncInterruptedError, ViberError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from viber_async._exchange import Reply
    from viber_async._journey import OnTurn
    from viber_async._sansio.call import Call
    from viber_async._sansio.number_page import NumberPage
    from viber_async._sansio.paging import WalkReport
    from viber_async._session import Caller
    from viber_async.sync.callbacks import Told

logger: Final = logging.getLogger("viber_async")

T = TypeVar("T")

PROBE_RETRIES: Final = 1
"""Ours: what a try after a pause repeats by itself; an outage is not answered with three requests each time."""


ENDS_WITHIN: Final = 1.5
"""Ours: seconds that a request may take to end once it is cancelled; a safe moment is waited for half a second."""


class Bulk:
    """Makes the calls of one sync."""

    def __init__(self, caller: Caller, told: Told) -> None:
        self.caller = caller.varied(lane="bulk")
        policy = self.caller.retries
        self._probing = self.caller.varied(retries=evolve(policy, retries=min(PROBE_RETRIES, policy.retries)))
        self._once = self.caller.varied(retries=evolve(policy, retries=0))
        self._limit = MAX_LIMIT
        self.told = told

    async def send(self, call: Call[T], *, again: bool = False) -> Reply[T]:
        """Give the answer to *call*; *again* after a pause of our own."""
        return await self._counted(self._probing if again else self.caller, call)

    async def send_once(self, call: Call[T]) -> Reply[T]:
        """Give the answer to *call*, which is repeated by nobody but its caller."""
        return await self._counted(self._once, call)

    async def _counted(self, caller: Caller, call: Call[T]) -> Reply[T]:
        journey = caller.journey(call)
        try:
            return await caller.reply(call, journey)
        except asyncio.CancelledError:
            await until_ended(journey.task, within=ENDS_WITHIN)  # it may still arrive: the lock is held until then
            raise
        finally:
            self.told.requests += journey.attempts

    async def patiently(self, call: Call[T], first: Callable[[], Awaitable[T]] | None = None) -> T:
        """Give what *call*, which may be repeated freely, gives in the end; *first* is how it is tried first.

        Raises:
            SyncInterruptedError: the provider did not answer for ten minutes.
            ViberError: it said no.

        """
        patience, again = Patience(), False
        while True:
            try:
                if first is not None and not again:
                    return await first()
                return (await self.send(call, again=again)).value
            except ViberError as error:
                await pause(patience, error, self.told)
                again = True

    async def walk(
        self, take: Callable[[NumberPage, Sequence[int]], None], *, phase: str, detailed: bool = False
    ) -> WalkReport:
        """Hand each page and the indexes of its new rows to *take*; give the report of the walk."""
        walk = Walk(limit=self._limit, name="blacklist sync")
        ahead = Ahead(walk, self.caller.asking(partial(self._page, detailed=detailed)))
        try:
            while (offset := walk.offset) is not None:
                call = list_numbers(walk.limit, offset, detailed=detailed)
                page = await self.patiently(call, partial(ahead.page, offset))
                take(page, walk.take(page.ids, total=page.total))
                await self.told.tell(phase, walk.report().rows, walk.total)
        except BadRequestError:
            if self._limit == PAGE_ROWS or walk.report().requests:
                raise
            self._limit = PAGE_ROWS  # what a page may hold is not documented (?); a refusal is the only way to learn
            return await self.walk(take, phase=phase, detailed=detailed)
        finally:
            await ahead.aclose()
        return walk.report()

    async def _page(self, limit: int, offset: int, on_turn: OnTurn, *, detailed: bool) -> NumberPage:
        """Give one page; whoever lets go of it need not wait, since a read does no harm."""
        call = list_numbers(limit, offset, detailed=detailed)
        journey = self.caller.journey(call, on_turn)
        try:
            return (await self.caller.reply(call, journey)).value
        finally:
            self.told.requests += journey.attempts - journey.is_waiting


async def pause(patience: Patience, error: ViberError, told: Told) -> None:
    """Wait as long as *patience* has it before another try after *error*, or raise what ends the sync."""
    is_told, seconds = patience.has_waited, patience.pause(error)
    if seconds is not None:
        if patience.has_waited and not is_told:
            end = datetime.now().astimezone() + timedelta(seconds=LONGEST)
            logger.warning("the sync waits for the provider, and tries again until about %s: %s", f"{end:%H:%M}", error)
        await told.wait(seconds)
    elif is_transient(error):
        raise SyncInterruptedError(
            f"{patience.why(error)} ({error}); run the same again to go on",
            delivery=error.delivery,
        ) from error
    else:
        raise error
