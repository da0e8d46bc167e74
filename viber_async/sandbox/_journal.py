"""What arrived, as frozen records. Secrets are left out when a record is made, not when it is shown."""

from __future__ import annotations

import asyncio
import json
from fnmatch import fnmatchcase
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

from attrs import evolve, field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HIDDEN: Final = "[redacted]"
KEPT_HEADERS: Final = frozenset(
    {"host", "user-agent", "accept", "accept-encoding", "content-type", "content-length", "transfer-encoding"}
    | {"connection", "authorization", "cookie"}
)
SECRET_HEADERS: Final = frozenset({"authorization", "cookie"})
SECRET_OPERATIONS: Final = frozenset({"token"})
"""The client secret is in their body."""


@frozen
class SandboxRequest:
    """A request that arrived, and what became of it."""

    number: int
    """1 for the first that arrived."""
    operation: str = field(kw_only=True)
    """Such as "campaigns.get"; "unknown" for a path that the provider does not have."""
    method: str = field(kw_only=True)
    path: str = field(kw_only=True)
    query: Mapping[str, str] = field(kw_only=True)
    headers: Mapping[str, str] = field(kw_only=True, repr=False)
    """Those that matter, with credentials redacted."""
    peer_port: int | None = field(kw_only=True)
    """Tells connections apart; None without a socket."""
    arrived_at: float = field(kw_only=True)
    """Monotonic, as in `SandboxRate.arrivals`."""
    in_window: int = field(kw_only=True)
    """How many had arrived by then within the window of the rate limit, this one included."""
    over_limit: bool = field(kw_only=True)
    """Whether the rate limit refused it."""
    body: bytes | None = field(kw_only=True, default=None, repr=False)
    """As it was sent; None until it has arrived whole; redacted where it holds a secret."""
    json: object = field(kw_only=True, default=None, repr=False)
    """The body's value, or None where it is no JSON."""
    fault: str = field(kw_only=True, default="")
    """The name of the fault that struck it."""
    status: int | None = field(kw_only=True, default=None)
    """None while there is no answer, and for ever when the connection was cut instead."""


class Journal:
    """The latest records, in order of arrival."""

    def __init__(self, kept: int) -> None:
        self._records: dict[int, SandboxRequest] = {}
        self._kept = kept
        self._arrived = 0
        self._changed = asyncio.Event()

    def records(self, on: str | None = None) -> tuple[SandboxRequest, ...]:
        """Return the records of the operations that *on* names; a ``*`` stands for any characters."""
        return tuple(record for record in self._records.values() if on is None or fnmatchcase(record.operation, on))

    @property
    def arrived(self) -> int:
        """How many requests have arrived, those that are forgotten too."""
        return self._arrived

    def latest(self, count: int) -> tuple[SandboxRequest, ...]:
        """Return the *count* latest records, oldest first."""
        return tuple(islice(reversed(self._records.values()), count))[::-1]

    def find(self, number: int) -> SandboxRequest | None:
        """Return one record, unless there is none, or none any more."""
        return self._records.get(number)

    def open(  # noqa: PLR0913 - what is known of a request when it arrives
        self,
        operation: str,
        *,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        peer_port: int | None,
        arrived_at: float,
        in_window: int,
        over_limit: bool,
    ) -> int:
        """Return the number of a new record."""
        self._arrived += 1
        self._records[self._arrived] = SandboxRequest(
            self._arrived,
            operation=operation,
            method=method,
            path=path,
            query=MappingProxyType(dict(query)),
            headers=MappingProxyType(_shown(headers)),
            peer_port=peer_port,
            arrived_at=arrived_at,
            in_window=in_window,
            over_limit=over_limit,
        )
        self._records.pop(self._arrived - self._kept, None)
        return self._arrived

    def received(self, number: int, body: bytes) -> None:
        """Note that the whole *body* is here."""
        self._note(number, lambda record: _with_body(record, body))
        self._changed.set()
        self._changed = asyncio.Event()

    def struck(self, number: int, fault: str) -> None:
        """Note which *fault* it met."""
        self._note(number, lambda record: evolve(record, fault=fault))

    def answered(self, number: int, status: int) -> None:
        """Note the answer's *status*."""
        self._note(number, lambda record: evolve(record, status=status))

    async def arrival(self, on: str | None, count: int) -> tuple[SandboxRequest, ...]:
        """Wait until *count* requests have arrived whole, and return them."""
        while True:
            whole = tuple(record for record in self.records(on) if record.body is not None)
            if len(whole) >= count:
                return whole
            await self._changed.wait()

    def clear(self) -> None:
        """Forget the records; the numbers go on."""
        self._records.clear()

    def _note(self, number: int, change: Callable[[SandboxRequest], SandboxRequest]) -> None:
        """Change a record, unless it was forgotten while its request was under way."""
        if number in self._records:
            self._records[number] = change(self._records[number])


def _with_body(record: SandboxRequest, body: bytes) -> SandboxRequest:
    if record.operation in SECRET_OPERATIONS:
        return evolve(record, body=HIDDEN.encode(), json=_hidden(_value(body)))
    return evolve(record, body=body, json=_value(body))


def _shown(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: _without_secret(value) if name in SECRET_HEADERS else value
        for name, value in headers.items()
        if name in KEPT_HEADERS
    }


def _without_secret(value: str) -> str:
    """Keep the scheme of a credential, and nothing else of it."""
    scheme, space, _ = value.partition(" ")
    return f"{scheme} {HIDDEN}" if space else HIDDEN


def _hidden(value: object) -> object:
    if not isinstance(value, dict):
        return HIDDEN
    return {**cast("dict[str, object]", value), "client_secret": HIDDEN}


def _value(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None  # what is no JSON has no value; the body itself stands beside it
