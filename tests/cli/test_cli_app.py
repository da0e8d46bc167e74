"""The command as a whole: options, errors, exit codes."""

from __future__ import annotations

import io
import logging
import os
import re
import runpy
import signal
import subprocess
import sys
import types
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer

from viber_async import __version__, cli
from viber_async.cli import EXTRA, MISSING, demo, main
from viber_async.cli._app import run
from viber_async.cli._log import told
from viber_async.cli._run import wait_for
from viber_async.errors import OutcomeUnknownError
from viber_async.sandbox import Fault, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO


def lies(sandbox: Sandbox) -> Sandbox:
    """Make *sandbox* say what is not true, on every call that the demo believes."""
    sandbox.faults.add(Fault.total(99_999), on="blacklist.list", times=2)
    sandbox.faults.add(Fault.edit(lambda json: {**json, "statistic": None}), on="campaigns.get", times=None)
    sandbox.faults.add(Fault.edit(_without_a_recipient), on="campaigns.recipients")
    return sandbox


def _without_a_recipient(json):
    first, *rest = json["recipients"][1:]
    return {**json, "recipients": [{**first, "status": None, "price": None}, *rest]}


@pytest.mark.parametrize("args", [["--version"], ["--version", "demo"]])
def test_the_version_is_one_line(capsys, args):
    """And nothing else is done."""
    assert run(args) == 0
    assert capsys.readouterr().out == f"viber-async {__version__}\n"


@pytest.mark.parametrize("args", [[], ["--help"]])
def test_help_names_the_commands(capsys, args):
    """Without arguments too."""
    assert run(args) == 0

    said = capsys.readouterr().out
    assert "demo" in said
    assert "sandbox" in said


@pytest.mark.parametrize(
    ("args", "said", "see"),
    [
        (["bogus"], "No such command 'bogus'", ""),
        (["--bogus"], "--bogus", ""),
        (["demo", "--lines", "99"], "'--lines'", " demo"),
        (["demo", "--lins", "5"], "--lins", " demo"),
        (["sandbox", "--port", "http"], "'--port'", " sandbox"),
        (["senders", "show", "x"], "an id is", " senders show"),
        (["senders", "bogus"], "No such command 'bogus'", " senders"),
        (["campaigns", "watch"], "Missing argument", " campaigns watch"),
    ],
)
def test_a_wrong_command_line_is_said_in_one_line(capsys, args, said, see):
    """Exit code 64, and where to look: at the help of the command that was typed."""
    assert run(args) == 64

    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("viber-async: ")
    assert said in error
    assert error.endswith(f"ee viber-async{see} --help\n")


@pytest.mark.parametrize("value", ["abc", "0", "1.5", "-1", "9e3"])
@pytest.mark.parametrize("what", [("senders", "show"), ("campaigns", "show"), ("campaigns", "watch")])
def test_an_id_that_is_none_is_named_with_the_rule(capsys, what, value):
    """As every value is."""
    assert run([*what, "--", value]) == 64
    assert (
        f"'{value}': an id is a whole number from 1, as `list` shows it; see viber-async {what[0]} {what[1]} --help"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    "command", ["", "demo", "doctor", "senders list", "campaigns", "campaigns create", "blacklist sync"]
)
def test_a_flag_is_shown_as_one(capsys, command):
    """It takes no value: neither --json nor --help itself."""
    run([*command.split(), "--help"])
    said = capsys.readouterr().out

    assert not re.search("bool", said, re.IGNORECASE)
    assert re.search(r"--help +Show this message", said)


@pytest.mark.parametrize("args", [[], ["--limit", "5"], ["--help"]])
def test_a_list_of_the_blacklist_is_an_export(capsys, args):
    """People look for it where campaigns and senders have theirs; it is not in the help."""
    assert run(["blacklist", "list", *args]) == 64
    assert "viber-async blacklist export writes all rows" in capsys.readouterr().err
    run(["blacklist", "--help"])
    assert " list " not in capsys.readouterr().out


