"""The session: settings at the door, one loop, one process, one life."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import warnings
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.naming import spelled
from tests.shell.clock import VirtualTimeLoop, in_virtual_time
from tests.shell.provider import Provider, ok
from tests.shell.sessions import CREDENTIALS, URL, session_over
from viber_async import (
    DEFAULT,
    ApiKey,
    ClientCredentials,
    ConfigurationError,
    MemoryTokenStore,
    PacedLimiter,
    RateLimit,
    RetryPolicy,
    SessionClosedError,
    SessionLoopError,
    Timeout,
    ValidationError,
    ViberSession,
)

SENDERS = ok([{"id": 1, "name": "s", "status": "verified"}])


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "http://example.com"},
        {"base_url": "http://localhost:8025"},
        {"timeout": 0},
        {"timeout": True},
        {"timeout": float("nan")},
        {"timeout": "5"},
        {"deadline": -1},
        {"deadline": 86_401},
        {"retries": -1},
        {"retries": 101},
        {"retries": 1.0},
        {"retries": True},
        {"rate_limit": 10},
        {"time_zone": "Europe/Kyiv"},
        {"ledger": object()},
        {"max_connections": 0},
        {"max_connections": 1001},
        {"max_connections": True},
        {"proxy": "example.com:80"},
        {"proxy": 5},
        {"user_agent": ""},
        {"user_agent": "a\r\nb"},
        {"user_agent": 5},
        {"user_agent": "x" * 201},
        {"credentials": "secret"},
        {"credentials": ("id",)},
        {"credentials": ("id", "")},
    ],
    ids=spelled,
)
def test_a_setting_that_cannot_work_is_refused_when_the_session_is_made(settings: dict[str, Any]) -> None:
    """At once, naming the setting, and without showing a secret."""
    name = next(iter(settings))
    with pytest.raises(ConfigurationError, match=f"{name}|ClientCredentials|RetryPolicy|timeout") as caught:
        ViberSession(settings.pop("credentials", CREDENTIALS), **settings)

    assert "secret" not in str(caught.value).replace("ClientCredentials(id, secret)", "").replace("client_secret", "")


@pytest.mark.parametrize("value", [0.001, 86_400])
def test_seconds_are_taken_up_to_both_ends(value: float) -> None:
    """More than nothing, and a day at most."""
    session = ViberSession(CREDENTIALS, timeout=value, deadline=value)

    assert session._options.deadline == value
    assert session._options.timeout == Timeout(connect=value, write=value, read=value, create_read=value, pool=value)


def test_making_a_session_needs_no_loop_and_opens_nothing() -> None:
    """It can be made at import time; nothing has to be closed either."""
    session = ViberSession(CREDENTIALS, proxy="http://127.0.0.1:1", user_agent="shop/1.2")

    assert repr(session) == "<ViberSession new, 0 calls under way>"
    assert session.statistics().requests == 0


@pytest.mark.parametrize(
    ("environ", "credentials"),
    [
        ({"SENDPULSE_API_ID": "i", "SENDPULSE_API_SECRET": "s"}, ClientCredentials("i", "s")),
        ({"SENDPULSE_API_KEY": "k"}, ApiKey("k")),
    ],
)
def test_credentials_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], credentials: object
) -> None:
    """By the names that the provider's own examples use."""
    _only(monkeypatch, environ)

    assert ViberSession.from_env()._parts.settings.credentials == credentials
    assert ViberSession.from_env()._parts.settings.base_url == "https://api.sendpulse.com"


