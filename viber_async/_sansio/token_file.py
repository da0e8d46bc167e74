"""What stands in a file of tokens: JSON, one token for each account, which is named by a hash.

Whoever can read it can use the tokens until they end; neither a secret nor an id stands in it. What cannot be read as
such a file is no token, and the next one written takes its place.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from viber_async._sansio import wire_json
from viber_async._sansio.call import Unreadable
from viber_async._sansio.tokens import StoredToken, flaw_of

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT: Final = "viber_async tokens"
VERSION: Final = 1
LARGEST: Final = 4 * 1024 * 1024
"""Ours, in bytes: more than a thousand accounts with the longest tokens."""


def read(body: bytes, *, now: float) -> dict[str, StoredToken]:
    """Give the tokens of a file that can be tokens, by account; raises `Unreadable` if it is no such file."""
    if len(body) > LARGEST:
        raise Unreadable("", "it is too large")
    said = wire_json.as_object(wire_json.loads(body))
    if said is None or said.get(FORMAT) != VERSION:
        raise Unreadable("", "it is no file of tokens of this version")
    accounts = wire_json.as_object(said.get("accounts"))
    if accounts is None:
        raise Unreadable("accounts", "an object was expected")
    tokens = {account: _token(wire_json.as_object(entry)) for account, entry in accounts.items()}
    return {
        account: token for account, token in tokens.items() if token is not None and flaw_of(token, now=now) is None
    }


def _token(said: Mapping[str, object] | None) -> StoredToken | None:
    match said:
        case {"token": str() as value, "expires_at": int() as end, "lifetime": int() | None as lifetime}:
            return StoredToken(value=value, expires_at=end, lifetime=lifetime)
        case _:
            return None


def written(tokens: Mapping[str, StoredToken], *, now: float) -> bytes:
    """Give the file that holds those of *tokens* that are not over."""
    kept = {account: _entry(token) for account, token in tokens.items() if token.expires_at > now}
    return json.dumps({FORMAT: VERSION, "accounts": kept}).encode()


def _entry(token: StoredToken) -> dict[str, object]:
    lifetime = None if token.lifetime is None else int(token.lifetime)
    return {"token": token.value, "expires_at": int(token.expires_at), "lifetime": lifetime}
