"""The table of repetitions: every row with every column, the pauses, and the budget."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from attrs.exceptions import FrozenInstanceError

from viber_async import errors
from viber_async._sansio.call import Kind
from viber_async._sansio.privacy import shown
from viber_async._sansio.retry import REPEATABLE, Failure, RepeatBudget, RetryPolicy, decide, failure
from viber_async.errors import ConfigurationError, Delivery

TABLE = """
kind            | NOT_SENT | THROTTLED | BROKEN | FINAL
read            | yes      | yes       | yes    | no
token           | yes      | yes       | yes    | no
blacklist write | yes      | yes       | yes    | no
create          | yes      | yes       | no     | no
other           | yes      | yes       | no     | no
"""
EXAMPLES = {
    Failure.NOT_SENT: errors.ConnectionFailedError(),
    Failure.THROTTLED: errors.RateLimitError(),
    Failure.BROKEN: errors.ServerError(status=502),
    Failure.FINAL: errors.BadRequestError(status=400),
}


def cells() -> list[tuple[Kind, Failure, bool]]:
    head, *rows = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines()]
    return [
        (Kind(kind), Failure[column], cell == "yes")
        for kind, *marks in rows
        for column, cell in zip(head[1:], marks, strict=True)
    ]


def asks(error: errors.ViberError, kind: Kind = Kind.READ, **changes) -> float | None:
    """Decide about *error* with plain values for what a test does not name."""
    given: dict[str, Any] = {
        "attempt": 1,
        "policy": RetryPolicy(),
        "budget": RepeatBudget(),
        "left": math.inf,
        "chance": 0.5,
    } | changes
    return decide(kind, error, **given)


@pytest.mark.parametrize(("kind", "column", "repeated"), cells())
def test_what_may_be_repeated_stands_in_the_table(kind, column, repeated):
    """The promise, cell by cell."""
    assert (column in REPEATABLE[kind]) is repeated
    assert (asks(EXAMPLES[column], kind) is not None) is repeated


def test_the_table_has_every_row_and_every_column():
    """A kind without a row would be an error in the middle of a failure."""
    assert {(kind, column) for kind, column, _ in cells()} == set(itertools.product(Kind, Failure))
    assert set(REPEATABLE) == set(Kind)


@pytest.mark.parametrize(
    ("error", "column"),
    [
        (errors.ConnectionFailedError(), Failure.NOT_SENT),
        (errors.ConnectionFailedError(permanent=True), Failure.FINAL),
        (errors.ConnectionFailedError(permanent=True, delivery=Delivery.UNKNOWN), Failure.FINAL),
        (errors.ConnectionFailedError(delivery=Delivery.UNKNOWN), Failure.BROKEN),
        (errors.RequestTimeoutError(delivery=Delivery.NOT_SENT), Failure.NOT_SENT),
        (errors.RequestTimeoutError(), Failure.BROKEN),
        (errors.TransportError(delivery=Delivery.NOT_SENT), Failure.NOT_SENT),
        (errors.TransportError(), Failure.BROKEN),
        (errors.TransportError(delivery=Delivery.ANSWERED), Failure.BROKEN),
        (errors.ProtocolError(), Failure.BROKEN),
        (errors.RateLimitError(status=429), Failure.THROTTLED),
        (errors.RateLimitError(status=200, error_code=2020202020), Failure.THROTTLED),
        (errors.ServerError(status=500), Failure.BROKEN),
        (errors.ServerError(status=503, retry_after=3.0), Failure.BROKEN),
        (errors.AuthenticationError(status=401), Failure.FINAL),
        (errors.PermissionDeniedError(status=403), Failure.FINAL),
        (errors.NotFoundError(status=404), Failure.FINAL),
        (errors.BadRequestError(status=400), Failure.FINAL),
        (errors.QuotaError(status=429, error_code=791), Failure.FINAL),
        (errors.QuotaError(status=503, error_code=707), Failure.FINAL),
        (errors.QuotaError(status=400, error_code=708), Failure.FINAL),
        (errors.ApiError(status=409), Failure.FINAL),
        (errors.DecodeError(status=200), Failure.FINAL),
        (errors.ResponseTooLargeError(status=200), Failure.FINAL),
        (errors.DeadlineExceededError(), Failure.FINAL),
        (errors.DeadlineExceededError(delivery=Delivery.NOT_SENT), Failure.FINAL),
        (errors.OutcomeUnknownError(), Failure.FINAL),
        (errors.DuplicateCampaignError(), Failure.FINAL),
        (errors.ValidationError(), Failure.FINAL),
        (errors.SessionClosedError(delivery=Delivery.NOT_SENT), Failure.FINAL),
        (errors.LedgerError(), Failure.FINAL),
        (errors.SyncInterruptedError(), Failure.FINAL),
        (errors.ViberError(delivery=Delivery.NOT_SENT), Failure.FINAL),
    ],
    ids=lambda value: f"{type(value).__name__}" if isinstance(value, errors.ViberError) else value.name,
)
def test_every_error_belongs_to_one_column(error, column):
    """What may help is repeated; what will be the same again is final, money and a wrong certificate included."""
    assert failure(error) is column


@pytest.mark.parametrize(
    ("retries", "attempt", "repeated"),
    [(0, 1, False), (1, 1, True), (1, 2, False), (2, 2, True), (2, 3, False), (100, 100, True), (100, 101, False)],
)
def test_there_are_as_many_repetitions_as_were_allowed(retries, attempt, repeated):
    """Zero turns every repetition off."""
    assert (
        asks(EXAMPLES[Failure.BROKEN], attempt=attempt, policy=RetryPolicy(retries=retries)) is not None
    ) is repeated


def test_three_attempts_are_the_default():
    """And these pauses."""
    assert RetryPolicy() == RetryPolicy(retries=2, base=0.1, throttle_base=1.0, cap=20.0, longest_retry_after=120.0)


@pytest.mark.parametrize(
    ("repetition", "chance", "seconds"),
    [
        (1, 0.0, 0.0),
        (1, 0.5, 0.05),
        (1, 1.0, 0.1),
        (2, 1.0, 0.2),
        (3, 1.0, 0.4),
        (8, 1.0, 12.8),
        (9, 1.0, 20.0),
        (9, 0.25, 5.0),
        (100, 1.0, 20.0),
    ],
)
def test_a_pause_doubles_and_is_drawn_between_nothing_and_its_bound(repetition, chance, seconds):
    """Full jitter, up to the cap."""
    assert RetryPolicy().pause(EXAMPLES[Failure.BROKEN], repetition, chance) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("repetition", "chance", "seconds"),
    [
        (1, 0.0, 0.5),
        (1, 0.5, 0.75),
        (1, 1.0, 1.0),
        (2, 0.0, 1.0),
        (2, 1.0, 2.0),
        (5, 1.0, 16.0),
        (6, 1.0, 20.0),
        (6, 0.0, 10.0),
    ],
)
def test_a_pause_after_429_is_drawn_from_the_upper_half(repetition, chance, seconds):
    """The provider's window is a second long: coming back at once cannot help."""
    assert RetryPolicy().pause(EXAMPLES[Failure.THROTTLED], repetition, chance) == pytest.approx(seconds)


