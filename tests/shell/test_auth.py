"""Tokens: one refresh at a time, early in the background, waited for only when there is no other way."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.shell.clock import in_virtual_time
from tests.shell.ledger import Account, MemoryLedger
from tests.shell.provider import no, ok
from tests.shell.sessions import CREDENTIALS, session_over
from viber_async import (
    AuthenticationError,
    CampaignDraft,
    Delivery,
    MemoryTokenStore,
    RateLimit,
    ServerError,
    StoredToken,
    TransportError,
    ViberSession,
)
from viber_async._auth import StaticKey, TokenRefresher
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
async def test_a_key_and_a_good_token_are_at_hand() -> None:
    """Nobody waits for them; a token that should be replaced is left to those who wait."""
    key = StaticKey(ApiKey("key"))
    bearer = refresher(Grants())
    before = bearer.at_hand()
    token = await bearer.token()

    assert key.at_hand() is await key.token()
    assert (before, bearer.at_hand(), bearer.at_hand(until=token.ends_at + 1)) == (None, token, None)
    await asyncio.sleep(token.refresh_at - asyncio.get_running_loop().time())
    assert bearer.at_hand() is None


@pytest.mark.fault("A04")
@in_virtual_time
async def test_a_thousand_callers_cause_one_token_call() -> None:
    """Whoever comes while a token is on its way waits beside the same call."""
    grants = Grants()
    bearer = refresher(grants)
    tokens = await asyncio.gather(*(bearer.token() for _ in range(1000)))

    assert {t.value for t in tokens} == {"token-1"}
    assert (len(grants.calls), bearer.refreshes) == (1, 1)


@pytest.mark.fault("A05")
@in_virtual_time
async def test_cancelling_the_caller_that_noticed_harms_nobody() -> None:
    """The refresh belongs to the session: its first caller goes, the others get their token."""
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


@pytest.mark.fault("A02")
@in_virtual_time
async def test_a_failed_early_refresh_is_tried_again_half_a_minute_later() -> None:
    """Meanwhile the old token serves, and the provider is not asked again."""
    grants = Grants(Grant("token-1", lifetime=3600), ServerError("down", status=500), ServerError("down", status=500))
    bearer = refresher(grants)
    await bearer.token()
    await asyncio.sleep(3600 - 200)
    for _ in range(35):
        assert (await bearer.token()).value == "token-1"
        await asyncio.sleep(1)

    assert len(grants.calls) == 3
    assert grants.calls[2] - grants.calls[1] >= 30


@pytest.mark.fault("A03")
@in_virtual_time
async def test_without_a_token_the_true_cause_is_raised_and_nothing_was_sent() -> None:
    """Each caller gets an error of its own, and the next call may try again at once."""
    grants = Grants(ServerError("down", status=500))
    bearer = refresher(grants)
    errors = await asyncio.gather(*(bearer.token() for _ in range(3)), return_exceptions=True)

    assert [type(e) for e in errors] == [ServerError] * 3
    assert len(set(map(id, errors))) == 3
    assert {e.delivery for e in errors if isinstance(e, ServerError)} == {Delivery.NOT_SENT}
    assert (await bearer.token()).value == "token-2"


@in_virtual_time
async def test_a_failed_refresh_is_logged_only_where_nobody_is_told_of_it(caplog: pytest.LogCaptureFixture) -> None:
    """While the old token serves; whoever waits for a new one has the error itself."""
    down = ServerError("down", status=500)
    grants = Grants(down, Grant("token-1", lifetime=3600), down, down)
    bearer = refresher(grants)
    with pytest.raises(ServerError):
        await bearer.token()
    await bearer.token()
    await asyncio.sleep(3600 - 100)
    await bearer.token()
    await asyncio.sleep(5)
    logged = caplog.text.count("no new token: down")
    await asyncio.sleep(200)
    with pytest.raises(ServerError):
        await bearer.token()

    assert (logged, caplog.text.count("no new token")) == (1, 1)


@pytest.mark.fault("A01")
@in_virtual_time
async def test_refused_credentials_are_not_tried_again_for_a_while() -> None:
    """For five seconds the refusal is given out again without asking."""
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


@pytest.mark.fault("A08")
@in_virtual_time
async def test_a_late_refusal_of_an_old_token_leaves_the_new_one_alone() -> None:
    """Only the value that was refused is rejected."""
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


@pytest.mark.fault("A14")
@in_virtual_time
async def test_a_store_is_told_which_token_was_refused() -> None:
    """So that it fetches another one, or gives what somebody else fetched meanwhile."""
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


class Broken:
    """A store whose disk is gone; as long as *works* is left, it still fetches."""

    def __init__(self, works: int = 0, error: Exception | None = None) -> None:
        self.works = works
        self.error = error or OSError("cannot write token-1")
        self.asked = 0

    async def obtain(
        self, account: str, *, stale: str | None, fetch: Callable[[], Awaitable[StoredToken]]
    ) -> StoredToken:
        self.asked += 1
        if self.asked > self.works:
            raise self.error
        return await fetch()


@pytest.mark.parametrize(
    "error", [OSError("token-1"), TimeoutError(), ValueError("x"), type("T" * 500, (Exception,), {})()]
)
@in_virtual_time
async def test_a_store_that_fails_is_an_error_with_a_name(error: Exception) -> None:
    """It says of which kind, keeps the cause, shows nothing of its text, and nothing was sent."""
    with pytest.raises(TransportError, match="the token store failed") as caught:
        await refresher(Grants(), Broken(error=error)).token()

    assert (caught.value.delivery, caught.value.__cause__) == (Delivery.NOT_SENT, error)
    assert type(error).__name__[:50] in str(caught.value)
    assert "token-1" not in str(caught.value)
    assert len(str(caught.value)) < 100


@in_virtual_time
async def test_a_store_that_fails_early_is_asked_again_half_a_minute_later(caplog: pytest.LogCaptureFixture) -> None:
    """The old token serves, and the log says once what kind of failure it was."""
    store = Broken(works=1)
    bearer = refresher(Grants(), store)
    await bearer.token()
    await asyncio.sleep(3600 - 200)
    for _ in range(35):
        assert (await bearer.token()).value == "token-1"
        await asyncio.sleep(1)

    assert store.asked == 3
    assert caplog.text.count("OSError") == 2
    assert "token-1" not in caplog.text


@in_virtual_time
async def test_any_failure_of_an_early_refresh_is_tried_again_half_a_minute_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also one that is none of ours, such as a middleware's: only its kind is logged."""
    grants = Grants(Grant("token-1", lifetime=3600), *[KeyError("secret")] * 5)
    bearer = refresher(grants)
    await bearer.token()
    await asyncio.sleep(3600 - 200)
    for _ in range(35):
        assert (await bearer.token()).value == "token-1"
        await asyncio.sleep(1)

    assert len(grants.calls) == 3
    assert "KeyError" in caplog.text
    assert "secret" not in caplog.text


