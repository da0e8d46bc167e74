"""The fault table's rows about security, where they would happen: on a second server that must hear nothing."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import re
import ssl
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest
import trustme

from tests.wire.hostile import (
    HONEST,
    Hostile,
    Script,
    answer,
    close,
    healthy_afterwards,
    raw_answer,
    send,
    serve,
    session_to,
    swallow,
    take,
    tls,
)
from tests.wire.test_tokens import ALSO_HONEST, CALLS, DRAFT, EACH_CALL, SENDERS, TOKEN, to
from viber_async import (
    Answer,
    ApiError,
    ApiKey,
    Attempt,
    Button,
    CallNext,
    CampaignDraft,
    ClientCredentials,
    ConfigurationError,
    Image,
    OutcomeUnknownError,
    ProtocolError,
    SqliteLedger,
    ValidationError,
    ViberError,
    ViberSession,
)
from viber_async import _connections as connections

PHONE = "380931111111"
ROOT = Path(__file__).parent.parent.parent


def sample(name: str) -> Any:
    """Give a recorded answer."""
    return json.loads((ROOT / "tests" / "samples" / f"{name}.json").read_bytes())


# Whom we talk to


@pytest.mark.fault("S02")
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
@EACH_CALL
async def test_a_redirect_is_told_and_not_followed(
    what: str, call: Callable[[ViberSession], Awaitable[Any]], status: int
) -> None:
    """The other host hears nothing, not even that we are there; a campaign may have been created all the same."""
    async with Hostile() as other:
        moved = raw_answer(b"" if status == 304 else b"{}", status, location=f"{other.url}{what.partition(' ')[2]}")
        async with Hostile(then=(take, send(moved))) as server, session_to(server) as session:
            with pytest.raises((ApiError, OutcomeUnknownError), match="Redirects are not followed") as caught:
                await call(session)

            assert isinstance(caught.value, OutcomeUnknownError) is (what == "POST /viber")
            assert list(map(str, server.requests)) == [what]
            server.heal()
            await healthy_afterwards(session)
        assert other.peers == []


@pytest.mark.fault("S02")
@pytest.mark.parametrize("location", ["{}", "//{}", "/elsewhere", "https://{}", "file:///etc/passwd", "", "\\\\{}"])
async def test_a_redirect_of_the_token_call_takes_no_secret_along(location: str) -> None:
    """Wherever it leads, and however it is written."""
    async with Hostile() as other:
        target = location.format(other.url if location == "{}" else other.url.partition("//")[2])
        script = (take, send(raw_answer(b"{}", 307, location=target)))
        async with Hostile(then=script) as server, to(server) as session:
            with pytest.raises(ApiError, match="Redirects are not followed"):
                await session.senders.list()

            assert list(map(str, server.requests)) == [TOKEN]
        assert other.peers == []


@pytest.mark.fault("S03", "S11")
async def test_a_link_in_an_answer_is_text(tmp_path: Path) -> None:
    """In its headers, its envelope, its rows and their echo: only our own server is asked, and only what we ask."""
    async with Hostile() as other:
        near, far = other.url.partition(":")[2], other.url
        links = {
            "link": f'<{far}/viber/task?offset=1>; rel="next"',
            "content_location": far,
            "location": near,
            "refresh": f"0; url={far}",
            "alt_svc": f'h2="127.0.0.1:{other.port}"',
            "x_accel_redirect": near,
        }
        campaign = {**sample("list_campaigns__two_spellings_of_none")[0], "name": far, "message": far, "next": far}
        pages = iter([[{**campaign, "image_link": f"https:{near}", "href": near}]])
        says: dict[str, Any] = {
            **HONEST,
            **ALSO_HONEST,
            SENDERS: [{"id": 1, "name": far, "web_site": far, "status": far, "url": near, "next": near}],
            "GET /v2/viber-service/phone-exception": {"data": {"list": [], "total": 0, "next": far}, "next": far},
        }

        async def linked(peer: Any) -> None:
            while True:
                request = await peer.next_request()
                value = next(pages, []) if str(request) == "GET /viber/task" else says[str(request)]
                await peer.send(answer(value(request) if callable(value) else value, **links))

        draft = CampaignDraft(
            sender_id=1,
            message_live_time=60,
            message=far,
            recipients=[PHONE],
            button=Button("Go", f"https://127.0.0.1:{other.port}/go"),
            image=Image(f"https://127.0.0.1:{other.port}/i.png"),
        )
        ledger = SqliteLedger(tmp_path / "kept" / "ledger")
        async with Hostile(then=(linked,)) as server, to(server, ledger=ledger) as session:
            for _, call in CALLS.values():
                await call(session)
            await session.blacklist.list().collect()
            await session.campaigns.list().collect()
            await session.campaigns.create(draft)
            await session.campaigns.create_once(draft, key="a")

            asked = {str(request) for request in server.requests}
            assert asked <= set(says) | {"GET /viber/task"}
        assert other.peers == []


@pytest.mark.fault("S07")
async def test_a_cookie_is_neither_kept_nor_sent() -> None:
    """Whatever answer it comes with, for whatever path."""
    cookies = {"set_cookie": "spotted=1; Path=/; Max-Age=9999"}
    scripts: list[Script] = [
        (
            take,
            send(answer(HONEST[TOKEN], **cookies)),
            take,
            send(answer({"message": "Unauthorized!", "error_code": 401}, 401, **cookies)),
            take,
            send(answer(HONEST[TOKEN], **cookies)),
            take,
            send(answer([], **cookies)),
            take,
            send(raw_answer(b"{}", 302, location="/viber/senders", **cookies)),
            serve(),
        )
    ]
    async with Hostile(*scripts) as server, to(server) as session:
        await session.senders.list()
        with pytest.raises(ApiError):
            await session.senders.list()
        await session.senders.list()
        await session.campaigns.create(DRAFT)

        assert len(server.requests) == 7
        assert [request for request in server.requests if "cookie" in request.headers] == []


@pytest.mark.fault("S16")
async def test_no_phone_stands_in_an_address(tmp_path: Path) -> None:
    """Addresses are what servers, proxies and gateways write down; phones are in bodies alone."""
    answers = {
        **ALSO_HONEST,
        "GET /viber/task/7": sample("get_campaign__sent"),
        "GET /viber/senders/1": sample("list_senders__one")[0],
    }
    ledger = SqliteLedger(tmp_path / "kept" / "ledger")
    async with Hostile(answers=answers) as server, session_to(server, ledger=ledger) as session:
        for _, call in CALLS.values():
            await call(session)
        await session.blacklist.add([PHONE] * 3, description=PHONE)
        await session.blacklist.remove([PHONE])
        await session.blacklist.list().collect()
        await session.blacklist.count()
        await session.campaigns.create(attrs.evolve(DRAFT, task_name=PHONE, message=PHONE))
        await session.campaigns.create_once(DRAFT, key=PHONE)
        await session.campaigns.get(7)
        await session.campaigns.recipients(7)
        await session.senders.get(1)

        assert sum(PHONE.encode() in request.body for request in server.requests) >= 6
        heads = [f"{request.target} {request.headers}" for request in server.requests]
        assert [head for head in heads if PHONE[3:] in head] == []
        assert [request.target for request in server.requests if re.search(r"\d{8}", request.target)] == []


# What we are told to send

EVIL = "SPOTTED\r\nx-evil: 1"


def adding(headers: dict[str, str]) -> Callable[[Attempt, CallNext], Awaitable[Answer]]:
    """Give a middleware that adds *headers*."""

    async def middleware(attempt: Attempt, call_next: CallNext) -> Answer:
        return await call_next(attrs.evolve(attempt, headers=headers))

    return middleware


INJECTED: dict[str, Callable[[Hostile], ViberSession]] = {
    "an id": lambda server: session_to(server, credentials=ClientCredentials(EVIL, "secret")),
    "a secret": lambda server: session_to(server, credentials=ClientCredentials("id", EVIL)),
    "a pair": lambda server: session_to(server, credentials=("id", EVIL)),
    "a key": lambda server: session_to(server, credentials=ApiKey(EVIL)),
    "a program's name": lambda server: session_to(server, user_agent=EVIL),
    "a header's value": lambda server: session_to(server, middleware=[adding({"x-trace": EVIL})]),
    "a header's name": lambda server: session_to(server, middleware=[adding({EVIL: "1"})]),
    "a lone line feed": lambda server: session_to(server, middleware=[adding({"x-trace": "SPOTTED\nx-evil: 1"})]),
    "a lone carriage return": lambda server: session_to(server, middleware=[adding({"x-trace": "SPOTTED\rx-evil: 1"})]),
    "a NUL": lambda server: session_to(server, middleware=[adding({"x-trace": "SPOTTED\0"})]),
    "another host": lambda server: session_to(server, middleware=[adding({"Host": "SPOTTED"})]),
    "another end": lambda server: session_to(server, middleware=[adding({"Transfer-Encoding": "chunked"})]),
    "another length": lambda server: session_to(server, middleware=[adding({"content-length": "5"})]),
    "another protocol": lambda server: session_to(server, middleware=[adding({"Upgrade": "SPOTTED"})]),
}


@pytest.mark.fault("S05")
@pytest.mark.parametrize("where", INJECTED)
async def test_what_would_change_the_request_around_it_is_refused_without_being_shown(where: str) -> None:
    """Nothing has left by then."""
    async with Hostile() as server:
        with pytest.raises((ConfigurationError, ValidationError)) as caught:
            async with INJECTED[where](server) as session:
                await session.campaigns.create(DRAFT)

        assert server.requests == []
    assert "SPOTTED" not in f"{caught.value} {caught.value!r} {vars(caught.value)}"


@pytest.mark.fault("S05")
@pytest.mark.parametrize(
    "call",
    [
        lambda session: session.request("GET", f"/x{EVIL}"),
        lambda session: session.request("GET /x HTTP/1.1\r\nx-evil: 1\r\n\r\nGET", "/x"),
        lambda session: session.request("GET", "/x", params={EVIL: "1"}),
        lambda session: session.request("GET", "/x", params={"a": EVIL}),
        lambda session: session.request("POST", "/x", json={EVIL: EVIL}),
        lambda session: session.campaigns.create(attrs.evolve(DRAFT, task_name=EVIL, message=EVIL)),
        lambda session: session.blacklist.add([PHONE], description=EVIL),
    ],
    ids=["path", "method", "a parameter's name", "a parameter", "json", "a campaign", "a description"],
)
async def test_what_callers_write_stays_where_it_belongs(call: Callable[[ViberSession], Awaitable[Any]]) -> None:
    """Refused, or encoded: no server finds a line in the head that is not ours."""
    async with Hostile(answers=ALSO_HONEST) as server, session_to(server) as session:
        try:
            await call(session)
        except ValidationError:
            assert server.requests == []
        await session.senders.list()

        heads = [bytes(peer.received).partition(b"\r\n\r\n")[0] for peer in server.peers]
        assert heads != []
        assert [head for head in heads if b"\nx-evil" in head or b"\rx-evil" in head] == []
        assert [request for request in server.requests if "x-evil" in request.headers] == []


# What the machine we run on has to say

AROUND = """
import asyncio, sys
import certifi
from viber_async import ApiKey, ConnectionFailedError, ViberSession
from viber_async._connections import tls_context