def test_the_cap_holds_from_the_first_pause_on():
    """Even where the base is larger."""
    assert RetryPolicy(base=9.0, cap=2.0).pause(EXAMPLES[Failure.BROKEN], 1, 1.0) == 2.0


@pytest.mark.parametrize("kind", [errors.RateLimitError, errors.ServerError])
@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        (None, None),
        (0.01, None),
        (2.0, 2.0),
        (119.9, 119.9),
        (120.0, 120.0),
        (120.1, "no"),
        (1e9, "no"),
        (math.inf, "no"),
    ],
)
def test_retry_after_is_a_floor_and_has_a_ceiling(kind, asked, seconds):
    """Waited for up to two minutes; above that the error carries it. One below our own pause changes nothing."""
    error = kind(retry_after=asked)
    own = RetryPolicy().pause(kind(), 1, 1.0)

    assert RetryPolicy().pause(error, 1, 1.0) == (None if seconds == "no" else seconds or own)


def test_retry_after_does_not_grow_with_the_repetitions():
    """It is what was asked for."""
    assert RetryPolicy().pause(errors.RateLimitError(retry_after=3.0), 1, 0.0) == 3.0
    assert RetryPolicy().pause(errors.RateLimitError(retry_after=3.0), 3, 0.0) == 3.0


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [(None, 1.0), (0.2, 1.0), (1.0, 1.0), (1.5, 1.5), (120.0, 120.0), (121.0, 120.0), (math.inf, 120.0)],
)
def test_everybody_steps_back_at_least_for_a_second_and_at_most_for_two_minutes(asked, seconds):
    """Also when the call that was throttled gives up."""
    assert RetryPolicy().longest_pause(errors.RateLimitError(retry_after=asked)) == seconds


def test_a_shorter_base_lets_everybody_step_back_for_less():
    """Where nothing was asked for."""
    assert RetryPolicy(throttle_base=0.2).longest_pause(errors.RateLimitError()) == 0.2


