"""`viber-async sandbox` inside this process."""

from __future__ import annotations

import io
import signal
import socket
import sys

import pytest

from viber_async.cli._app import run


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
