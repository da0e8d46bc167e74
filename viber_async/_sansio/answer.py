"""Status, headers and body of an answer -> its parsed JSON, or the error that it means.

The provider has six envelope styles and uses several of them with status 200, so the body is looked at before
the status. An ``error_code`` is *not* an HTTP status, though some values look like one: only those in the table
below are given a meaning, the rest goes by the status.
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import TYPE_CHECKING, Final, TypedDict, cast

from attrs import field, frozen

from viber_async import errors
from viber_async._sansio import wire_json
from viber_async._sansio.call import Kind, Unreadable
from viber_async._sansio.privacy import safe_text, shown, without

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from cattrs import Converter

    from viber_async._sansio.call import Call, T

    Sayer = Callable[[object, int], str]

EVIDENCE: Final = 2000
"""Characters of a body that an error keeps."""
SHORT: Final = 300
"""Characters of the provider's sentence that an error's text repeats."""
KEPT_HEADERS: Final = ("content-type", "date", "retry-after", "x-request-id", "request-id")

FOR_EVER: Final = 1e12
"""Seconds; what a larger number in a ``Retry-After`` is taken for, so that all of them are finite."""
PER_SECOND_CODE: Final = 2020202020

_IMF_DATE: Final = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", re.ASCII)
_QUOTED: Final = re.compile(r"""(['"]).*\1""", re.DOTALL)
ASKING_FOR_MORE: Final = (401, PER_SECOND_CODE)
"""Codes that are answered by sending again, creates included: not believed where the status leaves open whether the
work was done."""
LEFT_OPEN: Final = (408, 409)
"""Of the statuses that say no, those that do not say whether the work was done; all of 3xx and 5xx are like that."""

_OAUTH_WORD: Final = re.compile(r"[a-z_]{1,40}")

BY_CODE: Final[dict[int, type[errors.ApiError]]] = {
    PER_SECOND_CODE: errors.RateLimitError,  # more than ten requests in a second (A)
    401: errors.AuthenticationError,  # {"message": "Unauthorized!", "error_code": 401} (C)
    800: errors.PermissionDeniedError,  # operation not allowed (B)
    213: errors.NotFoundError,  # mailing list
    703: errors.NotFoundError,  # mailing list
    602: errors.NotFoundError,  # campaign
    802: errors.NotFoundError,  # campaign
    704: errors.NotFoundError,  # sender
    901: errors.NotFoundError,  # sender
    1003: errors.NotFoundError,  # sender
    707: errors.QuotaError,  # balance exhausted
    708: errors.QuotaError,  # more recipients than the plan allows
    791: errors.QuotaError,  # campaigns per hour
    799: errors.BadRequestError,  # date malformed or past
    422: errors.BadRequestError,  # validation
}
BY_STATUS: Final[dict[int, type[errors.ApiError]]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    422: errors.BadRequestError,
    429: errors.RateLimitError,
}
TOKEN_BY_STATUS: Final[dict[int, type[errors.ApiError]]] = {
    400: errors.AuthenticationError,  # OAuth answers a wrong secret with 400 or 401 {"error": "invalid_client"}
    404: errors.ApiError,  # nothing of the account's is missing: the address is wrong
}
ADVICE: Final[dict[type[errors.ApiError], str]] = {
    errors.AuthenticationError: "check the credentials and that they have not been revoked",
    errors.PermissionDeniedError: "check the account's plan, role, state and list of allowed addresses",
    errors.NotFoundError: "check the id; if every call ends like this, check base_url",
    errors.RateLimitError: "something else is using this account's allowance; share one limit, or wait",
    errors.QuotaError: "top up the account or wait for the quota to renew",
    errors.ServerError: "the provider failed; try later",
}
ADVICE_BY_CODE: Final = {
    704: "check the sender's id, or wait until it is verified; senders.list() shows which are",
}
"""Where a code says more than its class does."""


@frozen(kw_only=True)
class Answer:
    """What came back, read to its end."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = field(repr=False)
    secret: str = field(default="", repr=False)
    """What the request proved itself with; a server that echoes it must not make it part of an error."""

    @property
    def is_success(self) -> bool:
        """As far as the status says."""
        return 200 <= self.status < 300

    @property
    def request_id(self) -> str | None:
        return self.headers.get("x-request-id") or self.headers.get("request-id")


class _Evidence(TypedDict):
    """What every error of an answer keeps."""

    status: int
    body: str
    method: str
    path: str
    headers: dict[str, str]


@frozen
class _Envelope:
    """The parts of an error body that any of the styles may hold."""

    code: int | None
    sentence: str
    fields: Mapping[str, tuple[str, ...]]


def read(call: Call[T], answer: Answer, *, converter: Converter, now: datetime) -> T:
    """Give what *call* asked for, or raise the error that *answer* means.

    *now* is the wall clock, used only for a ``Retry-After`` date in an answer that has no ``Date``.
    """
    try:
        parsed = None if call.empty_is_none and not answer.body else _parsed(answer)
        if call.kind is Kind.CREATE:
            _refuse_yes_and_no(answer, parsed)
        raise_if_error(call, answer, parsed, now=now)
        return call.read(converter, parsed)
    except Unreadable as why:
        raise unreadable(call, answer, why) from None


def _parsed(answer: Answer) -> object:
    """Success must be JSON; of a failure the status says enough."""
    if answer.is_success:
        return wire_json.loads(answer.body)
    try:
        return wire_json.loads(answer.body)
    except Unreadable:
        return None


def raise_if_error(call: Call[T], answer: Answer, parsed: object, *, now: datetime) -> None:
    """Raise what the envelope or the status says, if it says no."""
    said = wire_json.as_object(parsed)
    if not answer.is_success or (said is not None and _says_no(said)):
        envelope = _envelope(said or {}, _sayer(call, answer))
        raise _error(call, answer, envelope, asked=retry_after(answer.headers, now=now))


def _says_no(said: Mapping[str, object]) -> bool:
    """Tell whether an answer says so itself, whatever its status is."""
    return (
        said.get("result") is False
        or said.get("success") is False
        or said.get("is_error") is True
        or _code(said.get("error_code")) is not None
        or ("error" in said and "error_description" in said)
    )


def _refuse_yes_and_no(answer: Answer, parsed: object) -> None:
    """Raise if an answer says that something was created, and that it was not: that is no clear no."""
    said = wire_json.as_object(parsed) or {}
    made = wire_json.as_object(said.get("data")) or {}
    yes = said.get("result") is True or bool(made.get("task_id"))
    if yes and (_says_no(said) or not answer.is_success):
        raise Unreadable("", "it says yes and no at once")


def _sayer(call: Call[T], answer: Answer) -> Sayer:
    """Give the function that makes the provider's words fit to be shown; of a token call hardly any are."""

    def say(words: object, limit: int) -> str:
        text = words if isinstance(words, str) else shown(words)
        if call.kind is Kind.TOKEN:
            return text if _OAUTH_WORD.fullmatch(text) else ""
        return safe_text(without(answer.secret, text), limit)

    return say


def _envelope(said: Mapping[str, object], say: Sayer) -> _Envelope:
    fields = wire_json.as_object(said.get("errors"))
    return _Envelope(
        code=_code(said.get("error_code")),
        sentence=_sentence(said, say),
        fields={} if fields is None else _by_field(fields, say),
    )


def _code(value: object) -> int | None:
    """Read an ``error_code``; 0 is none."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 19:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value else None


def _sentence(parsed: Mapping[str, object], say: Sayer) -> str:
    for key in ("message", "error_description", "error"):
        if isinstance(said := parsed.get(key), str) and (shown := say(said, 500)):
            return shown
    return ""


def _by_field(fields: Mapping[str, object], say: Sayer) -> Mapping[str, tuple[str, ...]]:
    """Read ``errors`` as a map from field to one message or several (B), bounded."""
    return {
        say(name, 60): tuple(say(said, SHORT) for said in _some(value)) for name, value in islice(fields.items(), 20)
    }


def _some(value: object) -> list[object]:
    return cast("list[object]", value)[:5] if isinstance(value, list) else [value]


def _error(call: Call[T], answer: Answer, envelope: _Envelope, *, asked: float | None) -> errors.ApiError:
    kind, say = _kind(call, answer.status, envelope.code), _sayer(call, answer)
    code = "" if envelope.code is None else f" (error_code {envelope.code})"
    advice = ADVICE_BY_CODE.get(envelope.code or 0, ADVICE.get(kind))
    said = envelope.sentence or "; ".join(f"{k}: {', '.join(v)}" for k, v in envelope.fields.items())
    parts = [
        f"{call.what} was answered {answer.status}{code}",
        ", and says that it failed" if answer.status < 300 and not said else "",
        f": {safe_text(said, SHORT)}" if said else "",
        f". Redirects are not followed; was base_url meant to be {_target(answer, say)}?"
        if _is_redirect(answer)
        else "",
        f". It asked to wait {asked:g} s" if asked else "",
        f". To do: {advice}" if advice and not _is_left_open(call, kind) else "",
        ". To do: check base_url" if call.kind is Kind.TOKEN and answer.status == 404 else "",
    ]
    return kind(
        "".join(parts),
        detail=envelope.sentence,
        errors=envelope.fields,
        error_code=envelope.code,
        retry_after=asked,
        **_evidence(call, answer),
    )


def _kind(call: Call[T], status: int, code: int | None) -> type[errors.ApiError]:
    if code in BY_CODE and not (code in ASKING_FOR_MORE and _is_open(status)):
        return BY_CODE[code]
    if call.kind is Kind.TOKEN and status in TOKEN_BY_STATUS:
        return TOKEN_BY_STATUS[status]
    if status >= 500:
        return errors.ServerError
    return BY_STATUS.get(status, errors.ApiError)


def _is_open(status: int) -> bool:
    """Tell whether *status* leaves open whether the work was done."""
    return 300 <= status < 400 or status >= 500 or status in LEFT_OPEN


def _is_left_open(call: Call[T], kind: type[errors.ApiError]) -> bool:
    """A campaign that may have been created must not be followed by the advice to try again."""
    return call.kind is Kind.CREATE and kind is errors.ServerError


def _is_redirect(answer: Answer) -> bool:
    return 300 <= answer.status < 400


def _target(answer: Answer, say: Sayer) -> str:
    return say(answer.headers.get("location", ""), 200) or "another address"


def unreadable(call: Call[T], answer: Answer, why: Unreadable) -> errors.ApiError:
    """Give the error for a body that is not what it should be; *answer* holds its beginning at least."""
    said = f" at {why.where}: {why.why}" if why.where else f": {why.why}"
    said = _QUOTED.sub("…", said) if call.kind is Kind.TOKEN else without(answer.secret, said)
    useless_token = call.kind is Kind.TOKEN and why.where in ("access_token", "token_type")
    kind = errors.AuthenticationError if useless_token else errors.DecodeError
    return kind(
        f"{call.what} was answered {answer.status} with a body that cannot be read{said}",
        **_evidence(call, answer),
    )


def too_large(call: Call[T], answer: Answer) -> errors.ApiError:
    """Give the error for a body that went beyond the call's cap; *answer* holds its beginning.

    A token of that size is refused like any other that no header can carry.
    """
    no_token = call.kind is Kind.TOKEN and answer.is_success
    return (errors.AuthenticationError if no_token else errors.ResponseTooLargeError)(
        f"{call.what} was answered {answer.status} with more than {call.max_bytes} bytes; it was not read to its end",
        **_evidence(call, answer),
    )


def _evidence(call: Call[T], answer: Answer) -> _Evidence:
    """Give the bounded evidence that every error of an answer keeps; of a token call no body at all."""
    say = _sayer(call, answer)
    headers = {name: say(answer.headers.get(name, ""), 200) for name in KEPT_HEADERS}
    return {
        "status": answer.status,
        "body": say(answer.body[: 2 * EVIDENCE].decode(errors="replace"), EVIDENCE),
        "method": call.method,
        "path": call.shown_path,
        "headers": {name: said for name, said in headers.items() if said},
    }


def retry_after(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Give the seconds that a ``Retry-After`` header asks for, or None where it is absent or makes no sense.

    Seconds must be ASCII digits: ``float()`` would take "inf", "nan" and full-width digits as well. A date is
    measured from the same answer's ``Date``, so that a wrong clock on either side does not matter.
    """
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdecimal():
        return min(float(said), FOR_EVER) or None
    then, sent = _moment(said), _moment(headers.get("date", ""))
    if then is None:
        return None
    seconds = (then - (sent or now)).total_seconds()
    return seconds if seconds > 0 else None


def _moment(text: str) -> datetime | None:
    if not _IMF_DATE.fullmatch(text):  # RFC 9110; anything else would have to be guessed
        return None
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None


def is_certain_refusal(error: errors.ViberError) -> bool:
    """Tell whether *error* proves that a create was not carried out.

    What never left is certain, also where an answer was the reason: the one to the call for a token.
    Everything that is not a clear no may have been carried out: 3xx, 408, 409, 5xx, an unreadable answer, a cut.
    """
    if error.delivery is errors.Delivery.NOT_SENT:
        return True
    match error:
        case errors.DecodeError():
            return False
        case errors.RateLimitError():
            return True
        case errors.ApiError(status=status):
            return status == 200 or (400 <= status < 500 and status not in LEFT_OPEN)
        case _:
            return False
