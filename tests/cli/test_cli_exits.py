"""Exit codes: one table from how it ended to what whoever runs it has to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import viber_async
from viber_async import ViberError, errors
from viber_async.cli._exits import ERRORS, HELP, MEANINGS, Exit, exit_of, exit_of_plan, exit_of_sync


def because(error: ViberError, cause: OSError) -> ViberError:
    """Give *error* with its cause."""
    error.__cause__ = cause
    return error


ENDED = [
    (errors.SyncRefusedError(reason="empty"), 4),
    (because(errors.SyncRefusedError(reason="unreadable"), FileNotFoundError()), 64),
    (because(errors.SyncRefusedError(reason="unreadable"), PermissionError()), 4),
    (errors.SyncInterruptedError(), 5),
    (errors.SyncError(), 6),
    (errors.UsageError(), 64),
    (errors.ValidationError(), 64),
    (errors.ConfigurationError(), 64),
    (errors.SessionClosedError(), 64),
    (errors.SessionLoopError(), 64),
    (errors.RateLimitError(), 5),
    (errors.ServerError(), 5),
    (errors.AuthenticationError(), 6),
    (errors.PermissionDeniedError(), 6),
    (errors.NotFoundError(), 6),
    (errors.BadRequestError(), 6),
    (errors.QuotaError(), 6),
    (errors.DecodeError(), 6),
    (errors.ResponseTooLargeError(), 6),
    (errors.ApiError(), 6),
    (errors.TransportError(), 5),
    (errors.ConnectionFailedError(), 5),
    (errors.ConnectionFailedError(permanent=True), 6),
    (errors.RequestTimeoutError(), 5),
    (errors.ProtocolError(), 5),
    (errors.DeadlineExceededError(), 5),
    (errors.QueueFullError(), 5),
    (errors.OutcomeUnknownError(), 7),
    (errors.DuplicateCampaignError(), 6),
    (errors.LedgerError(), 6),
    (errors.KeyConflictError(), 6),
    (errors.ViberError(), 6),
    (OSError(), 6),
    (LookupError(), 1),
]


@pytest.mark.parametrize(("error", "code"), ENDED, ids=lambda value: str(getattr(value, "permanent", "")) or None)
def test_an_error_has_its_exit_code(error, code):
    """By what has to be done about it."""

    assert exit_of(error) == code


def test_every_error_of_the_library_is_in_the_table():
    """Each by itself, and none is a mistake of ours."""
    known = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, ViberError)}

    assert {type(error) for error, _ in ENDED} >= known


def test_no_row_of_the_table_is_hidden_by_one_above():
    """The first that fits counts."""
    kinds = [kind for kind, _ in ERRORS]

    assert [k for i, k in enumerate(kinds) if any(issubclass(k, above) for above in kinds[:i])] == []


@pytest.mark.parametrize(("converged", "refused", "code"), [(True, 0, 0), (True, 1, 3), (False, 0, 3), (False, 2, 3)])
def test_a_sync_is_in_sync_or_partial(converged, refused, code):
    """A phone that the provider refuses is on no blacklist, whatever else converged."""

    assert exit_of_sync(converged=converged, refused=refused) == code


@pytest.mark.parametrize(("changes", "code"), [(0, 0), (1, 2)])
def test_who_only_looks_finds_changes_or_none(changes, code):
    """And that is no failure."""

    assert exit_of_plan(changes=changes) == code


def test_each_word_of_a_guard_is_explained_on_the_page():
    """And the page has no word that no guard says."""
    package = Path(viber_async.__file__).parent
    said = set(re.findall(r'reason="(\w+)"', "".join(path.read_text() for path in package.rglob("*.py"))))
    page = (package.parent / "docs" / "sync.md").read_text()
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", page, re.MULTILINE)

    assert said == {word for row in rows for word in re.findall(r"\w+", row)}


def test_each_code_is_explained_in_the_help_and_on_the_page():
    """With the same numbers."""
    page = Path(viber_async.__file__).parent.parent / "docs" / "command.md"
    on_page = {int(code) for code in re.findall(r"^\| (\d+) \|", page.read_text(), re.MULTILINE)}

    assert set(MEANINGS) == set(Exit) == on_page
    assert all(f"**{int(code)}** {meaning}" in HELP for code, meaning in MEANINGS.items())
