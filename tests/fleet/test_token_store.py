"""A token that a fleet shares through a real Redis server."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.fleet.conftest import RedisServer
from viber_async import ConfigurationError
from viber_async._sansio.tokens import StoredToken
from viber_async.redis import RedisTokenStore
from viber_async.redis import _server as server
from viber_async.redis import _tokens as module
from viber_async.redis._server import AwayError

SECRET = RedisTokenStore.new_secret()
KEY = "viber_async:{shop}:token"


class Provider:
    """Gives tokens, and counts them."""

    def __init__(self, lifetime: float = 3600) -> None:
        self.given = 0
        self.lifetime = lifetime
        self.open = asyncio.Event()
        self.open.set()

    async def fetch(self) -> StoredToken:
        self.given += 1
        value = f"token-{self.given}"
        await self.open.wait()
        return StoredToken(value=value, expires_at=time.time() + self.lifetime, lifetime=self.lifetime)


def a_store(client: Redis, **settings: Any) -> RedisTokenStore:
    return RedisTokenStore(client, "shop", **({"secret": SECRET} | settings))


async def test_a_fleet_asks_once(client: Redis) -> None:
    """Those who come while one is asking wait for what it puts down."""
    provider = Provider()

    tokens = await asyncio.gather(
        *(a_store(client).obtain("account", stale=None, fetch=provider.fetch) for _ in range(20))
    )

    assert provider.given == 1
    assert {token.value for token in tokens} == {"token-1"}


async def test_a_token_that_was_put_down_in_that_moment_is_taken(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the lease: nobody asks, and the lease is given back."""
    store, provider = a_store(client), Provider()
    real = client.set

    async def too_late(*args: Any, **kwargs: Any) -> Any:
        await store._put("account", StoredToken(value="theirs", expires_at=time.time() + 900), "")
        return await real(*args, **kwargs)

    monkeypatch.setattr(client, "set", too_late)

    token = await store.obtain("account", stale=None, fetch=provider.fetch)

    assert token.value == "theirs"
    assert provider.given == 0
    assert not await client.exists(KEY + ":lease")


async def test_a_stale_token_is_replaced_once(client: Redis) -> None:
    """Whoever was refused names what it had; the first one to say so asks, the others take the new one."""
    provider = Provider()
    await a_store(client).obtain("account", stale=None, fetch=provider.fetch)

    tokens = await asyncio.gather(
        *(a_store(client).obtain("account", stale="token-1", fetch=provider.fetch) for _ in range(5))
    )

    assert provider.given == 2
    assert {token.value for token in tokens} == {"token-2"}


@pytest.mark.fault("S09")
async def test_what_lies_in_redis_says_nothing(client: Redis) -> None:
    """The token is encrypted, and gone when it is over."""
    await a_store(client).obtain("account", stale=None, fetch=Provider(lifetime=100).fetch)

    kept = await client.hgetall(KEY)

    assert b"token-1" not in b"".join(kept.values())
    assert 90_000 < await client.pttl(KEY) <= 100_000


async def test_a_token_may_lie_there_as_it_is_if_the_user_says_so(client: Redis) -> None:
    """Plain is a choice, never a default."""
    await a_store(client, secret=None, plain=True).obtain("account", stale=None, fetch=Provider().fetch)

    kept = json.loads(await client.hget(KEY, "token"))
    again = await a_store(client, secret=None, plain=True).obtain("account", stale=None, fetch=Provider().fetch)

    assert kept["value"] == "token-1"
    assert again.lifetime == 3600


@pytest.mark.parametrize(
    "settings",
    [
        {"secret": None},
        {"plain": True},
        {"secret": "short"},
        {"secret": 5},
        {"fail": "retry"},
        {"account": "a b"},
        {"account": ""},
        {"account": "{x}"},
        {"account": None},
    ],
    ids=str,
)
def test_a_store_that_cannot_work_is_refused_when_it_is_made(settings: dict[str, Any]) -> None:
    """Among them: one that was told neither to encrypt nor that plain will do. The secret is not shown."""
    arguments = {"account": "shop", "secret": SECRET} | settings

    with pytest.raises(ConfigurationError) as caught:
        RedisTokenStore(Redis(), **arguments)

    assert SECRET not in str(caught.value)
    assert "short" not in str(caught.value)


