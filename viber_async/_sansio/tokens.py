"""Credentials, tokens, and whether a token is still good at this moment.

Moments are monotonic seconds of this process, except in `StoredToken`, which other processes read.
"""

from __future__ import annotations

import hashlib
import math
import re
from typing import TYPE_CHECKING, Final, TypeGuard

from attrs import Attribute, field, frozen

from viber_async._sansio import wire_json
from viber_async._sansio.call import SMALL_BYTES, Call, Kind, Unreadable, json_body
from viber_async.errors import ConfigurationError

if TYPE_CHECKING:
    from cattrs import Converter

ADVISORY: Final = 300.0
"""Seconds before its end from which a token is replaced in the background: time for ten tries 30 s apart."""
MANDATORY: Final = 60.0
"""Seconds before its end from which a token is not used any more: as long as a call may take by default."""
BETWEEN_TRIES: Final = 30.0
"""Seconds between a failed background refresh and the next: asking too often can get an account blocked (A)."""
REFUSED_FOR: Final = 5.0
"""Seconds for which refused credentials are not tried again."""
UNSTATED_LIFETIME: Final = 300
"""Seconds that a token is trusted for when the answer does not say."""
LONGEST_LIFETIME: Final = 24 * 3600
"""Seconds; whatever the answer says, a token is asked for anew after a day."""
LONGEST_TOKEN: Final = 4096

_VISIBLE_ASCII: Final = re.compile(r"[\x21-\x7e]+")


def _is_header_safe(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= LONGEST_TOKEN and _VISIBLE_ASCII.fullmatch(value) is not None


def _header_safe(instance: object, attribute: Attribute[str], value: object) -> None:
    """The rule for every part of a credential; its value is never shown."""
    if not _is_header_safe(value):
        raise ConfigurationError(
            f"{type(instance).__name__}: {attribute.name} must be a string of 1 to {LONGEST_TOKEN} visible ASCII "
            "characters, without spaces or line breaks; check how it was read from its file or variable"
        )


@frozen
class ClientCredentials:
    """The id and secret of an account's API settings; exchanged for tokens that live an hour."""

    client_id: str = field(validator=_header_safe)
    client_secret: str = field(validator=_header_safe, repr=False)


@frozen
class ApiKey:
    """A key that is itself the bearer token and lives until it is revoked."""

    key: str = field(validator=_header_safe, repr=False)


@frozen
class Grant:
    """What the token call answers."""

    value: str = field(repr=False)
    lifetime: int = field(kw_only=True)
    """Seconds."""


@frozen(kw_only=True)
class Token:
    """A token in use, with the moments at which it should and must be replaced."""

    value: str = field(repr=False)
    refresh_at: float = math.inf
    over_at: float = math.inf


@frozen(kw_only=True)
class StoredToken:
    """A token as processes share it."""

    value: str = field(repr=False)
    expires_at: float
    """Seconds since the epoch (wall clock): the only time that two processes share."""


def in_use(value: str, lifetime: float, *, now: float, chance: float) -> Token:
    """Give the token with its margins, which shrink for one that lives shorter than they are.

    *chance* (0 to 1) spreads the early refresh of many processes over a fifth of the margin.
    """
    advisory = min(ADVISORY, lifetime / 4) * (1 - chance / 5)
    mandatory = min(MANDATORY, lifetime / 10)
    return Token(value=value, refresh_at=now + lifetime - advisory, over_at=now + lifetime - mandatory)


def is_newer(token: Token, serving: Token, *, fetched: bool) -> bool:
    """Tell whether to change from the token that is *serving* to *token*, which was *fetched* or kept by somebody.

    The same one, found again with fewer seconds left, would shrink its own margins with every turn.
    """
    if token.value == serving.value:
        return fetched and token.over_at > serving.over_at + MANDATORY
    return fetched or token.over_at > serving.over_at


def flaw_of(stored: object, *, now: float) -> str | None:
    """Give why what a store gave is no token, in words without its value; *now* is the wall clock's."""
    if not isinstance(stored, StoredToken):
        return "something that is no StoredToken"
    if not _is_header_safe(stored.value):
        return "a token that no header can carry"
    return None if _is_believable(stored.expires_at, now) else "a token without a believable end"


def _is_believable(moment: object, now: float) -> bool:
    """Tell whether *moment* can be the end of a token (NaN is none, and no token lives for years)."""
    if isinstance(moment, bool) or not isinstance(moment, int | float):
        return False
    return 0 <= moment <= now + 2 * LONGEST_LIFETIME


def account_of(credentials: ClientCredentials, base_url: str) -> str:
    """Give a name for the account that says nothing about it, to keep its token apart from others'."""
    text = f"viber_async token\n{base_url}\n{credentials.client_id}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def token_call(credentials: ClientCredentials) -> Call[Grant]:
    """Ask for a token (``POST /oauth/access_token``)."""
    body = {
        "grant_type": "client_credentials",
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
    }
    return Call(
        Kind.TOKEN,
        method="POST",
        path="/oauth/access_token",
        body=json_body(body),
        max_bytes=SMALL_BYTES,
        read=read_grant,
    )


def read_grant(_converter: Converter, answer: object) -> Grant:
    """Read ``{access_token, token_type: "Bearer", expires_in}``; the value is checked and never shown."""
    said = wire_json.as_object(answer)
    if said is None:
        raise Unreadable("", "an object was expected")
    kind = said.get("token_type")
    if kind is not None and (not isinstance(kind, str) or kind.lower() != "bearer"):
        raise Unreadable("token_type", "only Bearer tokens can be used")
    value = said.get("access_token")
    if not _is_header_safe(value):
        raise Unreadable("access_token", f"not 1 to {LONGEST_TOKEN} visible ASCII characters")
    return Grant(value, lifetime=_lifetime(said.get("expires_in")))


def _lifetime(value: object) -> int:
    if value is None:
        return UNSTATED_LIFETIME
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 12:
        value = int(value)  # this host writes other numbers as strings too ("message_live_time": "1000")
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise Unreadable("expires_in", "not a positive number of seconds")
    return min(value, LONGEST_LIFETIME)
