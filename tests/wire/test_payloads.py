"""The payload rows of the fault table over a real socket: what a bad answer leads to, for each kind of call."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from tests.wire.hostile import (
    Arrived,
    Hostile,
    Script,
    answer,
    close,
    flood,
    healthy_afterwards,
    raw_answer,
    say,
    send,
    serve,
    session_to,
    take,
)
from viber_async import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    CampaignDraft,
    ClientCredentials,
    DecodeError,
    Delivery,
    OutcomeUnknownError,
    ProtocolError,
    ResponseTooLargeError,
    RetryPolicy,
    ServerError,
    ViberError,
)

ROOT = Path(__file__).parent.parent.parent
PHONE = "380931111111"
DRAFT = CampaignDraft(sender_id=1, message_live_time=60, message="x", task_name="spring", recipients=[PHONE])
SENDER = {"id": 5, "status": "verified", "name": "shop", "service_type": "viber"}
HTML = b"<html><h1>Bad gateway</h1></html>"
DEEP = b"[" * 100_000 + b"]" * 100_000


@frozen
class Row:
    """An answer, and what a read that gets it ends with."""

    rows: tuple[str, ...]
    answer: bytes
    raises: type[ViberError] = DecodeError
    attempts: int = 1
    says: str = ""
    """A part of the error's text."""
    delivery: Delivery = Delivery.ANSWERED


def encoded(how: str, body: bytes) -> bytes:
    return raw_answer(body, content_encoding=how)


BAD = {
    "truncated": Row(("P01",), raw_answer(b'[{"id": 5, "sta'), says="not JSON"),
    "HTML with 502": Row(("P02",), raw_answer(HTML, 502), ServerError, attempts=3, says="502"),
    "HTML with 200": Row(("P02",), raw_answer(HTML, content_type="text/html"), says="not JSON"),
    **{
        f"encoded as {how}": Row(
            ("P03",), encoded(how, body), ProtocolError, attempts=3, says="identity", delivery=Delivery.UNKNOWN
        )
        for how, body in {
            "gzip": gzip.compress(b"[]"),
            "x-gzip": gzip.compress(b"[]"),
            "deflate": zlib.compress(b"[]"),
            "br": b"\x0b\x00\x80[]\x03",
            "zstd": b"\x28\xb5\x2f\xfd\x04\x00\x11\x00\x00[]",
            "GZIP": b"[]",
            "identity, gzip": gzip.compress(b"[]"),
            "no-such-thing": b"[]",
        }.items()
    },
    "gzip that says nothing of it": Row(("P03",), raw_answer(gzip.compress(b"[]")), says="not UTF-8"),
    "gzip as a transfer coding": Row(
        ("P03",),
        raw_answer(b"2\r\n[]\r\n0\r\n\r\n", content_length="", transfer_encoding="gzip, chunked"),
        ProtocolError,
        attempts=3,
        delivery=Delivery.UNKNOWN,
    ),
    "an object for a list": Row(("P05",), answer({"senders": []}), says="expected a list"),
    "null": Row(("P05",), answer(None), says="expected a list"),
    "a number": Row(("P05",), answer(7), says="expected a list"),
    "a wrong leaf": Row(("P06",), answer([{**SENDER, "id": "false"}]), says="[0].id"),
    "a fraction for an id": Row(("P06",), answer([{**SENDER, "id": 380.9}]), says="[0].id"),
    "true for an id": Row(("P06",), answer([{**SENDER, "id": True}]), says="[0].id"),
    "a list for a text": Row(("P06",), answer([{**SENDER, "name": ["shop"]}]), says="[0].name"),
    "an id is missing": Row(("P09",), answer([{"status": "x", "name": "y"}]), says="[0].id"),
    "a key twice": Row(("P10",), raw_answer(b'{"result": false, "result": true}'), says="stands twice"),
    "NaN": Row(("P11",), raw_answer(b'[{"id": NaN}]'), says="NaN"),
    "1e999": Row(("P11",), raw_answer(b'[{"id": 1e999}]'), says="beyond any real one"),
    "5000 digits": Row(("P12",), raw_answer(b'[{"id": ' + b"9" * 5000 + b"}]"), says="64 bits"),
    "2**63": Row(("P12",), answer([{**SENDER, "id": 2**63}]), says="64 bits"),
    "broken UTF-8": Row(("P13",), raw_answer(b'["\xc3("]'), says="not UTF-8 at byte 2"),
    "UTF-16": Row(("P13",), raw_answer("[]".encode("utf-16"), content_type="application/json; charset=utf-16")),
    "100000 deep": Row(("P14",), raw_answer(DEEP), says="nested too deeply"),
    "30000 deep, and no": Row(
        ("P14",), raw_answer(b'{"errors": ' + b"[" * 30_000 + b"]" * 30_000 + b"}", 400), BadRequestError, says="400"
    ),
    "204": Row(("P16",), raw_answer(b"", 204, content_length=""), says="the body is empty"),
    "empty": Row(("P16",), raw_answer(b""), says="the body is empty"),
    "result false": Row(("P17",), answer({"result": False}), ApiError, says="says that it failed"),
    "is_error": Row(
        ("P18",),
        answer({"is_error": True, "error_code": 12345, "message": "not today"}),
        ApiError,
        says="(error_code 12345): not today",
    ),
}
CLEAR = {"result false", "is_error", "30000 deep, and no"}
"""Those that say clearly that nothing was done."""


