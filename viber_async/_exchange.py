"""Runs one Call to its end: a deadline around all of it, attempts, and a name for whatever goes wrong.

The whole call runs in a task that the session owns, with its caller waiting beside it. A cancelled caller ends
the waiting (for a token, for a turn, between attempts) at once, but never a request that is under way: that one
is read to its end by nobody, which is what keeps the pool whole.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, TypeVar, cast

import httpx
from attrs import define, field, frozen

from viber_async._defaults import CREATE_DEADLINE, DEADLINE, DEFAULT, Timeout, Unset
from viber_async._middleware import Attempt, CallNext, Middleware
from viber_async._sansio import answer as answers
from viber_async._sansio.answer import EVIDENCE, Answer
from viber_async._sansio.call import Call, Kind
from viber_async._sansio.privacy import safe_text
from viber_async._sansio.retry import Failure, RepeatBudget, RetryPolicy, decide, failure
from viber_async._tasks import beside
from viber_async._transport import FLIGHT, FOREIGN, Flight, translate
from viber_async.errors import (
    AuthenticationError,
    DeadlineExceededError,
    Delivery,
    ProtocolError,
    RateLimitError,
    SessionClosedError,
    ViberError,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from cattrs import Converter

    from viber_async._auth import Bearer
    from viber_async._limiter import RateLimiter
    from viber_async._sansio.rate import Lane
    from viber_async._sansio.tokens import Token
    from viber_async._tasks import TaskOwner

T = TypeVar("T")
R = TypeVar("R")

logger: Final = logging.getLogger("viber_async")

OneAttempt = Callable[["Journey", "Token | None"], Awaitable[R]]
"""Sends once, and raises if the answer says no."""
Last = Callable[["Journey", httpx.Request], Awaitable[Answer]]
"""What stands behind the user's middleware: sends the request."""


@frozen(kw_only=True)
class Options:
    """What may differ from call to call."""

    timeout: Timeout
    deadline: float | Unset | None
    retries: RetryPolicy
    lane: Lane = "interactive"

    def deadline_of(self, kind: Kind) -> float | None:
        """Give the seconds that a whole call of *kind* may take."""
        if self.deadline is not DEFAULT:
            return self.deadline
        return CREATE_DEADLINE if kind is Kind.CREATE else DEADLINE

    def timeouts_of(self, kind: Kind) -> dict[str, float]:
        """Give the timeouts of one attempt as httpx's extension wants them."""
        limits = self.timeout
        read = limits.create_read if kind is Kind.CREATE else limits.read
        return {"connect": limits.connect, "write": limits.write, "read": read, "pool": limits.pool}


@define(kw_only=True)
class Counters:
    """What a session has done so far."""

    calls: int = 0
    requests: int = 0
    repeats: int = 0
    throttled: int = 0
    in_flight: int = 0


@define(eq=False)
class Journey:
    """One logical call under way: its attempts, and what is known of them together."""

    call: Call[object] = field(repr=lambda call: f"{call.method} {call.path}")
    options: Options
    scope: asyncio.Timeout = field(factory=lambda: asyncio.timeout(None), repr=False)
    """What ends it at its deadline."""
    attempts: int = 0
    waited: float = 0.0
    flight: Flight = field(factory=Flight)
    unsure: bool = False
    """An earlier attempt may have been processed, so that a repetition may have found its work done."""
    abandoned: bool = False
    """Its caller was cancelled: what is under way is read to its end, and nothing more is started."""
    committed: bool = False
    """A part of its answer was handed out already, so that it cannot start again."""

    @property
    def delivery(self) -> Delivery:
        """Give what is known of all attempts together."""
        return Delivery.UNKNOWN if self.unsure else self.flight.delivery

    @property
    def what(self) -> str:
        return f"{self.call.method} {self.call.path}"

    @property
    def over_at(self) -> float:
        """Give the moment of the loop's clock at which the deadline ends it."""
        when = self.scope.when()
        return math.inf if when is None else when

    @contextmanager
    def clock_stopped(self) -> Generator[None]:
        """Do not count the time inside against the deadline."""
        when, clock = self.scope.when(), asyncio.get_running_loop().time
        if when is None:
            yield
            return
        left = when - clock()
        self.scope.reschedule(None)
        yield
        self.scope.reschedule(clock() + left)


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


