"""The account's state as the provider writes it, oddities and all. Each is a sample's, and named where it stands.

`created` and the other dates of what has happened are written in UTC, `send_date` in the account's own zone (D:
in one sample `created` runs two hours behind the local time in the campaign's name).
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final

from attrs import asdict

from viber_async.sandbox._account import PRICE, USER_ID
from viber_async.sandbox._answer import json_bytes
from viber_async.sandbox._clock import WIRE_FORMAT
from viber_async.sandbox._life import is_unlabelled, progress_at, statistic_at, status_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from viber_async.sandbox._account import SandboxCampaign, SandboxSender
    from viber_async.sandbox._blacklist import Batch
    from viber_async.sandbox._blacklist import Row as BlacklistRow

Row = dict[str, object]
PIECE: Final = 500
"""Recipients in one piece of the stream: about 90 KB."""


def created(campaign: SandboxCampaign, zone: tzinfo) -> Row:
    """Return the answer to a create: the nested request, flattened."""
    draft = campaign.draft
    return {
        "address_book_id": draft.address_book,  # null for a personal list. A
        **_content(campaign),
        "message_live_time": str(draft.message_live_time),  # an int went in, "1000" comes out. A
        "message_type": draft.message_type,
        "resend_sms": int(draft.resend_sms),  # an object went in, 0 comes out. A
        "send_date": _date(campaign.life.send_at, zone),  # a date even for "now". A
        "sender_id": draft.sender_id,
        "sms_sender_name": draft.sms_sender_name,
        "sms_text": draft.sms_text,
        "task_id": campaign.id,
        "task_name": campaign.task_name,
    }


def listed(campaign: SandboxCampaign, now: datetime, zone: tzinfo) -> Row:
    """Return a row of the list of campaigns."""
    # `address_book`, though the table says address_book_id; for none, null (9380939) and 0 (9380926). A
    none = None if campaign.id % 2 else 0
    label = None if is_unlabelled(campaign.life, now) else status_at(campaign.life, now)
    return {
        **_head(campaign, zone),
        "address_book": none if campaign.draft.address_book is None else campaign.draft.address_book,
        "status": label,
    }


def detailed(campaign: SandboxCampaign, now: datetime, zone: tzinfo) -> Row:
    """Return a campaign with its numbers."""
    draft = campaign.draft
    return {
        **_head(campaign, zone),
        "address_book_ids": None if draft.address_book is None else [draft.address_book],  # the third name. A
        "status": status_at(campaign.life, now),
        "stretch_time": draft.stretch_time,
        "resend_sms": draft.resend_sms,  # a bool here. A
        "resend_sms_status": 2 if draft.resend_sms else None,  # 2 in the sample; its meaning is unknown. ?
        "statistic": asdict(statistic_at(campaign.life, now)),  # the table says statistics. A
    }


def recipients(campaign: SandboxCampaign, now: datetime, zone: tzinfo) -> Iterator[bytes]:
    """Yield the recipients' answer piece by piece: it has no pages, and may hold a million (A)."""
    rows = _recipient_rows(campaign, now, zone)
    yield b'{"task_id":%d,"recipients":[' % campaign.id
    separator = b""
    while piece := list(islice(rows, PIECE)):
        yield separator + json_bytes(piece)[1:-1]
        separator = b","
    yield b"]}"


def sender(known: SandboxSender) -> Row:
    """Return a sender name."""
    return asdict(known)


def blacklist(rows: Iterable[BlacklistRow], total: int) -> bytes:
    """Return a page of the blacklist; a phone is an int in it, where a string went in (A)."""
    written = b",".join([_BLACKLISTED % (number, phone, _rest(batch)) for number, phone, batch in rows])
    return b'{"data":{"list":[%b],"total":%d}}' % (written, total)


_BLACKLISTED: Final = b'{"id":%%d,"user_id":%d,"phone":%%d,%%b' % USER_ID


@lru_cache
def _rest(batch: Batch) -> bytes:
    """Return the end of a row: rows that came together share it, and a page has a thousand."""
    return json_bytes({"description": batch.description, "add_date": _date(batch.added_at, UTC)})[1:]


def _content(campaign: SandboxCampaign) -> Row:
    draft = campaign.draft
    return {
        "message": draft.message,
        "button_text": draft.button_text,
        "button_link": draft.button_link,
        "image_link": draft.image_link,
    }


def _head(campaign: SandboxCampaign, zone: tzinfo) -> Row:
    """What the list and the statistics have in common."""
    return {
        "id": campaign.id,
        "name": campaign.task_name,
        **_content(campaign),
        "sender_name": campaign.sender.name,
        "sender_id": campaign.sender.id,
        "message_live_time": campaign.draft.message_live_time,  # an int here. A
        "send_date": _date(campaign.life.send_at, zone),
        "created": _date(campaign.life.created_at, UTC),
    }


def _recipient_rows(campaign: SandboxCampaign, now: datetime, zone: tzinfo) -> Iterator[Row]:
    book = campaign.draft.address_book
    for phone, progress in zip(campaign.recipients, progress_at(campaign.life, now), strict=True):
        yield {
            "phone": phone,
            "address_book_id": book,
            "status": progress.status,
            "send_date": _date(progress.turn_at, zone),
            "price": float(PRICE),
            "currency": "RUR",  # a retired code. A
            "last_update": _date(progress.updated_at, UTC),
        }


def _date(moment: datetime, zone: tzinfo) -> str:
    return moment.astimezone(zone).strftime(WIRE_FORMAT)
