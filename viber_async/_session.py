"""The session: builds the parts, opens and closes them. The only place where the parts meet."""

from __future__ import annotations

import asyncio
import copy
import os
import time
import warnings
import weakref
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from attrs import evolve, field, frozen

from viber_async import _defaults as defaults
from viber_async import _settings as checked
from viber_async._ahead import Asking, Room
from viber_async._auth import StaticKey, TokenRefresher
from viber_async._blacklist import Blacklist
from viber_async._campaigns import Campaigns
from viber_async._defaults import DEFAULT, Timeout, Unset
from viber_async._exchange import Exchange, Reply, without_frames
from viber_async._journey import Journey, Options
from viber_async._limiter import PacedLimiter, RateStatistics
from viber_async._once import Once
from viber_async._sansio import address, raw
from viber_async._sansio.converter import make_converter
from viber_async._sansio.ledger import account_tag
from viber_async._sansio.rate import Lane, RateLimit
from viber_async._sansio.reconcile import ServerTime, server_date
from viber_async._sansio.tokens import ApiKey, account_of, token_call
from viber_async._sansio.unknown import UnknownName, UnknownNames
from viber_async._senders import Senders
from viber_async._settings import Credentials, SessionSettings, Settings
from viber_async._stream import Parser, RowStream
from viber_async._tasks import TaskOwner, beside, refuse_elsewhere, until_done
from viber_async._token_store import MemoryTokenStore
from viber_async.errors import ApiError, ConfigurationError, SessionClosedError, SessionLoopError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from datetime import datetime, tzinfo
    from types import TracebackType
    from typing import Self, Unpack

    import httpx
    from cattrs import Converter

    from viber_async._auth import Bearer
    from viber_async._journey import OnTurn
    from viber_async._ledger import Ledger
    from viber_async._limiter import RateLimiter
    from viber_async._middleware import Middleware
    from viber_async._sansio.call import Call, Kind
    from viber_async._sansio.raw import ApiResponse
    from viber_async._sansio.retry import RetryPolicy
    from viber_async._sansio.tokens import Grant
    from viber_async._sansio.unknown import Noting
    from viber_async._token_store import TokenStore
    from viber_async._transport import RateLimitedTransport
    from viber_async._watch import Watcher

T = TypeVar("T")
Row = TypeVar("Row")


@frozen(kw_only=True)
class SessionStatistics:
    """What a session has done so far; its views share one."""

    calls: int
    """Calls of the API that were asked for, token calls included."""
    requests: int
    """Requests that were sent for them, repetitions included."""
    repeats: int
    throttled: int
    """Answers that said: too many requests."""
    refreshes: int
    """Tokens that were asked for and given."""
    in_flight: int
    """Requests under way or waiting for their turn at this moment."""
    pools_replaced: int
    """Connection pools that had lost places and were replaced; of a transport that was handed in, none is."""
    rate: RateStatistics
    unknown: Mapping[UnknownName, int] = field(factory=dict[UnknownName, int], hash=False)
    """How often answers held a key or a word that this version does not know; at most a hundred names and some."""


