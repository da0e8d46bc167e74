"""The session over a real socket, against the sandbox: what pool, trace, timing and TLS show only there."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import trustme

from viber_async import (
    ApiKey,
    AuthenticationError,
    Button,
    ClientCredentials,
    ConnectionFailedError,
    Delivery,
    Image,
    NotFoundError,
    OutcomeUnknownError,
    RateLimit,
    RateLimitError,
    ResendSms,
    ResponseTooLargeError,
    TransportError,
    ViberSession,
)
from viber_async.sandbox import Fault, Sandbox, SandboxClock, SandboxMailingList

LIFTED = RateLimit(1_000_000, per=1.0)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(rate_limit=None, clock=SandboxClock(frozen=True)) as served:
        yield served


@pytest.fixture
async def session(sandbox: Sandbox) -> AsyncIterator[ViberSession]:
    async with ViberSession(sandbox.credentials, base_url=sandbox.url, rate_limit=LIFTED) as opened:
        yield opened


def phones(count: int) -> list[str]:
    return [f"38093{n:07d}" for n in range(count)]


async def test_a_strict_judge_sees_no_eleventh_request_in_any_second() -> None:
    """Fifty calls at once, each lane, the token call included: none is refused, and little time is lost."""
    async with Sandbox() as sandbox, ViberSession(sandbox.credentials, base_url=sandbox.url) as session:
        bulk = session.with_options(lane="bulk")
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(s.senders.list() for s in [session, bulk] * 20))
        took = asyncio.get_running_loop().time() - began

        assert (sandbox.rate.refusals, sandbox.rate.peak) == (0, 10)
        assert len(sandbox.rate.arrivals) == 41
        assert took < 10
        assert session.statistics().rate.granted == 41


async def test_a_campaign_lives_from_draft_to_statistics(session: ViberSession, sandbox: Sandbox) -> None:
    """Everything that a campaign may have goes there, and comes back as it is."""
    sandbox.block(380930000001)
    created = await session.campaigns.create(
        task_name="spring",
        sender_id=1,
        message_live_time=timedelta(hours=1),
        message="Hello\nשלום 🙂",
        recipients=phones(20),
        button=Button("Buy", "https://example.com"),
        image=Image("https://example.com/i.png"),
        resend_sms=ResendSms("text", "shop"),
    )
    sandbox.advance(3600)
    campaign = await session.campaigns.get(created.task_id)
    recipients = await session.campaigns.recipients(created.task_id)
    one_by_one = [r async for r in session.campaigns.iter_recipients(created.task_id)]
    listed = await session.campaigns.list().collect()

    assert (created.task_name, created.message, created.resend_sms) == ("spring", "Hello\nשלום 🙂", True)
    assert campaign.status == "sent"
    assert campaign.statistics is not None
    assert campaign.statistics.sent + campaign.statistics.errors == 20
    assert list(recipients.recipients) == one_by_one
    assert {r.phone for r in one_by_one} == set(phones(20))
    assert [c.id for c in listed] == [created.task_id]


async def test_the_blacklist_is_added_to_walked_and_emptied(session: ViberSession, sandbox: Sandbox) -> None:
    """More than two batches and more than ten pages."""
    added = await session.blacklist.add(phones(1200), description="asked")
    again = await session.blacklist.add(phones(10))
    pages = session.blacklist.list(limit=100)
    rows = await pages.collect()
    removed = await session.blacklist.remove(phones(700))

    assert (added.added, added.exists, again.added, again.exists) == (1200, 0, 0, 10)
    assert sorted(r.phone for r in rows) == phones(1200)
    assert pages.report.complete
    assert removed.deleted == 700
    assert await session.blacklist.count() == 500


async def test_a_walk_over_rows_that_come_and_go_misses_none_that_stay(session: ViberSession, sandbox: Sandbox) -> None:
    """Rows vanish before the walk's position between its pages; naive paging would skip as many."""
    sandbox.block(*map(int, phones(500)))
    gone = iter(phones(60))
    for skip in range(1, 6):
        sandbox.faults.add(
            Fault.before(lambda: sandbox.unblock(*(int(next(gone)) for _ in range(10)))),
            on="blacklist.list",
            skip=skip,
        )
    pages = session.blacklist.list(limit=50)
    seen = {row.phone async for row in pages}

    assert set(phones(500)[60:]) <= seen
    assert not pages.report.complete


