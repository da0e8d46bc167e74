"""How the command ends: each exit code with what it means to whoever runs it at night. Pure.

One table for all commands. 2 is not, as elsewhere, a wrong command line: a job that only asks "is there anything to
do?" has to tell that from a typing mistake, so that is 64, as in BSD's sysexits.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from viber_async import (
    ApiError,
    ConnectionFailedError,
    DeadlineExceededError,
    OutcomeUnknownError,
    QueueFullError,
    RateLimitError,
    ServerError,
    SyncInterruptedError,
    SyncRefusedError,
    TransportError,
    UsageError,
    ViberError,
)


class Exit(IntEnum):
    """The exit codes."""

    IN_SYNC = 0
    MISTAKE = 1
    PENDING = 2
    PARTIAL = 3
    REFUSED = 4
    AGAIN = 5
    PERMANENT = 6
    UNKNOWN = 7
    USAGE = 64
    INTERRUPTED = 130
    UNREAD = 141


MEANINGS: Final = {
    Exit.IN_SYNC: "all is well: in sync, or done",
    Exit.MISTAKE: "it does not add up, or a mistake of ours",
    Exit.PENDING: "changes are pending; nothing was written",
    Exit.PARTIAL: "partial: something was refused by the provider, was not seen afterwards, or may have been missed",
    Exit.REFUSED: "a guard refused; nothing was written",
    Exit.AGAIN: "transient: run the same again, and it goes on",
    Exit.PERMANENT: "permanent: running it again will not help",
    Exit.UNKNOWN: "a campaign may or may not have been created: look for it (campaigns reconcile) before anything else",
    Exit.USAGE: "the command line, the environment or the form of the input is wrong; nothing was sent",
    Exit.INTERRUPTED: "interrupted by a signal: run the same again, and it goes on",
    Exit.UNREAD: "whoever read the output went away before its end",
}
HELP: Final = "Exit codes: " + "; ".join(f"**{int(code)}** {meaning}" for code, meaning in MEANINGS.items()) + "."
SEE: Final = "Exit codes: see `viber-async --help`."

ERRORS: Final[tuple[tuple[type[Exception], Exit], ...]] = (
    (OutcomeUnknownError, Exit.UNKNOWN),
    (SyncRefusedError, Exit.REFUSED),
    (SyncInterruptedError, Exit.AGAIN),
    (UsageError, Exit.USAGE),
    (RateLimitError, Exit.AGAIN),
    (ServerError, Exit.AGAIN),
    (ApiError, Exit.PERMANENT),
    (TransportError, Exit.AGAIN),
    (DeadlineExceededError, Exit.AGAIN),
    (QueueFullError, Exit.AGAIN),
    (ViberError, Exit.PERMANENT),
    (OSError, Exit.PERMANENT),
    (Exception, Exit.MISTAKE),
)
"""The first that fits counts."""


def exit_of(error: Exception) -> Exit:
    """Give the exit code of a command that *error* ended."""
    if isinstance(error, ConnectionFailedError) and error.permanent:
        return Exit.PERMANENT  # a certificate that does not fit fits no better a minute later
    if isinstance(error, SyncRefusedError) and isinstance(error.__cause__, FileNotFoundError):
        return Exit.USAGE  # the command line names what is not there
    return next(code for kind, code in ERRORS if isinstance(error, kind))


def exit_of_sync(*, converged: bool, refused: int) -> Exit:
    """Give the exit code of a sync that came to its end; of lines without a phone it says nothing."""
    return Exit.IN_SYNC if converged and not refused else Exit.PARTIAL


def exit_of_plan(*, changes: int) -> Exit:
    """Give the exit code of whatever only looks."""
    return Exit.PENDING if changes else Exit.IN_SYNC
