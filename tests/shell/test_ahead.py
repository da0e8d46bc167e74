"""Pages asked for ahead, in virtual time: what is under way when, and that nothing is lost, repeated or left behind."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial

import httpx
import pytest
from attrs import define, field

from tests.sansio.test_paging import WALKS, Drifting
from tests.shell.clock import VirtualTimeLoop, in_virtual_time, run
from tests.shell.provider import THROTTLED, no, ok
from tests.shell.sessions import session_over
from tests.sync.blacklist import BlacklistProvider
from viber_async import BlacklistEntry, ViberSession
from viber_async._ahead import PAGES, Asking, Room
from viber_async._pages import Pages
from viber_async._sansio.blacklist import PATH
from viber_async._sansio.paging import Page
from viber_async._tasks import TaskOwner
from viber_async.errors import (
    ServerError,
    SessionClosedError,
    SessionLoopError,
    UsageError,
    ValidationError,
    ViberError,
)

WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


@define
class Server:
    """A list of *count* rows that answers after a while; *trouble* is raised for the offsets that it names."""

    count: int = 500
    totals: bool = True
    turn: float = 0.0
    way: float = 0.4
    trouble: dict[int, list[BaseException]] = field(factory=dict)
    asked: list[int] = field(factory=list)
    contexts: set[str] = field(factory=set)
    left: list[int] = field(factory=list)
    """Offsets whose requests have had their turns."""
    flying: int = 0
    most: int = 0
    waiting: int = 0
    most_waiting: int = 0
    owner: TaskOwner = field(factory=TaskOwner)

    async def fetch(self, limit: int, offset: int, on_turn=lambda **_: None) -> Page[int]:
        self.asked.append(offset)
        self.contexts.add(WHO.get())
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        try:
            await asyncio.sleep(self.turn)
        finally:
            self.waiting -= 1
        self.left.append(offset)
        self.flying += 1
        self.most = max(self.most, self.flying)
        on_turn(has_turn=True)
        try:
            await asyncio.sleep(self.way)
        finally:
            self.flying -= 1
        if self.trouble.get(offset):
            raise self.trouble[offset].pop()
        return self.page(limit, offset)

    def check(self) -> None:
        """Take whoever asks."""

    def page(self, limit: int, offset: int) -> Page[int]:
        return Page(tuple(range(self.count)[offset : offset + limit]), total=self.count if self.totals else None)

    def pages(self, *, connections: int = 10, room: Room | None = None, **how) -> Pages[int]:
        asking = Asking(self.fetch, lambda work: self.owner.start(work()), room or Room(connections), self.check)
        return Pages(self.fetch, asking=asking, key=lambda row: row, **{"limit": 10, **how})


def now() -> float:
    return asyncio.get_running_loop().time()


async def read_into(got: list[int], pages: Pages[int]) -> None:
    async for row in pages:
        got.append(row)  # noqa: PERF401 - what was read before an error counts


async def taken(pages: Pages[int], count: int) -> list[int]:
    return [await anext(pages) for _ in range(count)]


# What is under way


@in_virtual_time
async def test_a_walk_is_as_fast_as_turns_come_and_not_as_answers_do() -> None:
    """Turns every tenth of a second, answers after four: 72 pages take eight seconds, not 36."""
    server = Server(turn=0.1)
    began = now()
    rows = await server.pages().collect()

    assert rows == list(range(500))
    assert now() - began < 0.5 + 72 * 0.1 + 0.5
    assert server.asked == [*range(0, 497, 7), 500]


@pytest.mark.parametrize(("connections", "most"), [(1, 1), (2, 2), (10, 6), (1000, PAGES)])
@in_virtual_time
async def test_no_more_pages_are_under_way_than_half_the_connections_and_one(connections: int, most: int) -> None:
    """And never more than sixteen."""
    server = Server(way=9.0)
    await server.pages(connections=connections).collect()

    assert server.most == most


@in_virtual_time
async def test_one_request_at_a_time_waits_for_its_turn() -> None:
    """The next one is made when it has had it, so that nobody waits behind a walk for more than one turn."""
    server = Server(turn=0.1)
    await server.pages().collect()

    assert server.most_waiting == 1
    assert server.most > 3


@in_virtual_time
async def test_whoever_reads_slowly_holds_six_pages_and_no_more() -> None:
    """An hour for each row."""
    server = Server()
    pages = server.pages()
    for read in range(1, 60):
        await anext(pages)
        await asyncio.sleep(3600)
        assert len(server.left) <= -(-read // 7) + 6

    assert server.flying == 0


@in_virtual_time
async def test_several_walks_share_the_room() -> None:
    """Each has the page that it stands at; what is beyond that is half the connections of them all."""
    server, room = Server(way=9.0), Room(10)
    await asyncio.gather(*(server.pages(room=room).collect() for _ in range(3)))

    assert server.most <= 6 + 2
    assert room.taken == 0


@in_virtual_time
async def test_what_is_asked_for_ahead_belongs_to_who_reads() -> None:
    """Not to the call whose turn came: spans and loggers go by the context."""
    server = Server(turn=0.1)
    WHO.set("reader")
    pages = server.pages()
    await taken(pages, 30)
    WHO.set("another")
    await pages.collect()

    assert server.contexts == {"reader", "another"}


# No needless request


@pytest.mark.parametrize("totals", [True, False])
@pytest.mark.parametrize("most", [0, 1, 10, 11, 17, 18, 24, 25, 80, 499, 500])
@in_virtual_time
async def test_collect_asks_for_no_page_that_it_does_not_need(most: int, totals: bool) -> None:
    """As many as one after another."""
    server, alone = Server(totals=totals), Server(totals=totals)
    rows = await server.pages().collect(most)
    await asyncio.sleep(60)

    assert rows == await Pages(alone.fetch, key=lambda row: row, limit=10).collect(most)
    assert server.asked == alone.asked


@in_virtual_time
async def test_the_first_row_costs_one_request() -> None:
    """However long the list; and so does a page that is read to its end."""
    server = Server()
    pages = server.pages()
    await pages.first()
    await taken(pages, 10)
    await asyncio.sleep(60)

    assert server.asked == [0]


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 24])
@in_virtual_time
async def test_a_small_list_with_a_total_costs_what_it_did(count: int) -> None:
    """Nothing is asked for behind its end."""
    server, alone = Server(count), Server(count)
    await server.pages().collect()
    await Pages(alone.fetch, key=lambda row: row, limit=10).collect()

    assert server.asked == alone.asked


@pytest.mark.parametrize("count", [9, 10, 11, 24, 100, 503])
@in_virtual_time
async def test_without_a_total_five_requests_at_most_go_behind_the_end(count: int) -> None:
    """They are counted, whether they were answered or not."""
    server, alone = Server(count, totals=False, turn=0.01), Server(count, totals=False)
    pages = server.pages()
    await pages.collect()
    await Pages(alone.fetch, key=lambda row: row, limit=10).collect()

    assert len(alone.asked) <= len(server.left) <= len(alone.asked) + 5
    assert pages.report.requests == len(server.left)
    assert pages.report.complete


# Left early, closed


@pytest.mark.parametrize("totals", [True, False])
@in_virtual_time
async def test_a_loop_that_is_left_leaves_a_window_of_pages_and_no_task(totals: bool) -> None:
    """They come to their ends by themselves, and the next loop goes on with them."""
    server = Server(totals=totals)
    pages = server.pages()
    async for row in pages:
        if row == 40:
            break
    await asyncio.sleep(60)

    assert (len(server.owner), server.flying) == (0, 0)
    assert len(server.left) <= 6 + 6
    asked = list(server.asked)
    assert [row async for row in pages] == list(range(41, 500))
    assert server.asked[: len(asked)] == asked
    assert len(set(server.asked)) == len(server.asked) == pages.report.requests or not totals


@in_virtual_time
async def test_closing_lets_go_of_what_was_asked_for_ahead() -> None:
    """At once; what had left is counted, what waited for its turn never leaves."""
    server = Server(turn=0.1)
    pages = server.pages()
    await taken(pages, 30)
    left = len(server.left)
    await pages.aclose()

    assert (len(server.owner), server.flying, server.waiting) == (0, 0, 0)
    assert len(server.left) == left == pages.report.requests


@in_virtual_time
async def test_closing_during_a_request_is_told_to_who_reads() -> None:
    """The page comes, and is dropped; all others are let go of at once."""
    server = Server()
    pages = server.pages()
    await taken(pages, 30)
    reading = asyncio.create_task(pages.collect())
    await asyncio.sleep(0.1)
    await pages.aclose()

    assert server.flying == 1
    with pytest.raises(UsageError, match="closed"):
        await reading
    assert (len(server.owner), pages.report.rows) == (0, 30)


@in_virtual_time
async def test_what_will_not_be_wanted_is_let_go_of_before_anybody_reads_on() -> None:
    """A short page was the last one; what still waits for its turn does not take it."""
    server = Server(43, totals=False, turn=0.15)
    pages = server.pages()
    await taken(pages, 39)
    left, waiting = len(server.left), server.waiting
    await asyncio.sleep(60)

    assert (len(server.left), waiting) == (left, 1)
    assert await pages.collect() == [39, 40, 41, 42]


@in_virtual_time
async def test_what_cannot_be_asked_for_ahead_is_told_to_who_reads_on() -> None:
    """Such as that the session is closed; not to the loop, which would log it."""
    server, stray, open_until = Server(turn=0.1), list[object](), now() + 1.2
    asyncio.get_running_loop().set_exception_handler(lambda _, context: stray.append(context))

    def start(work):
        if now() > open_until:
            raise SessionClosedError("closed")
        return server.owner.start(work())

    asking = Asking(server.fetch, start, Room(10), server.check)
    pages = Pages(server.fetch, asking=asking, key=lambda row: row, limit=10)
    with pytest.raises(SessionClosedError):
        await pages.collect()

    assert (stray, now() > open_until + 0.3) == ([], True)


@in_virtual_time
async def test_a_walk_that_is_over_leaves_nothing_under_way() -> None:
    """Where the server repeats itself and the walk gives up, too."""

    class Stuck(Server):
        def page(self, limit: int, offset: int) -> Page[int]:
            return Page(tuple(range(offset, offset + 10)) if offset < 30 else tuple(range(10)))

    server = Stuck()
    pages = server.pages()
    await pages.collect()
    await asyncio.sleep(0.001)

    assert (server.flying, server.waiting, len(server.owner)) == (0, 0, 0)


# Errors and cancels


@pytest.mark.parametrize("offset", [0, 7, 14, 63, 490, 500])
@in_virtual_time
async def test_an_error_is_raised_where_its_page_is_read_and_the_page_is_asked_for_again(offset: int) -> None:
    """Row by row, nothing is lost or repeated; what was asked for behind it is let go of."""
    server = Server(turn=0.1, trouble={offset: [ServerError("down")]})
    pages = server.pages()
    got: list[int] = []
    with pytest.raises(ServerError):
        await read_into(got, pages)
    await asyncio.sleep(0.001)

    assert got == list(range(offset + 3 if 0 < offset < 500 else offset))
    assert (server.flying, server.waiting) == (0, 0)
    assert got + [row async for row in pages] == list(range(500))
    assert server.asked.count(offset) == 2
    assert pages.report.complete


@in_virtual_time
async def test_an_error_that_came_while_nobody_waited_is_nobodys() -> None:
    """A provider that was away an hour ago is asked again."""
    server = Server(trouble={35: [ServerError("down")]})
    pages = server.pages()
    got = await taken(pages, 18)
    await asyncio.sleep(3600)

    assert got + await pages.collect() == list(range(500))
    assert server.asked.count(35) == 2


@in_virtual_time
async def test_an_error_behind_the_end_is_nobodys() -> None:
    """A server may refuse an offset that nobody needs."""
    server = Server(count=24, totals=False, trouble={28: [ServerError("beyond")] * 9})

    assert await server.pages().collect() == list(range(24))


@pytest.mark.parametrize("at", [0.1, 0.5, 0.85, 1.0, 3.0, 7.0])
@in_virtual_time
async def test_a_cancel_lets_go_of_everything_and_loses_nothing(at: float) -> None:
    """The next reader asks for the same page again."""
    server = Server(turn=0.1)
    pages = server.pages()
    got: list[int] = []
    reading = asyncio.create_task(read_into(got, pages))
    await asyncio.sleep(at)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await asyncio.sleep(0.001)

    assert (server.flying, server.waiting, len(server.owner)) == (0, 0, 0)
    assert got + [row async for row in pages] == list(range(500))
    assert pages.report.complete


@in_virtual_time
async def test_a_cancel_in_the_instant_of_an_answer_loses_nothing() -> None:
    """The page is there, and whoever waited for it is not."""
    server = Server(way=1.0)
    pages = server.pages()
    reading = asyncio.create_task(pages.collect())
    asyncio.get_running_loop().call_at(now() + 1.0, reading.cancel)
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert await pages.collect() == list(range(500))


@in_virtual_time
async def test_a_page_that_somebody_below_cancelled_is_a_cancel_to_who_reads() -> None:
    """It is asked for once, and again by whoever reads on; nothing is left behind."""
    server = Server(turn=0.1, trouble={63: [asyncio.CancelledError()]})
    pages = server.pages()
    got: list[int] = []
    with pytest.raises(asyncio.CancelledError):
        await read_into(got, pages)
    await asyncio.sleep(0.001)

    assert (got[-1], server.asked.count(63)) == (65, 1)
    assert (server.flying, server.waiting, len(server.owner)) == (0, 0, 0)
    assert got + [row async for row in pages] == list(range(500))


class Hostile(Server):
    """A list that changes under the walk, on a road on which everything takes its own time and some is lost."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.chance = random.Random(seed)
        self.rows = Drifting(seed, totals=self.chance.random() < 0.7, limits=(4, 7, 10, 20))
        self.rows.rows = list(range(self.chance.randint(0, 200)))
        self.rows.fresh = len(self.rows.rows)

    def page(self, limit: int, offset: int) -> Page[int]:
        if self.chance.random() < 0.05:
            raise ServerError("down")
        self.turn, self.way = self.chance.choice((0.0, 0.1)), self.chance.choice((0.0, 0.05, 0.4, 3.0))
        keys, total = self.rows(limit, offset)
        return Page(tuple(keys), total=total)

    @property
    def lasting(self) -> set[int]:
        return set(self.rows.rows) if self.rows.lasting is None else self.rows.lasting


