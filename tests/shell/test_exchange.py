"""One call to its end: attempts, deadline, cancellation, and a name for whatever goes wrong."""

from __future__ import annotations

import asyncio
import gc
import logging
import traceback
from collections.abc import Callable
from typing import Any

import attrs
import httpx
import pytest

from tests.shell.clock import in_virtual_time
from tests.shell.provider import THROTTLED, Pieces, Provider, no, ok
from tests.shell.sessions import CREDENTIALS, session_over
from viber_async import (
    Answer,
    ApiError,
    Attempt,
    AuthenticationError,
    CallNext,
    ConnectionFailedError,
    DeadlineExceededError,
    DecodeError,
    Delivery,
    NotFoundError,
    OutcomeUnknownError,
    PacedLimiter,
    ProtocolError,
    QuotaError,
    RateLimit,
    RateLimitError,
    RequestTimeoutError,
    ResponseTooLargeError,
    RetryPolicy,
    ServerError,
    SessionClosedError,
    SessionLoopError,
    Timeout,
    TransportError,
    UsageError,
    ValidationError,
    ViberError,
)

SENDERS = ok([{"id": 1, "name": "s", "status": "verified"}])
BROKEN = [no(500), no(503), httpx.ReadError("cut"), httpx.ReadTimeout("late"), httpx.RemoteProtocolError("hung up")]


def now() -> float:
    return asyncio.get_running_loop().time()


async def never() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("failure", [*BROKEN, httpx.ConnectError("x"), no(429, THROTTLED), ok(THROTTLED)], ids=repr)
@in_virtual_time
async def test_a_read_is_repeated_until_it_succeeds(failure: Any) -> None:
    """Whatever may pass by itself is tried again, twice."""
    session, provider = session_over(failure, failure, SENDERS)
    async with session:
        assert [s.id for s in await session.senders.list()] == [1]

    assert len(provider.requests) == 3
    assert session.statistics().repeats == 2


@pytest.mark.parametrize("failure", [*BROKEN, httpx.ConnectError("x"), no(429, THROTTLED)], ids=repr)
@in_virtual_time
async def test_without_retries_nothing_is_repeated(failure: Any) -> None:
    """retries=0 is honoured everywhere."""
    session, provider = session_over(failure, retries=0)
    async with session:
        with pytest.raises(ViberError):
            await session.senders.list()

    assert len(provider.requests) == 1


@pytest.mark.parametrize("code", [707, 708, 791])
@in_virtual_time
async def test_a_used_up_quota_is_never_repeated(code: int) -> None:
    """Not even where it comes as 429."""
    session, provider = session_over(no(429, {"message": "quota", "error_code": code}))
    async with session:
        with pytest.raises(QuotaError):
            await session.senders.list()

    assert len(provider.requests) == 1


@pytest.mark.fault("R01")
@in_virtual_time
async def test_a_throttled_call_waits_as_long_as_it_was_told() -> None:
    """Retry-After is a floor, and everybody who shares the limit waits for it (R01)."""
    session, provider = session_over(no(429, THROTTLED, retry_after="7"), SENDERS)
    async with session:
        await session.senders.list()

    assert provider.times[1] - provider.times[0] >= 7
    assert session.statistics().throttled == 1


@in_virtual_time
async def test_a_retry_after_beyond_reason_is_carried_by_the_error() -> None:
    """Nobody sleeps for an hour inside a call (R03)."""
    session, provider = session_over(no(429, THROTTLED, retry_after="3600"))
    async with session:
        began = now()
        with pytest.raises(RateLimitError) as caught:
            await session.senders.list()

    assert (caught.value.retry_after, len(provider.requests)) == (3600, 1)
    assert now() - began < 1


@in_virtual_time
async def test_everybody_steps_back_as_long_as_the_provider_asked_within_reason() -> None:
    """One call gives up on an hour; the others do not walk into the same refusal at once."""
    session, provider = session_over(no(429, THROTTLED, retry_after="3600"), SENDERS)
    async with session:
        with pytest.raises(RateLimitError):
            await session.senders.list()
        await session.with_options(deadline=None).senders.list()

    assert 115 < provider.times[1] - provider.times[0] < 125


@in_virtual_time
async def test_a_pause_that_would_pass_the_deadline_is_not_begun() -> None:
    """The deadline is a ceiling: the error comes now, not at the deadline."""
    session, _ = session_over(no(503, retry_after="30"), deadline=20.0)
    async with session:
        began = now()
        with pytest.raises(ServerError):
            await session.senders.list()

    assert now() - began < 1


