"""`viber-async campaigns create`: what is shown, what is asked, what is sent, and what is left if nobody knows."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from viber_async.cli import _campaign_jobs as jobs
from viber_async.cli import create as module
from viber_async.cli._account import Told
from viber_async.cli._offer import Once
from viber_async.errors import OutcomeUnknownError
from viber_async.sandbox import Fault

FIRST = 380931112200
USUAL = ("--sender", 1, "--text", "hi", "--live", "1h")
ONE = (*USUAL, "--to", f"+{FIRST}")
CUT = Fault.cut(processed=True)


@pytest.fixture
def create(provider, command, monkeypatch):
    """Runs the command with nobody at the terminal; or with somebody who types *typed*."""

    def ran(*args, typed: str | None = None):
        monkeypatch.setattr(module, "can_ask", lambda: typed is not None)
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed or ""))
        return command("campaigns", "create", *args)

    return ran


@pytest.fixture
def draft(tmp_path):
    """Writes a draft, and gives its path."""

    def written(text: str, name: str = "draft.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return written


def texts(provider):
    return [campaign.draft.message for campaign in provider.campaigns]


# --- what is sent ---


def test_a_campaign_is_created_from_options(provider, create):
    """With all that one can have."""
    code, out, err = create(
        *USUAL,
        *("--name", "spring", "--to", "+380 93 111 22 00", "--to", FIRST + 1, "--to", FIRST, "--stretch", 2),
        *("--button", "Go", "https://example.com", "--image", "https://example.com/a.png", "--sms", "shop", "Hi!"),
        *("--send-at", "2099-01-02 10:00:00", "--yes"),
    )
    body = provider.requests_of("campaigns.create")[0].json
    task = provider.campaigns[0].id

    assert (code, out) == (0, f"Created: campaign {task}. Watch it: viber-async campaigns watch {task}\n")
    assert body == {
        "task_name": "spring",
        "message_type": 2,
        "sender_id": 1,
        "message_live_time": 3600,
        "send_date": "2099-01-02 10:00:00",
        "recipients": [FIRST, FIRST + 1],
        "message": "hi",
        "stretch_time": 2,
        "additional": {
            "button": {"text": "Go", "link": "https://example.com"},
            "image": {"link": "https://example.com/a.png"},
            "resend_sms": {"status": True, "sms_text": "Hi!", "sms_sender_name": "shop"},
        },
    }
    for said in ("to 2 recipients", "1 given twice", "[ Go ]", "shop: Hi!", "over 2 h", "2099-01-02", "3809•••••200"):
        assert said in err
    assert str(FIRST) not in err


def test_a_campaign_is_created_from_a_draft_and_options_together(provider, create, draft):
    """What the one leaves open, the other may say."""
    path = draft(
        "sender_id: 1\nmessage_live_time: 60\nmessage: hi\nadditional: {button: {text: Go, link: https://a.example}}"
    )
    code, out, _ = create("--draft", path, "--to", FIRST, "--image", "https://a.example/a.png", "--yes", "--json")
    said = json.loads(out)

    assert (code, said["outcome"], said["recipients"], said["duplicates"]) == (0, "done", 1, 0)
    assert said["campaign"]["task_id"] == provider.campaigns[0].id
    assert provider.campaigns[0].draft.button_text == "Go"


def test_a_system_message_is_one(provider, create):
    """By its option."""

    assert create(*ONE, "--system", "--yes")[0] == 0
    assert provider.campaigns[0].draft.message_type == 3


def test_a_mailing_list_is_named_by_its_id(provider, create):
    """How many are on it, only the provider knows."""
    code, _, err = create(*USUAL, "--address-book", 850852, "--yes")

    assert code == 0
    assert "A campaign to mailing list 850852" in err
    assert provider.campaigns[0].draft.address_book == 850852


def test_recipients_come_from_a_file(provider, create, draft):
    """Text, CSV or NDJSON, by the same rules as a sync."""
    path = draft(f"name;phone\nAnn;+{FIRST}\nBob;{FIRST + 1}\nAnn;{FIRST}\n", "list.csv")
    code, _, err = create(*USUAL, "--recipients", path, "--yes")

    assert code == 0
    assert provider.campaigns[0].draft.recipients == (FIRST, FIRST + 1)
    assert "1 given twice, left out" in err


def test_a_column_and_a_region_are_as_in_a_sync(provider, create, draft):
    """From 1, and by two letters."""
    path = draft("a,b\n0931112200,0931112201\n0931112202,0931112203\n", "list.csv")

    assert create(*USUAL, "--recipients", path, "--column", 2, "--region", "UA", "--yes")[0] == 0
    assert provider.campaigns[0].draft.recipients == (FIRST + 1, FIRST + 3)


def test_a_draft_comes_from_stdin(provider, command, monkeypatch):
    """Then nobody can be asked."""
    text = json.dumps({"sender_id": 1, "message_live_time": 60, "message": "hi", "recipients": [FIRST]})

    def create(*options):
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        return command("campaigns", "create", "--draft", "-", *options)[0]

    assert (create(), create("--yes")) == (64, 0)
    assert texts(provider) == ["hi"]


# --- what is not ---


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["--text", "hi", "--live", "1h", "--to", FIRST], "missing: sender_id (--sender); give it as an option, or"),
        (["--sender", 1, "--text", "hi", "--to", FIRST], "missing: message_live_time (--live); give it as"),
        ([*ONE[:2], *ONE[4:]], "missing: message (--text); give it"),
        (USUAL, "missing: recipients (--to or --recipients) or address_book (--address-book); give it as an option"),
        (
            [],
            "missing: sender_id (--sender), message_live_time (--live), message (--text), recipients (--to or --recip",
        ),
        (
            [*ONE, "--address-book", 1],
            "viber-async: --to or --recipients: give one of them or --address-book, not both\n",
        ),
        ([*ONE, "--recipients", "list.txt"], "with --to or with --recipients, not with both"),
        ([*USUAL, "--recipients", "absent.txt"], "--recipients: absent.txt is not there"),
        ([*USUAL, "--recipients", "bad.txt"], "--recipients: 2 of 3 entries of bad.txt hold no phone"),
        ([*USUAL, "--recipients", "cut.gz"], "--recipients: cut.gz: this gzip file is"),
        ([*USUAL, "--recipients", "none.txt"], "--to or --recipients: at least one phone\n"),
        ([*USUAL, "--recipients", "long.txt"], "--to or --recipients: at most 1000 different phones"),
        ([*ONE, "--draft", "draft.yaml"], "--sender: the draft has sender_id already"),
        ([*ONE, "--draft", "absent.yaml"], "--draft: absent.yaml cannot be read: No such file"),
        ([*ONE, "--draft", "latin.yaml"], "--draft: latin.yaml is not UTF-8"),
        (
            [*ONE, "--draft", "typo.yaml"],
            "typo.yaml: send_dat: no such key in the provider's API (did you mean send_date?)",
        ),
        ([*ONE[:-2], "--draft", "far.yaml"], "far.yaml: xyz: no such key in the provider's API; got"),
        (
            [*ONE, "--draft", "part.yaml"],
            "part.yaml: button.txt: no such key in the provider's API (did you mean text?)",
        ),
        ([*USUAL, "--to", "0931111111", "--draft", "named.yaml"], "viber-async: --to: a phone"),
        ([*USUAL, "--to", "0931111111"], "a phone starts with its country code"),
        (
            [*ONE, "--send-at", "2001-01-01 10:00:00"],
            "--send-at: is past in every time zone; without it, it is sent at once; got '2001-01-01 10:00:00'\n",
        ),
        (
            [*ONE, "--send-at", "2001-01-01 10:00:00+00:00", "--time-zone", "Europe/Kyiv"],
            "--send-at: is past; without it, it is sent at once; got '2001-01-01 10:00:00+00:00'\n",
        ),
        ([*ONE, "--send-at", "tomorrow"], '"now" or YYYY-MM-DD HH:MM:SS'),
        (
            [*ONE, "--send-at", "2099-01-01 10:00:00+02:00"],
            "--send-at: with an offset it needs --time-zone, the account's; got",
        ),
        (
            [*ONE, "--send-at", "2099-01-01 10:00:00", "--time-zone", "Europe/Kyiv"],
            "--send-at: with --time-zone it needs its offset, such as +02:00; got '2099-01-01 10:00:00'\n",
        ),
        ([*USUAL[:2], *ONE[4:], "--button", "Go", "https://a.example"], "viber-async: --text: give --text, --text and"),
        ([*ONE, "--text", " "], "--text: blank text says nothing; got ' '\n"),
        ([*ONE, "--time-zone", "Mars/Base"], "--time-zone: there is no Mars/Base"),
        ([*ONE, "--button", "Go", "javascript:x"], "--button (link): an https:// link"),
        ([*ONE, "--live", "24"], "'--live': a number and its unit, as in 1m or 24h; got '24'"),
        ([*ONE, "--live", "2d"], "'--live': from 1m to 24h; got '2d'"),
        ([*ONE, "--live", "59s"], "'--live': from 1m to 24h; got '59s'"),
        ([*ONE, "--live", f"{10**20}d"], "'--live': from 1m to 24h; got '1000•••"),
        (
            [*ONE, "--key", "k", "--ledger", "ledger", "--resend-after", "9m"],
            "'--resend-after': at least 10m, or a provider that is merely busy is given it twice; got '9m'",
        ),
        ([*USUAL, "--recipients", "bare.txt"], "or say whose national spelling it is with --region, such as UA"),
        (
            [*ONE[:-2], "--to", FIRST, "--draft", "button.yaml"],
            "button.yaml: button: no such key in the provider's API at ",
        ),
        (
            [*ONE[:4], *ONE[6:], "--draft", "live.yaml"],
            "live.yaml: message_live_time: in seconds, 86400 for 24 hours; write a",
        ),
        ([*ONE[2:], "--draft", "sender.yaml"], "sender.yaml: sender_id: write a whole number with digits alone"),
        (
            [*ONE, "--draft", "past.yaml"],
            'past.yaml: send_date: is past in every time zone; "now" sends at once; got \'2001-',
        ),
        ([*USUAL[:2], *ONE[4:], "--draft", "blank.yaml"], "blank.yaml: message: blank text says nothing; got ' '\n"),
        ([*ONE, "--draft", "kind.yaml"], "kind.yaml: message_type: 2 for a promotion, 3 for a system message; got 4\n"),
        (
            [*ONE, "--draft", "zone.yaml", "--time-zone", "Europe/Kyiv"],
            "send_date: with --time-zone it needs its offset",
        ),
        ([*ONE, "--draft", "link.yaml"], "link.yaml: button.link: give text; nothing stands there\n"),
        ([*ONE[:2], *ONE[4:], "--draft", "colon.yaml"], "a text that holds a colon and a space goes in quotes"),
        (
            [*ONE[:4], *ONE[6:], "--draft", "long.json"],
            "long.json: message_live_time: whole seconds from 60 to 86400; got 864000\n",
        ),
        ([*ONE, "--key", "k"], "--key needs --ledger PATH"),
        ([*ONE, "--resend-after", "6h"], "--resend-after needs --key"),
        ([*ONE, "--handle", "list.txt"], "--handle: list.txt is there already"),
        ([*ONE, "--handle", "absent/handle"], "there is no such directory"),
    ],
)
def test_what_is_wrong_is_refused_at_the_door(provider, create, tmp_path, monkeypatch, *, args, why):
    """Exit code 64, and nothing was sent; --yes or not."""
    files = {
        "list.txt": f"{FIRST}\n",
        "bad.txt": f"{FIRST}\nn/a\n0931111111\n",
        "none.txt": "# nobody\n",
        "long.txt": "".join(f"{FIRST + i}\n" for i in range(1001)),
        "draft.yaml": "sender_id: 1\n",
        "typo.yaml": "send_dat: now\n",
        "far.yaml": "xyz: now\n",
        "part.yaml": "additional: {button: {txt: Go, link: https://example.com/}}\n",
        "named.yaml": "task_name: spring\n",
        "bare.txt": "0931111111\n",
        "button.yaml": "button: {text: Go, link: https://example.com/}\n",
        "live.yaml": "message_live_time: 24h\n",
        "sender.yaml": "sender_id: one\n",
        "past.yaml": "send_date: 2001-01-01 10:00:00\n",
        "blank.yaml": "message: ' '\n",
        "kind.yaml": "message_type: 4\n",
        "zone.yaml": "send_date: 2099-01-01 10:00:00\n",
        "link.yaml": "additional: {button: {text: Go}}\n",
        "colon.yaml": "message: hi: there\n",
        "long.json": '{"message_live_time": 864000}',
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "cut.gz").write_bytes(b"\x1f\x8b\x08\x00")
    (tmp_path / "latin.yaml").write_bytes("message: Grüße".encode("latin-1"))
    monkeypatch.chdir(tmp_path)
    code, out, err = create(*args, "--yes")

    assert (code, out) == (64, "")
    assert why in err
    assert provider.requests_of("campaigns.create") == ()
    assert str(FIRST) not in err


def test_lines_without_a_phone_are_shown(provider, create, draft):
    """With their numbers; and as JSON, if that is wanted."""
    code, out, err = create(*USUAL, "--recipients", draft(f"{FIRST}\nn/a\n", "list.txt"), "--yes", "--json")

    assert code == 64
    assert json.loads(out)["rejects"][0]["line"] == 2
    assert err.splitlines()[:2] == ["1 entry holds no phone:", "  line 2: 'n/a': a phone has digits, and this has none"]


def test_a_zone_is_the_accounts(provider, create):
    """Then a time has its offset, and is sent as the account's clock shows it."""

    assert create(*ONE, "--time-zone", "Europe/Kyiv", "--send-at", "2099-01-02 10:00:00+00:00", "--yes")[0] == 0
    assert provider.requests_of("campaigns.create")[0].json["send_date"] == "2099-01-02 12:00:00"


