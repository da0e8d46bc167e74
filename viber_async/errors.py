"""Every error that viber_async raises, as one tree.

ViberError                          .delivery: what became of the request
├── UsageError                      you: fix the call; nothing was sent
│   ├── ValidationError             also a ValueError
│   ├── ConfigurationError
│   ├── SessionClosedError
│   └── SessionLoopError
├── ApiError                        them: the provider answered, and said no
│   ├── AuthenticationError
│   ├── PermissionDeniedError
│   ├── NotFoundError
│   ├── BadRequestError
│   ├── RateLimitError
│   ├── QuotaError
│   ├── ServerError
│   └── DecodeError
│       └── ResponseTooLargeError
├── TransportError                  between: the network, or a peer that does not speak HTTP
│   ├── ConnectionFailedError
│   ├── RequestTimeoutError
│   └── ProtocolError
├── DeadlineExceededError           also a TimeoutError
├── QueueFullError                  too many wait for the rate limit already; nothing was sent
├── OutcomeUnknownError             a campaign that may or may not have been created
├── DuplicateCampaignError
├── LedgerError
│   └── KeyConflictError
└── SyncError
    ├── SyncRefusedError
    └── SyncInterruptedError

This file imports nothing of ours, but for type checkers. An error carries data, so that nobody has to parse its
text; every field has a default and lives in the instance's dict, which is what lets errors be pickled and copied.
Texts are made safe (phones masked, control characters escaped, length bounded) by whoever raises.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from viber_async._sansio.blacklist import BlacklistAdded, BlacklistRemoved
    from viber_async._sansio.outcome import CreateHandle
    from viber_async._sansio.reconcile import Reconciliation
    from viber_async._sansio.wanted import Rejected


class Delivery(enum.Enum):
    """What is known of a request that did not end well."""

    NOT_SENT = "not_sent"
    """It never left: repeating it cannot do anything twice."""
    UNKNOWN = "unknown"
    """It left, wholly or in part, and no answer came back: it may have been processed."""
    ANSWERED = "answered"
    """The provider received it and answered."""


class ViberError(Exception):
    """Whatever went wrong in viber_async; catch this to catch everything."""

    delivery: Delivery
    """What became of the request."""
    partial: BlacklistAdded | BlacklistRemoved | tuple[Reconciliation, ...] | None
    """What earlier requests of the same call had achieved before this one failed, as the call's own result
    type; None for calls of one request."""

    def __init__(self, message: str = "", *, delivery: Delivery = Delivery.NOT_SENT) -> None:
        super().__init__(message)
        self.delivery = delivery
        self.partial = None


class UsageError(ViberError):
    """The call was wrong: nothing was sent, and repeating it as it stands cannot help."""


class ValidationError(UsageError, ValueError):
    """A value breaks a rule of the provider's or of ours."""

    def __init__(self, message: str = "", *, field: str = "", rule: str = "", shown: str = "") -> None:
        super().__init__(message)
        self.field = field
        """The name of the argument or field that was refused, with an index where it is a list."""
        self.rule = rule
        """The rule that it breaks."""
        self.shown = shown
        """The value as it may be shown: shortened, phones masked."""


class ConfigurationError(UsageError):
    """The session's own settings cannot work."""


class SessionClosedError(UsageError):
    """The session was closed before the call, or during it; ``delivery`` says what had been sent."""


class SessionLoopError(UsageError):
    """The session belongs to another event loop or to another process."""


class ApiError(ViberError):
    """The provider answered, and the answer is not a success."""

    def __init__(  # noqa: PLR0913 - data, all by keyword
        self,
        message: str = "",
        *,
        status: int = 0,
        error_code: int | None = None,
        detail: str = "",
        body: str = "",
        method: str = "",
        path: str = "",
        headers: Mapping[str, str] | None = None,
        errors: Mapping[str, tuple[str, ...]] | None = None,
        retry_after: float | None = None,
        delivery: Delivery = Delivery.ANSWERED,
    ) -> None:
        super().__init__(message, delivery=delivery)
        self.status = status
        """The HTTP status."""
        self.error_code = error_code
        """The provider's own code (not an HTTP status, though some look like one), or None."""
        self.message = detail
        """The provider's sentence, bounded and with phones masked; "" where it gave none."""
        self.body = body
        """The beginning of the answer's body as text, bounded and with phones masked."""
        self.method = method
        self.path = path
        self.headers = dict(headers or {})
        """The few response headers that help: content type, date, request id, retry-after."""
        self.errors = dict(errors or {})
        """Field name to sentences, where the provider explains a refusal field by field."""
        self.retry_after = retry_after
        """Seconds that the provider asked to wait, or None."""


class AuthenticationError(ApiError):
    """The credentials or the token were refused (401, ``invalid_client``)."""


class PermissionDeniedError(ApiError):
    """The account may not do this: plan, role, state or IP list (403, code 800)."""


