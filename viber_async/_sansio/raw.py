"""The escape hatch: any call of the provider's that has no method of its own."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Final, cast

from attrs import field, frozen

from viber_async._sansio import address
from viber_async._sansio.call import Call, Kind, Unreadable, json_body
from viber_async._sansio.privacy import refused, shown

if TYPE_CHECKING:
    from cattrs import Converter

    from viber_async._sansio.answer import Answer

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


@frozen(kw_only=True)
class ApiResponse:
    """An answer as plain values."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    json: object = field(repr=False)
    """The body's JSON as plain Python values; None for an empty body."""
    request_id: str | None
    """What the provider calls this request, if it says."""
    attempts: int
    waited: float
    """Seconds spent waiting for turns in the rate limit."""


def request(
    method: object, path: object, *, params: Mapping[str, str | int] | None, json: object, idempotent: bool
) -> Call[object]:
    """Give the call; raises `ValidationError` for what cannot be sent."""
    if method not in METHODS:
        raise refused("method", method, f"one of {', '.join(METHODS)}")
    if not isinstance(idempotent, bool):
        raise refused("idempotent", idempotent, "True or False")
    return Call(
        Kind.READ if idempotent else Kind.OTHER,
        method=str(method),
        path=address.path(path),
        params=_params(params),
        body=None if json is None else _body(json),
        empty_is_none=True,
        is_callers_own=True,
        read=_plain_answer,
    )


def _params(params: object) -> dict[str, str | int]:
    if params is None:
        return {}
    if not isinstance(params, Mapping):
        raise refused("params", params, "a mapping from names to strings and ints")
    for name, value in cast("Mapping[object, object]", params).items():
        if not _is_text(name) or not (_is_text(value) or _is_number(value)):
            raise refused(f"params[{shown(name)}]", value, "text or an int of 64 bits under a name")
    return dict(cast("Mapping[str, str | int]", params))


def _is_text(value: object) -> bool:
    """Tell whether *value* is a string that can be sent: no half of a character."""
    return isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def _body(json: object) -> bytes:
    try:
        return json_body(json)
    except (TypeError, ValueError, RecursionError) as error:
        raise refused("json", json, f"cannot be written as JSON ({type(error).__name__})") from None


def _plain_answer(_converter: Converter, parsed: object) -> object:
    try:
        return _plain(parsed)
    except RecursionError:  # the parser goes a little deeper than this does
        raise Unreadable("", "nested too deeply") from None


def _plain(value: object) -> object:
    """Give *value* with floats for the exact numbers that our own models are read from."""
    match value:
        case Decimal():
            return float(value)
        case list():
            return [_plain(item) for item in cast("list[object]", value)]
        case dict():
            return {key: _plain(item) for key, item in cast("dict[str, object]", value).items()}
        case _:
            return value


def response(answer: Answer, json: object, *, attempts: int, waited: float) -> ApiResponse:
    """Give what came back."""
    return ApiResponse(
        status=answer.status,
        headers=answer.headers,
        json=json,
        request_id=answer.request_id,
        attempts=attempts,
        waited=waited,
    )