def test_a_sender_that_is_not_there_is_found_out_first(provider, create):
    """Before anybody is asked."""
    code, _, err = create(*ONE[2:], "--sender", 99, "--yes")

    assert code == 6
    assert "404" in err
    assert "check SENDPULSE_BASE_URL" in err
    assert provider.campaigns == ()


def test_a_sender_that_is_not_verified_is_said_so(provider, create):
    """The provider is the one to refuse it."""
    code, _, err = create(*ONE[2:], "--sender", 2, "--yes")

    assert code == 6
    assert "status is pending and not verified" in err
    assert "704" in err
    assert "`viber-async senders list` shows which are" in err
    provider.faults.add(Fault.edit(lambda sender: {**sender, "status": None}), on="senders.get")
    assert "status is unknown and not verified" in create(*ONE, "--dry-run")[1]


# --- asking ---


@pytest.mark.parametrize(
    ("typed", "code", "sent"), [("y\n", 0, ["hi"]), ("n\n", 4, []), ("\n", 4, []), ("what\ny\n", 0, ["hi"])]
)
def test_nothing_is_sent_before_somebody_says_yes(provider, create, *, typed, code, sent):
    """The question says to how many; no answer is a no."""
    ended, out, err = create(*ONE, typed=typed)

    assert (ended, texts(provider)) == (code, sent)
    assert "Send this campaign to one recipient? [y/n] (n): " in err
    assert out.startswith("Created: " if sent else "Nothing was sent.")


