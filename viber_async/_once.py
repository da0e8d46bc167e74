"""The awaiting side of "at most once": reads and writes the ledger, looks, sends. `_sansio.ledger` decides.

What is done for one key runs in one task that the session owns, with everybody who asked for it waiting beside it.
A waiter who is cancelled harms nobody; when the last one is, the task ends at once if nothing has left, and else goes
on to note what became of it.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import math
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypedDict, TypeVar

from attrs import define, evolve, field, frozen

from viber_async._exchange import without_frames
from viber_async._ledger import NamedLedger
from viber_async._reconcile import found_by_marker, look, look_for, outcome
from viber_async._sansio import campaigns as calls
from viber_async._sansio import ledger as rules
from viber_async._sansio.answer import is_certain_refusal
from viber_async._sansio.call import Kind
from viber_async._sansio.ledger import Event, LedgerRow, State, Todo
from viber_async._sansio.outcome import handle_of
from viber_async._sansio.reconcile import Search, Verdict
from viber_async._sansio.words import numbered, suiting
from viber_async._tasks import beside
from viber_async.errors import (
    ConfigurationError,
    Delivery,
    DuplicateCampaignError,
    LedgerError,
    OutcomeUnknownError,
    SessionClosedError,
    ViberError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from viber_async._journey import Journey
    from viber_async._sansio.call import Call
    from viber_async._sansio.campaigns import CampaignDraft, CampaignSummary, CreatedCampaign
    from viber_async._sansio.outcome import CreateHandle
    from viber_async._sansio.reconcile import Reconciliation
    from viber_async._session import Caller

T = TypeVar("T")

logger: Final = logging.getLogger("viber_async")

MARGIN: Final = 30.0
"""Ours: seconds that a lease outlives the deadline of what is done under it, for the ledger's own writes."""
LONGEST_LEASE: Final = 3600.0
"""Ours: seconds; the lease where there is no deadline. One that is over costs nothing but a search."""
FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 1.0
"""Ours: seconds between two looks at a row that another process has in hand."""
SAID_AFTER: Final = 2.0
"""Ours: seconds of waiting for it after which the log says so; two that are started together wait for less."""


MAYBE: Final = "the campaign may or may not have been created; look for it before sending it again."


@frozen
class Wanted:
    """What somebody asked for; equal for those who can wait for one and the same."""

    key: str = field(repr=False)
    draft: CampaignDraft
    resend_after: timedelta | None = field(kw_only=True)


@define(eq=False)
class UnderWay:
    """What is being done for one key in this session."""

    task: asyncio.Task[CreatedCampaign] = field(init=False)
    waiting: int = 0
    journey: Journey | None = None
    """The create that was allowed to leave, if one was."""
    handle: CreateHandle | None = None

    def may_have_left(self, why: str) -> OutcomeUnknownError | None:
        """Give what to say to those for whom it ends now, if the campaign may have been created."""
        if self.journey is None or self.handle is None or not may_leave(self.journey):
            return None
        return unknown(self.handle, why, Delivery.UNKNOWN)

    def give_up(self) -> None:
        """End it; a create that has not left is ended first, or it would leave before the task comes to end it."""
        if self.journey is not None and not self.task.done():
            self.journey.abandon()
        self.task.cancel()


class _Mine(TypedDict):
    """What a row says of the one who takes it in hand."""

    attempt: str
    since: float
    lease: float
    handle: CreateHandle


def may_leave(journey: Journey) -> bool:
    """Tell whether a create whose caller leaves now has been sent, or will be.

    What is in the hands of the network is left alone, and may still be looking for its connection.
    """
    return journey.flight.on_wire or journey.delivery is not Delivery.NOT_SENT


def unknown(handle: CreateHandle, why: str, delivery: Delivery) -> OutcomeUnknownError:
    """Give the error for a campaign that may or may not have been created."""
    return OutcomeUnknownError(f"{MAYBE} {why}", handle=handle, delivery=delivery)


def not_found(
    handle: CreateHandle, why: str, found: Reconciliation | None = None, *, resend_in: float | None = None
) -> OutcomeUnknownError:
    """Give the error for one that was looked for and not found, or, without *found*, could not be looked for."""
    return OutcomeUnknownError(
        f"{MAYBE} {why}",
        handle=handle,
        looked_for=True,
        reconciliation=found,
        resend_in=resend_in,
        delivery=Delivery.UNKNOWN,
    )


