"""The guard that keeps every test on this machine is itself tested."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tests.conftest import LeftTheMachineError


def test_a_socket_beyond_loopback_fails_the_test() -> None:
    """By address, whichever way it is opened."""
    for connect in (socket.socket.connect, socket.socket.connect_ex):
        with socket.socket() as sock, pytest.raises(LeftTheMachineError):
            connect(sock, ("192.0.2.1", 443))


async def test_a_name_beyond_loopback_fails_the_test() -> None:
    """Before anybody is asked for its address."""
    with pytest.raises((LeftTheMachineError, ValueError)):
        await asyncio.open_connection("api.example.com", 443)