@pytest.mark.parametrize(
    ("args", "why"),
    [(USUAL, "missing: recipients"), ([*ONE, "--address-book", 1], "give one of them or --address-book")],
)
def test_what_is_wrong_is_said_before_anybody_is_asked(provider, create, args, why):
    """Who mends a draft in a pipe is told of it, and not first of --yes."""
    code, _, err = create(*args)

    assert code == 64
    assert why in err
    assert "--yes" not in err


def test_who_cannot_be_asked_has_to_say_so(provider, create):
    """A script that forgot --yes sends nothing."""
    code, _, err = create(*ONE)

    assert code == 64
    assert "say --yes to send it, or --dry-run" in err
    assert provider.requests == ()


@pytest.mark.parametrize("ends", [KeyboardInterrupt, EOFError])
def test_ctrl_c_at_the_question_is_a_no(provider, create, monkeypatch, ends):
    """And tidy; so is the end of the input."""

    def interrupted(*_args, **_options):
        raise ends

    monkeypatch.setattr("builtins.input", interrupted)
    code, out, err = create(*ONE, typed="")

    assert (code, out) == (130, "Nothing was sent.\n")
    assert err.endswith("\n")
    assert "Traceback" not in err
    assert provider.campaigns == ()


def test_a_dry_run_shows_it_all_and_sends_nothing(provider, create):
    """Exit code 2, as for all that is pending."""
    code, out, err = create(*ONE, "--dry-run")

    assert (code, err) == (2, "")
    assert "  | sandbox\n  | hi\nNothing was sent.\n" in out
    assert "3809•••••200" in out
    assert f"{FIRST}" in create(*ONE, "--dry-run", "--show-phones")[1]
    assert provider.campaigns == ()


