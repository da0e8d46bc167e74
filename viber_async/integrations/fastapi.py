"""For FastAPI: a lifespan that opens one session for the process, a dependency, and honest answers to errors.

The whole of it: ``app = FastAPI(lifespan=lifespan(ViberSession.from_env))``, ``answer_errors(app)``, and handlers with
an argument ``session: Session``. FastAPI reads the annotations of what stands here, so they are no strings.
"""

from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

from fastapi import Depends, FastAPI
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse

from viber_async._session import ViberSession
from viber_async.errors import ConfigurationError, ViberError
from viber_async.integrations._answers import MEDIA_TYPE, answer, report

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from starlette.responses import Response

    Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Mapping[str, Any] | None]]

__all__ = ["Session", "answer_errors", "lifespan", "viber_session"]

_NAME: Final = "viber_session"


def lifespan(
    make: "Callable[[], ViberSession]", *, inner: "Lifespan | None" = None
) -> "Callable[[FastAPI], AbstractAsyncContextManager[Mapping[str, Any]]]":
    """Give a lifespan that opens what *make* gives when the application starts, and closes it when it ends.

    *make* is called at each start, so that an application whose start failed can be started again. *inner* is the
    application's own lifespan: it runs while the session is open (``app.state.viber_session``), and what it yields
    is kept.
    """

    @asynccontextmanager
    async def opened(app: FastAPI) -> "AsyncGenerator[Mapping[str, Any]]":
        async with make() as session:
            app.state.viber_session = session
            try:
                async with nullcontext() if inner is None else inner(app) as state:
                    yield {**(state or {}), _NAME: session}
            finally:
                del app.state.viber_session

    return opened


async def viber_session(connection: HTTPConnection) -> ViberSession:
    """Give the session of the application that serves this request or websocket; a dependency.

    In tests, ``app.dependency_overrides[viber_session]`` gives another.

    Raises:
        ConfigurationError: the application has no `lifespan`, or it is not running.

    """
    # The state of the connection reaches mounted applications too; that of the application is there without a server.
    for state in (connection.state, connection.app.state):
        if isinstance(session := getattr(state, _NAME, None), ViberSession):
            return session
    raise ConfigurationError(
        "the application has no session: make it with FastAPI(lifespan=lifespan(ViberSession.from_env)), and in tests "
        "enter it: with TestClient(app) as client"
    )


Session = Annotated[ViberSession, Depends(viber_session)]
"""The annotation for an argument that is to be the session."""


def answer_errors(app: FastAPI, *, handles: bool = False) -> None:
    """Answer errors of viber_async that handlers let through: see the table in the docs, "Services".

    A handler that you register for a kind of error goes before. With *handles* the answer to an unknown outcome holds
    the handle that ``campaigns.reconcile`` takes: only for callers whom you trust, since a short text, such as a code,
    can be guessed from its digest. Without, it is in the log.
    """

    async def answered(connection: HTTPConnection, error: Exception) -> "Response":
        failed = cast("ViberError", error)  # it is registered for no other
        given = answer(failed, handles=handles)
        if given is None or connection.scope["type"] != "http":
            raise error
        report(failed, given)
        return JSONResponse(given.body, given.status, dict(given.headers), MEDIA_TYPE)

    app.add_exception_handler(ViberError, answered)
