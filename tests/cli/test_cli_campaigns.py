"""`viber-async campaigns` list, show, recipients, watch, reconcile, and `senders`, against a sandbox."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import stat
import sys
import time
from datetime import datetime

import pytest
from attrs import evolve

from viber_async import CampaignDraft, ClientCredentials, OutcomeUnknownError, SqliteLedger, ViberSession
from viber_async._sansio.ledger import State, account_tag, key_hash
from viber_async.cli import _campaign_jobs as jobs
from viber_async.cli._app import run
from viber_async.sandbox import Fault

FIRST = 380931111111
CUT = Fault.cut(processed=True)
LOST = Fault.cut()


def created(provider, *, recipients: int = 3, **fields) -> int:
    """Have a campaign created, and give its id."""

    async def create() -> int:
        async with ViberSession(provider.credentials, base_url=provider.url) as session:
            usual = {"sender_id": 1, "message_live_time": 60, "message": "hi", "task_name": "spring"}
            people = range(FIRST, FIRST + recipients)
            return (await session.campaigns.create(**{**usual, "recipients": people, **fields})).task_id

    return asyncio.run(create())


def kept(provider, folder, *, name: str) -> tuple[int, str]:
    """Have a campaign with a key created, and give its id and its marker."""

    async def create() -> tuple[int, str]:
        ledger = SqliteLedger(folder / "ledger")
        async with ViberSession(provider.credentials, base_url=provider.url, ledger=ledger) as session:
            draft = CampaignDraft(sender_id=1, message_live_time=60, message="hi", recipients=[FIRST], task_name=name)
            made = await session.campaigns.create_once(draft, key="order 7")
            return made.task_id, made.task_name.removesuffix(f" | {name}")

    return asyncio.run(create())


def handle_of(provider, *, ledger=None, key="k", **fields):
    """Have a campaign created of which nobody knows, and give its handle."""

    async def create():
        async with ViberSession(provider.credentials, base_url=provider.url, ledger=ledger) as session:
            usual = {"sender_id": 1, "message_live_time": 60, "message": "hi", "recipients": [FIRST], **fields}
            with pytest.raises(OutcomeUnknownError) as caught:
                if ledger is None:
                    await session.campaigns.create(**usual)
                else:
                    await session.campaigns.create_once(CampaignDraft(**usual), key=key)
            return caught.value.handle

    return asyncio.run(create())


# --- senders ---


def test_senders_are_listed(provider, command):
    """With what the provider says of them."""
    code, out, err = command("senders", "list")

    assert (code, err) == (0, "")
    assert out.splitlines()[0].split() == ["id", "name", "status", "traffic", "country", "comment"]
    assert "verified" in out.splitlines()[1]


def test_senders_are_listed_as_json(provider, command):
    """All fields of each."""
    code, out, _ = command("senders", "list", "--json")
    said = json.loads(out)

    assert (code, said["outcome"], said["exit"]) == (0, "done", 0)
    assert [(each["id"], each["status"]) for each in said["senders"]] == [(1, "verified"), (2, "pending")]


def test_an_account_without_senders_is_told_so(provider, command):
    """That is why no campaign can be sent."""
    provider.faults.add(Fault.answer([]), on="senders.list")

    assert command("senders", "list") == (0, "The account has no senders.\n", "")


def test_a_sender_is_shown(provider, command):
    """By its id, in words or as JSON."""
    code, out, _ = command("senders", "show", 1)

    assert code == 0
    assert re.search(r"^  status +verified$", out, re.MULTILINE)
    assert json.loads(command("senders", "show", 1, "--json")[1])["sender"]["name"] == "sandbox"


def test_a_sender_that_is_not_there_exits_with_6(provider, command):
    """One line, and with --json what it was."""
    code, out, err = command("senders", "show", 99, "--json")

    assert code == 6
    assert json.loads(out)["error"]["type"] == "NotFoundError"
    assert err.count("\n") == 1
    assert "404" in err


# --- list ---


def test_campaigns_are_listed(provider, command):
    """The provider's order, as many as are asked for."""
    for number in range(3):
        created(provider, task_name=f"order {number}")
    provider.faults.add(
        Fault.edit(lambda rows: [{**row, "name": "call 380931111111 \x1b[2J"} for row in rows]), on="campaigns.list"
    )
    code, out, _ = command("campaigns", "list", "--limit", 2)

    assert code == 0
    assert out.splitlines()[-1] == "2 campaigns, and there may be more: --all."
    assert len(out.splitlines()) == 4
    assert "380931111111" not in out
    assert "\x1b" not in out


