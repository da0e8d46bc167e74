"""``session.campaigns``: creating campaigns, and what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Required, TypedDict, cast, overload

from viber_async._creating import Creating
from viber_async._defaults import PAGE_ROWS, WATCH_EVERY
from viber_async._exchange import without_frames
from viber_async._following import CampaignWatch
from viber_async._once import Wanted
from viber_async._pages import Pages
from viber_async._reconcile import look_for
from viber_async._sansio import campaigns as calls
from viber_async._sansio.campaigns import CampaignDraft
from viber_async._sansio.door import flag
from viber_async._sansio.ledger import (
    Todo,
    checked_key,
    checked_resend,
    created_of,
    fingerprint,
    key_hash,
    marker_of,
    todo,
)
from viber_async._sansio.outcome import CreateHandle
from viber_async._sansio.privacy import refused
from viber_async._sansio.recipient_stream import RecipientStream
from viber_async.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta
    from typing import Literal, Unpack

    from viber_async._following import Until
    from viber_async._journey import OnTurn
    from viber_async._ledger import Ledger
    from viber_async._sansio.campaigns import (
        Button,
        Campaign,
        CampaignRecipients,
        CampaignSummary,
        CreatedCampaign,
        Image,
        MessageType,
        Recipient,
        ResendSms,
    )
    from viber_async._sansio.ledger import LedgerRow
    from viber_async._sansio.paging import Page
    from viber_async._sansio.reconcile import Reconciliation
    from viber_async._session import Caller
    from viber_async._stream import RowStream


class DraftFields(TypedDict, total=False):
    """The fields of a `CampaignDraft`, for ``create(**fields)``."""

    sender_id: Required[int]
    message_live_time: Required[int | timedelta]
    task_name: str | None
    message: str | None
    message_type: MessageType | int
    send_date: datetime | Literal["now"]
    recipients: Iterable[str | int] | None
    address_book: int | None
    stretch_time: int | None
    button: Button | None
    image: Image | None
    resend_sms: ResendSms | None


class Campaigns:
    """The account's Viber campaigns.

    ```python
    created = await session.campaigns.create(
        sender_id=1, message_live_time=3600, message="Your order is on its way", recipients=["+380931111111"]
    )
    campaign = await session.campaigns.get(created.task_id)
    ```
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    @overload
    async def create(self, draft: CampaignDraft, /) -> CreatedCampaign: ...

    @overload
    async def create(self, **fields: Unpack[DraftFields]) -> CreatedCampaign: ...

    async def create(  # type: ignore[misc]  # mypy does not see that **Any takes what Unpack gives
        self, draft: CampaignDraft | None = None, /, **fields: Any
    ) -> CreatedCampaign:
        """Create a campaign from a draft, or from a draft's fields (``POST /viber``). This spends money.

        It is sent once. Only what certainly was not carried out (no connection, too many requests) is repeated. Give
        it a ``task_name`` of its own: that is what it can be found by in the task list if its outcome is unknown.

        Args:
            draft: a checked `CampaignDraft`.
            **fields: the fields of one, as `CampaignDraft` describes them.

        Raises:
            ValidationError: the draft breaks a rule; nothing was sent.
            ApiError: the provider said no: nothing was created.
            TransportError, DeadlineExceededError: it never left; ``delivery`` is NOT_SENT.
            OutcomeUnknownError: everything else. It may have been created: do not simply send it again.

        """
        try:
            draft = _the_draft(draft, fields)
        except ValidationError as error:
            raise without_frames(error) from None  # the frames below hold every phone
        finally:
            fields.clear()
        return await Creating(self._caller, draft).created()

    async def create_once(
        self, draft: CampaignDraft, *, key: str, resend_after: timedelta | None = None
    ) -> CreatedCampaign:
        """Give the campaign of *key*: found if it exists, created if not, at most once. Needs the session's ledger.

        *key* names this one campaign for ever, such as the id of the order it is about; only a keyed hash of it is
        kept. The same key with the same draft gives the same campaign, in every process that shares the ledger; at
        once from many tasks or processes, one sends and the rest wait for it; what an earlier call had created says so
        (``found``). A marker of 19 characters is put in front of ``task_name``, by which the campaign can be found.

        *resend_after* is for those who would rather risk a second campaign than none: if the outcome is unknown, a
        search finds nothing, and it has found nothing for that long, the campaign is sent again. Without it, it never
        is. See the page "At most once".

        Raises:
            ConfigurationError: the session has no ledger.
            ValidationError: the draft or the key breaks a rule; nothing was sent.
            KeyConflictError: the key stands for other content; nothing was sent.
            LedgerError: the ledger cannot be trusted or written; nothing was sent.
            ApiError: the provider said no, and nothing was created: the same key may be tried again.
            TransportError, DeadlineExceededError: it never left; ``delivery`` is NOT_SENT.
            OutcomeUnknownError: it may have been created, now or by an earlier call; the next call looks again.
            DuplicateCampaignError: more than one campaign carries the key's marker.

        """
        if not isinstance(cast("object", draft), CampaignDraft):
            raise refused("draft", draft, "give a CampaignDraft")
        try:
            wanted = Wanted(checked_key(key), draft, resend_after=checked_resend(resend_after))
        except ValidationError as error:
            raise without_frames(error) from None
        finally:
            del key  # it may be a phone, and frames are shown with their locals
        return await self._caller.once.create(self._caller, wanted)

    async def reconcile(self, handle: CreateHandle) -> Reconciliation:
        """Give what the provider's list shows of a campaign whose outcome is unknown; any process may ask.

        *handle* is the ``handle`` of an `OutcomeUnknownError`. Nothing is sent but requests for the list, at most 50.

        Raises:
            DuplicateCampaignError: more than one campaign carries the marker.

        """
        if not isinstance(cast("object", handle), CreateHandle):
            raise refused("handle", handle, "give the handle of an OutcomeUnknownError, or CreateHandle.from_dict(...)")
        return await look_for(self._caller, handle)

    async def reconcile_pending(self) -> tuple[Reconciliation, ...]:
        """Give the same for every campaign of the ledger whose outcome is unknown, and note there what was found.

        What another process is sending at this moment is left out unless it was found. Run it when a worker starts.

        Raises:
            ConfigurationError: the session has no ledger.
            LedgerError: the ledger cannot be trusted or written.
            DuplicateCampaignError: more than one campaign carries the marker of one key; ``partial`` has the rest.

        """
        return await self._caller.once.reconcile_pending(self._caller)

    def list(
        self, *, limit: int = PAGE_ROWS, offset: int = 0, token: str | None = None, ahead: bool = True
    ) -> Pages[CampaignSummary]:
        """Give the campaigns, page by page while you iterate (``GET /viber/task``).

        *limit* is how many rows are asked for at a time (the server may give fewer); *token* goes on where
        another walk's ``pages.token`` stopped; *ahead* False asks for one page after another.
        """
        return Pages(
            self._page,
            asking=self._caller.asking(self._page) if flag(ahead, "ahead") else None,
            key=lambda campaign: campaign.id,
            limit=limit,
            offset=offset,
            token=token,
            name="campaigns.list",
        )

    async def get(self, campaign_id: int) -> Campaign:
        """Give one campaign with its statistics (``GET /viber/task/{id}``).

        Raises:
            NotFoundError: the account has no such campaign.

        """
        return await self._caller.get(calls.get_campaign(campaign_id))

    def watch(self, campaign_id: int, *, every: float = WATCH_EVERY, until: Until | None = None) -> CampaignWatch:
        """Give a campaign at once, and then each time something in it has changed, until it is over.

        It is looked at *every* so many seconds, 0.01 to 86400, and is over once all its messages went out and each
        was delivered or given up; reads and clicks may come for days after that. *until* is a function of the
        `Campaign`, async or not, that says otherwise, such as ``lambda campaign: False`` for no end. What the provider
        does not let through is never over.

        Raises, while iterating:
            NotFoundError: the account has no such campaign.

        """
        calls.get_campaign(campaign_id)  # an id that is none is refused here and not at the first look
        return CampaignWatch(lambda: self.get(campaign_id), pause=self._caller.pause, every=every, until=until)

    async def recipients(self, campaign_id: int) -> CampaignRecipients:
        """Give all recipients of a campaign at once (``GET /viber/task/{id}/recipients``).

        The provider sends them in one body, however large; above 8 MiB (some 50 000 recipients) use
        `iter_recipients`.

        Raises:
            NotFoundError: the account has no such campaign.
            ResponseTooLargeError: there are too many for one answer.

        """
        return await self._caller.get(calls.get_recipients(campaign_id))

    def iter_recipients(self, campaign_id: int) -> RowStream[Recipient]:
        """Give the recipients of a campaign one by one, in bounded memory, however many there are.

        The deadline counts the time spent waiting for the provider, not the time that you take for each row. An
        error in the middle cannot be repeated from there: start again.

        Raises, while iterating:
            NotFoundError: the account has no such campaign.
            TransportError: the answer was cut in the middle.

        """
        return self._caller.stream(calls.get_recipients(campaign_id), RecipientStream)

    async def _page(self, limit: int, offset: int, on_turn: OnTurn | None = None) -> Page[CampaignSummary]:
        return await self._caller.get(calls.list_campaigns(limit, offset), on_turn)


