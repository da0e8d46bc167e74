"""Runs one Call to its end: a deadline around all of it, attempts, and a name for whatever goes wrong.

The whole call runs in a task that the session owns, with its caller waiting beside it. A cancelled caller ends
the waiting (for a token, for a turn, between attempts) at once, but never a request that is under way: that one
is read to its end by nobody, which is what keeps the pool whole.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, TypeVar, cast

from attrs import define, frozen
from sniffio import current_async_library_cvar

from viber_async._flight import Flight
from viber_async._journey import Journey, Options
from viber_async._limiter import tell
from viber_async._middleware import Attempt, CallNext, Middleware
from viber_async._sansio import answer as answers
from viber_async._sansio.answer import EVIDENCE, Answer
from viber_async._sansio.call import Kind
from viber_async._sansio.privacy import safe_text, without
from viber_async._sansio.retry import Failure, RepeatBudget, decide, failure
from viber_async._tasks import beside
from viber_async._watch import watched
from viber_async.errors import (
    AuthenticationError,
    Delivery,
    ProtocolError,
    RateLimitError,
    SessionClosedError,
    UsageError,
    ViberError,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    import httpx

    from viber_async._auth import Bearer
    from viber_async._limiter import RateLimiter
    from viber_async._origin import Origin
    from viber_async._sansio.call import Call
    from viber_async._sansio.tokens import Token
    from viber_async._tasks import TaskOwner
    from viber_async._transport import RateLimitedTransport
    from viber_async._watch import Watcher

T = TypeVar("T")
R = TypeVar("R")

logger: Final = logging.getLogger("viber_async")

OneAttempt = Callable[["Journey"], Awaitable[R]]
"""Sends once, and raises if the answer says no."""
Reader = Callable[["Journey", "Arriving"], Awaitable[Answer]]
"""Reads an answer as far as it wants to."""


@define(kw_only=True)
class Counters:
    """What a session has done so far."""

    calls: int = 0
    requests: int = 0
    repeats: int = 0
    throttled: int = 0
    in_flight: int = 0


@frozen(kw_only=True)
class Reply(Generic[T]):
    """What a call gave, and how."""

    value: T
    answer: Answer
    attempts: int
    waited: float
    """Seconds spent waiting for turns."""
    unsure: bool
    """The request was repeated after one that may have been processed."""


@define
class Arriving:
    """An answer whose body is still to be read."""

    status: int
    headers: Mapping[str, str]
    body: httpx.AsyncByteStream

    def pieces(self) -> AsyncIterator[bytes]:
        """Give the body in the pieces in which it arrives, as they stand on the wire."""
        return self.body.__aiter__()


class _TokenGoneError(Exception):
    """Between the waiting for a turn and the turn itself, the token was refused to somebody else; nothing was sent."""


class Exchange:
    """Runs calls over one transport, for one account."""

    def __init__(
        self,
        transport: RateLimitedTransport,
        *,
        origin: Origin,
        limiter: RateLimiter,
        tasks: TaskOwner,
        middleware: Sequence[Middleware] = (),
    ) -> None:
        self._transport = transport
        self._origin = origin
        self._limiter = limiter
        self._tasks = tasks
        self._middleware = tuple(reversed(middleware))
        self._budget = RepeatBudget()
        self.counters = Counters()
        self.closing = False
        self.watcher: Watcher | None = None

    async def run(
        self, call: Call[T], options: Options, bearer: Bearer | None, journey: Journey | None = None
    ) -> Reply[T]:
        """Give the result of *call*, or raise the error that names what became of it.

        *journey* is for who has to know how far it came even if cancelled; it must be new, of this call and options.
        """
        journey = Journey(call, options) if journey is None else journey
        self.counters.calls += 1
        task = self.start(journey, partial(self.until_accepted, journey, bearer, partial(self._attempt, call)))
        try:
            value, answer = await beside(task)
        except asyncio.CancelledError:
            journey.abandon()
            raise
        except ViberError as error:
            raise without_frames(error) from error.__cause__
        return Reply(
            value=value, answer=answer, attempts=journey.attempts, waited=journey.waited, unsure=journey.unsure
        )

    def start(self, journey: Journey, work: Callable[[], Coroutine[None, None, R]]) -> asyncio.Task[R]:
        """Start *work* under its deadline, in a task of the session's; watched, if anybody watches."""
        if self.watcher is None:
            task = self._tasks.start(self._under_deadline(journey, work))
        else:
            journey.watch = watch = self.watcher(journey)
            task = self._tasks.start(watched(watch, partial(self._under_deadline, journey, work)))
        journey.task = task
        return task

    async def _under_deadline(self, journey: Journey, work: Callable[[], Coroutine[None, None, R]]) -> R:
        """Run *work*; when the deadline or the end of the session stops it, say so."""
        current_async_library_cvar.set("asyncio")  # else httpcore and anyio find it out anew, two dozen times a call
        journey.start_clock()
        try:
            return await work()
        except asyncio.CancelledError:
            if self.closing:
                raise self.closed(journey) from None
            if journey.expired:
                raise journey.late() from None
            raise
        except ViberError as error:
            if journey.unsure and error.delivery is Delivery.NOT_SENT:
                error.delivery = Delivery.UNKNOWN  # this attempt never left, but an earlier one may have been processed
            raise
        finally:
            journey.stop_clock()

    @staticmethod
    def closed(journey: Journey) -> SessionClosedError:
        """Give the error for a call that the end of the session ended."""
        return SessionClosedError(f"{journey.what} was ended by closing the session", delivery=journey.delivery)

    async def until_accepted(self, journey: Journey, bearer: Bearer | None, attempt: OneAttempt[R]) -> R:
        """Attempt until one succeeds or is not to be repeated: give what it gave, or raise its error."""
        replayed = False
        while True:
            token = None
            if bearer is not None:
                until = journey.token_until
                token = bearer.at_hand(until=until) or await bearer.token(until=until)
            journey.attempts += 1
            self._prepare(journey, bearer, token)
            try:
                result = await attempt(journey)
            except AuthenticationError as error:
                if not self._may_replay(bearer, error, journey) or replayed:
                    raise
                replayed = True
            except _TokenGoneError:
                journey.attempts -= 1
                continue
            except ViberError as error:
                await self._wait_to_repeat(journey, error)
            else:
                self._budget.earn()
                return result
            self.counters.repeats += 1

    def _prepare(self, journey: Journey, bearer: Bearer | None, token: Token | None) -> None:
        """Begin another attempt. Its token is looked at once more when its turn has come."""
        call, options, on_turn = journey.call, journey.options, journey.on_turn  # the journey would be a cycle

        def entering(flight: Flight, request: httpx.Request) -> None:
            if self.closing:
                raise asyncio.CancelledError
            if bearer is not None and (current := bearer.current()) is not token:
                if current is None:
                    raise _TokenGoneError
                flight.token = current
                request.headers["authorization"] = f"Bearer {current.value}"
            self.counters.requests += 1
            if on_turn is not None:
                on_turn(has_turn=True)

        journey.flight = Flight(
            endpoint=f"{call.method} {call.kind}",
            lane=options.lane,
            again=journey.had_turn or call.kind is Kind.TOKEN,  # everybody may be waiting for a token
            streams=journey.streams,
            fresh=call.kind is Kind.CREATE,
            token=token,
            body_secret=call.secret,
            entering=entering,
        )
        if journey.had_turn and on_turn is not None:
            on_turn(has_turn=False)
        journey.had_turn = True

    def _may_replay(self, bearer: Bearer | None, error: AuthenticationError, journey: Journey) -> bool:
        """Reject the token that the provider refused; tell whether a newer one is worth a second try."""
        token = journey.flight.token
        if bearer is None or token is None or 401 not in (error.status, error.error_code):
            return False
        another = bearer.reject(token)
        return another and journey.options.retries.retries > 0 and not (journey.abandoned or journey.expired)

    async def _wait_to_repeat(self, journey: Journey, error: ViberError) -> None:
        """Wait as long as is due before repeating after *error*, or raise it."""
        journey.unsure |= failure(error) is Failure.BROKEN
        pause = None if journey.abandoned or journey.committed else self._pause(journey, error)
        if isinstance(error, RateLimitError):
            self.counters.throttled += 1
            seconds = pause if pause is not None else journey.options.retries.longest_pause(error)
            tell(partial(self._limiter.pause, seconds))
        if journey.watch is not None:
            journey.watch.failed(error, pause)
        if pause is None:
            raise error
        logger.debug("%s: repeating after %.2f s: %s", journey.what, pause, error)
        if not isinstance(error, RateLimitError):  # that pause is shared, and waited for in the queue
            await asyncio.sleep(pause)

    def _pause(self, journey: Journey, error: ViberError) -> float | None:
        return decide(
            journey.call.kind,
            error,
            attempt=journey.attempts,
            policy=journey.options.retries,
            budget=self._budget,
            left=journey.over_at - asyncio.get_running_loop().time(),
            chance=random.random(),  # noqa: S311 - jitter, not a secret
        )

    async def _attempt(self, call: Call[T], journey: Journey) -> tuple[T, Answer]:
        """Send once, read the answer to its end, and raise if it says no."""
        answer = await self.through_middleware(journey, read_to_end)
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("%s: %s (attempt %d)", journey.what, answer.status, journey.attempts)
        return self.read(call, answer), answer

    def read(self, call: Call[T], answer: Answer) -> T:
        """Give what *call* asked for, or raise the error that *answer* means."""
        with self._origin.unknown.noting(call):
            return answers.read(call, answer, converter=self._origin.converter, now=datetime.now(UTC))

    async def through_middleware(self, journey: Journey, reader: Reader) -> Answer:
        """Pass one attempt through the user's middleware, send it, and give what *reader* makes of the answer."""
        try:
            if not self._middleware:
                return await self._send(journey, None, reader)
            return await self._around(journey, reader)
        finally:
            journey.waited += journey.flight.waited

    async def _around(self, journey: Journey, reader: Reader) -> Answer:
        call, flight = journey.call, journey.flight
        failed: Exception | None = None

        async def send(attempt: Attempt) -> Answer:
            nonlocal failed
            flight.refuse_again()
            failed = None
            try:
                return await self._send(journey, attempt, reader)
            except Exception as error:
                failed = error
                raise

        handler: CallNext = send
        for middleware in self._middleware:
            handler = around(middleware, handler)
        try:
            answer = await handler(
                Attempt(method=call.method, path=call.shown_path, number=journey.attempts, lane=flight.lane)
            )
        except Exception as error:
            if error is failed:
                raise
            logger.error("%s: a middleware failed", journey.what, exc_info=error)  # noqa: TRY400 - without our frames
            raise UsageError(
                f"{journey.what}: a middleware raised {type(error).__name__}: "
                f"{safe_text(without(flight.secret, str(error)), 200)}",
                delivery=flight.delivery,
            ) from error
        else:
            if failed is None or call.kind is not Kind.CREATE:
                return answer
            raise failed  # an answer that somebody made up for a campaign is none
        finally:
            failed = None  # which would be a cycle, by its frames

    async def _send(self, journey: Journey, attempt: Attempt | None, reader: Reader) -> Answer:
        request = self._origin.request(journey, attempt)
        if journey.watch is None:
            return await self._answer(journey, request, reader)
        return await journey.watch.attempt(partial(self._answer, journey, request, reader))

    async def _answer(self, journey: Journey, request: httpx.Request, reader: Reader) -> Answer:
        """Send *request* and give what *reader* makes of its answer; every foreign error gets one of our names."""
        flight = journey.flight
        self.counters.in_flight += 1
        try:
            response = await self._transport.handle_async_request(request)
            body = cast("httpx.AsyncByteStream", response.stream)
            try:
                arriving = Arriving(response.status_code, dict(response.headers.items()), body)
                refuse_encoded(journey, arriving)
                return await reader(journey, arriving)
            finally:
                await body.aclose()
        except (ViberError, _TokenGoneError):
            raise
        except Exception as error:
            said = self._transport.translated(error, flight, what=journey.what, host=self._origin.base_url)
            raise said from error
        finally:
            flight.on_wire = False
            self.counters.in_flight -= 1