def test_all_campaigns_are_listed_as_json(provider, command):
    """With their whole names, and whether any can be missing."""
    ids = [created(provider, task_name=f"order {number}") for number in range(3)]
    code, out, _ = command("campaigns", "list", "--all", "--json")
    said = json.loads(out)

    assert (code, said["all"], said["doubts"]) == (0, True, [])
    assert sorted(each["id"] for each in said["campaigns"]) == ids
    assert command("campaigns", "list")[1].splitlines()[-1] == "3 campaigns."


def test_the_marker_of_a_key_stands_behind_all_else(provider, command, tmp_path):
    """In a column of its own, which is there only where there is one; machines get the name as it is."""
    created(provider, task_name="plain")
    plain = command("campaigns", "list")[1].splitlines()
    task, marker = kept(provider, tmp_path, name="spring sale")
    head, latest, first, _ = command("campaigns", "list")[1].splitlines()
    said = json.loads(command("campaigns", "list", "--json")[1])["campaigns"]

    assert plain[0].split()[-1] == "sent"
    assert head.split()[-1] == "marker"
    assert latest.startswith(f"  {task}  spring sale  ")
    assert latest.endswith(f"  {marker}")
    assert marker not in first
    assert said[0]["name"] == f"{marker} | spring sale"


def test_no_campaigns_are_none(provider, command):
    """In words."""

    assert command("campaigns", "list")[:2] == (0, "0 campaigns.\n")


def test_a_walk_that_may_have_missed_campaigns_exits_with_3(provider, command):
    """And says why."""
    for number in range(3):
        created(provider, task_name=f"order {number}")
    provider.faults.add(Fault.ignore_offset(), on="campaigns.list", times=None)
    provider.faults.add(Fault.clamp(2), on="campaigns.list", times=None)
    code, out, _ = command("campaigns", "list", "--all")

    assert code == 3
    assert "Some may be missing: " in out


# --- show ---


def test_a_campaign_is_shown(provider, command):
    """What it says and how far it came."""
    code, out, _ = command("campaigns", "show", task := created(provider))

    assert code == 0
    assert out.startswith(f"== {task}: spring\nsent, ")
    assert "  | sandbox\n  | hi\n" in out
    assert re.search(r"^  sent +3  100\.0% of all$", out, re.MULTILINE)


def test_a_campaign_with_a_key_is_shown_by_its_name(provider, command, tmp_path):
    """And its marker below; machines get both as they are."""
    task, marker = kept(provider, tmp_path, name="spring")
    heading, below, *_ = command("campaigns", "show", task)[1].splitlines()
    said = json.loads(command("campaigns", "show", task, "--json")[1])["campaign"]

    assert heading == f"== {task}: spring"
    assert re.fullmatch(rf"sent, [-\d]+ [:\d]+, marker {marker}", below)
    assert said["name"] == f"{marker} | spring"


def test_a_campaign_is_shown_as_json(provider, command):
    """As the library gives it."""
    code, out, _ = command("campaigns", "show", created(provider), "--json")

    assert code == 0
    assert json.loads(out)["campaign"]["statistics"]["sent"] == 3


def test_a_report_is_a_private_file(provider, command, tmp_path):
    """A page that stands for itself; an old one is replaced only where that is asked for."""
    task, page = created(provider, recipients=600), tmp_path / "report.html"
    code, out, err = command("campaigns", "show", task, "--html", page)
    again = command("campaigns", "show", task, "--html", page)
    said = json.loads(command("campaigns", "show", task, "--html", page, "--force", "--json")[1])

    assert (code, out) == (0, f"The report is in {page}.\n")
    assert "reading: 600 recipients" in err
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert page.read_text().startswith("<!doctype html>")
    assert again[0] == 64
    assert (said["html"], said["recipients"]) == (str(page), 600)
    assert sum(said["states"].values()) == 600
    assert float(said["cost"]["RUR"]) > 0


def test_a_report_goes_to_stdout_and_nothing_else_does(provider, command):
    """So that it can be piped; with --json two things would go there."""
    task = created(provider)

    assert command("campaigns", "show", task, "--html", "-")[1].endswith("</html>")
    assert command("campaigns", "show", task, "--html", "-", "--json")[0] == 64