@pytest.mark.parametrize(("options", "phone"), [([], "3809•••••200"), (["--show-phones"], FIRST)])
def test_a_dry_run_as_json_has_the_draft(provider, create, options, phone):
    """In the provider's words, phones masked; and who would send it."""
    code, out, err = create(*ONE, "--dry-run", "--json", *options)
    said = json.loads(out)

    assert (code, err, said["outcome"]) == (2, "", "pending")
    assert said["draft"]["recipients"] == [phone]
    assert (said["sender"]["name"], said["recipients"], said["address_book"]) == ("sandbox", 1, None)


def test_more_than_a_few_recipients_are_counted(provider, create, draft):
    """The first ten are shown."""
    path = draft("".join(f"{FIRST + i}\n" for i in range(12)), "list.txt")
    out = create(*USUAL, "--recipients", path, "--dry-run")[1]

    assert out.count("•••••") == 10
    assert " and 2 more" in out


# --- nobody knows ---


def follow_up(err: str) -> str:
    return next(line for line in err.splitlines() if "go on with: " in line).partition("go on with: ")[2]


@pytest.mark.parametrize("fault", [CUT, Fault.cut(), Fault.html(502)])
def test_an_unknown_outcome_has_its_own_exit_code_and_leaves_a_handle(provider, create, tmp_path, fault):
    """In its file, on stdout, and in the command that goes on; without phones or text."""
    provider.faults.add(fault, on="campaigns.create")
    path = tmp_path / "a handle.json"
    code, out, err = create(*ONE, "--name", "order 7", "--yes", "--handle", path)

    assert code == 7
    assert path.read_text() == out
    assert json.loads(out)["task_name"] == "order 7"
    assert f"viber-async: the handle is in {path}\n" in err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert follow_up(err) == f"viber-async campaigns reconcile '{path}'"
    assert str(FIRST) not in out + err


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_what_happened_is_said_before_what_to_do_about_it(provider, create, monkeypatch, options):
    """Also where both streams are one; and it is said once."""
    provider.faults.add(CUT, on="campaigns.create")
    both = io.StringIO()
    monkeypatch.setattr(sys, "stderr", both)
    monkeypatch.setattr(sys, "stdout", both)
    create(*ONE, "--yes", *options)
    said = [line for line in both.getvalue().splitlines() if line.startswith(("viber-async: ", "{"))]

    assert [line[:36] for line in said] == [
        "viber-async: the campaign may or may",
        "viber-async: go on with: printf %s '",
        said[-1][:36],
    ]
    assert json.loads(said[-1])