def _the_draft(draft: object, fields: dict[str, Any]) -> CampaignDraft:
    if draft is None:
        return CampaignDraft(**fields)
    if not isinstance(draft, CampaignDraft):
        raise refused("draft", draft, "give a CampaignDraft, or its fields by keyword")
    if fields:
        name, value = next(iter(fields.items()))
        raise refused(name, value, "give a CampaignDraft or fields, not both; change one with attrs.evolve")
    return draft


def marker_of_key(campaigns: Campaigns, key: str) -> str:
    """Give the marker by which the campaign of *key* can be told among others of the account."""
    return marker_of(campaigns._caller.account, checked_key(key))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


async def row_of_key(campaigns: Campaigns, ledger: Ledger, key: str) -> LedgerRow | None:
    """Give what *ledger* keeps of the campaign of *key*, if it knows that key."""
    account = campaigns._caller.account  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    return await ledger.get(account, key_hash(await ledger.secret(account), checked_key(key)))


async def sent_before(
    campaigns: Campaigns, ledger: Ledger, draft: CampaignDraft, *, key: str
) -> CreatedCampaign | None:
    """Give the campaign of *key* if *ledger* knows that it exists; nothing is sent.

    Raises:
        KeyConflictError: the key stands for other content.

    """
    row = await row_of_key(campaigns, ledger, key)
    if row is None:
        return None
    account = campaigns._caller.account  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    content = fingerprint(await ledger.secret(account), draft)
    return created_of(row, draft) if todo(row, fingerprint=content, now=0.0, watched=0.0) is Todo.GIVE else None


def creating(campaigns: Campaigns, draft: CampaignDraft) -> Creating:
    """Give the create of *draft* to who wants to hold it in hand, such as a command that signals may stop."""
    return Creating(campaigns._caller, draft)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
