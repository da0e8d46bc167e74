"""What a session is made from: every setting is checked here, when the session is made."""

from __future__ import annotations

import re
from datetime import tzinfo
from typing import TYPE_CHECKING, Final, TypedDict, TypeVar

from attrs import evolve, field, frozen

from viber_async import _defaults as defaults
from viber_async._defaults import DEFAULT, Timeout, Unset
from viber_async._sansio.rate import LANES, Lane, RateLimit
from viber_async._sansio.retry import RetryPolicy
from viber_async._sansio.tokens import ApiKey, ClientCredentials
from viber_async._version import __version__
from viber_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

    from viber_async._auth import TokenStore
    from viber_async._exchange import Options
    from viber_async._ledger import Ledger
    from viber_async._limiter import RateLimiter
    from viber_async._middleware import Middleware

T = TypeVar("T")

Credentials = ClientCredentials | ApiKey | tuple[str, str]

_LEDGER: Final = ("secret", "get", "put", "unsettled")
_USER_AGENT: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,198}[\x21-\x7e])?")


class SessionSettings(TypedDict, total=False):
    """The keyword arguments of `ViberSession`."""

    base_url: str
    timeout: float | Timeout
    deadline: float | Unset | None
    retries: int | RetryPolicy
    rate_limit: RateLimit
    rate_limiter: RateLimiter | None
    token_store: TokenStore | None
    ledger: Ledger | None
    time_zone: tzinfo | None
    max_connections: int
    proxy: str | None
    transport: httpx.AsyncBaseTransport | None
    middleware: Sequence[Middleware]
    user_agent: str | None


@frozen(kw_only=True)
class Settings:
    """All that the parts are made from, checked."""

    credentials: ClientCredentials | ApiKey
    base_url: str
    options: Options
    rate_limit: RateLimit
    rate_limiter: RateLimiter | None
    token_store: TokenStore
    ledger: Ledger | None
    time_zone: tzinfo | None
    max_connections: int
    proxy: str | None = field(repr=False)
    transport: httpx.AsyncBaseTransport | None
    middleware: tuple[Middleware, ...]
    user_agent: str


def credentials(value: object) -> ClientCredentials | ApiKey:
    match value:
        case ClientCredentials() | ApiKey():
            return value
        case (str() as client_id, str() as client_secret):
            return ClientCredentials(client_id, client_secret)
        case _:
            raise ConfigurationError("credentials: give ClientCredentials(id, secret) or ApiKey(key)")


def credentials_of(environ: Mapping[str, str]) -> Credentials:
    client_id, secret = environ.get("SENDPULSE_API_ID"), environ.get("SENDPULSE_API_SECRET")
    key = environ.get("SENDPULSE_API_KEY")
    if key and not (client_id or secret):
        return ApiKey(key)
    if client_id and secret and not key:
        return ClientCredentials(client_id, secret)
    raise ConfigurationError(
        "set SENDPULSE_API_ID and SENDPULSE_API_SECRET, or SENDPULSE_API_KEY, and not both: "
        f"set are {[name for name in environ if name.startswith('SENDPULSE_API_')] or 'none of them'}"
    )


def ledger(value: Ledger | None) -> Ledger | None:
    if value is not None and not all(callable(getattr(value, name, None)) for name in _LEDGER):
        raise ConfigurationError(
            f"ledger: give a SqliteLedger(path), or an object with the methods of Ledger; got a {type(value).__name__}"
        )
    return value


def instance(name: str, value: object, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise ConfigurationError(f"{name}: give a {kind.__name__}; got a {type(value).__name__}")
    return value


def time_zone(value: object) -> tzinfo | None:
    if value is not None and not isinstance(value, tzinfo):
        raise ConfigurationError("time_zone: give a tzinfo such as zoneinfo.ZoneInfo('Europe/Kyiv'), or None")
    return value


def deadline(value: object) -> float | Unset | None:
    if value is None or value is DEFAULT:
        return value
    return defaults.seconds("deadline", value)


def retries(value: int | RetryPolicy) -> RetryPolicy:
    return value if isinstance(value, RetryPolicy) else evolve(defaults.RETRIES, retries=value)


def lane(value: object) -> Lane:
    if value not in LANES:
        raise ConfigurationError(f'lane: give "interactive" or "bulk"; got {value!r}')
    return value


def connections(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1000:
        raise ConfigurationError(f"max_connections: must be an int from 1 to 1000; got {value!r}")
    return value


def proxy(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.startswith(("http://", "https://", "socks5://", "socks5h://")):
        raise ConfigurationError("proxy: write it as http://host:port, https://host:port or socks5://host:port")
    return value


def user_agent(value: object) -> str:
    ours = f"viber-async/{__version__}"
    if value is None:
        return ours
    if not isinstance(value, str) or not _USER_AGENT.fullmatch(value):
        raise ConfigurationError("user_agent: must be 1 to 200 printable ASCII characters, such as 'shop/1.2'")
    return f"{value} {ours}"
