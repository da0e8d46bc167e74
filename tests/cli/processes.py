"""Processes of the command: through a pipe, and on a pseudo-terminal."""

from __future__ import annotations

import errno
import os
import pty
import struct
import subprocess
import sys
import termios
from fcntl import ioctl

COMMAND = (sys.executable, "-m", "viber_async.cli")
DEMO = (*COMMAND, "demo", "--lines", "120")
LONGEST = 60


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    return {**kept, "TERM": "xterm-256color", **more}


def piped(*command: str, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env=environment(**more),
    )


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Return the exit code, and what was written to stdout and stderr."""
    out, err = process.communicate(timeout=LONGEST)
    return process.returncode, out, err


class OnTerminal:
    """A process on a pseudo-terminal of a hundred columns."""

    def __init__(self, *command: str, **more: str) -> None:
        self._master, slave = pty.openpty()
        ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        self._process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment(**more))
        os.close(slave)

    def finish(self) -> tuple[int, str]:
        """Return the exit code and all that was written."""
        written = b"".join(iter(self._read, b""))
        os.close(self._master)
        return self._process.wait(LONGEST), written.decode()

    def _read(self) -> bytes:
        try:
            return os.read(self._master, 65536)
        except OSError as error:
            if error.errno != errno.EIO:  # how Linux says that the last of the other side has left
                raise
            return b""
