"""What a session is made from: every setting is checked here, when the session is made."""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Iterable
from datetime import tzinfo
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, TypedDict, TypeVar, cast

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

    from viber_async._journey import Options
    from viber_async._ledger import Ledger
    from viber_async._limiter import RateLimiter
    from viber_async._middleware import Middleware
    from viber_async._token_store import TokenStore

T = TypeVar("T")

Credentials = ClientCredentials | ApiKey | tuple[str, str]

_PROXY: Final = re.compile(
    r"(?:http|https|socks5|socks5h)://(?:[^\s@/?#\\]*@)?"
    r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?)"
    r"(?::(?P<port>[0-9]{1,5}))?/?"
)
"""A host and perhaps a port; user information in front of them is not judged, and never shown."""
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
    strict: bool


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
    strict: bool


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
    names = ("SENDPULSE_API_ID", "SENDPULSE_API_SECRET", "SENDPULSE_API_KEY")
    present = [name for name in names if environ.get(name)]
    raise ConfigurationError(
        "set SENDPULSE_API_ID and SENDPULSE_API_SECRET in the environment, or SENDPULSE_API_KEY alone; "
        + (f"now there is only {present[0]}" if len(present) == 1 else f"now there are {', '.join(present) or 'none'}")
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
    if not isinstance(value, str) or not _is_proxy(value):
        raise ConfigurationError(
            "proxy: write it as http://host:port, https://host:port or socks5://host:port; "
            "percent-encode what is special in a user's name or password"
        )
    if value.startswith("socks5") and find_spec("socksio") is None:
        raise ConfigurationError("proxy: socks5 needs one more package: pip install 'httpx[socks]'")
    return value


def _is_proxy(value: str) -> bool:
    found = _PROXY.fullmatch(value)
    if found is None or not value.isprintable():
        return False
    return _is_ipv6(found["address"] or "::") and 0 < int(found["port"] or 80) < 65536


def _is_ipv6(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 6
    except ValueError:
        return False


def transport(value: T, base_url: str) -> T:
    found = _collaborator(
        "transport",
        value,
        ("handle_async_request", "aclose"),
        "give an httpx transport such as httpx.AsyncHTTPTransport(), and in place of a client its transport",
    )
    context = getattr(getattr(found, "_pool", None), "_ssl_context", None)  # of httpx's own; no other way to see it
    # check_hostname can be on only where the chain is verified too
    unsafe = isinstance(context, ssl.SSLContext) and not context.check_hostname
    if unsafe and base_url.lower().startswith("https:"):
        raise ConfigurationError(
            "transport: it takes any certificate, so that tokens and phones could go to anybody. To trust an authority "
            "of your own: httpx.AsyncHTTPTransport(verify=ssl.create_default_context(cafile=...))"
        )
    return found


def rate_limiter(value: T) -> T:
    return _collaborator(
        "rate_limiter",
        value,
        ("acquire", "pause", "statistics"),
        "give a RateLimiter such as PacedLimiter(RateLimit(10)); an allowance alone goes into rate_limit",
    )


def token_store(value: T) -> T:
    return _collaborator(
        "token_store",
        value,
        ("obtain",),
        "give a TokenStore, with an async method obtain(), such as FileTokenStore(path)",
    )


def _collaborator(name: str, value: T, methods: tuple[str, ...], give: str) -> T:
    """Give *value* if it is None or has *methods*; a class is not yet the thing itself."""
    if value is None or (
        not isinstance(value, type) and all(callable(getattr(value, method, None)) for method in methods)
    ):
        return value
    raise ConfigurationError(f"{name}: {give}; got {_a(value)}")


def middleware(value: object) -> tuple[Middleware, ...]:
    hooks = _several(value)
    if hooks is None or not all(callable(hook) for hook in hooks):
        raise ConfigurationError(
            "middleware: give a list of callables (async def middleware(attempt, call_next)), even for one; "
            f"got {_a(value)}"
        )
    return cast("tuple[Middleware, ...]", hooks)


def _several(value: object) -> tuple[object, ...] | None:
    return None if callable(value) or not isinstance(value, Iterable) else tuple(cast("Iterable[object]", value))


def _a(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"


def user_agent(value: object) -> str:
    ours = f"viber-async/{__version__}"
    if value is None:
        return ours
    if not isinstance(value, str) or not _USER_AGENT.fullmatch(value):
        raise ConfigurationError("user_agent: must be 1 to 200 printable ASCII characters, such as 'shop/1.2'")
    return f"{value} {ours}"
