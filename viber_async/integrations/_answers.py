"""What a service answers its own callers when the provider's API fails: one table, for every framework.

An answer says what is true and nothing more. Its sentences are written here; of the error it shows only what cannot
hold a token, a phone, a text or an address of the inside. And no status invites anybody to repeat what may have been
carried out: callers, proxies and meshes repeat 429, 502, 503 and 504 by themselves, so a campaign that may have been
created is none of these. Nothing here waits.
"""

from __future__ import annotations

import json
import logging
import math
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from attrs import frozen

from viber_async._sansio.outcome import CreateHandle
from viber_async._sansio.privacy import safe_text
from viber_async._sansio.words import counted, numbered, suiting
from viber_async.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    DeadlineExceededError,
    DuplicateCampaignError,
    KeyConflictError,
    LedgerError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    QueueFullError,
    QuotaError,
    RateLimitError,
    RequestTimeoutError,
    SessionClosedError,
    SyncInterruptedError,
    SyncRefusedError,
    TransportError,
    ValidationError,
    ViberError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeGuard

    from viber_async._sansio.reconcile import Reconciliation

logger: Final = logging.getLogger("viber_async")

MEDIA_TYPE: Final = "application/problem+json"
"""RFC 9457. It also tells the 202 of an unknown outcome from a success."""
SOON: Final = 1
"""Ours: seconds to wait where the provider named none; its allowance is counted by the second."""
LONGEST: Final = 86_400
"""Ours: seconds; nobody plans for more than a day."""
_FIELD: Final = re.compile(r"[a-z][a-z_]{0,40}(\.[a-z_]{1,40}|\[[0-9]{1,9}\]){0,3}")
"""Names of arguments and of their parts; what else stands in a ``field`` can be a path or somebody's own words."""


@frozen
class Kind:
    """What is answered to one kind of error."""

    status: int
    code: str
    """A short stable word, for programs."""
    detail: str
    """A sentence, for people."""


KINDS: Final[Mapping[type[ViberError], Kind]] = {
    # The caller
    ValidationError: Kind(422, "invalid", "A value breaks a rule. Nothing was sent."),
    BadRequestError: Kind(422, "refused", "The provider finds the request wrong. Nothing was carried out."),
    NotFoundError: Kind(404, "not_found", "The provider knows no such campaign, sender or mailing list."),
    KeyConflictError: Kind(409, "key_conflict", "The key was used before, for other content. Nothing was sent."),
    DuplicateCampaignError: Kind(409, "duplicate_campaign", "There is more than one campaign for this key."),
    SyncRefusedError: Kind(409, "sync_refused", "A guard refused the sync. Nothing was written."),
    # Nobody knows
    OutcomeUnknownError: Kind(
        202,
        "outcome_unknown",
        "The campaign may or may not have been created. Find out before you ask for it again.",
    ),
    # Too much at once
    RateLimitError: Kind(429, "rate_limited", "The account's allowance at the provider is used up. Try later."),
    QueueFullError: Kind(503, "busy", "Too many requests wait for their turn already. Nothing was sent. Try later."),
    # This service
    SessionClosedError: Kind(503, "closing", "The service is shutting down."),
    LedgerError: Kind(503, "ledger", "The service cannot keep its records now. Nothing was sent."),
    SyncInterruptedError: Kind(503, "sync_interrupted", "The sync stopped in the middle; the same one goes on."),
    # The provider, and this service's account with it: nothing that the caller did
    AuthenticationError: Kind(502, "provider_refuses_service", "The provider does not accept this service."),
    PermissionDeniedError: Kind(502, "provider_refuses_service", "The provider does not accept this service."),
    QuotaError: Kind(502, "quota", "This service's quota at the provider is used up."),
    ApiError: Kind(502, "provider_failed", "The provider failed, or gave an answer that cannot be used."),
    TransportError: Kind(502, "provider_unreachable", "The provider cannot be reached."),
    RequestTimeoutError: Kind(504, "provider_slow", "The provider did not answer in time."),
    DeadlineExceededError: Kind(504, "deadline", "It took longer than its deadline."),
}
"""The nearest class of an error decides. What is not here is the service's own mistake: it is raised, not answered."""
_NO_SENDER: Final = Kind(
    502,
    "sender_refused",
    "The provider refuses the sender that this service names: it is not verified, or not known. Nothing was sent.",
)
_NO_LIST: Final = Kind(422, "refused", "The provider knows no such mailing list. Nothing was sent.")
NAMED_INSIDE: Final[Mapping[int | None, Kind]] = {
    **dict.fromkeys((704, 901, 1003), _NO_SENDER),
    **dict.fromkeys((213, 703), _NO_LIST),
}
"""What is missing, by its code, where the request to the provider names it in its body: to the service's callers, whose
address was right, a 404 would be untrue. Without such a code, nothing is missing but the provider itself, where it was
looked for (``base_url``)."""
_ID: Final = re.compile(r"/[0-9•]+(/|$)")  # what a caller of session.request wrote may look like a phone
QUIET: Final = ("not_found", "invalid")
"""Words of answers that leave nothing to ask."""
MAYBE: Final = "The campaign may or may not have been created."


