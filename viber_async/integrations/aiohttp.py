"""For aiohttp's server: a cleanup context that opens one session for the process, and honest answers to errors.

The whole of it: ``app.cleanup_ctx.append(cleanup_context(ViberSession.from_env))``, ``answer_errors(app)``, and
handlers that call ``viber_session(request)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from viber_async._session import ViberSession
from viber_async.errors import ConfigurationError, ViberError
from viber_async.integrations._answers import MEDIA_TYPE, answer, report

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiohttp.typedefs import Handler

__all__ = ["SESSION", "answer_errors", "cleanup_context", "viber_session"]

SESSION: Final = web.AppKey("viber_session", ViberSession)
"""Where the application keeps its session."""


def cleanup_context(make: Callable[[], ViberSession]) -> Callable[[web.Application], AsyncIterator[None]]:
    """Give a cleanup context that opens what *make* gives when the application starts, and closes it when it ends.

    *make* is called at each start; contexts that are appended later find the session under `SESSION`.
    """

    async def opened(app: web.Application) -> AsyncIterator[None]:
        async with make() as session:
            app[SESSION] = session
            yield

    return opened


def viber_session(request: web.Request) -> ViberSession:
    """Give the session of the application that serves *request*, or of one that it is a part of.

    Raises:
        ConfigurationError: there is none.

    """
    session = request.config_dict.get(SESSION)
    if session is None:
        raise ConfigurationError(
            "the application has no session: app.cleanup_ctx.append(cleanup_context(ViberSession.from_env))"
        )
    return session


def answer_errors(app: web.Application, *, handles: bool = False) -> None:
    """Answer errors of viber_async that handlers let through: see the table in the docs, "Services".

    It is appended to the application's middlewares; what is appended after it sees the errors first. With *handles*
    the answer to an unknown outcome holds the handle that ``campaigns.reconcile`` takes: only for callers whom you
    trust, since a short text, such as a code, can be guessed from its digest. Without, it is in the log.
    """

    @web.middleware
    async def answering(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ViberError as error:
            given = answer(error, handles=handles)
            if given is None or request.writer.output_size:  # a mistake, or an answer that has begun
                raise
            report(error, given)
            return web.json_response(given.body, status=given.status, headers=given.headers, content_type=MEDIA_TYPE)

    app.middlewares.append(answering)