@in_virtual_time
async def test_an_outage_is_not_answered_with_thrice_the_load() -> None:
    """The session's budget of repetitions is used up, and then each call is sent once."""
    session, provider = session_over(no(500))
    async with session:
        for _ in range(100):
            with pytest.raises(ServerError):
                await session.senders.list()

    assert len(provider.requests) <= 110


@in_virtual_time
async def test_a_refused_token_is_replaced_and_the_call_replayed_once() -> None:
    """401 once: one refresh, one replay (A06). 401 for ever: two sends, then the error (A07)."""
    once, healed = session_over(
        no(401, {"message": "Unauthorized!", "error_code": 401}), SENDERS, credentials=CREDENTIALS
    )
    async with once:
        await once.senders.list()
    ever, hopeless = session_over(no(401), credentials=CREDENTIALS)
    async with ever:
        with pytest.raises(AuthenticationError):
            await ever.senders.list()

    assert (len(healed.requests), healed.tokens) == (2, 2)
    assert [r.headers["authorization"] for r in healed.requests] == ["Bearer token-1", "Bearer token-2"]
    assert (len(hopeless.requests), hopeless.tokens) == (2, 2)


@pytest.mark.fault("A07")
@in_virtual_time
async def test_a_401_for_ever_that_comes_slowly_is_final_too() -> None:
    """Though by then the token before it was refused so long ago that another one could help."""

    async def slow(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(6)
        return no(401)

    session, provider = session_over(slow, credentials=CREDENTIALS)
    async with session:
        with pytest.raises(AuthenticationError):
            await session.senders.list()

    assert (len(provider.requests), provider.tokens) == (2, 2)


@pytest.mark.parametrize("settings", [{"retries": 0, "credentials": CREDENTIALS}, {}])
@in_virtual_time
async def test_a_401_is_final_where_a_replay_is_not_allowed_or_cannot_help(settings: dict[str, Any]) -> None:
    """Without repetitions, and with an API key."""
    session, provider = session_over(no(401), **settings)
    async with session:
        with pytest.raises(AuthenticationError):
            await session.senders.list()

    assert len(provider.requests) == 1


@in_virtual_time
async def test_fifty_calls_whose_token_is_revoked_cause_one_refresh() -> None:
    """Late refusals of the old token do not touch the new one (A08)."""

    def judge(request: httpx.Request) -> httpx.Response:
        return no(401) if request.headers["authorization"] == "Bearer token-1" else SENDERS

    session, provider = session_over(judge, credentials=CREDENTIALS)
    async with session:
        await asyncio.gather(*(session.senders.list() for _ in range(50)))

    assert provider.tokens == 2


@in_virtual_time
async def test_a_token_that_cannot_be_had_is_the_calls_own_failure() -> None:
    """Its cause is shown, and the call itself was never sent (A03)."""
    provider = Provider(SENDERS, token=no(500))
    session, _ = session_over(provider=provider, credentials=CREDENTIALS)
    async with session:
        with pytest.raises(ServerError) as caught:
            await session.senders.list()

    assert (caught.value.delivery, caught.value.path) == (Delivery.NOT_SENT, "/oauth/access_token")
    assert (provider.requests, provider.tokens) == ([], 3)


@in_virtual_time
async def test_the_deadline_ends_a_call_wherever_it_is() -> None:
    """On the wire: unknown. Waiting for its turn or its token: not sent."""
    on_wire, _ = session_over(lambda _: never(), deadline=5.0)
    in_queue, _ = session_over(SENDERS, deadline=5.0)
    at_token, _ = session_over(
        provider=Provider(SENDERS, token=lambda _: never()), credentials=CREDENTIALS, deadline=5.0
    )
    found = []
    for session in (on_wire, in_queue, at_token):
        async with session:
            if session is in_queue:
                await session.senders.list()
                session._parts._limiter.pause(100)
            began = now()
            with pytest.raises(DeadlineExceededError, match="deadline of 5 s") as caught:
                await session.senders.list()
            found.append((caught.value.delivery, round(now() - began)))

    assert found == [(Delivery.UNKNOWN, 5), (Delivery.NOT_SENT, 5), (Delivery.NOT_SENT, 5)]


@in_virtual_time
async def test_an_earlier_attempt_that_may_have_been_processed_is_not_forgotten() -> None:
    """A deadline that ends the second attempt's wait does not make the first one unsent."""
    session, _ = session_over(no(503), lambda _: never(), deadline=5.0)
    async with session:
        with pytest.raises(DeadlineExceededError) as caught:
            await session.request("PUT", "/x", idempotent=True)

    assert caught.value.delivery is Delivery.UNKNOWN


@in_virtual_time
async def test_without_a_deadline_a_call_may_take_for_ever() -> None:
    """deadline=None is taken at its word."""

    async def slow(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(100_000)
        return SENDERS

    session, _ = session_over(slow, deadline=None)
    async with session:
        assert len(await session.senders.list()) == 1


@in_virtual_time
async def test_a_timeout_error_of_somebody_else_is_not_taken_for_our_deadline() -> None:
    """A middleware that gives up by itself says so in its own words."""

    async def impatient(attempt: Attempt, call_next: CallNext) -> Answer:
        raise TimeoutError("mine")

    session, _ = session_over(SENDERS, middleware=[impatient])
    async with session:
        with pytest.raises(UsageError, match="mine") as caught:
            await session.senders.list()

    assert isinstance(caught.value.__cause__, TimeoutError)


@pytest.mark.fault("C01")
@in_virtual_time
async def test_a_caller_cancelled_before_sending_sends_nothing() -> None:
    """Waiting for its turn, a cancelled call goes away and leaves its turn to others."""
    session, provider = session_over(SENDERS)
    async with session:
        await session.senders.list()
        session._parts._limiter.pause(10)
        task = asyncio.create_task(session.senders.list())
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(30)

    assert len(provider.requests) == 1
    assert session.statistics().rate.waiting["interactive"] == 0


@pytest.mark.fault("C01")
@in_virtual_time
async def test_a_caller_cancelled_on_the_wire_leaves_the_exchange_whole() -> None:
    """Its request is answered and read to its end by nobody; nothing is cut, and nothing new is begun."""
    finished = []

    async def slow(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(1.9)
        finished.append(True)
        return no(500)

    session, provider = session_over(slow)
    async with session:
        task = asyncio.create_task(session.senders.list())
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(60)

    assert (finished, len(provider.requests)) == ([True], 1)


@pytest.mark.fault("C01")
@in_virtual_time
async def test_an_abandoned_call_is_not_replayed_with_a_new_token() -> None:
    """Nobody waits for it any more."""

    async def slow(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(5)
        return no(401)

    session, provider = session_over(slow, credentials=CREDENTIALS)
    async with session:
        task = asyncio.create_task(session.senders.list())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        await asyncio.sleep(60)

    assert len(provider.requests) == 1


@in_virtual_time
async def test_closing_the_session_ends_what_is_under_way_and_says_what_was_sent() -> None:
    """On the wire it is unknown, in the queue it is not sent."""
    session, _ = session_over(lambda _: never())
    on_wire = asyncio.create_task(session.senders.list())
    await asyncio.sleep(1)
    session._parts._limiter.pause(100)
    queued = asyncio.create_task(session.senders.list())
    await asyncio.sleep(1)
    await session.aclose()
    errors = await asyncio.gather(on_wire, queued, return_exceptions=True)

    assert [type(e) for e in errors] == [SessionClosedError] * 2
    assert [e.delivery for e in errors if isinstance(e, ViberError)] == [Delivery.UNKNOWN, Delivery.NOT_SENT]


@pytest.mark.fault("P03")
@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate", "x"])
@in_virtual_time
async def test_a_compressed_answer_is_refused_unread(encoding: str) -> None:
    """Identity was asked for (P03)."""
    body = Pieces(b"x" * 1000)

    def compressed(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-encoding": encoding}, stream=body)

    class Raw(Provider):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            self.requests.append(request)
            return compressed(request)

    session, provider = session_over(provider=Raw(SENDERS), retries=0)
    async with session:
        with pytest.raises(ProtocolError, match=encoding):
            await session.senders.list()

    assert body.closed
    assert provider.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.fault("P04")
@in_virtual_time
async def test_a_body_beyond_its_cap_is_not_read_to_its_end() -> None:
    """The connection is closed, the error keeps the beginning (P04)."""
    taken = []

    def piece() -> bytes:
        taken.append(1)
        return b"y" * 65536

    body = Pieces(*[piece] * 10_000)

    class Endless(Provider):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, stream=body)

    session, _ = session_over(provider=Endless(SENDERS))
    async with session:
        with pytest.raises(ResponseTooLargeError) as caught:
            await session.senders.list()

    assert len(taken) == 8 * 1024 * 1024 // 65536 + 1
    assert body.closed
    assert caught.value.body.startswith("yyy")


@pytest.mark.fault("N11")
@in_virtual_time
async def test_a_cut_body_is_an_unknown_delivery() -> None:
    """The head said yes, the rest never came (N11)."""

    class Cut(Provider):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, stream=Pieces(b"[", httpx.ReadError("cut")))

    session, _ = session_over(provider=Cut(SENDERS), retries=0)
    async with session:
        with pytest.raises(TransportError) as caught:
            await session.senders.list()

    assert caught.value.delivery is Delivery.UNKNOWN


@pytest.mark.fault("S02")
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (ok({"a": 1}), DecodeError),
        (no(200), DecodeError),
        (no(204), DecodeError),
        (no(404, {"message": "no", "error_code": 1003}), NotFoundError),
        (no(302, location="https://elsewhere.example"), ApiError),
    ],
)
@in_virtual_time
async def test_an_answer_that_says_no_is_an_error_and_final(answer: httpx.Response, error: type[ApiError]) -> None:
    """It was answered, so nothing is repeated; redirects are never followed (S02)."""
    session, provider = session_over(answer)
    async with session:
        with pytest.raises(error) as caught:
            await session.senders.list()

    assert (caught.value.delivery, len(provider.requests)) == (Delivery.ANSWERED, 1)


@pytest.mark.fault("S07")
@in_virtual_time
async def test_cookies_are_neither_kept_nor_sent() -> None:
    """The provider's session is not ours (S07)."""
    session, provider = session_over(httpx.Response(200, json=[], headers={"set-cookie": "a=b"}))
    async with session:
        for _ in range(2):
            await session.senders.list()

    assert all("cookie" not in r.headers for r in provider.requests)


@in_virtual_time
async def test_middleware_stands_around_every_attempt() -> None:
    """The first is outermost; it sees refusals as values and may add headers."""
    seen: list[Any] = []

    def recorder(name: str) -> Any:
        async def middleware(attempt: Attempt, call_next: CallNext) -> Answer:
            seen.append((name, attempt.method, attempt.path, attempt.number))
            answer = await call_next(attrs.evolve(attempt, headers={**attempt.headers, f"x-{name}": "1"}))
            seen.append((name, answer.status))
            return answer

        return middleware

    session, provider = session_over(no(503), SENDERS, middleware=[recorder("a"), recorder("b")])
    async with session:
        await session.senders.list()

    assert seen[:4] == [("a", "GET", "/viber/senders", 1), ("b", "GET", "/viber/senders", 1), ("b", 503), ("a", 503)]
    assert seen[4][3] == 2
    assert [r.headers["x-a"] + r.headers["x-b"] for r in provider.requests] == ["11", "11"]


@in_virtual_time
async def test_middleware_cannot_replace_what_is_ours() -> None:
    """The token and the encoding are set last."""

    async def meddler(attempt: Attempt, call_next: CallNext) -> Answer:
        return await call_next(attrs.evolve(attempt, headers={"Authorization": "x", "accept-encoding": "gzip"}))

    session, provider = session_over(SENDERS, middleware=[meddler])
    async with session:
        await session.senders.list()
    headers = provider.requests[0].headers

    assert headers.get_list("authorization") == ["Bearer key"]
    assert headers.get_list("accept-encoding") == ["identity"]


@in_virtual_time
async def test_an_error_keeps_no_frames_that_hold_secrets() -> None:
    """The locals of the inner frames hold requests, tokens and phones; the caller's own frames are enough (S15)."""
    session, _ = session_over(httpx.ReadError("cut"), retries=0, credentials=CREDENTIALS)
    async with session:
        with pytest.raises(TransportError) as caught:
            await session.senders.list()
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())

    assert "token-1" not in shown
    assert "httpx.Request" not in shown
    assert isinstance(caught.value.__cause__, httpx.ReadError)


