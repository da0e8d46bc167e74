"""`viber-async sandbox`: the stand-in of the provider, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from viber_async.cli._exits import Exit
from viber_async.cli._run import stopped_by, wait_for
from viber_async.cli._show import fail, show_for
from viber_async.sandbox import Sandbox

if TYPE_CHECKING:
    from viber_async.cli._show import Show

PORT = 8025


def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; 0 takes a free port.")] = PORT,
) -> None:
    """Serve a stand-in of the provider on this machine's loopback, until Ctrl-C or SIGTERM.

    It keeps campaigns and a blacklist in memory, answers as the provider does, and refuses what the provider
    refuses, the eleventh request in a second included. Exit code 6 if the port is taken.
    """
    try:
        wait_for(_serve(port, show_for(sys.stdout, plain=True)))
    except OSError as error:
        fail(f"cannot serve on port {port}: {os.strerror(error.errno or 0)}; choose another with --port, 0 for any")
        raise typer.Exit(Exit.PERMANENT) from error


async def _serve(port: int, show: Show) -> None:
    stop = asyncio.Event()
    with stopped_by(asyncio.get_running_loop(), stop.set):
        async with Sandbox(port=port) as serving:
            _introduce(serving, show)
            await stop.wait()
    rate = serving.rate
    show.say(
        f"Stopped. {len(serving.requests)} requests arrived, at most {rate.peak} in a second, {rate.refusals} refused."
    )


def _introduce(serving: Sandbox, show: Show) -> None:
    name, secret = serving.credentials
    show.say(f"The sandbox serves on {serving.url}; Ctrl-C stops it. To connect to it:")
    show.say("")
    show.say(f"export SENDPULSE_BASE_URL={serving.url}")
    show.say(f"export SENDPULSE_API_ID={name}")
    show.say(f"export SENDPULSE_API_SECRET={secret}")
    show.say("")
    show.say("These are public test values. In Python: ViberSession.from_env()")