@frozen(kw_only=True)
class Origin:
    """Where requests go, and what all of them carry."""

    base_url: str
    user_agent: str
    converter: Converter

    def request(self, journey: Journey, attempt: Attempt, token: Token | None) -> httpx.Request:
        """Give *attempt* as httpx sends it."""
        call = journey.call
        headers = {name.lower(): value for name, value in attempt.headers.items()}
        headers |= {"accept": "application/json", "accept-encoding": "identity", "user-agent": self.user_agent}
        if token is not None:
            headers["authorization"] = f"Bearer {token.value}"
        if call.body is not None:
            headers["content-type"] = "application/json"
        return httpx.Request(
            call.method,
            self.base_url + call.path,
            params=call.params or None,
            headers=headers,
            content=call.body,
            extensions={"timeout": journey.options.timeouts_of(call.kind), FLIGHT: journey.flight},
        )


class Exchange:
    """Runs calls over one transport, for one account."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
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

    async def run(
        self, call: Call[T], options: Options, bearer: Bearer | None, journey: Journey | None = None
    ) -> Reply[T]:
        """Give the result of *call*, or raise the error that names what became of it.

        *journey* is for who has to know how far it came even if cancelled; it must be new, of this call and options.
        """
        journey = Journey(call, options) if journey is None else journey
        self.counters.calls += 1
        task = self._tasks.start(self.under_deadline(journey, partial(self._whole, call, journey, bearer)))
        try:
            return await beside(task)
        except asyncio.CancelledError:
            journey.abandoned = True
            if not journey.flight.on_wire:
                task.cancel()
            raise
        except ViberError as error:
            raise without_frames(error) from error.__cause__

    async def under_deadline(self, journey: Journey, work: Callable[[], Coroutine[None, None, R]]) -> R:
        """Run *work*; when the deadline or the end of the session stops it, say so."""
        deadline = journey.options.deadline_of(journey.call.kind)
        journey.scope = scope = asyncio.timeout(deadline)
        try:
            async with scope:
                return await work()
        except TimeoutError:
            if not scope.expired():
                raise
            raise DeadlineExceededError(
                f"{journey.what} did not end within its deadline of {deadline:g} s "
                f"(attempts: {journey.attempts}, seconds waited for turns: {journey.waited:.1f})",
                delivery=journey.delivery,
            ) from None
        except asyncio.CancelledError:
            if not self.closing:
                raise
            raise self.closed(journey) from None

    @staticmethod
    def closed(journey: Journey) -> SessionClosedError:
        """Give the error for a call that the end of the session ended."""
        return SessionClosedError(f"{journey.what} was ended by closing the session", delivery=journey.delivery)

    async def _whole(self, call: Call[T], journey: Journey, bearer: Bearer | None) -> Reply[T]:
        value, answer = await self.until_accepted(journey, bearer, partial(self._attempt, call))
        return Reply(
            value=value, answer=answer, attempts=journey.attempts, waited=journey.waited, unsure=journey.unsure
        )

    async def until_accepted(self, journey: Journey, bearer: Bearer | None, attempt: OneAttempt[R]) -> R:
        """Attempt until one succeeds or is not to be repeated: give what it gave, or raise its error."""
        replayed = False
        while True:
            token = None if bearer is None else await bearer.token()
            journey.attempts += 1
            try:
                result = await attempt(journey, token)
            except AuthenticationError as error:
                if not self._may_replay(bearer, token, error, journey) or replayed:
                    raise
                replayed = True
            except ViberError as error:
                await self._wait_to_repeat(journey, error)
            else:
                self._budget.earn()
                return result
            self.counters.repeats += 1

    def _may_replay(
        self, bearer: Bearer | None, token: Token | None, error: AuthenticationError, journey: Journey
    ) -> bool:
        """Reject the token that the provider refused; tell whether a newer one is worth a second try."""
        if bearer is None or token is None or 401 not in (error.status, error.error_code):
            return False
        return bearer.reject(token) and journey.options.retries.retries > 0 and not journey.abandoned

    async def _wait_to_repeat(self, journey: Journey, error: ViberError) -> None:
        """Wait as long as is due before repeating after *error*, or raise it."""
        journey.unsure |= failure(error) is Failure.BROKEN
        pause = None if journey.abandoned or journey.committed else self._pause(journey, error)
        now = asyncio.get_running_loop().time()
        if isinstance(error, RateLimitError):
            self.counters.throttled += 1
            self._limiter.pause(pause if pause is not None else journey.options.retries.throttle_base)
        if pause is None or now + pause >= journey.over_at:
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
            chance=random.random(),  # noqa: S311 - jitter, not a secret
        )

    async def _attempt(self, call: Call[T], journey: Journey, token: Token | None) -> tuple[T, Answer]:
        """Send once, read the answer to its end, and raise if it says no."""
        answer = await self.through_middleware(journey, token, self._answer)
        logger.debug("%s: %s (attempt %d)", journey.what, answer.status, journey.attempts)
        return self.read(call, answer), answer

    def read(self, call: Call[T], answer: Answer) -> T:
        """Give what *call* asked for, or raise the error that *answer* means."""
        return answers.read(call, answer, converter=self._origin.converter, now=datetime.now(UTC))

    async def through_middleware(self, journey: Journey, token: Token | None, last: Last) -> Answer:
        """Pass one attempt through the user's middleware to *last*, which sends it."""
        flight = Flight(endpoint=f"{journey.call.method} {journey.call.kind.value}", lane=journey.options.lane)
        flight.secret = "" if token is None else token.value
        journey.flight = flight

        async def send(attempt: Attempt) -> Answer:
            return await last(journey, self._origin.request(journey, attempt, token))

        handler: CallNext = send
        for middleware in self._middleware:
            handler = around(middleware, handler)
        call = journey.call
        try:
            return await handler(Attempt(method=call.method, path=call.path, number=journey.attempts, lane=flight.lane))
        finally:
            journey.waited += flight.waited

    async def _answer(self, journey: Journey, request: httpx.Request) -> Answer:
        """Give the answer to *request*, read to its end."""
        async with self.response(journey, request) as response:
            return await read_to_end(journey, response)

    @asynccontextmanager
    async def response(self, journey: Journey, request: httpx.Request) -> AsyncGenerator[httpx.Response]:
        """Send *request* and give its response, still to be read; every foreign error gets one of our names."""
        flight = journey.flight
        self.counters.requests += 1
        self.counters.in_flight += 1
        try:
            response = await self._transport.handle_async_request(request)
            try:
                refuse_encoded(journey, response)
                yield response
            finally:
                await response.aclose()
        except FOREIGN as error:
            raise translate(error, flight, what=journey.what) from error
        finally:
            flight.on_wire = False
            self.counters.in_flight -= 1


