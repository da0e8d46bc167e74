"""One attempt under way: what is known of it, and when it can be ended without harm.

httpx 0.28.1's pool loses a place for good when a request is cancelled at the wrong moment. The right moments are
those in which httpcore waits for the network and for nothing else, and its trace tells when one begins. So whoever
wants to end an attempt says so, and it is cancelled at once where that is safe, and else at the next safe moment.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attrs import define, field

from viber_async.errors import Delivery, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from viber_async._sansio.rate import Lane
    from viber_async._sansio.tokens import Token

Events = dict[str, Any]

FLIGHT: Final = "viber_async.flight"
"""The request extension that carries the `Flight`."""

SAFE: Final = frozenset(
    {
        "connect_tcp",
        "start_tls",
        "send_request_headers",
        "send_request_body",
        "receive_response_headers",
        "receive_response_body",
    }
)
"""Stages of httpcore's in which it waits for the network, from their ``.started`` to the next event."""

ANSWER: Final = "http11.receive_response_headers"
"""The stage in which the head of the answer is read: from the network, or from what it brought before."""

FORCED: Final = 0.5
"""Seconds after which an attempt is ended at any moment: a deadline must not hang on a transport's good manners."""


class _Meaning(NamedTuple):
    """What an event of httpcore's trace says."""

    safe: bool
    """From here to the next event it waits for the network."""
    leaves: bool
    """The head of a request starts to leave."""
    reading: bool
    """It is about the head of the answer."""
    moment: str


@lru_cache(maxsize=100)
def _meaning(event: str) -> _Meaning:
    stage, _, moment = event.rpartition(".")
    name = stage.rpartition(".")[2]
    started = moment == "started"
    return _Meaning(
        safe=started and name in SAFE,
        leaves=started and name == "send_request_headers",
        reading=stage == ANSWER,
        moment=moment,
    )


@define(eq=False)
class Flight:
    """What is known of one attempt while it is under way."""

    endpoint: str = ""
    lane: Lane = "interactive"
    again: bool = False
    """It is not the call's first attempt, and goes to the head of its lane."""
    streams: bool = False
    """Its body may stay open for as long as somebody reads it."""
    fresh: bool = False
    """It is to have a connection of its own, used for nothing before and nothing after."""
    token: Token | None = None
    body_secret: str = field(default="", repr=False)
    entering: Callable[[Flight, httpx.Request], None] | None = field(default=None, repr=False)
    """Called with it once, when its turn and its place are taken and the network is next."""
    waited: float = 0.0
    """Seconds until its turn came."""
    entered: bool = False
    """It was handed to the network."""
    on_wire: bool = False
    """It is in the hands of the network at this moment."""
    traced: bool = False
    """The transport tells what it does."""
    left: bool = False
    """The head of the request started to leave."""
    stray: bool = False
    """The answer was there before the request had left, so it is somebody else's."""
    arrived: bool = False
    """The answer was read to its end."""
    safe: bool = True
    """On the wire, and a cancellation would do no harm."""
    over: bool = False
    """Whoever wanted it is gone, or its time is: it must not be handed to the network any more."""
    _doomed: asyncio.Task[Any] | None = field(default=None, repr=False, init=False)
    _waited: bool = field(default=True, repr=False, init=False)
    """The loop has turned since the reading of the answer began."""

    @property
    def delivery(self) -> Delivery:
        """Give what can be said of it at this moment."""
        if self.arrived:
            return Delivery.ANSWERED
        if not self.entered or (self.traced and not self.left):
            return Delivery.NOT_SENT
        return Delivery.UNKNOWN

    @property
    def secret(self) -> str:
        """Give what must not be shown: the value of the token that it carries, or the secret in its body."""
        return self.body_secret if self.token is None else self.token.value

    def enter(self, request: httpx.Request, *, safe: bool) -> None:
        """Note that the network is next; *safe* is said of transports that keep no pool of httpcore's.

        A cancellation that somebody on the way here has swallowed (a middleware, a limiter) is raised again: the caller
        was told that nothing was sent.
        """
        if self.over:
            raise asyncio.CancelledError
        self.refuse_again()
        if self.entering is not None:
            self.entering(self, request)
        self.entered = self.on_wire = True
        self.safe = safe

    def refuse_again(self) -> None:
        """Raise if it was handed to the network already; what is repeated, and when, is decided by a table."""
        if self.entered:
            raise UsageError("a middleware called call_next twice; an attempt is sent once", delivery=self.delivery)

    def note(self, event: str, info: Events) -> bool:
        """Note an event of httpcore's trace; tell whether the head of the request leaves with it."""
        meaning = _meaning(event)
        self.traced = True
        self.safe = meaning.safe
        if meaning.safe and self._doomed is not None:
            self._doomed.cancel()
        if meaning.reading:
            self._watch(meaning.moment)
        leaves = meaning.leaves and not _is_for_a_proxy(info)
        self.left |= leaves
        return leaves

    def _watch(self, moment: str) -> None:
        """Tell a second answer on a kept connection from the one that was asked for.

        It came along with the first, and lies in a buffer where no check of the socket can see it. But nothing is
        read from a network without a turn of the loop.
        """
        if moment == "started":
            self._waited = False
            asyncio.get_running_loop().call_soon(self._has_waited)
        else:
            self.stray = moment == "complete" and not self._waited

    def _has_waited(self) -> None:
        self._waited = True

    def end(self, task: asyncio.Task[Any]) -> None:
        """Cancel *task*, in which this attempt runs, as soon as that does no harm."""
        self.over = True
        if not self.on_wire or self.safe:
            task.cancel()
        elif self._doomed is None:
            self._doomed = task
            asyncio.get_running_loop().call_later(FORCED, task.cancel)


def _is_for_a_proxy(info: Events) -> bool:
    """A tunnel is opened with the same extensions, so its CONNECT is traced as if it were the request."""
    return bool(info["request"].method == b"CONNECT")
