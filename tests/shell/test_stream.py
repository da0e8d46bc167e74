"""Recipients one by one, out of one endless body, in bounded memory."""

from __future__ import annotations

import asyncio
import gc
import json
import tracemalloc
import weakref
from contextlib import suppress
from typing import Any

import httpx
import pytest

from tests.shell.clock import VirtualTimeLoop, in_virtual_time
from tests.shell.provider import Pieces, Provider, no
from tests.shell.sessions import session_over
from viber_async import (
    Answer,
    ApiError,
    Attempt,
    CallNext,
    DeadlineExceededError,
    DecodeError,
    Delivery,
    NotFoundError,
    ServerError,
    SessionClosedError,
    SessionLoopError,
    TransportError,
    UsageError,
    ViberError,
    ViberSession,
)
from viber_async._stream import _drop

HEAD = b'{"task_id": 44, "recipients": ['


def row(phone: int) -> bytes:
    return json.dumps(
        {
            "phone": phone,
            "address_book_id": 850852,
            "status": "send",
            "send_date": "2017-06-23 08:54:01",
            "price": 0.74,
            "currency": "RUR",
            "last_update": "2017-06-23 08:53:38",
        }
    ).encode()


FIRST = 380931000000
ROWS = [HEAD, row(FIRST), b",", row(FIRST + 1), b",", row(FIRST + 2), b"]}"]


class Streaming(Provider):
    """Answers with bodies that come in pieces, one body a request."""

    def __init__(self, *bodies: Any) -> None:
        super().__init__()
        self.script = [b if isinstance(b, (Pieces, Exception, httpx.Response)) else Pieces(*b) for b in bodies]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        body = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(body, Exception):
            raise body
        return body if isinstance(body, httpx.Response) else httpx.Response(200, stream=body)


def streaming(*bodies: Any, **settings: Any) -> tuple[ViberSession, Streaming]:
    provider = Streaming(*bodies)
    session, _ = session_over(provider=provider, **settings)
    return session, provider


@in_virtual_time
async def test_rows_come_one_by_one() -> None:
    """However the network cut the body, each row is a Recipient."""
    session, provider = streaming(ROWS)
    async with session:
        rows = [r async for r in session.campaigns.iter_recipients(44)]

    assert [r.phone for r in rows] == [str(FIRST + i) for i in range(3)]
    assert provider.script[0].closed
    assert provider.requests[0].url.path == "/viber/task/44/recipients"


@in_virtual_time
async def test_rows_can_be_taken_before_the_body_has_ended() -> None:
    """The first row is there as soon as it has arrived."""
    more = asyncio.Event()

    async def wait() -> bytes:
        await more.wait()
        return b"]}"

    session, _ = streaming([HEAD, row(FIRST), wait])
    async with session:
        stream = session.campaigns.iter_recipients(44)
        first = await anext(stream)
        more.set()
        rest = [r async for r in stream]

    assert (first.phone, rest) == (str(FIRST), [])


@in_virtual_time
async def test_the_network_is_read_no_further_ahead_than_a_few_pieces() -> None:
    """A slow reader stops the reading, not the memory."""
    taken: list[int] = []

    def piece(number: int) -> Any:
        def give() -> bytes:
            taken.append(number)
            return row(FIRST + number) + b","

        return give

    session, _ = streaming([HEAD, *(piece(n) for n in range(100)), row(FIRST + 100), b"]}"], deadline=5.0)
    async with session:
        stream = session.campaigns.iter_recipients(44)
        await anext(stream)
        await asyncio.sleep(290)
        ahead = len(taken)
        rest = [r async for r in stream]

    assert ahead <= 8
    assert len(rest) == 100


@in_virtual_time
async def test_a_stream_that_is_forgotten_gives_its_connection_up() -> None:
    """After five minutes without a reader, and it says so if one comes back."""
    endless = Pieces(HEAD, *[row(FIRST) + b","] * 1000)
    session, _ = streaming(endless)
    async with session:
        stream = session.campaigns.iter_recipients(44)
        await anext(stream)
        await asyncio.sleep(301)

        assert (endless.closed, session.statistics().in_flight) == (True, 0)
        with pytest.raises(TransportError, match="not read for 300 s"):
            [r async for r in stream]


