"""A real Redis server for each process of the test run, on a free port and with a folder of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

REQUIRED = "VIBER_TEST_REQUIRE_REDIS"
"""Set it where a missing server must fail the tests, such as in CI."""


class RedisServer:
    """A server that can be stopped, suspended and started again, on the same port."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it says that it is ready."""
        where = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self._folder)]
        self._process = subprocess.Popen(
            [self._program, *where, "--save", "", "--appendonly", "no"], stdout=subprocess.PIPE
        )
        said = self._process.stdout
        assert said is not None
        assert any(b"Ready to accept connections" in line for line in said)

    def stop(self) -> None:
        """Kill it: what it held is gone."""
        if self._process is not None:
            with self._process:
                self._process.kill()
            self._process = None

    def suspend(self) -> None:
        """Let it hang: connections stay open, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, what: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(what)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program() -> str:
    """Give Redis's server program, or skip the test, or fail it where it must not be missing."""
    found = shutil.which("redis-server")
    if found is None and os.environ.get(REQUIRED):
        pytest.fail(f"{REQUIRED} is set and there is no redis-server", pytrace=False)
    if found is None:
        pytest.skip("there is no redis-server on this machine (Debian: apt-get install redis-server)")
    return found


@contextmanager
def running(server: RedisServer) -> Iterator[RedisServer]:
    """Start *server*, and stop it at the end."""
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One server for all tests that leave it running."""
    with running(RedisServer(program(), tmp_path_factory.mktemp("redis"))) as server:
        yield server


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server for one test, which may stop it."""
    with running(RedisServer(program(), tmp_path)) as server:
        yield server


@pytest.fixture
async def client(shared_server: RedisServer) -> AsyncIterator[Redis]:
    """A client of the shared server, which is empty."""
    async with Redis(port=shared_server.port) as client:
        await client.flushall()
        yield client


@pytest.fixture
async def own_client(own_server: RedisServer) -> AsyncIterator[Redis]:
    """A client of a server that may go away."""
    async with Redis(port=own_server.port) as client:
        yield client
