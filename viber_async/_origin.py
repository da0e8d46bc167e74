"""What requests look like: where they go and what all of them carry, prepared once and used for each."""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final

import httpx

from viber_async._flight import FLIGHT
from viber_async.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cattrs import Converter

    from viber_async._journey import Journey
    from viber_async._middleware import Attempt
    from viber_async._sansio.call import Call
    from viber_async._sansio.unknown import UnknownNames

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_HEADER_VALUE: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]{0,4000}[\x21-\x7e])?")

FRAMING: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that say where a request ends and whom it is for: with two opinions of that, requests are smuggled."""
URLS: Final = 200
"""Addresses that are kept parsed: parsing one costs a tenth of a call."""
_WITH_A_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
"""Methods of which a request says that it has no body if it has none (RFC 9110, 8.6)."""


class Origin:
    """Where requests go, and what all of them carry."""

    def __init__(self, *, base_url: str, user_agent: str, converter: Converter, unknown: UnknownNames) -> None:
        self.base_url = base_url
        self.converter = converter
        self.unknown = unknown
        self._url_of = lru_cache(maxsize=URLS)(partial(_url, base_url))
        self._plain = httpx.Headers(
            {
                "Host": httpx.URL(base_url).netloc.decode(),
                "accept": "application/json",
                "accept-encoding": "identity",
                "user-agent": user_agent,
            }
        )
        self._proven: tuple[str, httpx.Headers] | None = None
        """The same with the token that was in use last."""

    def request(self, journey: Journey, attempt: Attempt | None) -> httpx.Request:
        """Give *attempt* of *journey* as httpx sends it; None is one to which no middleware has added anything."""
        call, flight = journey.call, journey.flight
        request = httpx.Request(
            call.method,
            self._url(call),
            headers=self._plain if flight.token is None else self._with(flight.token.value),
            stream=httpx.ByteStream(call.body or b""),
            extensions={"timeout": journey.options.timeouts_of(call.kind), FLIGHT: flight},
        )
        if call.body is not None:
            request.headers["content-length"] = str(len(call.body))
            request.headers["content-type"] = "application/json"
        elif call.method in _WITH_A_BODY:
            request.headers["content-length"] = "0"
        if attempt is not None and attempt.headers:
            for name, value in checked_headers(attempt.headers).items():
                request.headers.setdefault(name, value)
        request.read()  # a transport that was handed in may look at its content
        return request

    def _url(self, call: Call[object]) -> httpx.URL:
        if call.is_callers_own:  # what may stand in there is not ours to keep
            return _url(self.base_url, call.path, tuple(call.params.items()))
        return self._url_of(call.path, tuple(call.params.items()))

    def _with(self, token: str) -> httpx.Headers:
        if self._proven is None or self._proven[0] != token:
            headers = self._plain.copy()
            headers["authorization"] = f"Bearer {token}"
            self._proven = token, headers
        return self._proven[1]


def _url(base_url: str, path: str, params: tuple[tuple[str, str | int], ...]) -> httpx.URL:
    return httpx.URL(base_url + path, params=params or None)


def checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Give the headers that a middleware added, if a header can hold them; a value is never shown."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ValidationError(
                "headers: a middleware added one that cannot be sent; names are ASCII words, values printable ASCII",
                field="headers",
            )
        if name.lower() in FRAMING:
            raise ValidationError(
                f"headers: a middleware added {name.lower()}, which says where a request ends or whom it is for; "
                "leave it out",
                field="headers",
            )
    return {name.lower(): value for name, value in headers.items()}
