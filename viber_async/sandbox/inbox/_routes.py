"""The inbox on the wire: its page, its events and its buttons, each behind the door."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from attrs import field, frozen
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from viber_async.sandbox.inbox._actions import act
from viber_async.sandbox.inbox._door import Visit
from viber_async.sandbox.inbox._stream import Stream
from viber_async.sandbox.inbox._view import body_of, recipients_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from viber_async.sandbox._app import Desk
    from viber_async.sandbox.inbox._door import Door, Objection

    Check = Callable[[Visit], Objection | None]
    Handle = Callable[[Request], Awaitable[Response]]

PREFIX: Final = "/_inbox/"
PAGE: Final = Path(__file__).parent / "page"
LONGEST_BODY: Final = 65_536
"""Of what the page sends; the longest is a list of some thousand phones."""
LONGEST_NUMBER: Final = 15
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; "
    "img-src 'self' http: https:; "  # a campaign's picture, once somebody asks for it; nothing else makes an image
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
TYPES: Final = {
    "index.html": "text/html; charset=utf-8",
    "enter.html": "text/html; charset=utf-8",
    "entered.html": "text/html; charset=utf-8",
    "inbox.css": "text/css; charset=utf-8",
    "inbox.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@frozen
class Front:
    """The provider's calls, and the inbox for whoever is a browser."""

    provider: ASGIApp
    inbox: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to the one that it is for."""
        await (self.inbox if _is_for_inbox(scope) else self.provider)(scope, receive, send)


@frozen
class Threshold:
    """What stands before all of it on a socket: whoever calls by another machine's name is sent away, uncounted.

    A page elsewhere that had its own name point here would otherwise read along with credentials that everybody knows.
    """

    front: Front
    door: Door = field(kw_only=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, unless there is something to be said against it."""
        objection = self.door.to_call(Headers(scope=scope).get("host", ""))
        await (self.front if objection is None else _sent_away(objection))(scope, receive, send)


def _is_for_inbox(scope: Scope) -> bool:
    """No path of the provider's begins like this, and none of its clients asks for a web page at the root."""
    if scope["path"] != "/":
        return bool(scope["path"].startswith(PREFIX))
    accepted = [value for name, value in scope["headers"] if name == b"accept"]
    return scope["method"] in {"GET", "HEAD"} and any(b"text/html" in value for value in accepted)


def inbox_of(desk: Desk, door: Door) -> ASGIApp:
    """Return the inbox as an ASGI application."""
    inbox = _Inbox(desk, door=door, stream=Stream(desk))
    return Starlette(
        routes=[
            Route("/", inbox.index),
            Route(f"{PREFIX}enter", inbox.enter, methods=["POST"]),
            Route(f"{PREFIX}events", _Events(inbox), methods=["GET"]),
            Route(f"{PREFIX}campaigns/{{id}}", inbox.campaign),
            Route(f"{PREFIX}requests/{{number}}", inbox.request),
            Route(f"{PREFIX}do/{{name}}", inbox.do, methods=["POST"]),
            Route(f"{PREFIX}{{name}}", inbox.file),
        ]
    )


