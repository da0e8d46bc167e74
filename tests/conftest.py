"""What every test may rely on: nothing leaves this machine, and time can be moved by hand."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

pytest_plugins = ["pytester"]

hypothesis.settings.register_profile("any machine", deadline=None)  # a test is not wrong because it was slow once
hypothesis.settings.load_profile("any machine")

_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex
_getaddrinfo = socket.getaddrinfo


class LeftTheMachineError(BaseException):
    """A test tried to reach beyond loopback; not an Exception, so that no code under test can swallow it."""


def _refuse_beyond_loopback(address: Any) -> None:
    if isinstance(address, tuple) and not ipaddress.ip_address(address[0]).is_loopback:
        raise LeftTheMachineError(address)


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_is_heard() -> Iterator[None]:
    """Let the programs that tests start hear Ctrl-C, also where this run was begun in the background, deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True, scope="session")
def locks_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the locks of syncs away from those of the person who runs the tests, and of other test runs."""
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
    yield
    os.environ.pop("XDG_STATE_HOME")
    if before is not None:
        os.environ["XDG_STATE_HOME"] = before


@pytest.fixture(autouse=True)
def nothing_leaves_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail any test that would open a socket, or look up a name, beyond loopback."""

    def connect(self: socket.socket, address: Any) -> None:
        _refuse_beyond_loopback(address)
        _connect(self, address)

    def connect_ex(self: socket.socket, address: Any) -> int:
        _refuse_beyond_loopback(address)
        return _connect_ex(self, address)

    def getaddrinfo(host: Any, *rest: Any, **more: Any) -> Any:
        if host not in (None, "localhost"):
            _refuse_beyond_loopback((host.decode() if isinstance(host, bytes) else host,))
        return _getaddrinfo(host, *rest, **more)

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", connect_ex)
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