def test_the_command_that_goes_on_can_be_typed_as_it_stands(provider, create, command, monkeypatch):
    """Without a file too: quotes and all. It finds what was created."""
    provider.faults.add(CUT, on="campaigns.create")
    _, _, err = create(*ONE, "--name", "it's order 7", "--yes")
    printed, _, typed = follow_up(err).rpartition(" | ")
    handle = subprocess.run(["/bin/sh", "-c", printed], check=True, capture_output=True, text=True).stdout
    monkeypatch.setattr(sys, "stdin", io.StringIO(handle))

    assert command(*shlex.split(typed)[1:]) == (
        0,
        f"it's order 7: found: it is campaign {provider.campaigns[0].id}.\n",
        "",
    )


def test_an_unknown_outcome_as_json_has_the_handle_and_what_to_type_next(provider, create):
    """For programs."""
    provider.faults.add(CUT, on="campaigns.create")
    code, out, err = create(*ONE, "--yes", "--json")
    said = json.loads(out)

    assert (code, said["outcome"], said["exit"]) == (7, "unknown", 7)
    assert said["error"]["handle"]["sender_id"] == 1
    assert said["error"]["next"] == follow_up(err)


def test_a_handle_that_cannot_be_written_still_stands_on_stdout(provider, create, tmp_path, monkeypatch):
    """It is what is needed most."""

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("viber_async.cli._offer.replace_file", full)
    provider.faults.add(CUT, on="campaigns.create")
    code, out, err = create(*ONE, "--yes", "--handle", tmp_path / "handle")

    assert code == 7
    assert json.loads(out)["sender_id"] == 1
    assert "could not be written: No space left on device" in err
    assert follow_up(err).startswith("printf %s ")