@in_virtual_time
async def test_an_error_of_the_token_call_is_not_blamed_on_the_store() -> None:
    """It comes out as it is, through whatever store."""
    with pytest.raises(KeyError, match="middleware"):
        await refresher(Grants(KeyError("middleware")), Shelf(None)).token()


@in_virtual_time
async def test_a_token_that_a_store_failed_to_keep_is_used() -> None:
    """It was given, and asking for one with every call could get the account blocked."""

    class Full:
        async def obtain(
            self, account: str, *, stale: str | None, fetch: Callable[[], Awaitable[StoredToken]]
        ) -> StoredToken:
            await fetch()
            raise OSError("disk full")

    grants = Grants()
    bearer = refresher(grants, Full())

    assert [(await bearer.token()).value for _ in range(3)] == ["token-1"] * 3
    assert len(grants.calls) == 1


SOON = 1000.0


@pytest.mark.parametrize(
    "junk",
    [
        None,
        "token",
        ("kept", time.time() + SOON),
        *(
            StoredToken(value=value, expires_at=time.time() + SOON)  # type: ignore[arg-type]
            for value in ("kept\r\nX-Evil: 1", "kept\n", "ключ", "", None, 5, b"kept", ["kept"], "kept" * 2000)
        ),
        *(
            StoredToken(value="kept", expires_at=end)  # type: ignore[arg-type]
            for end in (float("nan"), float("inf"), -float("inf"), True, None, "soon", 10**400, time.time() * 1000, -1)
        ),
    ],
)
@in_virtual_time
async def test_junk_from_a_store_is_no_token(junk: object, caplog: pytest.LogCaptureFixture) -> None:
    """A fresh one is fetched, and the log says what is wrong without showing it."""
    grants = Grants()

    assert (await refresher(grants, Giving(junk)).token()).value == "token-1"
    assert "the token store gave" in caplog.text
    assert "kept" not in caplog.text
    assert len(grants.calls) == 1


