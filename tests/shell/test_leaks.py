"""No secret, no token and no whole phone number anywhere: not in a log of any level, not in an error and not behind it.

Random words are given to a session, everything fails in every way, over a provider that echoes whatever it was sent,
and all that anybody could see is searched for the words.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import warnings
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.shell.canary import Canary, Watch
from tests.shell.clock import in_virtual_time
from tests.shell.ledger import MemoryLedger
from tests.shell.provider import Pieces, Provider
from viber_async import (
    Answer,
    ApiKey,
    Attempt,
    BlacklistEntry,
    CallNext,
    CampaignDraft,
    CampaignRecipients,
    ClientCredentials,
    ConfigurationError,
    CreatedCampaign,
    CreateHandle,
    OutcomeUnknownError,
    RateLimit,
    Recipient,
    StoredToken,
    ValidationError,
    ViberError,
    ViberSession,
)
from viber_async._limiter import PacedLimiter
from viber_async._sansio.ledger import State
from viber_async._sansio.outcome import handle_of
from viber_async.testing import AnswerRecorder, run_in_virtual_time

URL = "http://127.0.0.1:1"
NOW = datetime(2026, 7, 1, tzinfo=UTC)
HANDLE = CreateHandle(task_name="spring", sender_id=1, message_digest=None, sent_after=NOW, sent_before=NOW)

Call = Callable[[ViberSession, Canary], Awaitable[object]]


def draft(canary: Canary) -> CampaignDraft:
    first, second, third = canary.phones
    return CampaignDraft(
        sender_id=1,
        message_live_time=3600,
        task_name=f"for {first}",
        message=f"call {second} or {third}",
        recipients=canary.phones,
    )


async def create(session: ViberSession, canary: Canary) -> object:
    return await session.campaigns.create(draft(canary))


async def create_by_fields(session: ViberSession, canary: Canary) -> object:
    return await session.campaigns.create(
        sender_id=1, message_live_time=60, message=f"call {canary.phones[0]}", recipients=iter(canary.phones)
    )


async def create_once(session: ViberSession, canary: Canary) -> object:
    return await session.campaigns.create_once(draft(canary), key=f"order of {canary.phones[0]}")


async def create_once_again(session: ViberSession, canary: Canary) -> object:
    """Look for what the first call left unknown."""
    with suppress(OutcomeUnknownError):
        await create_once(session, canary)
    return await create_once(session, canary)


async def reconcile(session: ViberSession, canary: Canary) -> object:
    return await session.campaigns.reconcile(HANDLE)


async def reconcile_pending(session: ViberSession, canary: Canary) -> object:
    with suppress(ViberError):
        await create_once(session, canary)
    return await session.campaigns.reconcile_pending()


async def stream(session: ViberSession, canary: Canary) -> object:
    return [row async for row in session.campaigns.iter_recipients(7)]


async def several_batches(session: ViberSession, canary: Canary) -> object:
    return await session.blacklist.add([*canary.phones, *range(380930000000, 380930001500)], description="asked")


CALLS: dict[str, Call] = {
    "create": create,
    "create by fields": create_by_fields,
    "create_once": create_once,
    "create_once again": create_once_again,
    "reconcile": reconcile,
    "reconcile_pending": reconcile_pending,
    "campaigns.list": lambda session, _: session.campaigns.list().collect(),
    "campaigns.get": lambda session, _: session.campaigns.get(7),
    "campaigns.watch": lambda session, _: anext(session.campaigns.watch(7)),
    "campaigns.list, one after another": lambda session, _: session.campaigns.list(ahead=False).first(),
    "recipients": lambda session, _: session.campaigns.recipients(7),
    "iter_recipients": stream,
    "senders.list": lambda session, _: session.senders.list(),
    "senders.get": lambda session, _: session.senders.get(1),
    "blacklist.list": lambda session, _: session.blacklist.list().first(),
    "blacklist.count": lambda session, _: session.blacklist.count(),
    "blacklist.add": lambda session, canary: session.blacklist.add(canary.phones, description="asked"),
    "blacklist.add in batches": several_batches,
    "blacklist.remove": lambda session, canary: session.blacklist.remove(canary.phones),
    "request with a phone in its path": lambda session, canary: session.request("GET", f"/x/{canary.phones[0]}/y"),
    "request with a phone in its query": lambda session, canary: session.request(
        "GET", "/x", params={"phone": canary.phones[0], "n": int(canary.phones[1])}
    ),
    "request with phones in its body": lambda session, canary: session.request(
        "POST", "/x", json={"phones": canary.phones}
    ),
}
WRONG: dict[str, Call] = {
    "a phone that is none": lambda session, canary: session.blacklist.add([*canary.phones, f"{canary.phones[0]}x"]),
    "a phone with too many digits": lambda session, canary: session.blacklist.remove([canary.phones[0] * 2]),
    "a recipient that is none": lambda session, canary: session.campaigns.create(
        sender_id=1, message_live_time=60, message="x", recipients=[*canary.phones, f"+{canary.phones[0]}+"]
    ),
    "a sender that is a phone": lambda session, canary: session.campaigns.create(
        sender_id=canary.phones[0],  # type: ignore[arg-type]
        message_live_time=60,
        message="x",
        recipients=canary.phones,
    ),
    "a description with a phone": lambda session, canary: session.blacklist.add(
        canary.phones, description=f"{canary.phones[0]}\n"
    ),
    "a key with a phone": lambda session, canary: session.campaigns.create_once(
        draft(canary), key=canary.phones[0] * 1000
    ),
    "a path that is none": lambda session, canary: session.request("GET", f"{canary.phones[0]}"),
    "a query that is none": lambda session, canary: session.request(
        "GET",
        "/x",
        params={canary.phones[0]: [canary.phones[1]]},  # type: ignore[dict-item]
    ),
    "a body that is none": lambda session, canary: session.request("POST", "/x", json={canary.phones[0]: object()}),
    "a campaign that is a phone": lambda session, canary: session.campaigns.get(f"{canary.phones[0]}"),  # type: ignore[arg-type]
    "a token of a walk that is a phone": lambda session, canary: session.blacklist.list(token=canary.phones[0]).first(),
    "a handle that is none": lambda session, canary: session.campaigns.reconcile({"x": canary.phones}),  # type: ignore[arg-type]
}
SHOWN_BY_THE_CALLER = {
    "a campaign that is a phone",
    "a token of a walk that is a phone",
    "a handle that is none",
}
"""One value that is no phone's place: the frame of the method that was called has it, as the caller's own frame has."""


# What the provider and the network may do, and say.


def echo(request: httpx.Request) -> str:
    """All that was sent, as a debugging proxy or a careless provider would give it back."""
    return f"{dict(request.headers)} {request.url} {request.content.decode()} {request.headers.get('authorization')}"


def says(status: int, **fields: Any) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        said = echo(request)
        body = {"message": said, "errors": {said: [said, said]}, **fields}
        return httpx.Response(status, json=body, headers={"x-request-id": "1", "location": "https://x.invalid/"})

    return answer


def gives(body: Callable[[str], bytes], status: int = 200, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    return lambda request: httpx.Response(status, content=body(echo(request)), headers=headers)


def fails(kind: type[Exception]) -> Callable[[httpx.Request], Any]:
    def fail(request: httpx.Request) -> Any:
        raise kind(echo(request)) from OSError(echo(request))

    return fail


def fails_with_its_request(request: httpx.Request) -> Any:
    """As a transport does that was written for httpx's own client."""
    raise httpx.ReadTimeout(echo(request), request=request) from httpx.ReadError(echo(request), request=request)


