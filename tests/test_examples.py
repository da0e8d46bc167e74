"""The examples are programs, and do what they say at their top."""

from __future__ import annotations

import os
import runpy
import signal
import sys
from pathlib import Path

import pytest

from tests.cli.serving import serving
from viber_async.sandbox import Fault, Sandbox

NIGHTLY = Path(__file__).parent.parent / "examples" / "nightly_sync.py"
FIRST = 380931111111


@pytest.fixture
def sandbox(monkeypatch):
    with serving(Sandbox()) as sandbox:
        monkeypatch.setenv("SENDPULSE_BASE_URL", sandbox.url)
        monkeypatch.setenv("SENDPULSE_API_KEY", sandbox.api_key)
        monkeypatch.delenv("SENDPULSE_API_ID", raising=False)
        monkeypatch.delenv("SENDPULSE_API_SECRET", raising=False)
        yield sandbox


@pytest.fixture
def nightly(monkeypatch, capsys, tmp_path):
    """Runs the nightly job over a list; gives its exit code and what it said."""

    def ran(text: str) -> tuple[object, str]:
        wanted = tmp_path / "wanted.txt"
        wanted.write_text(text)
        monkeypatch.setattr(sys, "argv", [str(NIGHTLY), str(wanted), str(tmp_path / "journal")])
        with pytest.raises(SystemExit) as left:
            runpy.run_path(str(NIGHTLY), run_name="__main__")
        return left.value.code, capsys.readouterr().out

    return ran


def test_the_nightly_job_adds_whoever_is_missing(sandbox, nightly):
    """And says so in figures that add up."""
    sandbox.block(FIRST)

    assert nightly(f"{FIRST}\n{FIRST + 1}\n") == (
        0,
        "2 wanted = 1 already there + 1 added + 0 rejected + 0 not seen\n",
    )
    assert sandbox.blacklisted == {FIRST, FIRST + 1}


@pytest.mark.parametrize(
    ("fault", "text", "ends"),
    [
        (None, "n/a\n", (4, "refused (rejects): ")),
        (None, f"{FIRST},{FIRST + 1}\n", (64, "wrong: ")),
        (Fault.status(403), f"{FIRST}\n", (6, "failed: ")),
        (Fault.refuse_phones(FIRST), f"{FIRST}\n{FIRST + 1}\n", (3, "note: the provider refused 1 phone")),
        (Fault.before(lambda: os.kill(os.getpid(), signal.SIGTERM)), f"{FIRST}\n", (130, "interrupted: ")),
    ],
)
def test_the_nightly_job_ends_as_it_says(sandbox, nightly, fault, text, ends):
    """With the exit code for it."""
    code, said = ends
    if fault is not None:
        sandbox.faults.add(fault, on="blacklist.add", times=None)
    ended, out = nightly(text)

    assert ended == code
    assert said in out


def test_the_nightly_job_says_how_it_is_called(monkeypatch):
    """When it is called in another way."""
    monkeypatch.setattr(sys, "argv", [str(NIGHTLY)])
    with pytest.raises(SystemExit, match="WANTED JOURNAL"):
        runpy.run_path(str(NIGHTLY), run_name="__main__")
