"""The lifespan, the dependency and the answers of a FastAPI service, as its users and its tests meet them."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI, WebSocket
from fastapi.responses import StreamingResponse

from tests.shell.provider import Provider, no, ok
from tests.shell.sessions import session_over
from viber_async import ConfigurationError, OutcomeUnknownError, ViberError, ViberSession
from viber_async.errors import RateLimitError
from viber_async.integrations.fastapi import Session, answer_errors, lifespan, viber_session

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # newer ones would rather have httpx2
    from fastapi.testclient import TestClient


class Sessions:
    """Makes a session at each start, and remembers them."""

    def __init__(self, *replies: Any) -> None:
        self.replies = replies or (ok([]),)
        self.made: list[tuple[ViberSession, Provider]] = []

    def __call__(self) -> ViberSession:
        self.made.append(session_over(*self.replies, retries=0))
        return self.made[-1][0]

    @property
    def closed(self) -> list[int]:
        return [provider.closed for _, provider in self.made]


def service(sessions: Sessions, **settings: Any) -> FastAPI:
    app = FastAPI(lifespan=lifespan(sessions, **settings))

    @app.get("/senders")
    async def senders(session: Session) -> list[int]:
        return [sender.id for sender in await session.senders.list()]

    @app.get("/same")
    async def same(session: Session) -> bool:
        return session is sessions.made[-1][0]

    return app


def test_one_session_lives_as_long_as_the_application() -> None:
    """It is opened once, is the same for every request, and is closed at the end."""
    sessions = Sessions()
    with TestClient(service(sessions)) as client:
        answers = [client.get(path) for path in ("/senders", "/same", "/same")]

        assert [answer.json() for answer in answers] == [[], True, True]
        assert sessions.closed == [0]

    assert sessions.closed == [1]


def test_an_application_can_be_started_again() -> None:
    """Each start has a session of its own, in its own event loop."""
    sessions = Sessions()
    app = service(sessions)
    for _ in range(2):
        with TestClient(app) as client:
            assert client.get("/senders").status_code == 200

    assert sessions.closed == [1, 1]


def test_the_applications_own_lifespan_runs_while_the_session_is_open() -> None:
    """It finds the session, and what it yields reaches the requests as well."""
    sessions, seen = Sessions(), list[Any]()

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        seen.append(await app.state.viber_session.senders.list())
        yield {"greeting": "hello"}
        seen.append(sessions.closed)

    app = service(sessions, inner=own)

    @app.websocket("/greeting")
    async def greeting(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(socket.state.greeting)

    with TestClient(app) as client, client.websocket_connect("/greeting") as socket:
        assert socket.receive_text() == "hello"

    assert seen == [(), [0]]


def test_a_failed_start_closes_the_session_and_the_next_start_works() -> None:
    """Nothing is left of it, not even the session's name."""
    sessions, fails = Sessions(), [True]

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[None]:
        if fails.pop() if fails else False:
            raise RuntimeError("no database")
        yield

    app = service(sessions, inner=own)
    with pytest.raises(RuntimeError, match="no database"), TestClient(app):
        pass

    assert sessions.closed == [1]
    assert not hasattr(app.state, "viber_session")

    with TestClient(app) as client:
        assert client.get("/same").json() is True