# --- recipients ---


def test_recipients_are_shown_masked(provider, command):
    """The first of them, how many have which status, and what it cost."""
    task = created(provider, recipients=30)
    code, out, _ = command("campaigns", "recipients", task)
    whole = command("campaigns", "recipients", task, "--show-phones")[1]

    assert code == 0
    assert "and 10 more; write all of them to a file: recipients" in out
    assert re.search(r"^30 recipients; cost: [\d.]+ RUR\.$", out, re.MULTILINE)
    assert str(FIRST) not in out
    assert len(re.findall(r"^  \d{12} ", whole, re.MULTILINE)) == 20


def test_recipients_as_json_are_masked_too(provider, command):
    """With the figures of all, and the first."""
    task = created(provider)
    masked, whole = (
        json.loads(command("campaigns", "recipients", task, "--json", *more)[1]) for more in ([], ["--show-phones"])
    )

    assert (masked["recipients"], len(masked["first"])) == (3, 3)
    assert masked["first"][0]["phone"] == "3809•••••111"
    assert whole["first"][0]["phone"] == str(FIRST)


@pytest.mark.parametrize(("options", "begins"), [([], "campaign_id,phone"), (["--format", "rows"], '{"campaign_id"')])
def test_recipients_are_exported_whole(provider, command, tmp_path, options, begins):
    """Into a file that is this user's alone, in pieces."""
    task, target = created(provider, recipients=600), tmp_path / "out"
    code, out, err = command("campaigns", "recipients", task, target, *options)
    said = json.loads(command("campaigns", "recipients", task, target, *options, "--force", "--json")[1])
    text = target.read_text()

    assert (code, out) == (0, f"600 recipients written to {target}.\n")
    assert "reading: 600 recipients" in err
    assert text.startswith(begins)
    assert set(re.findall(r"\b\d{12}\b", text)) == {str(phone) for phone in range(FIRST, FIRST + 600)}
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert (said["file"], said["recipients"]) == (str(target), 600)


def test_recipients_are_exported_to_stdout(provider, command):
    """And nothing else is written there."""
    task = created(provider, recipients=1)
    code, out, err = command("campaigns", "recipients", task, "--format", "ndjson")

    assert (code, len(out.splitlines()), json.loads(out)["phone"]) == (0, 1, str(FIRST))
    assert err.endswith("one recipient written to the standard output.\n")
    assert command("campaigns", "recipients", task, "-", "--json")[0] == 64


def test_an_export_that_breaks_off_leaves_no_file(provider, command, tmp_path):
    """Not even half of one."""
    task = created(provider, recipients=600)
    provider.faults.add(Fault.truncate(20_000), on="campaigns.recipients", times=None)
    code, _, _ = command("campaigns", "recipients", task, tmp_path / "out")

    assert code == 5
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["c.xlsx", "c.parquet", "c.csv.gz", "c.CS"])
def test_an_export_is_not_named_for_what_it_is_not(provider, command, tmp_path, name):
    """Unless --format says what is meant."""
    task, path = created(provider), tmp_path / name
    code, _, err = command("campaigns", "recipients", task, path)

    assert (code, list(tmp_path.iterdir())) == (64, [])
    assert f"nothing here writes {path.suffix}: name a file that ends with .csv, .ndjson or .jsonl" in err
    assert command("campaigns", "recipients", task, path, "--format", "csv")[0] == 0
    assert path.read_text().startswith("campaign_id,phone,")


@pytest.mark.parametrize(
    ("name", "first"),
    [("c.csv", "campaign_id"), ("c.CSV", "campaign_id"), ("c", "campaign_id"), ("c.jsonl", '{"phone')],
)
def test_an_export_is_what_its_name_says(provider, command, tmp_path, name, first):
    """CSV where it says nothing."""
    path = tmp_path / name

    assert command("campaigns", "recipients", created(provider), path)[0] == 0
    assert path.read_text().startswith(first)


# --- watch ---


def test_a_watch_ends_when_the_campaign_is_over(provider, command):
    """With a line for each change."""
    code, out, err = command("campaigns", "watch", created(provider))

    assert (code, err) == (0, "")
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d sent: 3 sent, \d delivered, .*\nOver: each message was delivered or given up\.\n", out
    )