async def ask(url):
    async with ViberSession(ApiKey("k"), base_url=url, retries=0) as session:
        try:
            print(await session.senders.list())
        except ConnectionFailedError as error:
            print("refused" if error.permanent else error)

url, authority = sys.argv[1:]
asyncio.run(ask(url))
certifi.where = lambda: authority  # as if it were one of the world's, so that there are keys to write down
tls_context.cache_clear()
asyncio.run(ask(url))
"""


@pytest.mark.fault("S06")
async def test_the_environment_decides_neither_whom_we_trust_nor_who_listens(tmp_path: Path) -> None:
    """No proxy of it is asked, no authority of it is believed, and the keys of our connections are not written down."""
    authority, keys = trustme.CA(), tmp_path / "keys"
    pem = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with Hostile(then=(take, swallow)) as proxy, Hostile(then=(tls(context), serve()), scheme="https") as server:
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        said = {each: proxy.url for name in names for each in (name, name.lower())}
        said |= dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), str(pem))
        said |= {"SSL_CERT_DIR": str(tmp_path), "SSLKEYLOGFILE": str(keys), "NO_PROXY": "", "no_proxy": ""}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", AROUND, server.url, str(pem)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **said, "PYTHONPATH": str(ROOT)},
        )
        printed, complaint = await process.communicate()

        assert (printed.split(), complaint) == ([b"refused", b"()"], b"")
        assert proxy.peers == []
        assert server.count(SENDERS) == 1
    assert not keys.exists()


@pytest.mark.fault("S10")
@pytest.mark.parametrize("switch", ["verify", "cert", "trust_env", "follow_redirects", "cookies", "ssl", "http2"])
def test_there_is_no_switch_for_what_keeps_us_safe(switch: str) -> None:
    """Neither on a session nor on a view of one."""
    session = ViberSession(ApiKey("k"))
    with pytest.raises(TypeError):
        ViberSession(ApiKey("k"), **{switch: False})  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        session.with_options(**{switch: False})  # type: ignore[arg-type]


def unnamed() -> ssl.SSLContext:
    """Give a context that takes anybody's certificate for everybody's."""
    context = ssl.create_default_context()
    context.check_hostname = False
    return context


@pytest.mark.fault("S10")
@pytest.mark.parametrize("verify", [lambda: False, ssl._create_unverified_context, unnamed])
@pytest.mark.parametrize("proxy", [None, "http://127.0.0.1:1"])
def test_a_transport_that_takes_any_certificate_is_refused(verify: Callable[[], Any], proxy: str | None) -> None:
    """Where certificates are looked at; on a loopback address without TLS there are none."""
    transport = httpx.AsyncHTTPTransport(verify=verify(), proxy=proxy)
    with pytest.raises(ConfigurationError, match="transport: it takes any certificate"):
        ViberSession(ApiKey("k"), transport=transport)

    assert ViberSession(ApiKey("k"), base_url="http://127.0.0.1:1", transport=transport)
    assert ViberSession(ApiKey("k"), transport=httpx.AsyncHTTPTransport(proxy=proxy))


# What is written down


@contextmanager
def written_down() -> Iterator[io.StringIO]:
    """Give what a program's log would hold, with everything in it that anybody says."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    root, old = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(1)
    try:
        yield log
    finally:
        root.removeHandler(handler)
        root.setLevel(old)


