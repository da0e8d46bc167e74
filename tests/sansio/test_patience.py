"""How long a sync waits for a provider that is away."""

from __future__ import annotations

import pytest

from viber_async import errors
from viber_async._sansio.patience import LONGEST, Patience


def pauses(error: errors.ViberError) -> list[float]:
    patience, found = Patience(), []
    while (pause := patience.pause(error)) is not None:
        found.append(pause)
    return found


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.ServerError(status=503), [1, 3, 9, 27, 81, 120, 120, 120]),
        (errors.ConnectionFailedError(), [1, 3, 9, 27, 81, 120, 120, 120]),
        (errors.RequestTimeoutError(), [1, 3, 9, 27, 81, 120, 120, 120]),
        (errors.DeadlineExceededError(), [1, 3, 9, 27, 81, 120, 120, 120]),
        (errors.RateLimitError(status=429, retry_after=250), [250, 250]),
        (errors.RateLimitError(status=429, retry_after=LONGEST / 2), [300, 300]),
        (errors.RateLimitError(status=429, retry_after=LONGEST), [600]),
        (errors.RateLimitError(status=429, retry_after=LONGEST + 1), []),
        (errors.DecodeError(status=200), [1, 3]),
        (errors.AuthenticationError(status=401), [0]),
        (errors.ConnectionFailedError(permanent=True), []),
        (errors.PermissionDeniedError(status=403), []),
        (errors.BadRequestError(status=400), []),
        (errors.SessionClosedError(), []),
    ],
)
def test_pauses_grow_and_end(error: errors.ViberError, expected: list[float]) -> None:
    """Ten minutes at the most; what cannot get better by itself is not waited for."""

    assert pauses(error) == expected
    assert sum(expected) <= LONGEST


@pytest.mark.parametrize(
    ("errors_before", "error", "said"),
    [
        (0, errors.RateLimitError(status=429, retry_after=3600), "wants to be left alone for 3600 seconds"),
        (2, errors.RateLimitError(status=429, retry_after=250), "wants to be left alone for 250 seconds"),
        (2, errors.RateLimitError(status=429, retry_after=100), "was away for 10 minutes"),
        (0, errors.ServerError(status=503), "was away for 10 minutes"),
        (0, errors.ConnectionFailedError(), "was away for 10 minutes"),
    ],
)
def test_what_used_up_the_patience_is_said(errors_before: int, error: errors.ViberError, said: str) -> None:
    """A provider that names an hour was not away for ten minutes: nobody asked it again."""
    patience = Patience()
    for _ in range(errors_before):
        patience.pause(errors.RateLimitError(status=429, retry_after=250))

    assert said in patience.why(error)


def test_it_has_waited_once_it_has_said_to() -> None:
    """The first pause is a second."""
    patience = Patience()
    found = [patience.has_waited]
    patience.pause(errors.ServerError(status=503))

    assert [*found, patience.has_waited] == [False, True]