@in_virtual_time
async def test_each_repetition_leaves_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever debugs at night sees what was repeated and why."""
    caplog.set_level(logging.DEBUG, "viber_async")
    session, _ = session_over(no(503), SENDERS)
    async with session:
        await session.senders.list()

    assert "repeating after" in caplog.text
    assert "GET /viber/senders: 200 (attempt 2)" in caplog.text


@in_virtual_time
async def test_pauses_are_drawn_and_bounded() -> None:
    """Full jitter under the policy's bound."""
    session, provider = session_over(*[no(500)] * 6, SENDERS, retries=RetryPolicy(retries=6, base=1.0, cap=4.0))
    async with session:
        await session.senders.list()
    gaps = [b - a for a, b in zip(provider.times, provider.times[1:], strict=False)]

    assert all(gap <= bound + 0.2 for gap, bound in zip(gaps, [1, 2, 4, 4, 4, 4], strict=True))


@in_virtual_time
async def test_timeouts_reach_the_transport_by_kind_of_call() -> None:
    """Creating a campaign waits longer for its answer: a short timeout manufactures unknown outcomes."""
    session, provider = session_over(SENDERS, ok({"result": False}), ok(1))
    async with session:
        await session.senders.list()
        with pytest.raises(ApiError):
            await session.campaigns.create(sender_id=1, message_live_time=60, message="m", recipients=["380931111111"])
        await session.with_options(timeout=3).request("GET", "/x")

    assert [r.extensions["timeout"]["read"] for r in provider.requests] == [30.0, 120.0, 3.0]


