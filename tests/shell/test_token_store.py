"""The file of tokens: shared by whoever has its path, believed only as far as it is this user's alone."""

# ruff: noqa: ASYNC240 - a test may wait for its own small files

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from viber_async import ConfigurationError, FileTokenStore, StoredToken
from viber_async import _private_file as private
from viber_async import _token_store as stores
from viber_async._sansio import token_file
from viber_async._token_file import TokenLock

ACCOUNT = "0" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the tokens are; its directory is not there yet."""
    return tmp_path / "kept" / "tokens"


class Provider:
    """Gives token after token, each after *seconds*, and counts them; an exception is raised in its place."""

    def __init__(self, *, seconds: float = 0.0, error: Exception | None = None) -> None:
        self.calls = 0
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()
        self.seconds = seconds
        self.error = error
        self.go_on.set()

    async def __call__(self) -> StoredToken:
        self.calls += 1
        self.asked.set()
        await self.go_on.wait()
        await asyncio.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        return StoredToken(value=f"token-{self.calls}", expires_at=time.time() + 3600, lifetime=3600)


async def obtain(path: Path, provider: Provider, *, stale: str | None = None, account: str = ACCOUNT) -> str:
    """Obtain a token as a process of its own would."""
    return (await FileTokenStore(path).obtain(account, stale=stale, fetch=provider)).value


def keep(path: Path, value: str = "kept", *, account: str = ACCOUNT, left: float = 1000) -> None:
    """Leave a file there, as another process would have."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    token = StoredToken(value=value, expires_at=time.time() + left, lifetime=3600)
    private.replace_file(str(path), [token_file.written({account: token}, now=0)])


# What it keeps


async def test_a_token_is_asked_for_once_and_then_kept(path: Path) -> None:
    """For whoever comes later, in whatever process."""
    provider = Provider()

    assert [await obtain(path, provider) for _ in range(3)] == ["token-1"] * 3
    assert provider.calls == 1


async def test_many_at_once_cause_one_token_call(path: Path) -> None:
    """One asks, the others wait for it, though each has the store to itself."""
    provider = Provider(seconds=0.1)

    assert set(await asyncio.gather(*(obtain(path, provider) for _ in range(20)))) == {"token-1"}
    assert provider.calls == 1


@pytest.mark.fault("A14")
async def test_a_token_that_another_process_fetched_meanwhile_is_taken(path: Path) -> None:
    """Whoever comes with a refused one gets what is kept, if that is another one; else all get a new one."""
    provider = Provider()
    keep(path, "newer")

    assert await obtain(path, provider, stale="older") == "newer"
    assert provider.calls == 0
    assert await obtain(path, provider, stale="newer") == "token-1"
    assert await obtain(path, provider, stale="newer") == "token-1"
    assert provider.calls == 1


@pytest.mark.fault("A13")
async def test_another_accounts_token_is_not_taken(path: Path) -> None:
    """One file may hold several, and each account finds its own."""
    provider = Provider()
    keep(path, "theirs", account="1" * 32)
    ours = await obtain(path, provider)

    assert (ours, provider.calls) == ("token-1", 1)
    assert await obtain(path, provider, account="1" * 32) == "theirs"


@pytest.mark.parametrize(("left", "token"), [(90, "kept"), (59, "token-1"), (-1000, "token-1")])
async def test_a_token_that_is_as_good_as_over_is_replaced(path: Path, left: float, token: str) -> None:
    """By the margin in which nobody would use it."""
    keep(path, left=left)

    assert await obtain(path, Provider()) == token


async def test_a_life_that_is_not_known_is_not_made_up(path: Path) -> None:
    """Somebody's own refresh may not know it; the token is kept all the same."""

    async def fetch() -> StoredToken:
        return StoredToken(value="t", expires_at=time.time() + 500)

    await FileTokenStore(path).obtain(ACCOUNT, stale=None, fetch=fetch)

    assert json.loads(path.read_bytes())["accounts"][ACCOUNT]["lifetime"] is None
    assert await obtain(path, Provider()) == "t"


