"""`viber-async campaigns create` as people run it: what signals, and readers that leave, do to a campaign under way."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest

from tests.cli.processes import COMMAND, LONGEST, environment, finished, piped
from viber_async.sandbox import Fault

USUAL = ("--sender", "1", "--text", "hi", "--live", "1h", "--to", "+380931112200", "--yes")
CREATE = (*COMMAND, "campaigns", "create", *USUAL)


@pytest.fixture
def begun(account):
    """Starts the command against it."""
    return lambda *options: piped(*CREATE, *options, **account)


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """Read what is said on stderr, up to the first line with *words*."""
    said = ""
    for line in process.stderr:
        said += line
        if words in line:
            break
    return said


@pytest.mark.fault("C01")
@pytest.mark.parametrize(
    ("signals", "options"), [([signal.SIGINT, signal.SIGINT], ["--json"]), ([signal.SIGTERM, signal.SIGTERM], [])]
)
def test_a_second_signal_leaves_with_the_handle_of_the_campaign(begun, sandbox, tmp_path, signals, options):
    """Its answer is late, and the provider has created it: nothing may say that nothing was sent."""
    handle, running, said = tmp_path / "handle", [], []

    def late(answer):
        process = running[0]
        process.send_signal(signals[0])
        said.append(read_until(process, "interrupt again to leave at once"))
        process.send_signal(signals[1])
        process.wait(LONGEST)
        return answer

    sandbox.faults.add(Fault.edit(late), on="campaigns.create")
    running.append(begun("--handle", str(handle), *options))
    running[0].wait(LONGEST)  # what it says is read above until then
    code, out, err = finished(running[0])
    printed = json.loads(out)

    assert (code, len(sandbox.campaigns)) == (7, 1)
    assert (printed["error"]["handle"] if options else printed) == json.loads(handle.read_text())
    assert f"go on with: viber-async campaigns reconcile {handle}\n" in err
    assert "Traceback" not in said[0] + err
    assert "never retrieved" not in said[0] + err


def test_a_signal_between_two_attempts_ends_them(sandbox, account):
    """The provider said "too many", which is a clear no, and the command waits before it asks again: it never does."""
    sandbox.faults.add(Fault.throttle(12), on="campaigns.create", times=1)
    process = piped(*COMMAND, "--debug", "campaigns", "create", *USUAL, **account)
    read_until(process, "repeating after")
    process.send_signal(signal.SIGINT)
    code, _, err = finished(process)

    assert (code, sandbox.campaigns, len(sandbox.requests_of("campaigns.create"))) == (130, (), 1)
    assert "waiting for the answer" not in err
    assert err.endswith("viber-async: interrupted: nothing was sent\n")


def unread(account: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command with a stdout whose reader has left."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            [*CREATE, *options],
            stdout=writer,
            stderr=subprocess.PIPE,
            env=environment(**account),
            text=True,
            check=False,
            timeout=LONGEST,
        )
    finally:
        os.close(writer)


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_an_unknown_outcome_is_told_though_nobody_reads_the_results(sandbox, account, options):
    """By its exit code, and on stderr, from where it can be gone on with."""
    sandbox.faults.add(Fault.cut(processed=True), on="campaigns.create")
    done = unread(account, *options)

    assert (done.returncode, len(sandbox.campaigns)) == (7, 1)
    assert "go on with: printf %s '{" in done.stderr
    assert "viber-async: the campaign may or may not have been created" in done.stderr.splitlines()[-2]


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_campaign_that_was_created_is_told_though_nobody_reads_the_results(sandbox, account, options):
    """On stderr, and its exit code is no failure's: whoever takes it for one sends it again."""
    done = unread(account, *options)

    assert (done.returncode, len(sandbox.campaigns)) == (0, 1)
    assert done.stderr.splitlines()[-1].startswith(f"viber-async: Created: campaign {sandbox.campaigns[0].id}. ")