@in_virtual_time
async def test_a_timeout_of_the_network_is_named_as_one() -> None:
    """One attempt was too slow; the call as a whole was not."""
    session, _ = session_over(httpx.ReadTimeout("x"), retries=0)
    async with session:
        with pytest.raises(RequestTimeoutError):
            await session.senders.list()
        with pytest.raises(ViberError):
            await session.senders.list()


@pytest.mark.fault("N02")
@in_virtual_time
async def test_a_connection_that_cannot_be_had_was_not_sent() -> None:
    """After its repetitions, the error still says so (N02)."""
    session, provider = session_over(httpx.ConnectError("refused"))
    async with session:
        with pytest.raises(ConnectionFailedError) as caught:
            await session.senders.list()

    assert (caught.value.delivery, len(provider.requests)) == (Delivery.NOT_SENT, 3)


@in_virtual_time
async def test_nothing_is_left_behind_by_failures() -> None:
    """No task, no turn, no cycle that keeps an exchange alive."""
    session, _ = session_over(httpx.ReadError("x"), retries=0)
    async with session:
        for _ in range(5):
            with pytest.raises(TransportError):
                await session.senders.list()
        await asyncio.sleep(0)
        gc.collect()

        assert len(asyncio.all_tasks()) == 1
        assert session.statistics().in_flight == 0