class Reader:
    """Reads in every way there is, is cancelled, dawdles, and goes on by a token in another process."""

    def __init__(self, server: Hostile) -> None:
        self.server, self.chance = server, server.chance
        self.pages = server.pages(limit=server.rows.limit)
        self.got: list[int] = []
        self.moved = False

    async def read_all(self) -> None:
        over = False
        while not over:
            try:
                async with asyncio.timeout(self.chance.choice((None, None, 0.3, 2.0, 10.0))):
                    await self.chance.choice((self.rows, self.page, self.collect, self.dawdle, self.move))()
            except (ServerError, TimeoutError):
                continue
            except StopAsyncIteration:
                over = True

    async def rows(self) -> None:
        for _ in range(self.chance.randint(1, 30)):
            self.got.append(await anext(self.pages))

    async def page(self) -> None:
        self.got += await anext(self.pages.pages())

    async def collect(self) -> None:
        self.got += await self.pages.collect(self.chance.choice((None, 0, 5, 40)))

    async def dawdle(self) -> None:
        await asyncio.sleep(self.chance.random() * 20)

    async def move(self) -> None:
        if self.chance.random() < 0.1:
            self.moved = True
            await self.pages.aclose()
            self.pages = self.server.pages(limit=self.server.rows.limit, token=self.pages.token)


