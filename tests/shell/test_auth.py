"""Tokens: one refresh at a time, early in the background, waited for only when there is no other way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from tests.shell.clock import in_virtual_time
from viber_async import AuthenticationError, Delivery, ServerError, StoredToken
from viber_async._auth import MemoryTokenStore, StaticKey, TokenRefresher
from viber_async._sansio.tokens import ApiKey, Grant, Token
from viber_async._tasks import TaskOwner


class Grants:
    """Answers token calls after a second each; an exception in the script is raised."""

    def __init__(self, *script: Exception | Grant, lifetime: int = 3600) -> None:
        self.script = list(script)
        self.lifetime = lifetime
        self.calls: list[float] = []

    async def __call__(self) -> Grant:
        self.calls.append(asyncio.get_running_loop().time())
        await asyncio.sleep(1)
        given = self.script.pop(0) if self.script else Grant(f"token-{len(self.calls)}", lifetime=self.lifetime)
        if isinstance(given, Exception):
            raise given
        return given


def refresher(grants: Grants, store: object = None) -> TokenRefresher:
    return TokenRefresher(grants, account="a", store=store or MemoryTokenStore(), tasks=TaskOwner())  # type: ignore[arg-type]


@in_virtual_time
async def test_a_thousand_callers_cause_one_token_call() -> None:
    """Whoever comes while a token is on its way waits beside the same call (A04)."""
    grants = Grants()
    bearer = refresher(grants)
    tokens = await asyncio.gather(*(bearer.token() for _ in range(1000)))

    assert {t.value for t in tokens} == {"token-1"}
    assert (len(grants.calls), bearer.refreshes) == (1, 1)


@in_virtual_time
async def test_cancelling_the_caller_that_noticed_harms_nobody() -> None:
    """The refresh belongs to the session: its first caller goes, the others get their token (A05)."""
    grants = Grants()
    bearer = refresher(grants)
    first, *others = [asyncio.create_task(bearer.token()) for _ in range(10)]
    await asyncio.sleep(0.5)
    first.cancel()

    assert {t.value for t in await asyncio.gather(*others)} == {"token-1"}
    assert len(grants.calls) == 1


@in_virtual_time
async def test_a_token_is_replaced_early_while_everybody_goes_on() -> None:
    """In the advisory window the old token is given out, and one refresh runs behind it."""
    grants = Grants()
    bearer = refresher(grants)
    await bearer.token()
    await asyncio.sleep(3600 - 200)
    old = [(await bearer.token()).value for _ in range(5)]
    await asyncio.sleep(2)

    assert old == ["token-1"] * 5
    assert (await bearer.token()).value == "token-2"
    assert len(grants.calls) == 2


@in_virtual_time
async def test_a_token_that_is_over_is_waited_for() -> None:
    """In the mandatory window nobody gets the old one."""
    grants = Grants()
    bearer = refresher(grants)
    await bearer.token()
    await asyncio.sleep(3600 - 59)

    assert (await bearer.token()).value == "token-2"


@in_virtual_time
async def test_a_failed_early_refresh_is_tried_again_half_a_minute_later() -> None:
    """Meanwhile the old token serves, and the provider is not asked again (A02)."""
    grants = Grants(Grant("token-1", lifetime=3600), ServerError("down", status=500), ServerError("down", status=500))
    bearer = refresher(grants)
    await bearer.token()
    await asyncio.sleep(3600 - 200)
    for _ in range(35):
        assert (await bearer.token()).value == "token-1"
        await asyncio.sleep(1)

    assert len(grants.calls) == 3
    assert grants.calls[2] - grants.calls[1] >= 30


@in_virtual_time
async def test_without_a_token_the_true_cause_is_raised_and_nothing_was_sent() -> None:
    """Each caller gets an error of its own, and the next call may try again at once (A03)."""
    grants = Grants(ServerError("down", status=500))
    bearer = refresher(grants)
    errors = await asyncio.gather(*(bearer.token() for _ in range(3)), return_exceptions=True)

    assert [type(e) for e in errors] == [ServerError] * 3
    assert len(set(map(id, errors))) == 3
    assert {e.delivery for e in errors if isinstance(e, ServerError)} == {Delivery.NOT_SENT}
    assert (await bearer.token()).value == "token-2"


@in_virtual_time
async def test_refused_credentials_are_not_tried_again_for_a_while() -> None:
    """For five seconds the refusal is given out again without asking (A01)."""
    grants = Grants(AuthenticationError("no", status=401), AuthenticationError("no", status=401))
    bearer = refresher(grants)
    for _ in range(3):
        with pytest.raises(AuthenticationError):
            await bearer.token()
    asked_early = len(grants.calls)
    await asyncio.sleep(5)
    with pytest.raises(AuthenticationError):
        await bearer.token()

    assert (asked_early, len(grants.calls)) == (1, 2)


@in_virtual_time
async def test_a_late_refusal_of_an_old_token_leaves_the_new_one_alone() -> None:
    """Only the value that was refused is rejected (A08)."""
    grants = Grants()
    bearer = refresher(grants)
    old = await bearer.token()
    assert bearer.reject(old)
    new = await bearer.token()
    assert bearer.reject(old)

    assert (await bearer.token()) is new
    assert len(grants.calls) == 2


@in_virtual_time
async def test_a_token_rejected_while_it_arrives_is_fetched_again() -> None:
    """A waiter that finds its token rejected in the same instant waits for the next one."""
    grants = Grants()
    bearer = refresher(grants)
    waiting = asyncio.create_task(bearer.token())
    refresh = None
    await asyncio.sleep(0)
    refresh = bearer._refreshing
    assert refresh is not None
    refresh.add_done_callback(lambda _: bearer.reject(Token(value="token-1")))

    assert (await waiting).value in {"token-1", "token-2"}
    assert (await bearer.token()).value == "token-2"


class Shelf:
    """A store that keeps one token, as another process may have left it."""

    def __init__(self, kept: StoredToken | None) -> None:
        self.kept = kept
        self.asked: list[tuple[str, str | None]] = []

    async def obtain(
        self, account: str, *, stale: str | None, fetch: Callable[[], Awaitable[StoredToken]]
    ) -> StoredToken:
        self.asked.append((account, stale))
        if self.kept is None or self.kept.value == stale:
            self.kept = await fetch()
        return self.kept


@in_virtual_time
async def test_a_kept_token_saves_the_call() -> None:
    """What another process fetched is used for as long as it lives by the wall clock."""
    grants, shelf = Grants(), Shelf(StoredToken(value="kept", expires_at=time.time() + 1000))
    bearer = refresher(grants, shelf)
    token = await bearer.token()

    assert (token.value, grants.calls) == ("kept", [])
    assert 850 < token.over_at - 1000.0 < 950


@in_virtual_time
async def test_a_store_is_told_which_token_was_refused() -> None:
    """So that it fetches another one, or gives what somebody else fetched meanwhile (A14)."""
    grants, shelf = Grants(), Shelf(StoredToken(value="kept", expires_at=time.time() + 1000))
    bearer = refresher(grants, shelf)
    bearer.reject(await bearer.token())

    assert (await bearer.token()).value == "token-1"
    assert shelf.asked == [("a", None), ("a", "kept")]


@in_virtual_time
async def test_a_dead_token_from_a_store_is_not_used() -> None:
    """A store that keeps a token beyond its end does not stop the session."""
    grants, shelf = Grants(), Shelf(StoredToken(value="dead", expires_at=time.time() - 1))

    assert (await refresher(grants, shelf).token()).value == "token-1"


@in_virtual_time
async def test_an_api_key_is_always_the_same_and_final() -> None:
    """There is nothing to refresh, so a refusal of it cannot be helped."""
    bearer = StaticKey(ApiKey("key"))
    token = await bearer.token()

    assert (token.value, bearer.reject(token), bearer.refreshes) == ("key", False, 0)
