"""The command's own page: its options, its subcommands, and how it ends.

The exit codes stand in `_exits`. What goes wrong is one line on stderr; ``--debug`` puts the traceback in front of it.
"""

from __future__ import annotations

import logging
import traceback
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Protocol, cast, runtime_checkable

import typer
from typer.main import get_command

from viber_async import ViberError, __version__
from viber_async.cli import _account, _log, blacklist, campaigns, demo, doctor, sandbox, senders
from viber_async.cli._account import Told
from viber_async.cli._exits import HELP, SEE, Exit, exit_of
from viber_async.cli._show import fail
from viber_async.cli._wording import in_our_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

app = typer.Typer(name="viber-async", rich_markup_mode="markdown", epilog=HELP)
app.command()(demo.demo)
app.command()(sandbox.sandbox)
app.command(epilog=SEE)(doctor.doctor)
app.add_typer(campaigns.app)
app.add_typer(senders.app)
app.add_typer(blacklist.app)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version, and nothing else.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks, and all that is logged.")] = False,
    env_file: Annotated[
        str | None,
        typer.Option("--env-file", metavar="FILE", help="Take the credentials from this file of NAME=value lines."),
    ] = None,
    asked: Annotated[bool, typer.Option("--ask", help="Ask for the credentials.")] = False,
) -> None:
    """SendPulse's Viber campaign API from the command line.

    Credentials are those of SENDPULSE_API_ID and SENDPULSE_API_SECRET, or of SENDPULSE_API_KEY, in the environment; or
    of a file, with --env-file; or those that you type, with --ask. They are never given as arguments.

    Begin with: viber-async demo
    """
    told = context.ensure_object(Told)
    told.debug, told.env_file = debug, env_file
    if version:
        typer.echo(f"viber-async {__version__}")
        raise typer.Exit
    if debug:
        context.with_resource(_log.told(logging.DEBUG, traces=True))
    if env_file is not None:
        _account.take_from_file(env_file)
    if asked:
        _account.ask()
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@runtime_checkable
class CommandLineError(Protocol):
    """What the parser raises. By its shape: Typer brings click or a copy of it, depending on its version."""

    exit_code: int
    ctx: Any
    """Where in the command line it was, if that is known."""

    def format_message(self) -> str:
        """Return the sentence for people."""
        ...


def run(args: Sequence[str]) -> int:
    """Run the command with *args*, and return its exit code."""
    told = Told()
    try:
        with _log.told(logging.WARNING):
            code = _main()(list(args), prog_name="viber-async", standalone_mode=False, obj=told)
    except SystemExit as left:
        if isinstance(left.__context__, BrokenPipeError):  # that is how Typer ends then, with the 1 of a mistake
            return Exit.UNREAD
        raise
    except typer.Abort:
        return Exit.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last place where anything can be said about it
        if told.debug:
            traceback.print_exception(error)
        return exit_of(_cause(error)) if told.told else _ended(_cause(error))
    return code if isinstance(code, int) else 0


@cache
def _main() -> Callable[..., object]:
    """Give what Typer makes of the app. Made once: reading the options of twenty commands is the longest of a run."""
    command = get_command(app)
    _name_no_flags(command)
    return command.main


def _name_no_flags(command: Any, above: object = None) -> None:
    """Let no flag stand in the help as if it took a value: Typer writes the type of each option there, ``<bool>`` too.

    That of ``--help`` is made by a command when it is asked for its options, and kept.
    """
    context = command.context_class(command, parent=above, info_name=command.name)
    for option in command.get_params(context):
        if getattr(option, "is_flag", False):
            option.metavar = ""
    for each in getattr(command, "commands", {}).values():
        _name_no_flags(each, context)


def _cause(error: Exception) -> Exception:
    """Return the first of a group's errors: they fail together, for one reason."""
    if isinstance(error, ExceptionGroup):
        return _cause(cast("ExceptionGroup[Exception]", error).exceptions[0])
    return error


def _ended(error: Exception) -> int:
    if isinstance(error, CommandLineError):
        said = error.format_message().rstrip(".")
        where = error.ctx.command_path if error.ctx else "viber-async"
        if said:  # a group without a command has shown its help instead
            fail(f"{said}{' See' if said.endswith('?') else '; see'} {where} --help")
        return Exit.USAGE
    if isinstance(error, (ViberError, OSError)):
        fail(in_our_words(str(error)))
    else:
        fail(f"a mistake of ours: {type(error).__name__}: {error}; see it with viber-async --debug, and report it")
    return exit_of(error)
