"""The wanted side from where it really comes from: files, pipes and the caller's own iterables."""

from __future__ import annotations

import asyncio
import gzip
import os
import threading
from contextlib import aclosing
from pathlib import Path

import pytest

from viber_async import SyncRefusedError, UsageError, ValidationError
from viber_async.sync.source import Rejected, Source

P = 380931111111


async def read(source: Source) -> list[int]:
    return [phone async for chunk in source.chunks() for phone in chunk]


def written(path: Path, text: str, *, packed: bool = False) -> Path:
    data = text.encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


async def phones():
    for value in (f"+{P}", "n/a", P):
        yield value


class Iterables:
    def __iter__(self):
        return iter([f"+{P}", "n/a", P])


class Later:
    """An async iterator that is no generator, and has nothing to be closed."""

    def __init__(self):
        self._values = [f"+{P}", "n/a", P]

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self._values:
            raise StopAsyncIteration
        return self._values.pop(0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: [f"+{P}", "n/a", P],
        lambda: (f"+{P}", "n/a", P),
        lambda: iter([f"+{P}", "n/a", P]),
        {f"+{P}": 1, "n/a": 1, P: 1}.keys,
        Iterables,
        phones,
        Later,
    ],
    ids=["list", "tuple", "iterator", "keys", "object", "async generator", "async iterator"],
)
async def test_whatever_can_be_iterated_gives_its_phones(make):
    """In its order, repetitions too; what is none is counted."""
    source = Source(make())

    assert await read(source) == [P, P]
    assert (source.read, source.rejected, source.name) == (3, 1, "an iterable")
    assert [(each.line, each.shown) for each in source.rejects] == [(2, "'n/a'")]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("kind", [str, Path], ids=["str", "Path"])
async def test_a_path_is_a_file(tmp_path, kind, packed):
    """Whatever its name ends with."""
    source = Source(kind(written(tmp_path / "list.bin", f"# no\n+{P}\nn/a\n{P}\n", packed=packed)))

    assert await read(source) == [P, P]
    assert (source.read, source.rejected, source.name) == (3, 1, str(tmp_path / "list.bin"))
    assert source.rejects == (Rejected(3, reason=source.rejects[0].reason, shown="'n/a'"),)


async def test_a_column_and_a_region_are_handed_on(tmp_path):
    """To whatever reads the file."""
    path = written(tmp_path / "list.csv", "id,a\n380931111119,093 111 11 11\n")

    assert await read(Source(path, column="a", region="UA")) == [P]


@pytest.mark.parametrize("wanted", [b"380931111111", {"380931111111": 1}, 380931111111, None, "", bytearray(b"1")])
def test_what_is_no_list_is_refused(wanted):
    """At once; a dict could mean its keys or its values."""
    with pytest.raises(ValidationError, match="an iterable or async iterable of phones, or the path") as caught:
        Source(wanted)

    assert caught.value.field == "wanted"
    assert "380931111111" not in str(caught.value)


def test_an_open_file_is_refused(tmp_path):
    """Its lines end with line feeds and its format is not known: the path is better."""
    with written(tmp_path / "x", "1").open() as file, pytest.raises(ValidationError, match="give the path of the file"):
        Source(file)


@pytest.mark.parametrize("column", ["", 0, True, 1.5, -1])
def test_a_column_has_a_name_or_a_place(column):
    """From 1."""
    with pytest.raises(ValidationError, match="column: a column's name, or its place from 1"):
        Source([], column=column)


async def test_a_source_is_read_once(tmp_path):
    """A file too, so that nobody relies on it."""
    source = Source(written(tmp_path / "x", f"{P}\n"))
    await read(source)

    with pytest.raises(UsageError, match="read once"):
        source.chunks()


def failing():
    yield P
    raise RuntimeError("380931111111")


async def failing_later():
    yield P
    raise RuntimeError("380931111111")


class Unwilling:
    def __iter__(self):
        raise RuntimeError("380931111111")


class UnwillingLater:
    def __aiter__(self):
        raise RuntimeError("380931111111")


@pytest.mark.fault("C14")
@pytest.mark.parametrize("make", [failing, failing_later, Unwilling, UnwillingLater])
async def test_an_iterable_that_raises_is_an_error_and_no_end(make):
    """Under our name, with the caller's own as its cause."""
    source = Source(make())

    with pytest.raises(SyncRefusedError, match="your iterable raised RuntimeError") as caught:
        await read(source)

    assert caught.value.reason == "iterable"
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert "380931111111" not in str(caught.value)


def refusing():
    yield P
    raise ValidationError("mine")


async def refusing_later():
    yield P
    raise ValidationError("mine")