@pytest.mark.parametrize("seeds", range(4))
def test_in_a_list_that_changes_readers_in_trouble_lose_no_row_that_stays(seeds: int) -> None:
    """And read none twice (after a token, only where none of the last fifty is left). Nothing is left behind."""
    for seed in range(seeds, WALKS // 5, 4):
        run(partial(walk_in_trouble, seed)())


async def walk_in_trouble(seed: int) -> None:
    server = Hostile(seed)
    reader = Reader(server)
    await reader.read_all()
    await asyncio.sleep(0.001)
    report, missing = reader.pages.report, server.lasting - set(reader.got)

    assert len(set(reader.got)) == len(reader.got) or reader.moved, seed
    assert not missing or "the server repeats rows without end" in report.doubts, seed
    assert not (missing and report.complete), seed
    assert (server.flying, server.waiting, len(server.owner)) == (0, 0, 0), seed
    assert (server.most_waiting <= 1, server.most <= 6) == (True, True), seed


# With a session


class Far(BlacklistProvider):
    """A provider at a distance, with a strict judge at its door."""

    def __init__(self, count: int, *, trip: float, page: int = 10) -> None:
        super().__init__(range(380_931_000_000, 380_931_000_000 + count), page=page)
        self.trip = trip
        self.arrived: list[float] = []

    async def handle_async_request(self, request):
        await self.say("http11.send_request_headers.started", request)
        await asyncio.sleep(self.trip / 2)
        self.requests.append(request)
        self.arrived.append(now())
        response = self.answer(request)
        await asyncio.sleep(self.trip / 2)
        return response

    @property
    def most_in_a_second(self) -> int:
        return max(sum(at <= other < at + 1.0 for other in self.arrived) for at in self.arrived)


def without_total(request: httpx.Request, response: httpx.Response) -> httpx.Response | None:
    return ok({"data": {"list": response.json()["data"]["list"]}}) if request.method == "GET" else None


@pytest.mark.parametrize("lane", ["interactive", "bulk"])
@pytest.mark.parametrize("trip", [0.05, 0.4])
@in_virtual_time
async def test_a_walk_takes_hardly_longer_than_its_pages_at_the_rate_allowed(trip: float, lane: str) -> None:
    """At any round trip, and no second at the provider has an eleventh request."""
    provider = Far(1000, trip=trip)
    session, _ = session_over(provider=provider)
    began = now()
    async with session:
        pages = session.with_options(lane=lane).blacklist.list(limit=10)
        rows = await pages.collect()
        took = now() - began

    assert len(rows) == 1000
    assert pages.report.complete
    assert took < 1.06 * (len(provider.requests) / 10 + trip)
    assert provider.most_in_a_second <= 10


@in_virtual_time
async def test_ahead_false_asks_for_one_page_after_another() -> None:
    """The answer first, then the next request."""
    provider = Far(100, trip=0.4)
    session, _ = session_over(provider=provider)
    async with session:
        await session.blacklist.list(limit=10, ahead=False).collect()

    assert min(b - a for a, b in zip(provider.arrived, provider.arrived[1:], strict=False)) >= 0.4


@pytest.mark.parametrize("ahead", [True, False])
@in_virtual_time
async def test_a_middleware_that_is_cancelled_by_others_is_asked_once(ahead: bool) -> None:
    """Such as one that awaits what a job shares with another, which was cancelled; pages behind it are no harm."""
    provider, passed = Far(500, trip=0.4), list[int]()

    async def stop_short(attempt, call_next):
        if provider.requests:
            passed.append(attempt.number)
            raise asyncio.CancelledError
        return await call_next(attempt)

    session, _ = session_over(provider=provider, middleware=[stop_short])
    async with session:
        with pytest.raises(asyncio.CancelledError):
            await session.blacklist.list(limit=10, ahead=ahead).collect()

    assert (len(provider.requests), passed) == (1, [1])


def far_in_its_walk(first: asyncio.Runner) -> tuple[ViberSession, Pages[BlacklistEntry]]:
    """Give a session and a walk of it with pages under way, in the loop of *first*."""
    session, _ = session_over(provider=Far(500, trip=0.4))
    pages = session.blacklist.list(limit=10)

    async def begin() -> None:
        for _ in range(38):
            await anext(pages)

    first.run(begin())
    return session, pages


async def until_refused(reading: Awaitable[object]) -> float:
    """Give the seconds until *reading* is refused."""
    began = now()
    with pytest.raises(SessionLoopError):
        await reading
    return now() - began


@pytest.mark.parametrize("read", [Pages.collect, Pages.aclose])
def test_in_another_event_loop_a_walk_says_so_at_once(
    read: Callable[[Pages[BlacklistEntry]], Awaitable[object]],
) -> None:
    """As any other call; what was asked for in its own loop stays, and the walk goes on there."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as first, asyncio.Runner(loop_factory=VirtualTimeLoop) as second:
        session, pages = far_in_its_walk(first)

        assert second.run(until_refused(read(pages))) == 0
        assert len(first.run(pages.collect())) == 500 - 38
        first.run(session.aclose())


def test_in_another_process_a_walk_says_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child has the loop of its parent, and none of what runs there."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as first:
        session, pages = far_in_its_walk(first)
        with monkeypatch.context() as child:
            child.setattr(os, "getpid", lambda: 1)
            waited = first.run(until_refused(pages.collect()))

        assert waited == 0
        assert len(first.run(pages.collect())) == 500 - 38
        first.run(session.aclose())


@in_virtual_time
async def test_pages_of_a_session_that_is_being_closed_close_without_a_word() -> None:
    """Both are closed at once; whoever reads on is told."""
    session, _ = session_over(provider=Far(500, trip=0.4))
    pages = session.blacklist.list(limit=10)
    for _ in range(38):
        await anext(pages)
    closing = asyncio.create_task(session.aclose())
    await asyncio.sleep(0)
    await pages.aclose()
    await closing

    assert "0 calls under way" in repr(session)


@pytest.mark.parametrize("slowly", [True, False])
@in_virtual_time
async def test_one_request_of_a_walk_waits_after_a_refusal_too(slowly: bool) -> None:
    """All that were under way are refused: the first waits again, and the others are let go of until they are due."""
    provider, most = Far(1000, trip=0.8), 0
    refusal = no(429, THROTTLED, retry_after="1")
    provider.faults.append(lambda request: refusal if 8 < len(provider.requests) <= 14 else None)
    session, _ = session_over(provider=provider)

    async def look() -> None:
        nonlocal most
        while True:
            most = max(most, session.statistics().rate.waiting["interactive"])
            await asyncio.sleep(0.01)

    async with session:
        looking = asyncio.create_task(look())
        pages = session.blacklist.list(limit=10)
        rows = await taken(pages, 40)
        if slowly:
            await asyncio.sleep(60)
        rows += await pages.collect()
        looking.cancel()
        refused = session.statistics().throttled

    assert (most, len(rows), pages.report.complete) == (1, 1000, True)
    assert refused == 6


@pytest.mark.parametrize("ahead", [0, 1, None, "yes"])
async def test_ahead_is_a_bool(ahead) -> None:
    """By name, before any request."""
    session, provider = session_over(ok({}))
    for pages in (session.blacklist.list, session.campaigns.list):
        with pytest.raises(ValidationError, match="True or False") as caught:
            pages(ahead=ahead)
        assert (caught.value.field, provider.requests) == ("ahead", [])
    await session.aclose()


@in_virtual_time
async def test_a_person_waits_one_turn_at_most_while_a_walk_fills_the_account() -> None:
    """A walk in the lane for bulk work; however far away the provider is."""
    provider = Far(1000, trip=0.4)
    session, _ = session_over(provider=provider)
    async with session:
        walk = asyncio.create_task(session.with_options(lane="bulk").blacklist.list(limit=10).collect())
        waits = []
        for _ in range(15):
            await asyncio.sleep(0.777)
            waits.append((await session.request("GET", PATH, params={"limit": 1, "offset": 0})).waited)
        await walk

    assert max(waits) <= 0.12


@in_virtual_time
async def test_a_slow_provider_leaves_connections_to_those_who_do_not_walk() -> None:
    """Answers after ten seconds: six pages are under way, and a person's call goes out at once."""
    provider = Far(2000, trip=10.0)
    session, _ = session_over(provider=provider)
    async with session:
        walk = asyncio.create_task(session.blacklist.list(limit=10).collect())
        await asyncio.sleep(35)
        began = now()
        await session.blacklist.count()
        walk.cancel()

    assert now() - began < 10.3


@in_virtual_time
async def test_closing_the_session_ends_a_walk_with_all_that_it_asked_for() -> None:
    """Whoever reads is told, and so is whoever reads on."""
    provider = Far(500, trip=0.4)
    session, _ = session_over(provider=provider)
    pages = session.blacklist.list(limit=10)
    reading = asyncio.create_task(pages.collect())
    await asyncio.sleep(2)
    await session.aclose()
    asked = len(provider.requests)
    with pytest.raises(SessionClosedError):
        await reading
    with pytest.raises(SessionClosedError):
        await pages.collect()
    await asyncio.sleep(60)

    assert len(provider.requests) == asked
    assert "0 calls under way" in repr(session)


@in_virtual_time
async def test_a_sync_walks_as_fast_and_its_requests_add_up() -> None:
    """Its plan, and the walk that verifies, with what was asked for in vain where there are no totals."""
    provider = Far(300, trip=0.4)
    provider.after = without_total
    session, _ = session_over(provider=provider)
    began = now()
    async with session:
        report = await session.blacklist.sync([380_670_000_001])
    took = now() - began

    assert (report.converged, report.added) == (True, 1)
    assert report.requests + report.walk_requests == len(provider.requests)
    assert took < len(provider.requests) / 10 + 6


@in_virtual_time
async def test_a_sync_that_ends_between_two_pages_leaves_no_page_under_way() -> None:
    """A callback of the caller's that fails, for example."""
    provider = Far(300, trip=0.05)
    session, _ = session_over(provider=provider)

    def progress(told) -> None:
        if told.done > 30 and told.phase == "walk":
            raise ZeroDivisionError

    with pytest.raises(ViberError):
        await session.blacklist.plan([380_670_000_001], progress=progress)
    asked = len(provider.requests)
    await asyncio.sleep(60)

    assert len(provider.requests) <= asked + 1
    assert "0 calls under way" in repr(session)
    await session.aclose()


@in_virtual_time
async def test_a_sync_waits_out_an_outage_in_the_middle_of_its_walk() -> None:
    """The page that failed is asked for again, patiently: alone, and after each pause with one repetition."""
    provider, began = Far(300, trip=0.4), now()
    provider.faults.append(lambda request: no(503) if began + 2 < now() < began + 30 else None)
    session, _ = session_over(provider=provider)
    async with session:
        plan = await session.blacklist.plan([380_670_000_001])
    probes = [at for at in provider.arrived if began + 7 < at < began + 30]

    assert (plan.walk.complete, plan.walk.distinct) == (True, 300)
    assert 0 < len(probes) <= 2 * 2