class Once:
    """Creates campaigns at most once, for one session; its views share what is under way."""

    def __init__(self, *, wall: Callable[[], float] = time.time) -> None:
        self.wall = wall
        """The clock that processes share, for leases; it may be wrong, and nothing is sent because of it."""
        self._under_way: dict[Wanted, UnderWay] = {}

    async def create(self, caller: Caller, wanted: Wanted) -> CreatedCampaign:
        """Give the campaign of a key: found, or created."""
        ledger = _ledger_of(caller)
        caller.check()  # before what is under way in the session's own loop is waited for in another one
        found = self._under_way.get(wanted)
        if found is None:
            found = self._begin(_Errand(caller, ledger, wanted, self.wall))
        found.waiting += 1
        try:
            return await beside(found.task)
        except asyncio.CancelledError as cancelled:
            left = found.may_have_left("The call was cancelled after it had begun to leave")
            if left is None and found.waiting == 1:
                self._end(wanted, found)
                found.give_up()
            if left is None:
                raise
            raise cancelled from left
        except ViberError as error:
            raise copy.copy(without_frames(error)) from error.__cause__
        finally:
            found.waiting -= 1

    def _begin(self, errand: _Errand) -> UnderWay:
        under_way = errand.under_way
        under_way.task = errand.caller.start(errand.run)
        self._under_way[errand.wanted] = under_way
        under_way.task.add_done_callback(lambda _: self._end(errand.wanted, under_way))
        return under_way

    def _end(self, wanted: Wanted, under_way: UnderWay) -> None:
        """Let nobody join any more."""
        if self._under_way.get(wanted) is under_way:
            del self._under_way[wanted]

    async def reconcile_pending(self, caller: Caller) -> tuple[Reconciliation, ...]:
        """Look for the campaign of every row that is not settled, in one walk, and note what was found."""
        ledger = _ledger_of(caller)
        caller.check()
        desk = _Desk(ledger, caller.account, self.wall)
        rows = [row for row in [await desk.lapsed(row) for row in await ledger.unsettled(caller.account)] if row]
        if not rows:
            return ()
        searches = [Search(row.handle) for row in rows]
        walked = await look(caller, searches)
        found: list[Reconciliation] = []
        duplicates: list[DuplicateCampaignError] = []
        for row, search in zip(rows, searches, strict=True):
            try:
                result = outcome(search, walked)
            except DuplicateCampaignError as error:
                duplicates.append(error)
                continue
            if row.state is State.UNKNOWN or result.verdict is Verdict.FOUND:
                await desk.noted(row, result)
                found.append(result)
        _be_loud(duplicates, tuple(found))
        return tuple(found)


def _ledger_of(caller: Caller) -> NamedLedger:
    if caller.ledger is None:
        raise ConfigurationError(
            "create_once and reconcile_pending need a ledger, which remembers what was sent: give the session one, as "
            'in ViberSession(credentials, ledger=SqliteLedger("/var/lib/shop/campaigns.ledger"))'
        )
    return NamedLedger(caller.ledger)


def _be_loud(duplicates: Sequence[DuplicateCampaignError], found: tuple[Reconciliation, ...]) -> None:
    """Raise one error for all keys that have more than one campaign, with what was found for the others."""
    if not duplicates:
        return
    ids = tuple(task_id for error in duplicates for task_id in error.task_ids)
    error = DuplicateCampaignError("; ".join(str(each) for each in duplicates), task_ids=ids)
    error.partial = found
    raise error


class _Desk:
    """Reads and writes the rows of one account, by the rules."""

    def __init__(self, ledger: NamedLedger, account: str, wall: Callable[[], float]) -> None:
        self.ledger = ledger
        self.account = account
        self.wall = wall

    async def moved(
        self, row: LedgerRow, event: Event, *, by: str | None = None, **changes: object
    ) -> LedgerRow | None:
        """Give what *row* became, durably; None if it may not, or if somebody else moved it first."""
        after = rules.step(row, event, by=by, **changes)
        return after if after is not None and await self.ledger.put(self.account, after) else None

    async def lapsed(self, row: LedgerRow, *, watched: float = 0.0) -> LedgerRow | None:
        """Give *row* as UNKNOWN if its sender's lease is over; None if somebody else moved it meanwhile."""
        if row.state is not State.SENDING or not rules.is_over(row, now=self.wall(), watched=watched):
            return row
        return await self.moved(row, Event.LAPSE)

    async def noted(self, row: LedgerRow, found: Reconciliation) -> LedgerRow | None:
        """Give *row* with what a search for its campaign found."""
        if (campaign := found_by_marker(found)) is not None:
            return await self.moved(row, Event.FIND, task_id=campaign.id, send_date=campaign.send_date)
        if found.verdict is Verdict.PROBABLE or not _is_news(row, found):
            return row
        said = found.looked_at
        return await self.moved(row, Event.MISS, missed=self.wall(), missed_by_server=said and said.timestamp())


