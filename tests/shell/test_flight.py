"""One attempt: what is known of it, and when it can be ended without harm."""

from __future__ import annotations

import asyncio

import pytest

from tests.shell.clock import in_virtual_time
from viber_async import Delivery
from viber_async._flight import FORCED, SAFE, Flight


class Seen:
    """What httpcore's trace says of a request."""

    def __init__(self, method: bytes = b"POST") -> None:
        self.method = method


INFO = {"request": Seen()}


async def forever() -> None:
    await asyncio.Event().wait()


async def under_way() -> asyncio.Task[None]:
    task = asyncio.create_task(forever())
    await asyncio.sleep(0)
    return task


@pytest.mark.parametrize("stage", sorted(SAFE))
@in_virtual_time
async def test_waiting_for_the_network_is_a_safe_moment(stage: str) -> None:
    """From the beginning of the stage to whatever comes next."""
    flight = Flight(on_wire=True)
    flight.note(f"http11.{stage}.started", INFO)
    safe = flight.safe
    flight.note(f"http11.{stage}.complete", INFO)

    assert (safe, flight.safe) == (True, False)


@pytest.mark.parametrize("event", ["http11.response_closed.started", "connection.retry.started", "x.failed"])
def test_any_other_moment_is_not(event: str) -> None:
    """What is not known to be harmless is not used."""
    flight = Flight(on_wire=True)
    flight.note(event, INFO)

    assert not flight.safe


@in_virtual_time
async def test_it_is_ended_at_once_where_that_does_no_harm() -> None:
    """Off the wire, or at a safe moment on it."""
    for flight in (Flight(), Flight(on_wire=True, safe=True)):
        task = await under_way()
        flight.end(task)
        await asyncio.sleep(0)

        assert task.cancelled()


@in_virtual_time
async def test_elsewhere_it_is_ended_at_the_next_safe_moment() -> None:
    """However often it is asked for."""
    flight, task = Flight(on_wire=True, safe=False), await under_way()
    flight.end(task)
    flight.end(task)
    await asyncio.sleep(FORCED / 2)
    still_running = not task.cancelling()
    flight.note("http11.receive_response_headers.started", INFO)
    await asyncio.sleep(0)

    assert still_running
    assert task.cancelled()


@in_virtual_time
async def test_a_transport_that_never_comes_to_a_safe_moment_is_not_waited_for() -> None:
    """The deadline does not hang on its good manners."""
    flight, task = Flight(on_wire=True, safe=False), await under_way()
    began = asyncio.get_running_loop().time()
    flight.end(task)
    await asyncio.wait([task])

    assert asyncio.get_running_loop().time() - began == pytest.approx(FORCED)


@pytest.mark.fault("N21")
@pytest.mark.parametrize(
    ("event", "method", "leaves"),
    [
        ("http11.send_request_headers.started", b"POST", True),
        ("http2.send_request_headers.started", b"GET", True),
        ("http11.send_request_headers.started", b"CONNECT", False),
        ("http11.send_request_headers.complete", b"POST", False),
        ("http11.send_request_body.started", b"POST", False),
    ],
)
def test_the_head_leaves_with_one_event(event: str, method: bytes, leaves: bool) -> None:
    """And not with that of a tunnel (N21)."""
    flight = Flight(entered=True)

    assert flight.note(event, {"request": Seen(method)}) is leaves
    assert flight.delivery is (Delivery.UNKNOWN if leaves else Delivery.NOT_SENT)


READING = "http11.receive_response_headers"


@pytest.mark.fault("N19")
@pytest.mark.parametrize(
    ("stage", "turns", "end", "stray"),
    [
        (READING, 0, "complete", True),
        (READING, 1, "complete", False),
        (READING, 0, "failed", False),
        ("http2.receive_response_headers", 0, "complete", False),
    ],
)
@in_virtual_time
async def test_an_answer_that_was_there_before_is_a_stray(stage: str, turns: int, end: str, stray: bool) -> None:
    """Nothing comes from a network without a turn of the loop; over HTTP/2 others may have read it."""
    flight = Flight(on_wire=True)
    flight.note(f"{stage}.started", INFO)
    for _ in range(turns):
        await asyncio.sleep(0)
    flight.note(f"{stage}.{end}", INFO)
    await asyncio.sleep(0)

    assert flight.stray is stray
