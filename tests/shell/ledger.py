"""A ledger in memory for tests in virtual time, where threads would never be waited for; and an account to write to."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import httpx
from attrs import evolve

from tests.shell.provider import Provider
from viber_async import LedgerError, LedgerRow
from viber_async._sansio.ledger import State

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


class MemoryLedger:
    """Keeps rows in a dict; `broken` makes the next operations fail, from a given state on."""

    def __init__(self) -> None:
        self.rows: dict[str, LedgerRow] = {}
        self.history: list[State] = []
        self.broken: Callable[[LedgerRow | None], bool] = lambda _: False
        self.before_put: Callable[[LedgerRow], Awaitable[None] | None] = lambda _: None

    async def secret(self, account: str) -> bytes:
        return b"s" * 32

    async def get(self, account: str, key: str) -> LedgerRow | None:
        self._check(None)
        return self.rows.get(key)

    async def put(self, account: str, row: LedgerRow) -> bool:
        self._check(row)
        if (waiting := self.before_put(row)) is not None:
            await waiting
        before = self.rows.get(row.key)
        if (0 if before is None else before.version) != row.version - 1:
            return False
        self.rows[row.key] = LedgerRow.from_dict(json.loads(json.dumps(row.to_dict())))
        self.history.append(row.state)
        return True

    async def unsettled(self, account: str) -> tuple[LedgerRow, ...]:
        return tuple(row for row in self.rows.values() if row.state in (State.UNKNOWN, State.SENDING))

    def _check(self, row: LedgerRow | None) -> None:
        if self.broken(row):
            raise LedgerError("the disk is full; nothing was sent")

    @property
    def row(self) -> LedgerRow:
        """The only row."""
        (row,) = self.rows.values()
        return row

    def change(self, **fields: Any) -> None:
        """Change the only row behind everybody's back."""
        self.rows[self.row.key] = evolve(self.row, version=self.row.version + 1, **fields)


class Account:
    """The provider's side: accepts campaigns, lists them, and does with each create what *modes* say."""

    def __init__(self, *modes: Any) -> None:
        self.modes = list(modes)
        self.campaigns: list[dict[str, Any]] = []
        self.posts = 0
        self.lists = 0
        self.date: str | None = format_datetime(NOON, usegmt=True)
        self.newest_first = True
        self.hidden = 0
        """So many of the newest campaigns the list does not show yet."""
        self.renamed: Callable[[str], str] = lambda name: name
        self.provider = Provider(self.answer)

    @property
    def names(self) -> list[str]:
        return [each["name"] for each in self.campaigns]

    def add(self, name: str, **fields: Any) -> dict[str, Any]:
        """Add a campaign from elsewhere."""
        campaign = {
            "id": 500 + len(self.campaigns),
            "name": name,
            "sender_id": 1,
            "message_live_time": 3600,
            "message": "hi",
            "created": "2026-07-01 12:00:00",
            "send_date": "2026-07-01 12:00:00",
            **fields,
        }
        self.campaigns.append(campaign)
        return campaign

    def answer(self, request: httpx.Request) -> Any:
        if request.method == "GET":
            self.lists += 1
            return self._given(200, self._page(request.url.params))
        self.posts += 1
        mode = self.modes.pop(0) if self.modes else "accept"
        return mode(request) if callable(mode) else self.do(mode, request)

    def do(self, mode: str, request: httpx.Request) -> Any:  # noqa: PLR0911 - a table
        """Do with a create what *mode* says."""
        asked = json.loads(request.content)
        if mode in ("accept", "cut after", "500 after", "garbage after", "other echo", "no name"):
            campaign = self.add(self.renamed(asked.get("task_name", "invented")), message=asked.get("message"))
            echo = {("task_" + k if k in ("id", "name") else k): v for k, v in campaign.items()}
            echo |= {"message": "another"} if mode == "other echo" else {}
            echo |= {"task_name": None} if mode == "no name" else {}
        match mode:
            case "accept" | "other echo" | "no name":
                return self._given(200, {"result": True, "data": echo})
            case "cut before" | "cut after":
                return httpx.RemoteProtocolError("cut")
            case "500 before" | "500 after":
                return self._given(500, {"message": "oops"})
            case "garbage after":
                return httpx.Response(200, content=b'{"result": tru')
            case "refuse":
                return self._given(422, {"message": "no"})
            case "throttle":
                return self._given(429, {"message": "too many", "error_code": 2020202020})
            case "no connection":
                return httpx.ConnectError("refused")
        raise AssertionError(mode)

    def _page(self, params: Any) -> list[dict[str, Any]]:
        shown = self.campaigns[: len(self.campaigns) - self.hidden]
        rows = shown[::-1] if self.newest_first else shown
        return rows[int(params["offset"]) :][: int(params["limit"])]

    def _given(self, status: int, value: Any) -> httpx.Response:
        headers = {} if self.date is None else {"date": self.date}
        return httpx.Response(status, json=value, headers=headers)