def _only(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    for name in ("SENDPULSE_API_ID", "SENDPULSE_API_SECRET", "SENDPULSE_API_KEY", "SENDPULSE_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"SENDPULSE_API_ID": "i"},
        {"SENDPULSE_API_SECRET": "s"},
        {"SENDPULSE_API_ID": "i", "SENDPULSE_API_SECRET": ""},
        {"SENDPULSE_API_ID": "i", "SENDPULSE_API_SECRET": "hidden", "SENDPULSE_API_KEY": "hidden"},
        {"SENDPULSE_API_ID": "i", "SENDPULSE_API_KEY": "hidden"},
    ],
    ids=spelled,
)
def test_an_environment_that_leaves_a_choice_is_refused(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    """Nothing is guessed, and no value is shown."""
    _only(monkeypatch, environ)
    with pytest.raises(ConfigurationError, match="SENDPULSE_API_ID") as caught:
        ViberSession.from_env()

    assert "hidden" not in str(caught.value)


def test_the_base_url_of_the_environment_gives_way_to_the_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    """SENDPULSE_BASE_URL is used only where none was given."""
    _only(monkeypatch, {"SENDPULSE_API_KEY": "k", "SENDPULSE_BASE_URL": "http://127.0.0.1:8025/"})

    assert ViberSession.from_env()._parts.settings.base_url == "http://127.0.0.1:8025"
    assert ViberSession.from_env(base_url="https://x.example")._parts.settings.base_url == "https://x.example"


@in_virtual_time
async def test_a_pair_will_do_for_credentials() -> None:
    """As the sandbox hands them out."""
    session, provider = session_over(SENDERS, credentials=("id", "secret"))
    async with session:
        await session.senders.list()

    assert provider.tokens == 1


@pytest.mark.fault("C07")
@in_virtual_time
async def test_a_closed_session_says_what_to_do() -> None:
    """After aclose, twice if you like, every call is refused by name."""
    session, provider = session_over(SENDERS)
    async with session:
        await session.senders.list()
    await session.aclose()
    with pytest.raises(SessionClosedError, match="make a new one"):
        await session.senders.list()

    assert provider.closed == 1
    assert "closed" in repr(session)


@pytest.mark.fault("C07")
@in_virtual_time
async def test_a_session_that_was_never_used_can_be_closed() -> None:
    """It closes the transport that it was given, once."""
    session, provider = session_over(SENDERS)
    await session.aclose()
    await session.aclose()
    with pytest.raises(SessionClosedError):
        await session.senders.list()

    assert provider.closed == 1


@in_virtual_time
async def test_a_session_without_a_transport_that_was_never_used_can_be_closed() -> None:
    """There is nothing to end, and it is closed all the same."""
    session = ViberSession(CREDENTIALS)
    await session.aclose()
    with pytest.raises(SessionClosedError):
        await session.senders.list()


@pytest.mark.fault("C07")
@in_virtual_time
async def test_a_session_is_entered_once() -> None:
    """A second 'async with' would close it under the first one's feet."""
    session, _ = session_over(SENDERS)
    async with session:
        with pytest.raises(SessionClosedError, match="async with"):
            async with session:
                pass

        assert len(await session.senders.list()) == 1


@pytest.mark.fault("C07", "C08")
def test_an_enter_that_was_refused_takes_nothing_from_the_one_that_is_right() -> None:
    """A session that another loop tried to enter can still be entered in its own."""
    session, _ = session_over(SENDERS)

    async def use() -> int:
        return len(await session.senders.list())

    async def enter() -> int:
        async with session:
            return await use()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as first:
        assert first.run(use()) == 1
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as second, pytest.raises(SessionLoopError):
            second.run(enter())

        assert first.run(enter()) == 1


@in_virtual_time
async def test_a_cancelled_close_goes_on_closing() -> None:
    """Whoever waits for it may go; it ends all the same."""

    class Slow(Provider):
        async def aclose(self) -> None:
            await asyncio.sleep(5)
            self.closed += 1

    session, provider = session_over(provider=Slow(SENDERS))
    await session.senders.list()
    closing = asyncio.create_task(session.aclose())
    await asyncio.sleep(1)
    closing.cancel()
    await asyncio.wait([closing])
    await session.aclose()

    assert provider.closed == 1


@pytest.mark.fault("C09")
@in_virtual_time
async def test_a_session_may_be_opened_and_closed_in_different_tasks() -> None:
    """As test fixtures and web frameworks do."""
    session, provider = session_over(SENDERS)
    await asyncio.create_task(session.__aenter__())
    await asyncio.create_task(session.senders.list())  # type: ignore[arg-type]
    await asyncio.create_task(session.__aexit__(None, None, None))

    assert provider.closed == 1


@pytest.mark.fault("C08")
def test_a_session_of_another_loop_is_refused_at_once() -> None:
    """No hang, but a name and what to do."""
    session, _ = session_over(SENDERS)

    async def use() -> None:
        await session.senders.list()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as first:
        first.run(use())
        with (
            asyncio.Runner(loop_factory=VirtualTimeLoop) as second,
            pytest.raises(SessionLoopError, match=r"asyncio\.run"),
        ):
            second.run(use())
        first.run(session.aclose())


@pytest.mark.fault("C08")
def test_a_session_of_another_thread_is_refused_at_once() -> None:
    """Every thread has its own loop."""
    session, _ = session_over(SENDERS)
    caught: list[BaseException] = []

    def elsewhere() -> None:
        try:
            asyncio.run(session.senders.list())  # type: ignore[arg-type]
        except SessionLoopError as error:
            caught.append(error)

    async def main() -> None:
        async with session:
            await session.senders.list()
            thread = threading.Thread(target=elsewhere)
            thread.start()
            thread.join()

    asyncio.run(main())

    assert len(caught) == 1


@pytest.mark.fault("C08")
def test_a_close_under_way_is_not_waited_for_in_another_loop() -> None:
    """It would not be told of the end."""
    held = asyncio.Event()

    class Slow(Provider):
        async def aclose(self) -> None:
            await held.wait()

    session, _ = session_over(provider=Slow(SENDERS))

    async def begin() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await session.aclose()

    async def end() -> None:
        held.set()
        await session.aclose()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as first:
        first.run(begin())
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as second:
            with pytest.raises(SessionLoopError):
                second.run(session.aclose())
            first.run(end())
            second.run(session.aclose())


@pytest.mark.fault("M02")
def test_a_session_of_a_parent_process_is_refused_in_the_child() -> None:
    """The child gets the named error and a close that touches nothing; the parent goes on."""

    async def main() -> tuple[int, int]:
        session, provider = session_over(SENDERS)
        async with session:
            await session.senders.list()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # forking under a loop is what is tested
                child = os.fork()
            if child == 0:
                os._exit(await _in_the_child(session, provider))
            _, status = os.waitpid(child, 0)  # noqa: ASYNC222 - the loop has nothing else to do
            return os.waitstatus_to_exitcode(status), len(await session.senders.list())

    assert asyncio.run(main()) == (0, 1)


@pytest.mark.fault("M02")
@in_virtual_time
async def test_a_session_tells_a_fork_by_the_number_of_its_process() -> None:
    """As above, seen from inside one process."""
    session, provider = session_over(SENDERS)
    await session.senders.list()
    with pytest.MonkeyPatch.context() as elsewhere:
        elsewhere.setattr(os, "getpid", lambda: -1)
        with pytest.raises(SessionLoopError, match="after the fork"):
            await session.senders.list()
    await session.aclose()

    assert provider.closed == 1


async def _in_the_child(session: ViberSession, provider: Provider) -> int:
    try:
        await session.senders.list()
    except SessionLoopError as error:
        if "fork" not in str(error):
            return 2
        await session.aclose()
        return 0 if provider.closed == 0 else 3
    return 1


@pytest.mark.fault("C11")
def test_a_session_that_is_never_closed_warns_once() -> None:
    """One ResourceWarning that says what to do."""

    async def main() -> None:
        session, _ = session_over(SENDERS)
        await session.senders.list()

    with pytest.warns(ResourceWarning, match="never closed") as caught:  # noqa: PT031 - the collector does it
        asyncio.run(main())
        gc.collect()

    assert len(caught) == 1


@in_virtual_time
async def test_a_view_differs_only_in_what_was_asked_for() -> None:
    """It shares pool, token and limit; closing it closes nothing."""
    session, provider = session_over(SENDERS, deadline=9.0, retries=1)
    view = session.with_options(timeout=2.0, lane="bulk")
    other = view.with_options(deadline=None, retries=RetryPolicy(retries=5))
    async with session:
        await view.senders.list()
        await view.aclose()
        await session.senders.list()

    assert (view._options.deadline, view._options.retries.retries, view._options.lane) == (9.0, 1, "bulk")
    assert (other._options.deadline, other._options.retries.retries, other._options.lane) == (None, 5, "bulk")
    assert other._options.timeout.read == 2.0
    assert view.statistics() == session.statistics()
    assert "view" in repr(view)
    assert len(provider.requests) == 2


@pytest.mark.parametrize("options", [{"lane": "fast"}, {"timeout": 0}, {"deadline": 0}, {"retries": -1}], ids=spelled)
def test_a_view_is_checked_like_a_session(options: dict[str, Any]) -> None:
    """By the same rules."""
    session, _ = session_over(SENDERS)
    with pytest.raises(ConfigurationError):
        session.with_options(**options)


@in_virtual_time
async def test_a_limiter_and_a_store_can_be_handed_in() -> None:
    """Two sessions over one limiter share one allowance."""
    limiter = PacedLimiter(RateLimit(1, per=10.0))
    first, provider = session_over(SENDERS, rate_limiter=limiter, token_store=MemoryTokenStore())
    second, other = session_over(SENDERS, rate_limiter=limiter)
    async with first, second:
        await asyncio.gather(first.senders.list(), second.senders.list())

    assert abs(provider.times[0] - other.times[0]) >= 10
    assert first.statistics().rate.granted == 2


@in_virtual_time
async def test_the_escape_hatch_gives_the_answer_as_it_is() -> None:
    """Any call of the provider's, with the same token, limit, repeats and errors."""
    session, provider = session_over(httpx.Response(201, json={"a": 1.5, "b": [1]}, headers={"X-Request-Id": "r1"}))
    async with session:
        answer = await session.request("POST", "/viber/update", params={"x": 1}, json={"y": "ü"})

    assert (answer.status, answer.json, answer.request_id, answer.attempts) == (201, {"a": 1.5, "b": [1]}, "r1", 1)
    assert (answer.headers["x-request-id"], answer.waited) == ("r1", 0.0)
    assert str(provider.requests[0].url) == URL + "/viber/update?x=1"
    assert provider.bodies == [{"y": "ü"}]
    assert provider.requests[0].headers["authorization"] == "Bearer key"


@in_virtual_time
async def test_an_empty_answer_to_the_escape_hatch_is_none() -> None:
    """A call that we do not know may well answer 204."""
    session, _ = session_over(httpx.Response(204))
    async with session:
        assert (await session.request("DELETE", "/x")).json is None


@pytest.mark.parametrize(
    ("method", "idempotent", "sent"), [("GET", DEFAULT, 3), ("POST", DEFAULT, 1), ("POST", True, 3), ("GET", False, 1)]
)
@in_virtual_time
async def test_only_what_is_idempotent_is_repeated(method: str, idempotent: Any, sent: int) -> None:
    """A GET is by itself; everything else only if you say so."""
    session, provider = session_over(httpx.ReadError("cut"))
    async with session:
        with pytest.raises(Exception, match="cut"):
            await session.request(method, "/x", idempotent=idempotent)

    assert len(provider.requests) == sent


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (("get", "/x", {}), "method"),
        (("GET", "x", {}), "path"),
        (("GET", "//evil.example", {}), "path"),
        (("GET", "/../x", {}), "path"),
        (("GET", "/x?y=1", {}), "path"),
        (("GET", "/x", {"params": {"a": 1.5}}), "params"),
        (("GET", "/x", {"json": {"a": object()}}), "json"),
        (("GET", "/x", {"json": float("nan")}), "json"),
        (("GET", "/x", {"idempotent": 1}), "idempotent"),
    ],
)
@in_virtual_time
async def test_the_escape_hatch_refuses_what_cannot_be_sent(call: Any, field: str) -> None:
    """Before anything is sent."""
    session, provider = session_over(SENDERS)
    method, path, more = call
    with pytest.raises(ValidationError) as caught:
        await session.request(method, path, **more)

    assert caught.value.field.startswith(field)
    assert provider.requests == []


