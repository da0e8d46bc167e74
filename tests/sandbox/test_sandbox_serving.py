"""Coming up, going down, and what a server and its callers do to each other."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from viber_async import sandbox as package
from viber_async.sandbox import Fault, Sandbox
from viber_async.sandbox._server import Serving, listening


async def opened(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = httpx.URL(url)
    return await asyncio.open_connection(address.host, address.port)


async def test_a_sandbox_serves_on_a_free_port(sandbox):
    """On loopback, and two of them side by side."""
    async with Sandbox() as other:
        assert sandbox.url.startswith("http://127.0.0.1:")
        assert sandbox.url != other.url


async def test_a_port_can_be_fixed_and_used_again():
    """The state outlives the serving, so this is an outage."""
    async with Sandbox() as first:
        port = httpx.URL(first.url).port
    sandbox = Sandbox(port=port, rate_limit=None)
    sandbox.block(380931111111)
    for _ in range(2):
        async with sandbox, httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as client:
            assert (await client.get("/")).status_code == 404

    assert sandbox.is_blacklisted(380931111111)
    assert len(sandbox.requests) == 2


async def test_a_port_that_is_taken_is_said_so(sandbox):
    """With what to do about it."""
    port = httpx.URL(sandbox.url).port

    with pytest.raises(OSError, match=rf"cannot serve on 127\.0\.0\.1, port {port}.*leave port out"):
        async with Sandbox(port=port):
            pass


async def test_ipv6_has_a_loopback_too():
    """Written with brackets."""
    async with (
        Sandbox(host="::1") as sandbox,
        httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as client,
    ):
        assert sandbox.url.startswith("http://[::1]:")
        assert (await client.get("/")).status_code == 404


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "localhost", "example.com", ""])
def test_nothing_but_loopback_is_served_on(host):
    """Not even by a name that may mean it."""
    with pytest.raises(ValueError, match="loopback only"):
        Sandbox(host=host)


def test_an_address_is_there_only_while_it_serves():
    """Rather than one on which nobody listens."""
    with pytest.raises(RuntimeError, match="async with"):
        assert Sandbox().url


async def test_a_sandbox_is_entered_once_at_a_time(sandbox):
    """A second serving would be another sandbox."""
    with pytest.raises(RuntimeError, match="already serves"):
        await sandbox.__aenter__()


async def test_closing_is_waited_for_and_may_be_repeated(sandbox):
    """Whoever runs it from a command waits here."""
    waiting = asyncio.create_task(sandbox.wait_closed())
    url = sandbox.url
    await asyncio.sleep(0)  # the task begins to wait
    await sandbox.aclose()
    await waiting
    await sandbox.aclose()
    await sandbox.wait_closed()

    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await opened(url)
    assert repr(sandbox).startswith("<Sandbox not serving campaigns=0 blacklist=0")


async def test_closing_cuts_what_is_under_way(sandbox, client):
    """A request that hangs does not hold up the end; nothing is left running."""
    sandbox.faults.add(Fault.hang())
    call = asyncio.create_task(client.get("/viber/senders"))
    await sandbox.arrival()
    await sandbox.aclose()

    with pytest.raises(httpx.TransportError):
        await call
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_closing_ends_idle_connections(sandbox, client):
    """A connection that is kept alive is cut, too."""
    await client.get("/viber/senders")
    await sandbox.aclose()

    with pytest.raises(httpx.ConnectError):
        await client.get("/viber/senders")


@pytest.mark.parametrize("turns", range(6))
async def test_closing_ends_connections_that_are_just_being_made(turns):
    """However many turns of the loop ago: none is left open, none is waited for."""
    sandbox = await Sandbox().__aenter__()
    address = httpx.URL(sandbox.url)
    with socket.create_connection((address.host, address.port)) as caller:
        caller.setblocking(False)
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            await sandbox.aclose()
            try:
                said = await asyncio.get_running_loop().sock_recv(caller, 1)
            except ConnectionResetError:
                said = b""

    assert said == b""


async def test_a_start_that_is_cancelled_leaves_nothing_behind():
    """No task, no port."""
    sandbox = Sandbox()
    entering = asyncio.create_task(sandbox.__aenter__())
    await asyncio.sleep(0)
    entering.cancel()

    with pytest.raises(asyncio.CancelledError):
        await entering
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert "not serving" in repr(sandbox)


async def test_a_start_that_fails_says_why(sandbox):
    """Whatever the server raised is raised here, and the listener is closed."""
    listener = listening("127.0.0.1", 0)
    serving = Serving(sandbox._app, listener)
    listener.detach()

    with pytest.raises((OSError, ValueError)):
        await serving.ready()


async def test_signals_are_left_to_whoever_runs_the_loop():
    """An embedded server has no say in them."""
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]

    async with Sandbox():
        assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before


async def test_a_body_that_never_arrives_whole_is_no_request(sandbox, client):
    """The caller left in the middle of it: recorded, not processed."""
    _, writer = await opened(sandbox.url)
    writer.write(b"POST /viber HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{")
    await writer.drain()
    while not sandbox.requests:  # noqa: ASYNC110 - it has begun to arrive, which no event says
        await asyncio.sleep(0)
    writer.close()
    await client.get("/viber/senders")

    assert (sandbox.requests[0].body, sandbox.requests[0].status) == (None, None)


async def test_a_body_arrives_in_pieces(sandbox, client):
    """Chunks are put together."""

    async def pieces():
        yield b'{"phones": '
        yield b'["380931111111"]}'

    answer = await client.post(
        "/v2/viber-service/phone-exception", content=pieces(), headers={"Content-Type": "application/json"}
    )

    assert answer.json()["counters"] == {"added": 1, "exists": 0}


class Counted(Sequence[int]):
    """A hundred thousand phones, and how many of them were asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def __len__(self) -> int:
        return 100_000

    def __getitem__(self, index):
        self.asked += 1
        return range(380930000000, 380930100000)[index]