def each(names: list[str]) -> list[Any]:
    return [pytest.param(BAD[name], id=name, marks=pytest.mark.fault(*BAD[name].rows)) for name in names]


@pytest.mark.parametrize("row", each(list(BAD)))
async def test_a_read_ends_with_the_name_of_what_came(row: Row) -> None:
    """It is told by one of our errors, and repeated only where the provider had failed; the connections are well."""
    async with Hostile(then=(take, send(row.answer), close)) as server, session_to(server) as session:
        with pytest.raises(row.raises) as caught:
            await session.senders.list()

        assert type(caught.value) is row.raises
        assert row.says in str(caught.value)
        assert len(str(caught.value)) < 1000
        assert caught.value.delivery is row.delivery
        assert len(server.requests) == row.attempts
        server.heal()
        await healthy_afterwards(session)


@pytest.mark.parametrize("row", each([name for name in BAD if name not in CLEAR]))
async def test_a_create_that_is_answered_like_that_is_unknown(row: Row) -> None:
    """It was sent once; the provider may have done it, whatever it says."""
    async with Hostile((take, send(row.answer), close)) as server, session_to(server) as session:
        with pytest.raises(OutcomeUnknownError) as caught:
            await session.campaigns.create(DRAFT)

        assert caught.value.delivery is row.delivery
        assert caught.value.handle is not None
        assert server.count("POST /viber") == len(server.peers) == 1
        await healthy_afterwards(session)


@pytest.mark.parametrize("row", each(sorted(CLEAR)))
async def test_a_create_that_is_clearly_refused_was_not_carried_out(row: Row) -> None:
    """A plain error of the provider's, with what it said; never a success."""
    async with Hostile((take, send(row.answer), close)) as server, session_to(server) as session:
        with pytest.raises(row.raises) as caught:
            await session.campaigns.create(DRAFT)

        assert caught.value.delivery is Delivery.ANSWERED
        assert server.count("POST /viber") == 1
        await healthy_afterwards(session)


@pytest.mark.parametrize("row", each([name for name, row in BAD.items() if row.attempts == 1]))
@pytest.mark.parametrize("write", ["add", "remove"])
async def test_a_blacklist_write_that_is_answered_like_that_is_an_error(row: Row, write: str) -> None:
    """With what earlier batches had achieved; an answer that cannot be read is not taken for a yes."""
    async with Hostile((take, send(row.answer), close)) as server, session_to(server) as session:
        with pytest.raises(row.raises) as caught:
            await getattr(session.blacklist, write)([PHONE])

        assert caught.value.partial is not None
        assert len(server.requests) == 1
        await healthy_afterwards(session)


def yes(**data: Any) -> bytes:
    echo = {"task_name": "spring", "sender_id": 1, "message": "x"}
    return answer({"result": True, "data": {"task_id": 7, **echo, **data}})


CREATED: dict[str, tuple[str, bytes, int | None]] = {
    "a number": ("P19", yes(), 7),
    "digits": ("P19", yes(task_id="90241"), 90241),
    "no data": ("P19", answer({"result": True}), None),
    "empty data": ("P19", answer({"result": True, "data": {}}), None),
    "no id": ("P19", yes(task_id=None), None),
    "an id of 0": ("P19", yes(task_id=0), None),
    "an id below 0": ("P19", yes(task_id=-7), None),
    "a word": ("P19", yes(task_id="seven"), None),
    "another name": ("P20", yes(task_name="winter"), None),
    "another sender": ("P20", yes(sender_id=2), None),
    "another text": ("P20", yes(message="y"), None),
}