@pytest.mark.parametrize("make", [refusing, refusing_later])
async def test_an_error_of_ours_passes_through_an_iterable(make):
    """A walk of another account that fails, for example; as it is."""
    with pytest.raises(ValidationError, match="mine") as caught:
        await read(Source(make()))

    assert caught.value.__cause__ is None


async def test_long_iterables_come_in_chunks_that_let_others_run():
    """Ten thousand at a time, numbered through."""
    source = Source(str(P + i) if i != 15_000 else "n/a" for i in range(25_000))
    ran = 0

    async def other():
        nonlocal ran
        while True:
            ran += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    sizes = [len(chunk) async for chunk in source.chunks()]
    task.cancel()

    assert sizes == [10_000, 9_999, 5_000]
    assert ran >= 3
    assert [each.line for each in source.rejects] == [15_001]


async def test_a_long_async_iterable_comes_in_chunks_too():
    """The last one may be empty."""

    async def many():
        for i in range(20_000):
            yield P + i

    assert [len(chunk) async for chunk in Source(many()).chunks()] == [10_000, 10_000, 0]


async def test_leaving_an_async_generator_closes_it():
    """Whatever it holds is let go."""
    closed = []

    async def held():
        try:
            for i in range(30_000):
                yield P + i
        finally:
            closed.append(True)

    async with aclosing(Source(held()).chunks()) as chunks:
        await anext(chunks)

    assert closed == [True]


async def test_a_phone_in_place_of_a_path_is_told_how_it_is_given(tmp_path, monkeypatch):
    """It is text, and text is a path; a file with such a name would be read."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SyncRefusedError, match=r"give a list even for one phone \(--phone\)") as caught:
        await read(Source("+380 93 111 11 11"))

    assert (caught.value.reason, "380931111111" in str(caught.value)) == ("unreadable", False)


@pytest.mark.parametrize(
    ("make", "reason", "said"),
    [
        (lambda path: path / "missing", "unreadable", r"No such file or directory\. "),
        (lambda path: path, "unreadable", "Is a directory"),
        (lambda path: written(path / "x", "\0"), "binary", "no text"),
        (lambda path: _cut(path / "x"), "truncated", "cut short"),
    ],
    ids=["missing", "a directory", "binary", "cut"],
)
async def test_a_file_that_cannot_be_read_is_an_error_that_names_it(tmp_path, make, reason, said):
    """Never an empty list."""
    with pytest.raises(SyncRefusedError, match=said) as caught:
        await read(Source(make(tmp_path)))

    assert caught.value.reason == reason
    assert str(caught.value).startswith(str(tmp_path))


def _cut(path: Path) -> Path:
    path.write_bytes(gzip.compress(b"380931111111\n" * 100)[:-20])
    return path


async def test_a_file_that_grows_meanwhile_is_refused(tmp_path):
    """Whoever writes it may not have come to its end."""
    path = written(tmp_path / "x", f"{P}\n" * 30_000)
    chunks = Source(path).chunks()
    await anext(chunks)
    with path.open("a") as file:
        file.write(f"{P}\n")

    with pytest.raises(SyncRefusedError, match="changed while it was read") as caught:
        _ = [chunk async for chunk in chunks]

    assert caught.value.reason == "changed"


def is_open(path: Path) -> bool:
    """Whether this process has the file open."""
    return any(each.is_symlink() and os.path.realpath(each) == str(path) for each in Path("/proc/self/fd").iterdir())


async def test_leaving_a_file_closes_it(tmp_path):
    """At once."""
    path = written(tmp_path / "x", f"{P}\n" * 30_000)
    async with aclosing(Source(path).chunks()) as chunks:
        await anext(chunks)
        before = is_open(path)

    assert before
    assert not is_open(path)


async def test_a_file_is_read_off_the_loop(tmp_path, monkeypatch):
    """In another thread."""
    threads = set()
    read_some = os.read

    def watched(number, size):
        threads.add(threading.get_ident())
        return read_some(number, size)

    monkeypatch.setattr(os, "read", watched)

    assert await read(Source(written(tmp_path / "x", f"{P}\n"))) == [P]
    assert threads
    assert threading.get_ident() not in threads


@pytest.fixture
def fifo(tmp_path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


async def test_a_named_pipe_is_read_to_the_end_of_its_writer(fifo):
    """Which may come later, and write slowly."""

    def write():
        with fifo.open("wb", buffering=0) as pipe:
            pipe.write(f"{P}\n{str(P)[:5]}".encode())
            pipe.write(f"{str(P)[5:]}\n".encode())

    reading = asyncio.create_task(read(Source(fifo)))
    await asyncio.to_thread(write)

    assert await reading == [P, P]


async def test_cancelling_a_wait_for_a_pipe_ends_the_thread_and_closes_it(fifo):
    """Without a writer it would wait for ever."""
    reading = asyncio.create_task(read(Source(fifo)))
    await until(lambda: is_open(fifo))
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    await until(lambda: not is_open(fifo))


async def until(holds):
    """Let the threads run until it does; the suite's time limit says if it never does."""
    while not holds():
        await asyncio.to_thread(os.sched_yield)


