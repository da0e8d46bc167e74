"""Pages driven by a fetch that is a plain coroutine: what is handed out, and what survives errors and cancels."""

from __future__ import annotations

import asyncio

import pytest
from attrs import define, field, frozen

from viber_async._pages import Pages
from viber_async._sansio.paging import Page
from viber_async.errors import ServerError, UsageError, ValidationError


@frozen
class Entry:
    """A row."""

    id: int


@define
class Server:
    """A list behind a fetch; `fail_at` raises at that request, `gate` holds requests until it is set."""

    count: int
    totals: bool = True
    fail_at: dict[int, BaseException] = field(factory=dict)
    gate: asyncio.Event | None = None
    asked: list[tuple[int, int]] = field(factory=list)

    async def fetch(self, limit: int, offset: int) -> Page[Entry]:
        self.asked.append((limit, offset))
        error = self.fail_at.pop(len(self.asked) - 1, None)
        if error is not None:
            raise error
        if self.gate is not None:
            await self.gate.wait()
        rows = tuple(Entry(n) for n in range(self.count)[offset : offset + limit])
        return Page(rows, total=self.count if self.totals else None)


def pages_of(server: Server, *, limit: int = 10, **how) -> Pages[Entry]:
    return Pages(server.fetch, key=lambda row: row.id, limit=limit, **how)


def ids(rows) -> list[int]:
    return [row.id for row in rows]


# Made


def test_pages_are_made_without_a_loop_and_without_a_request():
    """`list()` is not a coroutine."""
    server = Server(25)
    pages = pages_of(server)

    assert (pages.total, pages.report.rows, server.asked) == (None, 0, [])


@pytest.mark.parametrize(
    ("how", "name"),
    [({"limit": 0}, "limit"), ({"offset": -1}, "offset"), ({"token": "x"}, "token"), ({"limit": True}, "limit")],
)
def test_what_cannot_be_used_is_refused_before_any_request(how, name):
    """At once, by the field's name."""
    server = Server(25)

    with pytest.raises(ValidationError) as caught:
        pages_of(server, **how)
    assert (caught.value.field, server.asked) == (name, [])


# Read


async def test_a_loop_gives_every_row_once():
    """Over three pages and the empty one."""
    server = Server(25)
    pages = pages_of(server)

    assert [row.id async for row in pages] == list(range(25))
    assert server.asked == [(10, 0), (10, 7), (10, 14), (10, 21), (10, 25)]
    assert pages.report.complete


async def test_a_walk_that_is_over_stays_over():
    """No further request."""
    server = Server(5)
    pages = pages_of(server)
    await pages.collect()
    asked = len(server.asked)

    assert [row async for row in pages] == []
    assert len(server.asked) == asked


async def test_a_second_loop_goes_on_where_the_first_was_left():
    """One position; leaving a loop closes nothing."""
    pages = pages_of(Server(25))
    async for row in pages:
        if row.id == 11:
            break

    assert [row.id async for row in pages] == list(range(12, 25))


async def test_pages_come_as_tuples_of_new_rows():
    """The overlap is taken out, and no tuple is empty."""
    pages = pages_of(Server(18, totals=False))

    assert [ids(page) async for page in pages.pages()] == [
        list(range(10)),
        list(range(10, 17)),
        [17],
    ]


async def test_pages_begin_with_what_is_left_of_the_page_under_way():
    """Rows and pages share the position."""
    pages = pages_of(Server(12))
    async for row in pages:
        if row.id == 6:
            break

    assert [ids(page) async for page in pages.pages()] == [[7, 8, 9], [10, 11]]


async def test_the_total_is_what_the_latest_page_said():
    """None before a page is read."""
    pages = pages_of(Server(25))
    before = pages.total
    await anext(pages)

    assert (before, pages.total) == (None, 25)


@pytest.mark.parametrize(("most", "requests"), [(0, 0), (1, 1), (10, 1), (11, 2), (25, 4), (26, 5), (None, 5)])
async def test_collect_takes_at_most_so_many_rows_and_leaves_the_rest(most, requests):
    """And asks for no page that it does not need."""
    server = Server(25)
    pages = pages_of(server)
    rows = ids(await pages.collect(most))

    assert rows == list(range(25))[:most]
    assert len(server.asked) == requests
    assert rows + ids(await pages.collect()) == list(range(25))


@pytest.mark.parametrize("most", [True, -1, 1.0, "5"])
async def test_collect_refuses_a_bad_max(most):
    """By name, before any request."""
    server = Server(25)

    with pytest.raises(ValidationError) as caught:
        await pages_of(server).collect(most)
    assert (caught.value.field, server.asked) == ("max", [])


