"""A disk that gives out at any write: nothing is sent that is not written down, and what was sent is not denied."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.processes.disk import ACCOUNT, SIZES, GivingOut, once
from tests.processes.test_kill import row_of
from viber_async import SqliteLedger
from viber_async._sansio.ledger import State

ROOT = Path(__file__).parent.parent.parent
DENIED = {"said": "LedgerError not_sent", "posts": 0}
CREATED = {"said": "campaign 500", "posts": 1}


def asked_for(path: Path, *, gives_out_before: int, size: int) -> Any:
    """Ask for a campaign in a child whose disk gives out; give what it said."""
    hears, says = os.pipe()
    pid = os.fork()
    if pid == 0:
        ledger = GivingOut(path)
        ledger.gives_out_before, ledger.size = gives_out_before, size
        try:
            os.write(says, json.dumps(asyncio.run(once(ledger))).encode())
        finally:
            os._exit(0)
    os.close(says)
    with os.fdopen(hears) as heard:
        said = heard.read()
    os.waitpid(pid, 0)
    return json.loads(said)


@pytest.mark.fault("D05")
@pytest.mark.parametrize("size", [0, 6_000, 30_000, 40_000])
@pytest.mark.parametrize(
    ("write", "said", "states"),
    [
        (1, DENIED, {None, State.PREPARED}),
        (2, DENIED, {State.PREPARED, State.SENDING}),
        (3, CREATED, {State.SENDING}),
    ],
)
def test_a_disk_that_gives_out_at_a_write(
    tmp_path: Path, write: int, said: Any, states: set[State | None], size: int
) -> None:
    """Before the sending, nothing is sent; after it, the campaign is given, and the row does not deny it."""
    path = tmp_path / "ledger"
    asyncio.run(SqliteLedger(path).secret(ACCOUNT))
    told = asked_for(path, gives_out_before=write, size=size)
    row = asyncio.run(row_of(SqliteLedger(path, create=False), ACCOUNT, "a"))

    if size == 40_000:  # room enough: the log of one write is smaller
        assert told == CREATED
        assert row is not None
        assert row.state is State.ACCEPTED
    else:
        assert told == said
        assert (row and row.state) in states


@pytest.mark.fault("D05")
def test_a_disk_that_is_full_or_can_only_be_read(tmp_path: Path) -> None:
    """ENOSPC at whichever write it comes, EROFS with a ledger and without: nothing is sent without a record."""
    unshare = shutil.which("unshare")
    tried = unshare and subprocess.run([unshare, "-m", "true"], capture_output=True, check=False).returncode
    if tried != 0:
        pytest.skip("mounting small disks takes root")
    done = subprocess.run(
        [str(unshare), "-m", sys.executable, "-m", "tests.processes.disk", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    said = json.loads(done.stdout)

    assert [said[size] for size in SIZES if said[size] not in (DENIED, CREATED)] == []
    assert (said["4k"], said["200k"]) == (DENIED, CREATED)
    assert said["made, then read-only"] == said["read-only"] == DENIED


def nobodys(path: Path) -> int:
    """Ask for a campaign in a child that has no rights at *path*; give how it ended."""
    pid = os.fork()
    if pid == 0:
        try:
            if os.geteuid() == 0:
                os.setuid(65534)
            os._exit(7 if asyncio.run(once(SqliteLedger(path))) == DENIED else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.fault("D05")
@pytest.mark.parametrize("mode", [0o000, 0o500])
def test_a_place_without_rights(tmp_path: Path, mode: int) -> None:
    """EACCES: the directory cannot be looked into, or not be written."""
    place = tmp_path / "place"
    place.mkdir()
    place.chmod(mode)
    try:
        assert nobodys(place / "ledger") == 7
    finally:
        place.chmod(0o700)