FORGED = (
    "\r\nCRITICAL root forged \x1b[31m\x07\u202e\u2028 %s %d %(name)s {0} {__class__} $HOME ${jndi:ldap://x} "
    + "x" * 5000
)


@pytest.mark.fault("S12", "P25")
@pytest.mark.parametrize(
    "said",
    [
        answer({"message": FORGED, "error_code": 7}, 503),
        answer({"error": "server_error", "error_description": FORGED}, 500),
        answer({"message": "no", "errors": {FORGED: [FORGED] * 9}}, 422),
        answer({"result": False, "message": FORGED}),
        raw_answer(FORGED.encode(), 500, content_type="text/html"),
        raw_answer(FORGED.encode(), 200),
        answer({}, 302, location="/%0d%0aforged%1b%s{0}"),
        answer({FORGED: 1}, 200),
        raw_answer(b"{}", 200, content_encoding="%s{0}forged"),
    ],
    ids=range(9),
)
@pytest.mark.parametrize(
    "call", [lambda session: session.senders.list(), lambda session: session.campaigns.create(DRAFT)]
)
async def test_nobody_writes_lines_into_our_log(said: bytes, call: Callable[[ViberSession], Awaitable[Any]]) -> None:
    """What a server says stands in one line, escaped, bounded and never as a format; so do the errors."""
    async with Hostile(then=(take, send(said))) as server:
        with written_down() as log:
            async with session_to(server) as session:
                with pytest.raises(ViberError) as caught:
                    await call(session)
                logging.getLogger("app").error("it failed: %s", caught.value)

    ours = [line for line in log.getvalue().split("\n") if "viber_async" in line or " app " in line]
    assert [line for line in log.getvalue().split("\n") if line.startswith("CRITICAL")] == []
    assert len(ours) >= 1
    assert [line for line in ours if len(line.encode()) > 2048 or not line.isprintable()] == []
    assert str(caught.value).isprintable()