def test_an_error_without_a_handle_has_nothing_to_write(tmp_path):
    """No create of ours gives one; but its type allows it."""
    once = Once(key=None, ledger=None, resend_after=None, handle=str(tmp_path / "handle"))
    once.keep(OutcomeUnknownError())

    assert (tmp_path / "handle").read_text() == "\n"


# --- at most once ---


def test_a_key_is_sent_once(provider, create, tmp_path):
    """The second time its campaign is found."""
    options = (*ONE, "--yes", "--key", "order 7", "--ledger", tmp_path / "l" / "ledger", "--json")
    first, second = (json.loads(create(*options)[1]) for _ in range(2))

    assert first["campaign"]["task_id"] == second["campaign"]["task_id"]
    assert (first["found"], second["found"]) == (False, True)
    assert len(provider.campaigns) == 1
    assert "order 7" not in provider.campaigns[0].draft.task_name


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ((), "the provider invents one"),
        (("--name", "spring"), "spring"),
        (("--key", "k"), "campaign, behind the marker of its key"),
        (("--key", "k", "--name", "spring"), "spring, behind the marker of its key"),
    ],
)
def test_the_name_is_shown_as_it_will_be(create, tmp_path, options, name):
    """The provider invents none where a marker stands in front of it."""
    out = create(*ONE, "--dry-run", "--ledger", tmp_path / "ledger", *options)[1]

    assert re.search(rf"^  name +{name}$", out, re.MULTILINE)


@pytest.mark.parametrize("dated", [True, False])
def test_a_key_that_was_sent_before_is_found_and_not_created(provider, create, tmp_path, dated):
    """Who reads "Created" believes that something was sent now."""
    if not dated:
        provider.faults.add(
            Fault.edit(lambda said: {**said, "data": {**said["data"], "send_date": None}}), on="campaigns.create"
        )
    options = (*ONE, "--yes", "--key", "order 7", "--ledger", tmp_path / "ledger")
    first, second = (create(*options)[1] for _ in range(2))
    task = provider.campaigns[0].id
    date = r" \(its date is \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\)" if dated else ""

    assert first.startswith(f"Created: campaign {task}. Watch it: ")
    assert re.match(
        rf"Found: campaign {task} was sent with this key before{date}; nothing was sent now\. Watch", second
    )


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_nobody_is_asked_whether_to_send_what_was_sent_already(provider, create, tmp_path, options):
    """The ledger is looked at first; a yes would have sent nothing, and a no would have kept nothing back."""
    options = (*ONE, "--key", "order 7", "--ledger", tmp_path / "ledger", *options)
    create(*options, "--yes")
    code, out, err = create(*options, typed="")
    task = provider.campaigns[0].id

    assert (code, err) == (0, "")
    assert (json.loads(out)["found"] if "--json" in options else f"Found: campaign {task} was sent with" in out) is True
    assert len(provider.requests_of("campaigns.create")) == 1


def test_nobody_is_asked_about_a_key_that_stands_for_another_campaign(provider, create, tmp_path):
    """It is refused first."""
    ledger = ("--key", "order 7", "--ledger", tmp_path / "ledger")
    create(*ONE, *ledger, "--yes")
    code, _, err = create(*ONE, "--to", FIRST + 1, *ledger, typed="y\n")

    assert code == 6
    assert "this key was used before for a campaign with other content" in err
    assert "Send this campaign" not in err