@pytest.mark.parametrize(
    "kept",
    [
        b"junk",
        b"",
        b"[]",
        json.dumps({"account": "account", "value": "abc", "expires_at": 4e9}).encode(),
        RedisTokenStore(Redis(), "shop", secret=RedisTokenStore.new_secret())._closed(
            StoredToken(value="abc", expires_at=4e9), "account"
        ),
        a_store(Redis())._closed(StoredToken(value="a b", expires_at=time.time() + 900), "account"),
        a_store(Redis())._closed(StoredToken(value="abc", expires_at=time.time() + 900), "another account"),
    ],
    ids=["junk", "nothing", "a list", "plain", "another secret", "not fit for a header", "another account"],
)
async def test_what_is_no_token_of_ours_is_not_used(
    client: Redis, kept: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """It is replaced, and a warning says so without showing it."""
    await client.hset(KEY, mapping={"token": kept, "ends": "1"})

    token = await a_store(client).obtain("account", stale=None, fetch=Provider().fetch)
    again = await a_store(client).obtain("account", stale=None, fetch=Provider().fetch)

    assert token.value == again.value == "token-1"
    assert "it is not used" in caplog.text
    assert "abc" not in caplog.text


async def test_a_kept_token_that_is_over_is_replaced(client: Redis) -> None:
    """By the clock of whoever looks."""
    over = a_store(client)._closed(StoredToken(value="old", expires_at=time.time() - 1), "account")
    await client.hset(KEY, mapping={"token": over, "ends": "1"})

    token = await a_store(client).obtain("account", stale=None, fetch=Provider().fetch)

    assert token.value == "token-1"


async def test_a_token_that_is_over_already_is_not_kept(client: Redis) -> None:
    """It is given to its caller, who judges it."""
    await a_store(client).obtain("account", stale=None, fetch=Provider(lifetime=-5).fetch)

    assert not await client.exists(KEY)


async def test_the_lease_of_the_dead_is_over_by_itself(client: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that died while it asked holds nobody up for longer than a lease."""
    monkeypatch.setattr(module, "LEASE", 0.2)
    provider = Provider()
    provider.open.clear()
    dying = asyncio.ensure_future(a_store(client)._kept_or_lease("account", None))
    await dying  # it has the lease, and is never heard of again

    provider.open.set()
    token = await a_store(client).obtain("account", stale=None, fetch=provider.fetch)

    assert token.value == "token-1"


async def test_a_lease_lasts_as_long_as_the_asking(client: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is renewed while its holder lives, and given back at the end."""
    monkeypatch.setattr(module, "LEASE", 0.15)
    renewed = asyncio.Event()
    script = client.eval

    async def watched(text: str, *rest: Any) -> Any:
        said = await script(text, *rest)
        if text == module._RENEW:
            renewed.set()
        return said

    monkeypatch.setattr(client, "eval", watched)
    provider = Provider()
    provider.open.clear()
    asking = asyncio.ensure_future(a_store(client).obtain("account", stale=None, fetch=provider.fetch))
    for _ in range(5):
        renewed.clear()
        await renewed.wait()

    held = await client.exists(KEY + ":lease")
    provider.open.set()
    await asking

    assert held
    assert not await client.exists(KEY + ":lease")


async def test_whoever_lost_the_lease_puts_no_older_token_over_a_newer_one(client: Redis) -> None:
    """A process that was suspended while it asked comes back too late."""
    store = a_store(client)
    now = time.time()
    await store._put("account", StoredToken(value="newer", expires_at=now + 900), "a lease")

    await store._put("account", StoredToken(value="older", expires_at=now + 800), "a lease that is over")
    kept = await store._kept("account", None)

    assert kept is not None
    assert kept.value == "newer"


async def test_whoever_holds_the_lease_may_put_a_token_that_lives_shorter(client: Redis) -> None:
    """After a refusal the new token counts, whatever the old one's end."""
    store = a_store(client)
    now = time.time()
    await store._put("account", StoredToken(value="refused", expires_at=now + 900), "")
    _, lease = await store._kept_or_lease("account", "refused")

    await store._put("account", StoredToken(value="new", expires_at=now + 800), lease)
    kept = await store._kept("account", "refused")

    assert kept is not None
    assert kept.value == "new"


async def test_a_refusal_of_the_provider_is_everybodys_own(client: Redis) -> None:
    """The lease is given back, and the next one may try."""

    async def refused() -> StoredToken:
        raise PermissionError

    with pytest.raises(PermissionError):
        await a_store(client).obtain("account", stale=None, fetch=refused)

    assert not await client.exists(KEY + ":lease")


async def test_without_redis_each_process_asks_for_itself(
    own_server: RedisServer, own_client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """A service goes on; that costs one call a process."""
    own_server.stop()

    token = await a_store(own_client).obtain("account", stale=None, fetch=Provider().fetch)

    assert token.value == "token-1"
    assert "Redis is away" in caplog.text


async def test_without_redis_a_store_that_has_to_share_fails(own_server: RedisServer, own_client: Redis) -> None:
    """Nothing is asked."""
    own_server.stop()
    provider = Provider()

    with pytest.raises(AwayError):
        await a_store(own_client, fail="stop").obtain("account", stale=None, fetch=provider.fetch)

    assert provider.given == 0


async def test_a_redis_that_hangs_is_away(
    own_server: RedisServer, own_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits longer than for its patience."""
    monkeypatch.setattr(server, "PATIENCE", 0.1)
    own_server.suspend()

    token = await a_store(own_client).obtain("account", stale=None, fetch=Provider().fetch)
    own_server.go_on()

    assert token.value == "token-1"


async def test_a_redis_that_goes_away_meanwhile_takes_no_token_from_anybody(
    own_server: RedisServer, own_client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """What the provider gave is used, though nobody else will know of it."""
    provider = Provider()

    async def fetch() -> StoredToken:
        own_server.stop()
        return await provider.fetch()

    with caplog.at_level(logging.DEBUG):
        token = await a_store(own_client).obtain("account", stale=None, fetch=fetch)

    assert token.value == "token-1"
    assert provider.given == 1
    assert "not kept for other processes" in caplog.text
    assert "ends by itself" in caplog.text


def test_a_store_shows_neither_token_nor_secret() -> None:
    """Its repr says where it keeps things, and whether they can be read."""
    assert repr(a_store(Redis())) == f"<RedisTokenStore {KEY}, encrypted>"
    assert repr(a_store(Redis(), secret=None, plain=True)) == f"<RedisTokenStore {KEY}, plain>"
