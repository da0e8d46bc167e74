"""Where tokens are kept: the seam, and what ships with us. Who needs one, and when, is `_auth`'s to know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from viber_async._sansio.tokens import StoredToken


class TokenStore(Protocol):
    """Where tokens are kept and, if others share them, where it is settled who asks for the next one."""

    async def obtain(
        self, account: str, *, stale: str | None, fetch: Callable[[], Awaitable[StoredToken]]
    ) -> StoredToken:
        """Give a token of *account* other than *stale*: a kept one, or what *fetch* gives, which is then kept."""
        ...


class MemoryTokenStore:
    """Keeps nothing beyond the session's own memory; every session asks for its own token."""

    async def obtain(
        self,
        account: str,  # noqa: ARG002 - a session has one account
        *,
        stale: str | None,  # noqa: ARG002 - nothing kept, nothing stale
        fetch: Callable[[], Awaitable[StoredToken]],
    ) -> StoredToken:
        """Give what *fetch* gives."""
        return await fetch()