@pytest.mark.parametrize("fault", [None, CUT])
def test_a_key_that_was_not_sent_for_sure_is_asked_about(provider, create, tmp_path, fault):
    """A ledger is not made by looking into it; one that does not know is no reason to send."""
    ledger = tmp_path / "ledger"
    options = (*ONE, "--key", "order 7", "--ledger", ledger)
    if fault is not None:
        provider.faults.add(fault, on="campaigns.create")
        create(*options, "--yes")
    sent = len(provider.campaigns)
    code, out, err = create(*options, typed="n\n")

    assert (code, out, len(provider.campaigns)) == (4, "Nothing was sent.\n", sent)
    assert "Send this campaign to one recipient?" in err
    assert ledger.exists() is (fault is not None)
    assert create(*options[:-3], "order 8", *options[-2:], typed="n\n")[0] == 4


def test_what_fails_before_a_create_says_that_nothing_was_sent(provider, create, tmp_path):
    """A request for a list sounds like anything but that."""
    provider.faults.add(Fault.cut(), on="campaigns.list", times=None)
    code, _, err = create(*ONE, "--yes", "--key", "order 7", "--ledger", tmp_path / "ledger")

    assert code == 5
    assert "looking for the campaign before creating it failed, so nothing was sent: GET /viber/task" in err
    provider.faults.add(Fault.cut(), on="senders.get", times=None)
    assert "looking at the sender failed, so nothing was sent: GET /viber/senders/1" in create(*ONE, "--yes")[2]


# --- nobody reads what came of it ---


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_campaign_that_was_created_is_one_though_there_is_no_room_for_the_results(
    provider, create, monkeypatch, options
):
    """Its id is on stderr; with the code of a failure, a script would send it again."""
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        code, _, err = create(*ONE, "--yes", *options)

    assert (code, len(provider.campaigns)) == (0, 1)
    assert "viber-async: the standard output could not be written: No space left on device\n" in err
    assert f"viber-async: Created: campaign {provider.campaigns[0].id}. " in err.splitlines()[-1]


def test_a_key_of_unknown_outcome_is_gone_on_with_through_the_ledger(provider, create, command, tmp_path, monkeypatch):
    """Its path may come from the environment."""
    ledger = tmp_path / "the ledger"
    monkeypatch.setenv("VIBER_ASYNC_LEDGER", str(ledger))
    provider.faults.add(CUT, on="campaigns.create")
    code, _, err = create(*ONE, "--yes", "--key", "order 7")
    typed = follow_up(err)

    assert code == 7
    assert typed == f"viber-async campaigns reconcile --ledger '{ledger}' --key 'order 7'"
    assert command(*shlex.split(typed)[1:])[:2] == (0, f"order 7: found: it is campaign {provider.campaigns[0].id}.\n")


def test_a_key_that_holds_a_phone_is_not_written_into_a_log(provider, create, tmp_path):
    """The command that goes on does without it, and looks for all that is pending."""
    provider.faults.add(CUT, on="campaigns.create")
    _, _, err = create(*ONE, "--yes", "--key", f"welcome {FIRST}", "--ledger", tmp_path / "ledger")

    assert follow_up(err) == f"viber-async campaigns reconcile --ledger {tmp_path / 'ledger'}"
    assert str(FIRST) not in err


def test_a_key_with_other_content_is_refused(provider, create, tmp_path):
    """For good."""
    options = ("--yes", "--key", "order 7", "--ledger", tmp_path / "ledger")
    create(*ONE, *options)
    code, _, err = create(*ONE, "--to", FIRST + 1, *options)

    assert code == 6
    assert "key" in err
    assert len(provider.campaigns) == 1


def test_a_wait_for_another_process_is_told_on_stderr(provider, create, tmp_path, monkeypatch):
    """It can take minutes."""

    async def waits(*_args, **_options):
        jobs.logging.getLogger("viber_async").info("another process has this campaign in hand")
        return await provider_create(*_args, **_options)

    provider_create = jobs.create
    monkeypatch.setattr(jobs, "create", waits)
    code, _, err = create(*ONE, "--yes")

    assert code == 0
    assert "viber-async: another process has this campaign in hand\n" in err


# --- signals ---