def test_a_watch_that_takes_too_long_exits_with_2(provider, command):
    """With --keep also what is over is watched."""
    task = created(provider)
    code, out, _ = command("campaigns", "watch", task, "--keep", "--for", "1s", "--json")
    change, end = map(json.loads, out.splitlines())

    assert code == 2
    assert change["campaign"]["statistics"]["sent"] == 3
    assert datetime.fromisoformat(change["at"]).tzinfo is not None
    assert end == {"outcome": "pending", "exit": 2, "over": False}


def test_a_watch_that_fails_is_not_one_that_takes_too_long():
    """A call's own deadline is an error of its own kind."""

    class Slow:
        def watch(self, *_, **__):
            async def looks():
                raise TimeoutError("the call's own")
                yield

            return looks()

    class Session:
        campaigns = Slow()

    with pytest.raises(TimeoutError, match="own"):
        asyncio.run(jobs.follow(Session(), 1, print, every=1, longest=60, keep=False))


def test_a_watch_looks_once_a_second_at_most(provider, command):
    """The account's allowance is for everything."""
    code, _, err = command("campaigns", "watch", 1, "--every", "0s")

    assert code == 64
    assert "--every: at least a second" in err


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_watch_is_left_by_ctrl_c(provider, command, options):
    """Tidily, and the campaign goes on."""
    provider.faults.add(Fault.before(lambda: os.kill(os.getpid(), signal.SIGINT)) + Fault.hang(), on="campaigns.get")
    code, out, err = command("campaigns", "watch", 7, *options)

    assert code == 130
    assert err == "viber-async: interrupted: the campaign goes on all the same\n"
    assert (json.loads(out)["message"] if options else "the campaign goes on all the same") in err


def test_a_watch_draws_on_a_terminal(provider, monkeypatch, terminal):
    """Bars, in colour."""
    monkeypatch.setattr(sys, "stdout", terminal)

    assert run(["campaigns", "watch", str(created(provider))]) == 0
    assert "━━━" in terminal.getvalue()
    assert "delivered" in terminal.getvalue()


def test_a_watch_ends_with_its_last_line_below_the_picture(provider, monkeypatch, terminal):
    """Nothing is drawn over it, and the picture stands there once."""
    monkeypatch.setattr(sys, "stdout", terminal)
    run(["campaigns", "watch", str(created(provider))])
    after = terminal.getvalue().partition("Over: ")[2]

    assert re.sub(r"\x1b\[[\d;]*m", "", after) == "each message was delivered or given up.\n"


# --- reconcile ---


def written(tmp_path, handle):
    path = tmp_path / "handle.json"
    path.write_text(json.dumps(handle.to_dict()))
    return path


def test_a_campaign_is_found_by_its_handle(provider, command, tmp_path):
    """In another process, as long as its name is its own."""
    provider.faults.add(CUT, on="campaigns.create")
    path = written(tmp_path, handle_of(provider, task_name="order 7"))
    code, out, _ = command("campaigns", "reconcile", path)
    said = json.loads(command("campaigns", "reconcile", path, "--json")[1])

    assert (code, out) == (0, f"order 7: found: it is campaign {provider.campaigns[0].id}.\n")
    assert (said["outcome"], said["reconciliations"][0]["verdict"]) == ("done", "found")


def test_a_campaign_that_is_not_found_exits_with_7(provider, command, tmp_path):
    """Absence is no proof."""
    provider.faults.add(LOST, on="campaigns.create")
    path = written(tmp_path, handle_of(provider))
    code, out, _ = command("campaigns", "reconcile", path)
    said = json.loads(command("campaigns", "reconcile", path, "--json")[1])

    assert code == 7
    assert out.startswith("without a name: absent so far, which proves nothing: ")
    assert "--resend-after" not in out  # that needs a key
    assert (said["outcome"], said["exit"]) == ("unknown", 7)


@pytest.mark.parametrize("lost", [False, True])
def test_a_way_on_is_named_where_there_is_one(provider, command, tmp_path, lost):
    """What has lost its marker is never sent again, whatever the caller wants."""
    provider.faults.add(LOST, on="campaigns.create")
    handle = evolve(handle_of(provider), marker="a2" * 8, marker_lost=lost)
    out = command("campaigns", "reconcile", written(tmp_path, handle))[1]

    assert "absent so far" in out
    assert ("--resend-after" in out) is not lost


