"""The rows of the fault table about tokens, on real sockets: what is asked for, what is sent, and what is told."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.wire.hostile import (
    HONEST,
    Arrived,
    Hostile,
    Peer,
    Script,
    Step,
    answer,
    close,
    healthy_afterwards,
    raw_answer,
    reset,
    send,
    session_to,
    swallow,
    take,
)
from viber_async import (
    AuthenticationError,
    CampaignDraft,
    ClientCredentials,
    DecodeError,
    Delivery,
    FileTokenStore,
    PermissionDeniedError,
    ProtocolError,
    RequestTimeoutError,
    ServerError,
    StoredToken,
    Timeout,
    TransportError,
    ViberError,
    ViberSession,
)
from viber_async._auth import TokenRefresher
from viber_async._sansio import token_file
from viber_async._sansio.tokens import account_of

CREDENTIALS = ClientCredentials("the-id", "hidden-secret")
TOKEN, SENDERS, CREATE = "POST /oauth/access_token", "GET /viber/senders", "POST /viber"
DRAFT = CampaignDraft(sender_id=1, message_live_time=60, message="x", task_name="spring", recipients=["380931111111"])
UNAUTHORIZED = answer({"message": "Unauthorized!", "error_code": 401}, 401)
RECIPIENTS = "/viber/task/7/recipients"
ALSO_HONEST = {f"GET {RECIPIENTS}": {"task_id": 7, "recipients": []}, "POST /x": {}, "GET /x": {}}


def to(server: Hostile, **settings: Any) -> ViberSession:
    """Give a session with an id and a secret."""
    return session_to(server, credentials=CREDENTIALS, **settings)


def judge(say: Callable[[Arrived], Awaitable[bytes] | bytes]) -> Step:
    """Answer each request with what *say* gives for it."""

    async def step(peer: Peer) -> None:
        while True:
            said = say(await peer.next_request())
            await peer.send(said if isinstance(said, bytes) else await said)

    return step


class Account:
    """Gives token-1, token-2 and so on, and says no to those it does not like."""

    def __init__(self, likes: Callable[[str], bool]) -> None:
        self.likes = likes
        self.given = 0

    def say(self, request: Arrived) -> bytes:
        if str(request) == TOKEN:
            self.given += 1
            return answer({**HONEST[TOKEN], "access_token": f"token-{self.given}"})
        if not self.likes(request.headers["authorization"].removeprefix("Bearer ")):
            return UNAUTHORIZED
        value = {**HONEST, **ALSO_HONEST}[str(request)]
        return answer(value(request) if callable(value) else value)

    def server(self) -> Hostile:
        return Hostile(then=(judge(self.say),))


async def rows_of(session: ViberSession) -> list[Any]:
    return [row async for row in session.campaigns.iter_recipients(7)]


CALLS: dict[str, tuple[str, Callable[[ViberSession], Awaitable[Any]]]] = {
    "a read": (SENDERS, lambda session: session.senders.list()),
    "a campaign": (CREATE, lambda session: session.campaigns.create(DRAFT)),
    "a blacklist write": (
        "POST /v2/viber-service/phone-exception",
        lambda session: session.blacklist.add(["380931111111"]),
    ),
    "a stream": (f"GET {RECIPIENTS}", rows_of),
    "a request of one's own": ("POST /x", lambda session: session.request("POST", "/x", json={"a": 1})),
}
EACH_CALL = pytest.mark.parametrize(("what", "call"), CALLS.values(), ids=CALLS)


# No token to be had


@pytest.mark.fault("A01")
@pytest.mark.parametrize(
    "refusal",
    [
        answer({"error": "invalid_client", "error_description": "Client authentication failed: hidden-secret"}, 400),
        answer({"error": "invalid_client", "message": "hidden-secret"}, 401),
        raw_answer(b"<html>the-id:hidden-secret</html>", 401),
    ],
    ids=["400", "401", "401 in HTML"],
)
async def test_refused_credentials_are_tried_once(refusal: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is called within the next seconds; nothing else is sent, and the secret is not told back."""
    caplog.set_level(1)
    async with Hostile(then=(judge(lambda _: refusal),)) as server, to(server) as session:
        for _, call in CALLS.values():
            with pytest.raises(AuthenticationError) as caught:
                await call(session)
            assert caught.value.delivery is Delivery.NOT_SENT
            assert "hidden" not in f"{caught.value!s} {caught.value!r} {vars(caught.value)}"

        assert list(map(str, server.requests)) == [TOKEN]
        assert "hidden" not in caplog.text