def cut(request: httpx.Request) -> Any:
    said = echo(request).encode()
    body = Pieces(b'{"recipients": [{"phone": "', said, httpx.ReadError(said.decode()))
    return httpx.Response(200, stream=body)


FAILURES: dict[str, Callable[[httpx.Request], Any]] = {
    **{f"{status} with an echo": says(status) for status in (302, 400, 401, 403, 404, 408, 409, 422, 429, 500, 503)},
    **{f"code {code}": says(400, error_code=code) for code in (707, 799, 800, 802)},
    "2020202020": says(200, error_code=2020202020),
    "result: false": says(200, result=False),
    "is_error": says(200, is_error=True),
    "result: true with an echo": says(200, result=True, data={"task_id": 1, "task_name": "another"}),
    "HTML": gives(lambda said: f"<html>{said}</html>".encode()),
    "an echo in a list": gives(lambda said: json.dumps([said]).encode()),
    "an echo as a key": gives(lambda said: json.dumps({said: said}).encode()),
    "an echo for an id": gives(
        lambda said: json.dumps({"id": said, "data": {"task_id": said}, "result": True}).encode()
    ),
    "an encoding": gives(lambda said: said.encode(), content_encoding="x"),
    "an endless echo": gives(lambda said: said.encode() * 20_000),
    "nothing": gives(lambda _: b""),
    "ConnectError": fails(httpx.ConnectError),
    "ConnectTimeout": fails(httpx.ConnectTimeout),
    "PoolTimeout": fails(httpx.PoolTimeout),
    "ReadTimeout": fails(httpx.ReadTimeout),
    "ReadTimeout with its request": fails_with_its_request,
    "ReadError": fails(httpx.ReadError),
    "RemoteProtocolError": fails(httpx.RemoteProtocolError),
    "an error of the transport's own": fails(RuntimeError),
    "a cut": cut,
}