def test_a_campaign_that_is_only_probable_exits_with_7(provider, command, tmp_path):
    """Sender, text and time fit, and the name says nothing."""
    provider.faults.add(CUT, on="campaigns.create")
    path = written(tmp_path, handle_of(provider))
    code, out, _ = command("campaigns", "reconcile", path)

    assert code == 7
    assert f"probably campaign {provider.campaigns[0].id}: sender, text and time fit, and nothing shows whose " in out
    assert out.endswith("whose it is. Look at it.\n")


def test_several_that_are_probable_are_several(provider, command, tmp_path):
    """And are to be looked at, all of them."""
    provider.faults.add(CUT, on="campaigns.create", times=2)
    handle_of(provider)
    out = command("campaigns", "reconcile", written(tmp_path, handle_of(provider)))[1]
    second, first = (campaign.id for campaign in provider.campaigns)

    assert f"probably campaigns {first} and {second}: sender, text and time fit" in out or (
        f"probably campaigns {second} and {first}: sender, text and time fit" in out
    )
    assert out.endswith("whose they are. Look at them.\n")


def test_all_that_is_pending_in_a_ledger_is_looked_for(provider, command, tmp_path, monkeypatch):
    """And what is found is noted: the second time nothing is pending."""
    ledger = tmp_path / "ledger" / "campaigns.ledger"
    provider.faults.add(CUT, on="campaigns.create")
    monkeypatch.delenv("SENDPULSE_API_KEY")
    name, secret = provider.credentials
    monkeypatch.setenv("SENDPULSE_API_ID", name)
    monkeypatch.setenv("SENDPULSE_API_SECRET", secret)
    handle_of(provider, ledger=SqliteLedger(ledger))
    code, out, _ = command("campaigns", "reconcile", "--ledger", ledger)

    assert code == 0
    assert out.endswith(f": found: it is campaign {provider.campaigns[0].id}.\n")
    assert command("campaigns", "reconcile", "--ledger", ledger)[:2] == (0, "Nothing is pending.\n")


@pytest.fixture
def pending(provider, tmp_path, monkeypatch):
    """A ledger with two campaigns of which nobody knows: one was created, and one was not."""
    ledger = tmp_path / "ledger"
    monkeypatch.delenv("SENDPULSE_API_KEY")
    name, secret = provider.credentials
    monkeypatch.setenv("SENDPULSE_API_ID", name)
    monkeypatch.setenv("SENDPULSE_API_SECRET", secret)
    for key, fault in (("order 7", CUT), (f"order {FIRST}", LOST)):
        provider.faults.add(fault, on="campaigns.create")
        handle_of(provider, ledger=SqliteLedger(ledger), key=key)
    return ledger


def test_a_pending_campaign_is_named_by_its_key(provider, command, pending):
    """Where the caller says the key: the ledger does not hold it. Each has its own exit code."""
    search = ("campaigns", "reconcile", "--ledger", pending)
    found = command(*search, "--key", "order 7")
    lost = command(*search, "--key", f"order {FIRST}", "--key", "order 7")
    said = json.loads(command(*search, "--key", f"order {FIRST}", "--json")[1])
    first, second = lost[1].splitlines()

    assert found[:2] == (0, f"order 7: found: it is campaign {provider.campaigns[0].id}.\n")
    assert first.startswith("order 3809•••••111: absent so far, which proves nothing: ")
    assert "`campaigns create` with --resend-after 6h" in first
    assert (lost[0], second) == (7, f"order 7: campaign {provider.campaigns[0].id} was sent with this key.")
    assert [each["key"] for each in said["reconciliations"]] == [f"order {FIRST}"]


def test_a_key_that_is_settled_is_told_by_its_campaign(provider, command, pending):
    """As found; and as JSON beside those that are not."""
    search = ("campaigns", "reconcile", "--ledger", pending)
    command(*search)
    code, out, _ = command(*search, "--key", "order 7")
    said = json.loads(command(*search, "--key", "order 7", "--key", f"order {FIRST}", "--json")[1])
    task = provider.campaigns[0].id

    assert (code, out) == (0, f"order 7: campaign {task} was sent with this key.\n")
    assert said["keys"] == [
        {"key": "order 7", "state": "accepted", "task_id": task},
        {"key": f"order {FIRST}", "state": "unknown", "task_id": None},
    ]
    assert [each["key"] for each in said["reconciliations"]] == [f"order {FIRST}"]


