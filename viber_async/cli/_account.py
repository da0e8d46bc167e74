"""The account that a command speaks for: where its credentials come from, and the session made of them.

They come from the environment, from a file, or from a prompt. There is no option for any of them: what stands on a
command line can be read by every user of the machine, and stays in the history of the shell.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from attrs import define, frozen
from rich.console import Console
from rich.prompt import Confirm, Prompt

from viber_async import RateLimit, UsageError, ViberSession
from viber_async._private_file import NotPrivateError, open_file
from viber_async.cli._run import stoppable

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator
    from datetime import tzinfo

    from viber_async import Ledger

T = TypeVar("T")

ID: Final = "SENDPULSE_API_ID"
SECRET: Final = "SENDPULSE_API_SECRET"  # noqa: S105 - the name of a variable
KEY: Final = "SENDPULSE_API_KEY"
ADDRESS: Final = "SENDPULSE_BASE_URL"


def take_from_file(path: str) -> None:
    """Put the credentials that a file of NAME=value lines holds in place of those of the environment.

    Other names in it are left alone.

    Raises:
        UsageError: it cannot be read, others than this user could, or it holds no credentials.

    """
    from dotenv import dotenv_values  # noqa: PLC0415 - a library that only this needs

    try:
        handle = open_file(os.path.abspath(path), os.O_RDONLY)  # noqa: PTH100 - no link on the way is followed here
    except NotPrivateError as error:
        raise UsageError(f"--env-file: {error}") from None
    except OSError as error:
        raise UsageError(f"--env-file: {path} cannot be read: {error.strerror}") from None
    with os.fdopen(handle, encoding="utf-8") as file:
        found = {name: value for name, value in dotenv_values(stream=file, interpolate=False).items() if value}
    known: dict[str, str] = {name: found[name] for name in (ID, SECRET, KEY, ADDRESS) if name in found}
    if not known.keys() - {ADDRESS}:
        raise UsageError(f"--env-file: {path} has no line such as {ID}=...")
    _use(known)


def ask() -> None:
    """Ask for the credentials, without showing the secret one, and put them in place of those of the environment."""
    console = Console(stderr=True)
    client_id = Prompt.ask(f"{ID}, or nothing if you have an API key", console=console, default="", show_default=False)
    secret = Prompt.ask(SECRET if client_id else KEY, console=console, password=True)
    if not secret:
        raise UsageError("--ask: nothing was typed")
    _use({ID: client_id, SECRET: secret} if client_id else {KEY: secret})


def _use(credentials: dict[str, str]) -> None:
    """For this process: what it was started with is not changed, and it starts no other."""
    for name in (ID, SECRET, KEY):
        os.environ.pop(name, None)
    os.environ.update(credentials)


@define
class Told:
    """What the command line said before the subcommand, and what was told since."""

    debug: bool = False
    env_file: str | None = None
    told: bool = False
    """What ends the command was told already, in front of what to do about it."""

    @property
    def command(self) -> str:
        """Give how this command was begun, for those who are told what to type next."""
        return "viber-async" if self.env_file is None else shlex.join(["viber-async", "--env-file", self.env_file])


@frozen
class Account:
    """A session, and the loop that its calls are waited for in: between two waits, people can be asked."""

    session: ViberSession
    runner: asyncio.Runner

    def wait(self, work: Coroutine[object, object, T], *, times: int = 1) -> T:
        """Return what *work* returns; a signal, or the first few, end it tidily, with `StoppedError`."""
        return self.runner.run(stoppable(work, times=times))


@contextmanager
def connected(*, rate: int, ledger: Ledger | None = None, time_zone: tzinfo | None = None) -> Generator[Account]:
    """Give the account of the environment, and close its session in the end."""
    session = ViberSession.from_env(rate_limit=RateLimit(rate), ledger=ledger, time_zone=time_zone)
    with asyncio.Runner() as runner:
        try:
            yield Account(session, runner)
        finally:
            runner.run(session.aclose())


def can_ask() -> bool:
    """Tell whether there is somebody at the terminal."""
    return sys.stdin.isatty()


def agreed(question: str) -> bool:
    """Ask a question of which no answer is a no, on stderr: what goes to stdout may be read by a program."""
    return Confirm.ask(question, console=Console(stderr=True), default=False)