class Giving:
    """A store that gives one thing for ever, whatever it is told; or another one after having fetched."""

    def __init__(self, given: object, *, fetches: bool = False) -> None:
        self.given = given
        self.fetches = fetches

    async def obtain(self, account: str, *, stale: str | None, fetch: Callable[[], Awaitable[StoredToken]]) -> object:
        if self.fetches:
            await fetch()
        return self.given


@in_virtual_time
async def test_junk_in_place_of_a_fetched_token_costs_no_second_one() -> None:
    """What the provider gave is used."""
    grants = Grants()

    assert (await refresher(grants, Giving("junk", fetches=True)).token()).value == "token-1"
    assert len(grants.calls) == 1


@in_virtual_time
async def test_a_shared_store_is_asked_early_for_another_token_than_the_one_in_use() -> None:
    """Otherwise it would give the old one again, with smaller margins each time."""
    grants, shelf = Grants(), Shelf(None)
    bearer = refresher(grants, shelf)
    await bearer.token()
    await asyncio.sleep(3600 - 200)
    await bearer.token()
    await asyncio.sleep(2)

    assert shelf.asked == [("a", None), ("a", "token-1")]
    assert (await bearer.token()).value == "token-2"


@in_virtual_time
async def test_the_same_token_again_is_no_newer_one() -> None:
    """Its margins stay as they were, it serves to its end, and the store is asked every half a minute."""
    store = Giving(StoredToken(value="kept", expires_at=time.time() + 1000))
    grants = Grants()
    bearer = refresher(grants, store)
    first = await bearer.token()
    await asyncio.sleep(900)
    again = [await bearer.token() for _ in range(10)]
    await asyncio.sleep(0)

    assert all(token is first for token in again)
    assert await bearer.token() is first
    assert bearer._next_try > asyncio.get_running_loop().time()
    await asyncio.sleep(100)
    assert (await bearer.token()).value == "token-1"


@in_virtual_time
async def test_endless_refusals_cost_one_token_call_every_five_seconds() -> None:
    """A new token that is refused like the old one stays in use: asking too often can get an account blocked."""
    grants = Grants()
    bearer = refresher(grants)
    said = [bearer.reject(await bearer.token()) for _ in range(10)]
    early = len(grants.calls)
    await asyncio.sleep(5)
    said.append(bearer.reject(await bearer.token()))
    await bearer.token()

    assert said == [True] + [False] * 9 + [True]
    assert (early, len(grants.calls)) == (2, 3)


class EagerTasks(TaskOwner):
    """Starts as a loop with eager tasks does: what never waits is over before it is handed back."""

    started = 0

    def start(self, work: Any) -> Any:
        self.started += 1
        done = asyncio.get_running_loop().create_future()
        try:
            work.send(None)
        except StopIteration as stop:
            done.set_result(stop.value)
        return done


@in_virtual_time
async def test_a_refresh_that_never_waits_is_over_when_it_was_started() -> None:
    """Eager tasks (Python 3.12): it is not kept as one under way, and the next one can begin."""
    count = iter(range(1, 10))

    async def grant() -> Grant:
        return Grant(f"token-{next(count)}", lifetime=3600)

    tasks = EagerTasks()
    bearer = TokenRefresher(grant, account="a", store=MemoryTokenStore(), tasks=tasks)
    first = await bearer.token()
    bearer.reject(first)

    assert bearer._refreshing is None
    assert (await bearer.token()).value == "token-2"
    assert tasks.started == 2


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
@in_virtual_time
async def test_tokens_are_refreshed_in_a_loop_with_eager_tasks() -> None:
    """Whether the refresh waits or not."""
    loop = asyncio.get_running_loop()
    loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined,unused-ignore]
    bearer = refresher(Grants())
    old = await bearer.token()
    bearer.reject(old)

    assert (await bearer.token()).value == "token-2"


# A campaign's token outlives its deadline.


@in_virtual_time
async def test_whoever_needs_a_token_for_long_gets_a_new_one_first() -> None:
    """One that ends a moment too soon is replaced, waited for, and serves everybody from then on."""
    grants = Grants()
    bearer = refresher(grants)
    await bearer.token()
    await asyncio.sleep(3600 - 151)  # the token call took a second
    now = asyncio.get_running_loop().time()
    long_enough = await bearer.token(until=now + 150)
    too_short = await bearer.token(until=now + 150.001)

    assert (long_enough.value, too_short.value) == ("token-1", "token-2")
    assert await bearer.token() is too_short