@pytest.mark.parametrize(("zone", "offset"), [(None, None), (UTC, 0), (ZoneInfo("Europe/Kyiv"), 2)])
@in_virtual_time
async def test_datetimes_are_naive_unless_the_session_knows_the_zone(zone: Any, offset: int | None) -> None:
    """Never a zone in silence."""
    row = {"id": 1, "name": "n", "sender_id": 1, "message_live_time": 60, "created": "2023-12-18 14:40:34"}
    session, _ = session_over(ok([row]), time_zone=zone)
    async with session:
        campaign = await session.campaigns.list().first()
    assert campaign is not None
    assert campaign.created is not None
    away = campaign.created.utcoffset()

    assert (None if away is None else away.total_seconds() / 3600) == offset
    assert campaign.created.replace(tzinfo=None).isoformat() == "2023-12-18T14:40:34"


@in_virtual_time
async def test_statistics_add_up() -> None:
    """What was asked for, sent, repeated and refreshed."""
    session, _ = session_over(httpx.ReadError("x"), SENDERS, credentials=CREDENTIALS)
    async with session:
        await session.senders.list()
        figures = session.statistics()

    assert (figures.calls, figures.requests, figures.repeats, figures.refreshes) == (2, 3, 1, 1)
    assert figures.rate.granted == 3
    assert repr(session).startswith("<ViberSession closed")