def test_a_retry_after_that_is_too_long_is_not_repeated_and_costs_nothing():
    """The budget is for what is really repeated."""
    budget = RepeatBudget()

    assert [asks(errors.RateLimitError(retry_after=121.0), budget=budget) for _ in range(50)] == [None] * 50
    assert asks(errors.RateLimitError(), budget=budget) is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[
            (name, value)
            for name in ("base", "throttle_base", "cap", "longest_retry_after")
            for value in (0, 0.0, 3600, 3600.0)
        ],
        ("retries", 0),
        ("retries", 100),
    ],
)
def test_a_policy_takes_its_bounds(name, value):
    """Both ends are inclusive."""
    assert getattr(RetryPolicy(**{name: value}), name) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[
            (name, value)
            for name in ("base", "throttle_base", "cap", "longest_retry_after")
            for value in (-0.001, 3600.001, math.nan, math.inf, -math.inf, True, "1", None, 1j)
        ],
        *[("retries", value) for value in (-1, 101, 1.0, True, False, "2", None, math.nan)],
        pytest.param("retries", 10**5000, id="5001 digits"),
        pytest.param("cap", 10**5000, id="cap of 5001 digits"),
    ],
)
def test_a_policy_refuses_what_cannot_work(name, value):
    """By name and with the value, before anything is sent."""
    with pytest.raises(ConfigurationError, match=f"^RetryPolicy: {name} must be ") as caught:
        RetryPolicy(**{name: value})

    assert str(caught.value).endswith(f"; got {shown(value)}")


def test_a_policy_does_not_change():
    """Views of one session share it."""
    with pytest.raises(FrozenInstanceError):
        RetryPolicy().retries = 3


def test_a_total_outage_is_answered_with_ten_repetitions():
    """And then each call is sent once."""
    budget = RepeatBudget()

    assert [budget.spend() for _ in range(12)] == [True] * 10 + [False] * 2


@pytest.mark.parametrize(
    ("successes", "repetitions"), [(0, 0), (9, 0), (10, 1), (19, 1), (20, 2), (100, 10), (1000, 10)]
)
def test_ten_successes_pay_for_one_repetition(successes, repetitions):
    """Up to what a fresh session has."""
    budget = RepeatBudget()
    for _ in range(10):
        budget.spend()
    for _ in range(successes):
        budget.earn()

    assert [budget.spend() for _ in range(11)] == [True] * repetitions + [False] * (11 - repetitions)


def test_a_fresh_session_saves_nothing_up():
    """A thousand successes do not pay for a hundred repetitions."""
    budget = RepeatBudget()
    for _ in range(1000):
        budget.earn()

    assert sum(budget.spend() for _ in range(200)) == 10


def test_without_budget_nothing_is_repeated():
    """However well it would stand in the table."""
    budget = RepeatBudget()

    assert [asks(EXAMPLES[Failure.NOT_SENT], budget=budget) is not None for _ in range(11)] == [True] * 10 + [False]


@pytest.mark.parametrize(
    ("error", "changes"),
    [
        (EXAMPLES[Failure.FINAL], {}),
        (EXAMPLES[Failure.BROKEN], {"attempt": 3}),
        (EXAMPLES[Failure.BROKEN], {"kind": Kind.CREATE}),
    ],
)
def test_what_is_not_repeated_costs_nothing(error, changes):
    """Neither a final failure nor a last attempt nor a create."""
    budget = RepeatBudget()
    for _ in range(50):
        asks(error, budget=budget, **changes)

    assert sum(budget.spend() for _ in range(20)) == 10


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 0.05), (2, 0.1)])
def test_the_attempt_that_failed_is_the_number_of_its_repetition(attempt, seconds):
    """The first repetition follows the first attempt."""
    assert asks(EXAMPLES[Failure.BROKEN], attempt=attempt) == pytest.approx(seconds)


@pytest.mark.parametrize(("left", "pause"), [(0.06, 0.05), (0.05, None), (0.04, None), (-1.0, None)])
def test_a_pause_that_the_deadline_forbids_is_not_begun_and_costs_nothing(left, pause):
    """The budget is for repetitions that are made."""
    budget = RepeatBudget()
    asked = asks(errors.ServerError(status=503), left=left, budget=budget)
    spent = sum(budget.spend() for _ in range(20))

    assert asked == (None if pause is None else pytest.approx(pause))
    assert spent == (10 if pause is None else 9)


def test_a_throttled_attempt_costs_no_budget():
    """The shared pause holds it back; an outage it is not."""
    budget = RepeatBudget()
    for _ in range(50):
        assert asks(errors.RateLimitError(status=429), budget=budget) is not None

    assert budget.spend()