class ViberSession:
    """A session with SendPulse's Viber API: one account, one event loop, one process.

    ``session.campaigns``, ``session.senders`` and ``session.blacklist`` hold the calls; ``session.request`` is for
    everything else.

    ```python
    async with ViberSession.from_env() as session:
        for sender in await session.senders.list():
            print(sender.name, sender.status)
    ```

    Making one does no I/O and needs no running loop; it opens with the first call. Close it with ``async with``
    or ``aclose()``.
    """

    campaigns: Campaigns
    senders: Senders
    blacklist: Blacklist

    def __init__(  # noqa: PLR0913 - the public page of settings, all by keyword
        self,
        credentials: Credentials,
        *,
        base_url: str = defaults.BASE_URL,
        timeout: float | Timeout = Timeout(),  # noqa: B008 - frozen
        deadline: float | Unset | None = DEFAULT,
        retries: int | RetryPolicy = defaults.RETRIES,
        rate_limit: RateLimit = defaults.RATE_LIMIT,
        rate_limiter: RateLimiter | None = None,
        token_store: TokenStore | None = None,
        ledger: Ledger | None = None,
        time_zone: tzinfo | None = None,
        max_connections: int = defaults.MAX_CONNECTIONS,
        proxy: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        middleware: Sequence[Middleware] = (),
        user_agent: str | None = None,
        strict: bool = False,
    ) -> None:
        """Make a session; raises `ConfigurationError` for settings that cannot work.

        Args:
            credentials: ``ClientCredentials(id, secret)``, or ``ApiKey(key)``.
            base_url: https only, unless the host is a loopback address.
            timeout: of one attempt: seconds for every phase, or a `Timeout`.
            deadline: seconds for one logical call with all its waits and attempts; None for no end. By default 60,
                and 150 for creating a campaign.
            retries: repetitions of a failed attempt, or a `RetryPolicy`; 0 turns every repetition off.
            rate_limit: the account's allowance.
            rate_limiter: one to share with other sessions; overrides *rate_limit*.
            token_store: where tokens are kept; by default in memory. ``FileTokenStore(path)`` shares them between the
                processes of one machine.
            ledger: where `campaigns.create_once` keeps what it sends, such as ``SqliteLedger(path)``.
            time_zone: None: datetimes are naive, as the provider sends them. Set: they are aware, both ways.
            max_connections: how many requests may be under way at once.
            proxy: an http, https or socks5 proxy. The environment's is never used.
            transport: an httpx transport in place of the session's own connections; the session closes it. It is used
                as it is, for creates too, and should have room for twice *max_connections*.
            middleware: hooks around every attempt, the first outermost.
            user_agent: what your program calls itself, put in front of our own name.
            strict: for a canary job: a key or a word that this version does not know makes the answer to a read a
                `DecodeError`. The answer to a write is never refused for that. Both are counted in any case, in
                ``statistics().unknown``.

        """
        try:
            url = address.base_url(base_url)
            settings = Settings(
                credentials=checked.credentials(credentials),
                base_url=url,
                options=Options(
                    timeout=Timeout.of(timeout),
                    deadline=checked.deadline(deadline),
                    retries=checked.retries(retries),
                ),
                rate_limit=checked.instance("rate_limit", rate_limit, RateLimit),
                rate_limiter=checked.rate_limiter(rate_limiter),
                token_store=MemoryTokenStore() if token_store is None else checked.token_store(token_store),
                ledger=checked.ledger(ledger),
                time_zone=checked.time_zone(time_zone),
                max_connections=checked.connections(max_connections),
                proxy=checked.proxy(proxy),
                transport=checked.transport(transport, url),
                middleware=checked.middleware(middleware),
                user_agent=checked.user_agent(user_agent),
                strict=checked.instance("strict", strict, bool),
            )
        except ConfigurationError as error:
            raise without_frames(error) from None
        finally:  # not for those who see a traceback with its locals
            del credentials, base_url, token_store, proxy, user_agent
        self._options = settings.options
        self._parts = _Parts(settings)
        self._is_view = False
        self._name_spaces()

    def _name_spaces(self) -> None:
        self._caller = Caller(self._parts, self._options)
        self.campaigns = Campaigns(self._caller)
        self.senders = Senders(self._caller)
        self.blacklist = Blacklist(self._caller)

    @classmethod
    def from_env(cls, **settings: Unpack[SessionSettings]) -> Self:
        """Make a session from SENDPULSE_API_ID and SENDPULSE_API_SECRET, or from SENDPULSE_API_KEY.

        SENDPULSE_BASE_URL is used if set and no *base_url* is given. Raises `ConfigurationError` when the
        variables are missing, half there, or name two ways at once.
        """
        if os.environ.get("SENDPULSE_BASE_URL"):
            settings.setdefault("base_url", os.environ["SENDPULSE_BASE_URL"])
        try:
            return cls(checked.credentials_of(os.environ), **settings)
        except ConfigurationError as error:
            raise without_frames(error) from None  # the frames below hold the whole environment
        finally:
            del settings

    async def __aenter__(self) -> Self:
        if self._is_view:
            raise ConfigurationError(
                "'async with' on a view would close nothing: enter the session itself, which a view shares"
            )
        self._parts.enter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End what is under way, close the connections; may be called twice. Closing a view closes nothing."""
        if not self._is_view:
            await self._parts.aclose()

    def with_options(
        self,
        *,
        timeout: float | Timeout | Unset = DEFAULT,
        deadline: float | Unset | None = DEFAULT,
        retries: int | RetryPolicy | Unset = DEFAULT,
        lane: Lane | Unset = DEFAULT,
    ) -> Self:
        """Give a view of this session that differs in what is given here; it shares pool, token and rate limit.

        *lane* is ``"interactive"`` or ``"bulk"``: bulk work steps back behind whatever a person waits for.
        """
        old = self._options
        return self._view(
            Options(
                timeout=old.timeout if timeout is DEFAULT else Timeout.of(timeout),
                deadline=old.deadline if deadline is DEFAULT else checked.deadline(deadline),
                retries=old.retries if retries is DEFAULT else checked.retries(retries),
                lane=old.lane if lane is DEFAULT else checked.lane(lane),
            )
        )

    def _view(self, options: Options) -> Self:
        view = copy.copy(self)  # of a subclass too, with all that it added
        vars(view).update(_options=options, _is_view=True)
        ViberSession._name_spaces(view)
        return view

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: object = None,
        idempotent: bool | Unset = DEFAULT,
    ) -> ApiResponse:
        """Call something that this package has no method for, with the same token, limit, repeats and errors.

        *path* is below the base URL, such as ``/viber/task``. *idempotent* says that it may be repeated after a
        failure that leaves open whether it was carried out; by default only a GET may.

        Raises:
            ValidationError: method, path, params or json cannot be sent.
            ApiError: the provider said no.

        """
        safe = method == "GET" if idempotent is DEFAULT else idempotent
        try:
            call = raw.request(method, path, params=params, json=json, idempotent=safe)
        except ValidationError as error:
            raise without_frames(error) from None  # the frames below hold all of it
        finally:
            del path, params, json  # not for those who see a traceback with its locals
        reply = await self._caller.reply(call)
        return raw.response(reply.answer, reply.value, attempts=reply.attempts, waited=reply.waited)

    def statistics(self) -> SessionStatistics:
        """Give what the session has done so far, and what it is doing."""
        return self._parts.statistics()

    def __repr__(self) -> str:
        if "_parts" not in vars(self):  # refused while it was made; a traceback with its locals asks all the same
            return f"<{type(self).__name__}, never made>"
        return f"<{type(self).__name__} {self._parts}{' view' if self._is_view else ''}>"


class Viewpoint:
    """Where telemetry sees a session and its views from, without keeping them alive."""

    def __init__(self, session: ViberSession, watcher_of: Callable[[str], Watcher]) -> None:
        """Have every call from now on watched by what *watcher_of* gives for the base URL."""
        # telemetry stands outside, and this is its door
        parts = session._parts  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        self._parts = weakref.ref(parts)
        parts.watch(watcher_of(parts.settings.base_url))

    def look(self) -> tuple[RateLimiter, SessionStatistics] | None:
        """Give the session's limiter and its figures, or None once it is closed or gone."""
        parts = self._parts()
        return None if parts is None or parts.is_closed else (parts.limiter, parts.statistics())


