"""A token for the whole fleet: one process asks for it, the others wait for what it puts down.

Who asks holds a lease: a key that expires by itself, renewed while the asking lasts. If its holder dies, the lease is
over some seconds later and the next one asks. A holder that was suspended, and comes back after others have moved on,
finds the lease gone and puts no older token over theirs.
"""

from __future__ import annotations

import asyncio
import json
import math
import secrets
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Literal

import attrs
from cryptography.fernet import Fernet, InvalidToken

from viber_async._auth import logger
from viber_async._sansio.privacy import shown
from viber_async._sansio.tokens import StoredToken, flaw_of
from viber_async.errors import ConfigurationError
from viber_async.redis._server import AwayError, answer, key_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from redis.asyncio import Redis

LEASE: Final = 5.0
"""Seconds after which a lease whose holder is gone is free: longer than any pause of a healthy process."""
LOOK: Final = 0.1
"""Seconds between two looks of those who wait for the holder; a token call takes a few of them."""

_PUT: Final = """
local ends = tonumber(redis.call('HGET', KEYS[1], 'ends') or '0')
if redis.call('GET', KEYS[2]) == ARGV[1] or tonumber(ARGV[2]) > ends then
  redis.call('HSET', KEYS[1], 'ends', ARGV[2], 'token', ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
"""
_RENEW: Final = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('PEXPIRE', KEYS[1], ARGV[2])"
_RELEASE: Final = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1])"


class RedisTokenStore:
    """Keeps an account's token in Redis, and lets one process at a time ask for the next one.

    *secret* encrypts it: a key from `RedisTokenStore.new_secret()`, the same in every process; a token opens the whole
    account, and whoever can read Redis could use it. Say ``plain=True`` if it may lie there as it is.

    Redis away: each process asks for a token of its own, which costs the provider one call a process and an hour. With
    ``fail="stop"`` calls that need a new token fail instead, with nothing sent.

    Raises:
        ConfigurationError: neither *secret* nor *plain* was given, or both; or something else cannot work.

    """

    def __init__(
        self,
        client: Redis,
        account: str,
        *,
        secret: str | bytes | None = None,
        plain: bool = False,
        fail: Literal["own", "stop"] = "own",
    ) -> None:
        if fail not in ("own", "stop"):
            raise ConfigurationError(f'RedisTokenStore: fail must be "own" or "stop"; got {shown(fail)}')
        self._client = client
        self._key = key_of(account, "token")
        self._lease = key_of(account, "token:lease")
        self._cipher = _cipher_of(secret, plain=plain)
        self._fail = fail

    @staticmethod
    def new_secret() -> str:
        """Give a new key for *secret*; keep it where the credentials are kept."""
        return Fernet.generate_key().decode()

    async def obtain(
        self, account: str, *, stale: str | None, fetch: Callable[[], Awaitable[StoredToken]]
    ) -> StoredToken:
        """Give a token other than *stale*: the kept one, or what *fetch* gives, which is then kept.

        *account* is the session's own name for its account: a token that was kept for another one is not used.
        """
        try:
            kept, lease = await self._kept_or_lease(account, stale)
        except AwayError as error:
            if self._fail == "stop":
                raise
            logger.warning("Redis is away (%s): this process asks for a token of its own", error)
            return await fetch()
        if kept is not None:
            return kept
        async with self._renewed(lease):
            token = await fetch()
            await self._put(account, token, lease)
        return token

    async def _kept_or_lease(self, account: str, stale: str | None) -> tuple[StoredToken | None, str]:
        """Wait for a token other than *stale*, or for the lease under which to ask for one."""
        lease = secrets.token_hex(16)
        while True:
            if (kept := await self._kept(account, stale)) is not None:
                return kept, ""
            if await answer(self._client.set(self._lease, lease, nx=True, px=int(1000 * LEASE))):
                break
            await asyncio.sleep(LOOK)
        kept = await self._kept(account, stale)  # it may have been put down between our look and our lease
        if kept is not None:
            await self._release(lease)
        return kept, lease

    async def _kept(self, account: str, stale: str | None) -> StoredToken | None:
        """Give the kept token, if there is one that can be used."""
        kept: bytes | str | None = await answer(self._client.hget(self._key, "token"))
        if kept is None:
            return None
        token = self._opened(kept, account)
        if token is None:
            logger.warning("what Redis keeps as this account's token is none, or another's: it is not used")
            return None
        return token if token.value != stale and token.expires_at > time.time() else None

    async def _put(self, account: str, token: StoredToken, lease: str) -> None:
        """Keep *token* for as long as it lives, unless others have kept a younger one meanwhile."""
        lifetime = token.expires_at - time.time()
        if lifetime <= 0:
            return
        ends, keep = str(token.expires_at), str(math.ceil(1000 * lifetime))
        kept = self._closed(token, account)
        try:
            await answer(self._client.eval(_PUT, 2, self._key, self._lease, lease, ends, kept, keep))
        except AwayError as error:
            logger.warning("Redis is away (%s): the token is not kept for other processes", error)

    @asynccontextmanager
    async def _renewed(self, lease: str) -> AsyncGenerator[None]:
        """Keep the lease until the end of the block, and give it back."""
        renewing = asyncio.ensure_future(self._renew(lease))
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.wait([renewing])
            await self._release(lease)

    async def _renew(self, lease: str) -> None:
        while True:
            await asyncio.sleep(LEASE / 3)
            await self._try(_RENEW, lease, str(int(1000 * LEASE)))

    async def _release(self, lease: str) -> None:
        await self._try(_RELEASE, lease)

    async def _try(self, script: str, *said: str) -> None:
        """Say something of our lease; if Redis does not hear it, the lease ends by itself."""
        try:
            await answer(self._client.eval(script, 1, self._lease, *said))
        except AwayError as error:
            logger.debug("Redis is away (%s): the lease ends by itself", error)

    def _closed(self, token: StoredToken, account: str) -> bytes:
        text = json.dumps({"account": account, **attrs.asdict(token)}).encode()
        return text if self._cipher is None else self._cipher.encrypt(text)

    def _opened(self, kept: bytes | str, account: str) -> StoredToken | None:
        raw = kept.encode() if isinstance(kept, str) else kept
        try:
            said = json.loads(raw if self._cipher is None else self._cipher.decrypt(raw))
            known = said.pop("account") == account
            token = StoredToken(**said)
        except (InvalidToken, ValueError, TypeError, KeyError, AttributeError):
            return None
        return token if known and flaw_of(token, now=time.time()) is None else None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._key}, {'plain' if self._cipher is None else 'encrypted'}>"


def _cipher_of(secret: str | bytes | None, *, plain: bool) -> Fernet | None:
    if (secret is None) is not plain:
        raise ConfigurationError(
            "RedisTokenStore: give secret=, a key from RedisTokenStore.new_secret(), or say plain=True if the token "
            "may lie in Redis as it is; one of the two"
        )
    if secret is None:
        return None
    try:
        return Fernet(secret)
    except (ValueError, TypeError):
        raise ConfigurationError(
            "RedisTokenStore: secret is no key; make one with RedisTokenStore.new_secret(), the same for all processes"
        ) from None