@pytest.mark.parametrize(
    ("reply", "task_id"),
    [
        pytest.param(reply, task_id, id=name, marks=pytest.mark.fault(row))
        for name, (row, reply, task_id) in CREATED.items()
    ],
)
async def test_a_create_is_accepted_with_a_usable_id_and_our_own_echo(reply: bytes, task_id: int | None) -> None:
    """Any other yes leaves it unknown, and it is not sent again."""
    async with Hostile((take, send(reply), close)) as server, session_to(server) as session:
        if task_id is not None:
            assert (await session.campaigns.create(DRAFT)).task_id == task_id
        else:
            with pytest.raises(OutcomeUnknownError) as caught:
                await session.campaigns.create(DRAFT)
            assert caught.value.delivery is Delivery.ANSWERED
        assert server.count("POST /viber") == 1
        await healthy_afterwards(session)


@pytest.mark.fault("P13", "P15", "P08")
async def test_odd_texts_are_decoded_and_safe_to_show() -> None:
    """A byte order mark, lone surrogates, NUL, bidi controls, unknown words and keys: read, and escaped when shown."""
    odd = {**SENDER, "name": "a\ud800\x00\u202e\x1b[31mb", "status": "brand new", "new": {"x": 1}}
    body = b"\xef\xbb\xbf" + json.dumps([odd]).encode()
    async with Hostile((take, send(raw_answer(body)), close)) as server, session_to(server) as session:
        (sender,) = await session.senders.list()

    assert sender.name == odd["name"]
    assert sender.status == "brand new"
    assert sender.extras["new"] == {"x": 1}
    assert repr(sender).isprintable()
    repr(sender).encode()


BIG = 1_000_000_000
CHUNK = b" " * 65536
KERNELS = 16 * 2**20
"""What may be on its way between two kernels: their buffers, generously."""


@pytest.mark.fault("P04")
@pytest.mark.parametrize(
    ("top", "piece"),
    [
        (raw_answer(b"", content_length=str(BIG)), CHUNK),
        (raw_answer(b"", content_length=""), CHUNK),
        (raw_answer(b"", content_length="", transfer_encoding="chunked"), b"10000\r\n" + CHUNK + b"\r\n"),
    ],
    ids=["told", "ended by closing", "chunked"],
)
async def test_a_body_of_a_gigabyte_is_left_at_the_cap(top: bytes, piece: bytes) -> None:
    """8 MiB for a read, 64 KiB for a create and for a token; the rest is never sent, the server is hung up on."""
    script = (take, send(top), flood(piece, most=BIG))
    async with Hostile(then=script) as server, session_to(server) as session:
        with pytest.raises(ResponseTooLargeError) as caught:
            await session.senders.list()
        with pytest.raises(OutcomeUnknownError) as unknown:
            await session.campaigns.create(DRAFT)
        async with session_to(server, credentials=ClientCredentials("id", "secret")) as other:
            with pytest.raises(AuthenticationError, match="more than 65536 bytes"):
                await other.senders.list()
        await server.settled()

        assert caught.value.delivery is unknown.value.delivery is Delivery.ANSWERED
        assert isinstance(unknown.value.__cause__, ResponseTooLargeError)
        assert [str(each) for each in server.requests] == [
            "GET /viber/senders",
            "POST /viber",
            "POST /oauth/access_token",
        ]
        assert [peer.hung_up for peer in server.peers] == [True] * 3
        assert server.peers[0].sent < 8 * 2**20 + KERNELS
        assert max(peer.sent for peer in server.peers[1:]) < 2**16 + KERNELS
        server.heal()
        await healthy_afterwards(session)


