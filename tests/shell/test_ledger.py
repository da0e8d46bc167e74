"""The ledger's file: what it keeps, what it refuses to believe, and that it never takes a lost row for none."""

# ruff: noqa: ASYNC240 - a test may wait for its own small files

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from attrs import evolve

from tests.shell.ledger import Account
from tests.shell.sessions import URL, session_over
from viber_async import (
    ApiKey,
    CampaignDraft,
    ConfigurationError,
    CreateHandle,
    LedgerError,
    LedgerRow,
    SqliteLedger,
    _private_database,
)
from viber_async import _ledger_file as files
from viber_async._sansio.ledger import State, account_tag

ACCOUNT = "account"
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
HANDLE = CreateHandle(
    task_name=None, sender_id=1, message_digest="0" * 64, sent_after=NOON, sent_before=NOON, marker="a" * 16
)
ROW = LedgerRow(
    key="k" * 64,
    fingerprint="f" * 64,
    state=State.PREPARED,
    version=1,
    attempt="me",
    since=1.5,
    lease=60.0,
    handle=HANDLE,
)
SENDING = evolve(ROW, state=State.SENDING, version=2)
UNKNOWN = evolve(ROW, state=State.UNKNOWN, version=3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger is; its directory is not there yet."""
    return tmp_path / "kept" / "campaigns"


async def filled(path: Path, rows: int = 60) -> SqliteLedger:
    """Give a ledger of many pages."""
    ledger = SqliteLedger(path)
    for number in range(rows):
        assert await ledger.put(ACCOUNT, evolve(ROW, key=f"{number:064}"))
    return ledger


async def test_what_is_put_is_what_is_got(path: Path) -> None:
    """Also by another ledger of the same file, as in another process."""
    assert await SqliteLedger(path).put(ACCOUNT, ROW)
    assert await SqliteLedger(path).put(ACCOUNT, SENDING)

    assert await SqliteLedger(str(path)).get(ACCOUNT, ROW.key) == SENDING
    assert await SqliteLedger(path).get(ACCOUNT, "other") is None


@pytest.mark.fault("M01")
async def test_a_version_is_replaced_once(path: Path) -> None:
    """Of two who decided on the same version, the second is told that it is too late."""
    ledger = SqliteLedger(path)
    other = evolve(SENDING, attempt="other")

    assert [await ledger.put(ACCOUNT, row) for row in (ROW, ROW, SENDING, other)] == [True, False, True, False]
    assert await ledger.get(ACCOUNT, ROW.key) == SENDING
    assert not await ledger.put(ACCOUNT, evolve(SENDING, key="none"))


async def test_the_unsettled_are_those_that_may_have_been_sent(path: Path) -> None:
    """Oldest first."""
    ledger = SqliteLedger(path)
    for number, state in enumerate(State):
        await ledger.put(ACCOUNT, evolve(ROW, key=str(number), state=state))

    assert [row.state for row in await ledger.unsettled(ACCOUNT)] == [State.SENDING, State.UNKNOWN]


async def test_the_secret_is_made_once(path: Path) -> None:
    """Every ledger has its own."""
    ledger = SqliteLedger(path)
    secret = await ledger.secret(ACCOUNT)

    assert secret == await SqliteLedger(path).secret(ACCOUNT)
    assert len(secret) == 32
    assert secret != await SqliteLedger(path.with_name("another")).secret(ACCOUNT)


@pytest.mark.fault("D03")
async def test_a_row_is_durable_when_put_returns(path: Path) -> None:
    """It stands in the file itself: a log that is lost with the power takes nothing along."""
    await (await filled(path, 1)).put(ACCOUNT, ROW)

    assert ROW.key.encode() in path.read_bytes()
    assert [each.name for each in path.parent.iterdir()] == ["campaigns"]


@pytest.mark.fault("D03")
async def test_what_is_sent_is_on_the_disk_before_its_first_byte_leaves(path: Path, tmp_path: Path) -> None:
    """A power failure in that moment: the file alone, without its log, says that it is being sent."""
    account, images = Account(), []

    def power_fails(request: httpx.Request) -> Any:
        images.append(tmp_path / "image")
        images[-1].write_bytes(path.read_bytes())
        images[-1].chmod(0o600)
        return account.do("accept", request)

    account.modes = [power_fails]
    session, _ = session_over(provider=account.provider, ledger=SqliteLedger(path))
    async with session:
        await session.campaigns.create_once(
            CampaignDraft(sender_id=1, message_live_time=60, message="hi", recipients=[380931111111]), key="a"
        )
    tag = account_tag(ApiKey("key"), URL)

    assert [row.state for row in await SqliteLedger(images[0]).unsettled(tag)] == [State.SENDING]
    assert await SqliteLedger(path).unsettled(tag) == ()


@pytest.mark.fault("D03")
def test_every_write_is_synchronous(path: Path) -> None:
    """On the very connection that writes: FULL, in WAL; committed, and then written back."""
    asyncio.run(SqliteLedger(path).put(ACCOUNT, ROW))
    file = files.LedgerFile(str(path), create=False)
    with file._opened(ACCOUNT) as (connection, _):
        settings = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")]
    really, statements = files.connected, []

    def traced(place: str) -> sqlite3.Connection:
        connection = really(place)
        connection.set_trace_callback(statements.append)
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "connected", traced)
        assert file.put(ACCOUNT, SENDING)
    steps = ("PRAGMA synchronous=FULL", "BEGIN IMMEDIATE", "UPDATE intents", "COMMIT", "PRAGMA wal_checkpoint(FULL)")

    assert settings == [2, "wal"]
    assert [step for line in statements for step in steps if line.startswith(step)] == list(steps)


async def test_making_one_does_no_io(path: Path) -> None:
    """And asks for no loop."""
    ledger = SqliteLedger(path)

    assert not path.parent.exists()
    assert repr(ledger) == f"SqliteLedger({str(path)!r})"
    assert ledger.path == str(path)


@pytest.mark.parametrize("wrong", ["", "a\0b", b"bytes"])
def test_a_path_is_a_path(wrong: object) -> None:
    """Text or a Path."""
    with pytest.raises(ConfigurationError, match="path must be"):
        SqliteLedger(wrong)  # type: ignore[arg-type]


def test_sqlite_is_imported_only_when_used() -> None:
    """Whoever keeps no ledger does not pay for one."""
    code = "import sys, viber_async; viber_async.SqliteLedger('x'); print('viber_async._ledger_file' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b"False"


def test_it_belongs_to_no_loop_and_no_thread(path: Path) -> None:
    """One object serves loops that come and go, and several at once."""
    ledger = SqliteLedger(path)
    rows = [evolve(ROW, key=str(number)) for number in range(8)]
    threads = [threading.Thread(target=lambda row=row: asyncio.run(ledger.put(ACCOUNT, row))) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [asyncio.run(ledger.get(ACCOUNT, row.key)) for row in rows] == rows


@pytest.mark.fault("M02")
def test_a_forked_child_may_go_on_using_it(path: Path) -> None:
    """No connection and no held lock crosses the fork."""
    ledger = SqliteLedger(path)
    asyncio.run(ledger.put(ACCOUNT, ROW))
    file = ledger._file
    assert file is not None
    with file._turn:  # as if another thread were writing at this moment
        pid = os.fork()
        if pid == 0:
            os._exit(0 if asyncio.run(ledger.get(ACCOUNT, ROW.key)) == ROW else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    with file._turn:
        file._pid = 0  # the same, where a coverage report can see it
        assert asyncio.run(ledger.get(ACCOUNT, ROW.key)) == ROW


async def test_of_two_who_make_it_at_once_the_second_uses_the_firsts(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file comes into being whole, by one of them."""
    build = files._build

    def overtaken(connection: sqlite3.Connection, account: str) -> None:
        monkeypatch.setattr(files, "_build", build)
        files.LedgerFile(str(path), create=True).put(ACCOUNT, ROW)
        build(connection, account)

    monkeypatch.setattr(files, "_build", overtaken)

    assert await SqliteLedger(path).get(ACCOUNT, ROW.key) == ROW
    assert [each.name for each in path.parent.iterdir()] == ["campaigns"]


# Who may read and write it


@pytest.mark.fault("S08")
async def test_file_and_directory_are_for_the_owner_alone(path: Path) -> None:
    """From the moment they exist, whatever the umask."""
    old = os.umask(0)
    try:
        await SqliteLedger(path).put(ACCOUNT, ROW)
    finally:
        os.umask(old)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.fault("S08")
async def test_what_others_may_read_is_refused(path: Path) -> None:
    """The keyed hashes are worth what their secret is worth."""
    ledger = await filled(path, 1)
    path.chmod(0o644)

    with pytest.raises(LedgerError, match="0600"):
        await ledger.get(ACCOUNT, ROW.key)


async def test_a_directory_that_others_may_write_is_refused(path: Path) -> None:
    """They could put another file in its place; but /tmp, with its sticky bit, is no danger."""
    path.parent.mkdir()
    path.parent.chmod(0o777)
    with pytest.raises(LedgerError, match="written by others"):
        await SqliteLedger(path).secret(ACCOUNT)
    path.parent.chmod(0o1777)

    assert await SqliteLedger(path).secret(ACCOUNT)


@pytest.mark.fault("S08")
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
async def test_no_link_is_followed(path: Path, suffix: str, tmp_path: Path) -> None:
    """Neither at the file's place nor at those of its companions."""
    elsewhere = tmp_path / "elsewhere"
    await filled(elsewhere, 1)
    if suffix:
        await filled(path, 1)
    else:
        path.parent.mkdir()
    Path(f"{path}{suffix}").symlink_to(elsewhere)

    with pytest.raises(LedgerError, match="no plain file"):
        await SqliteLedger(path).put(ACCOUNT, ROW)


async def test_a_directory_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """It could be pointed elsewhere between two runs."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    with pytest.raises(LedgerError, match="no plain directory"):
        await SqliteLedger(tmp_path / "link" / "campaigns").secret(ACCOUNT)


# What cannot be trusted


async def test_another_account_is_refused(path: Path) -> None:
    """Its keys mean other campaigns."""
    await filled(path, 1)

    with pytest.raises(LedgerError, match="another account"):
        await SqliteLedger(path).get("somebody else", ROW.key)


async def test_a_ledger_that_has_to_be_there_is_not_made(path: Path) -> None:
    """With create=False a lost file is noticed after a restart too."""
    with pytest.raises(LedgerError, match="not there any more, or was never made"):
        await SqliteLedger(path, create=False).get(ACCOUNT, ROW.key)

    assert not path.exists()
    await filled(path, 1)
    assert await SqliteLedger(path, create=False).get(ACCOUNT, ROW.key) is None


@pytest.mark.fault("D06")
@pytest.mark.parametrize("put_back", [False, True])
async def test_a_ledger_that_was_deleted_meanwhile_is_missed(path: Path, put_back: bool) -> None:
    """Also when another one stands in its place by now."""
    ledger = await filled(path, 1)
    path.rename(path.with_name("away"))
    if put_back:
        await filled(path, 1)

    with pytest.raises(LedgerError, match="not there any more"):
        await ledger.put(ACCOUNT, ROW)
    assert path.exists() is put_back


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def torn(path: Path) -> None:
    """A page in the middle that was never written."""
    data = bytearray(path.read_bytes())
    data[8192:12288] = bytes(4096)
    path.write_bytes(data)


def foreign(path: Path) -> None:
    path.write_bytes(b"id,phone\n1,380931111111\n" * 500)


def another_database(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE intents (key)")
    connection.close()
    path.chmod(0o600)


def without_rows_behind_our_back(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE intents SET state = 'rejected'")
    connection.close()


def with_another_version(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE intents SET version = 7")
    connection.close()


def with_another_task(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("""UPDATE intents SET body = replace(body, '"task_id": null', '"task_id": 7')""")
    connection.close()


def with_text_for_a_seal(path: Path) -> None:
    """What a flipped type leads to: a value that Python cannot compare."""
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE intents SET seal = 'text'")
    connection.close()


def without_its_secret(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM meta WHERE name = 'secret'")
    connection.close()


def not_in_wal(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()


DAMAGES = [truncated, emptied, torn, foreign, another_database, without_rows_behind_our_back]
DAMAGES += [with_another_version, with_another_task, with_text_for_a_seal, without_its_secret, not_in_wal]


@pytest.mark.fault("D04")
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
async def test_a_damaged_ledger_is_never_taken_for_an_empty_one(path: Path, damage) -> None:
    """The next process refuses it, for every question."""
    await filled(path)
    damage(path)
    ledger = SqliteLedger(path)

    for question in (ledger.secret(ACCOUNT), ledger.get(ACCOUNT, "new"), ledger.unsettled(ACCOUNT)):
        with pytest.raises(LedgerError):
            await question
    with pytest.raises(LedgerError):
        await ledger.put(ACCOUNT, ROW)


@pytest.mark.fault("D04")
@pytest.mark.parametrize("damage", [truncated, emptied], ids=lambda damage: damage.__name__)
async def test_a_ledger_that_is_cut_while_in_use_is_noticed(path: Path, damage) -> None:
    """Before the next sending."""
    ledger = await filled(path)
    damage(path)

    with pytest.raises(LedgerError, match="cut short"):
        await ledger.put(ACCOUNT, ROW)


@pytest.mark.fault("D04")
async def test_a_flipped_bit_is_noticed_or_harmless(path: Path) -> None:
    """Wherever it is: each row is either as it was written or refused. Never is one missing."""
    await filled(path, 9)
    whole = path.read_bytes()
    wrong = []
    for position in range(0, len(whole), 67):
        data = bytearray(whole)
        data[position] ^= 1 << position % 8
        path.write_bytes(data)
        ledger = SqliteLedger(path)
        try:
            rows = [await ledger.get(ACCOUNT, f"{number:064}") for number in (0, 8)]
        except LedgerError:
            continue
        if [row.key for row in rows if row] != [f"{number:064}" for number in (0, 8)]:
            wrong.append(position)

    assert wrong == []


async def rows_of(path: Path, numbers: range) -> list[str] | None:
    """Give the keys of the rows that a new process finds, or None if it refuses the ledger."""
    ledger = SqliteLedger(path, create=False)
    try:
        rows = [await ledger.get(ACCOUNT, f"{number:064}") for number in numbers]
    except LedgerError:
        return None
    return [row.key for row in rows if row]


NINE = range(9)


@pytest.mark.fault("D04")
async def test_a_ledger_cut_anywhere_is_refused(path: Path) -> None:
    """At every sector, and beside it: what is there no more is not taken for what never was."""
    await filled(path, 9)
    whole = path.read_bytes()
    lengths = [at + by for at in range(0, len(whole), 512) for by in (0, 1, -1) if 0 <= at + by < len(whole)]
    wrong = []
    for length in lengths:
        path.write_bytes(whole[:length])
        if await rows_of(path, NINE) is not None:
            wrong.append(length)

    assert len(lengths) > 100
    assert wrong == []


@pytest.mark.fault("D04")
@pytest.mark.parametrize("garbage", [b"\0", b"\xff", b"380931111111"])
async def test_a_sector_that_was_never_written_is_noticed_or_harmless(path: Path, garbage: bytes) -> None:
    """Each sector of each page: the header, the tables, the index, the rows, the space between them."""
    await filled(path, 9)
    whole = path.read_bytes()
    filling = (garbage * 512)[:512]
    found = {}
    for start in range(0, len(whole), 512):
        path.write_bytes(whole[:start] + filling + whole[start + 512 :])
        found[start] = await rows_of(path, NINE)
    all_of_them = [f"{number:064}" for number in NINE]

    assert {start for start, rows in found.items() if rows not in (None, all_of_them)} == set()
    assert sum(rows is None for rows in found.values()) > 10


@pytest.mark.fault("D04")
async def test_a_damaged_log_loses_no_row_that_was_put(path: Path) -> None:
    """The log that a crash leaves holds at most the write that nobody was told of; only that one is lost with it."""
    await filled(path, 9)
    held = sqlite3.connect(path, isolation_level=None)  # as a process that was killed before it wrote its log back
    held.execute("PRAGMA wal_autocheckpoint=0").fetchall()
    (secret,) = held.execute("SELECT value FROM meta WHERE name = 'secret'").fetchone()
    held.execute(*files._writing(ROW, secret))
    log = Path(f"{path}-wal").read_bytes()
    whole = path.read_bytes()
    held.close()
    path.unlink()
    damaged = [log[:length] for length in range(0, len(log), 500)]
    damaged += [log[:at] + bytes([log[at] ^ 1]) + log[at + 1 :] for at in range(0, len(log), 400)]
    wrong, lost = [], 0
    for number, each in enumerate(damaged):
        place = path.with_name(f"image {number}")
        place.write_bytes(whole)
        Path(f"{place}-wal").write_bytes(each)
        for file in (place, Path(f"{place}-wal")):
            file.chmod(0o600)
        found = await rows_of(place, NINE)
        if found is not None and len(found) != 9:
            wrong.append(number)
        lost += found is not None and await SqliteLedger(place).get(ACCOUNT, ROW.key) is None

    assert wrong == []
    assert lost > 10


# Schema


@pytest.mark.fault("D08")
async def test_a_newer_schema_is_refused(path: Path) -> None:
    """Its rows may mean what this version does not know."""
    await filled(path, 1)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()

    with pytest.raises(LedgerError, match="newer viber_async"):
        await SqliteLedger(path).get(ACCOUNT, ROW.key)


@pytest.mark.fault("D08")
async def test_an_older_schema_is_brought_up_to_date(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, in one transaction, and its rows stay."""
    await SqliteLedger(path).put(ACCOUNT, ROW)
    monkeypatch.setattr(files, "VERSION", files.VERSION + 1)
    monkeypatch.setattr(files, "MIGRATIONS", {files.VERSION - 1: ("ALTER TABLE intents ADD COLUMN note TEXT",)})

    assert await SqliteLedger(path).get(ACCOUNT, ROW.key) == ROW
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (files.VERSION,)
        assert connection.execute("SELECT note FROM intents").fetchall() == [(None,)]
    connection.close()


@pytest.mark.fault("D08")
async def test_a_schema_that_never_was_is_refused(path: Path) -> None:
    """Version 0 is what a file has that was never finished."""
    await filled(path, 1)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=0")
    connection.close()

    with pytest.raises(LedgerError, match="unknown schema"):
        await SqliteLedger(path).get(ACCOUNT, ROW.key)


# What the machine refuses


def limited(path: Path, size: int) -> int:
    """Put a row in a child that may not write a file beyond *size* bytes; give how it ended."""
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        try:
            asyncio.run(SqliteLedger(path).put(ACCOUNT, ROW))
        except LedgerError:
            os._exit(7)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.fault("D05")
@pytest.mark.parametrize("size", [0, 100, 5000, 20_000])
def test_no_room_for_a_new_ledger_is_an_error_and_leaves_none(path: Path, size: int) -> None:
    """A file that could not be finished does not stand there as an empty one."""
    assert limited(path, size) == 7
    assert not path.exists()
    assert [each.name for each in path.parent.iterdir() if not each.name.endswith((".new-wal", ".new-shm"))] == []


@pytest.mark.fault("D05")
@pytest.mark.parametrize("size", [0, 100, 5000])
def test_no_room_for_a_row_is_an_error(path: Path, size: int) -> None:
    """And what was there before is there still."""
    asyncio.run(filled(path, 20))

    assert limited(path, size) == 7
    assert asyncio.run(SqliteLedger(path).get(ACCOUNT, ROW.key)) is None
    assert asyncio.run(SqliteLedger(path).get(ACCOUNT, f"{19:064}")) is not None


@pytest.mark.fault("D05")
async def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """Named with its reason, as the system says it."""
    (tmp_path / "file").write_text("")
    for wrong in (tmp_path / "file" / "campaigns", tmp_path / "no" / "such" / "campaigns", Path("/proc/1/x/campaigns")):
        with pytest.raises(LedgerError, match="nothing was sent"):
            await SqliteLedger(wrong).put(ACCOUNT, ROW)


async def test_a_ledger_that_another_process_holds_is_waited_for_and_then_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hung process must not let us send without a record."""
    ledger = await filled(path, 1)
    monkeypatch.setattr(_private_database, "BUSY", 0.05)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    with pytest.raises(LedgerError, match="locked"):
        await ledger.put(ACCOUNT, ROW)
    holder.execute("ROLLBACK")
    holder.close()
    assert await ledger.put(ACCOUNT, ROW)


@pytest.mark.fault("C13")
async def test_a_slow_disk_does_not_hold_up_the_loop(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever touches the file belongs to a thread; SQLite binds all that follows to it."""
    ledger = await filled(path, 1)
    really = files.connected
    writing: set[int] = set()

    def noted(place: str) -> sqlite3.Connection:
        writing.add(threading.get_ident())
        return really(place)

    monkeypatch.setattr(files, "connected", noted)

    assert await ledger.put(ACCOUNT, ROW)
    assert writing
    assert threading.get_ident() not in writing


async def test_no_phone_no_text_and_no_key_stand_in_the_file(path: Path) -> None:
    """See also what a whole session leaves behind, in test_once."""
    await filled(path, 3)
    with sqlite3.connect(path) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(intents)")]
    connection.close()

    assert columns == ["id", "key", "state", "version", "body", "seal"]
