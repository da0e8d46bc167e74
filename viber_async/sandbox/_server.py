"""The app on a real socket: uvicorn, embedded in the caller's event loop.

Three things are ours. Signals are left alone, they belong to whoever runs the loop. Waiting is for events, where
uvicorn looks ten times a second. And on the way out connections are cut, not waited for: a sandbox that goes
away is an outage, and a test does not want to pay for a graceful one.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
import struct
from typing import TYPE_CHECKING, Any, Final, cast

import uvicorn
from attrs import frozen
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from viber_async.sandbox._app import CONNECTION

if TYPE_CHECKING:
    from collections.abc import Generator

    from starlette.types import ASGIApp


def is_loopback(host: str) -> bool:
    """Return whether *host* is a literal loopback address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def loopback(host: str) -> str:
    """Return *host* if it is a literal loopback address."""
    if not is_loopback(host):
        raise ValueError(
            f"the sandbox serves on loopback only, not on {host!r}: it takes well-known credentials, and whoever "
            "reaches it can read what was sent; use 127.0.0.1 or ::1, or give it an address of this machine, a token, "
            "and credentials and an api_key of its own"
        )
    return host


def exposed(host: str) -> str:
    """Return *host* if it is a literal address."""
    try:
        ipaddress.ip_address(host)
    except ValueError as error:
        raise ValueError(
            f"the sandbox serves on an address, not on {host!r}; all of this machine's: 0.0.0.0"
        ) from error
    return host


class Serving:
    """The app being served, from `started` to `stop`."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self._listener = listener
        self.url: Final = _url(*listener.getsockname()[:2])
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,  # the sandbox's clock writes it
            proxy_headers=False,
        )
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]), name="viber sandbox")

    @classmethod
    async def started(cls, app: ASGIApp, host: str, port: int) -> Serving:
        """Return the serving, once it accepts connections."""
        serving = cls(app, listening(host, port))
        await serving.ready()
        return serving

    async def ready(self) -> None:
        """Wait until it accepts connections; raises whatever keeps it from doing so."""
        up = asyncio.ensure_future(self._server.up.wait())
        try:
            await asyncio.wait({up, self._task}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self.stop()
            raise
        finally:
            up.cancel()
        if self._task.done():
            self._listener.close()
            self._task.result()

    async def stop(self) -> None:
        """Cut the connections, and wait until nothing is left of it."""
        self._server.down.set()
        await self.wait_closed()
        self._task.result()

    async def wait_closed(self) -> None:
        """Wait until it has been stopped."""
        await asyncio.wait({self._task})


def _url(host: str, port: int) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - from here it is reached so
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens; an error of the system's says where it could not."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        what = f"the sandbox cannot serve on {host}, port {port}: {os.strerror(error.errno or 0)}"
        raise OSError(error.errno, f"{what}; leave port out for a free one") from error


class _State(ServerState):
    """What the server and its connections both see."""

    def __init__(self) -> None:
        super().__init__()
        self.down = False


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.server_state: _State = _State()
        self.up = asyncio.Event()
        self.down = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def main_loop(self) -> None:
        self.up.set()
        await self.down.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.server_state.down = True
        for listener in sockets or ():
            with contextlib.suppress(NotImplementedError):  # Windows: there a connection is accepted in one step
                asyncio.get_running_loop().remove_reader(listener)
        await asyncio.sleep(0)  # whom asyncio has accepted gets its transport, which a closed server would not give
        for server in self.servers:
            server.close()
        for protocol in list(self.server_state.connections):
            protocol.transport.abort()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks)
        for server in self.servers:
            await server.wait_closed()


class _Protocol(H11Protocol):
    """uvicorn's HTTP, which leaves its connection where the app can cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        super().connection_made(transport)
        # asyncio does this only where the listener names its protocol; without it each answer takes 40 ms,
        # because uvicorn writes head and body apart, and the second write waits for a delayed ACK.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state: dict[str, Any] = {**self.app_state, CONNECTION: SocketConnection(transport)}
        if cast("_State", self.server_state).down:
            transport.abort()  # accepted before, and too late to be among those that `shutdown` cuts


@frozen
class SocketConnection:
    """A connection on a socket."""

    transport: asyncio.Transport

    @property
    def is_lost(self) -> bool:
        """Whether the caller has left."""
        return self.transport.is_closing()

    def cut(self, *, reset: bool) -> None:
        """Send what is in the buffers and close; or throw it away and let the peer see a reset."""
        if not reset:
            self.transport.close()
            return
        raw = self.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
