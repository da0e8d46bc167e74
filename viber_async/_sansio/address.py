"""Which addresses may be talked to: https anywhere, plain http only to a literal loopback address.

A token or a list of phones that goes to the wrong host cannot be called back, so whatever could be read in two
ways (user information, a trailing dot, decimal and hexadecimal addresses) is refused. ``localhost`` is a name
that a resolver may answer as it likes, so it does not count as loopback.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from viber_async._sansio.privacy import refused, shown
from viber_async.errors import ConfigurationError

_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*")
_NETLOC: Final = re.compile(r"(\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\]|[^\[\]:]*)(:\d+)?")
"""Host and port with nothing before, between or behind; brackets only around the colons that need them."""
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")
_PATH: Final = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@-]+)+/?")
_LONGEST: Final = 500


def base_url(value: object, name: str = "base_url") -> str:
    """Give *value* without a trailing slash, if it is an address that may be talked to."""
    if isinstance(value, str) and "@" in value:  # looked at first, so that no other refusal shows a password
        raise ConfigurationError(f"{name}: user information does not belong into it; give credentials to the session")
    if not isinstance(value, str) or not value.isascii() or any(c <= " " or c == "\\" for c in value):
        raise _wrong(name, value, "write it as https://host")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise _wrong(name, value, "write it as https://host or https://host:port") from None
    _check_host(name, value, parts)
    walks = any(part in (".", "..") for part in parts.path.split("/"))
    if "?" in value or "#" in value or port == 0 or walks or not _PREFIX.fullmatch(parts.path):
        raise _wrong(name, value, "only a host, a port and a plain path may stand in it")
    return value.rstrip("/")


def _check_host(name: str, value: object, parts: SplitResult) -> None:
    host = (parts.hostname or "") if _NETLOC.fullmatch(parts.netloc) else ""
    if parts.scheme == "http" and not _is_loopback(host):
        raise _wrong(name, value, "plain http is allowed only to a loopback address such as http://127.0.0.1:8025")
    if parts.scheme not in ("http", "https"):
        raise _wrong(name, value, "write it as https://host")
    if not (_is_address(host) or (_NAME.fullmatch(host) and not _is_numeric(host))):
        raise _wrong(name, value, "its host is not a plain name or address")


def _is_loopback(host: str) -> bool:
    return _is_address(host) and ipaddress.ip_address(host).is_loopback


def _is_address(host: str) -> bool:
    try:
        return ipaddress.ip_address(host) is not None
    except ValueError:
        return False


def _is_numeric(host: str) -> bool:
    """Tell whether a resolver could take *host* for an address: 2130706433, 0x7f000001, 127.1."""
    last = host.rpartition(".")[2].lower()
    return last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last) is not None


def _wrong(name: str, value: object, rule: str) -> ConfigurationError:
    if isinstance(value, str):  # a query may be somebody's key
        value = re.sub(r"([?#]).+", r"\1…", value, flags=re.DOTALL)
    return ConfigurationError(f"{name}: {rule}; got {shown(value)}")


def path(value: object) -> str:
    """Give *value* if it is a plain path of the provider's: nothing in it can change the host or the route."""
    if not isinstance(value, str) or not _PATH.fullmatch(value) or len(value) > _LONGEST:
        raise refused("path", value, "write a plain path such as /viber/task; a query goes into params")
    if any(part in (".", "..") for part in value.split("/")):
        raise refused("path", value, "write it without . and ..")
    return value
