"""`viber-async sandbox`: the stand-in of the provider, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys
from pathlib import Path  # noqa: TC003 - Typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Final, TypedDict

import typer
from attrs import field, frozen

from viber_async._sansio.words import counted
from viber_async.cli._exits import Exit
from viber_async.cli._run import stopped_by, wait_for
from viber_async.cli._show import fail, show_for
from viber_async.sandbox import Sandbox, SandboxCredentials
from viber_async.sandbox._server import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

    from viber_async.cli._show import Show

PORT: Final = 8025
HOST: Final = "127.0.0.1"
ALL_ADDRESSES: Final = ("0.0.0.0", "::")  # noqa: S104 - only where somebody asks for them
TOKEN: Final = "VIBER_SANDBOX_TOKEN"  # noqa: S105 - the name of a variable


def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; 0 takes a free port.")] = PORT,
    host: Annotated[
        str,
        typer.Option(
            help="The address to listen on. Beyond this machine, as 0.0.0.0 is, the inbox takes a token, and the API "
            "credentials that are made up for the occasion."
        ),
    ] = HOST,
    token_file: Annotated[
        Path | None,
        typer.Option(help=f"A file with the inbox's token. Without it, {TOKEN} from the environment counts."),
    ] = None,
    *,
    by_hand: Annotated[
        bool, typer.Option("--by-hand", help="Campaigns stand still until they are moved on in the inbox.")
    ] = False,
) -> None:
    """Serve a stand-in of the provider on this machine's loopback, until Ctrl-C or SIGTERM.

    It keeps campaigns and a blacklist in memory, answers as the provider does, and refuses what the provider
    refuses, the eleventh request in a second included. Opened in a browser, it shows what arrives, drawn as messages
    on a phone. Exit code 6 if the port is taken.
    """
    access = access_to(host, _token(token_file, os.environ))
    try:
        serving = Sandbox(host=host, port=port, by_hand=by_hand, **access.settings)
    except ValueError as error:
        fail(str(error))
        raise typer.Exit(Exit.USAGE) from error
    try:
        wait_for(_serve(serving, host, access, show_for(sys.stdout, plain=True)))
    except OSError as error:
        fail(f"cannot serve on port {port}: {os.strerror(error.errno or 0)}; choose another with --port, 0 for any")
        raise typer.Exit(Exit.PERMANENT) from error


class Settings(TypedDict, total=False):
    """The arguments of a sandbox that let somebody in."""

    token: str | None
    credentials: SandboxCredentials
    api_key: str


@frozen
class Access:
    """What lets somebody in, and whether it was made up here."""

    settings: Settings = field(repr=False)
    made_up: frozenset[str] = field(kw_only=True, default=frozenset())


def access_to(host: str, token: str | None) -> Access:
    """Return what lets somebody in at *host*: on loopback, what everybody knows; elsewhere, what nobody can."""
    if is_loopback(host):
        return Access({"token": token})
    return Access(
        {
            "token": token or secrets.token_urlsafe(),
            "credentials": SandboxCredentials("sandbox-id", secrets.token_urlsafe()),
            "api_key": secrets.token_urlsafe(),
        },
        made_up=frozenset({"credentials"} if token else {"credentials", "token"}),
    )


def address_of(url: str, host: str) -> str:
    """Return the address to open in a browser: at a name of this machine's, where *host* is all its addresses."""
    return f"http://{socket.gethostname()}:{url.rpartition(':')[2]}" if host in ALL_ADDRESSES else url


def _token(path: Path | None, environment: Mapping[str, str]) -> str | None:
    return environment.get(TOKEN) or None if path is None else path.read_text().strip()


async def _serve(sandbox: Sandbox, host: str, access: Access, show: Show) -> None:
    stop = asyncio.Event()
    with stopped_by(asyncio.get_running_loop(), stop.set):
        async with sandbox:
            introduce(sandbox, host, access, show)
            await stop.wait()
    rate = sandbox.rate
    show.say(
        f"Stopped. {counted(len(sandbox.requests), 'requests')} arrived, at most {rate.peak} in a second, "
        f"{rate.refusals} refused."
    )


def introduce(serving: Sandbox, host: str, access: Access, show: Show) -> None:
    """Say where it is, and how to come in."""
    name, secret = serving.credentials
    show.say(f"The sandbox serves on {serving.url}; Ctrl-C stops it. To see in a browser what arrives:")
    show.say("")
    show.say(inbox_address(address_of(serving.url, host), access))
    show.say("")
    show.say("To connect to it:")
    show.say("")
    show.say(f"export SENDPULSE_BASE_URL={serving.url}")
    show.say(f"export SENDPULSE_API_ID={name}")
    show.say(f"export SENDPULSE_API_SECRET={secret}")
    show.say("")
    known = "Made up for this run" if "credentials" in access.made_up else "These are public test values"
    show.say(f"{known}. In Python: ViberSession.from_env()")
    show.say("What arrives is forgotten when it ends; delete the ledger that you used with it.")


def inbox_address(address: str, access: Access) -> str:
    """Return the address with the token that was made up, which stands nowhere else."""
    token = access.settings.get("token")
    if "token" in access.made_up:
        return f"{address}/?token={token}"
    return f"{address}/ (it asks for the token)" if token else f"{address}/"
