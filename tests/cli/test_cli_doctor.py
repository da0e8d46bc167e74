"""`viber-async doctor`: what it looks at, and what it says of what it finds."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import trustme

from tests.fleet.conftest import RedisServer, program, running
from viber_async import SqliteLedger
from viber_async.cli import _checks as checks
from viber_async.cli._checks import Check
from viber_async.cli.doctor import code_of
from viber_async.errors import AuthenticationError, ConfigurationError, ConnectionFailedError
from viber_async.sandbox import Fault

STATES = {"address", "blacklist", "clock", "credentials", "ledger", "rate limit", "Redis", "senders", "TLS", "versions"}


@pytest.fixture
def doctor(command):
    """Runs it; gives its exit code and each check by its name."""

    def ran(*args):
        code, out, _ = command("doctor", "--json", *args)
        return code, {check["name"]: (check["state"], check["said"]) for check in json.loads(out)["checks"]}

    return ran


def test_all_is_well_where_all_is_there(provider, command):
    """In a line for each; nothing is sent to anybody."""
    code, out, err = command("doctor")

    assert (code, err) == (0, "")
    assert out.endswith("All is well.\n")
    assert "[ok] senders: 1 verified: sandbox (id 1, " in out
    assert "); 1 pending\n" in out
    assert {request.method for request in provider.requests} == {"GET"}


def test_each_check_has_its_name_and_state(provider, doctor):
    """For programs that watch."""
    code, found = doctor()

    assert code == 0
    assert set(found) == STATES
    assert found["TLS"][0] == found["ledger"][0] == found["Redis"][0] == "skipped"


def test_missing_credentials_exit_with_64(doctor, monkeypatch):
    """What needs an account is said not to have been looked at."""
    for name in ("SENDPULSE_API_KEY", "SENDPULSE_API_ID", "SENDPULSE_API_SECRET", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    code, found = doctor()

    assert code == 64
    assert set(found) == STATES
    assert [name for name, (state, _) in found.items() if state not in ("ok", "skipped")] == ["credentials"]
    assert found["TLS"] == found["clock"] == ("skipped", "not looked at: the credentials have to be accepted first")
    assert found["ledger"] == ("skipped", "none was named with --ledger")


def test_without_credentials_a_ledger_is_not_read(doctor, monkeypatch, tmp_path):
    """It is known by its account; but whether there is one is seen."""
    for name in ("SENDPULSE_API_KEY", "SENDPULSE_API_ID", "SENDPULSE_API_SECRET", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    missing = doctor("--ledger", tmp_path / "ledger")[1]["ledger"]
    asyncio.run(SqliteLedger(tmp_path / "ledger").secret("account"))

    assert missing[0] == "note"
    assert doctor("--ledger", tmp_path / "ledger")[1]["ledger"] == (
        "skipped",
        "not looked at: the credentials have to be accepted first",
    )


def test_refused_credentials_exit_with_6(provider, doctor, monkeypatch):
    """And nothing else is asked."""
    monkeypatch.setenv("SENDPULSE_API_KEY", "wrong")
    code, found = doctor()

    assert code == 6
    assert found["credentials"][0] == "no"
    assert found["senders"] == found["clock"] == ("skipped", "not looked at: the credentials have to be accepted first")
    assert {request.operation for request in provider.requests} == {"senders.list"}


def test_an_account_without_a_verified_sender_exits_with_1(provider, doctor):
    """No campaign can be sent from it."""
    rows = [{"id": 2, "name": "new", "status": "pending"}, {"id": 3, "name": "odd", "status": None}]
    provider.faults.add(Fault.answer(rows), on="senders.list", times=None)
    code, found = doctor()

    assert code == 1
    assert found["senders"] == ("no", "none is verified, so no campaign can be sent; 1 pending, 1 unknown")


def test_senders_are_counted_apart_from_their_names(provider, doctor):
    """A sender's id does not look like a number of senders."""
    rows = [{"id": 7, "name": "shop", "status": "verified"}, {"id": 9, "name": "news", "status": "verified"}]
    provider.faults.add(Fault.answer(rows), on="senders.list", times=None)

    assert doctor()[1]["senders"] == ("ok", "2 verified: shop (id 7), news (id 9)")


def test_a_blacklist_that_cannot_be_read_is_said_so(provider, doctor):
    """With the code of its error."""
    provider.faults.add(Fault.status(403), on="blacklist.list", times=None)
    code, found = doctor()

    assert code == 6
    assert found["blacklist"][0] == "no"


def test_a_busy_account_is_worth_a_word(provider, doctor):
    """It is no mistake."""
    provider.faults.add(Fault.throttle(0), on="senders.list")
    code, found = doctor()

    assert code == 0
    assert found["rate limit"][0] == "note"
    assert "something else uses the account" in found["rate limit"][1]


NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("off", "state", "said"),
    [
        (30, "ok", "within 30 s of the provider's"),
        (-30, "ok", "within 30 s of the provider's"),
        (31, "no", "this machine's is 31 s ahead of the provider's: synchronise it"),
        (-31, "no", "this machine's is 31 s behind the provider's: synchronise it"),
    ],
)
def test_a_clock_is_held_against_the_providers(off, state, said):
    """Half a minute either way is no matter."""
    found = checks.clock(format_datetime(NOW, usegmt=True), (NOW + timedelta(seconds=off)).timestamp())

    assert (found.state, found.said) == (state, said)


def test_without_a_date_there_is_nothing_to_compare_with():
    """Then nothing is said of the clock."""

    assert checks.clock(None, 0.0).state == "skipped"