def sent_signal(number=signal.SIGINT):
    return Fault.before(lambda: os.kill(os.getpid(), number))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_answer_of_a_campaign_under_way(provider, create, number):
    """Without it, nobody would know; with it, all is well."""
    provider.faults.add(sent_signal(number), on="campaigns.create")
    code, out, err = create(*ONE, "--yes")

    assert code == 0
    assert out.startswith("Created: campaign ")
    assert "interrupted: waiting for the answer, at most 8 s; interrupt again to leave at once" in err


@pytest.mark.parametrize("options", [[], ["--key", "k", "--ledger", "ledger"]])
def test_a_signal_that_leaves_a_campaign_under_way_ends_with_an_unknown_outcome(
    provider, create, tmp_path, monkeypatch, options
):
    """With the handle, and not with the code that says: run it again."""
    monkeypatch.setattr(jobs, "FINISHES_WITHIN", 0.05)
    monkeypatch.chdir(tmp_path)
    provider.faults.add(sent_signal() + Fault.hang(), on="campaigns.create")
    code, out, err = create(*ONE, "--yes", *options)

    assert code == 7
    assert json.loads(out)["sender_id"] == 1
    assert "go on with: " in err


@pytest.mark.parametrize(("key", "says"), [((), 5), (("--key", "k", "--ledger"), 7)])
def test_after_a_signal_nothing_more_is_sent(provider, create, tmp_path, key, says):
    """Also if what was under way comes back with a clear no that is usually repeated."""
    options = (*key, tmp_path / "ledger") if key else ()
    provider.faults.add(sent_signal() + Fault.throttle(0), on="campaigns.create", times=1)
    code, _, err = create(*ONE, "--yes", *options)

    assert (code, provider.campaigns, len(provider.requests_of("campaigns.create"))) == (says, (), 1)
    assert ("was answered 429" in err) is (says == 5)


@pytest.mark.parametrize("as_json", [True, False])
def test_an_unknown_outcome_keeps_its_code_where_the_results_find_no_room(provider, create, monkeypatch, as_json):
    """A disk that is full is a lesser evil, and is said too."""
    provider.faults.add(CUT, on="campaigns.create")
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        code, _, err = create(*ONE, "--yes", *(["--json"] if as_json else []))
        let_go(full)

    assert code == 7
    assert follow_up(err).startswith("printf %s ")
    assert "viber-async: the standard output could not be written: No space left on device\n" in err


def let_go(stream):
    """Have what it could not write go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@pytest.mark.parametrize("options", [[], ["--key", "k", "--ledger", "ledger"]])
def test_a_signal_before_anything_left_ends_with_130(provider, create, tmp_path, monkeypatch, options):
    """Nothing was sent, and that is said."""
    monkeypatch.chdir(tmp_path)
    provider.faults.add(sent_signal() + Fault.hang(), on="senders.get")
    code, _, err = create(*ONE, "--yes", *options)

    assert (code, err) == (130, "viber-async: interrupted: nothing was sent\n")
    assert provider.campaigns == ()


def test_a_signal_while_a_key_is_looked_for_ends_with_130(provider, create, tmp_path):
    """At once, and nothing was sent."""
    provider.faults.add(sent_signal() + Fault.hang(), on="campaigns.list")
    code, _, err = create(*ONE, "--yes", "--key", "k", "--ledger", tmp_path / "ledger")

    assert code == 130
    assert err.endswith("interrupted: nothing was sent\n")
    assert provider.campaigns == ()


def test_what_was_said_before_the_command_is_part_of_what_to_type_next():
    """Such as where the credentials are."""

    assert Told().command == "viber-async"
    assert Told(env_file="my env").command == "viber-async --env-file 'my env'"


def test_what_can_be_asked_is_a_terminal(monkeypatch, terminal):
    """And no pipe."""
    monkeypatch.setattr(sys, "stdin", terminal)
    assert module.can_ask()
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert not module.can_ask()


def test_a_shown_draft_is_the_one_that_is_sent(provider, create):
    """Byte for byte: what --dry-run --json shows is what arrives."""
    shown = json.loads(create(*ONE, "--dry-run", "--json", "--show-phones")[1])["draft"]
    create(*ONE, "--yes")

    assert provider.requests_of("campaigns.create")[0].json == shown
