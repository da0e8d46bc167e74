"""Who may call, look into the inbox, and press its buttons. Pure: headers come in, an objection goes out.

The page is for the person before the browser, and for no other page that is open in it. A page elsewhere can have the
browser send requests here; it cannot choose their Host (so a name that was made to point here is found out), nor hide
where they come from (Origin, Sec-Fetch-Site), nor add a header of its own without being asked about first.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

MARK: Final = "x-viber-inbox"
"""The header that the page's own script puts on what it asks for to be done."""
SHORTEST_TOKEN: Final = 16

Objection = tuple[int, str]
"""An HTTP status, and why."""
ELSEWHERE: Final = (403, "The inbox answers to its own page only, not to another one.")
NO_TOKEN: Final = (401, "The inbox needs its token.")
HERE: Final = "it is at 127.0.0.1, [::1] or localhost, and the same port."
OTHERWISE: Final = (
    "Call it there (a proxy has to send such a Host); or, to serve under other names, give it an address of this "
    "machine, a token, and credentials and an api_key of its own."
)


@frozen
class Visit:
    """A request, as far as the door is concerned."""

    method: str
    host: str = field(kw_only=True)
    origin: str | None = field(kw_only=True, default=None)
    site: str | None = field(kw_only=True, default=None)
    """Where the browser says that it comes from: Sec-Fetch-Site, or None of an old one."""
    marked: bool = field(kw_only=True, default=False)
    cookie: str = field(kw_only=True, default="")
    """What it brings of ours."""

    @classmethod
    def of(cls, method: str, headers: Mapping[str, str], cookie: str = "") -> Visit:
        """Return the visit that *headers*, with their names in lower case, tell of."""
        return cls(
            method,
            host=headers.get("host", ""),
            origin=headers.get("origin"),
            site=headers.get("sec-fetch-site"),
            marked=MARK in headers,
            cookie=cookie,
        )


class Door:
    """Lets in whoever sits at this machine, or brings the token."""

    def __init__(self, token: str | None = None, *, anywhere: bool = False) -> None:
        if token is not None and len(token) < SHORTEST_TOKEN:
            raise ValueError(
                f"the inbox's token has to have {SHORTEST_TOKEN} characters or more, so that nobody guesses it"
            )
        self._token = token
        self._anywhere = anywhere

    def __repr__(self) -> str:
        return f"<Door {'with' if self._token else 'without'} a token>"

    @property
    def ticket(self) -> str:
        """What a browser keeps instead of the token, and which does not give it away."""
        return hmac.digest((self._token or "").encode(), b"viber_async sandbox inbox", hashlib.sha256).hex()

    def opens(self, token: str) -> bool:
        """Return whether *token* is the right one."""
        return self._token is not None and hmac.compare_digest(token.encode(), self._token.encode())

    def knows(self, visit: Visit) -> bool:
        """Return whether the *visit* needs no token, or was let in before."""
        return self._token is None or hmac.compare_digest(visit.cookie.encode(), self.ticket.encode())

    def to_look(self, visit: Visit) -> Objection | None:
        """Return what is to be said against somebody who opens the page, be it by a link from elsewhere."""
        if not self._is_here(visit.host):
            return 421, f"The inbox is not at {visit.host!r}; {HERE}"
        return None if self.knows(visit) else NO_TOKEN

    def to_call(self, host: str) -> Objection | None:
        """Return what is to be said against a call of the provider's that was made to *host*, empty for none."""
        if not host or self._is_here(host):
            return None
        return 421, f"The sandbox is not at {host!r}; {HERE} {OTHERWISE}"

    def to_read(self, visit: Visit) -> Objection | None:
        """Return what is to be said against somebody who reads what the page is made from."""
        if (objection := self.to_look(visit)) is not None:
            return objection
        return None if visit.site in (None, "same-origin", "none") and _is_own(visit) else ELSEWHERE

    def to_act(self, visit: Visit) -> Objection | None:
        """Return what is to be said against somebody who presses a button."""
        return self.to_read(visit) or (None if visit.marked else ELSEWHERE)

    def to_enter(self, visit: Visit) -> Objection | None:
        """Return what is to be said against somebody who hands in the token."""
        return None if _is_own(visit) and visit.site in (None, "same-origin") else ELSEWHERE

    def _is_here(self, host: str) -> bool:
        """A name that was rebound to this machine comes with its own Host."""
        return self._anywhere or _is_loopback(host)


def _is_own(visit: Visit) -> bool:
    return visit.origin is None or urlsplit(visit.origin).netloc == visit.host


def _is_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