@pytest.mark.parametrize(("days", "state"), [(14, "ok"), (13, "note")])
def test_a_certificate_that_ends_soon_is_worth_a_word(days, state):
    """Two weeks before."""
    until = (NOW + timedelta(days=days, hours=1)).strftime("%b %d %H:%M:%S %Y GMT")
    found = checks.certificate("TLSv1.3", {"notAfter": until}, now=NOW.timestamp())

    assert (found.state, found.said) == (state, f"TLSv1.3, with a certificate that is good for {days} days")


async def test_tls_is_spoken_with_the_provider(monkeypatch):
    """With the library's own trust: a certificate of somebody else is refused."""
    authority = trustme.CA()
    ours = ssl.create_default_context()
    authority.configure_trust(ours)
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(theirs)

    async def hang_up(_, writer):
        writer.close()

    async with await asyncio.start_server(hang_up, "localhost", 0, ssl=theirs) as server:
        address = f"https://localhost:{server.sockets[0].getsockname()[1]}"
        refused = await checks.of_tls(address)
        monkeypatch.setattr(checks, "tls_context", lambda: ours)
        accepted = await checks.of_tls(address)

    assert (refused.state, code_of([refused])) == ("no", 6)
    assert "CERTIFICATE_VERIFY_FAILED" in refused.said
    assert accepted.said.startswith("TLSv1.")


def test_a_provider_that_is_not_there_is_found_out_by_tls(provider, doctor, monkeypatch):
    """Before any credentials are shown to whoever answers."""
    monkeypatch.setenv("SENDPULSE_BASE_URL", "https://127.0.0.1:1")
    code, found = doctor()

    assert code == 5
    assert found["TLS"][0] == "no"
    assert found["credentials"] == ("skipped", "not looked at: TLS has to be well first")
    assert provider.requests == ()


# --- the ledger ---


def test_a_sound_ledger_is_said_so(provider, doctor, tmp_path):
    """It is looked at."""
    path = tmp_path / "ledger"
    account = checks.account_of_environment()
    asyncio.run(SqliteLedger(path).secret(account))
    assert doctor("--ledger", path)[1]["ledger"] == ("ok", "sound, and all in it is settled")
    path.write_bytes(b"no ledger")
    code, found = doctor("--ledger", path)
    assert (code, found["ledger"][0]) == (6, "no")


def test_a_ledger_that_is_not_there_yet_is_no_mistake(provider, doctor, tmp_path):
    """It is made with the first campaign that has a key, and not by a look."""
    path = tmp_path / "ledger"
    code, found = doctor("--ledger", path)

    assert (code, found["ledger"][0]) == (0, "note")
    assert found["ledger"][1] == (
        f"there is none at {path}: the first campaign with a key makes it. If there was one, restore it first"
    )
    assert not path.exists()


def test_a_ledger_where_none_can_be_is_a_mistake(provider, doctor, tmp_path):
    """Such as below a file."""
    (tmp_path / "file").touch()
    code, found = doctor("--ledger", tmp_path / "file" / "ledger")

    assert (code, found["ledger"][0]) == (6, "no")


def test_a_ledger_with_campaigns_that_are_not_settled_is_worth_a_word(provider, command, doctor, tmp_path):
    """With the command that looks for them."""
    path = tmp_path / "ledger"
    provider.faults.add(Fault.cut(), on="campaigns.create")
    options = ["--sender", 1, "--text", "hi", "--live", "1h", "--to", 380931112200, "--yes", "--key", "k"]
    command("campaigns", "create", *options, "--ledger", path)
    code, found = doctor("--ledger", path)

    assert code == 0
    assert found["ledger"][0] == "note"
    assert found["ledger"][1].endswith(f"viber-async campaigns reconcile --ledger {path}")


# --- Redis ---


async def test_a_redis_that_answers_is_well(tmp_path):
    """With its version, and its clock near ours."""
    with running(RedisServer(program(), tmp_path)) as server:
        found = await checks.of_redis(f"redis://127.0.0.1:{server.port}")

    assert found.state == "ok"
    assert "within 30 s of this machine's clock" in found.said


async def test_a_redis_with_another_clock_is_not(tmp_path, monkeypatch):
    """Its turns are on its own clock; leases and tokens are not."""
    with running(RedisServer(program(), tmp_path)) as server:
        monkeypatch.setattr(checks.time, "time", lambda: NOW.timestamp() + 10**9)
        found = await checks.of_redis(f"redis://127.0.0.1:{server.port}")

    assert found.state == "no"
    assert "synchronise them" in found.said


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://:hunter2@127.0.0.1:1", "it does not answer: ConnectionError"),
        ("hunter2", "REDIS_URL is no address of a Redis"),
    ],
)
async def test_a_redis_that_is_not_there_is_said_so_without_its_password(url, said):
    """Its address may hold one."""
    found = await checks.of_redis(url)

    assert found.state == "no"
    assert found.said.startswith(said)
    assert "hunter2" not in found.said


async def test_a_redis_needs_its_extra(monkeypatch):
    """And is told what to install."""
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    found = await checks.of_redis("redis://127.0.0.1:1")

    assert 'pip install "viber-async[redis]"' in found.said


# --- exit codes ---


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([None], 1),
        ([None, AuthenticationError()], 6),
        ([ConnectionFailedError(), AuthenticationError()], 5),
        ([ConfigurationError()], 64),
        ([], 0),
    ],
)
def test_the_first_error_decides_the_exit_code(errors, code):
    """What is wrong without one is 1."""

    assert code_of([Check("x", state="no", said="", error=error) for error in errors]) == code
