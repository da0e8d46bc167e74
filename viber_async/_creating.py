"""One create without a key: sent once, and if nobody can tell what became of it, that has a name.

`Campaigns.create` waits for one and forgets it. Who holds one can be told to stop, and still wait for the answer of
what had left by then.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from viber_async._exchange import without_frames
from viber_async._once import may_leave, unknown
from viber_async._sansio import campaigns as calls
from viber_async._sansio.answer import is_certain_refusal
from viber_async._sansio.ledger import refuse_like_marked
from viber_async._sansio.outcome import handle_of
from viber_async.errors import DeadlineExceededError, Delivery, ViberError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from viber_async._sansio.campaigns import CampaignDraft, CreatedCampaign
    from viber_async._sansio.outcome import CreateHandle
    from viber_async._session import Caller


class Creating:
    """The one create of *draft*; made at the moment in which it starts."""

    def __init__(self, caller: Caller, draft: CampaignDraft) -> None:
        refuse_like_marked(draft.task_name)
        self._caller = caller
        self._draft = draft
        self._call = calls.create_campaign(draft, now=datetime.now(UTC), time_zone=caller.time_zone)
        self._journey = caller.journey(self._call)
        self._began, self._by_server = self._time()

    async def created(self) -> CreatedCampaign:
        """Give the campaign; cancelled, nothing more is begun for it, and it says whether it may have left."""
        return await self._named(self._answered())

    async def late(self, *, within: float) -> CreatedCampaign:
        """Give the campaign of a `created` that was cancelled after it had begun to leave, once its answer is there.

        Nothing is sent for it: what has its answer to come is waited for, what still looks for a connection is ended.
        """
        return await self._named(self._answered_late(within))

    async def _answered(self) -> CreatedCampaign:
        return (await self._caller.reply(self._call, self._journey)).value

    async def _answered_late(self, within: float) -> CreatedCampaign:
        journey = self._journey
        if journey.delivery is Delivery.NOT_SENT:
            journey.end()
        await asyncio.wait([journey.task], timeout=within)
        if not journey.task.done():
            raise DeadlineExceededError(
                f"{self._call.what} was interrupted, and had no answer {within:g} s later", delivery=Delivery.UNKNOWN
            )
        try:
            created: CreatedCampaign = journey.task.result()[0]
        except ViberError as error:
            raise without_frames(error) from error.__cause__
        return created

    async def _named(self, answered: Coroutine[object, object, CreatedCampaign]) -> CreatedCampaign:
        """Give what *answered* gives, or an error that says whether there may be a campaign all the same."""
        try:
            created = await answered
        except asyncio.CancelledError as cancelled:
            if not may_leave(self._journey):
                raise
            why = "The call was cancelled after it had begun to leave"
            raise cancelled from unknown(self._handle(), why, Delivery.UNKNOWN)
        except ViberError as error:
            if is_certain_refusal(error):
                raise
            raise unknown(self._handle(), str(error), error.delivery) from error
        if (field := calls.echo_mismatch(self._draft, created)) is not None:
            why = f"the answer is about another campaign: its {field} is not the one that was sent"
            raise unknown(self._handle(), why, Delivery.ANSWERED)
        return created

    def _time(self) -> tuple[datetime, bool]:
        """Give the time as well as it is known, and whether it is the provider's."""
        said = self._caller.server_now()
        return said or datetime.now(UTC), said is not None

    def _handle(self) -> CreateHandle:
        """Give the handle of a create that ends now; its beginning and its end are times of one clock."""
        before = self._caller.server_now() if self._by_server else None  # None too if this machine slept meanwhile
        return handle_of(
            self._draft,
            sent_after=self._began,
            sent_before=before or max(datetime.now(UTC), self._began),
            by_server=before is not None,
        )