FAILING: dict[str, tuple[Script, type[ViberError], int]] = {
    "500": ((take, send(answer({"message": "oops"}, 500))), ServerError, 3),
    "502 in HTML": ((take, send(raw_answer(b"<html>", 502))), ServerError, 3),
    "no answer": ((take, swallow), RequestTimeoutError, 3),
    "reset": ((take, reset), TransportError, 3),
    "closed": ((take, close), ProtocolError, 3),
    "HTML": ((take, send(raw_answer(b"<html>"))), DecodeError, 1),
    "half an answer": ((take, send(raw_answer(b'{"access_token": "tok'))), DecodeError, 1),
    "nothing": ((take, send(raw_answer(b""))), DecodeError, 1),
    "a list": ((take, send(answer([]))), DecodeError, 1),
}


@pytest.mark.fault("A03")
@pytest.mark.parametrize(("script", "error", "tries"), FAILING.values(), ids=FAILING)
async def test_a_token_that_cannot_be_had_is_told_with_its_true_cause(
    script: Script, error: type[ViberError], tries: int
) -> None:
    """After a bounded number of tries; nothing else was sent, and the next call may succeed."""
    async with Hostile(then=script) as server, to(server, timeout=Timeout(read=0.2)) as session:
        for call in (session.senders.list, lambda: session.campaigns.create(DRAFT)):
            before = server.count(TOKEN)
            with pytest.raises(error) as caught:
                await call()

            assert type(caught.value) is error
            assert caught.value.delivery is Delivery.NOT_SENT
            assert server.count(TOKEN) - before == tries
        assert len(server.requests) == server.count(TOKEN)
        server.heal()

        assert await session.senders.list() == ()
        await healthy_afterwards(session)


# What the answer to a token call may be


def token_answer(**fields: str) -> bytes:
    """Give the answer to a token call, with *fields* as raw JSON in place of the honest ones; "" leaves one out."""
    said = {"access_token": '"token-1"', "token_type": '"Bearer"', "expires_in": "3600", **fields}
    return raw_answer(("{" + ",".join(f'"{name}":{value}' for name, value in said.items() if value) + "}").encode())


@pytest.mark.fault("A09")
@pytest.mark.parametrize(
    ("written", "lifetime"),
    [
        ("3600", 3600),
        ('"3600"', 3600),
        ("", 300),
        ("null", 300),
        ("1000000000", 86400),
        ("1", 1),
        ("0", None),
        ("-1", None),
        ("1e9", None),
        ("3600.5", None),
        ("NaN", None),
        ("true", None),
        ('"soon"', None),
        ("9" * 5000, None),
    ],
    ids=lambda value: str(value)[:12],
)
async def test_a_lifetime_is_a_positive_number_of_seconds_or_an_error(written: str, lifetime: int | None) -> None:
    """Never guessed, a day at most; where none is said, five minutes."""
    async with Hostile((take, send(token_answer(expires_in=written)))) as server, to(server) as session:
        if lifetime is None:
            with pytest.raises(DecodeError) as caught:
                await session.senders.list()
            assert caught.value.delivery is Delivery.NOT_SENT
            assert list(map(str, server.requests)) == [TOKEN]
            return
        await session.senders.list()
        bearer = session._parts.open().bearer
        assert isinstance(bearer, TokenRefresher)
        token = bearer.current()

        assert token is not None
        assert math.isclose(token.ends_at - token.asked_at, lifetime, abs_tol=0.001)