def around(middleware: Middleware, inner: CallNext) -> CallNext:
    """Give what calls *middleware* around *inner*."""

    async def handler(attempt: Attempt) -> Answer:
        return await middleware(attempt, inner)

    return handler


def refuse_encoded(journey: Journey, arriving: Arriving) -> None:
    """Refuse a compressed answer: identity was asked for, and 1 MB of gzip can become 1 GB of memory."""
    encoding = arriving.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise ProtocolError(
            f"{journey.what}: the answer is encoded as {safe_text(encoding, 40)} though identity was asked for",
            delivery=journey.flight.delivery,
        )


async def read_to_end(journey: Journey, arriving: Arriving) -> Answer:
    """Give the answer with its whole body, or raise when that goes beyond what the call allows."""
    body = bytearray()
    async for piece in arriving.pieces():
        body += piece
        if len(body) > journey.call.max_bytes:
            raise answers.too_large(journey.call, answer_of(journey, arriving, body[:EVIDENCE]))
    journey.flight.arrived = True
    return answer_of(journey, arriving, body)


def answer_of(journey: Journey, arriving: Arriving, body: bytearray) -> Answer:
    """Give what has arrived with *body* as a value."""
    return Answer(status=arriving.status, headers=arriving.headers, body=bytes(body), secret=journey.flight.secret)


def without_frames(error: BaseException) -> BaseException:
    """Take off *error*, and off what caused it, all that holds requests, tokens, phones or whole answers.

    That is the inner frames with their locals, the exceptions that were being handled when it was raised, and the
    request that httpx hangs on its own.
    """
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link.__context__ = None
        if hasattr(link, "_request"):
            setattr(link, "_request", None)  # noqa: B010 - private to httpx, which has no other way
        link = link.__cause__
    return error
