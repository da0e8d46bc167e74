"""`viber-async blacklist`, each command against a sandbox: what it does, what it says, how it exits."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import stat
import sys
from pathlib import Path

import pytest

from tests.cli.serving import serving
from viber_async import SyncInterruptedError, mask_phone
from viber_async.cli import _blacklist_jobs as jobs
from viber_async.cli._app import run
from viber_async.cli._report import failed
from viber_async.sandbox import Fault, Sandbox

FIRST = 380931111111
THREE = (FIRST, FIRST + 1, FIRST + 2)
FORBIDDEN = Fault.status(403)


@pytest.fixture
def sandbox(monkeypatch):
    """A sandbox that the environment leads to."""
    with serving(Sandbox(rate_limit=None)) as sandbox:
        monkeypatch.setenv("SENDPULSE_BASE_URL", sandbox.url)
        monkeypatch.setenv("SENDPULSE_API_KEY", sandbox.api_key)
        monkeypatch.delenv("SENDPULSE_API_ID", raising=False)
        monkeypatch.delenv("SENDPULSE_API_SECRET", raising=False)
        yield sandbox


@pytest.fixture
def blacklist(capsys):
    """Runs a command; gives its exit code and what it wrote to stdout and stderr."""

    def ran(*args: object) -> tuple[int, str, str]:
        code = run(["blacklist", *map(str, args)])
        return code, *capsys.readouterr()

    return ran


@pytest.fixture
def listed(tmp_path):
    """Writes a file of lines, and gives its path."""

    def written(*lines: object, name: str = "wanted.txt"):
        path = tmp_path / name
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    return written


def phones_of(sandbox: Sandbox) -> set[int]:
    return set(sandbox.blacklisted)


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


# --- export ---


EXPORTS = {
    "text": "380931111111\n380931111112\n",
    "csv": 'phone,id,description,add_date\n380931111111,164,"said ""no"", twice",{}\n380931111112,165,,{}\n',
    "ndjson": '{"phone": "380931111111", "id": 164, "description": "said \\"no\\", twice", "add_date": "{}"}\n'
    '{"phone": "380931111112", "id": 165, "description": "", "add_date": "{}"}\n',
}


@pytest.mark.parametrize("form", EXPORTS)
def test_an_export_is_a_private_file_of_all_rows(sandbox, blacklist, tmp_path, form):
    """In each format."""
    sandbox.block(FIRST, description='said "no", twice')
    sandbox.block(FIRST + 1)
    target = tmp_path / "out"
    code, out, _ = blacklist("export", target, "--format", form)
    dates = re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d", "{}", target.read_text())

    assert (code, out) == (0, f"2 rows written to {target}.\n")
    assert dates == EXPORTS[form]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert names_in(tmp_path) == ["out"]


@pytest.mark.parametrize(
    ("name", "options", "first"),
    [
        ("all.csv", [], "phone,id,description,add_date"),
        ("all.CSV", [], "phone,id,description,add_date"),
        ("all.ndjson", [], '{"phone": "380931111111", '),
        ("all.jsonl", [], '{"phone": "380931111111", '),
        ("all.txt", [], "380931111111\n"),
        ("all", [], "380931111111\n"),
        ("2026.11.24", [], "380931111111\n"),
        ("all.csv", ["--format", "text"], "380931111111\n"),
    ],
)
def test_the_form_of_an_export_is_that_of_its_names_ending(sandbox, blacklist, tmp_path, *, name, options, first):
    """Unless another is asked for; a name that says nothing is that of plain lines."""
    sandbox.block(FIRST)

    assert blacklist("export", tmp_path / name, *options)[0] == 0
    assert (tmp_path / name).read_text().startswith(first)


def test_an_export_without_a_file_goes_to_stdout_and_nothing_else_does(sandbox, blacklist):
    """So that it can be piped."""
    sandbox.block(*THREE)
    code, out, err = blacklist("export")

    assert (code, out) == (0, "".join(f"{phone}\n" for phone in THREE))
    assert "walking: 3 of 3 rows in " in err
    assert err.endswith("3 rows written to the standard output.\n")


def test_an_export_says_what_it_did_as_json(sandbox, blacklist, tmp_path):
    """On request, and only beside a file."""
    sandbox.block(FIRST)
    code, out, _ = blacklist("export", tmp_path / "out", "--json")

    assert code == 0
    assert json.loads(out) == {
        "outcome": "in_sync",
        "exit": 0,
        "rows": 1,
        "file": str(tmp_path / "out"),
        "complete": True,
        "doubts": [],
    }
    assert blacklist("export", "--json")[::2] == (
        64,
        "viber-async: --json needs a FILE: the standard output holds the rows\n",
    )


def test_an_export_replaces_nothing_unless_told_to(sandbox, blacklist, listed):
    """A file that is there stays as it is."""
    sandbox.block(FIRST)
    there = listed("precious")
    code, _, err = blacklist("export", there)

    assert (code, there.read_text()) == (64, "precious\n")
    assert "is there already: name another, or replace it with --force" in err
    assert blacklist("export", there, "--force")[0] == 0
    assert there.read_text() == f"{FIRST}\n"
    assert stat.S_IMODE(there.stat().st_mode) == 0o600


def test_an_export_replaces_no_device(sandbox, blacklist, tmp_path):
    """Nor a link, whatever it is told."""
    (tmp_path / "link").symlink_to("/dev/null")
    code, _, err = blacklist("export", tmp_path / "link", "--force")

    assert code == 64
    assert "is there, and is no file" in err


def test_an_export_leaves_alone_what_came_meanwhile(sandbox, blacklist, tmp_path):
    """Between the first look and the last row."""
    target = tmp_path / "out"
    sandbox.faults.add(Fault.before(lambda: target.write_text("precious")))
    code, _, err = blacklist("export", target)

    assert (code, target.read_text()) == (64, "precious")
    assert "is there already" in err
    assert names_in(tmp_path) == ["out"]


def test_an_export_that_may_have_missed_rows_exits_with_3(sandbox, blacklist, tmp_path):
    """And says so; what was found is kept."""
    sandbox.block(*THREE)
    sandbox.faults.add(Fault.total_off(5), times=None)
    code, out, _ = blacklist("export", tmp_path / "out")

    assert code == 3
    assert "3 rows written" in out
    assert "some may be missing: " in out


def test_an_export_that_fails_leaves_no_file(sandbox, blacklist, tmp_path):
    """Not even half of one."""
    sandbox.faults.add(FORBIDDEN, times=None)
    code, _, err = blacklist("export", tmp_path / "out")

    assert (code, names_in(tmp_path)) == (6, [])
    assert "403" in err


# --- add and remove ---


def test_phones_of_a_file_are_added(sandbox, blacklist, listed):
    """Once each; what holds no phone is reported with its line."""
    sandbox.block(FIRST)
    wanted = listed("phone", f"+{FIRST}", FIRST + 1, FIRST + 1, "0931111111")
    code, out, err = blacklist("add", wanted, "--max-reject", 0.5, "--description", "asked")

    assert code == 0
    assert out.splitlines()[:2] == [
        "2 phones sent: 1 added, 1 was there before.",
        "1 entry holds no phone:",
    ]
    assert out.splitlines()[2].startswith("  line 5: '0931••••11': a phone starts with its country code")
    assert "adding: 2 of 2 phones in " in err
    assert phones_of(sandbox) == {FIRST, FIRST + 1}
    assert sandbox.blacklist[1].description == "asked"


def test_phones_of_the_command_line_are_added(sandbox, blacklist):
    """In any usual spelling, and in a national one if asked."""
    code, out, _ = blacklist("add", "--phone", f"+{FIRST}", "--phone", "093 111 11 12", "--region", "UA", "--json")

    assert code == 0
    assert phones_of(sandbox) == {FIRST, FIRST + 1}
    assert json.loads(out) == {
        "outcome": "in_sync",
        "exit": 0,
        "phones": 2,
        "added": 2,
        "exists": 0,
        "exact": True,
        "read": 2,
        "rejected": 0,
        "rejects": [],
        "notes": [],
    }


def test_a_column_is_named_or_numbered(sandbox, blacklist, listed):
    """From 1."""
    wanted = listed("mobile,phone", f"{FIRST},{FIRST + 1}", name="two.csv")

    assert blacklist("add", wanted)[0] == 64
    assert blacklist("add", wanted, "--column", "phone")[0] == 0
    assert phones_of(sandbox) == {FIRST + 1}
    assert blacklist("add", wanted, "--column", "1")[0] == 0
    assert phones_of(sandbox) == {FIRST, FIRST + 1}


@pytest.mark.parametrize("args", [["add"], ["remove"], ["add", "x", "--phone", "y"]])
def test_phones_come_from_one_place(sandbox, blacklist, args):
    """From a file, or from the command line."""
    code, _, err = blacklist(*args)

    assert (code, err) == (64, "viber-async: give a FILE, or phones with --phone\n")


def test_too_many_lines_without_a_phone_are_refused(sandbox, blacklist, listed):
    """Before anything is sent, with the first of them."""
    for command in ("add", "sync"):
        code, out, err = blacklist(command, listed(FIRST, "n/a"), "--json")
        said = json.loads(out)

        assert (code, said["error"]["reason"], said["rejects"][0]["line"]) == (4, "rejects", 2)
        assert "1 entry holds no phone:\n  line 2: 'n/a'" in err
        assert " 1 of 2 entries holds no phone" in err
        assert sandbox.requests == ()


@pytest.mark.parametrize("command", ["add", "remove"])
def test_a_dry_run_sends_nothing(sandbox, blacklist, listed, command):
    """And says by its exit code whether there is anything to do."""
    code, out, _ = blacklist(command, listed(*THREE), "--dry-run")

    assert code == 2
    assert re.match(r"3 phones would be (added|removed), in 1 request; nothing was sent\.", out)
    assert blacklist(command, listed(), "--dry-run")[0] == 0
    assert sandbox.requests == ()


def test_phones_are_removed(sandbox, blacklist):
    """Those that are there."""
    sandbox.block(*THREE)
    code, out, _ = blacklist("remove", "--phone", FIRST, "--phone", FIRST + 9)

    assert (code, out) == (0, "2 phones sent: 1 removed, 1 was not on it.\n")
    assert phones_of(sandbox) == set(THREE[1:])


def test_more_removals_than_were_meant_are_refused(sandbox, blacklist, listed):
    """A hundred, unless more are allowed."""
    sandbox.block(*range(FIRST, FIRST + 101))
    wanted = listed(*range(FIRST, FIRST + 101))
    code, out, err = blacklist("remove", wanted, "--json")

    assert (code, json.loads(out)["error"]["reason"]) == (4, "max_remove")
    assert "101 phones would be removed, and 100 may be" in err
    assert sandbox.requests == ()
    assert blacklist("remove", wanted, "--max-remove", 101)[0] == 0
    assert phones_of(sandbox) == set()


def test_a_write_that_was_repeated_counts_at_least(sandbox, blacklist, listed):
    """Its first copy may have done part of the work."""
    sandbox.faults.add(Fault.cut(processed=True), on="blacklist.add")
    sandbox.faults.add(Fault.cut(processed=True), on="blacklist.remove")

    assert blacklist("add", listed(*THREE))[1] == "3 phones sent: at least 0 added, 3 were there before.\n"
    assert blacklist("remove", listed(*THREE))[1] == "3 phones sent: at least 0 removed.\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_signal_lets_the_batch_under_way_end_and_says_how_to_go_on(sandbox, blacklist, listed, number, as_json):
    """Nothing else is sent; what had the signal before has it again."""
    before = signal.getsignal(number)
    sandbox.faults.add(Fault.before(lambda: os.kill(os.getpid(), number)), on="blacklist.add", skip=1)
    code, out, err = blacklist("add", listed(*range(FIRST, FIRST + 1600)), *as_json)
    said = "1,000 of 1,600 phones were sent; run the same again, what was done stays done"

    assert code == 130
    assert err.endswith(f"viber-async: interrupted: {said}\n")
    assert [json.loads(line) for line in out.splitlines()] == (
        [{"outcome": "interrupted", "exit": 130, "message": said}] if as_json else []
    )
    assert len(phones_of(sandbox)) == 1000
    assert signal.getsignal(number) == before


def test_a_batch_that_does_not_end_is_not_waited_for_long(sandbox, blacklist, listed, monkeypatch):
    """A container is killed ten seconds after it was asked to stop."""
    monkeypatch.setattr(jobs, "FINISHES_WITHIN", 0.05)
    fault = Fault.before(lambda: os.kill(os.getpid(), signal.SIGTERM)) + Fault.hang()
    sandbox.faults.add(fault, on="blacklist.add")

    assert blacklist("add", listed(FIRST))[0] == 130
    assert phones_of(sandbox) == set()


def test_a_second_signal_is_not_waited_for(sandbox, blacklist, listed, monkeypatch):
    """Whoever presses Ctrl-C twice does not want the batch to end."""
    monkeypatch.setattr(jobs, "FINISHES_WITHIN", 1000)
    before = signal.getsignal(signal.SIGINT)

    async def twice() -> None:
        ours = signal.getsignal(signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        while signal.getsignal(signal.SIGINT) is ours:  # noqa: ASYNC110 - nothing tells when a handler is changed
            await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGINT)

    sandbox.faults.add(Fault.before(twice) + Fault.hang(), on="blacklist.add")

    assert blacklist("add", listed(FIRST))[0] == 130
    assert signal.getsignal(signal.SIGINT) == before


def test_a_write_that_fails_says_how_far_it_came(sandbox, blacklist, listed):
    """Before why it failed."""
    sandbox.faults.add(FORBIDDEN, on="blacklist.remove", skip=1)
    code, _, err = blacklist("remove", listed(*range(FIRST, FIRST + 600)), "--max-remove", 600)

    assert code == 6
    assert err.splitlines()[-2] == (
        "viber-async: 500 of 600 phones were sent; run the same again, what was done stays done"
    )
    assert "403" in err.splitlines()[-1]


def test_a_signal_during_a_batch_that_fails_is_a_signal(sandbox, blacklist, listed):
    """The batch is tried again by the next run."""
    fault = Fault.before(lambda: os.kill(os.getpid(), signal.SIGINT)) + FORBIDDEN
    sandbox.faults.add(fault, on="blacklist.add")

    assert blacklist("add", listed(FIRST))[0] == 130


# --- plan, apply, sync, verify ---


def test_a_plan_says_what_is_pending(sandbox, blacklist, listed, tmp_path):
    """By its exit code too; phones are masked."""
    sandbox.block(FIRST, FIRST + 50)
    code, out, err = blacklist("plan", listed(*THREE), "--mirror", "--output", tmp_path / "a plan")

    assert code == 2
    assert "\nPending: 2 to add, 1 to remove.\n" in out
    assert out.endswith(f"Carry it out: viber-async blacklist apply --plan '{tmp_path / 'a plan'}'\n")
    assert out.startswith("plan of ")
    assert f"  to add: {mask_phone(str(FIRST + 1))}\n" in out
    assert f"  to remove: {mask_phone(str(FIRST + 50))}\n" in out
    assert not re.search(r"\d{9}", out)
    assert "walking: 2 of 2 rows in " in err
    assert stat.S_IMODE((tmp_path / "a plan").stat().st_mode) == 0o600
    assert sandbox.requests_of("blacklist.add") == ()


def test_a_plan_without_changes_exits_with_0(sandbox, blacklist, listed):
    """In sync."""
    sandbox.block(*THREE)
    code, out, _ = blacklist("plan", listed(*THREE))

    assert code == 0
    assert out.endswith("In sync: nothing to do.\n")


@pytest.mark.parametrize("options", [[], ["--show-phones"]])
def test_a_plan_as_json_has_phones_only_on_request(sandbox, blacklist, listed, options):
    """And the figures always."""
    code, out, _ = blacklist("plan", listed(*THREE, "n/a"), "--max-reject", 0.5, "--json", *options)
    said = json.loads(out)

    assert (code, said["outcome"], said["to_add"], said["to_remove"]) == (2, "pending", 3, 0)
    assert said.get("adds") == ([str(phone) for phone in THREE] if options else None)
    assert said["rejects"][0]["line"] == 4
    assert "expires_at" in said


def test_a_long_plan_shows_the_first_phones_or_all(sandbox, blacklist, listed):
    """Of a hundred, ten."""
    wanted = listed(*range(FIRST, FIRST + 100), *["n/a"] * 12)
    _, few, _ = blacklist("plan", wanted, "--max-reject", 0.5)
    _, all_of_them, _ = blacklist("plan", wanted, "--max-reject", 0.5, "--show-phones")

    assert few.count("  to add: 3809") == 10
    assert "  to add: and 90 more\n" in few
    assert "12 entries hold no phone:\n" in few
    assert "  and 2 more\n" in few
    assert len(re.findall(r"^  to add: \d{12}$", all_of_them, re.MULTILINE)) == 100


def test_a_plan_is_carried_out(sandbox, blacklist, listed, tmp_path):
    """Looked at first, if wanted."""
    sandbox.block(FIRST, FIRST + 50)
    plan, journal = tmp_path / "plan", tmp_path / "journal"
    blacklist("plan", listed(*THREE), "--mirror", "--output", plan)
    looked = blacklist("apply", "--plan", plan, "--dry-run")
    before = phones_of(sandbox)
    code, out, _ = blacklist("apply", "--plan", plan, "--journal", journal)

    assert looked[0] == 2
    assert before == {FIRST, FIRST + 50}
    assert code == 0
    assert out.startswith("In sync: 3 wanted = 1 already there + 2 added + 0 rejected + 0 not seen; 1 removed.\n")
    assert phones_of(sandbox) == set(THREE)


def test_a_plan_that_was_torn_is_refused(sandbox, blacklist, listed, tmp_path):
    """With the word for it."""
    plan = tmp_path / "plan"
    blacklist("plan", listed(*THREE), "--output", plan)
    plan.write_bytes(plan.read_bytes()[:-5])
    code, out, _ = blacklist("apply", "--plan", plan, "--json")

    assert (code, json.loads(out)["error"]["reason"]) == (4, "plan")


def test_a_sync_does_it_all_and_says_so_as_json(sandbox, blacklist, listed, tmp_path):
    """It adds up."""
    sandbox.block(FIRST)
    code, out, _ = blacklist("sync", listed(*THREE), "--journal", tmp_path / "journal", "--json")
    said = json.loads(out)

    assert (code, said["outcome"], said["converged"]) == (0, "in_sync", True)
    assert (said["wanted"], said["already_there"], said["added"], said["removed"]) == (3, 1, 2, 0)
    assert phones_of(sandbox) == set(THREE)


def test_a_sync_has_all_that_a_plan_has(sandbox, blacklist, listed):
    """Modes, brakes, owners and ages."""
    sandbox.block(FIRST + 50, description="theirs")
    sandbox.block(FIRST + 51, description="ours")
    options = ["--mode", "mirror", "--owner", "ours", "--description", "asked", "--max-remove", 1]
    code, _, _ = blacklist("sync", listed(*THREE), *options)

    assert code == 0
    assert phones_of(sandbox) == {*THREE, FIRST + 50}
    assert sandbox.blacklist[-1].description == "ours: asked"


@pytest.mark.parametrize("age", ["90s", "30m", "12h", "7d"])
def test_a_young_row_stays(sandbox, blacklist, listed, age):
    """If that is asked for, in any unit."""
    sandbox.block(*THREE)

    assert blacklist("sync", listed(FIRST), "--mirror", "--min-age", age)[0] == 0
    assert phones_of(sandbox) == set(THREE)


def test_a_dry_sync_is_a_plan(sandbox, blacklist, listed):
    """And nothing is written."""
    code, out, _ = blacklist("sync", listed(*THREE), "--dry-run")

    assert (code, *out.splitlines()[-2:]) == (
        2,
        "Pending: 3 to add, 0 to remove.",
        "Carry it out: the same without --dry-run",
    )
    assert phones_of(sandbox) == set()


def test_what_is_pending_says_what_to_type_next(sandbox, blacklist, listed, tmp_path):
    """Whichever command found it; and nothing where there is nothing to do."""
    made = tmp_path / "made"
    blacklist("plan", listed(FIRST), "--output", made)
    found = [
        blacklist(*args)[1].splitlines()[-1]
        for args in (
            ["plan", listed(FIRST)],
            ["verify", listed(FIRST)],
            ["apply", "--plan", made, "--dry-run"],
            ["verify", listed(FIRST), "--mirror"],
        )
    ]
    sandbox.block(FIRST)

    assert found == [
        "Carry it out: viber-async blacklist sync, with the same list and options",
        "Bring it in sync: viber-async blacklist sync, with the same list and options",
        "Carry it out: the same without --dry-run",
        "Bring it in sync: viber-async blacklist sync, with the same list and options",
    ]
    assert blacklist("verify", listed(FIRST))[1].splitlines()[-1] == "In sync: nothing to do."


def test_a_comparison_is_called_one(sandbox, blacklist, listed):
    """It is no plan: nothing is made that could be carried out."""
    assert blacklist("verify", listed(FIRST))[1].startswith("compared at ")


@pytest.mark.parametrize(("text", "allowed"), [("10%", True), ("0.5", True), ("0", False), ("0.1%", False)])
def test_the_part_without_a_phone_may_be_said_in_per_cent(sandbox, blacklist, listed, text, allowed):
    """As it is shown."""
    entries = listed(*(FIRST + i for i in range(19)), "n/a")

    assert (blacklist("add", entries, "--max-reject", text)[0] == 0) is allowed


@pytest.mark.parametrize("text", ["10", "101%", "-1", "nan", "many", "1e400", ""])
def test_a_part_that_is_none_is_told_how_it_is_written(sandbox, blacklist, listed, text):
    """A 10 that was meant for ten per cent, for one."""
    code, _, err = blacklist("sync", listed(FIRST), f"--max-reject={text}")

    assert code == 64
    assert f"'--max-reject': a part of the entries, as in 0.01, or per cent, as in 1%; got '{text}'" in err


def test_a_sync_that_the_provider_does_not_let_finish_exits_with_3(sandbox, blacklist, listed):
    """A phone that it refuses is on no blacklist."""
    sandbox.faults.add(Fault.refuse_phones(FIRST + 1), on="blacklist.add", times=None)
    code, out, _ = blacklist("sync", listed(*THREE, "n/a"), "--max-reject", 0.5)

    assert code == 3
    assert out.startswith("NOT in sync: ")
    assert f"Refused by the provider: line 2: {mask_phone(str(FIRST + 1))}: " in out
    assert "Note: " in out
    assert "  line 4: 'n/a'" in out
    assert phones_of(sandbox) == {FIRST, FIRST + 2}


@pytest.mark.parametrize("command", ["add", "remove", "plan", "verify", "sync"])
def test_a_list_without_a_phone_is_said_to_be_one(sandbox, blacklist, listed, command):
    """On stderr, and in the JSON. It is no failure, unless the list was meant to hold some: only who made it knows."""
    sandbox.block(FIRST)
    code, out, err = blacklist(command, listed("# nobody"))
    _, as_json, told = blacklist(command, listed("# nobody"), "--json")
    said = "the source holds no phone, so nothing was wanted"

    assert (code, json.loads(as_json)["notes"]) == (0, [said])
    assert err.count(said) == told.count(f"viber-async: note: {said}\n") == 1
    assert said not in out
    assert phones_of(sandbox) == {FIRST}


@pytest.mark.parametrize("rejects", [1, 2])
def test_who_is_in_sync_but_for_some_entries_says_so(sandbox, blacklist, listed, rejects):
    """Whoever is meant by them may be on no blacklist; the exit code does not say it."""
    wanted = [listed(*THREE, *["n/a"] * rejects), "--max-reject", 0.5]
    synced, verified = blacklist("sync", *wanted), blacklist("verify", *wanted)
    head = f"In sync but for {rejects} {'entry that holds' if rejects == 1 else 'entries that hold'} no phone: "

    assert (synced[0], verified[0]) == (0, 0)
    assert synced[1].startswith(f"{head}{3 + rejects} wanted = ")
    assert f"\n{head}nothing to do.\n" in verified[1]


@pytest.mark.parametrize(
    "args", [["add"], ["remove"], ["plan"], ["sync", "--mirror"], ["verify"], ["apply", "--plan"]], ids=" ".join
)
def test_a_file_that_is_not_there_exits_with_64(sandbox, blacklist, tmp_path, args):
    """It is the command line that is wrong; one that cannot be read is another matter."""
    code, out, err = blacklist(*args, tmp_path / "nowhere", *([] if args[0] == "apply" else ["--json"]))

    assert code == 64
    assert "No such file or directory" in err
    assert args[0] == "apply" or json.loads(out)["error"]["reason"] == "unreadable"
    assert blacklist(*args, tmp_path)[0] == 4
    assert sandbox.requests == ()


def test_a_guard_that_refuses_exits_with_4(sandbox, blacklist, listed):
    """Nothing was written."""
    sandbox.block(*THREE)
    code, out, err = blacklist("sync", listed(), "--mirror", "--json")

    assert (code, json.loads(out)["error"]["reason"]) == (4, "empty")
    assert err.count("viber-async: ") == 1
    assert phones_of(sandbox) == set(THREE)


def test_a_provider_that_is_away_exits_with_5(sandbox, blacklist, listed):
    """The same again, later."""
    sandbox.faults.add(Fault.status(503), times=None)
    code, out, _ = blacklist("add", listed(FIRST), "--json")

    assert (code, json.loads(out)["error"]["type"]) == (5, "ServerError")


def test_a_provider_that_says_no_exits_with_6(sandbox, blacklist, listed):
    """For good."""
    sandbox.faults.add(FORBIDDEN, times=None)

    assert blacklist("sync", listed(FIRST))[0] == 6


@pytest.mark.parametrize(
    ("error", "outcome", "told"),
    [
        (SyncInterruptedError("m", journal="j"), "again", {"delivery": "not_sent", "journal": "j"}),
        (OSError("m"), "permanent", {}),
    ],
)
def test_an_error_is_told_as_json(error, outcome, told):
    """With all that it carries."""
    said = failed(error).to_dict()

    assert said["outcome"] == outcome
    assert said["error"] == {"type": type(error).__name__, "message": "m", **told}


def test_missing_credentials_exit_with_64(blacklist, listed, monkeypatch):
    """Before anything is opened."""
    for name in ("SENDPULSE_API_KEY", "SENDPULSE_API_ID", "SENDPULSE_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
    code, _, err = blacklist("verify", listed(FIRST))

    assert code == 64
    assert "SENDPULSE_API_" in err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["plan"], "Missing argument 'FILE'"),
        (["sync", "x", "--min-age", "soon"], "a number and its unit, as in"),
        (["sync", "x", "--mode", "some"], "'--mode'"),
        (["sync", "x", "--mirror", "--mode", "add_only"], "give one of them"),
        (["verify", "x", "--mode", "add_only", "--mirror"], "give one of them"),
        (["sync", "x", "--rate", "0"], "'--rate'"),
        (["apply"], "Missing option '--plan'"),
        (["plan", "x", "--region", "ua"], "two capital letters"),
    ],
)
def test_a_wrong_command_line_exits_with_64(blacklist, args, said):
    """And not with 2, which means that changes are pending."""
    code, _, err = blacklist(*args)

    assert code == 64
    assert said in err


@pytest.mark.parametrize("journal", ["journal", None])
def test_a_sync_that_was_interrupted_says_how_to_go_on(sandbox, blacklist, listed, tmp_path, journal):
    """And the same call goes on: nothing is lost."""
    options = [] if journal is None else ["--journal", tmp_path / journal]
    args = ["sync", listed(*range(FIRST, FIRST + 1200)), *options]
    sandbox.faults.add(Fault.before(lambda: os.kill(os.getpid(), signal.SIGTERM)), on="blacklist.add", skip=1)
    code, _, err = blacklist(*args)
    written = len(phones_of(sandbox))

    assert code == 130
    assert ("and it goes on" if journal else "there is no --journal to go on with") in err
    assert written == 1000
    code, out, _ = blacklist(*args)
    assert code == 0
    assert ("1,200 added (1,000 of them by the run that was broken off) + 0 rejected" in out) is (journal is not None)
    assert len(phones_of(sandbox)) == 1200


def test_an_export_that_was_interrupted_left_nothing(sandbox, blacklist, tmp_path):
    """And says so."""
    sandbox.faults.add(Fault.before(lambda: os.kill(os.getpid(), signal.SIGINT)) + Fault.hang())
    code, _, err = blacklist("export", tmp_path / "out")

    assert (code, names_in(tmp_path)) == (130, [])
    assert err.endswith("interrupted: nothing was written; run it again from the beginning\n")


def test_an_export_to_the_standard_output_that_was_interrupted_says_that_it_is_not_whole(sandbox, blacklist):
    """Its first rows may be there, and look like a list."""
    sandbox.faults.add(Fault.before(lambda: os.kill(os.getpid(), signal.SIGINT)) + Fault.hang())
    code, _, err = blacklist("export")

    assert code == 130
    assert err.endswith("what stands on the standard output is not whole; run it again from the beginning\n")


def test_verify_compares_and_writes_nothing(sandbox, blacklist, listed):
    """Both ways, if asked."""
    sandbox.block(*THREE)
    results = [
        blacklist("verify", listed(*THREE))[0],
        blacklist("verify", listed(*THREE[:2]))[0],
        blacklist("verify", listed(*THREE[:2]), "--mirror")[0],
        blacklist("verify", listed(*THREE, FIRST + 9))[0],
    ]

    assert results == [0, 0, 2, 2]
    assert phones_of(sandbox) == set(THREE)
    assert {request.method for request in sandbox.requests} == {"GET"}


def test_help_says_where_the_exit_codes_are_explained(blacklist, capsys):
    """Of each command, in a line; they are the same for all."""
    for command in ("export", "add", "remove", "plan", "apply", "sync", "verify"):
        code, out, _ = blacklist(command, "--help")

        assert code == 0
        assert "Exit codes: see viber-async --help" in re.sub(r"\s+", " ", out)
    run(["--help"])

    assert "130 interrupted by a signal" in re.sub(r"\s+", " ", capsys.readouterr().out)


def test_a_terminal_gets_a_summary_with_colours(sandbox, listed, monkeypatch, terminal):
    """Unless it asks for plain lines."""
    monkeypatch.setattr(sys, "stdout", terminal)
    run(["blacklist", "verify", str(listed(FIRST))])
    coloured = terminal.getvalue()
    run(["blacklist", "verify", str(listed(FIRST)), "--plain"])

    assert "\x1b[" in coloured
    assert "\x1b[" not in terminal.getvalue()[len(coloured) :]
