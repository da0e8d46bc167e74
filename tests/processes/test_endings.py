"""A program that is ended, split, or starved in the midst of things: by the keyboard, an exit, its loop, a fork."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import warnings
from pathlib import Path

import pytest

from tests.processes.children import ROOT, Zygote
from tests.wire.hostile import Hostile, serve, session_to, swallow, take
from tests.wire.hostile import signal as told
from viber_async import ApiKey, SessionLoopError, SqliteLedger, ViberSession
from viber_async._sansio.ledger import State, account_tag, key_hash

CROWD = int(os.environ.get("VIBER_TEST_CROWD", "200"))

ENDINGS = {
    "the keyboard": (signal.SIGINT, False),
    "the end of the loop": (signal.SIGUSR1, True),
    "an exit": (signal.SIGUSR2, True),
}


@pytest.mark.fault("C10")
async def test_a_create_in_the_midst_of_which_the_program_ends_stays_open(tmp_path: Path) -> None:
    """It was sent and not answered: its row says that it may have been created, however the program ended."""
    found, states = {}, set()
    async with Zygote() as zygote:
        for number, (name, (by, is_told)) in enumerate(ENDINGS.items()):
            sent, path = asyncio.Event(), tmp_path / str(number) / "ledger"
            async with Hostile((serve(),), (take, told(sent), swallow)) as server, asyncio.timeout(30):
                await zygote.start(url=server.url, ledger=str(path), keys=["key"], told=is_told)
                await sent.wait()
                os.kill(zygote.pid, by)
                *said, end = await zygote.until_ended()
                found[name] = server.count("POST /viber"), said, end["ended"] != 0 or by is signal.SIGUSR1
                states.add(await state_of(path, server.url))

    assert found == dict.fromkeys(ENDINGS, (1, [], True))
    assert states <= {State.SENDING, State.UNKNOWN}  # the latter if there was time to close the session


async def state_of(path: Path, url: str) -> State | None:
    ledger, account = SqliteLedger(path), account_tag(ApiKey("sandbox-api-key"), url)
    row = await ledger.get(account, key_hash(await ledger.secret(account), "key"))
    return row and row.state


@pytest.mark.fault("M02")
async def test_a_fork_harms_no_connection_of_the_parent() -> None:
    """The child is refused by name and touches nothing; the parent goes on over the same connection."""
    async with Hostile() as server, session_to(server) as session:
        await session.senders.list()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # forking under a loop is what is tested
            child = os.fork()
        if child == 0:
            os._exit(await refused(session))
        _, status = os.waitpid(child, 0)  # noqa: ASYNC222 - the child asks nothing of this loop
        await session.senders.list()

        assert os.waitstatus_to_exitcode(status) == 0
        assert [len(peer.requests) for peer in server.peers] == [2]


async def refused(session: ViberSession) -> int:
    """Give 0 if it is as it should be."""
    try:
        await session.senders.list()
    except SessionLoopError:
        await session.aclose()
        return 0
    return 1


CROWDED = """
import asyncio, collections, json, resource, sys
from tests.wire.hostile import LIFTED
from viber_async import ApiKey, Timeout, ViberError, ViberSession

async def crowd(session, size):
    ended = await asyncio.gather(*(session.senders.list() for _ in range(size)), return_exceptions=True)
    return collections.Counter("answered" if each == () else type(each).__name__ for each in ended)

async def served(url, size, connections):
    async with ViberSession(
        ApiKey("k"), base_url=url, rate_limit=LIFTED, max_connections=connections,
        retries=0, deadline=None, timeout=Timeout(pool=600),
    ) as session:
        return [await crowd(session, size), await crowd(session, 20)]

async def main(few, many, size):
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    print(json.dumps([await served(few, size, 10), await served(many, size, 400)]))

asyncio.run(main(*sys.argv[1:3], int(sys.argv[3])))
"""


@pytest.mark.fault("C12")
@pytest.mark.timeout(600)
async def test_a_crowd_in_a_process_with_few_descriptors_is_served_or_told() -> None:
    """By ten connections all are served; where more are allowed than can be, some fail by name. Then all is well."""
    async with Hostile() as server, Hostile() as other:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CROWDED, server.url, other.url, str(CROWD)),
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        printed, _ = await child.communicate()
        few, many = json.loads(printed)

        assert few == [{"answered": CROWD}, {"answered": 20}]
        assert len(server.peers) <= 10
        assert set(many[0]) == {"answered", "ConnectionFailedError"}
        assert sum(many[0].values()) == CROWD
        assert many[1] == {"answered": 20}