@pytest.mark.fault("N06", "N09", "N10", "N11")
@pytest.mark.parametrize(
    ("fault", "processed"),
    [
        (Fault.cut(), False),
        (Fault.cut(reset=True), False),
        (Fault.cut(processed=True), True),
        (Fault.cut(processed=True, reset=True), True),
        (Fault.truncate(), True),
        (Fault.status(500, processed=True), True),
        (Fault.html(502), False),
    ],
    ids=str,
)
async def test_a_create_that_is_cut_is_unknown_and_sent_once(
    session: ViberSession, sandbox: Sandbox, fault: Fault, processed: bool
) -> None:
    """Whether it happened cannot be seen from here, so neither is claimed."""
    await session.senders.list()
    sandbox.faults.add(fault, on="campaigns.create", times=None)
    with pytest.raises(OutcomeUnknownError):
        await session.campaigns.create(sender_id=1, message_live_time=60, message="x", recipients=phones(1))

    assert len(sandbox.requests_of("campaigns.create")) == 1
    assert len(sandbox.campaigns) == processed


@pytest.mark.parametrize("fault", [Fault.cut(), Fault.cut(reset=True), Fault.truncate(), Fault.status(503)], ids=str)
async def test_a_read_that_is_cut_is_repeated(session: ViberSession, sandbox: Sandbox, fault: Fault) -> None:
    """Twice, and then it succeeds."""
    sandbox.faults.add(fault, on="senders.list", times=2)

    assert len(await session.senders.list()) == 2
    assert len(sandbox.requests_of("senders.list")) == 3


async def test_a_storm_of_429_is_waited_out_by_everybody_together(session: ViberSession, sandbox: Sandbox) -> None:
    """One pause for all, and each call arrives."""
    sandbox.faults.add(Fault.throttle(), on="senders.list", times=3)
    await asyncio.gather(*(session.senders.list() for _ in range(10)))

    assert session.statistics().throttled == 3


async def test_a_429_that_does_not_end_is_told(session: ViberSession, sandbox: Sandbox) -> None:
    """With what the provider asked for."""
    sandbox.faults.add(Fault.throttle(retry_after=600), on="senders.list", times=None)
    with pytest.raises(RateLimitError) as caught:
        await session.senders.list()

    assert caught.value.retry_after == 600


async def test_a_revoked_token_is_replaced_once_for_all(session: ViberSession, sandbox: Sandbox) -> None:
    """However many calls find out at the same time."""
    await session.senders.list()
    sandbox.revoke_tokens()
    await asyncio.gather(*(session.senders.list() for _ in range(20)))

    assert len(sandbox.requests_of("token")) == 2


async def test_wrong_credentials_are_one_call_and_one_error(sandbox: Sandbox) -> None:
    """No loop, no secret in the text (A01)."""
    async with ViberSession(ClientCredentials("wrong", "hidden-secret"), base_url=sandbox.url) as session:
        for _ in range(3):
            with pytest.raises(AuthenticationError) as caught:
                await session.senders.list()

    assert len(sandbox.requests_of("token")) == 1
    assert "hidden-secret" not in str(caught.value)


async def test_what_does_not_exist_is_not_found(session: ViberSession, sandbox: Sandbox) -> None:
    """Campaigns, recipients and senders."""
    for call in (session.campaigns.get, session.campaigns.recipients, session.senders.get):
        with pytest.raises(NotFoundError):
            await call(999_999)
    with pytest.raises(NotFoundError):
        await anext(session.campaigns.iter_recipients(999_999))


async def test_a_hundred_thousand_recipients_are_streamed_and_too_many_at_once() -> None:
    """The body is beyond the cap of one answer, and no trouble one by one."""
    many = SandboxMailingList(9, phones=range(380930000000, 380930100000))
    clock = SandboxClock(frozen=True)
    async with (
        Sandbox(rate_limit=None, clock=clock, mailing_lists=[many]) as sandbox,
        ViberSession(sandbox.credentials, base_url=sandbox.url, rate_limit=LIFTED) as session,
    ):
        created = await session.campaigns.create(sender_id=1, message_live_time=60, message="x", address_book=9)
        with pytest.raises(ResponseTooLargeError):
            await session.campaigns.recipients(created.task_id)
        count = 0
        async for _ in session.campaigns.iter_recipients(created.task_id):
            count += 1

        assert count == 100_000