def test_closing_in_another_loop_is_refused_by_name_too() -> None:
    """Its connections can only be closed where they were opened."""
    session, _ = session_over(SENDERS)

    async def use() -> None:
        await session.senders.list()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as first:
        first.run(use())
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as second, pytest.raises(SessionLoopError, match="close it"):
            second.run(session.aclose())
        first.run(session.aclose())


@in_virtual_time
async def test_closing_in_another_process_touches_nothing() -> None:
    """The connections are the parent's; the child's copy of the session is closed all the same."""
    session, provider = session_over(SENDERS)
    await session.senders.list()
    with pytest.MonkeyPatch.context() as elsewhere:
        elsewhere.setattr(os, "getpid", lambda: -1)
        await session.aclose()
        with pytest.raises(SessionClosedError):
            await session.senders.list()

    assert provider.closed == 0


class Falsy:
    """What counts itself, and has nothing yet."""

    def __len__(self) -> int:
        return 0


class FalsyProvider(Falsy, Provider):
    pass


class FalsyLimiter(Falsy, PacedLimiter):
    pass


class FalsyStore(Falsy, MemoryTokenStore):
    pass


@in_virtual_time
async def test_a_part_that_counts_as_false_is_used_like_any_other() -> None:
    """A store that is empty, for instance, is not replaced by ours."""
    provider, limiter, store = FalsyProvider(SENDERS), FalsyLimiter(RateLimit(3)), FalsyStore()
    session = ViberSession(
        CREDENTIALS, base_url=URL, transport=provider, rate_limiter=limiter, token_store=store, time_zone=UTC
    )
    async with session:
        await session.senders.list()

    assert (provider.tokens, len(provider.requests), provider.closed) == (1, 1, 1)
    assert session.statistics().rate.limit == RateLimit(3)
    assert session._parts.settings.token_store is store