def test_it_belongs_to_no_loop_and_no_thread(path: Path) -> None:
    """One object serves loops that come and go, and several at once."""
    store = FileTokenStore(path)
    calls: list[int] = []

    async def fetch() -> StoredToken:
        calls.append(1)
        return StoredToken(value="t", expires_at=time.time() + 1000)

    def once() -> None:
        asyncio.run(store.obtain(ACCOUNT, stale=None, fetch=fetch))

    threads = [threading.Thread(target=once) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(calls) == 1


async def test_a_slow_disk_does_not_hold_up_the_loop(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the file is a thread's."""
    really = private.open_file
    looking: set[int] = set()

    def noted(place: str, flags: int) -> int:
        looking.add(threading.get_ident())
        return really(place, flags)

    monkeypatch.setattr("viber_async._token_file.open_file", noted)

    assert await obtain(path, Provider()) == "token-1"
    assert looking
    assert threading.get_ident() not in looking


# Who may read and write it


@pytest.mark.fault("S08")
@pytest.mark.parametrize("umask", [0, 0o077])
async def test_file_and_directory_are_for_the_owner_alone(path: Path, umask: int) -> None:
    """From the moment they exist, whatever the umask; the lock too, and nothing else is left."""
    old = os.umask(umask)
    try:
        await obtain(path, Provider())
        await obtain(path, Provider(), stale="token-1")
    finally:
        os.umask(old)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}

    assert modes == {"tokens": 0o600, "tokens.lock": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def readable(path: Path) -> None:
    keep(path)
    path.chmod(0o644)


def readable_by_the_group(path: Path) -> None:
    keep(path)
    path.chmod(0o640)


def writable(path: Path) -> None:
    keep(path)
    path.chmod(0o602)


def of_somebody_else(path: Path) -> None:
    keep(path)
    os.chown(path, 12345, 12345)


def a_link(path: Path) -> None:
    keep(path.parent.parent / "elsewhere" / "tokens")
    path.parent.mkdir(mode=0o700)
    path.symlink_to(path.parent.parent / "elsewhere" / "tokens")


def a_link_to_nowhere(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.symlink_to(path.parent / "nowhere")


def a_directory(path: Path) -> None:
    path.mkdir(parents=True)


def a_pipe(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    os.mkfifo(path, 0o600)


def a_socket(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as sock:
        old = Path.cwd()
        os.chdir(path.parent)  # such an address may have 100 characters
        sock.bind(path.name)
        os.chdir(old)


def in_an_open_directory(path: Path) -> None:
    keep(path)
    path.parent.chmod(0o777)


def in_a_linked_directory(path: Path) -> None:
    keep(path.parent.parent / "elsewhere" / "tokens")
    path.parent.symlink_to(path.parent.parent / "elsewhere")


def beside_a_linked_lock(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    (path.parent / "tokens.lock").symlink_to(path.parent / "nowhere")


def beside_an_open_lock(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    (path.parent / "tokens.lock").touch(0o600)
    (path.parent / "tokens.lock").chmod(0o666)


def in_a_file(path: Path) -> None:
    path.parent.touch(0o600)


def nowhere(path: Path) -> None:
    path.parent.symlink_to(path.parent.parent / "no" / "such" / "place")


REFUSED = [
    readable,
    readable_by_the_group,
    writable,
    of_somebody_else,
    a_link,
    a_link_to_nowhere,
    a_directory,
    a_pipe,
    a_socket,
    in_an_open_directory,
    in_a_linked_directory,
    beside_a_linked_lock,
    beside_an_open_lock,
    in_a_file,
    nowhere,
]


def picture(place: Path) -> list[tuple[str, int, bytes]]:
    """Give all that stands below *place*, with its mode and what is in it."""
    found = sorted(place.rglob("*"))
    plain = [each.read_bytes() if each.is_file() and not each.is_symlink() else b"" for each in found]
    return [(str(each), each.lstat().st_mode, body) for each, body in zip(found, plain, strict=True)]


@pytest.mark.fault("A13", "S08")
@pytest.mark.parametrize("leave", REFUSED)
async def test_what_others_could_read_or_have_written_is_neither_used_nor_touched(
    path: Path, leave: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    """A warning says why, without the token; and one is asked for as if there were no store."""
    if leave is of_somebody_else and os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    leave(path)
    before = picture(path.parent.parent)
    provider = Provider()

    assert [await obtain(path, provider) for _ in range(2)] == ["token-1", "token-2"]
    assert picture(path.parent.parent) == before
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert "it is not used: " in caplog.text
    assert "kept" not in caplog.text.replace(str(path.parent), "")
    assert "token-1" not in caplog.text


async def test_a_directory_with_a_sticky_bit_will_do(path: Path) -> None:
    """In /tmp nobody can replace another's file."""
    path.parent.mkdir()
    path.parent.chmod(0o1777)
    provider = Provider()

    assert [await obtain(path, provider) for _ in range(2)] == ["token-1"] * 2


@pytest.mark.fault("A13")
@pytest.mark.parametrize("junk", [b"", b"kept", b"\x00" * 5000, b'{"viber_async tokens": 2}', b"[" * 100_000])
async def test_what_cannot_be_read_is_replaced(path: Path, junk: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """With a warning that does not show it; the next one finds a token there."""
    path.parent.mkdir(mode=0o700)
    path.touch(0o600)
    path.write_bytes(junk)
    provider = Provider()

    assert [await obtain(path, provider) for _ in range(2)] == ["token-1"] * 2
    assert "it cannot be read" in caplog.text
    assert "kept" not in caplog.text.replace(str(path.parent), "")


async def test_of_a_huge_file_only_the_beginning_is_read(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is none of ours."""
    path.parent.mkdir(mode=0o700)
    path.touch(0o600)
    os.truncate(path, 1 << 40)

    assert await obtain(path, Provider()) == "token-1"
    assert "it is too large" in caplog.text
    assert path.stat().st_size < 1000


# What the machine refuses


async def test_a_token_that_cannot_be_kept_is_used(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What was there before is there still, and nothing half done beside it."""
    keep(path, "old")

    def full(_: str, __: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)

    assert await obtain(path, Provider(), stale="old") == "token-1"
    assert "a token could not be kept: [Errno 28] No space left on device" in caplog.text
    assert sorted(each.name for each in path.parent.iterdir()) == ["tokens", "tokens.lock"]
    assert b"old" in path.read_bytes()


async def test_a_file_that_cannot_be_opened_costs_nothing_but_a_warning(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Too many open files, a broken disk: as the system says it."""
    keep(path)
    really = os.open

    def failing(place: str, *flags: int) -> int:
        if place == str(path):
            raise OSError(5, "Input/output error")
        return really(place, *flags)

    monkeypatch.setattr(os, "open", failing)

    assert await obtain(path, Provider()) == "token-1"
    assert "it is not used: [Errno 5] Input/output error" in caplog.text


def test_no_room_for_a_token_costs_nothing_but_a_warning(path: Path) -> None:
    """A disk that is full, as the system says it; no half file stands there."""
    keep(path, "old")
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
        try:
            os._exit(7 if asyncio.run(obtain(path, Provider(), stale="old")) == "token-1" else 1)
        finally:
            os._exit(1)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert sorted(each.name for each in path.parent.iterdir()) == ["tokens", "tokens.lock"]
    assert b"old" in path.read_bytes()


def descriptors() -> int:
    """Give how many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_lock_that_the_system_does_not_give_costs_nothing_but_a_warning(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As on a file system without locks: nothing is kept, and no descriptor is left open."""

    def none(_: int, __: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", none)
    await obtain(path, Provider())  # the loop's threads are there by now
    before = descriptors()

    assert await obtain(path, Provider()) == "token-1"
    assert "No locks available" in caplog.text
    assert not path.exists()
    assert descriptors() <= before


# Taking turns


async def test_a_refused_token_call_frees_the_turn(path: Path) -> None:
    """Its error is the caller's, and the next one may try."""
    with pytest.raises(KeyError):
        await obtain(path, Provider(error=KeyError("no")))

    assert await obtain(path, Provider()) == "token-1"


async def test_whoever_is_cancelled_holds_up_nobody(path: Path) -> None:
    """Neither the one who asks nor one who waits for it."""
    slow, next_one = Provider(), Provider()
    slow.go_on.clear()
    asking = asyncio.create_task(obtain(path, slow))
    await slow.asked.wait()
    waiting = [asyncio.create_task(obtain(path, next_one)) for _ in range(3)]
    await asyncio.wait(waiting, timeout=0.05)
    waiting[0].cancel()
    await asyncio.wait([waiting[0]])
    assert next_one.calls == 0
    asking.cancel()
    async with asyncio.timeout(stores.PATIENCE / 2):
        await asyncio.gather(*waiting[1:])

    assert next_one.calls == 1


async def test_whoever_is_cancelled_while_the_turn_comes_gives_it_back(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread cannot be cancelled: what it takes for nobody, it lets go."""
    taking, go_on, over = threading.Event(), threading.Event(), threading.Event()
    really = TokenLock.take
    given: list[bool] = []

    def slowly(lock: TokenLock) -> bool:
        taking.set()
        go_on.wait(10)
        given.append(really(lock))
        over.set()
        return given[0]

    monkeypatch.setattr(TokenLock, "take", slowly)
    task = asyncio.create_task(obtain(path, Provider()))
    await asyncio.to_thread(taking.wait, 10)
    task.cancel()
    await asyncio.wait([task])
    go_on.set()
    await asyncio.to_thread(over.wait, 10)
    monkeypatch.setattr(TokenLock, "take", really)
    lock = TokenLock(str(path))

    assert task.cancelled()
    assert given == [False]
    assert lock.take()
    lock.give_up()


async def test_a_process_that_never_ends_its_turn_is_not_waited_for_for_ever(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It may have been stopped. A token is asked for without it, and not kept: the turn is still the other's."""
    monkeypatch.setattr(stores, "PATIENCE", 0.05)
    path.parent.mkdir(mode=0o700)
    stopped = TokenLock(str(path))
    assert stopped.take()
    provider = Provider()
    tokens = [await obtain(path, provider), await obtain(path, provider)]
    there = path.exists()
    stopped.give_up()
    tokens.append(await obtain(path, provider))

    assert tokens == ["token-1", "token-2", "token-3"]
    assert not there
    assert path.exists()
    assert caplog.text.count("another process has been asking for a token for 0.05 s") == 2


def test_a_child_that_was_forked_meanwhile_does_not_hold_the_turn(path: Path) -> None:
    """It has the same file open, and may live for ever."""
    path.parent.mkdir(mode=0o700)
    lock = TokenLock(str(path))
    assert lock.take()
    end, start = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(start)
        os.read(end, 1)  # until the parent closes its end
        os._exit(0)
    os.close(end)
    lock.give_up()
    other = TokenLock(str(path))
    taken = other.take()
    other.give_up()
    os.close(start)
    os.waitpid(pid, 0)

    assert taken


# Making one


@pytest.mark.parametrize("wrong", ["", b"tokens", "a\0b", Path("a\0b")])
def test_a_path_is_a_path(wrong: object) -> None:
    """Said when the store is made."""
    with pytest.raises(ConfigurationError, match="FileTokenStore: path must be"):
        FileTokenStore(wrong)  # type: ignore[arg-type]


@pytest.mark.fault("S08")
def test_there_is_no_place_where_tokens_are_kept_unasked() -> None:
    """A path has to be given; a relative one is meant from where the program stands now, and shown whole."""
    with pytest.raises(TypeError):
        FileTokenStore()  # type: ignore[call-arg]

    assert FileTokenStore("tokens").path == str(Path.cwd() / "tokens")
    assert repr(FileTokenStore("/a/tokens")) == "FileTokenStore('/a/tokens')"


def test_making_one_does_no_io_and_locks_are_imported_only_when_used(path: Path) -> None:
    """Whoever keeps no tokens in a file does not pay for it."""
    code = (
        f"import sys, viber_async; viber_async.FileTokenStore({str(path)!r}); "
        "print('viber_async._token_file' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout

    assert printed.strip() == b"False"
    assert not path.parent.exists()


def test_a_system_without_file_locks_is_told_when_the_store_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do."""
    monkeypatch.setitem(sys.modules, "fcntl", None)

    with pytest.raises(ConfigurationError, match="leave token_store out"):
        FileTokenStore("tokens")