@frozen
class _Inbox:
    desk: Desk
    door: Door = field(kw_only=True)
    stream: Stream = field(kw_only=True)

    async def index(self, request: Request) -> Response:
        """The page; or, where a token is needed, the way in."""
        objection = self.door.to_look(_visit(request))
        if objection is None:
            return _file("index.html")
        if objection[0] == 401:
            return self._admit(request.query_params.get("token"), request)
        return _refused(objection)

    async def enter(self, request: Request) -> Response:
        """The token from the form."""
        objection = self.door.to_enter(_visit(request))
        if objection is not None:
            return _refused(objection)
        form = parse_qs((await _body(request)).decode("latin-1"))
        return self._admit(form.get("token", [""])[0], request)

    def _admit(self, token: str | None, request: Request) -> Response:
        """Let in by a page that goes on to the inbox: a redirect would not bring the cookie after a link elsewhere."""
        if token is None or not self.door.opens(token):
            return _entrance(wrong=token is not None)
        response = _file("entered.html")
        response.set_cookie(_cookie(request), self.door.ticket, httponly=True, samesite="strict")
        return response

    async def file(self, request: Request) -> Response:
        """A file of the page's: there is nothing in them, so they need no token."""
        name = request.path_params["name"]
        return _file(name) if name in TYPES else _refused((404, "There is no such file."))

    async def campaign(self, request: Request) -> Response:
        """A campaign's request, and a page of its recipients."""
        if (objection := self.door.to_read(_visit(request))) is not None:
            return _refused(objection)
        found = self.desk.account.campaigns.get(_number(request.path_params["id"]))
        if found is None:
            return _refused((404, "There is no such campaign."))
        offset = _number(request.query_params.get("offset", "0"))
        if offset < 0:
            return _refused((400, "offset has to be a whole number."))
        now, zone = self.desk.clock.now(), self.desk.account.zone
        return _json(recipients_of(found, now, zone, offset=min(offset, len(found.recipients))))

    async def request(self, request: Request) -> Response:
        """What a request held."""
        if (objection := self.door.to_read(_visit(request))) is not None:
            return _refused(objection)
        found = self.desk.journal.find(_number(request.path_params["number"]))
        return _refused((404, "It is forgotten.")) if found is None else _json(body_of(found))

    async def do(self, request: Request) -> Response:
        """What a button does."""
        if (objection := self.door.to_act(_visit(request))) is not None:
            return _refused(objection)
        try:
            said = act(self.desk, request.path_params["name"], json.loads(await _body(request)))
        except (ValueError, RecursionError) as error:
            return _refused((400, str(error)))
        self.stream.nudge()
        return _json({"said": said})


@frozen
class _Events:
    """The stream, as an application: it lasts as long as somebody listens."""

    inbox: _Inbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        objection = self.inbox.door.to_read(_visit(Request(scope)))
        if objection is None and self.inbox.stream.is_full:
            objection = 503, "Too many pages of this inbox are open; close some."
        if objection is not None:
            await _refused(objection)(scope, receive, send)
            return
        headers = {**HEADERS, "content-type": "text/event-stream", "x-accel-buffering": "no"}
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": pairs})
        await self.inbox.stream.listen(receive, send)


def _visit(request: Request) -> Visit:
    return Visit.of(request.method, request.headers, request.cookies.get(_cookie(request), ""))


def _cookie(request: Request) -> str:
    """Return the name of our cookie: those of one host are not kept apart by its ports."""
    return f"viber_inbox_{request.url.port or 80}"


def _number(text: str) -> int:
    """Return the whole number that is written in *text*, or -1; Python reads none of thousands of digits."""
    return int(text) if text.isdecimal() and len(text) <= LONGEST_NUMBER else -1


async def _body(request: Request) -> bytes:
    """Return the body, or the beginning of one that is too long, which is good for nothing."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LONGEST_BODY:
            break
    return bytes(body[:LONGEST_BODY])


def _entrance(*, wrong: bool) -> Response:
    """The form for the token; it says so if there was a wrong one."""
    page = _bytes("enter.html")
    return Response(page.replace(b" hidden>", b">") if wrong else page, 401, HEADERS, TYPES["enter.html"])


def _file(name: str) -> Response:
    return Response(_bytes(name), 200, HEADERS, TYPES[name])


@lru_cache
def _bytes(name: str) -> bytes:
    return (PAGE / name).read_bytes()


def _json(value: object) -> Response:
    """As ASCII, which holds whatever was sent."""
    return Response(json.dumps(value, separators=(",", ":")), 200, HEADERS, "application/json")


def _refused(objection: Objection) -> Response:
    status, why = objection
    return Response(json.dumps({"why": why}), status, HEADERS, "application/json")


def _sent_away(objection: Objection) -> Response:
    """As the provider would say it: the one to read it calls its API."""
    status, why = objection
    return Response(json.dumps({"message": why, "error_code": status}), status, HEADERS, "application/json")