@pytest.mark.fault("A10", "S05")
@pytest.mark.parametrize(
    "written",
    [
        json.dumps("SPOTTED\r\nx-evil: 1"),
        json.dumps("SPOTTED\n"),
        json.dumps("SPOTTED here"),
        json.dumps(" SPOTTED"),
        json.dumps("SPOTTED\u00e9"),
        json.dumps("SPOTTED\u043a\u043b\u044e\u0447"),
        json.dumps("SPOTTED\x00"),
        json.dumps("SPOTTED" * 1000),
        json.dumps("SPOTTED" * 150_000),
        '""',
        "",
        "null",
        "5",
        "true",
        '["SPOTTED"]',
        '{"SPOTTED": 1}',
    ],
    ids=lambda value: value[:30],
)
async def test_a_token_that_no_header_can_carry_is_refused_without_being_shown(
    written: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is sent with it, and it stands in no text, no field and no log."""
    caplog.set_level(1)
    async with Hostile(then=(judge(lambda _: token_answer(access_token=written)),)) as server, to(server) as session:
        for _ in range(2):
            with pytest.raises(AuthenticationError) as caught:
                await session.senders.list()

        assert list(map(str, server.requests)) == [TOKEN]
    error = caught.value
    assert error.delivery is Delivery.NOT_SENT
    assert "SPOTTED" not in f"{error} {error!r} {vars(error)} {caplog.text}"


@pytest.mark.fault("A11")
@pytest.mark.parametrize("kind", ['"mac"', '"MAC"', '""', "5", '["Bearer"]'])
async def test_a_token_of_another_kind_is_not_used(kind: str) -> None:
    """Sent as a bearer's, it would be given away."""
    async with Hostile((take, send(token_answer(token_type=kind)))) as server, to(server) as session:
        with pytest.raises(AuthenticationError) as caught:
            await session.senders.list()

        assert list(map(str, server.requests)) == [TOKEN]
    assert caught.value.delivery is Delivery.NOT_SENT


# One token call for all


@pytest.mark.fault("A04")
async def test_hundreds_of_callers_cause_one_token_call() -> None:
    """All of them at the start, before there is one."""
    async with Account(lambda _: True).server() as server, to(server, max_connections=10) as session:
        await asyncio.gather(*(session.senders.list() for _ in range(200)))

        assert (server.count(TOKEN), server.count(SENDERS)) == (1, 200)
        await healthy_afterwards(session)


@pytest.mark.fault("A05")
async def test_a_caller_that_is_cancelled_takes_no_token_call_along() -> None:
    """The first one noticed that there is none; the others get what was asked for on its behalf."""
    asked, go_on = asyncio.Event(), asyncio.Event()
    account = Account(lambda _: True)

    async def slowly(request: Arrived) -> bytes:
        if str(request) == TOKEN:
            asked.set()
            await go_on.wait()
        return account.say(request)

    async with Hostile(then=(judge(slowly),)) as server, to(server) as session:
        leader = asyncio.create_task(session.campaigns.create(DRAFT))
        await asked.wait()
        others = [asyncio.ensure_future(session.senders.list()) for _ in range(10)]  # type: ignore[arg-type]
        await asyncio.sleep(0)
        leader.cancel()
        await asyncio.wait([leader])
        go_on.set()

        assert await asyncio.gather(*others) == [()] * 10
        assert leader.cancelled()
        assert (server.count(TOKEN), server.count(CREATE)) == (1, 0)
        await healthy_afterwards(session)


# A token that is refused


@pytest.mark.fault("A06")
@EACH_CALL
async def test_a_refused_token_is_replaced_and_the_call_sent_again(
    what: str, call: Callable[[ViberSession], Awaitable[Any]]
) -> None:
    """Once each, with the same bytes."""
    async with Account(lambda token: token != "token-1").server() as server, to(server) as session:
        await call(session)
        sent = [request for request in server.requests if str(request) == what]

        assert [request.headers["authorization"] for request in sent] == ["Bearer token-1", "Bearer token-2"]
        assert sent[0].body == sent[1].body
        assert server.count(TOKEN) == 2
        await healthy_afterwards(session)


@pytest.mark.fault("A07")
@EACH_CALL
async def test_a_refusal_that_does_not_end_costs_two_sends_and_two_token_calls(
    what: str, call: Callable[[ViberSession], Awaitable[Any]]
) -> None:
    """And then it is told as what it is; a campaign was certainly not created. Within the next seconds no more."""
    async with Account(lambda _: False).server() as server, to(server) as session:
        with pytest.raises(AuthenticationError) as caught:
            await call(session)

        assert (server.count(what), server.count(TOKEN)) == (2, 2)
        assert caught.value.delivery is Delivery.ANSWERED
        for _ in range(5):
            with pytest.raises(AuthenticationError):
                await call(session)

        assert server.count(what) <= 2 + 5 * 2
        assert server.count(TOKEN) == 2


@pytest.mark.fault("A08")
async def test_a_token_that_is_revoked_under_fifty_calls_is_replaced_once() -> None:
    """Half of them are refused at once; the other half late, when a newer one is in use, which they leave alone."""
    count = 50
    account = Account(lambda token: token != "token-1")
    arrived = 0
    all_arrived, renewed = asyncio.Event(), asyncio.Event()

    async def late(request: Arrived) -> bytes:
        nonlocal arrived
        if request.headers.get("authorization") == "Bearer token-1":
            arrived += 1
            mine = arrived
            if arrived == count:
                all_arrived.set()
            await (all_arrived if mine <= count / 2 else renewed).wait()
        elif str(request) == SENDERS:
            renewed.set()
        return account.say(request)

    async with Hostile(then=(judge(late),)) as server, to(server, max_connections=count) as session:
        await asyncio.gather(*(session.senders.list() for _ in range(count)))
        sent = [request.headers["authorization"] for request in server.requests if str(request) == SENDERS]

        assert (sent.count("Bearer token-1"), sent.count("Bearer token-2"), len(sent)) == (count, count, 2 * count)
        assert server.count(TOKEN) == 2
        await healthy_afterwards(session)


@pytest.mark.fault("A12")
@pytest.mark.parametrize(
    "refusal", [answer({}, 403), raw_answer(b"<html>", 403), answer({"message": "no", "error_code": 800})]
)
@EACH_CALL
async def test_what_an_account_may_not_do_is_no_matter_of_its_token(
    what: str, call: Callable[[ViberSession], Awaitable[Any]], refusal: bytes
) -> None:
    """It is sent once, and no other token is asked for."""
    account = Account(lambda _: True)
    script = (judge(lambda request: account.say(request) if str(request) == TOKEN else refusal),)
    async with Hostile(then=script) as server, to(server) as session:
        with pytest.raises(PermissionDeniedError):
            await call(session)

        assert list(map(str, server.requests)) == [TOKEN, what]


# A token that others share


@pytest.mark.fault("A14")
async def test_a_token_that_another_process_has_rotated_is_found_in_the_file(tmp_path: Path) -> None:
    """Ours is refused meanwhile; theirs is there already, and no token is asked for."""
    path = tmp_path / "tokens"
    account = Account(lambda token: token == "theirs")
    async with account.server() as server, to(server, token_store=FileTokenStore(path)) as session:
        account.likes = lambda _: True
        await session.senders.list()
        account.likes = lambda token: token == "theirs"
        theirs = StoredToken(value="theirs", expires_at=time.time() + 1000, lifetime=3600)
        path.write_bytes(token_file.written({account_of(CREDENTIALS, server.url): theirs}, now=0))
        await session.senders.list()
        sent = [request.headers["authorization"] for request in server.requests if str(request) == SENDERS]

        assert sent == ["Bearer token-1", "Bearer token-1", "Bearer theirs"]
        assert server.count(TOKEN) == 1


@pytest.mark.fault("A13")
async def test_a_file_that_others_could_read_costs_a_warning_and_no_call(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What stands in it is never sent anywhere."""
    path = tmp_path / "tokens"
    async with Account(lambda _: True).server() as server, to(server, token_store=FileTokenStore(path)) as session:
        theirs = StoredToken(value="SPOTTED", expires_at=time.time() + 1000, lifetime=3600)
        path.write_bytes(token_file.written({account_of(CREDENTIALS, server.url): theirs}, now=0))
        path.chmod(0o644)
        await session.senders.list()

        assert [request.headers.get("authorization") for request in server.requests] == [None, "Bearer token-1"]
        assert b"SPOTTED" not in b"".join(bytes(peer.received) for peer in server.peers)
    assert "must be this user's, with mode 0600" in caplog.text
    assert "SPOTTED" not in caplog.text