async def test_first_gives_the_first_row_and_moves_nothing():
    """One request; the row is part of the walk that follows."""
    server = Server(25)
    pages = pages_of(server)
    first = await pages.first()

    assert (first, len(server.asked), pages.report.rows) == (Entry(0), 1, 0)
    assert ids(await pages.collect()) == list(range(25))
    assert await pages.first() == Entry(0)


async def test_first_of_an_empty_list_is_none():
    """One request, however often it is asked."""
    server = Server(0)
    pages = pages_of(server)

    assert (await pages.first(), await pages.first()) == (None, None)
    assert (len(server.asked), pages.report.complete) == (1, True)


async def test_first_can_be_read_while_another_task_reads():
    """It is known already."""
    server = Server(25)
    pages = pages_of(server)
    await pages.collect(10)
    server.gate = asyncio.Event()
    reading = asyncio.ensure_future(pages.collect())
    await asyncio.sleep(0)

    assert await pages.first() == Entry(0)
    server.gate.set()
    await reading


# Resumed


@pytest.mark.parametrize("limit", [3, 4, 10, 30])
@pytest.mark.parametrize("count", range(14))
async def test_a_token_taken_behind_any_row_goes_on_with_the_next(count, limit):
    """In the middle of a page too."""
    pages = pages_of(Server(13), limit=limit)
    got = [(await anext(pages)).id for _ in range(min(count, 13))]
    again = pages_of(Server(13), limit=limit, token=pages.token)
    rest = ids(await again.collect())

    assert got + rest == list(range(13))
    assert (again.report.complete, again.report.rows) == (True, 13)


async def test_the_first_row_of_a_resumed_walk_is_the_next_one():
    """Not that of the list."""
    pages = pages_of(Server(25))
    await pages.collect(12)

    assert await pages_of(Server(25), token=pages.token).first() == Entry(12)


async def test_a_token_names_its_list():
    """The wrong list refuses it."""
    token = pages_of(Server(1), name="campaigns").token

    with pytest.raises(ValidationError, match="another list"):
        pages_of(Server(1), token=token, name="blacklist")


# Errors and cancels


@pytest.mark.parametrize("at", range(5))
@pytest.mark.parametrize("error", [ServerError("down"), asyncio.CancelledError(), KeyError("x")])
async def test_after_an_error_the_same_page_is_asked_for_again(at, error):
    """At every request of the walk, row by row: nothing is lost or repeated."""
    server = Server(25, fail_at={at: error})
    pages = pages_of(server)
    got = []
    with pytest.raises(type(error)):
        got += [row async for row in pages if not got.append(row)]
    got += [row async for row in pages]

    assert ids(got) == list(range(25))
    assert server.asked[at] == server.asked[at + 1]
    assert pages.report.complete


@pytest.mark.parametrize("at", range(5))
@pytest.mark.parametrize("error", [ServerError("down"), asyncio.CancelledError()])
async def test_a_collect_that_fails_keeps_its_rows_for_the_next_one(at, error):
    """All or nothing, and the token knows it."""
    server = Server(25, fail_at={at: error})
    pages = pages_of(server)
    start = pages.token
    with pytest.raises(type(error)):
        await pages.collect()

    assert pages.report.rows == 0
    assert pages_of(Server(25), token=pages.token).report.rows == 0
    assert Pages(server.fetch, key=lambda row: row.id, limit=10, token=start).report.rows == 0
    assert ids(await pages.collect()) == list(range(25))


async def test_a_long_collect_that_fails_leaves_a_token_that_still_knows_its_place():
    """However many rows it had gathered."""
    server = Server(300, fail_at={30: ServerError("down")})
    pages = pages_of(server)
    await pages.collect(70)
    with pytest.raises(ServerError):
        await pages.collect()
    again = Server(300)

    assert ids(await pages_of(again, token=pages.token).collect()) == list(range(70, 300))
    assert again.asked[0] == (10, 67)


async def test_rows_given_back_come_before_the_rest_of_the_walk():
    """Rows taken before the collect stay taken."""
    server = Server(25, fail_at={2: ServerError("down")})
    pages = pages_of(server)
    await pages.collect(4)
    with pytest.raises(ServerError):
        await pages.collect()
    again = pages_of(Server(25), token=pages.token)

    assert ids(await again.collect()) == list(range(4, 25))
    assert [row.id async for row in pages] == list(range(4, 25))