def bomb(start: bytes, end: bytes) -> bytes:
    """Give a megabyte that becomes a gigabyte of spaces: blocks that can be repeated, between *start* and *end*."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + block * 1024 + end


@pytest.mark.fault("P03", "P04", "S14")
async def test_a_bomb_costs_hardly_any_memory() -> None:
    """At most 32 MB more than before for a gigabyte in any wrapping, of which none is unpacked or kept."""
    packed = bomb(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", b"")
    assert len(zlib.decompressobj(31).decompress(packed, 2**24)) == 2**24
    told = raw_answer(b"", content_length=str(BIG))
    bombs: dict[str, Script] = {
        "ProtocolError gzip": (send(encoded("gzip", packed)),),
        "ProtocolError deflate": (send(encoded("deflate", bomb(b"\x78\x9c", b""))),),
        "ProtocolError br": (send(encoded("br", packed)),),
        "ProtocolError zstd": (send(encoded("zstd", packed)),),
        "DecodeError unsaid": (send(raw_answer(packed)),),
        "ResponseTooLargeError plain": (send(told), flood(CHUNK, most=BIG)),
        "ProtocolError headers": (send(b"HTTP/1.1 200 OK\r\n"), flood(b"a: b\r\n" * 10_000, most=BIG)),
        "DecodeError deep": (send(raw_answer(b"[" * 8_000_000)),),
    }
    scripts = [(take, *script, close) for script in bombs.values()]
    async with Hostile((serve(1), close), *scripts) as server:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.wire.hungry",
            server.url,
            str(len(bombs)),
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        printed, _ = await child.communicate()
    told_by_child = json.loads(printed)

    assert told_by_child["grown"] <= 32 * 2**20
    assert told_by_child["errors"] == [name.partition(" ")[0] for name in bombs]


def rows_of(target: str, most: int) -> tuple[int, int]:
    """Give limit and offset of a request for a page."""
    query = dict(part.split("=") for part in target.partition("?")[2].split("&"))
    return min(int(query["limit"]), most), int(query["offset"])


def entry(number: int) -> dict[str, Any]:
    return {"id": number, "user_id": 1, "phone": 380930000000 + number, "description": "", "add_date": None}


def some(request: Arrived, *, count: int, limit: int | None = None, total: Any = None) -> Any:
    asked, offset = rows_of(request.target, 10**9)
    rows = [entry(n) for n in range(1, count + 1)][offset : offset + (limit or asked)]
    return {"data": {"list": rows, "total": count if total is None else total}}


WALKS: dict[str, tuple[Any, int | None, bool, int]] = {
    # what the server does, rows in all, is it proven complete, requests at most
    "a page longer than the limit": (lambda r: some(r, count=70, limit=50), 70, True, 5),
    "a limit ignored, everything at once": (lambda r: some(r, count=70, limit=1000), 70, True, 3),
    "a limit that is clamped": (lambda r: some(r, count=70, limit=7), 70, True, 25),
    "the same page for ever": (
        lambda _: {"data": {"list": [entry(n) for n in range(1, 31)], "total": 1000}},
        30,
        False,
        20,
    ),
    "an empty page at once, with a total": (lambda _: {"data": {"list": [], "total": 70}}, 0, False, 20),
    "a total below nought": (lambda r: some(r, count=70, total=-1), 70, False, 20),
    "a huge total": (lambda r: some(r, count=70, total=2**62), 70, False, 20),
    "a total that is too small": (lambda r: some(r, count=70, total=3), 70, False, 20),
}


@pytest.mark.fault("P22")
@pytest.mark.parametrize("walk", WALKS)
async def test_a_walk_ends_whatever_the_server_says(walk: str) -> None:
    """It hands out each row once, and says whether it can have missed one."""
    given, rows, complete, most = WALKS[walk]
    answers = {"GET /v2/viber-service/phone-exception": given}
    async with Hostile(answers=answers) as server, session_to(server) as session:
        pages = session.blacklist.list(limit=30)
        ids = [row.id for row in await pages.collect()]

        assert (ids, pages.report.complete) == (list(range(1, (rows or 0) + 1)), complete)
        assert len(server.requests) == pages.report.requests <= most
        await healthy_afterwards(session)


@pytest.mark.fault("P22")
async def test_a_list_without_an_end_is_walked_in_bounded_memory_and_can_be_left() -> None:
    """Every page is new: nothing can tell that from a long list, so the caller's own bound counts."""

    def endless(request: Arrived) -> Any:
        limit, offset = rows_of(request.target, 1000)
        return {"data": {"list": [entry(offset + n + 1) for n in range(limit)], "total": offset + limit + 1}}

    answers = {"GET /v2/viber-service/phone-exception": endless}
    async with Hostile(answers=answers) as server, session_to(server) as session:
        pages = session.blacklist.list(limit=1000)
        found = await pages.collect(max=5000)

        assert len({row.id for row in found}) == 5000
        assert not pages.report.complete
        assert len(server.requests) <= 7


ONCE = RetryPolicy(retries=0, throttle_base=0.001)
UGLY = "no\r\nERROR:root:forged\x1b[2J %s %(x)d {0} {x!r} \u202e" + PHONE + " " + "x" * 2_000_000


@pytest.mark.fault("P25")
@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 422, 429, 500])
@pytest.mark.parametrize("where", ["message", "error_description", "errors"])
async def test_an_ugly_message_is_one_short_line(status: int, where: str, caplog: pytest.LogCaptureFixture) -> None:
    """In the error's text and in every line of the log, and no phone stands in either."""
    caplog.set_level(1)
    said = {where: {"field": [UGLY]} if where == "errors" else UGLY, "error_code": 5, "error": "bad"}
    async with Hostile((take, say(said, status), close)) as server, session_to(server, retries=ONCE) as session:
        with pytest.raises(ApiError) as caught:
            await session.senders.list()
        await healthy_afterwards(session)
    lines = [logging.Formatter().format(record) for record in caplog.records if record.name.startswith("viber_async")]

    for text in (str(caught.value), repr(caught.value), caught.value.message, *lines):
        assert text.isprintable()
        assert len(text.encode()) <= 2048
        assert PHONE not in text
    assert lines