class Caller:
    """Runs calls for the namespaces of one session or view."""

    def __init__(self, parts: _Parts, options: Options) -> None:
        self._parts = parts
        self._options = options

    @property
    def time_zone(self) -> tzinfo | None:
        """Give the account's time zone, if the session was told."""
        return self._parts.settings.time_zone

    @property
    def ledger(self) -> Ledger | None:
        """Give the session's ledger, if it was given one."""
        return self._parts.settings.ledger

    @property
    def account(self) -> str:
        """Give a name for the account, the same wherever its credentials are used, that says nothing about it."""
        return account_tag(self._parts.settings.credentials, self._parts.settings.base_url)

    @property
    def once(self) -> Once:
        """Give what creates campaigns at most once."""
        return self._parts.once

    @property
    def retries(self) -> RetryPolicy:
        """Give how often a failed attempt is repeated."""
        return self._options.retries

    def varied(self, *, lane: Lane | None = None, retries: RetryPolicy | None = None) -> Caller:
        """Give what runs calls in another way for the same session."""
        old = self._options
        return Caller(self._parts, evolve(old, lane=lane or old.lane, retries=retries or old.retries))

    @property
    def closing(self) -> bool:
        """Tell whether the session is being closed."""
        return self._parts.open_or_closing().exchange.closing

    def check(self) -> None:
        """Raise where the session cannot be used: it is closed, or of another event loop, thread or process."""
        self._parts.open()

    def deadline_of(self, kind: Kind) -> float | None:
        """Give the seconds that a call of *kind* may take."""
        return self._options.deadline_of(kind)

    def start(self, work: Callable[[], Coroutine[None, None, T]]) -> asyncio.Task[T]:
        """Start *work* in a task that the session owns."""
        self._parts.open()
        return self._parts.tasks.start(work())

    async def pause(self, seconds: float) -> None:
        """Wait, and no longer than the session is open."""
        task = self.start(partial(asyncio.sleep, seconds))
        try:
            await until_done(task)
        finally:
            task.cancel()
        if task.cancelled():  # by the end of the session, of which this tells
            self.check()

    def asking(self, fetch: Callable[[int, int, OnTurn], Coroutine[None, None, T]]) -> Asking[T]:
        """Give what asks for the pages of a walk by *fetch*, several at once."""
        return Asking(fetch, self.start, self._parts.room, self._parts.open)

    def server_now(self) -> datetime | None:
        """Give the provider's time, if an answer has told it and this machine has not slept since."""
        told = self._parts.server_time
        return None if told is None else told.at(asyncio.get_running_loop().time(), time.time())

    def journey(self, call: Call[T], on_turn: OnTurn | None = None) -> Journey:
        """Give what tells how far *call* has come, to be handed to `reply`; *on_turn* is told of its turns."""
        journey = Journey(call, self._options)
        journey.on_turn = on_turn
        return journey

    async def reply(self, call: Call[T], journey: Journey | None = None) -> Reply[T]:
        """Give the result of *call* and how it came about."""
        opened = self._parts.open()
        try:
            reply = await opened.exchange.run(call, self._options, opened.bearer, journey)
        except ApiError as error:
            self._parts.hear(error.headers.get("date"))
            raise
        self._parts.hear(reply.answer.headers.get("date"))
        return reply

    async def get(self, call: Call[T], on_turn: OnTurn | None = None) -> T:
        """Give the result of *call*; *on_turn* is told of its turns."""
        journey = None if on_turn is None else self.journey(call, on_turn)
        return (await self.reply(call, journey)).value

    def stream(self, call: Call[object], parser: Callable[[Converter, Noting], Parser[Row]]) -> RowStream[Row]:
        """Give the rows of *call*'s one large answer as they come."""
        reader = parser(make_converter(self.time_zone), self._parts.unknown.noting(call))
        return RowStream(call, reader, self._parts, self._options)