@in_virtual_time
async def test_many_who_need_a_token_for_long_cause_one_token_call() -> None:
    """They wait beside the refresh that is under way already."""
    grants = Grants()
    bearer = refresher(grants)
    await bearer.token()
    await asyncio.sleep(3600 - 100)
    until = asyncio.get_running_loop().time() + 150
    tokens = await asyncio.gather(*(bearer.token(until=until) for _ in range(100)))

    assert {token.value for token in tokens} == {"token-2"}
    assert len(grants.calls) == 2


@in_virtual_time
async def test_whoever_needs_a_token_for_long_fails_where_others_go_on() -> None:
    """The one in use serves them; a campaign does not leave with it."""
    grants = Grants(Grant("token-1", lifetime=3600), ServerError("down", status=500))
    bearer = refresher(grants)
    await bearer.token()
    await asyncio.sleep(3600 - 150)
    with pytest.raises(ServerError) as caught:
        await bearer.token(until=asyncio.get_running_loop().time() + 150)

    assert caught.value.delivery is Delivery.NOT_SENT
    assert (await bearer.token()).value == "token-1"


@pytest.mark.parametrize(("lifetime", "calls"), [(100, 3), (40, 5), (1, 20)])
@in_virtual_time
async def test_where_no_token_lives_long_enough_the_best_is_given_once_for_all(lifetime: int, calls: int) -> None:
    """No call asks for one token after another: at most one for each half of a life, or one for each call."""
    grants = Grants(lifetime=lifetime)
    bearer = refresher(grants)
    for _ in range(20):
        now = asyncio.get_running_loop().time()
        token = await bearer.token(until=now + 150)
        assert token.ends_at - now >= min(lifetime / 2, lifetime - 1)
        await asyncio.sleep(6)

    assert len(grants.calls) == calls


@in_virtual_time
async def test_a_provider_that_gives_the_same_token_again_is_not_asked_with_every_campaign() -> None:
    """It gives what is left of it; there is none better, and the next try is half a minute later."""
    grants = Grants(*(Grant("same", lifetime=left) for left in (3600, 140, 100, 60)))
    bearer = refresher(grants)
    await bearer.token()
    await asyncio.sleep(3600 - 140)
    for _ in range(8):
        now = asyncio.get_running_loop().time()
        assert (await bearer.token(until=now + 150)).value == "same"
        await asyncio.sleep(5)

    assert len(grants.calls) == 3


@in_virtual_time
async def test_a_kept_token_that_ends_too_soon_is_not_the_last_word() -> None:
    """Another process left one that serves reads; a campaign gets a new one, in the same breath."""
    grants, shelf = Grants(), Shelf(StoredToken(value="kept", expires_at=time.time() + 140, lifetime=3600))
    bearer = refresher(grants, shelf)
    token = await bearer.token(until=asyncio.get_running_loop().time() + 150)

    assert token.value == "token-1"
    assert shelf.asked == [("a", None), ("a", "kept")]


@in_virtual_time
async def test_a_store_full_of_tokens_that_end_too_soon_is_not_emptied_for_one_campaign() -> None:
    """Each is newer, and none will do: after three the campaign leaves with what it has."""
    asked: list[str | None] = []

    class Hoard:
        async def obtain(
            self, account: str, *, stale: str | None, fetch: Callable[[], Awaitable[StoredToken]]
        ) -> StoredToken:
            asked.append(stale)
            left = 100 + len(asked)
            return StoredToken(value=f"kept-{len(asked)}", expires_at=time.time() + left, lifetime=3600)

    token = await refresher(Grants(), Hoard()).token(until=asyncio.get_running_loop().time() + 150)

    assert (token.value, asked) == ("kept-3", [None, "kept-1", "kept-2"])


@in_virtual_time
async def test_a_kept_token_has_the_margins_of_its_whole_life() -> None:
    """Another process left one that is as good as over: it is not used, though it has seconds left."""
    grants, shelf = Grants(), Shelf(StoredToken(value="kept", expires_at=time.time() + 59, lifetime=3600))

    assert (await refresher(grants, shelf).token()).value == "token-1"
    assert len(grants.calls) == 1


@in_virtual_time
async def test_the_life_of_a_token_is_kept_with_it() -> None:
    """So that others know its margins."""
    grants, shelf = Grants(lifetime=1000), Shelf(None)
    await refresher(grants, shelf).token()

    assert shelf.kept is not None
    assert shelf.kept.lifetime == 1000


async def create(session: ViberSession) -> None:
    await session.campaigns.create(DRAFT)


