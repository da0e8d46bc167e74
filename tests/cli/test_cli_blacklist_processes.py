"""`viber-async blacklist` as people run it: on a terminal, through a pipe, with signals."""

from __future__ import annotations

import gzip
import json
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.processes import COMMAND, LONGEST, OnTerminal, environment, finished, piped
from viber_async.sandbox import Fault

FIRST = 380931111111
BAR = re.compile(r"adding .*?━.*? *([\d,]+)/3,000 phones +\d+% +[\d,]+/s +(-:--:--|\d:\d\d:\d\d|\d\d:\d\d)")


@pytest.fixture
def wanted(tmp_path):
    """Three thousand phones."""
    path = tmp_path / "wanted.txt"
    path.write_text("".join(f"{FIRST + i}\n" for i in range(3000)))
    return str(path)


def test_a_terminal_sees_bars_that_move(sandbox, account, wanted):
    """With the rate and the time left, and a summary; no phone anywhere."""
    code, text = OnTerminal(*COMMAND, "blacklist", "sync", wanted, "--rate", "20", **account).finish()
    plain = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", text)
    seen = [int(done.replace(",", "")) for done, _ in BAR.findall(plain)]

    assert code == 0
    assert seen[-1] == 3000
    assert len(set(seen)) >= 2
    assert seen == sorted(seen)
    assert "reading" in plain
    assert "verifying" in plain
    assert "In sync: 3,000 wanted = 0 already there + 3,000 added" in re.sub(r"\s+", " ", plain)
    assert not re.search(r"\d{9}", plain)
    assert len(sandbox.blacklisted) == 3000


def test_a_pipe_gets_plain_lines_and_its_result_apart(sandbox, account, wanted):
    """No escapes, no carriage returns; the list comes through a pipe too, packed."""
    done = subprocess.run(
        [*COMMAND, "blacklist", "sync", "-", "--rate", "100", "--json"],
        input=gzip.compress(Path(wanted).read_bytes()),
        capture_output=True,
        check=False,
        env=environment(**account),
        timeout=LONGEST,
    )
    err = done.stderr.decode()

    assert (done.returncode, json.loads(done.stdout)["added"]) == (0, 3000)
    assert not re.search(r"[\x1b\r]", err)
    assert re.search(r"^adding: 3,000 of 3,000 phones in [\d.]+ s$", err, re.MULTILINE)
    assert re.search(r"^verifying: 3,000 of 3,000 rows in [\d.]+ s$", err, re.MULTILINE)
    assert len(sandbox.blacklisted) == 3000


@pytest.mark.fault("D09")
def test_a_signal_ends_a_sync_in_order(sandbox, account, wanted, tmp_path):
    """While a batch is under way: it is finished, and nothing more is begun."""
    command = (*COMMAND, "blacklist", "sync", wanted, "--rate", "100", "--journal", str(tmp_path / "journal"))
    process: list[subprocess.Popen[str]] = []
    sandbox.faults.add(Fault.before(lambda: process[0].send_signal(signal.SIGTERM)), on="blacklist.add", skip=2)
    process.append(piped(*command, **account))
    code, out, err = finished(process[0])

    assert (code, out) == (130, "")
    assert err.splitlines()[-1].startswith("viber-async: interrupted: run the same again, and it goes on")
    assert "Traceback" not in err
    assert len(sandbox.blacklisted) == 500 * len(sandbox.requests_of("blacklist.add"))
    assert 0 < len(sandbox.blacklisted) < 3000