@pytest.mark.parametrize("group", ["senders", "campaigns", "blacklist"])
def test_a_group_without_a_command_shows_its_help_and_says_no_more(capsys, group):
    """It is a wrong command line all the same."""
    assert run([group]) == 64
    said = capsys.readouterr()
    assert "Commands" in said.out + said.err
    assert "viber-async: " not in said.err


def test_a_misspelt_command_is_told_how_it_is_spelt(capsys):
    """With one mark at its end."""
    assert run(["senders", "shwo"]) == 64
    assert not re.search(r"[?.];", capsys.readouterr().err)


def test_a_demo_that_adds_up_exits_with_0(small, terminal, monkeypatch):
    """Looked at in a terminal."""
    monkeypatch.setattr(sys, "stdout", terminal)

    assert run(["demo", "--lines", "150", "--seed", "3"]) == 0
    assert "All 20 add up." in terminal.getvalue()


def test_a_demo_against_a_sandbox_that_lies_exits_with_1(small, capsys, monkeypatch):
    """It says what does not add up, and what it could not find out."""
    monkeypatch.setattr(demo, "Sandbox", lambda: lies(Sandbox()))

    assert run(["demo", "--lines", "100"]) == 1

    said = capsys.readouterr().out
    assert "NOT add up." in said.splitlines()[-1]
    assert "Not complete: " in said
    assert "There are none." in said
    for what in ("provider's own count", "doubts of the walk", "recipients = ", "which are missing"):
        assert any(line.startswith("[NO]") and what in line for line in said.splitlines()), what


def test_what_the_provider_refuses_is_one_line(small, capsys, monkeypatch):
    """Also where several calls failed together."""

    def refusing() -> Sandbox:
        sandbox = Sandbox()
        sandbox.faults.add(Fault.status(400), on="campaigns.create", times=None)
        return sandbox

    monkeypatch.setattr(demo, "Sandbox", refusing)

    assert run(["demo", "--lines", "100"]) == 6

    error = capsys.readouterr().err
    assert error.startswith("viber-async: ")
    assert error.count("\n") == 1
    assert "400" in error


@pytest.mark.parametrize(("options", "traces"), [([], 0), (["--debug"], 1)])
def test_a_mistake_of_ours_is_one_line_and_a_traceback_on_demand(capsys, monkeypatch, options, traces):
    """With what to do about it."""

    def broken() -> Sandbox:
        raise LookupError("out of order")

    monkeypatch.setattr(demo, "Sandbox", broken)

    assert run([*options, "demo"]) == 1

    error = capsys.readouterr().err
    assert error.count("Traceback") == traces
    assert error.splitlines()[-1].startswith("viber-async: a mistake of ours: LookupError: out of order; ")


def test_ctrl_c_ends_a_command_with_130(capsys, monkeypatch):
    """Tidily: what was open is closed, and nothing is said."""

    def interrupted() -> Sandbox:
        sandbox = Sandbox()
        sandbox.faults.add(Fault.before(lambda: signal.raise_signal(signal.SIGINT)), on="token")
        return sandbox

    monkeypatch.setattr(demo, "Sandbox", interrupted)

    assert run(["demo"]) == 130
    assert capsys.readouterr().err == ""


def test_ctrl_c_in_what_is_waited_for_is_an_exit():
    """With the code that shells expect, whatever the version of Typer makes of a KeyboardInterrupt."""

    async def work() -> None:
        raise KeyboardInterrupt

    with pytest.raises(typer.Exit) as left:
        wait_for(work())

    assert left.value.exit_code == 130


# --- the entry point ---


def left_with(call) -> object:
    with pytest.raises(SystemExit) as left:
        call()
    return left.value.code


def test_the_entry_point_leaves_with_the_exit_code(monkeypatch, capsys):
    """Of the arguments of the process."""
    monkeypatch.setattr(sys, "argv", ["viber-async", "bogus"])

    assert left_with(main) == 64