@in_virtual_time
async def test_a_reader_may_make_calls_meanwhile() -> None:
    """Streams have places of their own: with one connection for calls, a call inside the loop goes through."""

    class Both(Streaming):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path == "/viber/senders":
                return httpx.Response(200, json=[])
            return await super().handle_async_request(request)

    session, _ = session_over(provider=Both([HEAD, *[row(FIRST) + b","] * 50, row(FIRST), b"]}"]), max_connections=1)
    async with session:
        stream = session.campaigns.iter_recipients(44)
        await anext(stream)

        assert await session.senders.list() == ()
        await stream.aclose()


@in_virtual_time
async def test_the_deadline_counts_the_time_spent_on_the_network() -> None:
    """A body that drips is ended; a reader that takes its time is not (above)."""

    async def drip() -> bytes:
        await asyncio.sleep(2)
        return row(FIRST) + b","

    session, _ = streaming([HEAD, *[drip] * 100], deadline=5.0)
    async with session:
        stream = session.campaigns.iter_recipients(44)
        with pytest.raises(DeadlineExceededError):
            async for _ in stream:
                pass


@in_virtual_time
async def test_without_a_deadline_a_slow_reader_is_waited_for_too() -> None:
    """There is no clock to stop."""
    session, _ = streaming([HEAD, *[row(FIRST) + b","] * 20, row(FIRST), b"]}"], deadline=None)
    async with session:
        stream = session.campaigns.iter_recipients(44)
        await asyncio.sleep(1)
        rows = []
        async for r in stream:
            rows.append(r)
            await asyncio.sleep(1)

    assert len(rows) == 21


@in_virtual_time
async def test_before_the_first_piece_it_is_repeated_like_any_read() -> None:
    """A failure that handed nothing out is nothing that the reader has to know."""
    session, provider = streaming(httpx.ReadError("x"), no(503), [httpx.ReadError("x")], ROWS, retries=5)
    async with session:
        rows = [r async for r in session.campaigns.iter_recipients(44)]

    assert (len(rows), len(provider.requests)) == (3, 4)


@in_virtual_time
async def test_an_envelope_with_200_is_judged_and_repeated_like_any_answer() -> None:
    """Too many requests, said in a body where rows should be, handed nothing out (R04)."""
    throttled = [b'{"message": "slow', b' down", "error_code": 2020202020}']
    session, provider = streaming(throttled, ROWS)
    async with session:
        rows = [r async for r in session.campaigns.iter_recipients(44)]

    assert (len(rows), len(provider.requests)) == (3, 2)
    assert session.statistics().throttled == 1


@pytest.mark.fault("P04")
@in_virtual_time
async def test_a_large_body_without_rows_is_given_up_early() -> None:
    """What is no envelope and has no rows is not collected for ever (P04)."""
    session, _ = streaming([b"[" + b" " * 70_000, *[b" " * 70_000] * 1000])
    async with session:
        with pytest.raises(DecodeError):
            [r async for r in session.campaigns.iter_recipients(44)]


@pytest.mark.fault("N12")
@in_virtual_time
async def test_a_cut_in_the_middle_is_told_after_the_rows_before_it() -> None:
    """It cannot be repeated from there: rows were handed out (N12)."""
    session, provider = streaming([*ROWS[:3], httpx.ReadError("cut")])
    rows = []
    async with session:
        stream = session.campaigns.iter_recipients(44)
        with pytest.raises(TransportError) as caught:
            async for r in stream:
                rows.append(r)  # noqa: PERF401 - what came before the error counts
        after = [r async for r in stream]

    assert (len(rows), after, len(provider.requests)) == (1, [], 1)
    assert caught.value.delivery is Delivery.UNKNOWN


