"""`viber-async blacklist ...`: export, add, remove, plan, apply, sync, verify.

Results go to stdout, progress and errors to stderr. Credentials come from the environment alone: what stands on a
command line can be read by every user of the machine.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from attrs import field, frozen

from viber_async import RateLimit, UsageError, ViberError, ViberSession
from viber_async._sansio.words import counted, suiting
from viber_async.cli import _blacklist_jobs as jobs
from viber_async.cli._exits import HELP, SEE, Exit
from viber_async.cli._export import STDOUT, Format, format_of
from viber_async.cli._groups import grouped
from viber_async.cli._options import RATE, Column, Force, Json, Plain, Rate, Region, ShowPhones, share, span
from viber_async.cli._report import Outcome, failed
from viber_async.cli._run import StoppedError, stoppable, wait_for
from viber_async.cli._show import fail, show_for
from viber_async.sync.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    Job = Callable[[ViberSession, jobs.Meter], Coroutine[object, object, Outcome]]

MAX_REJECT = 0.001
MAX_REMOVE = 100
"""Phones that `remove` takes off without being told how many are meant."""
WITHOUT_JOURNAL = "there is no --journal to go on with"


class Mode(StrEnum):
    """What happens to phones of the blacklist that are not wanted."""

    ADD_ONLY = "add_only"
    MIRROR = "mirror"


# --- the options ---

FORMS = "Text, CSV or NDJSON, packed with gzip or not; - is the standard input"
WantedFile = Annotated[str, typer.Argument(metavar="FILE", help=f"{FORMS}.")]
SomeFile = Annotated[str | None, typer.Argument(metavar="[FILE]", help=f"{FORMS}; or give --phone.")]
Phones = Annotated[list[str] | None, typer.Option("--phone", help="A phone, instead of a file; may be repeated.")]
MaxReject = Annotated[
    float,
    typer.Option("--max-reject", parser=share, metavar="1%", help="The part of the entries that may hold no phone."),
]
ModeOf = Annotated[
    Mode | None,
    typer.Option("--mode", help="mirror removes what is not wanted; add_only does not.  [default: add_only]"),
]
Mirror = Annotated[bool, typer.Option("--mirror", help="Short for --mode mirror.")]
MaxRemove = Annotated[
    int | None,
    typer.Option("--max-remove", min=0, help="How many phones may be removed.  [default: 100 or 1 %, and never all]"),
]
Owner = Annotated[
    str | None, typer.Option("--owner", help="A tag for the rows added; mirror removes only rows that have it.")
]
Description = Annotated[str | None, typer.Option("--description", help="For the phones that are added.")]
MinAge = Annotated[
    timedelta | None,
    typer.Option("--min-age", parser=span, metavar="7d", help="Remove no row that is younger: 90s, 30m, 12h, 7d."),
]
JournalFile = Annotated[
    str | None,
    typer.Option("--journal", metavar="PATH", help="The file that makes it resumable: the same call goes on."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")]


@frozen(kw_only=True)
class Reading:
    """How a list of phones is read."""

    region: Region = None
    column: Column = None
    max_reject: MaxReject = MAX_REJECT

    def source(self, file: str | None, phones: list[str] | None = None) -> Source:
        """Give the phones of *file*, or those of the command line."""
        if (file is None) == (not phones):
            raise UsageError("give a FILE, or phones with --phone")
        column = self.column
        return Source(
            file if file is not None else phones or [],
            region=self.region,
            column=int(column) if column is not None and column.isdecimal() else column,
        )


@frozen(kw_only=True)
class Aim:
    """What the blacklist is to become."""

    mode: ModeOf = None
    mirror: Mirror = False
    owner: Owner = None

    def terms(self, reading: Reading, writing: Writing | None = None) -> jobs.Terms:
        """Give what a plan is asked for."""
        if self.mirror and self.mode is Mode.ADD_ONLY:
            raise UsageError("--mirror removes, and --mode add_only does not: give one of them")
        writing = writing or Writing()
        return jobs.Terms(
            mode="mirror" if self.mirror or self.mode is Mode.MIRROR else "add_only",
            max_remove=writing.max_remove,
            owner=self.owner,
            description=writing.description,
            max_reject=reading.max_reject,
            min_age=writing.min_age,
        )


@frozen(kw_only=True)
class Writing:
    """With what care it is written."""

    max_remove: MaxRemove = None
    description: Description = None
    min_age: MinAge = None


@frozen(kw_only=True)
class Telling:
    """How a command tells what it does, and how fast it goes."""

    as_json: Json = False
    plain: Plain = False
    rate: Rate = RATE


app = typer.Typer(
    name="blacklist",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="The phones that no campaign of the account reaches.\n\nThe account is that of SENDPULSE_API_ID and "
    f"SENDPULSE_API_SECRET, or of SENDPULSE_API_KEY.\n\n{HELP}",
)


# --- the commands ---


@app.command(epilog=SEE)
@grouped
def export(
    target: Annotated[str, typer.Argument(metavar="[FILE]", help="A new file; - is the standard output.")] = STDOUT,
    *,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="One phone to a line, or whole rows.  [default: by the name's ending, or text]"),
    ] = None,
    force: Force = False,
    telling: Telling,
) -> None:
    """Write the whole blacklist to a file.

    The file is this user's alone (mode 0600), and there once it is whole. Phones are written whole: that is what it is
    for. If the walk cannot prove that it missed nothing, that is said, and the exit code is 3.
    """
    if telling.as_json and target == STDOUT:
        raise UsageError("--json needs a FILE: the standard output holds the rows")

    written = form or format_of(target)

    def job(session: ViberSession, meter: jobs.Meter) -> Coroutine[object, object, Outcome]:
        return jobs.export(session, target, written, force=force, meter=meter)

    _run(job, _Told(telling, aside=target == STDOUT))


@app.command(epilog=SEE)
@grouped
def add(
    file: SomeFile = None,
    *,
    phone: Phones = None,
    description: Description = None,
    reading: Reading,
    dry_run: DryRun = False,
    telling: Telling,
) -> None:
    """Add phones to the blacklist; those that are on it stay as they are.

    For millions of them, `sync` asks first which are missing.
    """
    source = reading.source(file, phone)
    done = jobs.Done()

    def job(session: ViberSession, meter: jobs.Meter) -> Coroutine[object, object, Outcome]:
        limit = reading.max_reject
        return jobs.add(session, source, done, description=description, max_reject=limit, dry_run=dry_run, meter=meter)

    _run(job, _Told(telling, source=source, done=done))


@app.command(epilog=SEE)
@grouped
def remove(
    file: SomeFile = None,
    *,
    phone: Phones = None,
    max_remove: Annotated[int, typer.Option("--max-remove", min=0, help="How many may be removed.")] = MAX_REMOVE,
    reading: Reading,
    dry_run: DryRun = False,
    telling: Telling,
) -> None:
    """Remove phones from the blacklist: the people behind them can be messaged again."""
    source = reading.source(file, phone)
    done = jobs.Done()

    def job(session: ViberSession, meter: jobs.Meter) -> Coroutine[object, object, Outcome]:
        limit = reading.max_reject
        return jobs.remove(session, source, done, max_remove=max_remove, max_reject=limit, dry_run=dry_run, meter=meter)

    _run(job, _Told(telling, source=source, done=done))


@app.command(epilog=SEE)
@grouped
def plan(
    file: WantedFile,
    *,
    output: Annotated[str | None, typer.Option("--output", metavar="PLAN", help="Write the plan to this file.")] = None,
    aim: Aim,
    writing: Writing,
    reading: Reading,
    show_phones: ShowPhones = False,
    telling: Telling,
) -> None:
    """Say what it takes for the blacklist to hold every phone of FILE; nothing is written to it.

    Exit code 0 if it holds them all, 2 if changes are pending. A plan is good for an hour.
    """
    source, terms = reading.source(file), aim.terms(reading, writing)

    def job(session: ViberSession, meter: jobs.Meter) -> Coroutine[object, object, Outcome]:
        return jobs.plan(session, source, terms, output=output, show_phones=show_phones, meter=meter)

    _run(job, _Told(telling, source=source))


@app.command(epilog=SEE)
@grouped
def apply(
    *,
    plan_file: Annotated[str, typer.Option("--plan", metavar="PLAN", help="The plan's file.")],
    journal: JournalFile = None,
    dry_run: DryRun = False,
    show_phones: ShowPhones = False,
    telling: Telling,
) -> None:
    """Carry out a plan: add, look, remove, look again."""

    def job(session: ViberSession, meter: jobs.Meter) -> Coroutine[object, object, Outcome]:
        return jobs.apply(session, plan_file, journal=journal, dry_run=dry_run, show_phones=show_phones, meter=meter)

    _run(job, _Told(telling, writes=not dry_run, journal=journal))


@app.command(epilog=SEE)
@grouped
def sync(
    file: WantedFile,
    *,
    journal: JournalFile = None,
    aim: Aim,
    writing: Writing,
    reading: Reading,
    dry_run: DryRun = False,
    show_phones: ShowPhones = False,
    telling: Telling,
) -> None:
    """Bring the blacklist to hold every phone of FILE: plan, apply and verify in one."""
    source, terms = reading.source(file), aim.terms(reading, writing)

    def job(session: ViberSession, meter: jobs.Meter) -> Coroutine[object, object, Outcome]:
        if dry_run:
            return jobs.look(session, source, terms, dry_run=True, show_phones=show_phones, meter=meter)
        return jobs.sync(session, source, terms, journal=journal, meter=meter)

    _run(job, _Told(telling, source=source, writes=not dry_run, journal=journal))


@app.command(epilog=SEE)
@grouped
def verify(file: WantedFile, *, aim: Aim, reading: Reading, show_phones: ShowPhones = False, telling: Telling) -> None:
    """Compare FILE with the blacklist, and write nothing at all.

    Exit code 0 if the blacklist holds every phone of FILE (and, with --mirror, no other), 2 if it does not.
    """
    source, terms = reading.source(file), aim.terms(reading)

    def job(session: ViberSession, meter: jobs.Meter) -> Coroutine[object, object, Outcome]:
        return jobs.look(session, source, terms, dry_run=False, show_phones=show_phones, meter=meter)

    _run(job, _Told(telling, source=source))


@app.command(
    "list",
    hidden=True,
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
def list_phones() -> None:
    """Say how it is called: people look for it under this name."""
    raise UsageError("it is called export: viber-async blacklist export writes all rows, to stdout or to a FILE")


# --- what they have in common ---


def _run(job: Job, told: _Told) -> NoReturn:
    """Run *job*, tell what came of it, and end the process with its exit code.

    Raises:
        ViberError: the job's own, once it was printed as JSON, if that is wanted.

    """
    told.tell(wait_for(_ended(job, told.how)))


@frozen
class _Told:
    """How the end of a job is told."""

    how: Telling
    source: Source | None = field(kw_only=True, default=None)
    done: jobs.Done | None = field(kw_only=True, default=None)
    aside: bool = field(kw_only=True, default=False)
    """On stderr, because the rows go to stdout."""
    writes: bool = field(kw_only=True, default=False)
    """Goes on where it stopped, if there is a *journal*."""
    journal: str | None = field(kw_only=True, default=None)

    def tell(self, ended: Outcome | Exception) -> NoReturn:
        match ended:
            case Outcome():
                outcome = ended
            case StoppedError():
                said = self._interrupted()
                outcome = Outcome(Exit.INTERRUPTED, said=(), facts={"message": said})
                fail(f"interrupted: {said}")
            case _:
                self._failed(failed(ended, self.source))
                raise ended
        for line in outcome.aside:
            fail(f"note: {line}")
        if self.how.as_json:
            _print_json(outcome)
        else:
            show = show_for(sys.stderr if self.aside else sys.stdout, plain=self.how.plain)
            for line in outcome.said:
                show.say(line)
        raise typer.Exit(outcome.code)

    def _failed(self, outcome: Outcome) -> None:
        """Tell what is known beside the error, which is told in the end."""
        if self.how.as_json:
            _print_json(outcome)
        sys.stderr.writelines(f"{line}\n" for line in outcome.said)
        if self.done is not None and self.done.sent:
            fail(_sent(self.done))

    def _interrupted(self) -> str:
        if self.done is not None:
            return _sent(self.done)
        if self.aside:
            return "what stands on the standard output is not whole; run it again from the beginning"
        if self.writes and self.journal is not None:
            return "run the same again, and it goes on"
        return f"{WITHOUT_JOURNAL if self.writes else 'nothing was written'}; run it again from the beginning"


async def _ended(job: Job, how: Telling) -> Outcome | Exception:
    """Give what came of *job*, or what ended it."""
    try:
        return await stoppable(_in_session(job, how))
    except (StoppedError, ViberError, OSError) as error:
        return error


async def _in_session(job: Job, how: Telling) -> Outcome:
    async with ViberSession.from_env(rate_limit=RateLimit(how.rate)) as session:
        with jobs.Meter(show_for(sys.stderr, plain=how.plain)) as meter:
            return await job(session, meter)


def _print_json(outcome: Outcome) -> None:
    sys.stdout.write(json.dumps(outcome.to_dict(), ensure_ascii=False) + "\n")


def _sent(done: jobs.Done) -> str:
    were = suiting(done.sent, "was", "were")
    return f"{done.sent:,} of {counted(done.of, 'phones')} {were} sent; run the same again, what was done stays done"