FOR_EVERY_CALL = {
    "401 with an echo",
    "422 with an echo",
    "429 with an echo",
    "500 with an echo",
    "result: false",
    "HTML",
    "an echo as a key",
    "ReadTimeout",
    "RemoteProtocolError",
    "an error of the transport's own",
    "a cut",
}
"""One of each kind; the others meet some calls of each kind."""
_CALLS_OF_OURS = ("create", "create_once again", "iter_recipients", "campaigns.list", "blacklist.add")
SOME = (*_CALLS_OF_OURS, "request with a phone in its path", "request with phones in its body")


class Echoing(Provider):
    """Fails as it is told; what `spares` says is answered well."""

    def __init__(self, canary: Canary, failure: Callable[[httpx.Request], Any], spares: Callable[[str], bool]) -> None:
        super().__init__()
        self._canary, self._failure, self._spares = canary, failure, spares

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.tell:
            await self.say("http11.send_request_headers.started", request)
        if self._spares(f"{request.method} {request.url.path}"):
            return httpx.Response(200, json=self._good(request.url.path))
        answer = self._failure(request)
        given: httpx.Response = await answer if isinstance(answer, Awaitable) else answer
        return given

    def _good(self, path: str) -> Any:
        if path == "/oauth/access_token":
            return {"access_token": self._canary.token, "token_type": "Bearer", "expires_in": 3600}
        return []


def is_token(what: str) -> bool:
    return what == "POST /oauth/access_token"


def is_token_or_list(what: str) -> bool:
    return is_token(what) or what == "GET /viber/task"


def nothing(_: str) -> bool:
    return False


async def tried(
    canary: Canary,
    name: str,
    call: Call,
    failure: Callable[[httpx.Request], Any],
    *,
    spares: Callable[[str], bool] = is_token_or_list,
    **settings: Any,
) -> BaseException | None:
    """Make one call in a session of its own, and look at all that can be seen of it."""
    credentials = settings.pop("credentials", ClientCredentials("id", canary.secret))
    provider = settings.pop("transport", None) or Echoing(canary, failure, spares)
    settings.setdefault("ledger", MemoryLedger())
    session = ViberSession(credentials, base_url=URL, transport=provider, **settings)
    told: BaseException | None = None
    task = asyncio.ensure_future(_made(call, session, canary))
    try:
        await task
    except (ViberError, asyncio.CancelledError, TimeoutError) as error:
        told = error
    canary.look(f"{name}: session", repr(session))
    canary.look(f"{name}: statistics", repr(session.statistics()))
    canary.look(f"{name}: task", repr(task))
    canary.look(f"{name}: credentials", repr(credentials))
    canary.look_at_error(name, told)
    await session.aclose()
    return told


async def _made(call: Call, session: ViberSession, canary: Canary) -> object:
    return await call(session, canary)


@pytest.fixture
def canary() -> Canary:
    return Canary()


