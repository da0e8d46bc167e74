"""What has to add up, and what is said when it does not."""

from __future__ import annotations

import io

import pytest
from attrs import evolve

from viber_async.cli import demo
from viber_async.cli._demo_claims import Claim, claims_of
from viber_async.cli._show import PlainShow


def wrong(facts) -> list[str]:
    return [str(claim) for claim in claims_of(facts) if not claim.holds]


def test_a_sum_that_adds_up_says_so():
    """With its thousands set apart."""
    claim = Claim(((1_200, "lines"),), right=((1_000, "valid"), (200, "rejected")))

    assert claim.holds
    assert str(claim) == "1,200 lines = 1,000 valid + 200 rejected"


def test_a_sum_that_does_not_add_up_says_both_sides():
    """So that nobody has to add."""
    claim = Claim(((12, "lines"),), right=((10, "valid"), (1, "rejected")))

    assert not claim.holds
    assert str(claim) == "12 lines = 10 valid + 1 rejected: 12 against 11"


@pytest.mark.parametrize(("peak", "holds"), [(9, True), (10, True), (11, False)])
def test_a_bound_holds_up_to_its_edge(peak, holds):
    """Ten are allowed, eleven are not."""
    assert Claim(((peak, "arrived"),), right=((10, "allowed"),), at_most=True).holds is holds


def test_an_empty_sum_is_nothing():
    """A campaign without recipients has no states."""
    assert str(Claim(((0, "recipients"),), right=())) == "0 recipients = nothing"


def test_a_real_demo_adds_up(facts):
    """All of it."""
    assert wrong(facts) == []
    assert len(claims_of(facts)) == 20


def test_a_machine_that_stands_still_may_hold_up_an_allowance(facts):
    """What left in time is seen late, and may be one too many in its second; each that was refused was told so."""
    told = evolve(facts.wire.session, throttled=10)
    late = evolve(facts.wire, peak=20, refusals=10, stalls=1, session=told)

    assert wrong(evolve(facts, wire=late)) == []


@pytest.mark.parametrize(("stalls", "said"), [(0, ""), (1, "stood still 1 time, for 0.30 s"), (2, "2 times, for 0.30")])
def test_a_machine_that_stands_still_is_told_so(facts, stalls, said):
    """And nobody else."""
    file = io.StringIO()
    demo._show_wire(PlainShow(file), evolve(facts.wire, stalls=stalls, longest_stall=0.3))

    assert said in file.getvalue()
    assert ("stood still" in file.getvalue()) is (stalls > 0)


LIES = {
    "a line lost": (lambda f: {"reading": evolve(f.reading, lines=f.reading.lines - 1)}, "lines = "),
    "junk taken for a phone": (lambda f: {"reading": evolve(f.reading, rejects=f.reading.rejects[1:])}, "junk"),
    "counters": (lambda f: {"adding": evolve(f.adding, added=f.adding.added + 1)}, "different phones"),
    "a phone not logged": (lambda f: {"wire": evolve(f.wire, logged_phones=0)}, "sandbox's log"),
    "a row missing": (lambda f: {"walked": evolve(f.walked, phones=f.walked.phones[1:])}, "1 phones missing"),
    "a row too many": (lambda f: {"walked": evolve(f.walked, phones=(*f.walked.phones, "1"))}, "1 unknown"),
    "a doubtful walk": (
        lambda f: {"walked": evolve(f.walked, report=evolve(f.walked.report, doubts=("why",)))},
        "1 doubts",
    ),
    "a recipient missing": (
        lambda f: {"ended": evolve(f.ended, recipients=f.ended.recipients[1:])},
        "recipients = ",
    ),
    "a campaign without end": (lambda f: {"ended": evolve(f.ended, over=False)}, "0 seen to its end"),
    "no statistics": (
        lambda f: {"ended": evolve(f.ended, campaign=evolve(f.ended.campaign, statistics=None))},
        "which are missing",
    ),
    "a campaign not listed": (lambda f: {"listed": evolve(f.listed, ids=f.listed.ids[1:])}, "1 campaigns missing"),
    "a request unseen": (lambda f: {"wire": evolve(f.wire, arrived={})}, "requests sent"),
    "a request unanswered": (lambda f: {"wire": evolve(f.wire, answered=0)}, "0 answered"),
    "a burst": (lambda f: {"wire": evolve(f.wire, peak=11, stalls=0)}, "11 arrivals in the densest second <= 10"),
    "a refusal": (lambda f: {"wire": evolve(f.wire, refusals=3, stalls=0)}, "3 refused by the rate limit = 0"),
    "a refusal untold": (lambda f: {"wire": evolve(f.wire, refusals=f.wire.refusals + 1)}, "said too many = "),
    "more than a stall": (
        lambda f: {"wire": evolve(f.wire, peak=21, refusals=11, stalls=1)},
        "11 refused by the rate limit <= 10 held up",
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_found(facts, name):
    """And named."""
    change, said = LIES[name]

    assert any(said in each for each in wrong(evolve(facts, **change(facts))))