class NotFoundError(ApiError):
    """There is no such campaign, sender or mailing list."""


class BadRequestError(ApiError):
    """The provider found the request itself wrong (400, 422)."""


class RateLimitError(ApiError):
    """Too many requests, and waiting for the next turn was not enough (429, code 2020202020)."""


class QuotaError(ApiError):
    """Money or a plan's quota is used up (707, 708, 791); never repeated."""


class ServerError(ApiError):
    """The provider failed (5xx)."""


class DecodeError(ApiError):
    """An answer came and cannot be read as what it should be; ``body`` keeps how it began."""


class ResponseTooLargeError(DecodeError):
    """The answer is larger than any honest one, and was not read to its end."""


class TransportError(ViberError):
    """The network failed between here and the provider."""

    def __init__(self, message: str = "", *, delivery: Delivery = Delivery.UNKNOWN) -> None:
        super().__init__(message, delivery=delivery)


class ConnectionFailedError(TransportError):
    """No connection: name, refusal, TLS, proxy. Nothing was sent."""

    def __init__(self, message: str = "", *, permanent: bool = False, delivery: Delivery = Delivery.NOT_SENT) -> None:
        super().__init__(message, delivery=delivery)
        self.permanent = permanent
        """True where trying again cannot help: a certificate that does not fit."""


class RequestTimeoutError(TransportError):
    """One attempt took longer than its timeout."""


class ProtocolError(TransportError):
    """The peer does not speak HTTP as it should."""


class DeadlineExceededError(ViberError, TimeoutError):
    """The whole call, with its waits and repeats, took longer than its deadline."""


class QueueFullError(ViberError):
    """So many callers wait for the rate limit that this one was not let in: ask for less at once, or try later."""

    def __init__(
        self, message: str = "", *, lane: str = "", waiting: int = 0, delivery: Delivery = Delivery.NOT_SENT
    ) -> None:
        super().__init__(message, delivery=delivery)
        self.lane = lane
        """The lane that is full; the other one may have room."""
        self.waiting = waiting
        """How many wait in it."""


class OutcomeUnknownError(ViberError):
    """A campaign may or may not have been created: do not simply send it again.

    ``delivery`` is ANSWERED where the provider said something that is no clear yes or no, such as a 503. To find out,
    call ``campaigns.reconcile(error.handle)``, in this process or another.
    """

    def __init__(  # noqa: PLR0913 - data, all by keyword
        self,
        message: str = "",
        *,
        handle: CreateHandle | None = None,
        looked_for: bool = False,
        reconciliation: Reconciliation | None = None,
        resend_in: float | None = None,
        delivery: Delivery = Delivery.UNKNOWN,
    ) -> None:
        super().__init__(message, delivery=delivery)
        self.handle = handle
        """What is needed to look for the campaign later, in any process; holds no phones."""
        self.looked_for = looked_for
        """`create_once` sent nothing this time: it looked for what was sent before."""
        self.reconciliation = reconciliation
        """What that search found; None if there was none, or if it failed."""
        self.resend_in = resend_in
        """Seconds after which the same call may send it again; ``inf``: it never will; None: that cannot be said."""


class DuplicateCampaignError(ViberError):
    """More than one campaign carries the marker of one key."""

    def __init__(
        self,
        message: str = "",
        *,
        task_ids: tuple[int, ...] = (),
        delivery: Delivery = Delivery.ANSWERED,
    ) -> None:
        super().__init__(message, delivery=delivery)
        self.task_ids = task_ids


class LedgerError(ViberError):
    """The ledger cannot be trusted or written; nothing was sent."""


class KeyConflictError(LedgerError):
    """The key was used before, for other content."""


class SyncError(ViberError):
    """A blacklist sync did not finish."""


class SyncRefusedError(SyncError):
    """A guard said no; nothing was written.

    Where it is ``reason`` "rejects", ``rejects`` says which entries were no phones, each with its line.
    """

    def __init__(
        self,
        message: str = "",
        *,
        reason: str = "",
        rejects: tuple[Rejected, ...] = (),
        delivery: Delivery = Delivery.NOT_SENT,
    ) -> None:
        super().__init__(message, delivery=delivery)
        self.reason = reason
        """A short stable word for the guard that refused."""
        self.rejects = rejects
        """The first thousand entries without a phone that were read until then, whichever guard it was: each with its
        ``line`` (of an iterable, its place), its ``reason``, and what was ``shown`` there, masked."""


class SyncInterruptedError(SyncError):
    """The sync stopped in the middle and can be resumed."""

    def __init__(
        self, message: str = "", *, journal: str | None = None, delivery: Delivery = Delivery.NOT_SENT
    ) -> None:
        super().__init__(message, delivery=delivery)
        self.journal = journal
        """The journal that the next run needs in order to go on."""