@pytest.mark.parametrize("failure", FAILURES, ids=str)
@pytest.mark.fault("S04", "S12", "S15")
@in_virtual_time
async def test_a_failure_shows_nothing(failure: str, canary: Canary) -> None:
    """Of any call, whatever the provider or the network says."""
    with Watch(canary):
        names = CALLS if failure in FOR_EVERY_CALL else SOME
        told = {name: await tried(canary, name, CALLS[name], FAILURES[failure]) for name in names}

    assert canary.seen == []
    assert canary.texts > 15 * len(names)
    assert any(told.values())


@pytest.mark.parametrize("failure", FAILURES, ids=str)
@pytest.mark.fault("S04", "S15")
@in_virtual_time
async def test_a_failing_call_for_a_token_shows_nothing(failure: str, canary: Canary) -> None:
    """Its request holds the secret itself."""
    with Watch(canary):
        for name in ("create", "create_once", "blacklist.add", "iter_recipients", "senders.list"):
            told = await tried(canary, name, CALLS[name], FAILURES[failure], spares=nothing)

            assert isinstance(told, ViberError)

    assert canary.seen == []


@pytest.mark.parametrize("wrong", WRONG, ids=str)
@pytest.mark.fault("S04", "S05", "I22")
@in_virtual_time
async def test_a_refused_input_shows_nothing(wrong: str, canary: Canary) -> None:
    """Neither the value that is wrong nor those beside it."""
    with Watch(canary):
        told = await tried(canary, wrong, WRONG[wrong], FAILURES["nothing"])

    assert isinstance(told, ValidationError)
    assert [each for each in canary.seen if wrong not in SHOWN_BY_THE_CALLER or "/viber_async/" not in each[0]] == []


async def forever(_: httpx.Request) -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError


def cancelled_after(seconds: float, call: Call) -> Call:
    async def cancelled(session: ViberSession, canary: Canary) -> object:
        async with asyncio.timeout(seconds):
            return await call(session, canary)

    return cancelled


def closed_after(seconds: float, call: Call) -> Call:
    async def closed(session: ViberSession, canary: Canary) -> object:
        task = asyncio.ensure_future(call(session, canary))
        await asyncio.sleep(seconds)
        await session.aclose()
        return await task

    return closed


ENDINGS: dict[str, tuple[Callable[[Call], Call], dict[str, Any]]] = {
    "its deadline": (lambda call: call, {"deadline": 2}),
    "a cancellation": (lambda call: cancelled_after(1, call), {}),
    "closing the session": (lambda call: closed_after(1, call), {}),
    "closing it before": (lambda call: closed_after(0, call), {}),
}


@pytest.mark.parametrize("ending", ENDINGS, ids=str)
@pytest.mark.parametrize("spares", [is_token, is_token_or_list, nothing], ids=["all", "creates", "tokens"])
@pytest.mark.fault("S04", "S15")
@in_virtual_time
async def test_what_is_ended_in_the_middle_shows_nothing(
    ending: str, spares: Callable[[str], bool], canary: Canary
) -> None:
    """While it waits for an answer; its tasks are looked at before that."""
    ends, settings = ENDINGS[ending]
    with Watch(canary) as watch:
        if spares is is_token_or_list:
            watch.loop()
        told = {}
        for name, call in CALLS.items():
            asyncio.get_running_loop().call_later(0.5, watch.look_at_tasks)
            told[name] = await tried(canary, name, ends(call), forever, spares=spares, **settings)

    assert canary.seen == []
    assert told["create"] is not None
    assert told["create_once"] is not None


async def failing_middleware(attempt: Attempt, call_next: CallNext) -> Answer:
    answer = await call_next(attempt)
    raise RuntimeError(answer.status)


class FailingStore:
    """Has been given a token when it fails."""

    async def obtain(self, account: str, *, stale: str | None, fetch: Any) -> StoredToken:
        raise OSError("no space left on device")


class FailingAfterwards:
    async def obtain(self, account: str, *, stale: str | None, fetch: Any) -> StoredToken:
        stored = await fetch()
        raise OSError(f"cannot write {type(stored).__name__}")


class JunkStore:
    async def obtain(self, account: str, *, stale: str | None, fetch: Any) -> Any:
        return f"{(await fetch()).value}\r\n"


class FailingLimiter(PacedLimiter):
    async def acquire(self, **_: Any) -> Any:
        raise RuntimeError("out of order")