@pytest.fixture
def stdin():
    """A writer for what this process has as its standard input meanwhile."""
    kept = os.dup(0)
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    os.close(reading)
    yield os.fdopen(writing, "wb", buffering=0)
    os.dup2(kept, 0)
    os.close(kept)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
async def test_a_dash_is_the_standard_input(stdin, packed):
    """Which is not ours to close."""
    text = f"{P}\nn/a\n".encode()
    with stdin:
        stdin.write(gzip.compress(text) if packed else text)
    source = Source("-")

    assert (await read(source), source.rejected, source.name) == ([P], 1, "-")
    assert os.fstat(0)


# Lines, looked up again


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (f"{P}\n# a comment\n\n{P + 1}\n{P + 2}\n{P + 1}\n", {P + 1: 4, P + 2: 5}),
        (f"name,phone\nAda,{P}\nBob,+{P + 1}\nCy,{P + 2}\n", {P + 1: 3, P + 2: 4}),
        (f'{{"phone": {P}}}\n{{"phone": "{P + 1}"}}\n{{}}\n{P + 2}\n', {P + 1: 2, P + 2: 4}),
    ],
    ids=["text", "table", "objects"],
)
async def test_the_lines_of_phones_are_found_by_reading_again(tmp_path, text, lines, packed):
    """Where each stands first; of one that is not there, nothing is known."""
    source = Source(written(tmp_path / "list", text, packed=packed))
    await read(source)

    assert await source.lines_of([P + 1, P + 2, P + 9]) == lines


async def test_a_national_spelling_is_looked_up_as_it_was_read(tmp_path):
    """With the region of the source, and in its column."""
    source = Source(written(tmp_path / "list", f"a,b\n{P},0931111112\n{P},0931111113\n"), region="UA", column="b")

    assert await source.lines_of({380931111113}) == {380931111113: 3}


@pytest.mark.parametrize("make", [list, tuple])
async def test_of_a_list_the_place_is_found(make):
    """Counted from one, rejects included; the rest is not looked at once all are found."""
    source = Source(make(["n/a", f"+{P}", P + 1, *range(P + 2, P + 30_000)]))

    assert await source.lines_of({P + 1}) == {P + 1: 3}


@pytest.mark.parametrize(
    "make", [lambda path: iter([P]), lambda path: {P}, lambda path: path / "gone", lambda path: "-"]
)
async def test_what_cannot_be_read_again_has_no_lines(tmp_path, make):
    """An iterator is used up, a set has no order, a file may be gone, and a pipe is empty."""
    assert await Source(make(tmp_path)).lines_of({P}) == {}


async def test_a_file_that_was_replaced_since_it_was_read_has_no_lines(tmp_path):
    """The same phone stands on another line of another file."""
    path = written(tmp_path / "list", f"{P}\n")
    source = Source(path)
    async with aclosing(source.chunks()) as chunks:
        assert [list(chunk) async for chunk in chunks] == [[P]]
    before = await source.lines_of({P})
    written(tmp_path / "other", f"{P + 1}\n{P}\n").replace(path)

    assert before == {P: 1}
    assert await source.lines_of({P}) == {}


async def test_nothing_is_read_for_nothing(tmp_path):
    """Nobody is looked for: the file is left alone, whatever has become of it."""
    assert await Source(written(tmp_path / "list", "\0")).lines_of(()) == {}


async def test_a_file_that_has_become_something_else_has_no_lines(tmp_path, caplog):
    """What was found before it broke off counts."""
    caplog.set_level("INFO")
    source = Source(written(tmp_path / "list", f"{P}\n\0"))

    assert await source.lines_of({P + 1}) == {}
    assert "read again for lines, and not to its end" in caplog.text


async def test_a_file_in_a_folder_that_is_closed_to_us_has_no_lines(tmp_path, monkeypatch):
    """Not every Python's Path says of such a file that it is none: some raise, in the middle of a report."""

    def closed(path, **_how):
        raise PermissionError(13, "Permission denied", path)

    source = Source(written(tmp_path / "list", f"{P}\n"))
    monkeypatch.setattr(os, "stat", closed)

    assert await source.lines_of({P}) == {}