@frozen(kw_only=True)
class Answer:
    """A status, headers and a JSON body."""

    status: int
    headers: Mapping[str, str]
    body: Mapping[str, object]


def answer(error: ViberError, *, handles: bool) -> Answer | None:
    """Give what is answered for *error*; None where it is the service's own mistake, which the framework reports."""
    kind = _kind(error)
    if kind is None:
        return None
    wait = _wait(error)
    body: dict[str, object] = {
        "title": HTTPStatus(kind.status).phrase,
        "status": kind.status,
        "detail": _of_its_key(error) if _has_key(error) else kind.detail,
        "code": kind.code,
        "delivery": error.delivery.value,
        **_more(error, handles=handles),
    }
    retry = {} if wait is None else {"retry-after": str(wait)}
    return Answer(status=kind.status, headers={"cache-control": "no-store", **retry}, body=body)


def report(error: ViberError, given: Answer) -> None:
    """Write *error* to the log: with the reason that the answer does not show, and what leads to the campaign.

    That is a warning, since many servers show no less; what the answer tells whole is not.
    """
    tells_all = given.body["code"] in QUIET and ("errors" in given.body or not isinstance(error, ValidationError))
    level = logging.INFO if tells_all else logging.WARNING
    logger.log(level, "answered %d %s: %s%s", given.status, given.body["code"], error, _lead(error))


def _lead(error: ViberError) -> str:
    """Give what to look for a campaign by; its key is not known here, and may be a phone."""
    match error:
        case OutcomeUnknownError(handle=CreateHandle(marker=str() as marker) as handle):
            return f" (the campaign marked {marker}, of sender {handle.sender_id})"
        case OutcomeUnknownError(handle=CreateHandle() as handle):
            return f" (its handle: {json.dumps(handle.to_dict(), ensure_ascii=False)})"
        case _:
            return ""


def _kind(error: ViberError) -> Kind | None:
    if isinstance(error, NotFoundError) and error.method and not _ID.search(error.path):
        return NAMED_INSIDE.get(error.error_code, KINDS[ApiError])
    return next((KINDS[cls] for cls in type(error).__mro__ if cls in KINDS), None)


def _has_key(error: ViberError) -> TypeGuard[OutcomeUnknownError]:
    return isinstance(error, OutcomeUnknownError) and error.handle is not None and error.handle.marker is not None


def _of_its_key(error: OutcomeUnknownError) -> str:
    """Give what is known of a campaign that has a key: what was found, and what asking again does."""
    found = error.reconciliation
    if not error.looked_for:
        return f"{MAYBE} Ask again with the same key: that looks for it first."
    if found is None:
        return f"{MAYBE} Looking for it failed, and nothing was sent again. Ask again with the same key, later."
    at = "" if found.looked_at is None else f" at {found.looked_at:%H:%M} UTC"
    result = " and not found, which proves nothing"
    if found.candidates:
        ids = numbered([each.id for each in found.candidates], "campaign")
        result = f": probably it is {suiting(len(found.candidates), '', 'one of ')}{ids}, though nothing proves it"
    return f"{MAYBE} It was looked for{at}{result}. {_of_resending(error.resend_in)}."


def _of_resending(resend_in: float | None) -> str:
    if resend_in is None:
        return "It was not sent again"
    if resend_in == math.inf:
        return "It will not be sent again"
    return f"The same request may send it again in {counted(_seconds(resend_in), 'seconds')}"


def _wait(error: ViberError) -> int | None:
    """Give the seconds for ``Retry-After``."""
    match error:
        case RateLimitError(retry_after=float() | int() as asked):
            return _seconds(asked)
        case RateLimitError() | QueueFullError():
            return SOON
        case OutcomeUnknownError(resend_in=float() | int() as left) if left < math.inf:
            return _seconds(left)
        case OutcomeUnknownError(looked_for=True, __cause__=ViberError() as why):
            return _wait(why)
        case _:
            return None


def _seconds(wait: float) -> int:
    return min(max(math.ceil(wait), SOON), LONGEST)


def _more(error: ViberError, *, handles: bool) -> dict[str, object]:
    """Give what else is known, for programs."""
    match error:
        case ValidationError(field=field, rule=rule) if _FIELD.fullmatch(field):
            return {"errors": [{"field": field, "rule": safe_text(rule)}]}
        case BadRequestError(errors=errors) if fields := sorted(filter(_FIELD.fullmatch, errors)):
            return {"errors": [{"field": field} for field in fields]}
        case DuplicateCampaignError(task_ids=task_ids):
            return {"task_ids": list(task_ids)}
        case SyncRefusedError(reason=reason):
            return {"reason": reason}
        case OutcomeUnknownError(handle=handle, reconciliation=found):
            return _found(found) | ({"handle": handle.to_dict()} if handles and handle is not None else {})
        case _:
            return {}


def _found(found: Reconciliation | None) -> dict[str, object]:
    """Give what a search found: when it was, and ids alone."""
    if found is None:
        return {}
    said: dict[str, object] = {"verdict": found.verdict.value}
    if found.looked_at is not None:
        said["looked_at"] = found.looked_at.isoformat()
    if found.candidates:
        said["task_ids"] = [each.id for each in found.candidates]
    return said