async def create_once(session: ViberSession) -> None:
    await session.campaigns.create_once(DRAFT, key="order 1")


DRAFT = CampaignDraft(sender_id=1, message_live_time=3600, message="hi", recipients=["380931111111"])
CREATES = pytest.mark.parametrize("creating", [create, create_once])


@CREATES
@pytest.mark.parametrize(
    ("deadline", "left", "fresh"),
    [
        ({}, 151, False),
        ({}, 149, True),
        ({"deadline": 500}, 501, False),
        ({"deadline": 500}, 499, True),
        ({"deadline": None}, 151, False),
        ({"deadline": None}, 149, True),
    ],
)
@in_virtual_time
async def test_a_campaign_does_not_leave_with_a_token_that_may_end_within_its_deadline(
    creating: Callable[[ViberSession], Awaitable[None]], deadline: dict[str, float], left: float, fresh: bool
) -> None:
    """By default 150 s, and where there is no deadline; a read goes on with the token that serves."""
    account = Account()
    session, provider = session_over(
        provider=account.provider, credentials=CREDENTIALS, ledger=MemoryLedger(), **deadline
    )
    async with session:
        await session.campaigns.list().first()
        await asyncio.sleep(3600 - left)
        session._parts.open().bearer._next_try = float("inf")  # type: ignore[attr-defined]  # no early refresh
        await session.campaigns.list().first()
        read = provider.requests[-1].headers["authorization"]
        await creating(session)

    assert read == "Bearer token-1"
    assert provider.requests[-1].method == "POST"
    assert provider.requests[-1].headers["authorization"] == f"Bearer token-{1 + fresh}"
    assert provider.tokens == 1 + fresh


@CREATES
@pytest.mark.fault("A03")
@in_virtual_time
async def test_a_campaign_that_cannot_have_such_a_token_is_not_sent(
    creating: Callable[[ViberSession], Awaitable[None]],
) -> None:
    """The true cause is told, and that nothing was sent."""
    account = Account()
    session, provider = session_over(provider=account.provider, credentials=CREDENTIALS, ledger=MemoryLedger())
    async with session:
        await session.campaigns.list().first()
        await asyncio.sleep(3600 - 149)
        provider.token = no(500)
        with pytest.raises(ServerError) as caught:
            await creating(session)

        assert caught.value.delivery is Delivery.NOT_SENT
        assert (account.posts, provider.tokens) == (0, 1 + 3)
        provider.token = None
        await creating(session)

    assert account.posts == 1


# A whole session, at the end of its token.

SENDERS = ok([])


@pytest.mark.fault("A04")
@in_virtual_time
async def test_a_thousand_calls_at_the_end_of_a_token_cause_one_token_call() -> None:
    """All of them wait for it, and are sent with it."""
    session, provider = session_over(
        SENDERS, credentials=CREDENTIALS, rate_limit=RateLimit(1_000_000), max_connections=1000
    )
    async with session:
        await session.senders.list()
        await asyncio.sleep(3600 - 60)
        await asyncio.gather(*(session.senders.list() for _ in range(1000)))

    assert provider.tokens == 2
    assert [request.headers["authorization"] for request in provider.requests[1:]] == ["Bearer token-2"] * 1000


@pytest.mark.fault("A02")
@pytest.mark.parametrize(
    ("failure", "tries"),
    [
        (no(500), 3),
        (no(502), 3),
        (ok("<html>"), 1),
        (httpx.ReadTimeout("late"), 3),
        (httpx.ConnectError("refused"), 3),
        (no(401, {"error": "invalid_client"}), 1),
    ],
    ids=repr,
)
@in_virtual_time
async def test_calls_go_on_with_the_old_token_while_no_new_one_can_be_had(failure: Any, tries: int) -> None:
    """Asked for in the background, a bounded number of times, and not again within half a minute."""
    asked: list[float] = []

    def fail(_: httpx.Request) -> Any:
        asked.append(asyncio.get_running_loop().time())
        return failure

    session, provider = session_over(SENDERS, credentials=CREDENTIALS)
    async with session:
        await session.senders.list()
        await asyncio.sleep(3600 - 240)
        provider.token = fail
        for _ in range(45):
            await session.senders.list()
            await asyncio.sleep(1)

    assert {request.headers["authorization"] for request in provider.requests} == {"Bearer token-1"}
    assert len(provider.requests) == 46
    assert len(asked) == 2 * tries
    assert asked[tries] - asked[tries - 1] >= 30
