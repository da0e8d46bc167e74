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
YOUNG: Final = 30.0
"""Seconds after it was asked for in which no other token is asked for only because this one ends too soon."""
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
    asked_at: float = -math.inf
    refresh_at: float = math.inf
    over_at: float = math.inf
    ends_at: float = math.inf


@frozen(kw_only=True)
class StoredToken:
    """A token as processes share it."""

    value: str = field(repr=False)
    expires_at: float
    """Seconds since the epoch (wall clock): the only time that two processes share."""
    lifetime: float | None = None
    """Seconds from its beginning to its end; None where a store does not keep them. Margins are measured by it."""


def in_use(value: str, *, left: float, lifetime: float | None, now: float, chance: float) -> Token:
    """Give the token that has *left* seconds of its *lifetime*, with its margins, which shrink for a short life.

    *chance* (0 to 1) spreads the early refresh of many processes over a fifth of the margin.
    """
    lifetime = LONGEST_LIFETIME if lifetime is None else lifetime
    end = now + min(left, lifetime)  # a wall clock that was set back does not make it live longer
    return Token(
        value=value,
        asked_at=end - lifetime,
        refresh_at=end - min(ADVISORY, lifetime / 4) * (1 - chance / 5),
        over_at=end - _mandatory(lifetime),
        ends_at=end,
    )


def _mandatory(lifetime: float) -> float:
    return min(MANDATORY, lifetime / 10)


def lasts(token: Token, until: float, *, now: float) -> bool:
    """Tell whether *token* will do for a call that may take *until* that moment.

    It will if it lives that long. It also will if it is as good as any: still young, or, where tokens live so short a
    time that a new one would not do either, in the first half of its life. So no call asks for token after token.
    """
    lifetime = token.ends_at - token.asked_at
    old = YOUNG if now + lifetime >= until else lifetime / 2
    return until <= token.ends_at or now < token.asked_at + old


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
    if not _is_between(0, stored.expires_at, now + 2 * LONGEST_LIFETIME):
        return "a token without a believable end"
    if stored.lifetime is not None and not _is_between(1, stored.lifetime, LONGEST_LIFETIME):
        return "a token without a believable life"
    return None


def _is_between(least: float, value: object, most: float) -> bool:
    """Tell whether *value* is a number in that range (NaN is in none, and no token lives for years)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def is_worth_giving(stored: StoredToken, *, stale: str | None, now: float) -> bool:
    """Tell whether a kept token will do for somebody who wants another one than *stale*; *now* is the wall clock's."""
    lifetime = LONGEST_LIFETIME if stored.lifetime is None else stored.lifetime
    return stored.value != stale and stored.expires_at - now > _mandatory(lifetime)


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
        secret=credentials.client_secret,
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