def around(middleware: Middleware, inner: CallNext) -> CallNext:
    """Give what calls *middleware* around *inner*."""

    async def handler(attempt: Attempt) -> Answer:
        return await middleware(attempt, inner)

    return handler


def refuse_encoded(journey: Journey, response: httpx.Response) -> None:
    """Refuse a compressed answer: identity was asked for, and 1 MB of gzip can become 1 GB of memory."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise ProtocolError(
            f"{journey.what}: the answer is encoded as {safe_text(encoding, 40)} though identity was asked for",
            delivery=journey.flight.delivery,
        )


async def read_to_end(journey: Journey, response: httpx.Response) -> Answer:
    """Give the answer with its whole body, or raise when that goes beyond what the call allows."""
    body = bytearray()
    async for chunk in chunks_of(response):
        body += chunk
        if len(body) > journey.call.max_bytes:
            raise answers.too_large(journey.call, answer_of(journey, response, bytes(body[:EVIDENCE])))
    journey.flight.arrived = True
    return answer_of(journey, response, bytes(body))


def chunks_of(response: httpx.Response) -> AsyncIterator[bytes]:
    """Give the body in the pieces in which it arrives, as they stand on the wire."""
    return cast("httpx.AsyncByteStream", response.stream).__aiter__()


def answer_of(journey: Journey, response: httpx.Response, body: bytes) -> Answer:
    """Give *response* as our own value."""
    headers = dict(response.headers.items())
    return Answer(status=response.status_code, headers=headers, body=body, secret=journey.flight.secret)


def without_frames(error: BaseException) -> BaseException:
    """Take the inner frames off *error* and off what caused it: their locals hold requests, tokens and phones."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error