def _is_news(row: LedgerRow, found: Reconciliation) -> bool:
    """Tell whether this is the first search in vain, or the first that knows the provider's time."""
    return row.missed is None or (row.missed_by_server is None and found.looked_at is not None)


class _Watch:
    """For how long one version of a row has been seen, and how long to wait before the next look."""

    def __init__(self) -> None:
        self._version: int | None = None
        self._since = 0.0
        self._pause = FIRST_PAUSE
        self._said: int | None = None

    def seen(self, row: LedgerRow | None) -> float:
        """Give the seconds for which this version of the row has been there."""
        now = asyncio.get_running_loop().time()
        version = None if row is None else row.version
        if version != self._version:
            self._version, self._since, self._pause = version, now, FIRST_PAUSE
        return now - self._since

    def say(self, row: LedgerRow, *, now: float) -> None:
        """Say once in the log of each version that it is waited for, if it is for more than a moment."""
        if self._said == row.version or asyncio.get_running_loop().time() - self._since < SAID_AFTER:
            return
        self._said = row.version
        logger.info(
            "another process has this campaign in hand, or was stopped while it had: waiting for up to %.0f s",
            min(max(row.since + row.lease - now, 0.0), row.lease),
        )

    async def pause(self) -> None:
        """Wait a little, and longer each time."""
        await asyncio.sleep(self._pause)
        self._pause = min(LONGEST_PAUSE, self._pause * 2)