@pytest.mark.fault("N13", "P02", "P18")
@pytest.mark.parametrize(
    ("body", "error"),
    [
        ([b"<html>"], DecodeError),
        ([b'{"message": "no", "error_code": 802}'], NotFoundError),
        ([*ROWS[:-1]], DecodeError),
        ([b""], DecodeError),
        ([HEAD, b'{"phone": true}', b"]}"], DecodeError),
        (no(404, {"message": "no"}), NotFoundError),
        (no(204), DecodeError),
        (no(500), ServerError),
    ],
    ids=str,
)
@in_virtual_time
async def test_a_body_that_is_not_rows_gets_the_name_of_what_it_is(body: Any, error: type[ApiError]) -> None:
    """An error's envelope with 200, a page of HTML, a body cut short (P02, P18, N13)."""
    session, _ = streaming(body, retries=0)
    async with session:
        with pytest.raises(error) as caught:
            [r async for r in session.campaigns.iter_recipients(44)]
        await asyncio.sleep(1)

        assert len(asyncio.all_tasks()) == 1
    assert caught.value.path == "/viber/task/44/recipients"


@pytest.mark.fault("C06")
@in_virtual_time
async def test_a_stream_left_early_is_closed() -> None:
    """With aclose, twice, or async with; the connection is free, and there are no more rows."""
    endless = Pieces(HEAD, *[row(FIRST) + b","] * 1000)
    session, _ = streaming(endless)
    async with session:
        async with session.campaigns.iter_recipients(44) as stream:
            await anext(stream)
        await stream.aclose()
        rest = [r async for r in stream]

        assert (rest, endless.closed) == ([], True)
        assert session.statistics().in_flight == 0


@in_virtual_time
async def test_a_stream_that_was_never_read_opens_nothing() -> None:
    """No request, nothing to close."""
    session, provider = streaming(ROWS)
    async with session:
        stream = session.campaigns.iter_recipients(44)
        await stream.aclose()

    assert provider.requests == []


@pytest.mark.fault("C06")
@in_virtual_time
async def test_a_stream_that_is_dropped_is_closed_when_it_is_collected() -> None:
    """A loop that is broken out of leaves no reading behind."""
    endless = Pieces(HEAD, *[row(FIRST) + b","] * 1000)
    session, _ = streaming(endless)
    async with session:
        async for _ in session.campaigns.iter_recipients(44):
            break
        gc.collect()
        await asyncio.sleep(1)

        assert (endless.closed, len(asyncio.all_tasks())) == (True, 1)


@pytest.mark.parametrize(
    "body", [[HEAD, row(FIRST), httpx.ReadError("cut")], [b"<html>"], ROWS], ids=["cut", "no rows", "whole"]
)
@in_virtual_time
async def test_of_a_stream_that_is_over_nothing_is_kept(body: Any) -> None:
    """Whatever ended it, it is collected when nobody holds it."""
    session, _ = streaming(body, retries=0)
    async with session:
        stream = session.campaigns.iter_recipients(44)
        with suppress(ViberError):
            [_ async for _ in stream]
        gone = weakref.ref(stream)
        del stream
        await asyncio.sleep(1)
        gc.collect()

        assert gone() is None


def test_a_stream_that_outlives_its_loop_is_dropped_quietly() -> None:
    """Collected when the loop is gone, perhaps with its reading under way, it has nobody to tell."""
    told: list[bool] = []

    class Reading:
        def end(self) -> None:
            told.append(True)

    loop = asyncio.new_event_loop()
    loop.close()
    _drop(loop, Reading())  # type: ignore[arg-type]

    assert told == []


@in_virtual_time
async def test_cancelling_the_reader_loses_no_row() -> None:
    """The next one who asks gets the row that was being waited for."""

    async def late() -> bytes:
        await asyncio.sleep(10)
        return row(FIRST)

    session, _ = streaming([HEAD, late, b"]}"])
    async with session:
        stream = session.campaigns.iter_recipients(44)
        task = asyncio.create_task(anext(stream))  # type: ignore[arg-type]
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])

        assert [r.phone async for r in stream] == [str(FIRST)]