def test_the_package_can_be_run_with_m(monkeypatch, capsys):
    """Where no script is on the path."""
    monkeypatch.setattr(sys, "argv", ["viber-async", "--version"])

    assert left_with(lambda: runpy.run_path(cli.__path__[0] + "/__main__.py", run_name="__main__")) == 0
    assert capsys.readouterr().out == f"viber-async {__version__}\n"


def test_a_missing_extra_is_one_line(monkeypatch, capsys):
    """With the command that installs it."""
    monkeypatch.delitem(sys.modules, "viber_async.cli._app")
    monkeypatch.setitem(sys.modules, "typer", None)

    assert left_with(main) == 1
    assert capsys.readouterr().err == MISSING
    assert MISSING.count("\n") == 1
    assert 'pip install "viber-async[cli]"' in MISSING


def test_another_missing_module_is_not_taken_for_the_extra(monkeypatch):
    """Then something is broken, and has to be seen."""
    monkeypatch.setitem(sys.modules, "viber_async.cli._app", None)

    with pytest.raises(ModuleNotFoundError):
        main()


def test_the_library_needs_nothing_of_the_extra():
    """In a process of its own, where none of it can be imported."""
    program = (
        "import sys; sys.modules.update(dict.fromkeys(sys.argv[1:])); import viber_async.cli; viber_async.cli.main()"
    )

    done = subprocess.run([sys.executable, "-c", program, *EXTRA], check=False, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (1, MISSING)


def test_ctrl_c_while_starting_leaves_with_130(monkeypatch):
    """Before any command runs."""
    starting = types.ModuleType("viber_async.cli._app")

    def run(_args):
        raise KeyboardInterrupt

    starting.run = run
    monkeypatch.setitem(sys.modules, "viber_async.cli._app", starting)

    assert left_with(main) == 130


def test_a_stream_that_knows_no_encoding_is_left_alone(monkeypatch):
    """Such as one of a program that runs the command inside itself."""
    monkeypatch.setattr(sys, "argv", ["viber-async", "--version"])
    monkeypatch.setattr(sys, "stdout", io.StringIO())

    assert left_with(main) == 0
    assert sys.stdout.getvalue() == f"viber-async {__version__}\n"


# --- leaving ---


@contextmanager
def no_reader(monkeypatch) -> Iterator[TextIO]:
    """Let stdout be a pipe whose reader has left. No fixture: pytest puts its own stdout back before a test begins."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        yield stdout
        monkeypatch.undo()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stdout.fileno())
        os.close(nowhere)


def test_a_reader_that_left_is_said_by_the_exit_code_alone(monkeypatch, capsys):
    """Where the command notices it while it writes."""

    def echo(text):
        sys.stdout.write(text)
        sys.stdout.flush()

    with no_reader(monkeypatch):
        monkeypatch.setattr(typer, "echo", echo)
        code = run(["--version"])

    assert code == 141
    assert capsys.readouterr().err == ""


def test_a_reader_that_left_is_noticed_at_the_end(monkeypatch, capsys):
    """Where a few lines fit into the buffer; and Python, which flushes once more when it ends, says nothing."""
    with no_reader(monkeypatch) as stdout:
        monkeypatch.setattr(typer, "echo", stdout.write)
        monkeypatch.setattr(sys, "argv", ["viber-async", "--version"])
        code = left_with(main)
        stdout.flush()

    assert code == 141
    assert capsys.readouterr().err == ""


def test_what_went_wrong_keeps_its_code_where_the_reader_left(monkeypatch):
    """A scheduler has to learn of it."""

    def echo(text):
        sys.stdout.write(text)
        raise OutcomeUnknownError

    with no_reader(monkeypatch):
        monkeypatch.setattr(typer, "echo", echo)
        monkeypatch.setattr(sys, "argv", ["viber-async", "--version"])
        code = left_with(main)

    assert code == 7


def test_results_that_find_no_room_at_the_end_are_an_error(monkeypatch, capsys):
    """A disk that is full is nobody's wish."""
    with Path("/dev/full").open("w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        monkeypatch.setattr(typer, "echo", stdout.write)
        monkeypatch.setattr(sys, "argv", ["viber-async", "--version"])
        code = left_with(main)

    assert code == 6
    assert capsys.readouterr().err == (
        "viber-async: the standard output could not be written: No space left on device\n"
    )


def test_an_error_that_nobody_reads_is_an_exit_code(monkeypatch):
    """Where stderr is a pipe whose reader has left."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", buffering=1) as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        monkeypatch.setattr(sys, "argv", ["viber-async", "--nonsense"])
        code = left_with(main)

    assert code == 64


def test_a_process_whose_reader_left_is_quiet():
    """As `viber-async ... | head` is used."""
    with subprocess.Popen(
        [sys.executable, "-m", "viber_async.cli", "--version"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        process.stdout.close()
        error = process.stderr.read()

    assert (process.returncode, error) == (141, "")


def test_an_exit_of_somebody_elses_is_passed_on(monkeypatch):
    """Such as that of a completion."""

    def completed(*_args, **_options):
        raise SystemExit(3)

    monkeypatch.setattr(demo, "Sandbox", completed)

    assert left_with(lambda: run(["demo"])) == 3


@pytest.mark.parametrize("ends", [typer.Abort, KeyboardInterrupt, EOFError])
def test_whatever_interrupts_a_command_ends_it_with_130(monkeypatch, capsys, ends):
    """Also where nothing is waited for, and whatever Typer makes of it."""

    def interrupted() -> Sandbox:
        raise ends

    monkeypatch.setattr(demo, "Sandbox", interrupted)

    assert run(["demo"]) == 130
    assert capsys.readouterr().err.strip() == ""


# --- completion ---


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("viber-async camp", "campaigns"),
        ("viber-async campaigns rec", "reconcile"),
        ("viber-async sandbox --p", "--port"),
    ],
)
def test_a_shell_is_told_how_to_go_on(monkeypatch, capsys, words, offered):
    """By the variables that Typer's own script for it sets."""
    monkeypatch.setenv("_VIBER_ASYNC_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))

    assert left_with(lambda: run([])) == 0
    assert offered in capsys.readouterr().out.split()


def test_the_script_for_a_shell_can_be_had(monkeypatch, capsys):
    """To be put where that shell looks for it."""
    monkeypatch.setattr("typer.completion._get_shell_name", lambda: "bash", raising=False)
    monkeypatch.setattr("typer._completion_shared._get_shell_name", lambda: "bash", raising=False)

    assert left_with(lambda: run(["--show-completion"])) == 0
    assert "_VIBER_ASYNC_COMPLETE=complete_bash" in capsys.readouterr().out


# --- what the library logs ---


def test_a_warning_of_the_library_is_a_line(monkeypatch, capsys):
    """And what it logs besides is not, unless it is asked for; nor is it told twice."""

    def logs() -> Sandbox:
        logger = logging.getLogger("viber_async")
        logger.debug("a detail")
        logger.warning("Redis is away (%s)", "x", exc_info=LookupError("why"))
        raise LookupError("the end")

    monkeypatch.setattr(demo, "Sandbox", logs)
    before = logging.getLogger("viber_async").level, list(logging.getLogger("viber_async").handlers)
    run(["demo"])
    quiet = capsys.readouterr().err
    run(["--debug", "demo"])
    loud = capsys.readouterr().err

    assert quiet.splitlines()[0] == "viber-async: Redis is away (x)"
    assert quiet.count("\n") == 2
    assert "viber-async: a detail\n" in loud
    assert "LookupError: why\n" in loud
    assert loud.count("Redis is away (x)") == 1
    assert (logging.getLogger("viber_async").level, logging.getLogger("viber_async").handlers) == before


def test_what_tells_less_changes_nothing_inside_of_what_tells_more(capsys):
    """--debug stays what it is while a campaign is waited for."""
    logger = logging.getLogger("viber_async")
    with told(logging.DEBUG), told(logging.INFO):
        logger.debug("a detail")
    with told(logging.WARNING), told(logging.INFO):
        logger.info("a note")
        logger.debug("another")

    assert capsys.readouterr().err == "viber-async: a detail\nviber-async: a note\n"
