"""A provider that says what it is told to: a transport for unit tests, without a socket and without a rate limit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, cast

import httpx
from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

BLACKLIST: Final = "/v2/viber-service/phone-exception"
OPERATIONS: Final = {
    "POST /oauth/access_token": "token",
    "POST /viber": "campaigns.create",
    "GET /viber/task": "campaigns.list",
    "GET /viber/task/*": "campaigns.get",
    "GET /viber/task/*/recipients": "campaigns.recipients",
    "GET /viber/senders": "senders.list",
    "GET /viber/senders/*": "senders.get",
    f"GET {BLACKLIST}": "blacklist.list",
    f"POST {BLACKLIST}": "blacklist.add",
    f"DELETE {BLACKLIST}": "blacklist.remove",
}
TOKEN: Final = {"access_token": "canned-token", "token_type": "Bearer", "expires_in": 3600}


@frozen
class CannedRequest:
    """A request as it arrived."""

    operation: str
    """Such as "campaigns.get"; "GET /a/path" for what the provider does not have."""
    method: str = field(kw_only=True)
    path: str = field(kw_only=True)
    query: Mapping[str, str] = field(kw_only=True)
    json: object = field(kw_only=True)
    """What the body says; None where there is none."""


class NoCannedAnswerError(BaseException):
    """A request that no answer was given for; no Exception, so that no code under test takes it for the provider's."""


@define
class InTurn:
    """Answers for one request after another; made by `in_turn`."""

    left: list[object]


def in_turn(*answers: object) -> InTurn:
    """Give answers for one request after another; one request more is a `NoCannedAnswerError`."""
    return InTurn(list(answers))


class CannedTransport(httpx.AsyncBaseTransport):
    """Answers each operation with what *answers* holds under its name.

    An answer is JSON (with status 200), ``(status, JSON)``, an exception to raise (such as
    ``httpx.ConnectError("down")``), a function that gets the `CannedRequest` and gives one of these, or several of them
    `in_turn`. What the provider does not have is named by method and path: "GET /balance". A token is given unasked;
    what nobody gave an answer for is a `NoCannedAnswerError`.
    """

    def __init__(self, answers: Mapping[str, object]) -> None:
        known = sorted(OPERATIONS.values())
        for name in answers:
            if name not in known and " /" not in name:
                raise ValueError(f"no operation is called {name!r}; there are {', '.join(known)}, and 'GET /a/path'")
        self._answers: Mapping[str, object] = {"token": TOKEN, **answers}
        self.requests: list[CannedRequest] = []
        """What was asked for, token calls included, oldest first."""

    def requests_of(self, operation: str) -> list[CannedRequest]:
        """Give what was asked for of one operation."""
        return [each for each in self.requests if each.operation == operation]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        asked = _asked(request, await request.aread())
        self.requests.append(asked)
        answer = self._answer_to(asked)
        if isinstance(answer, Exception):
            raise answer
        status, content = cast("tuple[int, object]", answer) if isinstance(answer, tuple) else (200, answer)
        return httpx.Response(status, json=content, request=request)

    def _answer_to(self, asked: CannedRequest) -> object:
        if asked.operation not in self._answers:
            raise NoCannedAnswerError(
                f"no answer was given for {asked.operation}; there are {', '.join(self._answers)}"
            )
        answer = self._answers[asked.operation]
        if isinstance(answer, InTurn):
            if not answer.left:
                raise NoCannedAnswerError(f"{asked.operation} was asked for once more than there are answers")
            answer = answer.left.pop(0)
        return answer(asked) if callable(answer) else answer


def _asked(request: httpx.Request, body: bytes) -> CannedRequest:
    line = f"{request.method} {request.url.path}"
    parts = request.url.path.split("/")
    general = "/".join("*" if part.isdecimal() else part for part in parts)
    return CannedRequest(
        OPERATIONS.get(f"{request.method} {general}", line),
        method=request.method,
        path=request.url.path,
        query=dict(request.url.params),
        json=json.loads(body) if body else None,
    )