async def test_a_real_cancel_leaves_the_walk_where_it_was():
    """The task is gone; the next one reads the same page."""
    server = Server(25, gate=asyncio.Event())
    pages = pages_of(server)
    task = asyncio.ensure_future(anext(pages))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    server.gate.set()

    assert ids(await pages.collect()) == list(range(25))
    assert server.asked[:2] == [(10, 0), (10, 0)]


async def test_a_row_without_an_id_moves_nothing():
    """The key is read before the walk hears of the page."""
    server = Server(25)
    broken = True

    def key(row: Entry) -> int:
        if broken and row.id == 14:
            raise KeyError(row)
        return row.id

    pages = Pages(server.fetch, key=key, limit=10)
    with pytest.raises(KeyError):
        await pages.collect()
    broken = False

    assert ids(await pages.collect()) == list(range(25))
    assert server.asked[1] == server.asked[2]


@pytest.mark.fault("C06")
@pytest.mark.parametrize("read", ["row", "page", "collect", "first"])
async def test_two_readers_at_once_are_told_so(read):
    """The second is refused; the first is not disturbed."""
    server = Server(25, gate=asyncio.Event())
    pages = pages_of(server)
    task = asyncio.ensure_future(pages.collect())
    await asyncio.sleep(0)
    second = {
        "row": lambda: anext(pages),
        "page": lambda: anext(pages.pages()),
        "collect": pages.collect,
        "first": pages.first,
    }[read]
    with pytest.raises(UsageError, match="another task"):
        await second()
    server.gate.set()

    assert ids(await task) == list(range(25))


async def test_a_token_taken_during_a_collect_counts_none_of_its_rows():
    """They are nobody's until it returns."""
    server = Server(25)
    pages = pages_of(server)
    await pages.collect(3)
    tokens = []

    async def fetch(limit: int, offset: int) -> Page[Entry]:
        tokens.append(pages.token)
        return await Server.fetch(server, limit, offset)

    pages._fetch = fetch
    await pages.collect()

    for token in tokens:
        assert ids(await pages_of(Server(25), token=token).collect()) == list(range(3, 25))


# Closed


@pytest.mark.fault("C06")
@pytest.mark.parametrize("read", ["row", "page", "collect", "first"])
async def test_closed_pages_refuse_to_be_read(read):
    """With a sentence, not with an end that looks like the list's."""
    pages = pages_of(Server(25))
    await pages.collect(5)
    await pages.aclose()
    await pages.aclose()
    reads = {
        "row": lambda: anext(pages),
        "page": lambda: anext(pages.pages()),
        "collect": pages.collect,
        "first": pages.first,
    }

    with pytest.raises(UsageError, match="closed"):
        await reads[read]()


async def test_closed_pages_still_tell_where_they_were():
    """Token, total and report; rows read ahead count as not handed out."""
    pages = pages_of(Server(25))
    async with pages as same:
        await same.collect(5)
    rest = pages_of(Server(25), token=pages.token)

    assert (pages.report.rows, pages.report.distinct, pages.total) == (5, 10, 25)
    assert ids(await rest.collect()) == list(range(5, 25))


@pytest.mark.fault("C06")
async def test_closing_during_a_request_drops_its_page():
    """Whoever waited for it is told; the token stands where it stood."""
    server = Server(25)
    pages = pages_of(server)
    await pages.collect(10)
    server.gate = asyncio.Event()
    task = asyncio.ensure_future(pages.collect())
    await asyncio.sleep(0)
    await pages.aclose()
    server.gate.set()
    with pytest.raises(UsageError, match="closed"):
        await task

    assert pages.report.rows == 10
    assert ids(await pages_of(Server(25), token=pages.token).collect()) == list(range(10, 25))


async def test_closing_during_a_collect_leaves_its_rows_to_the_token():
    """What it had gathered was never handed out."""
    server = Server(25)
    pages = pages_of(server)
    await pages.collect(3)
    server.gate = asyncio.Event()
    task = asyncio.ensure_future(pages.collect())
    await asyncio.sleep(0)
    await pages.aclose()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert ids(await pages_of(Server(25), token=pages.token).collect()) == list(range(3, 25))


async def test_the_repr_tells_where_the_walk_is():
    """Counts and state, no rows."""
    pages = pages_of(Server(12))
    shown = [repr(pages)]
    await anext(pages)
    shown.append(repr(pages))
    await pages.collect()
    shown.append(repr(pages))
    await pages.aclose()

    assert shown == [
        "<Pages at 0: 0 rows, 0 requests, 0 repairs>",
        "<Pages at 7: 1 rows, 1 requests, 0 repairs>",
        "<Pages over: 12 rows, 3 requests, 0 repairs>",
    ]
    assert repr(pages) == "<Pages closed: 12 rows, 3 requests, 0 repairs>"
