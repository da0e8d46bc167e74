"""``session.campaigns``: creating campaigns, and what became of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Required, TypedDict, overload

from viber_async._defaults import PAGE_ROWS
from viber_async._exchange import without_frames
from viber_async._pages import Pages
from viber_async._sansio import campaigns as calls
from viber_async._sansio.answer import is_certain_refusal
from viber_async._sansio.campaigns import CampaignDraft
from viber_async._sansio.outcome import handle_of
from viber_async._sansio.privacy import refused
from viber_async._sansio.recipient_stream import RecipientStream
from viber_async.errors import Delivery, OutcomeUnknownError, ValidationError, ViberError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta
    from typing import Literal, Unpack

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
    from viber_async._sansio.paging import Page
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
        began = datetime.now(UTC)
        call = calls.create_campaign(draft, now=began, time_zone=self._caller.time_zone)
        try:
            reply = await self._caller.reply(call)
        except ViberError as error:
            if is_certain_refusal(error):
                raise
            raise _unknown(draft, began, str(error), error.delivery) from error
        if (field := calls.echo_mismatch(draft, reply.value)) is not None:
            why = f"the answer is about another campaign: its {field} is not the one that was sent"
            raise _unknown(draft, began, why, Delivery.ANSWERED)
        return reply.value

    def list(self, *, limit: int = PAGE_ROWS, offset: int = 0, token: str | None = None) -> Pages[CampaignSummary]:
        """Give the campaigns, page by page while you iterate (``GET /viber/task``).

        *limit* is how many rows are asked for at a time (the server may give fewer); *token* goes on where
        another walk's ``pages.token`` stopped.
        """
        return Pages(
            self._page, key=lambda campaign: campaign.id, limit=limit, offset=offset, token=token, name="campaigns.list"
        )

    async def get(self, campaign_id: int) -> Campaign:
        """Give one campaign with its statistics (``GET /viber/task/{id}``).

        Raises:
            NotFoundError: the account has no such campaign.

        """
        return await self._caller.get(calls.get_campaign(campaign_id))

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

    async def _page(self, limit: int, offset: int) -> Page[CampaignSummary]:
        return await self._caller.get(calls.list_campaigns(limit, offset))


def _the_draft(draft: object, fields: dict[str, Any]) -> CampaignDraft:
    if draft is None:
        return CampaignDraft(**fields)
    if not isinstance(draft, CampaignDraft):
        raise refused("draft", draft, "give a CampaignDraft, or its fields by keyword")
    if fields:
        name, value = next(iter(fields.items()))
        raise refused(name, value, "give a CampaignDraft or fields, not both; change one with attrs.evolve")
    return draft


def _unknown(draft: CampaignDraft, began: datetime, why: str, delivery: Delivery) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        "the campaign may or may not have been created; look for it before sending it again. " + why,
        handle=handle_of(draft, sent_after=began, sent_before=datetime.now(UTC)),
        delivery=delivery,
    )
