"""`viber-async sandbox` inside this process."""

from __future__ import annotations

import io
import re
import signal
import socket
import sys
from types import SimpleNamespace

import pytest

from viber_async.cli._app import run
from viber_async.cli.sandbox import Access, access_to, address_of, inbox_address, introduce
from viber_async.sandbox import Sandbox, SandboxCredentials


class Interrupting(io.StringIO):
    """A file that sends this process a signal as soon as *word* is written to it."""

    def __init__(self, word: str, number: signal.Signals) -> None:
        super().__init__()
        self._word, self._number = word, number

    def write(self, text: str) -> int:
        written = super().write(text)
        if self._word in text:
            signal.raise_signal(self._number)
        return written


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_with_exit_code_0(monkeypatch, number):
    """And the handlers that were there before are there again."""
    before = signal.getsignal(number)
    monkeypatch.setattr(sys, "stdout", out := Interrupting("from_env", number))

    assert run(["sandbox", "--port", "0"]) == 0
    assert "export SENDPULSE_API_ID=sandbox-id\n" in out.getvalue()
    assert re.search(r"what arrives:\n\nhttp://127.0.0.1:\d+/\n", out.getvalue())
    assert out.getvalue().endswith("Stopped. 0 requests arrived, at most 0 in a second, 0 refused.\n")
    assert signal.getsignal(number) is before


def test_a_taken_port_is_said_in_one_line(capsys):
    """With what to do about it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert run(["sandbox", "--port", str(port)]) == 6

    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"port {port}: Address already in use; choose another with --port" in error


TOKEN = "a-token-that-nobody-guesses"


@pytest.mark.parametrize("options", [[], ["--token-file", "token"]], ids=["environment", "file"])
def test_an_inbox_with_a_token_asks_for_it(monkeypatch, tmp_path, options):
    """It comes from the environment or a file, and is not printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIBER_SANDBOX_TOKEN", "" if options else TOKEN)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    monkeypatch.setattr(sys, "stdout", out := Interrupting("from_env", signal.SIGINT))

    assert run(["sandbox", "--port", "0", "--by-hand", *options]) == 0
    assert re.search(r"^http://127.0.0.1:\d+/ \(it asks for the token\)$", out.getvalue(), re.MULTILINE)
    assert TOKEN not in out.getvalue()


@pytest.mark.parametrize(
    ("host", "code", "why"), [("localhost", 64, "serves on an address"), ("192.0.2.1", 6, "cannot serve on port 0")]
)
def test_where_it_cannot_serve_is_said_in_one_line(capsys, host, code, why):
    """A name, and an address of another machine."""
    assert run(["sandbox", "--port", "0", "--host", host]) == code

    error = capsys.readouterr().err
    assert why in error
    assert error.count("\n") == 1


def test_on_loopback_everybody_knows_the_credentials():
    """And nothing is made up."""
    assert access_to("127.0.0.1", None) == Access({"token": None})
    assert inbox_address("http://127.0.0.1:8025", access_to("127.0.0.1", None)) == "http://127.0.0.1:8025/"


@pytest.mark.parametrize("token", [None, TOKEN])
def test_beyond_this_machine_everything_is_made_up(token):
    """Anew each time; what is given is kept, and only what is made up is printed."""
    first, second = (access_to("0.0.0.0", token) for _ in range(2))
    address = inbox_address("http://build-7:8025", first)

    assert first.settings["credentials"] != second.settings["credentials"]
    assert first.settings["api_key"] != second.settings["api_key"]
    assert first.settings["token"] not in repr(first)
    assert (first.settings["token"] == second.settings["token"] == token) == (token is not None)
    assert address.endswith(" (it asks for the token)" if token else f"/?token={first.settings['token']}")
    assert Sandbox(host="0.0.0.0", **first.settings)


def test_all_of_a_machine_s_addresses_go_by_its_name():
    """The one to open from elsewhere; a single address is opened as it is."""
    name = socket.gethostname()

    assert address_of("http://127.0.0.1:8025", "0.0.0.0") == f"http://{name}:8025"
    assert address_of("http://[::1]:8025", "::") == f"http://{name}:8025"
    assert address_of("http://192.0.2.1:8025", "192.0.2.1") == "http://192.0.2.1:8025"


def test_what_was_made_up_is_called_so():
    """It is printed once, and is no public test value."""
    said = []
    show = SimpleNamespace(say=said.append)
    for access in (access_to("0.0.0.0", None), access_to("127.0.0.1", None)):
        credentials = access.settings.get("credentials", SandboxCredentials())
        introduce(SimpleNamespace(url="http://127.0.0.1:1", credentials=credentials), "127.0.0.1", access, show)

    assert [line for line in said if "from_env" in line] == [
        "Made up for this run. In Python: ViberSession.from_env()",
        "These are public test values. In Python: ViberSession.from_env()",
    ]
    assert said[-1] == "What arrives is forgotten when it ends; delete the ledger that you used with it."
