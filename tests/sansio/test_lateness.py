"""What is foretold of a process's lateness, from turns that it has had."""

from __future__ import annotations

import pytest

from viber_async._sansio.lateness import REMEMBERED, Lateness

MOST = 0.25


def after(came: list[float], went: list[float]) -> Lateness:
    """Give what is known after a first request, and after turns that were *came* late to, and requests that *went*."""
    lateness = Lateness(MOST)
    lateness.went(0.2)
    for late in came:
        lateness.came(late)
    for later in went:
        lateness.went(later)
    return lateness


def test_nothing_is_believed_of_a_process_that_has_hardly_begun() -> None:
    """It may be as late as anybody, until its second request has been seen."""
    lateness = Lateness(MOST)
    found = [lateness.told]
    for _ in range(2):
        lateness.came(0.0)
        lateness.went(0.0)
        found.append(lateness.told)

    assert found == [MOST, MOST, 0.0]


def test_a_process_that_has_done_nothing_keeps_nothing_from_others() -> None:
    """Those who come behind have been told all there is."""
    assert Lateness(MOST).excess == 0.0


@pytest.mark.parametrize(
    ("came", "went", "told"),
    [
        ([], [0.0], 0.0),
        ([], [0.03], 0.03),
        ([], [0.03, 0.01], 0.03),
        ([], [9.0, 0.01], MOST),
        ([], [0.04, *[0.01] * (REMEMBERED - 1)], 0.04),
        ([], [0.04, *[0.01] * REMEMBERED], 0.01),
        ([0.08], [0.01], 0.01),
        ([0.08, 0.0], [0.01], 0.01),
        ([0.0, 0.08, 0.0], [0.01], 0.01),
        ([0.0, 0.08, 0.0, 0.06], [0.01], 0.07),
        ([0.08, 0.06, 0.07], [0.01], 0.08),
        ([0.08, 0.06, *[0.02] * REMEMBERED], [0.01], 0.03),
        ([MOST, MOST], [0.01], MOST),
        ([0.26, 5.0, 5.0], [0.01], 0.01),
    ],
)
def test_accidents_that_cost_no_request_are_not_believed_at_once(
    came: list[float], went: list[float], told: float
) -> None:
    """What a request was late by is; a late coming only with a second one, and never one that no room would help."""
    assert after(came, went).told == pytest.approx(told)


def test_the_first_request_is_forgotten() -> None:
    """It paid for the connection, and for what is loaded when it is first used."""
    assert after([], [0.01]).told == 0.01