@pytest.mark.fault("C06")
@in_virtual_time
async def test_two_readers_at_once_are_told_so() -> None:
    """A row would go to one of them by chance."""
    session, _ = streaming([HEAD, lambda: asyncio.sleep(5), row(FIRST), b"]}"])
    async with session:
        stream = session.campaigns.iter_recipients(44)
        first = asyncio.create_task(anext(stream))  # type: ignore[arg-type]
        await asyncio.sleep(1)
        with pytest.raises(UsageError, match="another task"):
            await anext(stream)

        assert (await first).phone == str(FIRST)


@pytest.mark.fault("C08")
def test_a_stream_of_another_loop_is_refused_at_once() -> None:
    """Its pieces come where it was begun."""
    session, _ = streaming(Pieces(*ROWS[:2], asyncio.Event().wait))
    stream = session.campaigns.iter_recipients(44)
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as first:
        first.run(anext(stream))  # type: ignore[arg-type]
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as second:
            for use in (stream.__anext__, stream.aclose):
                with pytest.raises(SessionLoopError):
                    second.run(use())  # type: ignore[arg-type]
        first.run(stream.aclose())
        first.run(session.aclose())


@in_virtual_time
async def test_closing_the_session_ends_a_stream_by_name() -> None:
    """Whoever waits for a row is told that there will be none."""
    session, _ = streaming([HEAD, row(FIRST), lambda: asyncio.Event().wait()])
    stream = session.campaigns.iter_recipients(44)
    await anext(stream)
    waiting = asyncio.create_task(anext(stream))  # type: ignore[arg-type]
    await asyncio.sleep(1)
    await session.aclose()
    with pytest.raises(SessionClosedError):
        await waiting
    with pytest.raises(SessionClosedError):
        await anext(session.campaigns.iter_recipients(44))


@in_virtual_time
async def test_closing_a_stream_ends_the_one_who_waits_for_a_row() -> None:
    """From another task, too: there are no more rows, and nobody hangs."""
    session, _ = streaming([HEAD, row(FIRST), lambda: asyncio.Event().wait()])
    async with session:
        stream = session.campaigns.iter_recipients(44)
        await anext(stream)
        waiting = asyncio.create_task(anext(stream, None))  # type: ignore[arg-type]
        await asyncio.sleep(1)
        await stream.aclose()

        assert await waiting is None


@in_virtual_time
async def test_a_failure_of_somebodys_middleware_reaches_the_reader() -> None:
    """As it was raised; it is none of ours."""

    async def broken(attempt: Attempt, call_next: CallNext) -> Answer:
        raise ZeroDivisionError

    session, _ = streaming(ROWS, middleware=[broken])
    async with session:
        with pytest.raises(UsageError, match="ZeroDivisionError"):
            await anext(session.campaigns.iter_recipients(44))


@in_virtual_time
async def test_middleware_sees_a_stream_as_one_attempt_without_its_body() -> None:
    """Status and headers, after the last piece."""
    seen = []

    async def middleware(attempt: Attempt, call_next: CallNext) -> Answer:
        answer = await call_next(attempt)
        seen.append((attempt.path, answer.status))
        return answer

    session, _ = streaming(ROWS, middleware=[middleware])
    async with session:
        rows = [r async for r in session.campaigns.iter_recipients(44)]

    assert (len(rows), seen) == (3, [("/viber/task/44/recipients", 200)])


@in_virtual_time
async def test_memory_stays_flat_however_many_rows_there_are() -> None:
    """Twenty thousand rows need no more than two thousand."""
    peaks = []
    for count in (2_000, 20_000):
        batch = b",".join(row(FIRST + i) for i in range(100)) + b","
        session, _ = streaming([HEAD, *[batch] * (count // 100), row(FIRST), b"]}"])
        async with session:
            tracemalloc.start()
            rows = 0
            async for _ in session.campaigns.iter_recipients(44):
                rows += 1
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()

        assert rows == count + 1
    assert peaks[1] < peaks[0] + 2_000_000  # the rows themselves would be ten million more
