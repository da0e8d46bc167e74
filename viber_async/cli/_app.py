"""The command's own page: its options, its subcommands, and how it ends.

The exit codes stand in `_exits`. What goes wrong is one line on stderr; ``--debug`` puts the traceback in front of it.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Annotated, Protocol, cast, runtime_checkable

import typer
from attrs import define
from typer.main import get_command

from viber_async import ViberError, __version__
from viber_async.cli import blacklist, demo, sandbox
from viber_async.cli._exits import HELP, Exit, exit_of
from viber_async.cli._show import fail

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(name="viber-async", add_completion=False, rich_markup_mode="markdown", epilog=HELP)
app.command()(demo.demo)
app.command()(sandbox.sandbox)
app.add_typer(blacklist.app)


@define
class Told:
    """What the command line said before the subcommand."""

    debug: bool = False


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version, and nothing else.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """SendPulse's Viber campaign API from the command line.

    Begin with: viber-async demo
    """
    context.ensure_object(Told).debug = debug
    if version:
        typer.echo(f"viber-async {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@runtime_checkable
class CommandLineError(Protocol):
    """What the parser raises. By its shape: Typer brings click or a copy of it, depending on its version."""

    exit_code: int

    def format_message(self) -> str:
        """Return the sentence for people."""
        ...


def run(args: Sequence[str]) -> int:
    """Run the command with *args*, and return its exit code."""
    told = Told()
    try:
        code = get_command(app).main(list(args), prog_name="viber-async", standalone_mode=False, obj=told)
    except Exception as error:  # noqa: BLE001 - the last place where anything can be said about it
        if told.debug:
            traceback.print_exception(error)
        return _ended(_cause(error))
    return int(code or 0)


def _cause(error: Exception) -> Exception:
    """Return the first of a group's errors: they fail together, for one reason."""
    if isinstance(error, ExceptionGroup):
        return _cause(cast("ExceptionGroup[Exception]", error).exceptions[0])
    return error


def _ended(error: Exception) -> int:
    if isinstance(error, CommandLineError):
        fail(f"{error.format_message().rstrip('.')}; see viber-async --help")
        return Exit.USAGE
    if isinstance(error, (ViberError, OSError)):
        fail(str(error))
    else:
        fail(f"a mistake of ours: {type(error).__name__}: {error}; see it with viber-async --debug, and report it")
    return exit_of(error)
