"""Results as the provider could have given them, for tests that need one and no provider."""

from __future__ import annotations

from array import array
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from attrs import fields

import viber_async as va
from viber_async._sansio.ledger import State
from viber_async._sansio.numbers import Index, Phones
from viber_async._sansio.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from attrs import AttrsInstance

T = TypeVar("T")

SENT: Final = datetime(2026, 3, 1, 12, 30)  # noqa: DTZ001 - as the provider sends them
LATER: Final = datetime(2026, 3, 1, 12, 31)  # noqa: DTZ001
NOON: Final = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
PHONE: Final = "380931111111"
TEXT: Final = "Margaret, your order is on its way"
DIGEST: Final = "ab" * 32


def make(cls: type[T], /, **changes: object) -> T:
    """Give a plausible value of a result type, with *changes*; a field that it does not have is a TypeError."""
    if cls not in _USUAL:
        known = ", ".join(each.__name__ for each in _USUAL)
        raise TypeError(f"nothing is known to make of {cls.__name__}; there are {known}")
    names = [each.name for each in fields(cast("type[AttrsInstance]", cls))]
    for name in changes:
        if name not in names:
            raise TypeError(f"{cls.__name__} has no field {name!r}; it has {', '.join(names)}")
    return cls(**{**_USUAL[cls](), **changes})


def _campaign() -> dict[str, Any]:
    return {
        "id": 90241,
        "name": "spring",
        "sender_id": 1,
        "sender_name": "shop",
        "message_live_time": 3600,
        "message": TEXT,
        "send_date": SENT,
        "status": va.CampaignStatus.SENT,
        "created": SENT,
    }


def _walk() -> dict[str, Any]:
    return {
        "rows": 1,
        "distinct": 1,
        "duplicates": 0,
        "repairs": 0,
        "requests": 1,
        "total_first": 1,
        "total_last": 1,
        "doubts": (),
    }


def _index() -> Index:
    index = Index()
    index.add([int(PHONE)])
    return index


_USUAL: Final[Mapping[type, Callable[[], dict[str, Any]]]] = {
    # campaigns
    va.CampaignDraft: lambda: {
        "sender_id": 1,
        "message_live_time": 3600,
        "message": TEXT,
        "recipients": [PHONE],
    },
    va.CreatedCampaign: lambda: {
        "task_id": 90241,
        "task_name": "spring",
        "message": TEXT,
        "message_type": va.MessageType.PROMO,
        "sender_id": 1,
        "message_live_time": 3600,
        "send_date": SENT,
    },
    va.CampaignSummary: _campaign,
    va.Campaign: lambda: {**_campaign(), "stretch_time": 0, "statistics": make(va.CampaignStatistics)},
    va.CampaignStatistics: lambda: {
        "sent": 1,
        "delivered": 1,
        "read": 0,
        "redirected": 0,
        "undelivered": 0,
        "errors": 0,
    },
    va.CampaignRecipients: lambda: {"task_id": 90241, "recipients": (make(va.Recipient),)},
    va.Recipient: lambda: {
        "phone": PHONE,
        "status": va.RecipientStatus.DELIVERED,
        "send_date": SENT,
        "last_update": LATER,
        "price": Decimal("0.74"),
        "currency": "RUR",
    },
    va.CreateHandle: lambda: {
        "task_name": "spring",
        "name_digest": DIGEST,
        "sender_id": 1,
        "message_digest": DIGEST,
        "sent_after": NOON,
        "sent_before": NOON,
    },
    va.Reconciliation: lambda: {
        "verdict": va.Verdict.FOUND,
        "campaign": make(va.CampaignSummary),
        "candidates": (make(va.CampaignSummary),),
        "handle": make(va.CreateHandle),
        "complete": True,
        "requests": 1,
        "looked_at": NOON,
    },
    va.LedgerRow: lambda: {
        "key": DIGEST,
        "fingerprint": DIGEST,
        "state": State.ACCEPTED,
        "version": 3,
        "attempt": "made",
        "since": NOON.timestamp(),
        "lease": 150.0,
        "handle": make(va.CreateHandle),
        "task_id": 90241,
    },
    # senders
    va.Sender: lambda: {"id": 1, "name": "shop", "status": va.SenderStatus.VERIFIED, "country": "UA"},
    # blacklist
    va.BlacklistEntry: lambda: {"id": 7, "user_id": 1, "phone": PHONE, "description": "said stop", "add_date": SENT},
    va.BlacklistAdded: lambda: {"added": 1, "exists": 0},
    va.BlacklistRemoved: lambda: {"deleted": 1},
    va.SyncPlan: lambda: {
        "adds": Phones([int(PHONE)]),
        "removes": Phones(),
        "unchanged": 0,
        "read": 1,
        "duplicates": 0,
        "rejected": 0,
        "rejects": (),
        "kept": make(va.SyncReport).kept,
        "unread": (),
        "walk": make(va.WalkReport),
        "wanted_digest": DIGEST,
        "remote_digest": DIGEST,
        "terms": Terms(),
        "source": "made",
        "account": DIGEST,
        "created_at": NOON,
        "id": "made",
        "salt": 0,
        "wanted": _index(),
        "rows": array("q"),
        "rest_digest": DIGEST,
    },
    va.SyncReport: lambda: {
        "converged": True,
        "wanted": 2,
        "already_there": 1,
        "added": 1,
        "removed": 0,
        "rejected": 0,
        "unverified": 0,
        "requests": 2,
        "walk_requests": 1,
        "seconds": 0.5,
    },
    va.SyncProgress: lambda: {"phase": "walk", "done": 1, "of": 2, "requests": 1, "seconds": 0.1},
    va.RefusedPhone: lambda: {"shown": va.mask_phone(PHONE), "reason": "not a phone", "line": 1},
    va.WalkReport: _walk,
    # the session itself
    va.ApiResponse: lambda: {
        "status": 200,
        "headers": {"content-type": "application/json"},
        "json": {},
        "request_id": None,
        "attempts": 1,
        "waited": 0.0,
    },
    va.Answer: lambda: {"status": 200, "headers": {"content-type": "application/json"}, "body": b"{}"},
    va.StoredToken: lambda: {"value": "made-token", "expires_at": NOON.timestamp(), "lifetime": 3600.0},
    va.RateStatistics: lambda: {
        "limit": va.RateLimit(10, per=1.0),
        "granted": 1,
        "waiting": {"interactive": 0, "bulk": 0},
        "pauses": 0,
        "paused_for": 0.0,
        "waited": 0.0,
    },
    va.SessionStatistics: lambda: {
        "calls": 1,
        "requests": 1,
        "repeats": 0,
        "throttled": 0,
        "refreshes": 1,
        "in_flight": 0,
        "pools_replaced": 0,
        "rate": make(va.RateStatistics),
    },
}