@pytest.mark.fault("C06")
async def test_a_stream_left_early_frees_its_connection(sandbox: Sandbox) -> None:
    """With one connection to have, the next call gets it."""
    sandbox_list = SandboxMailingList(9, phones=range(380930000000, 380930050000))
    async with (
        Sandbox(rate_limit=None, mailing_lists=[sandbox_list]) as served,
        ViberSession(served.credentials, base_url=served.url, rate_limit=LIFTED, max_connections=1) as session,
    ):
        created = await session.campaigns.create(sender_id=1, message_live_time=60, message="x", address_book=9)
        for _ in range(5):
            async with session.campaigns.iter_recipients(created.task_id) as stream:
                await anext(stream)

            assert len(await session.senders.list()) == 2


def descriptors() -> int:
    """Give how many files and sockets this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_closing_leaves_no_descriptor_behind(sandbox: Sandbox) -> None:
    """Sessions come and go; sockets go with them."""

    async def once() -> None:
        async with ViberSession(sandbox.credentials, base_url=sandbox.url, rate_limit=LIFTED) as session:
            await asyncio.gather(*(session.senders.list() for _ in range(5)))

    await once()
    async with asyncio.timeout(20):
        while True:
            before = descriptors()
            await once()
            if descriptors() <= before:
                break


@pytest.mark.fault("N02")
async def test_a_refused_connection_was_not_sent(unused_tcp_port: int) -> None:
    """Nobody listens: create included, nothing left this machine (N02)."""
    async with ViberSession(("id", "secret"), base_url=f"http://127.0.0.1:{unused_tcp_port}", retries=1) as session:
        with pytest.raises(ConnectionFailedError) as caught:
            await session.campaigns.create(sender_id=1, message_live_time=60, message="x", recipients=phones(1))

    assert caught.value.delivery is Delivery.NOT_SENT


@pytest.mark.fault("N20")
async def test_a_server_that_dies_between_calls_is_met_with_a_new_connection(session: ViberSession) -> None:
    """A kept connection that was closed is noticed before it is used (N20)."""
    async with Sandbox(rate_limit=None) as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        credentials = sandbox.credentials
        other = ViberSession(credentials, base_url=sandbox.url, rate_limit=LIFTED)
        await other.senders.list()
    async with Sandbox(rate_limit=None, port=port) as reborn, other:
        assert len(await other.senders.list()) == 2
        assert len(reborn.requests_of("token")) == 1


@pytest.fixture
async def impostor() -> AsyncIterator[str]:
    """A TLS server whose certificate nobody vouches for."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(10))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    assert received == []


@pytest.mark.fault("N04")
async def test_an_unknown_authority_is_refused_and_not_retried(impostor: str) -> None:
    """Not a byte of ours reaches it, and the text says what to check (N04)."""
    async with ViberSession(("id", "secret"), base_url=impostor) as session:
        with pytest.raises(ConnectionFailedError, match="certificate") as caught:
            await session.senders.list()

        assert session.statistics().requests == 1
    assert caught.value.permanent


@pytest.mark.fault("S10")
async def test_a_private_authority_comes_with_a_transport_of_ones_own() -> None:
    """The one way to trust somebody else: an httpx transport with a context that says so."""
    authority = trustme.CA()
    server_side, client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    authority.configure_trust(client_side)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_side)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    transport = httpx.AsyncHTTPTransport(verify=client_side)
    async with server, ViberSession(ApiKey("k"), base_url=url, transport=transport) as session:
        assert await session.senders.list() == ()


@pytest.mark.fault("N17")
async def test_an_unreadable_peer_gets_the_name_of_what_it_is() -> None:
    """An SSH banner is not HTTP (N17)."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, ViberSession(("id", "secret"), base_url=url, retries=0) as session:
        with pytest.raises(TransportError) as caught:
            await session.senders.list()

    assert caught.value.delivery is Delivery.NOT_SENT  # it was the token that was asked for, not the senders