def _hook() -> None: ...


@pytest.mark.parametrize(
    ("setting", "advice"),
    [
        ({"transport": httpx.AsyncClient()}, "in place of a client its transport; got a AsyncClient"),
        ({"transport": httpx.HTTPTransport()}, "AsyncHTTPTransport"),
        ({"transport": httpx.AsyncHTTPTransport}, "got the class AsyncHTTPTransport"),
        ({"transport": 0}, "got a int"),
        ({"rate_limiter": RateLimit(10)}, "goes into rate_limit"),
        ({"rate_limiter": False}, "PacedLimiter"),
        ({"token_store": {}}, "obtain"),
        ({"token_store": MemoryTokenStore}, "got the class MemoryTokenStore"),
        ({"middleware": _hook}, "even for one"),
        ({"middleware": 5}, "got a int"),
        ({"middleware": None}, "list of callables"),
        ({"middleware": [_hook, 5]}, "list of callables"),
        ({"middleware": "hook"}, "list of callables"),
    ],
    ids=spelled,
)
def test_a_part_that_cannot_do_its_work_is_refused_when_the_session_is_made(
    setting: dict[str, Any], advice: str
) -> None:
    """By the name of its argument, and with what to give instead."""
    with pytest.raises(ConfigurationError, match=f"^{next(iter(setting))}: ") as caught:
        ViberSession(CREDENTIALS, **setting)

    assert advice in str(caught.value)