@in_virtual_time
async def test_a_failure_before_sending_does_not_hide_an_attempt_that_may_have_worked() -> None:
    """Cut after sending, then refused: together they are unknown."""
    session, _ = session_over(httpx.ReadError("cut"), httpx.ConnectError("refused"))
    async with session:
        with pytest.raises(ConnectionFailedError) as caught:
            await session.blacklist.add(["380931111111"])

    assert caught.value.delivery is Delivery.UNKNOWN


@pytest.mark.parametrize("code", [401, 2020202020])
@in_virtual_time
async def test_a_create_is_not_sent_again_after_a_5xx_whatever_its_body_says(code: int) -> None:
    """It may have been processed (R05)."""
    session, provider = session_over(no(503, {"error_code": code}), credentials=CREDENTIALS)
    async with session:
        with pytest.raises(OutcomeUnknownError):
            await session.campaigns.create(sender_id=1, message_live_time=60, message="m", recipients=["380931111111"])

    assert len(provider.requests) == 1


CREATE = {"sender_id": 1, "message_live_time": 60, "message": "m", "recipients": ["380931111111"]}
CREATED = ok(
    {
        "result": True,
        "data": {"task_id": 7, "task_name": "t", "sender_id": 1, "message": "m", "message_live_time": "60"},
    }
)


@pytest.mark.fault("C14")
@in_virtual_time
async def test_a_middleware_that_fails_after_sending_leaves_the_outcome_unknown() -> None:
    """What it raised is the cause; the campaign may exist."""

    async def clumsy(attempt: Attempt, call_next: CallNext) -> Answer:
        await call_next(attempt)
        raise KeyError(attempt.path)

    session, _ = session_over(CREATED, middleware=[clumsy])
    async with session:
        with pytest.raises(OutcomeUnknownError) as caught:
            await session.campaigns.create(**CREATE)

    assert caught.value.handle is not None


@pytest.mark.fault("C14")
@in_virtual_time
async def test_a_middleware_that_never_comes_back_is_ended_by_the_deadline() -> None:
    """Before it has sent: not sent. After: answered, but a create whose answer it keeps is of unknown outcome."""

    async def before(attempt: Attempt, call_next: CallNext) -> Answer:
        await never()
        return await call_next(attempt)

    async def after(attempt: Attempt, call_next: CallNext) -> Answer:
        await call_next(attempt)
        await never()
        raise AssertionError

    found = []
    for stuck in (before, after):
        session, provider = session_over(CREATED, middleware=[stuck], deadline=5.0)
        async with session:
            with pytest.raises(DeadlineExceededError) as read:
                await session.senders.list()
            with pytest.raises((DeadlineExceededError, OutcomeUnknownError)) as create:
                await session.campaigns.create(**CREATE)
        found.append((read.value.delivery, type(create.value), create.value.delivery, len(provider.requests)))

    assert found == [
        (Delivery.NOT_SENT, DeadlineExceededError, Delivery.NOT_SENT, 0),
        (Delivery.ANSWERED, OutcomeUnknownError, Delivery.ANSWERED, 2),
    ]


