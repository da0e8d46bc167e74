"""Ten requests in any rolling second, judged on arrival."""

from __future__ import annotations

import pytest

from viber_async.sandbox import SandboxRate


def judged(rate: SandboxRate, *moments: float) -> list[bool]:
    return [rate.arrive(moment) for moment in moments]


def test_the_eleventh_within_a_second_is_refused():
    """Even when it comes in the last moment of it."""
    rate = SandboxRate()

    assert judged(rate, *[0.0] * 10, 0.999999) == [True] * 10 + [False]


def test_the_second_rolls():
    """Ten at the end of one second and one at the start of the next are eleven in a second."""
    rate = SandboxRate()

    assert judged(rate, *[0.9] * 10, 1.1) == [True] * 10 + [False]


def test_a_second_later_there_is_room_again():
    """The window is half open: exactly one second apart is not within one second."""
    rate = SandboxRate()

    assert judged(rate, *[0.0] * 10, 1.0) == [True] * 11


def test_a_refused_request_counts_as_an_arrival():
    """Who hammers on stays refused."""
    rate = SandboxRate((1, 1.0))

    assert judged(rate, 0.0, 0.6, 1.2, 2.2) == [True, False, False, True]


def test_a_lifted_limit_refuses_nothing_and_still_measures():
    """The peak is the most that came in any rolling second."""
    rate = SandboxRate(None)

    assert all(judged(rate, *[0.5] * 20, 1.4, 1.5))
    assert (rate.peak, rate.refusals) == (21, 0)


def test_what_arrived_can_be_looked_up():
    """Arrivals, refusals and peak."""
    rate = SandboxRate((2, 0.5))
    judged(rate, 1.0, 1.1, 1.2)

    assert rate.arrivals == (1.0, 1.1, 1.2)
    assert (rate.refusals, rate.peak) == (1, 3)
    assert repr(rate) == "<SandboxRate limit=(2, 0.5) arrivals=3 peak=3 refusals=1>"


def test_forgetting_is_like_a_quiet_second():
    """The next request meets an empty window."""
    rate = SandboxRate((1, 1.0))
    judged(rate, 0.0, 0.0)

    rate.forget()

    assert (rate.arrivals, rate.refusals, rate.peak) == ((), 0, 0)
    assert rate.arrive(0.0)


@pytest.mark.parametrize("limit", [(0, 1.0), (10, 0.0), (10, -1.0)])
def test_a_limit_of_nothing_is_refused(limit):
    """It would refuse everything, or nothing."""
    with pytest.raises(ValueError, match="above zero"):
        SandboxRate(limit)