class _Errand:
    """What has to be done for one key: until its campaign is there, or it is clear why it is not."""

    def __init__(self, caller: Caller, ledger: NamedLedger, wanted: Wanted, wall: Callable[[], float]) -> None:
        self.caller = caller
        self.wanted = wanted
        self.under_way = UnderWay()
        self._desk = _Desk(ledger, caller.account, wall)
        self._me = secrets.token_hex(8)
        self._held: str | None = None
        """The row that we may have in hand."""
        self._marker = rules.marker_of(caller.account, wanted.key)
        self._draft = evolve(wanted.draft, task_name=rules.marked(wanted.draft.task_name, self._marker))

    async def run(self) -> CreatedCampaign:
        """Give the campaign, or raise what is known of it."""
        try:
            return await self._until_settled()
        except (Exception, asyncio.CancelledError) as error:
            if self._held is not None and self.under_way.journey is None:
                await self._let_go(self._held)
            if isinstance(error, asyncio.CancelledError) and self.caller.closing:
                raise self._closed() from None
            raise

    def _closed(self) -> ViberError:
        """Give the error for what the end of the session ended."""
        why = "create_once was ended by closing the session"
        return self.under_way.may_have_left(why) or SessionClosedError(why)

    async def _let_go(self, key: str) -> None:
        """Let others take the key in hand at once, since nothing was sent; if that fails, they wait for the lease."""
        try:
            await self._released(key)
        except LedgerError:
            logger.warning("the ledger could not be told that a key is free again; its lease will end", exc_info=True)

    async def _released(self, key: str) -> bool:
        """Give the key back; False if others have taken it already, because our lease seemed to be over."""
        row = await self._desk.ledger.get(self._desk.account, key)
        event = Event.RELEASE if row is None or row.state is State.PREPARED else Event.NOT_SENT
        free = row is not None and await self._desk.moved(row, event, by=self._me, lease=0.0) is not None
        self._held = None
        return free

    async def _until_settled(self) -> CreatedCampaign:
        secret = await self._desk.ledger.secret(self._desk.account)
        key = rules.key_hash(secret, self.wanted.key)
        content = rules.fingerprint(secret, self.wanted.draft)
        watch = _Watch()
        while True:
            row = await self._desk.ledger.get(self._desk.account, key)
            watched = watch.seen(row)
            todo = rules.todo(row, fingerprint=content, now=self._desk.wall(), watched=watched)
            created: CreatedCampaign | None = None
            if row is None or todo is Todo.CLAIM:
                created = await self._claim(row, key, content)
            elif todo is Todo.LOOK:
                created = await self._look(row, watched)
            elif todo is Todo.GIVE:
                return rules.created_of(row, self.wanted.draft)
            else:
                watch.say(row, now=self._desk.wall())
                await watch.pause()
            if created is not None:
                return created

    # Nothing was sent for this key: take it in hand, look whether another ledger sent it, send.

    async def _claim(self, row: LedgerRow | None, key: str, content: str) -> CreatedCampaign | None:
        self._call()  # what cannot be sent is refused before anything is written
        lease = self._lease(Kind.READ)
        claimed = await self._claimed(row, key, content, lease)
        if claimed is None:
            return None
        try:
            found = await look_for(self.caller, claimed.handle, newest_only=True)
        except DuplicateCampaignError:
            raise
        except ViberError as error:
            try:
                ours = await self._released(claimed.key)
            except LedgerError as worse:
                raise worse from error  # whether others have sent it meanwhile cannot be said
            if not ours:
                return None  # it may have been sent by now: what is true is in the ledger
            raise _of_the_campaign(error) from error.__cause__
        if (campaign := found_by_marker(found)) is not None:
            self._refuse_other_content(campaign)
            return await self._found(claimed, found)
        call = self._call()
        lease = self._lease(Kind.CREATE)
        handle = self._handle(found.looked_at)
        sending = await self._moved(claimed, Event.SEND, since=self._desk.wall(), lease=lease, handle=handle)
        return None if sending is None else await self._send(sending, call)

    async def _claimed(self, row: LedgerRow | None, key: str, content: str, lease: float) -> LedgerRow | None:
        self._held = key
        mine = _Mine(attempt=self._me, since=self._desk.wall(), lease=lease, handle=self._handle(None))
        if row is not None:
            return await self._moved(row, Event.CLAIM, **mine)
        first = LedgerRow(key=key, fingerprint=content, state=State.PREPARED, version=1, **mine)
        return first if await _to_its_end(self._desk.ledger.put(self._desk.account, first)) else None

    def _refuse_other_content(self, campaign: CampaignSummary) -> None:
        """A marker stands for a key, on every machine; what it was sent with there must be what is wanted here."""
        if campaign.sender_id != self._draft.sender_id or not calls.same_text(campaign.message, self._draft.message):
            raise rules.other_content()

    # It is ours to send, once.

    async def _send(self, row: LedgerRow, call: Call[CreatedCampaign]) -> CreatedCampaign:
        journey = self.caller.journey(call)
        self.under_way.journey, self.under_way.handle = journey, row.handle
        try:
            created = (await self.caller.reply(call, journey)).value
        except asyncio.CancelledError:
            await self._settled(row, Event.UNCLEAR if may_leave(journey) else Event.NOT_SENT)
            raise
        except ViberError as error:
            if (meant := await self._failed(row, error)) is error:
                raise
            raise meant from error
        field, lost = rules.echo_doubt(self._draft, created, self._marker)
        if field is None:
            await self._settled(row, Event.ACCEPT, task_id=created.task_id, send_date=created.send_date)
            return created
        handle = row.handle.lost_its_marker() if lost else row.handle
        await self._settled(row, Event.UNCLEAR, handle=handle)
        why = f"the answer is about another campaign: its {field} is not the one that was sent"
        raise unknown(handle, why, Delivery.ANSWERED)

    async def _failed(self, row: LedgerRow, error: ViberError) -> ViberError:
        """Note what *error* says of the campaign, and give what it means for the caller."""
        event = Event.UNCLEAR
        if is_certain_refusal(error):
            event = Event.NOT_SENT if error.delivery is Delivery.NOT_SENT else Event.REJECT
        await self._settled(row, event)
        if event is Event.UNCLEAR:
            return unknown(row.handle, str(error), error.delivery)
        if row.doubted:
            why = f"This sending of it created nothing, but an earlier one may have. {error}"
            never = error.delivery is Delivery.NOT_SENT  # but the campaign may have been, by the earlier one
            return unknown(row.handle, why, Delivery.UNKNOWN if never else error.delivery)
        return error

    async def _settled(self, row: LedgerRow, event: Event, **changes: object) -> None:
        """Note the outcome. If that fails, what the caller is told stays true, and the row says "sending"."""
        if event is Event.NOT_SENT:
            changes["lease"] = 0.0
        try:
            while await self._moved(row, event, **changes) is None:
                now = await self._desk.ledger.get(self._desk.account, row.key)
                if now is None or rules.step(now, event, by=self._me) is None:
                    return  # somebody who looked for it has settled it, or sent it again
                row = now
        except LedgerError as error:  # whose own text says that nothing was sent, and means what it was asked for
            why = error.__cause__
            logger.error("what became of a campaign could not be written; its row says: sending (%r)", why)  # noqa: TRY400

    # It may have been sent: look for it.

    async def _look(self, row: LedgerRow, watched: float) -> CreatedCampaign | None:
        moved = await self._desk.lapsed(row, watched=watched)
        if moved is None:
            return None
        try:
            found = await look_for(self.caller, moved.handle)
        except DuplicateCampaignError:
            raise
        except ViberError as error:
            raise not_found(row.handle, f"Looking for it failed: {error}") from error
        if found_by_marker(found) is not None:
            return await self._found(moved, found)
        noted = await self._desk.noted(moved, found)
        return None if noted is None else await self._resent(noted, found)

    async def _found(self, row: LedgerRow, found: Reconciliation) -> CreatedCampaign | None:
        after = await self._desk.noted(row, found)
        return None if after is None else rules.created_of(after, self.wanted.draft)

    async def _resent(self, row: LedgerRow, found: Reconciliation) -> CreatedCampaign | None:
        """Send it again if the caller wants that, and all that has to be true for it is."""
        why, resend_in = self._obstacle(row, found)
        if why:
            raise not_found(row.handle, why, found, resend_in=resend_in)
        try:
            call = self._call()
        except ViberError as error:
            raise not_found(row.handle, f"It cannot be sent again: {error}", found, resend_in=math.inf) from error
        lease = self._lease(Kind.CREATE)
        handle = evolve(row.handle, sent_before=(found.looked_at or row.handle.sent_before) + timedelta(seconds=lease))
        sending = await self._moved(
            row, Event.RESEND, attempt=self._me, since=self._desk.wall(), lease=lease, handle=handle
        )
        return None if sending is None else await self._send(sending, call)

    def _obstacle(self, row: LedgerRow, found: Reconciliation) -> tuple[str, float | None]:
        """Give the sentence for why it is not sent again now, or "", and the seconds until it may be."""
        if found.verdict is Verdict.PROBABLE:
            ids = [each.id for each in found.candidates]
            fit, carry = suiting(len(ids), "fits", "fit"), suiting(len(ids), "carries", "carry")
            what = f"{numbered(ids, 'campaign')} {fit} by sender, text and time, but {carry} no marker"
            return f"Probably it was sent: {what}. Nothing was sent again", math.inf
        if self.wanted.resend_after is None:
            return "A search found nothing, which proves nothing. Nothing was sent again", math.inf
        said = found.looked_at
        left = rules.settles_in(
            row, self.wanted.resend_after, now=self._desk.wall(), server_now=None if said is None else said.timestamp()
        )
        if left is None or not found.complete:
            why = "A search found nothing, but cannot be relied on: no marker, no date, or no end. Nothing was sent"
            return why, math.inf if row.handle.marker_lost else None
        why = f"A search found nothing; it may be sent again in {left:.0f} s. Nothing was sent" if left else ""
        return why, left

    # Small steps.

    def _call(self) -> Call[CreatedCampaign]:
        return calls.create_campaign(self._draft, now=datetime.now(UTC), time_zone=self.caller.time_zone)

    def _lease(self, kind: Kind) -> float:
        deadline = self.caller.deadline_of(kind)
        return LONGEST_LEASE if deadline is None else min(LONGEST_LEASE, deadline + MARGIN)

    def _handle(self, looked_at: datetime | None) -> CreateHandle:
        """Give the handle for a sending that begins now."""
        server = looked_at or self.caller.server_now()
        began = server or datetime.fromtimestamp(self._desk.wall(), UTC)
        return handle_of(
            self.wanted.draft,
            sent_after=began,
            sent_before=began + timedelta(seconds=self._lease(Kind.CREATE)),
            by_server=server is not None,
            marker=self._marker,
        )

    async def _moved(self, row: LedgerRow, event: Event, **changes: object) -> LedgerRow | None:
        return await _to_its_end(self._desk.moved(row, event, by=self._me, **changes))


async def _to_its_end(write: Coroutine[None, None, T]) -> T:
    """Give the result of a *write* to the ledger; whoever is cancelled waits for it, so as to know what is written."""
    task = asyncio.ensure_future(write)
    try:
        return await beside(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait([task])
        task.exception()  # whoever is cancelled is told nothing of it, and nobody else will ask
        raise


def _of_the_campaign(error: ViberError) -> ViberError:
    """Give *error*, of a search, as one of a campaign that was not sent: that is what the caller asked for."""
    return not_sent(error, "looking for the campaign before creating it failed, so nothing was sent")


def not_sent(error: ViberError, why: str) -> ViberError:
    """Give *error*, of a look before a campaign is created, as one of that campaign: *why* it was not sent."""
    copied = copy.copy(error)
    copied.args = (f"{why}: {error}",)
    copied.delivery = Delivery.NOT_SENT
    return copied