@frozen(kw_only=True)
class _Open:
    """The parts that exist from the first call on."""

    loop: asyncio.AbstractEventLoop
    pid: int
    transport: RateLimitedTransport
    exchange: Exchange
    bearer: Bearer


class _Parts:
    """What a session and its views share: built at the first call, closed once."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.tasks = TaskOwner()
        self._limiter: RateLimiter = (
            PacedLimiter(settings.rate_limit) if settings.rate_limiter is None else settings.rate_limiter
        )
        self._opened: _Open | None = None
        self._entered = False
        self._closed = False
        self._closing: asyncio.Task[None] | None = None
        self.once = Once()
        self.room = Room(settings.max_connections)
        self.server_time: ServerTime | None = None
        self.watcher: Watcher | None = None
        self.unknown = UnknownNames(strict=settings.strict)

    @property
    def limiter(self) -> RateLimiter:
        """Give what hands out turns; sessions may share one."""
        return self._limiter

    @property
    def is_closed(self) -> bool:
        return self._closed

    def watch(self, watcher: Watcher) -> None:
        """Have every call from now on watched."""
        if self.watcher is not None:
            raise ConfigurationError("this session is instrumented already; once is enough, for its views too")
        self.watcher = watcher
        if self._opened is not None:
            self._opened.exchange.watcher = watcher

    def enter(self) -> None:
        """Note the ``async with``, of which there can be one."""
        if self._entered:
            raise SessionClosedError("this session was opened with 'async with' before; make a new one")
        self.open()
        self._entered = True

    def open(self) -> _Open:
        """Give the open parts, if they may be used here and now."""
        if self._closed:
            raise SessionClosedError("this session is closed; make a new one, or close it later")
        if self._opened is None:
            self._opened = self._build()
        opened = self._opened
        if opened.pid != os.getpid():
            raise SessionLoopError(
                "this session was opened in another process, before a fork; make one in each process, after the fork"
            )
        refuse_elsewhere(opened.loop)
        return opened

    def open_or_closing(self) -> _Open:
        """Give the open parts also to those whom the end of the session is ending."""
        return self.open() if self._opened is None else self._opened

    def hear(self, date: str | None) -> None:
        """Note what an answer said the time is."""
        if (said := server_date(date)) is not None:
            self.server_time = ServerTime(said=said, heard=asyncio.get_running_loop().time(), wall=time.time())

    def _build(self) -> _Open:
        # httpx is imported when a session opens: it takes as long as all the rest
        from viber_async._connections import open_transport  # noqa: PLC0415
        from viber_async._origin import Origin  # noqa: PLC0415
        from viber_async._transport import RateLimitedTransport  # noqa: PLC0415

        settings = self.settings
        inner = settings.transport
        if inner is None:
            inner = open_transport(max_connections=settings.max_connections, proxy=settings.proxy)
        transport = RateLimitedTransport(inner, self._limiter, places=settings.max_connections)
        exchange = Exchange(
            transport,
            origin=Origin(
                base_url=settings.base_url,
                user_agent=settings.user_agent,
                converter=make_converter(settings.time_zone),
                unknown=self.unknown,
            ),
            limiter=self._limiter,
            tasks=self.tasks,
            middleware=settings.middleware,
        )
        exchange.watcher = self.watcher
        return _Open(
            loop=asyncio.get_running_loop(),
            pid=os.getpid(),
            transport=transport,
            exchange=exchange,
            bearer=self._bearer(exchange),
        )

    def _bearer(self, exchange: Exchange) -> Bearer:
        settings, credentials = self.settings, self.settings.credentials
        if isinstance(credentials, ApiKey):
            return StaticKey(credentials)

        async def grant() -> Grant:
            return (await exchange.run(token_call(credentials), settings.options, None)).value

        return TokenRefresher(
            grant,
            account=account_of(credentials, settings.base_url),
            store=settings.token_store,
            tasks=self.tasks,
        )

    def statistics(self) -> SessionStatistics:
        """Give what has been done so far."""
        counters, refreshes, replaced = None, 0, 0
        if self._opened is not None:
            counters = self._opened.exchange.counters
            refreshes = self._opened.bearer.refreshes
            replaced = self._opened.transport.pools_replaced
        return SessionStatistics(
            calls=counters.calls if counters else 0,
            requests=counters.requests if counters else 0,
            repeats=counters.repeats if counters else 0,
            throttled=counters.throttled if counters else 0,
            in_flight=counters.in_flight if counters else 0,
            refreshes=refreshes,
            pools_replaced=replaced,
            rate=self._limiter.statistics(),
            unknown=self.unknown.counts(),
        )

    async def aclose(self) -> None:
        """Close everything, once; whoever waits for it may be cancelled without stopping it."""
        if self._closing is None:
            opened = self._opened
            if opened is not None and opened.pid != os.getpid():
                self._closed = True
                return
            transport: httpx.AsyncBaseTransport | None = self.settings.transport
            if opened is not None:
                refuse_elsewhere(opened.loop)
                opened.exchange.closing = True
                transport = opened.transport
            self._closed = True
            self._closing = asyncio.get_running_loop().create_task(self._shut(transport))
        elif not self._closing.done():
            refuse_elsewhere(self._closing.get_loop())
        await beside(self._closing)

    async def _shut(self, transport: httpx.AsyncBaseTransport | None) -> None:
        await self.tasks.aclose()
        if transport is not None:
            await transport.aclose()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "new" if self._opened is None else "open"
        return f"{state}, {len(self.tasks)} calls under way"

    def __del__(self) -> None:
        if self._opened is not None and not self._closed and self._opened.pid == os.getpid():
            warnings.warn(
                "a ViberSession was never closed; use 'async with' or await aclose()", ResourceWarning, stacklevel=2
            )
