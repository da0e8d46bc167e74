"""A provider with a truth of its own: which campaigns and blacklisted phones there are, and since when.

It answers what reached it and keeps what it did. Nothing here knows of networks, faults or clients: `network` decides
whether a request reaches it, when it is carried out, and what becomes of the answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from attrs import define, field, frozen

OLD = 900
"""Ids up to here belong to campaigns that were there before."""


@frozen(kw_only=True)
class Habits:
    """What this provider is like."""

    rows_before: int = 0
    newest_first: bool = True
    name_length: int = 255
    """It cuts names to so many characters..."""
    renames: float = 0.0
    """...and gives so large a share of campaigns a name of its own."""
    lag: float = 0.0
    """Seconds, at most, until its list shows a campaign."""
    repeats_rows: float = 0.0
    """How often a page holds a row twice."""
    zone: timedelta = timedelta()
    """The account's zone, by which it writes dates (without saying so)."""
    date_skew: float = 0.0
    """Seconds by which the dates of its answers may be wrong."""
    dateless: float = 0.0
    """How often an answer has no date at all."""
    token_lifetime: int = 3600


@define
class Created:
    """A campaign that exists."""

    id: int
    name: str
    asked_name: str
    message: str | None
    sender_id: int
    at: float
    """When it was created, by the loop's clock."""
    listed_at: float
    """From when on the list shows it."""
    request: int
    """The number of the request that created it; 0 for one that came from elsewhere."""

    @property
    def marker(self) -> str | None:
        """The marker that it was sent with."""
        return marker_in(self.asked_name)

    @property
    def keeps_marker(self) -> bool:
        return self.marker is not None and self.name.startswith(self.marker)


def marker_in(name: str | None) -> str | None:
    """Give the marker at the front of a name as `create_once` sends it."""
    return name[:16] if name is not None and name[16:19] == " | " else None


@define
class FakeProvider:
    """One account at the provider."""

    habits: Habits
    chance: Any
    now: Callable[[], float]
    epoch: datetime
    """What its clock says when the loop's says 0."""
    campaigns: list[Created] = field(factory=list)
    blacklist: set[str] = field(factory=set)
    tokens: set[str] = field(factory=set)
    issued: int = 0
    done: dict[int, Any] = field(factory=dict)
    """What each request that was carried out changed, by its number."""

    def __attrs_post_init__(self) -> None:
        for number in range(self.habits.rows_before):
            self._add(f"old {number}", "old", 1, at=-86400.0 * 30, request=0)

    def moment(self, at: float) -> datetime:
        return self.epoch + timedelta(seconds=at)

    def date(self) -> str | None:
        """Give what the ``Date`` of an answer says."""
        if self.chance.random() < self.habits.dateless:
            return None
        skew = self.chance.uniform(-1, 1) * self.habits.date_skew
        return self.moment(self.now() + skew).astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")

    def revoke(self) -> None:
        """Let no token be good any more."""
        self.tokens.clear()

    def accepts(self, request: httpx.Request) -> bool:
        """Tell whether the request proves who sent it."""
        if request.url.path == "/oauth/access_token":
            return True
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        return shown == "key" or shown in self.tokens

    def carry_out(self, request: httpx.Request, number: int) -> Any:
        """Do what is asked, and give the JSON that answers it."""
        path = request.url.path
        asked = json.loads(request.content) if request.content else {}
        if path == "/oauth/access_token":
            return self._token()
        if request.method == "POST" and path == "/viber":
            return self._create(asked, number)
        if path == "/viber/task":
            return self._list(request.url.params)
        if path == "/v2/viber-service/phone-exception":
            return self._blacklisted(request.method, asked, number)
        return [{"id": 1, "name": "shop", "status": "verified"}]

    def _token(self) -> dict[str, Any]:
        self.issued += 1
        value = f"token-{self.issued}"
        self.tokens.add(value)
        return {"access_token": value, "token_type": "Bearer", "expires_in": self.habits.token_lifetime}

    def _create(self, asked: dict[str, Any], number: int) -> dict[str, Any]:
        created = self._add(asked["task_name"], asked.get("message"), asked["sender_id"], at=self.now(), request=number)
        self.done[number] = created
        return {"result": True, "data": self.echo(created)}

    def _add(self, name: str, message: str | None, sender_id: int, *, at: float, request: int) -> Created:
        number = len(self.campaigns) + 1
        shown = f"Campaign {number}" if request and self.chance.random() < self.habits.renames else name
        created = Created(
            number if not request else OLD + number,
            name=shown[: self.habits.name_length],
            asked_name=name,
            message=message,
            sender_id=sender_id,
            at=at,
            listed_at=at + self.habits.lag * min(1.0, self.chance.uniform(0, 2)),
            request=request,
        )
        self.campaigns.append(created)
        return created

    def echo(self, created: Created) -> dict[str, Any]:
        """Give a campaign as the answer to its create shows it."""
        return {
            "task_id": created.id,
            "task_name": created.name,
            "message": created.message,
            "sender_id": created.sender_id,
            "message_live_time": 3600,
            "send_date": self._written(created.at),
        }

    def _written(self, at: float) -> str:
        return (self.moment(at) + self.habits.zone).strftime("%Y-%m-%d %H:%M:%S")

    def _list(self, params: Any) -> list[dict[str, Any]]:
        shown = [each for each in self.campaigns if each.listed_at <= self.now()]
        rows = shown[::-1] if self.habits.newest_first else shown
        page = [self._row(each) for each in rows[int(params["offset"]) :][: int(params["limit"])]]
        if page and self.chance.random() < self.habits.repeats_rows:
            page.append(self.chance.choice(page))
        return page

    def _row(self, created: Created) -> dict[str, Any]:
        return {
            "id": created.id,
            "name": created.name,
            "sender_id": created.sender_id,
            "message": created.message,
            "message_live_time": "3600",
            "created": self._written(created.at),
            "send_date": self._written(created.at),
            "status": "sent",
            "address_book": 0,
        }

    def _blacklisted(self, method: str, asked: dict[str, Any], number: int) -> dict[str, Any]:
        before = len(self.blacklist)
        if method == "GET":
            return {"data": {"list": [], "total": before}}
        phones = set(asked["phones"])
        if method == "DELETE":
            self.blacklist -= phones
            self.done[number] = before - len(self.blacklist)
            return {"result": True, "deleted": self.done[number]}
        self.blacklist |= phones
        self.done[number] = len(self.blacklist) - before
        return {"result": True, "counters": {"added": self.done[number], "exists": len(phones) - self.done[number]}}
