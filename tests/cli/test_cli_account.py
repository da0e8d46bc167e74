"""Where the command's credentials come from: the environment, a file, or a prompt, and never an argument."""

from __future__ import annotations

import getpass
import io
import os
import re
import sys

import pytest
from typer.main import get_command

from viber_async.cli._app import app

NAMES = ("SENDPULSE_API_ID", "SENDPULSE_API_SECRET", "SENDPULSE_API_KEY", "SENDPULSE_BASE_URL")


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """What a command changes in the environment is undone, and nothing is there before."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    for name in NAMES:
        os.environ.pop(name, None)


@pytest.fixture
def env_file(tmp_path):
    """Writes a file of NAME=value lines, and gives its path."""

    def written(*lines: str, mode: int = 0o600):
        path = tmp_path / "env"
        path.write_text("".join(f"{line}\n" for line in lines))
        path.chmod(mode)
        return path

    return written


def test_credentials_come_from_a_file(provider, env_file, command):
    """As `viber-async sandbox` prints them; they stand in for whatever the environment has."""
    os.environ["SENDPULSE_API_KEY"] = "another's"
    name, secret = provider.credentials
    path = env_file(
        "# the sandbox",
        f"export SENDPULSE_BASE_URL={provider.url}",
        f"export SENDPULSE_API_ID={name}",
        f'SENDPULSE_API_SECRET="{secret}"',
        "PATH=/nowhere",
    )
    before = os.environ["PATH"]

    assert command("--env-file", path, "senders", "list")[0] == 0
    assert os.environ["PATH"] == before


def test_nothing_in_a_file_of_credentials_is_expanded(env_file, command):
    """A secret may have a dollar in it."""
    command("--env-file", env_file("SENDPULSE_API_KEY='a${HOME}$b'"), "senders", "--help")

    assert os.environ["SENDPULSE_API_KEY"] == "a${HOME}$b"


@pytest.mark.parametrize(
    ("lines", "mode", "why"),
    [
        (["SENDPULSE_API_KEY=k"], 0o644, "with mode 0600: others could read it"),
        (["OTHER=x"], 0o600, "has no line such as SENDPULSE_API_ID=..."),
        (["SENDPULSE_BASE_URL=http://127.0.0.1:1"], 0o600, "has no line such as SENDPULSE_API_ID=..."),
        (["SENDPULSE_API_KEY="], 0o600, "has no line such as SENDPULSE_API_ID=..."),
        (["SENDPULSE_API_ID=x"], 0o600, "now there is only SENDPULSE_API_ID"),
    ],
)
def test_a_file_that_holds_no_credentials_is_refused(env_file, command, *, lines, mode, why):
    """And so is one that others can read."""
    code, _, err = command("--env-file", env_file(*lines, mode=mode), "senders", "list")

    assert code == 64
    assert why in err


def test_a_file_of_credentials_that_is_not_there_is_said_so(tmp_path, command):
    """In one line."""
    code, _, err = command("--env-file", tmp_path / "absent", "senders", "list")

    assert (code, err) == (
        64,
        f"viber-async: --env-file: {tmp_path / 'absent'} cannot be read: No such file or directory\n",
    )


def type_in_secret(monkeypatch, text):
    """In place of a terminal, wherever the version of Rich at hand looks for it."""
    monkeypatch.setattr(getpass, "getpass", lambda *_, **__: text)
    monkeypatch.setattr("rich.console.getpass", lambda *_, **__: text, raising=False)


@pytest.mark.parametrize("with_key", [False, True])
def test_credentials_are_asked_for(provider, command, monkeypatch, with_key):
    """The secret one is not shown; an empty id means an API key."""
    name, secret = provider.credentials
    os.environ.update(SENDPULSE_BASE_URL=provider.url)
    os.environ.pop("SENDPULSE_API_KEY")
    typed = provider.api_key if with_key else secret
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n" if with_key else f"{name}\n"))
    type_in_secret(monkeypatch, typed)
    code, out, err = command("--ask", "senders", "list")

    assert code == 0
    assert err.startswith("SENDPULSE_API_ID, or nothing if you have an API key: ")
    assert ("SENDPULSE_API_KEY: " if with_key else "SENDPULSE_API_SECRET: ") in err
    assert typed not in out + err


def test_no_answer_is_no_secret(command, monkeypatch):
    """And is said so."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("name\n"))
    type_in_secret(monkeypatch, "")
    code, _, err = command("--ask", "senders", "list")

    assert code == 64
    assert err.endswith("viber-async: --ask: nothing was typed\n")


def options_of(group, path=()):
    for name, sub in getattr(group, "commands", {}).items():
        yield from options_of(sub, (*path, name))
    yield from ((*path, option) for param in group.params for option in param.opts)


def test_no_option_takes_a_secret():
    """What stands on a command line can be read by every user of the machine; the path of a file with one may."""
    found = [option for *_, option in options_of(get_command(app))]

    assert len(found) > 100
    assert [
        option
        for option in found
        if re.search(r"(secret|token|password|api-key|api-id|credential)(?!.*-file$)", option)
    ] == []


def test_a_refused_credential_is_told_once(provider, monkeypatch, command):
    """By the error, and not by the log as well."""
    monkeypatch.delenv("SENDPULSE_API_KEY", raising=False)
    os.environ.update(SENDPULSE_BASE_URL=provider.url, SENDPULSE_API_ID="x", SENDPULSE_API_SECRET="wrong")
    os.environ.pop("SENDPULSE_API_KEY", None)
    code, _, err = command("senders", "list")

    assert code == 6
    assert err.count("viber-async: ") == 1
    assert err.count("\n") == 1
    assert "wrong" not in err