async def test_nobody_reads_a_long_answer_to_its_end(make):
    """When the caller has gone, the rest of the recipients is not put together."""
    phones = Counted()
    async with make(mailing_lists=[package.SandboxMailingList(7, phones=phones)]) as sandbox:
        headers = {"Authorization": f"Bearer {sandbox.api_key}"}
        async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False, headers=headers) as client:
            body = {"message": "Sale", "message_type": 2, "message_live_time": 60, "sender_id": 1, "send_date": "now"}
            await client.post("/viber", json={**body, "address_book": 7})
            phones.asked = 0
            async with client.stream("GET", "/viber/task/90241/recipients") as answer:
                assert answer.status_code == 200
        await sandbox.aclose()

    assert phones.asked < 50_000


async def test_the_date_is_the_sandbox_s(sandbox, client):
    """A server's clock may be wrong by hours: this one can be moved."""
    sandbox.advance(3600)
    answer = await client.get("/viber/senders")

    assert answer.headers["date"] == "Sat, 31 Jan 2026 13:00:00 GMT"


async def test_an_error_of_a_hook_reaches_the_test(make, client_of):
    """In process it is raised where the call is made."""
    sandbox = make()
    sandbox.faults.add(Fault.before(lambda: 1 / 0))
    async with client_of(sandbox) as client:
        with pytest.raises(ZeroDivisionError):
            await client.get("/viber/senders")


async def test_the_context_is_left_as_it_was_entered():
    """An exception inside passes through."""
    with pytest.raises(KeyError):
        async with Sandbox() as sandbox:
            raise KeyError(sandbox.url)


def test_the_sandbox_does_not_import_the_client():
    """It has to be able to disagree with it."""
    sources = [path.read_text() for path in Path(package.__file__).parent.glob("*.py")]
    imported = set(re.findall(r"^\s*(?:from|import) (viber_async\S*)", "".join(sources), re.MULTILINE))

    assert len(imported) > 5
    assert {name for name in imported if not name.startswith("viber_async.sandbox")} == set()


def test_public_names_are_what_is_there():
    """Nothing is promised that does not exist."""
    assert all(hasattr(package, name) for name in package.__all__)
    assert len(set(package.__all__)) == len(package.__all__)


def test_a_listener_is_closed_when_it_cannot_be_bound():
    """A socket that is not closed would warn."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="cannot serve"):
            listening("127.0.0.1", taken.getsockname()[1])


def test_without_its_extra_the_sandbox_says_what_to_install() -> None:
    """One sentence, and no module of somebody else's in it but the missing one."""
    code = "import sys; sys.modules['starlette'] = None; import viber_async.sandbox"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "pip install 'viber-async[sandbox]'" in done.stderr
