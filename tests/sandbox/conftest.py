"""A sandbox whose time stands still, and clients that know nothing of ours: plain httpx, with the API key."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest

from viber_async.sandbox import Sandbox, SandboxClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Nothing here speaks TLS, and httpx would read all the world's certificates for each client."""
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def make() -> Callable[..., Sandbox]:
    """Sandboxes at noon, without a rate limit unless one is asked for."""

    def made(**settings: object) -> Sandbox:
        usual = {"clock": SandboxClock(NOON, frozen=True), "rate_limit": None}
        return Sandbox(**{**usual, **settings})

    return made


@pytest.fixture
async def sandbox(make) -> AsyncIterator[Sandbox]:
    async with make() as serving:
        yield serving


@pytest.fixture
def client_of() -> Callable[[Sandbox], httpx.AsyncClient]:
    """A client that calls a sandbox in process."""

    def made(sandbox: Sandbox) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url="http://127.0.0.1", transport=sandbox.transport(), trust_env=False, headers=bearer(sandbox.api_key)
        )

    return made


@pytest.fixture
async def client(sandbox) -> AsyncIterator[httpx.AsyncClient]:
    """A client on the socket."""
    async with on_socket(sandbox) as opened:
        yield opened


@pytest.fixture(params=["socket", "in process"])
async def either(sandbox, client_of, request) -> AsyncIterator[httpx.AsyncClient]:
    """A client on the socket, and one without."""
    async with on_socket(sandbox) if request.param == "socket" else client_of(sandbox) as opened:
        yield opened


@pytest.fixture
def campaign() -> dict[str, object]:
    """The body of a create that the provider accepts."""
    return {
        "recipients": [380931111111, 380931111112],
        "message": "Sale",
        "message_type": 2,
        "message_live_time": 1000,
        "sender_id": 1,
        "send_date": "now",
    }


def on_socket(sandbox: Sandbox) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=sandbox.url, trust_env=False, verify=PLAIN, headers=bearer(sandbox.api_key))


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}