# What we stand on


def bounds(project: str) -> dict[str, str]:
    """Give the lower bound of everything that *project* needs without an extra."""
    needed = [each for each in metadata.requires(project) or [] if "extra ==" not in each]
    return {name: version for each in needed for name, version in re.findall(r"^([\w.-]+).*?>=\s*([\w.]+)", each)}


@pytest.mark.fault("S13")
def test_everything_we_need_has_a_lower_bound() -> None:
    """Those five and no more; what they stand on in turn is looked at when it is used."""
    assert set(bounds("viber-async")) == {"httpx", "attrs", "cattrs", "anyio", "sniffio"}
    assert bounds("viber-async")["httpx"] == "0.28.1"


@pytest.mark.fault("S13")
@pytest.mark.parametrize(
    ("version", "taken"), [("0.15.9", False), ("0.14.0", False), ("0.16.0", True), ("1.0.0.dev1", True)]
)
async def test_a_parser_that_answers_can_be_smuggled_through_is_refused(
    monkeypatch: pytest.MonkeyPatch, version: str, taken: bool
) -> None:
    """httpx would take it; the session says what to install, before anything is sent."""
    monkeypatch.setattr("h11.__version__", version)
    async with Hostile() as server:
        session = session_to(server)
        if taken:
            assert await session.senders.list() == ()
        else:
            with pytest.raises(ConfigurationError, match=r"pip install 'h11>=0\.16'"):
                await session.senders.list()
            assert server.peers == []
        await session.aclose()

    assert connections.PARSER == (0, 16)


@pytest.mark.fault("S13")
@pytest.mark.parametrize("end", [b"XX", b"\r\r", b"\n\n", b"ab0\r\n"])
async def test_a_chunk_with_a_sloppy_end_is_no_answer(end: bytes) -> None:
    """Which is what the floor is for: an earlier parser took any two bytes for the end of a chunk."""
    body = b"2\r\n[]" + end + b"0\r\n\r\n"
    sloppy = raw_answer(body, content_length="", transfer_encoding="chunked")
    async with Hostile(then=(take, send(sloppy), close)) as server, session_to(server, retries=0) as session:
        with pytest.raises(ProtocolError):
            await session.senders.list()
