"""What the inbox shows, as JSON by key: the state is told by telling which keys have changed. Pure.

All of it is bounded, whatever has arrived: the latest campaigns, requests and entries, and how many there are in all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import asdict

from viber_async._sansio.marker import parted
from viber_async.sandbox._account import SandboxCredentials
from viber_async.sandbox._calls import NAMES
from viber_async.sandbox._clock import WIRE_FORMAT
from viber_async.sandbox._life import progress_at, statistic_at, status_at
from viber_async.sandbox.inbox._presets import PRESETS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, tzinfo

    from viber_async.sandbox._account import Account, SandboxCampaign
    from viber_async.sandbox._app import Desk
    from viber_async.sandbox._faults import SandboxPlan
    from viber_async.sandbox._journal import SandboxRequest

MOST_CAMPAIGNS: Final = 50
MOST_REQUESTS: Final = 200
MOST_ENTRIES: Final = 100
MOST_PLANS: Final = 30
MOST_RECIPIENTS: Final = 100
"""On one page of a campaign's."""
LONGEST_BODY: Final = 100_000
"""Of a request's bytes; a campaign to a thousand phones has 15 000."""

WELL_KNOWN: Final = SandboxCredentials()
"""What may be shown to anybody."""

View = dict[str, object]


def view_of(desk: Desk, run: str) -> View:
    """Return all that is shown, by key; *run* tells one sandbox from the next at the same address."""
    account, now = desk.account, desk.clock.now()
    campaigns = list(account.campaigns.values())[-MOST_CAMPAIGNS:]
    view: View = {f"campaign/{each.id}": _campaign(each, now, account.zone) for each in campaigns}
    view |= {f"request/{each.number}": _request(each) for each in desk.journal.latest(MOST_REQUESTS)}
    view |= {f"plan/{each.number}": _plan(each) for each in desk.faults.waiting[:MOST_PLANS]}
    return {**view, "blacklist": _blacklist(account), "rate": _rate(desk), "account": {**_account(desk), "run": run}}


def changes(old: Mapping[str, object], new: Mapping[str, object]) -> tuple[View, list[str]]:
    """Return what is other or more in the *new* view, and the keys that are gone."""
    return {key: value for key, value in new.items() if old.get(key) != value}, [key for key in old if key not in new]


def time_of(desk: Desk) -> View:
    """Return what time it is by either of the sandbox's clocks."""
    return {"now": _date(desk.clock.now(), desk.account.zone), "monotonic": desk.monotonic()}


def recipients_of(campaign: SandboxCampaign, now: datetime, zone: tzinfo, *, offset: int) -> View:
    """Return a page of a campaign's recipients, and the request that made it."""
    rows = range(len(campaign.recipients))[offset : offset + MOST_RECIPIENTS]
    progress = progress_at(campaign.life, now, rows)
    return {
        "id": campaign.id,
        "body": campaign.body.decode(),  # it was JSON, or there would be no campaign
        "offset": offset,
        "page": MOST_RECIPIENTS,
        "rows": [
            [campaign.recipients[index], each.status, _date(each.updated_at, zone)]
            for index, each in zip(rows, progress, strict=True)
        ],
    }


def body_of(record: SandboxRequest) -> View:
    """Return what a request held, as text."""
    body = record.body or b""
    return {
        "number": record.number,
        "headers": dict(record.headers),
        "body": body[:LONGEST_BODY].decode("utf-8", "replace"),
        "left_out": max(len(body) - LONGEST_BODY, 0),
    }


def _campaign(campaign: SandboxCampaign, now: datetime, zone: tzinfo) -> View:
    draft, life = campaign.draft, campaign.life
    name, marker = parted(campaign.task_name)
    return {
        "id": campaign.id,
        "name": name,
        "marker": marker,
        "sender": campaign.sender.name,
        "message": draft.message,
        "image": draft.image_link,
        "button": None if draft.button_link is None else {"text": draft.button_text, "link": draft.button_link},
        "sms": {"text": draft.sms_text, "sender": draft.sms_sender_name} if draft.resend_sms else None,
        "type": draft.message_type,
        "lifetime": draft.message_live_time,
        "stretch": draft.stretch_time,
        "book": draft.address_book,
        "created": _date(life.created_at, zone),
        "send_date": None if draft.send_at is None else _date(draft.send_at, zone),
        "status": status_at(life, now),
        "by_hand": life.hand is not None,
        "recipients": len(campaign.recipients),
        "phones": list(campaign.recipients[:3]),
        "statistic": asdict(statistic_at(life, now)),
    }


def _request(record: SandboxRequest) -> View:
    return {
        "number": record.number,
        "operation": record.operation,
        "method": record.method,
        "path": record.path,
        "query": dict(record.query),
        "status": record.status,
        "fault": record.fault,
        "in_window": record.in_window,
        "over_limit": record.over_limit,
        "port": record.peer_port,
        "arrived_at": record.arrived_at,
    }


def _plan(plan: SandboxPlan) -> View:
    return {
        "number": plan.number,
        "name": plan.fault.name,
        "on": plan.on,
        "skip": plan.skip,
        "left": plan.left,
        "struck": plan.struck,
        "seconds": plan.until is not None,
    }


def _blacklist(account: Account) -> View:
    rows = account.blacklist.latest(MOST_ENTRIES)
    return {
        "total": len(account.blacklist),
        "rows": [
            [number, phone, batch.description, _date(batch.added_at, account.zone)] for number, phone, batch in rows
        ],
    }


def _rate(desk: Desk) -> View:
    return {"limit": desk.rate.limit, "peak": desk.rate.peak, "refusals": desk.rate.refusals}


def _account(desk: Desk) -> View:
    account = desk.account
    return {
        "credentials": account.credentials if account.credentials == WELL_KNOWN else None,
        "by_hand": account.by_hand,
        "campaigns": len(account.campaigns),
        "requests": desk.journal.arrived,
        "clock_moved": desk.clock.moved,
        "clock_stands": desk.clock.stands_still,
        "zone": str(account.zone),
        "operations": list(NAMES),
        "faults": [[preset.name, preset.says, preset.on] for preset in PRESETS],
    }


def _date(moment: datetime, zone: tzinfo) -> str:
    return moment.astimezone(zone).strftime(WIRE_FORMAT)
