"""What a session makes of refusals and of a queue that is full, in virtual time."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import httpx
import pytest

from tests.shell.clock import in_virtual_time
from tests.shell.ledger import MemoryLedger
from tests.shell.provider import THROTTLED, no, ok
from tests.shell.sessions import session_over
from viber_async import (
    CampaignDraft,
    Delivery,
    OutcomeUnknownError,
    PacedLimiter,
    QueueFullError,
    RateLimit,
    RateLimitError,
    ServerError,
    ViberError,
)

SENDERS = ok([{"id": 1, "name": "s", "status": "verified"}])
DRAFT = CampaignDraft(sender_id=1, message_live_time=60, message="m", recipients=["380931111111"], task_name="t")


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.fault("R06")
@in_virtual_time
async def test_five_minutes_of_refusals_are_an_error_that_says_how_long() -> None:
    """The calls say so at once, or after their repeats, a create too; the provider is left alone meanwhile, and
    afterwards all is well."""

    def refuse(_: httpx.Request) -> httpx.Response:
        left = began + 300 - now()
        return SENDERS if left <= 0 else no(429, THROTTLED, retry_after=str(round(left)))

    session, provider = session_over(refuse, deadline=None)
    async with session:
        began = now()
        with pytest.raises(RateLimitError) as caught:
            await session.senders.list()
        assert (caught.value.retry_after, caught.value.delivery) == (300, Delivery.ANSWERED)
        assert now() == began

        with pytest.raises(RateLimitError) as caught:
            await session.campaigns.create(DRAFT)
        assert caught.value.retry_after == 180  # it had waited with everybody

        assert len(await session.senders.list()) == 1
        assert (len(provider.requests), session.statistics().rate.pauses) == (4, 3)


@pytest.mark.fault("R06")
@in_virtual_time
async def test_five_minutes_of_refusals_without_a_word_are_no_siege() -> None:
    """Callers without end send less and less: one request in two seconds in the end."""
    session, provider = session_over(no(429, THROTTLED), deadline=None)
    ended: list[str] = []

    async def caller() -> None:
        while now() < began + 300:
            try:
                await session.senders.list()
            except RateLimitError as error:
                ended.append(f"{error.retry_after} {error.delivery.name}")

    async with session:
        began = now()
        await asyncio.gather(*(caller() for _ in range(20)))

    assert set(ended) == {"None ANSWERED"}
    assert 60 <= sum(moment < began + 300 for moment in provider.times) <= 170


@pytest.mark.parametrize("refused", [no(429, THROTTLED), ok(THROTTLED)], ids=["429", "200 with the code"])
@pytest.mark.fault("R02", "R04")
@in_virtual_time
async def test_a_refusal_is_waited_for_by_everybody_and_halves_the_rate(refused: httpx.Response) -> None:
    """Half a second to one, without a Retry-After; then the refused one goes first."""
    session, provider = session_over(refused, SENDERS)
    async with session:
        await asyncio.gather(*(session.senders.list() for _ in range(8)))
        figures = session.statistics()

    first, *rest = provider.times
    assert 0.5 <= rest[0] - first <= 1.0
    assert (len(provider.times), figures.throttled, figures.rate.pauses) == (9, 1, 1)
    assert figures.rate.limit == RateLimit(10)
    assert 5 <= figures.rate.rate <= 6


@pytest.mark.fault("R02")
@in_virtual_time
async def test_without_a_word_from_the_provider_the_pauses_grow() -> None:
    """From half a second to one, to one to two, and so on."""
    session, provider = session_over(no(429, THROTTLED), no(429, THROTTLED), no(429, THROTTLED), SENDERS, retries=3)
    async with session:
        assert len(await session.senders.list()) == 1

    pauses = [later - earlier for earlier, later in itertools.pairwise(provider.times)]
    assert [low <= pause <= 2 * low for pause, low in zip(pauses, (0.5, 1, 2), strict=True)] == [True] * 3


@in_virtual_time
async def test_a_full_queue_is_said_at_once_and_never_repeated() -> None:
    """Nothing was sent, of a create as of a read; and the caller knows which lane was full."""
    session, provider = session_over(SENDERS, rate_limiter=PacedLimiter(RateLimit(1, per=10.0), queue=0))
    bulk = session.with_options(lane="bulk")
    async with session:
        await session.senders.list()
        began = now()
        found: list[ViberError] = []
        for call in (session.senders.list, bulk.senders.list, lambda: bulk.campaigns.create(DRAFT)):
            with pytest.raises(QueueFullError) as caught:
                await call()  # type: ignore[operator]
            found.append(caught.value)

    assert now() == began
    assert [(error.delivery, getattr(error, "lane", "")) for error in found] == [
        (Delivery.NOT_SENT, lane) for lane in ("interactive", "bulk", "bulk")
    ]
    assert (len(provider.requests), session.statistics().repeats) == (1, 0)
    assert session.statistics().rate.turned_away == 3


@pytest.mark.parametrize("failure", [no(503), httpx.ConnectError("x"), no(429, THROTTLED)], ids=repr)
@in_virtual_time
async def test_a_call_that_had_a_turn_is_not_turned_away_and_goes_first(failure: Any) -> None:
    """Its repeat belongs to a call that came before those who wait; and what failed is not hidden by a full queue."""
    paths: list[str] = []

    async def answer(request: httpx.Request) -> Any:
        paths.append(request.url.path[-1])
        if len(paths) == 1:
            await asyncio.sleep(0.3)
            return failure
        return ok({"id": int(paths[-1]), "name": "s"})

    limiter = PacedLimiter(RateLimit(1), queue=2)
    session, _ = session_over(answer, rate_limiter=limiter)
    async with session:
        first = asyncio.create_task(session.senders.get(1))
        await asyncio.sleep(0.1)
        others = [asyncio.create_task(session.senders.get(number)) for number in (2, 3)]
        await asyncio.gather(first, *others)

    assert paths == ["1", "1", "2", "3"]


@in_virtual_time
async def test_a_campaign_that_found_the_queue_full_may_be_tried_again_under_its_key() -> None:
    """It is not unknown: it never left, and the ledger knows."""
    created = ok({"result": True, "data": {"task_id": 7}})

    def answer(request: httpx.Request) -> httpx.Response:
        return created if request.method == "POST" else ok([])

    limiter = PacedLimiter(RateLimit(2, per=10.0), queue=0)
    session, provider = session_over(answer, rate_limiter=limiter, ledger=MemoryLedger())
    async with session:
        await asyncio.gather(session.senders.list(), session.senders.list())
        with pytest.raises(QueueFullError):
            await session.campaigns.create_once(DRAFT, key="k")
        await asyncio.sleep(20)
        campaign = await session.campaigns.create_once(DRAFT, key="k")

    assert (campaign.task_id, [request.method for request in provider.requests].count("POST")) == (7, 1)


@pytest.mark.fault("R05")
@in_virtual_time
async def test_a_server_that_fails_and_says_when_to_come_back_holds_up_that_call_alone() -> None:
    """It is no matter of the rate: others go on meanwhile, and the rate stays."""
    session, provider = session_over(no(503, retry_after="7"), SENDERS)
    async with session:
        waiting = asyncio.create_task(session.senders.list())
        await asyncio.sleep(1)
        await session.senders.list()
        await waiting
        figures = session.statistics().rate

    first, other, again = provider.times
    assert (other - first, again - first >= 7) == (1.0, True)
    assert (figures.rate, figures.pauses) == (10, 0)


@pytest.mark.fault("R05")
@in_virtual_time
async def test_a_create_that_a_failing_server_asks_to_repeat_is_not_repeated() -> None:
    """Whatever it asks for: it may have been done."""
    session, provider = session_over(no(503, THROTTLED, retry_after="1"))
    async with session:
        with pytest.raises(OutcomeUnknownError) as caught:
            await session.campaigns.create(DRAFT)

    assert isinstance(caught.value.__cause__, ServerError)
    assert (caught.value.delivery, len(provider.requests)) == (Delivery.ANSWERED, 1)


class Homemade:
    """A limiter of somebody's that has what the protocol always had, and no more."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    async def acquire(self, *, lane: object, endpoint: str, again: bool = False) -> Homemade:
        return self

    def sent(self) -> None: ...

    def end(self, *, answered: bool, untold: bool = False) -> None: ...

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def statistics(self) -> Any:
        return None


@in_virtual_time
async def test_a_limiter_of_somebody_elses_hears_of_each_refusal_once() -> None:
    """By `pause`, which is all that it needs to have."""
    limiter = Homemade()
    session, _ = session_over(no(429, THROTTLED, retry_after="3"), ok(THROTTLED), SENDERS, rate_limiter=limiter)
    async with session:
        assert len(await session.senders.list()) == 1

    assert limiter.pauses[0] == 3
    assert 1 <= limiter.pauses[1] <= 2
    assert len(limiter.pauses) == 2