def test_settings_that_cannot_work_end_the_start_with_their_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first request, and not with it."""
    for name in ("SENDPULSE_API_ID", "SENDPULSE_API_SECRET", "SENDPULSE_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    with (
        pytest.raises(ConfigurationError, match="SENDPULSE_API_ID"),
        TestClient(FastAPI(lifespan=lifespan(ViberSession.from_env))),
    ):
        pass


def test_a_mounted_application_and_a_websocket_have_the_session_too() -> None:
    """It belongs to the process, not to one of its applications."""
    sessions = Sessions()
    outer, inner = service(sessions), FastAPI()

    @inner.get("/same")
    async def same(session: Session) -> bool:
        return session is sessions.made[-1][0]

    @outer.websocket("/senders")
    async def senders(socket: WebSocket, session: Session) -> None:
        await socket.accept()
        await socket.send_json(len(await session.senders.list()))

    outer.mount("/inner", inner)
    with TestClient(outer) as client, client.websocket_connect("/senders") as socket:
        assert client.get("/inner/same").json() is True
        assert socket.receive_json() == 0


def test_a_test_can_put_another_session_in_place() -> None:
    """As with every dependency, and without a start."""
    session, provider = session_over(ok([]))
    app = service(Sessions())
    app.dependency_overrides[viber_session] = lambda: session

    assert TestClient(app).get("/senders").json() == []
    assert len(provider.requests) == 1


def test_who_forgets_the_lifespan_is_told() -> None:
    """With the line that is missing."""

    with pytest.raises(ConfigurationError, match=r"FastAPI\(lifespan=lifespan\("):
        TestClient(service(Sessions())).get("/senders")


@pytest.fixture
def failing() -> tuple[FastAPI, list[Exception]]:
    """Give a service whose handlers raise what is in the list."""
    app, raised = FastAPI(), list[Exception]()

    @app.get("/fails")
    async def fails() -> None:
        raise raised[0]

    @app.get("/begins")
    async def begins() -> StreamingResponse:
        async def rows() -> AsyncIterator[bytes]:
            yield b"[1,"
            raise raised[0]

        return StreamingResponse(rows())

    @app.websocket("/fails")
    async def fails_on_a_socket(socket: WebSocket) -> None:
        await socket.accept()
        raise raised[0]

    return app, raised


def test_errors_are_answered(failing: tuple[FastAPI, list[Exception]]) -> None:
    """As the table has it, as a problem document."""
    app, raised = failing
    raised.append(RateLimitError("…", retry_after=7))
    answer_errors(app)
    answer = TestClient(app).get("/fails")

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "rate_limited"


def test_without_the_handler_nothing_changes(failing: tuple[FastAPI, list[Exception]]) -> None:
    """It is optional: errors reach whatever the application has for them."""
    app, raised = failing
    raised.append(RateLimitError("…"))

    assert TestClient(app, raise_server_exceptions=False).get("/fails").status_code == 500


@pytest.mark.parametrize("path", ["/fails", "/begins"])
def test_what_cannot_be_answered_is_raised(failing: tuple[FastAPI, list[Exception]], path: str) -> None:
    """A mistake of the service's own, and an error after the answer has begun, reach the server's log."""
    app, raised = failing
    raised.append(ConfigurationError("no ledger") if path == "/fails" else RateLimitError("…"))
    answer_errors(app)

    with pytest.raises((ConfigurationError, RuntimeError)):
        TestClient(app).get(path)


def test_a_websocket_is_not_answered_with_a_page(failing: tuple[FastAPI, list[Exception]]) -> None:
    """What fails on one is raised there."""
    app, raised = failing
    raised.append(RateLimitError("…"))
    answer_errors(app)

    with pytest.raises(RateLimitError), TestClient(app).websocket_connect("/fails") as socket:
        socket.receive_text()


def test_a_handler_of_ones_own_goes_before(failing: tuple[FastAPI, list[Exception]]) -> None:
    """For the kind of error that it is registered for."""
    app, raised = failing
    raised.append(OutcomeUnknownError("…"))
    answer_errors(app)

    @app.exception_handler(OutcomeUnknownError)
    async def own(request: Any, error: ViberError) -> StreamingResponse:
        return StreamingResponse(iter([b"we will see"]), status_code=202)

    assert TestClient(app).get("/fails").text == "we will see"


def test_what_is_answered_stands_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """With the reason, and with the handle of what may have been created; what the answer tells whole, more quietly."""
    app = service(Sessions(no(503)))
    answer_errors(app)

    @app.post("/confirm")
    async def confirm(session: Session, phone: str) -> None:
        await session.campaigns.create(sender_id=1, message_live_time=60, message="4711", recipients=[phone])

    with TestClient(app) as client, caplog.at_level("INFO", "viber_async"):
        unknown = client.post("/confirm", params={"phone": "+380931111111"})
        invalid = client.post("/confirm", params={"phone": "+3809"})

    assert (unknown.status_code, invalid.status_code) == (202, 422)
    assert invalid.json()["errors"][0]["field"] == "recipients[0]"
    logged = [(r.levelname, r.getMessage()) for r in caplog.records if r.getMessage().startswith("answered")]
    assert [level for level, _ in logged] == ["WARNING", "INFO"]
    assert "answered 202 outcome_unknown" in logged[0][1]
    assert "(its handle: {" in logged[0][1]
    assert "380931111111" not in caplog.text


def test_a_sender_that_is_not_verified_is_no_missing_route(caplog: pytest.LogCaptureFixture) -> None:
    """It is a mistake of the service's: its callers can do nothing about it, and its log says what it is."""
    app = service(Sessions(no(400, {"error_code": 704, "message": "Sender is not verified"})))
    answer_errors(app)

    @app.post("/notify")
    async def notify(session: Session) -> None:
        await session.campaigns.create(sender_id=2, message_live_time=60, message="hi", recipients=[380931111111])

    with TestClient(app) as client:
        answer = client.post("/notify")

    assert (answer.status_code, answer.json()["code"]) == (502, "sender_refused")
    assert "it is not verified" in answer.json()["detail"]
    assert [record.levelname for record in caplog.records if "Sender is not verified" in record.getMessage()] == [
        "WARNING"
    ]
