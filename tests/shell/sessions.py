"""Sessions over a scripted provider, for tests in virtual time."""

from __future__ import annotations

from typing import Any

from tests.shell.provider import Provider, Reply
from viber_async import ApiKey, ClientCredentials, ViberSession

CREDENTIALS = ClientCredentials("id", "secret")
URL = "http://127.0.0.1:1"


def session_over(*replies: Reply, **settings: Any) -> tuple[ViberSession, Provider]:
    """Give a session and the provider that it talks to; with an API key, so that no token call comes between."""
    provider = settings.pop("provider", None) or Provider(*replies)
    settings.setdefault("base_url", URL)
    return ViberSession(settings.pop("credentials", ApiKey("key")), transport=provider, **settings), provider