@in_virtual_time
async def test_a_transport_that_raises_something_of_its_own_leaves_the_outcome_unknown() -> None:
    """Whatever its name, it came after the request had been handed over."""
    session, provider = session_over(RuntimeError("boom"))
    async with session:
        with pytest.raises(OutcomeUnknownError, match="RuntimeError"):
            await session.campaigns.create(**CREATE)

    assert len(provider.requests) == 1


@in_virtual_time
async def test_a_middleware_cannot_send_an_attempt_twice() -> None:
    """Repeating is decided in one place, by a table."""

    async def eager(attempt: Attempt, call_next: CallNext) -> Answer:
        await call_next(attempt)
        return await call_next(attempt)

    session, provider = session_over(CREATED, middleware=[eager])
    async with session:
        with pytest.raises(OutcomeUnknownError, match="twice"):
            await session.campaigns.create(**CREATE)

    assert len(provider.requests) == 1


@in_virtual_time
async def test_a_middleware_cannot_send_an_attempt_twice_at_once_either() -> None:
    """While both wait for a turn, neither has been sent."""

    async def hedging(attempt: Attempt, call_next: CallNext) -> Answer:
        first, _ = await asyncio.gather(call_next(attempt), call_next(attempt))
        return first

    session, provider = session_over(CREATED, middleware=[hedging])
    async with session:
        session._parts._limiter.pause(1)
        with pytest.raises(OutcomeUnknownError, match="twice"):
            await session.campaigns.create(**CREATE)
        await asyncio.sleep(5)

    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    "error",
    [ViberError("x"), ValidationError("x"), ConnectionFailedError("x"), RateLimitError("x"), QuotaError(status=200)],
    ids=repr,
)
@pytest.mark.fault("C14")
@in_virtual_time
async def test_an_error_of_ours_that_a_middleware_raises_says_nothing_of_what_was_sent(error: ViberError) -> None:
    """Not even that it never left, or was refused: on that it would be sent again."""

    async def clumsy(attempt: Attempt, call_next: CallNext) -> Answer:
        await call_next(attempt)
        raise error

    session, provider = session_over(CREATED, middleware=[clumsy])
    async with session:
        with pytest.raises(OutcomeUnknownError) as caught:
            await session.campaigns.create(**CREATE)

    assert len(provider.requests) == 1
    assert caught.value.delivery is Delivery.ANSWERED
    assert isinstance(caught.value.__cause__, UsageError)


@pytest.mark.fault("C14")
@in_virtual_time
async def test_an_answer_that_a_middleware_makes_up_for_a_create_that_failed_is_none() -> None:
    """A read may be answered from a cache; of a campaign nobody can know."""

    async def forgiving(attempt: Attempt, call_next: CallNext) -> Answer:
        try:
            return await call_next(attempt)
        except TransportError:
            return Answer(status=429 if attempt.method == "POST" else 200, headers={}, body=b"[]")

    session, provider = session_over(httpx.ReadError("cut"), middleware=[forgiving])
    async with session:
        with pytest.raises(OutcomeUnknownError, match="ReadError"):
            await session.campaigns.create(**CREATE)

        assert await session.senders.list() == ()

    assert len(provider.requests) == 2


async def asleep_through_a_cancel() -> None:
    """Do what `asyncio.wait_for` may do before Python 3.12, and a broad ``except`` in any."""
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        await asyncio.sleep(1)


async def deaf_middleware(attempt: Attempt, call_next: CallNext) -> Answer:
    await asleep_through_a_cancel()
    return await call_next(attempt)


class DeafLimiter(PacedLimiter):
    async def acquire(self, **how: Any) -> Any:
        await asleep_through_a_cancel()
        return await super().acquire(**how)


DEAF: dict[str, Callable[[], dict[str, Any]]] = {
    "a middleware": lambda: {"middleware": [deaf_middleware]},
    "a limiter": lambda: {"rate_limiter": DeafLimiter(RateLimit(10))},
}


