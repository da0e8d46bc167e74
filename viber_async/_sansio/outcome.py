"""What is known of a campaign whose creation ended without a clear answer."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from datetime import datetime

    from viber_async._sansio.campaigns import CampaignDraft


@frozen(kw_only=True)
class CreateHandle:
    """What is needed to look for the campaign later, in any process; holds no phones and no text."""

    task_name: str | None
    """The name it was sent with; None if the server was left to invent one."""
    sender_id: int
    message_digest: str | None
    """SHA-256 of the message, in hexadecimal; None for an image alone."""
    sent_after: datetime
    """Aware, UTC, by this machine's clock: the campaign was not created before this moment."""
    sent_before: datetime
    """The same: the call had ended by then, though the provider may still be at it."""


def handle_of(draft: CampaignDraft, *, sent_after: datetime, sent_before: datetime) -> CreateHandle:
    """Give the handle for a create of *draft* between two moments."""
    message = draft.message
    return CreateHandle(
        task_name=draft.task_name,
        sender_id=draft.sender_id,
        message_digest=None if message is None else hashlib.sha256(message.encode()).hexdigest(),
        sent_after=sent_after,
        sent_before=sent_before,
    )
