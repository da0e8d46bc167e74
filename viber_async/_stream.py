"""Rows out of one endless body: read ahead by a few pieces, however slowly they are taken.

A task of the session's reads the network, so that neither cancelling the reader nor leaving its loop can harm the
pool; the few pieces that may wait between the two are what keeps memory bounded.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from viber_async._exchange import answer_of, read_to_end, without_frames
from viber_async._journey import Journey
from viber_async._sansio import answer as answers
from viber_async._sansio.answer import EVIDENCE, Answer
from viber_async._sansio.call import SMALL_BYTES, Unreadable
from viber_async._tasks import refuse_elsewhere
from viber_async.errors import Delivery, TransportError, UsageError, ViberError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from viber_async._auth import Bearer
    from viber_async._exchange import Arriving, Exchange
    from viber_async._journey import Options
    from viber_async._sansio.call import Call

Row = TypeVar("Row")

PATIENCE: Final = 300.0
"""Seconds that a reader may take for a few pieces: a stream that was forgotten must not keep its connection."""
PIECES_AHEAD: Final = 4
"""Pieces of up to 64 KiB that may wait to be taken."""


class Parser(Protocol[Row]):
    """Turns the pieces of a body into rows."""

    def feed(self, chunk: bytes) -> list[Row]:
        """Give the rows that *chunk* completes; raises `Unreadable`."""
        ...

    def close(self) -> None:
        """Note the end of the body; raises `Unreadable` if it came too early."""
        ...


class Opened(Protocol):
    """The open parts that a stream needs."""

    @property
    def exchange(self) -> Exchange:
        """What runs calls."""
        ...

    @property
    def bearer(self) -> Bearer:
        """What supplies tokens."""
        ...


class Source(Protocol):
    """Where a stream finds them, when it is first asked for a row."""

    def open(self) -> Opened:
        """Give the open parts of the session."""
        ...


class RowStream(Generic[Row]):
    """The rows of one large answer, one by one, in bounded memory.

    ``async for row in stream``. Leave the loop early with ``aclose()``, or use ``async with stream``; a stream that
    is simply dropped is closed when it is collected, or with the session.
    """

    def __init__(self, call: Call[object], parser: Parser[Row], source: Source, options: Options) -> None:
        self._call = call
        self._parser = parser
        self._source = source
        self._options = options
        self._rows: deque[Row] = deque()
        self._pump: _Pump | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._busy = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Row:
        self._check_loop()
        try:
            while not self._rows:
                if self._closed:
                    raise StopAsyncIteration
                await self._more()
        except ViberError as error:
            raise without_frames(error) from error.__cause__  # the frames below hold pieces of the answer
        return self._rows.popleft()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop reading and free the connection; may be called twice. Whoever waits for a row gets no more."""
        self._check_loop()
        self._closed = True
        self._rows.clear()
        if self._pump is not None:
            await self._pump.aclose()

    def _check_loop(self) -> None:
        if self._pump is not None and not self._pump.task.done():
            refuse_elsewhere(self._pump.task.get_loop())

    async def _more(self) -> None:
        if self._busy:
            raise UsageError("this stream is being read by another task; give each reader a stream of its own")
        self._busy = True
        try:
            pump = self._pump or self._start()
            piece = await pump.next()
            if not self._closed:
                self._take(pump, piece)
        finally:
            self._busy = False

    def _start(self) -> _Pump:
        opened = self._source.open()
        journey = Journey(self._call, self._options, streams=True)
        opened.exchange.counters.calls += 1
        self._pump = pump = _Pump(opened.exchange, journey, opened.bearer)
        dropped = weakref.finalize(self, _drop, asyncio.get_running_loop(), journey)
        dropped.atexit = False
        pump.task.add_done_callback(lambda _: dropped.detach())  # what ended it may hold frames that hold this stream
        return pump

    def _take(self, pump: _Pump, piece: bytes | BaseException | None) -> None:
        if isinstance(piece, bytes):
            self._parse(pump, lambda: self._rows.extend(self._parser.feed(piece)))
            return
        self._closed = True
        if piece is not None:
            raise piece
        self._parse(pump, self._parser.close)

    def _parse(self, pump: _Pump, parse: Callable[[], None]) -> None:
        try:
            parse()
        except Unreadable as why:
            self._closed = True
            pump.stop()
            raise answers.unreadable(self._call, pump.answer, why) from None


def _drop(loop: asyncio.AbstractEventLoop, journey: Journey) -> None:
    """End the reading for a stream that nobody holds any more, in whatever thread it was collected."""
    with suppress(RuntimeError):  # the loop is closed, or is closed at this moment: then nothing is read any more
        loop.call_soon_threadsafe(journey.end)


class _Pump:
    """Reads one answer in a task of the session's, from the start, no further ahead than a few pieces.

    The deadline counts the time spent waiting for the network; it stands still while the reader is slow.
    """

    def __init__(self, exchange: Exchange, journey: Journey, bearer: Bearer) -> None:
        self._exchange = exchange
        self._journey = journey
        self._pieces: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(PIECES_AHEAD)
        self.answer = Answer(status=0, headers={}, body=b"")
        """The head of the answer and the beginning of its body, as evidence; of what was handed out."""
        self.task = exchange.start(journey, partial(exchange.until_accepted, journey, bearer, self._attempt))
        self.task.add_done_callback(self._ended)

    async def next(self) -> bytes | BaseException | None:
        """Give the next piece of the body, what ended it, or None at its end."""
        piece = await self._pieces.get()
        if isinstance(piece, bytes):
            self._room.release()
        return piece

    def stop(self) -> None:
        """Read no further."""
        if not self.task.done():
            self._journey.end()

    async def aclose(self) -> None:
        """Read no further, and wait until the connection is free."""
        self.stop()
        await asyncio.wait([self.task])

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Put the ending behind the last piece; it is here even if the task never ran."""
        ending = self._exchange.closed(self._journey) if task.cancelled() else task.exception()
        self._pieces.put_nowait(ending)

    async def _attempt(self, journey: Journey) -> None:
        answer = await self._exchange.through_middleware(journey, self._read)
        if not journey.committed:
            self._exchange.read(journey.call, answer)

    async def _read(self, journey: Journey, arriving: Arriving) -> Answer:
        if arriving.status != 200:
            return await read_to_end(journey, arriving)
        held = bytearray()
        async for piece in arriving.pieces():
            held += piece
            if not journey.committed and self._is_rows(held):
                self.answer = answer_of(journey, arriving, held[:EVIDENCE])
                journey.committed = True
            if journey.committed:
                await self._pass_on(journey, bytes(held))
                held.clear()
        journey.flight.arrived = True
        return answer_of(journey, arriving, held)

    @staticmethod
    def _is_rows(beginning: bytearray) -> bool:
        """Tell rows from an error's envelope, which is small, and may come with status 200."""
        return b'"recipients"' in beginning or len(beginning) > SMALL_BYTES

    async def _wait_for_the_reader(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._room.acquire()
        except TimeoutError:
            raise TransportError(
                f"the rows were not read for {PATIENCE:g} s, and their connection was given up; close a stream that "
                "you leave early",
                delivery=Delivery.ANSWERED,
            ) from None

    async def _pass_on(self, journey: Journey, piece: bytes) -> None:
        if self._room.locked():
            with journey.clock_stopped():
                await self._wait_for_the_reader()
        else:
            await self._room.acquire()
        self._pieces.put_nowait(piece)