@pytest.mark.parametrize(
    "proxy",
    [
        "http://",
        "http:///",
        "http://:8080",
        "http://user:hidden@",
        "http://user:hidden@:8080",
        "http://user:hidden@host:99999",
        "http://user:hidden@host:0",
        "http://user:hidden@host:x",
        "http://user:hid@den@host:1",
        "http://user:hidden@host:1/path",
        "http://user:hidden@host:1?query",
        "http://user:hidden@host:1\n",
        "http://user:hidden\x00@host:1",
        "http://a b:99999",
        "http://a b:80",
        "http://-host:1",
        "http://[::g]:1",
        "http://[1:2:3]:1",
        "http://[1.2.3.4]:1",
        "http://[::1:80",
        "ftp://user:hidden@host:1",
        "HTTP",
        "",
        b"http://host:1",
    ],
    ids=repr,
)
def test_an_address_that_is_no_proxys_is_refused_when_the_session_is_made(proxy: Any) -> None:
    """Nothing of it is shown: it may hold a password."""
    with pytest.raises(ConfigurationError, match=r"^proxy: write it as") as caught:
        ViberSession(CREDENTIALS, proxy=proxy)

    assert "hid" not in str(caught.value)


@pytest.mark.parametrize(
    "proxy",
    [
        "http://h",
        "http://h:1",
        "https://u:p%40@a.example:65535/",
        "http://[::1]:80",
        "http://10.0.0.1:3128",
        "http://a_b",
    ],
)
def test_the_address_of_a_proxy_is_taken(proxy: str) -> None:
    """With a name or an address, and with or without a port and a user."""
    assert ViberSession(CREDENTIALS, proxy=proxy)._parts.settings.proxy == proxy


@pytest.mark.parametrize("proxy", ["socks5://user:hidden@host:1", "socks5h://host"])
def test_a_socks_proxy_without_its_package_is_refused_when_the_session_is_made(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    """With what to install; with the package there, it is taken."""
    monkeypatch.setattr("viber_async._settings.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"httpx\[socks\]") as caught:
        ViberSession(CREDENTIALS, proxy=proxy)
    monkeypatch.setattr("viber_async._settings.find_spec", lambda name: name == "socksio")

    assert "hidden" not in str(caught.value)
    assert ViberSession(CREDENTIALS, proxy=proxy)._parts.settings.proxy == proxy


@in_virtual_time
async def test_a_view_cannot_be_entered() -> None:
    """It would close nothing, ever; the session itself is entered."""
    session, provider = session_over(SENDERS)
    with pytest.raises(ConfigurationError, match="enter the session itself"):
        async with session.with_options(retries=1):
            pass
    async with session:
        await session.senders.list()

    assert provider.closed == 1


class Shop(ViberSession):
    """A session with something of its own."""

    def __init__(self, name: str, **settings: Any) -> None:
        super().__init__(ApiKey("key"), **settings)
        self.name = name


def test_a_view_of_a_subclass_is_one_too() -> None:
    """With whatever the subclass added."""
    shop = Shop("flowers", retries=1)
    view = shop.with_options(retries=2)

    assert (type(view), view.name, view._options.retries.retries) == (Shop, "flowers", 2)
    assert shop._options.retries.retries == 1
    assert view.campaigns is not shop.campaigns
    assert repr(view).startswith("<Shop new")


class Unhashable(tzinfo):
    """A time zone that compares by value, and so has no hash."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unhashable)

    def utcoffset(self, _: datetime | None) -> timedelta:
        return timedelta(hours=2)

    def dst(self, _: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, _: datetime | None) -> str:
        return "here"


@in_virtual_time
async def test_a_time_zone_that_cannot_be_hashed_will_do() -> None:
    """Dates are read in it like in any other."""
    zone = Unhashable()
    row = {"id": 1, "phone": 380931111111, "add_date": "2019-03-26 12:40:05"}
    session, _ = session_over(
        ok({"data": {"list": [row], "total": 1}}), ok({"data": {"list": [], "total": 1}}), time_zone=zone
    )
    async with session:
        [entry] = [entry async for entry in session.blacklist.list()]

    assert entry.add_date is not None
    assert (entry.add_date.tzinfo, entry.add_date.hour) == (zone, 12)
