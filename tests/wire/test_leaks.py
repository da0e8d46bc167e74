"""Nothing leaks over real sockets either, with everything logged that httpcore, asyncio and we can log."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.shell.canary import Canary, Watch
from tests.wire.hostile import Hostile, Peer, session_to
from viber_async import ClientCredentials, CreateHandle, OutcomeUnknownError, ViberError


def says(status_line: str, *, headers: str = "", body: bool = True) -> tuple[object, ...]:
    """Give the script that echoes all that arrived: in the status line, in a header, or in the body."""

    async def step(peer: Peer) -> None:
        await peer.next_request()
        said = bytes(peer.received).decode().replace("\r\n", " ")
        text = json.dumps({"message": said, "error_code": 799}) if body else ""
        head = f"{status_line}\r\n{headers}content-length: {len(text)}\r\n\r\n".replace("SAID", said)
        await peer.send(head.encode() + text.encode())

    return (step,)


ECHOES = {
    "a refusal": says("HTTP/1.1 422 SAID"),
    "a failure": says("HTTP/1.1 503 SAID"),
    "a success that is none": says("HTTP/1.1 200 OK"),
    "a refusal in the body alone": says("HTTP/1.1 401 Unauthorized"),
    "a status line that is none": says("SAID", body=False),
    "a header that is none": says("HTTP/1.1 200 OK", headers="SAID\r\n", body=False),
    "a redirect": says("HTTP/1.1 302 Found", headers="location: https://x.invalid/SAID\r\n"),
    "an encoding": says("HTTP/1.1 200 OK", headers="content-encoding: SAID\r\n"),
    "a length that is none": says("HTTP/1.1 200 OK", headers="content-length: SAID\r\n"),
}
IN_THE_BODY = {"a success that is none", "a refusal in the body alone"}


def by_httpcore(where: str) -> bool:
    """At DEBUG, httpcore writes down the head of each answer as it came. Of what is sent it shows nothing."""
    return where.startswith("log of httpcore")


@pytest.mark.parametrize("echo", ECHOES, ids=str)
@pytest.mark.parametrize("of_the_token_call", [False, True], ids=["a call", "a call for a token"])
@pytest.mark.fault("S04", "S15", "S16")
async def test_a_server_that_echoes_makes_nothing_leak(echo: str, of_the_token_call: bool) -> None:
    """Wherever it puts what it was sent: secrets, token and phones stand in no log, no error and no repr."""
    canary = Canary()
    token = {"access_token": canary.token, "token_type": "Bearer", "expires_in": 3600}
    answers = {"POST /oauth/access_token": token}
    script = ECHOES[echo]
    honest = () if of_the_token_call else ((_one,),)
    with Watch(canary) as watch:
        async with (
            Hostile(*honest, *[script] * 12, answers=answers) as server,
            session_to(server, credentials=ClientCredentials("id", canary.secret), retries=0) as session,
        ):
            watch.loop()
            calls = [
                session.campaigns.create(
                    sender_id=1, message_live_time=60, message=f"call {canary.phones[0]}", recipients=canary.phones
                ),
                session.blacklist.add(canary.phones),
                session.request("GET", f"/x/{canary.phones[0]}", params={"phone": canary.phones[1]}),
            ]
            for call in calls:
                with pytest.raises(ViberError) as caught:
                    await call
                canary.look_at_error(echo, caught.value)
                if isinstance(caught.value, OutcomeUnknownError):
                    handle = caught.value.handle
                    assert isinstance(handle, CreateHandle)
                    canary.look("handle", json.dumps(handle.to_dict()))
            canary.look("session", f"{session} {session.statistics()}")

    assert [each for each in canary.seen if echo in IN_THE_BODY or not by_httpcore(each[0])] == []
    heard = {name.partition(".")[0].rstrip("2") for name in watch.loggers}  # httpcore2, where httpx2 is used
    assert heard >= {"httpcore", "asyncio"} | (set() if of_the_token_call else {"viber_async"})
    assert server.requests


async def _one(peer: Peer) -> None:
    """Answer one request honestly."""
    request = await peer.next_request()
    body = json.dumps(peer.server.honest_value(request)).encode()
    await peer.send(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
    await asyncio.sleep(0)
