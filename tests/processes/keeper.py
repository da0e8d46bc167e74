"""A provider that keeps a blacklist, outlives its clients, and strikes at a chosen moment of a sync."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from itertools import count, islice
from typing import Any
from urllib.parse import parse_qs

from tests.processes.killer import KillingProvider

SEEN = ("headers", "half the body", "the body")
"""What the server has of a write that it then drops: the client was gone before it was carried out."""
DONE = ("before the answer", "mid answer", "after the answer")
"""Where it stands with a write that was carried out."""
PAGE = 1000


class Keeper(KillingProvider):
    """Strikes at `phase`: the name of a stage and of a moment in it, for the request number `nth` of that stage.

    A stage is ``POST`` or ``DELETE``, or ``walk 1``, ``walk 2``... for the pages of the walks of one client.
    """

    def __init__(self, there: Iterable[int]) -> None:
        super().__init__()
        self.ids: dict[int, int] = {}
        self._next_id = count(164)
        self.add(there)
        self.wanted = set[int]()
        """What the source holds by now, and what may never be sent to be removed."""
        self.removable = set[int]()
        """What the first plan removes."""
        self.wrong: list[int] = []
        """What was sent to be removed all the same."""
        self.writes: list[str] = []
        self.walks = 0
        """How many were begun."""
        self.nth = 1
        self._walked = 0
        self._counts: dict[str, int] = {}

    def next_client(self, moment: str = "", nth: int = 1) -> None:
        """Forget the client that was; strike the next one at *moment*."""
        self.phase, self.nth = moment, nth
        self._walked, self._counts = self.walks, {}

    def add(self, phones: Iterable[int]) -> int:
        """Give how many of *phones* are new."""
        new = dict.fromkeys(phone for phone in phones if phone not in self.ids)
        self.ids.update(zip(new, self._next_id, strict=False))
        return len(new)

    def remove(self, phones: Iterable[int]) -> int:
        """Give how many of *phones* were there."""
        return sum(self.ids.pop(phone, None) is not None for phone in phones)

    async def _answer(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, target, _ = head.split(" ", 2)
        if method == "GET":
            await self._show(target, writer)
        else:
            await self._write(method, head, reader, writer)

    async def _show(self, target: str, writer: asyncio.StreamWriter) -> None:
        asked = {name: int(value) for name, (value,) in parse_qs(target.partition("?")[2]).items()}
        self.walks += asked["offset"] == 0
        stage = self._stage(f"walk {self.walks - self._walked}")
        self._at(f"{stage}: headers")
        rows = islice(self.ids.items(), asked["offset"], asked["offset"] + min(asked["limit"], PAGE))
        listed = [{"id": number, "phone": phone} for phone, number in rows]
        await self._give(writer, {"data": {"list": listed, "total": len(self.ids)}}, stage)

    async def _write(self, method: str, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writes.append(method)
        stage = self._stage(method)
        self._at(f"{stage}: headers")
        length = int(next(line for line in head.lower().splitlines() if "content-length" in line).split(":")[1])
        body = await reader.readexactly(length // 2)
        self._at(f"{stage}: half the body")
        body += await reader.readexactly(length - length // 2)
        phones = [int(phone) for phone in json.loads(body)["phones"]]
        if method == "DELETE":
            self.wrong += [phone for phone in phones if phone in self.wanted or phone not in self.removable]
        self._at(f"{stage}: the body")
        await self._give(writer, self._carried_out(method, phones), stage)

    def _carried_out(self, method: str, phones: list[int]) -> dict[str, Any]:
        if method == "DELETE":
            return {"result": True, "deleted": self.remove(phones)}
        added = self.add(phones)
        return {"result": True, "counters": {"added": added, "exists": len(phones) - added}}

    async def _give(self, writer: asyncio.StreamWriter, value: Any, stage: str) -> None:
        self._at(f"{stage}: before the answer")
        await self._send(writer, value, strikes=f"{stage}: mid answer")
        self._at(f"{stage}: after the answer")

    def _stage(self, stage: str) -> str:
        """Give the name under which this request is struck: none, if it is not the one."""
        self._counts[stage] = self._counts.get(stage, 0) + 1
        return stage if self._counts[stage] == self.nth else "no stage"
