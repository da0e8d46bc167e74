"""Whatever networks, providers, clocks and crashes do: what the client says is true, and no campaign is made twice.

The default run takes a few hundred seeds; ``nox -s simulation`` takes ten thousand. A seed that fails is named, and
``python -m tests.simulation SEED`` shows what happened in it.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from attrs import evolve

from tests.shell.ledger import MemoryLedger
from tests.simulation import process
from tests.simulation.checker import untruths
from tests.simulation.network import FAULTS
from tests.simulation.world import World, drawn, lived
from viber_async import LedgerRow, RateLimit, _once, _transport
from viber_async._sansio import answer, campaigns, retry
from viber_async._sansio import ledger as rules
from viber_async._sansio.call import Kind
from viber_async._sansio.ledger import Event, State

SEEDS = int(os.environ.get("VIBER_TEST_SEEDS", "200"))
FIRST = int(os.environ.get("VIBER_TEST_FIRST_SEED", "0"))
PARTS = 4


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    """Thousands of failures that are meant to be are not worth a line each."""
    logger = logging.getLogger("viber_async")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)


def failures_of(seeds: range) -> tuple[dict[int, list[str]], Counter[str]]:
    """Give what is untrue, by seed, and what was met on the way."""
    wrong, met = {}, Counter[str]()
    for seed in seeds:
        world = lived(drawn(seed))
        met.update(what_was_met(world))
        if found := untruths(world):
            wrong[seed] = found
    return wrong, met


def what_was_met(world: World) -> list[str]:
    creates = [each for each in world.sent if each.is_create]
    said = [type(each.error).__name__ if each.error else "value" for each in world.reports if each.over]
    return [
        *(each.fault for each in creates),
        *said,
        *(kept.row.state.name for kept in world.kept),
        *("sent again" for kept in world.kept if kept.row.doubted and kept.row.state is State.SENDING),
        *("died" for process in world.processes if process.dead),
        *("late" for each in creates if each.carried_out_at and each.carried_out_at > (each.left_at or 0) + 10),
        *("lost its marker" for each in world.provider.campaigns if each.marker and not each.keeps_marker),
    ]


@pytest.mark.timeout(7200)
@pytest.mark.fault("C01", "C02", "C04", "C05", "D01", "T01", "R08")
@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_untrue_is_said_and_nothing_is_created_twice(part: int) -> None:
    """Random faults, cancels, closes, crashes and clocks, seed by seed; the checker compares with the truth."""
    wrong, met = failures_of(range(FIRST + part, FIRST + SEEDS, PARTS))

    assert wrong == {}
    assert met["ACCEPTED"] > 0
    assert met["UNKNOWN"] > 0


def test_a_seed_replays_exactly() -> None:
    """To the last event; so that a failure can be looked at."""
    for seed in range(3, 12):
        assert lived(drawn(seed)).events == lived(drawn(seed)).events


def test_the_seeds_meet_everything_that_they_are_there_for() -> None:
    """Every fault of the network, every state of a row, deaths, delays, lost markers, second sendings."""
    missing = {*FAULTS, *(state.name for state in State), "sent again", "died", "late", "lost its marker"}
    missing |= {"CancelledError", "TimeoutError", "OutcomeUnknownError", "SessionClosedError", "KeyConflictError"}
    for seed in range(5000, 5400):
        missing -= set(what_was_met(lived(drawn(seed))))
        if not missing:
            return

    assert missing == set()


# The checker bites: each of these mistakes is found, in weather that provokes it.


def repeats_after_a_5xx(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(retry.REPEATABLE, Kind.CREATE, set(retry.Failure) - {retry.Failure.FINAL})


def takes_a_timeout_for_not_sent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_transport, "NEVER_SENT", (*_transport.NEVER_SENT, httpx.ReadTimeout))


def takes_a_409_for_a_no(patch: pytest.MonkeyPatch) -> None:
    honest = answer.is_certain_refusal
    patch.setattr(_once, "is_certain_refusal", lambda error: honest(error) or getattr(error, "status", 0) == 409)


def believes_any_echo(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "echo_doubt", lambda *_: (None, False))
    patch.setattr(campaigns, "echo_mismatch", lambda *_: None)


def ignores_the_fingerprint(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "fingerprint", lambda *_: "the same")


def sends_what_lapsed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "TABLE", {**rules.TABLE, (State.SENDING, Event.LAPSE): State.PREPARED})


def takes_unclear_for_not_sent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "TABLE", {**rules.TABLE, (State.SENDING, Event.UNCLEAR): State.PREPARED})


def forgets_the_settle_window(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "settles_in", lambda *_, **__: 0.0)


def forgets_what_left_when_cancelled(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_once, "may_leave", lambda _: False)


def overwrites_what_others_wrote(patch: pytest.MonkeyPatch) -> None:
    """No lease and no version keeps anybody from taking what another has in hand."""

    async def put(self: MemoryLedger, _: str, row: LedgerRow) -> bool:
        self.rows[row.key] = row
        return True

    patch.setattr(MemoryLedger, "put", put)


def sends_too_fast(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(process, "RATE", RateLimit(12))


CLEAR: tuple[str, ...] = ()
BROKEN: list[tuple[Callable[[pytest.MonkeyPatch], None], tuple[str, ...]]] = [
    (repeats_after_a_5xx, ("500",)),
    (takes_a_timeout_for_not_sent, ("lost",)),
    (takes_a_409_for_a_no, ("409",)),
    (believes_any_echo, ("another's answer",)),
    (ignores_the_fingerprint, CLEAR),
    (sends_what_lapsed, ("lost", "slow")),
    (takes_unclear_for_not_sent, ("cut after",)),
    (forgets_the_settle_window, ("cut after",)),
    (forgets_what_left_when_cancelled, CLEAR),
    (overwrites_what_others_wrote, CLEAR),
    (sends_too_fast, CLEAR),
]


@pytest.mark.parametrize(("broken", "faults"), BROKEN, ids=[broken.__name__ for broken, _ in BROKEN])
def test_the_checker_notices(
    broken: Callable[[pytest.MonkeyPatch], None], faults: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is untrue in the broken code is not untrue in the code as it is."""
    scenarios = (evolve(each, weather=evolve(each.weather, faults=faults)) for each in map(drawn, range(150)))
    with monkeypatch.context() as patch:
        broken(patch)
        noticed = next((each for each in scenarios if untruths(lived(each))), None)

    assert noticed is not None
    assert untruths(lived(noticed)) == []