@pytest.mark.parametrize("deaf", DEAF)
@pytest.mark.fault("C01", "C14")
@in_virtual_time
async def test_what_was_said_to_be_unsent_is_never_sent_although_somebody_swallows_the_cancel(deaf: str) -> None:
    """By then the caller has been told, and may have begun anew."""
    session, provider = session_over(CREATED, **DEAF[deaf]())
    async with session:
        task = asyncio.create_task(session.campaigns.create(**CREATE))  # type: ignore[var-annotated]
        await asyncio.sleep(5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await task
        with pytest.raises(DeadlineExceededError) as late:
            await session.with_options(deadline=5).campaigns.create(**CREATE)
        task = asyncio.create_task(session.campaigns.create(**CREATE))
        await asyncio.sleep(5)
        await session.aclose()
        with pytest.raises(SessionClosedError) as closed:
            await task
        await asyncio.sleep(50)

    assert provider.requests == []
    assert cancelled.value.__cause__ is None
    assert (late.value.delivery, closed.value.delivery) == (Delivery.NOT_SENT, Delivery.NOT_SENT)


@pytest.mark.fault("S05")
@pytest.mark.parametrize(
    "headers", [{"x": "a\r\nb"}, {"x y": "1"}, {"x": "ü"}, {"": "1"}, {"x": "y" * 5000}], ids=range(5)
)
@in_virtual_time
async def test_a_header_that_cannot_be_sent_is_refused_without_being_shown(headers: dict[str, str]) -> None:
    """Nothing has left yet."""

    async def adds(attempt: Attempt, call_next: CallNext) -> Answer:
        return await call_next(attrs.evolve(attempt, headers=headers))

    session, provider = session_over(CREATED, middleware=[adds])
    async with session:
        with pytest.raises(ValidationError, match="headers: a middleware"):
            await session.campaigns.create(**CREATE)

    assert provider.requests == []


@in_virtual_time
async def test_a_throttled_call_keeps_its_place_in_the_queue() -> None:
    """It had its turn, so it goes before those who have not (promise 3)."""
    session, _ = session_over(no(429, THROTTLED), SENDERS)
    order: list[int] = []

    async def caller(number: int) -> None:
        await session.senders.list()
        order.append(number)

    async with session:
        await asyncio.gather(*(caller(n) for n in range(40)))

    assert order.index(0) <= 10


@in_virtual_time
async def test_a_token_revoked_while_calls_queue_costs_each_of_them_nothing() -> None:
    """The token is looked at again when the turn has come, so the dead one is not sent by everybody."""
    revoked = False

    def judge(request: httpx.Request) -> httpx.Response:
        return no(401) if revoked and request.headers["authorization"] == "Bearer token-1" else SENDERS

    session, provider = session_over(judge, credentials=CREDENTIALS)
    async with session:
        calls = [asyncio.create_task(session.senders.list()) for _ in range(60)]
        await asyncio.sleep(1.5)
        revoked = True
        await asyncio.gather(*calls)

    assert provider.tokens == 2
    assert len(provider.requests) <= 64


@in_virtual_time
async def test_only_what_reached_the_network_counts_as_a_request() -> None:
    """Calls that were cancelled in the queue did not."""
    session, _ = session_over(SENDERS)
    async with session:
        await session.senders.list()
        session._parts._limiter.pause(100)
        queued = [asyncio.create_task(session.senders.list()) for _ in range(5)]
        await asyncio.sleep(1)
        for task in queued:
            task.cancel()
        await asyncio.wait(queued)

    assert session.statistics().requests == 1


@in_virtual_time
async def test_a_caller_that_went_away_does_not_hold_a_connection_for_long() -> None:
    """A read gets a second to end by itself; a create gets its deadline."""
    session, provider = session_over(lambda _: never(), max_connections=1)
    async with session:
        lost = asyncio.create_task(session.senders.list())
        await asyncio.sleep(0.1)
        lost.cancel()
        await asyncio.wait([lost])
        began = now()
        provider.replies = [SENDERS]
        await session.senders.list()
        read = now() - began
        provider.replies = [lambda _: never()]
        creating = asyncio.create_task(session.with_options(deadline=30.0).campaigns.create(**CREATE))
        await asyncio.sleep(0.1)
        creating.cancel()
        await asyncio.wait([creating])
        provider.replies = [SENDERS]
        began = now()
        await session.with_options(timeout=Timeout(pool=100.0)).senders.list()

    assert read == pytest.approx(1.0, abs=0.01)
    assert now() - began == pytest.approx(30.0, abs=0.2)


@in_virtual_time
async def test_all_connections_busy_for_too_long_is_a_timeout_before_sending() -> None:
    """The pool timeout holds where the places are."""
    session, _ = session_over(lambda _: never(), max_connections=1, retries=0)
    async with session:
        busy = asyncio.create_task(session.senders.list())
        await asyncio.sleep(1)
        began = now()
        with pytest.raises(RequestTimeoutError, match="no place") as caught:
            await session.with_options(timeout=Timeout(pool=3.0)).senders.list()
        busy.cancel()
        await asyncio.wait([busy])

    assert (caught.value.delivery, round(now() - began)) == (Delivery.NOT_SENT, 3)


class BrokenLimiter:
    """A limiter of somebody's whose store is away."""

    def __init__(self, where: str) -> None:
        self.where = where

    async def acquire(self, *, lane: object, endpoint: str, again: bool = False) -> BrokenLimiter:
        self._maybe("acquire")
        return self

    def sent(self) -> None:
        self._maybe("sent")

    def end(self, *, answered: bool, untold: bool = False) -> None:
        self._maybe("end")

    def pause(self, seconds: float) -> None:
        self._maybe("pause")

    def statistics(self) -> object:
        return None

    def _maybe(self, where: str) -> None:
        if where == self.where:
            raise OSError("away")


@pytest.mark.fault("C14")
@pytest.mark.parametrize("where", ["sent", "end"])
@in_virtual_time
async def test_a_limiter_that_fails_to_note_a_turn_does_not_cost_the_answer(
    where: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor the place: the next call finds one. It is logged."""
    session, _ = session_over(SENDERS, rate_limiter=BrokenLimiter(where), max_connections=1)
    async with session:
        for _ in range(3):
            assert len(await session.senders.list()) == 1

    assert "the rate limiter failed to note what happened" in caplog.text


@in_virtual_time
async def test_a_limiter_that_cannot_pause_does_not_hide_why_it_should(caplog: pytest.LogCaptureFixture) -> None:
    """The call is repeated as if it had."""
    session, provider = session_over(no(429, THROTTLED), SENDERS, rate_limiter=BrokenLimiter("pause"))
    async with session:
        assert len(await session.senders.list()) == 1

    assert len(provider.requests) == 2
    assert "the rate limiter failed to note what happened" in caplog.text


@in_virtual_time
async def test_a_refusal_that_comes_with_the_deadline_is_not_followed_by_another_try() -> None:
    """The answer arrives in the moment in which nothing may be ended; there is no time left for a replay."""

    async def late(request: httpx.Request) -> httpx.Response:
        trace = request.extensions["trace"]
        await trace("http11.response_closed.started", {"request": None})  # not a moment to be ended in
        await asyncio.sleep(5.2)
        return no(401)

    session, provider = session_over(late, SENDERS, credentials=CREDENTIALS, deadline=5.0)
    async with session:
        with pytest.raises(AuthenticationError):
            await session.senders.list()

    assert len(provider.requests) == 1


@in_virtual_time
async def test_a_limiter_that_gives_no_turn_means_that_nothing_was_sent() -> None:
    """By name."""
    session, provider = session_over(SENDERS, rate_limiter=BrokenLimiter("acquire"), retries=0)
    async with session:
        with pytest.raises(TransportError, match="rate limiter failed") as caught:
            await session.senders.list()

    assert (caught.value.delivery, provider.requests) == (Delivery.NOT_SENT, [])


@in_virtual_time
async def test_a_limiter_that_belongs_elsewhere_says_so_itself() -> None:
    """Our own errors pass as they are."""

    class Foreign(BrokenLimiter):
        async def acquire(self, *, lane: object, endpoint: str, again: bool = False) -> BrokenLimiter:
            raise SessionLoopError("elsewhere")

    session, _ = session_over(SENDERS, rate_limiter=Foreign(""))
    async with session:
        with pytest.raises(SessionLoopError):
            await session.senders.list()


@in_virtual_time
async def test_an_error_keeps_neither_the_whole_answer_nor_the_request() -> None:
    """Only what its own fields hold (S15)."""
    unreadable, _ = session_over(httpx.Response(200, content=b"[" + b"1," * 100_000))
    async with unreadable:
        with pytest.raises(DecodeError) as caught:
            await unreadable.senders.list()
    cut, _ = session_over(lambda request: httpx.ReadError("Bearer key was cut", request=request), retries=0)
    async with cut:
        with pytest.raises(TransportError) as cut_off:
            await cut.senders.list()

    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert len(caught.value.body) <= 2001
    assert getattr(cut_off.value.__cause__, "_request", None) is None
    assert "Bearer •••" in str(cut_off.value)