def test_a_key_that_the_ledger_does_not_know_is_no_key_of_a_campaign_that_is_settled(provider, command, pending):
    """It was mistyped, or it is another ledger's; what is not found among other keys weighs more."""
    search = ("campaigns", "reconcile", "--ledger", pending, "--key", "oder 7")
    code, out, _ = command(*search)
    said = json.loads(command(*search, "--json")[1])

    assert (code, out) == (64, "oder 7: this ledger knows no such key.\n")
    assert (said["exit"], said["keys"]) == (64, [{"key": "oder 7", "state": None, "task_id": None}])
    assert command(*search, "--key", "order 7")[0] == 64
    assert command(*search, "--key", f"order {FIRST}")[0] == 7


@pytest.mark.parametrize(
    ("state", "code", "says"),
    [
        (State.REJECTED, 3, "the provider refused this campaign, and nothing was created"),
        (State.PREPARED, 2, "nothing was sent with this key"),
        (State.SENDING, 7, "it may be on its way at this moment: ask again in a few minutes"),
    ],
)
def test_a_key_that_has_no_campaign_is_told_by_what_became_of_it(provider, command, pending, *, state, code, says):
    """Each with a code of its own: 0 is for what exists."""
    key = f"order {FIRST}"
    set_in(pending, provider, key, state)

    assert command("campaigns", "reconcile", "--ledger", pending, "--key", key)[:2] == (
        code,
        f"order 3809•••••111: {says}.\n",
    )


def set_in(path, provider, key, state):
    """Have a ledger say that a campaign is in that state, just now and for an hour."""

    async def put():
        ledger = SqliteLedger(path)
        account = account_tag(ClientCredentials(*provider.credentials), provider.url)
        row = await ledger.get(account, key_hash(await ledger.secret(account), key))
        after = evolve(row, state=state, version=row.version + 1, since=time.time(), lease=3600.0)
        assert await ledger.put(account, after)

    asyncio.run(put())


def test_a_pending_campaign_without_its_key_is_named_by_its_marker(provider, command, pending):
    """Which stands at the front of its name, where it has one."""
    code, out, _ = command("campaigns", "reconcile", "--ledger", pending)
    marker = provider.campaigns[0].draft.task_name.partition(" | ")[0]

    assert code == 7
    assert f"the one marked {marker}: found: " in out
    assert len(re.findall(r"^the one marked [a-z2-7]{16}: ", out, re.MULTILINE)) == 2


def test_a_search_that_was_bounded_says_so(provider, command, tmp_path):
    """The list was longer than what is read of it."""
    provider.faults.add(LOST, on="campaigns.create")
    path = written(tmp_path, handle_of(provider))
    created(provider)
    created(provider, task_name="summer")
    provider.faults.add(Fault.ignore_offset(), on="campaigns.list", times=None)
    provider.faults.add(Fault.clamp(1), on="campaigns.list", times=None)

    assert "the list was not read to its end" in command("campaigns", "reconcile", path)[1]


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ([], "give the file of a HANDLE, or --ledger PATH"),
        (["a", "--ledger", "b"], "give the file of a HANDLE, or --ledger PATH"),
        (["a", "--key", "k"], "--key goes with --ledger"),
        (["absent.json"], "HANDLE: absent.json cannot be read: No such file"),
        (["--ledger", "absent/ledger"], "is not there any more, or was never made"),
    ],
)
def test_a_reconcile_needs_one_thing_to_look_for(provider, command, tmp_path, monkeypatch, *, args, why):
    """And a ledger is not made by looking for one."""
    monkeypatch.chdir(tmp_path)
    code, _, err = command("campaigns", "reconcile", *args)

    assert code in (6, 64)
    assert why in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"task_name": "x"}'])
def test_what_is_no_handle_is_refused(provider, command, tmp_path, text):
    """Whatever it is."""
    path = tmp_path / "handle.json"
    path.write_text(text)
    code, _, err = command("campaigns", "reconcile", path)

    assert code == 64
    assert "handle" in err


def test_the_ledger_of_the_environment_stands_back_where_a_handle_is_given(provider, command, tmp_path, monkeypatch):
    """It is for the commands that need one."""
    monkeypatch.setenv("VIBER_ASYNC_LEDGER", str(tmp_path / "ledger"))
    provider.faults.add(CUT, on="campaigns.create")
    path = written(tmp_path, handle_of(provider, task_name="order 7"))

    assert command("campaigns", "reconcile", path)[0] == 0