class FullLedger(MemoryLedger):
    """Fails on and after a state."""

    def __init__(self, *states: State | None) -> None:
        super().__init__()
        self.broken = lambda row: (None if row is None else row.state) in states


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "a middleware": lambda: {"middleware": [failing_middleware]},
    "a store of tokens": lambda: {"token_store": FailingStore()},
    "a store of tokens, afterwards": lambda: {"token_store": FailingAfterwards()},
    "a store of tokens, with junk": lambda: {"token_store": JunkStore()},
    "a rate limiter": lambda: {"rate_limiter": FailingLimiter(RateLimit(10))},
    "a ledger, at once": lambda: {"ledger": FullLedger(None)},
    "a ledger, before it is sent": lambda: {"ledger": FullLedger(State.SENDING)},
    "a ledger, afterwards": lambda: {"ledger": FullLedger(State.UNKNOWN, State.REJECTED, State.ACCEPTED)},
    "a ledger of an API key": lambda: {"ledger": FullLedger(State.PREPARED), "credentials": None},
    "nothing": dict,
}


@pytest.mark.parametrize("part", PARTS, ids=str)
@pytest.mark.fault("S04", "S15", "C14")
@in_virtual_time
async def test_a_part_that_fails_shows_nothing(part: str, canary: Canary) -> None:
    """Of those that a program may hand in; the provider fails as well, or answers with nonsense."""
    with Watch(canary) as watch:
        if part in ("nothing", "a middleware"):
            watch.loop()
        for name, call in CALLS.items():
            settings = PARTS[part]()
            if "credentials" in settings:
                settings["credentials"] = ApiKey(canary.api_key)
            await tried(canary, name, call, FAILURES["503 with an echo"], **settings)

    assert canary.seen == []
    assert canary.texts > 300


SAMPLES = Path(__file__).parents[1] / "samples"
CAMPAIGN = json.loads((SAMPLES / "get_campaign__sent.json").read_text())
SENDER = json.loads((SAMPLES / "get_sender__verified.json").read_text())
STRANGE: dict[str, Callable[[str], object]] = {
    "a key of a list": lambda said: [SENDER | {said: said, f"{said}.": [said]}],
    "a key of an answer": lambda said: CAMPAIGN | {said: said, "statistic": CAMPAIGN["statistic"] | {said: 1}},
    "a word of a list": lambda said: [SENDER | {"status": said}],
    "a word of an answer": lambda said: CAMPAIGN | {"status": said},
}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("strange", STRANGE)
@pytest.mark.fault("S04", "S15")
@in_virtual_time
async def test_what_is_unknown_in_an_answer_is_counted_without_anybody_in_it(
    strange: str, strict: bool, canary: Canary
) -> None:
    """Whoever is strict is told of it by an error, the others by figures."""
    failure = gives(lambda said: json.dumps(STRANGE[strange](said)).encode())
    reads = ("senders.list", "senders.get", "campaigns.get", "campaigns.watch", "campaigns.list", "recipients")
    with Watch(canary):
        told = [await tried(canary, name, CALLS[name], failure, strict=strict) for name in reads]

    assert canary.seen == []
    assert any(strict == ("strict" in str(error)) for error in told)


EVERYWHERE = gives(lambda said: json.dumps({"status": said, "error": said, "data": [said, {said: said}]}).encode())


@pytest.mark.parametrize("failure", [EVERYWHERE, says(422), gives(lambda said: json.dumps({said: said}).encode())])
@pytest.mark.fault("S04")
def test_what_was_recorded_has_nobody_in_it(failure: Any, canary: Canary, tmp_path: Path) -> None:
    """Neither what was sent nor what came back, in the files and in their names."""

    async def record() -> None:
        for name, call in CALLS.items():
            recorder = AnswerRecorder(tmp_path / name)
            await tried(canary, name, call, failure, spares=is_token, middleware=[recorder])

    with Watch(canary):
        run_in_virtual_time(record())
    files = [*tmp_path.rglob("*.json")]
    for file in files:
        canary.look(file.name, file.read_text())
        canary.look("name of a file", str(file))

    assert canary.seen == []
    assert len(files) >= len(CALLS)


