"""A provider that has a blacklist and nothing else, in memory, for syncs in virtual time; with faults on cue."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import httpx

from tests.shell.provider import Provider, no, ok

Fault = Callable[[httpx.Request], Any]
"""Gives what is answered (or raised) in place of the truth, or None."""


class BlacklistProvider(Provider):
    """Keeps rows in the order of their ids, answers as the provider does, and remembers what was asked of it."""

    def __init__(self, phones: Iterable[Any] = (), *, page: int = 1000) -> None:
        super().__init__(self.answer)
        self.rows: dict[int, dict[str, Any]] = {}
        self.page = page
        self.next_id = 164
        self.faults: list[Fault] = []
        """Asked in turn, before anything is done."""
        self.after: Callable[[httpx.Request, httpx.Response], Any] = lambda request, response: None
        """Called when all is done; what it gives replaces the answer."""
        self.history: list[tuple[str, tuple[int, ...]]] = []
        """The writes that were carried out."""
        for phone in phones:
            self.put(phone)

    def put(self, phone: Any, description: str = "", date: Any = "2019-03-26 12:40:05") -> None:
        """Keep a row, whatever its phone is."""
        self.rows[self.next_id] = {
            "id": self.next_id,
            "user_id": 7,
            "phone": phone,
            "description": description,
            "add_date": date,
        }
        self.next_id += 1

    @property
    def phones(self) -> set[Any]:
        """What is there."""
        return {row["phone"] for row in self.rows.values()}

    @property
    def writes(self) -> list[tuple[str, list[str]]]:
        """The writes that were asked for, carried out or not."""
        return [(r.method, json.loads(r.content)["phones"]) for r in self.requests if r.method != "GET"]

    @property
    def walked(self) -> int:
        """Pages that were asked for."""
        return sum(r.method == "GET" for r in self.requests)

    def answer(self, request: httpx.Request) -> Any:
        for fault in self.faults:
            if (given := fault(request)) is not None:
                return given(request) if callable(given) else given
        response = self._carry_out(request)
        return self.after(request, response) or response

    def _carry_out(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            limit, offset = (int(request.url.params[name]) for name in ("limit", "offset"))
            rows = list(self.rows.values())
            return ok({"data": {"list": rows[offset : offset + min(limit, self.page)], "total": len(rows)}})
        body = json.loads(request.content)
        phones = tuple(int(phone) for phone in body["phones"])
        if not phones:
            return no(422, {"message": "no phones"})
        self.history.append((request.method, phones))
        there = self.phones
        if request.method == "POST":
            new = [phone for phone in dict.fromkeys(phones) if phone not in there]
            for phone in new:
                self.put(phone, body.get("description", ""))
            return ok({"result": True, "counters": {"added": len(new), "exists": len(phones) - len(new)}})
        gone = {number for number, row in self.rows.items() if str(row["phone"]).lstrip("+") in body["phones"]}
        for number in gone:
            del self.rows[number]
        return ok({"result": True, "deleted": len(gone)})


def once(fault: Any, *, method: str = "POST", at: int = 1) -> Fault:
    """Give a fault that happens to the request number *at* of *method*, and to no other."""
    count = 0

    def happens(request: httpx.Request) -> Any:
        nonlocal count
        count += request.method == method
        return fault if request.method == method and count == at else None

    return happens
