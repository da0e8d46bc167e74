"""What the sandbox says to a request: an answer, or a refusal in one of the provider's envelopes.

The refusals stand in one table. Their codes are the provider's (A); which HTTP status goes with which code is
documented for few of them, so the others carry the nearest one (D).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from attrs import evolve, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Headers = tuple[tuple[str, str], ...]
JSON_TYPE: Final = (("content-type", "application/json"),)


@frozen
class Answer:
    """A status and a body: a JSON value, as it is or written down, or raw bytes, or a stream of them."""

    status: int
    json: object = field(kw_only=True, default=None)
    body: bytes | None = field(kw_only=True, default=None)
    """Sent as it is, instead of *json*."""
    written: bytes | None = field(kw_only=True, default=None)
    """The JSON as it is sent, instead of *json*, where a thousand rows have to be quick."""
    stream: Iterable[bytes] | None = field(kw_only=True, default=None)
    """Sent piece by piece, without a Content-Length, instead of *json*."""
    headers: Headers = field(kw_only=True, default=JSON_TYPE)


def rendered(answer: Answer) -> bytes:
    """Return the whole body of an *answer* that is not a stream."""
    if answer.body is not None:
        return answer.body
    return json_bytes(answer.json) if answer.written is None else answer.written


def collected(answer: Answer) -> Answer:
    """Return *answer* with its stream, or what is written, read into JSON, for those who want to change it."""
    if answer.written is not None:
        return evolve(answer, json=json.loads(answer.written), written=None)
    if answer.stream is None:
        return answer
    return evolve(answer, json=json.loads(b"".join(answer.stream)), stream=None)


def json_bytes(value: object) -> bytes:
    """Render *value* as the provider's JSON; half a character, which UTF-8 cannot hold, is escaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


class Refusal(Exception):  # noqa: N818 - not an error of the sandbox: a word of the provider's
    """The provider says no: becomes an answer at the app's border."""

    def __init__(self, status: int, payload: Mapping[str, object]) -> None:
        super().__init__(status, payload)
        self.answer: Final = Answer(status, json=dict(payload))


# code: (HTTP status, message)
REFUSALS: Final[Mapping[int, tuple[int, str]]] = {
    400: (400, "The request is not valid JSON"),
    401: (401, "Unauthorized!"),  # C: seen for no token and for a bad one
    404: (404, "Not found"),
    422: (422, "Validation error"),
    602: (404, "Campaign not found"),
    802: (404, "Campaign not found"),
    703: (404, "Mailing list not found"),
    704: (400, "Sender is not verified"),
    901: (400, "Sender not found"),
    1003: (404, "Sender not found"),
    707: (400, "Not enough money on the balance"),
    708: (400, "The number of recipients exceeds your plan"),
    791: (400, "The number of campaigns per hour is exceeded"),
    799: (400, "The date is malformed or in the past"),
    2020202020: (429, "Too many requests per second"),
}


def refusal(code: int, message: str | None = None, *, errors: Mapping[str, list[str]] | None = None) -> Refusal:
    """Return the host's usual envelope for *code*; *errors* maps fields to what is wrong with them (B)."""
    status, usual = REFUSALS[code]
    payload: dict[str, object] = {"message": message or usual, "error_code": code}
    return Refusal(status, payload if errors is None else {**payload, "errors": dict(errors)})


def token_refusal(status: int, error: str, description: str) -> Refusal:
    """Return the envelope of the token call, which is another one (A)."""
    return Refusal(status, {"error": error, "error_description": description})
