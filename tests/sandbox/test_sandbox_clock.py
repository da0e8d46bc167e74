"""The sandbox's time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from viber_async.sandbox import SandboxClock

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_a_frozen_clock_stands_still():
    """Nothing but `advance` moves it."""
    clock = SandboxClock(NOON, frozen=True)

    assert clock.now() == clock.now() == NOON


def test_a_clock_runs_on_its_own():
    """It starts with the real time, and does not go back."""
    clock = SandboxClock()
    first = clock.now()

    assert abs(first - datetime.now(UTC)) < timedelta(seconds=5)
    assert clock.now() >= first


@pytest.mark.parametrize("frozen", [True, False])
def test_time_is_moved_by_hand(frozen):
    """Seconds add up."""
    clock = SandboxClock(NOON, frozen=frozen)

    clock.advance(3600)
    clock.advance(0.5)

    assert timedelta(0) <= clock.now() - (NOON + timedelta(seconds=3600.5)) < timedelta(seconds=5)


def test_time_never_goes_back():
    """A negative step is refused."""
    with pytest.raises(ValueError, match="never goes back"):
        SandboxClock().advance(-1)


def test_a_start_needs_a_zone():
    """A naive time could mean anything."""
    with pytest.raises(ValueError, match="needs a zone"):
        SandboxClock(datetime(2026, 1, 31))  # noqa: DTZ001 - that is the point


def test_the_present_is_in_utc():
    """Whatever zone the start was in."""
    clock = SandboxClock(NOON.astimezone(timezone(timedelta(hours=2))), frozen=True)

    assert clock.now().tzinfo is UTC
    assert repr(clock) == "<SandboxClock 2026-01-31 12:00:00 UTC, frozen>"
