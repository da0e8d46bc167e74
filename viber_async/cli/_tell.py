"""How a command of campaigns and senders ends: its outcome told once, as sentences or as one JSON object."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import typer
from attrs import frozen

from viber_async import ViberError
from viber_async.cli import unwritten
from viber_async.cli._exits import Exit
from viber_async.cli._report import Facts, Outcome, failed
from viber_async.cli._run import StoppedError
from viber_async.cli._show import Show, fail, show_for

if TYPE_CHECKING:
    from collections.abc import Generator

    from viber_async.sync.source import Source


@frozen(kw_only=True)
class Teller:
    """Knows in which form the caller wants to be told."""

    as_json: bool = False
    plain: bool = False
    stopped: str = "nothing was written; run it again from the beginning"
    """What to say to who interrupts."""

    @property
    def result(self) -> Show:
        """Where results go; with ``--json`` only the object goes there, and all else beside it."""
        return self.aside if self.as_json else show_for(sys.stdout, plain=self.plain)

    @property
    def aside(self) -> Show:
        """Where progress and questions go."""
        return show_for(sys.stderr, plain=self.plain)

    def end(self, outcome: Outcome) -> NoReturn:
        """Tell *outcome*, and end the command with its exit code."""
        self._tell(outcome)
        raise typer.Exit(outcome.code)

    def end_in_any_case(self, outcome: Outcome) -> NoReturn:
        """Do the same for what must not be lost: where nobody takes it, stderr has it, and its exit code stays."""
        try:
            self._tell(outcome)
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                fail(f"the standard output could not be written: {error.strerror}")
            for line in outcome.said:
                fail(line)
            unwritten(sys.stdout)  # what it still holds goes nowhere
        raise typer.Exit(outcome.code)

    def _tell(self, outcome: Outcome) -> None:
        if self.as_json:
            print_json(outcome.to_dict())
        else:
            for line in outcome.said:
                self.result.say(line)

    @contextmanager
    def telling(self, source: Source | None = None) -> Generator[None]:
        """Tell what ends the block: as JSON, if that is wanted; the line about it is written by the app, last."""
        try:
            yield
        except StoppedError:
            fail(f"interrupted: {self.stopped}")
            if self.as_json:
                print_json(Outcome(Exit.INTERRUPTED, said=(), facts={"message": self.stopped}).to_dict())
            raise typer.Exit(Exit.INTERRUPTED) from None
        except (ViberError, OSError) as error:
            outcome = failed(error, source)
            sys.stderr.writelines(f"{line}\n" for line in outcome.said)
            if self.as_json:
                with unread_told():
                    print_json(outcome.to_dict())
            raise


@contextmanager
def unread_told() -> Generator[None]:
    """Let what went wrong stay what is told, by its exit code too, if the standard output does not take it."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        return  # its reader has left, and is told no more
    except OSError as error:
        fail(f"the standard output could not be written: {error.strerror}")


def print_json(facts: Facts) -> None:
    """Print one line of JSON."""
    sys.stdout.write(json.dumps(facts, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def done(facts: Facts, *said: str, code: Exit = Exit.IN_SYNC) -> Outcome:
    """Give the outcome of a command that did what it was asked to."""
    word = {"outcome": "done"} if code is Exit.IN_SYNC else {}
    return Outcome(code, said=said, facts={**facts, **word})