@pytest.mark.fault("S04", "C11")
@in_virtual_time
async def test_a_session_that_is_never_closed_shows_nothing(canary: Canary) -> None:
    """Its warning names no more than its class."""
    with Watch(canary) as watch:
        watch.loop()
        session = ViberSession(
            ClientCredentials("id", canary.secret), base_url=URL, transport=Echoing(canary, forever, is_token)
        )
        task = asyncio.ensure_future(session.campaigns.create(draft(canary)))
        await asyncio.sleep(1)
        canary.look("session", repr(session))
        del session
        task.cancel()
        await asyncio.wait([task])
        del task
        gc.collect()

    assert canary.seen == []


def test_what_is_made_of_secrets_and_phones_shows_none(canary: Canary) -> None:
    """The repr of each value that a program holds."""
    made = draft(canary)
    row = Recipient(canary.phones[0], address_book_id=None, status="send", send_date=None, price=None, currency=None)
    values = [
        made,
        ClientCredentials("id", canary.secret),
        ApiKey(canary.api_key),
        StoredToken(value=canary.token, expires_at=1.0),
        handle_of(made, sent_after=NOW, sent_before=NOW),
        BlacklistEntry(1, user_id=1, phone=canary.phones[0], description=f"called {canary.phones[1]}"),
        row,
        CampaignRecipients(7, recipients=(row,)),
        CreatedCampaign(1, task_name=f"for {canary.phones[0]}", message=f"call {canary.phones[1]}"),
    ]
    for value in values:
        canary.look(type(value).__name__, repr(value))
        canary.look(type(value).__name__, f"{value}")

    assert canary.seen == []


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "https://id:SECRET@api.sendpulse.com"},
        {"proxy": "ftp://user:SECRET@proxy"},
        {"user_agent": "SECRET\n"},
        {"token_store": "SECRET"},
        {"credentials": ("id", "SECRET\n")},
        {"credentials": ClientCredentials("id", "SECRET"), "retries": -1},
    ],
    ids=str,
)
@pytest.mark.fault("S04", "S05", "I21")
def test_a_session_that_is_refused_shows_nothing(settings: dict[str, Any], canary: Canary) -> None:
    """A traceback with its locals asks the half-made session for its repr as well."""

    def with_the_secret(value: Any) -> Any:
        if isinstance(value, ClientCredentials):
            return ClientCredentials("id", canary.secret)
        if isinstance(value, tuple):
            return tuple(map(with_the_secret, value))
        return value.replace("SECRET", canary.secret) if isinstance(value, str) else value

    given = {name: with_the_secret(value) for name, value in settings.items()}
    with pytest.raises(ConfigurationError) as caught:
        ViberSession(**{"credentials": ApiKey(canary.api_key)} | given)
    canary.look_at_error("refused", caught.value)

    assert canary.seen == []


@pytest.mark.fault("S04", "I21")
def test_an_environment_that_is_refused_shows_nothing(canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though all of it was looked at."""
    for name in ("SENDPULSE_API_ID", "SENDPULSE_API_SECRET", "SENDPULSE_API_KEY"):
        monkeypatch.setenv(name, canary.secret)
    with pytest.raises(ConfigurationError) as caught:
        ViberSession.from_env(proxy=f"http://user:{canary.api_key}@proxy")
    canary.look_at_error("refused", caught.value)

    assert canary.seen == []


def test_the_canary_sings() -> None:
    """Every place that is looked at is one where a word would be found."""
    canary = Canary()
    word = canary.phones[0]
    with Watch(canary):
        logging.getLogger("anybody").debug("%s", word)
        warnings.warn(word, ResourceWarning, stacklevel=1)
        code = compile("def f(x):\n    held = [x]\n    raise ValueError", "/elsewhere/module.py", "exec")
        scope: dict[str, Any] = {}
        exec(code, scope)  # a frame that is not of the tests
        try:
            scope["f"](word)
        except ValueError as error:
            held = error
    canary.look_at_error("locals", held)
    error = ViberError(word)
    error.__cause__ = RuntimeError(word)
    canary.look_at_error("text", error)
    canary.look_inside("inside", {"deep": [httpx.Request("GET", URL)]})
    places = {where.partition(":")[0] for where, _ in canary.seen}

    assert places == {"log of anybody", "log of anybody, args", "warning", "locals", "text", "inside"}
