"""The wanted side of a sync: whatever phones come from, read as a stream, off the event loop where it is a file.

Everything that can be judged without waiting stands in `_sansio.wanted`; here are the file, the pipe and the caller's
own iterables, and what they raise is translated: a list that broke off is an error, never the end of the list.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import select
import stat
import threading
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping
from contextlib import aclosing
from functools import partial
from io import IOBase
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeGuard, TypeVar, cast

from viber_async._sansio.lines import BLOCK, refusal
from viber_async._sansio.phones import phone
from viber_async._sansio.privacy import refused, safe_text
from viber_async._sansio.wanted import CHUNK, Rejected, Seeker, Tally, from_file, from_values
from viber_async.errors import UsageError, ValidationError, ViberError
from viber_async.sync.regions import reader_for

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from viber_async._sansio.numbers import Endings

    Wanted = Iterable[str | int] | AsyncIterable[str | int] | str | os.PathLike[str]

logger: Final = logging.getLogger("viber_async")

T = TypeVar("T")
U = TypeVar("U")

__all__ = ["Rejected", "Source"]

State = tuple[int, int, int, int]
STDIN: Final = "-"
GLANCE: Final = 0.2
"""Seconds after which a reader that waits for a pipe looks whether anybody still wants what comes."""
_WANTED: Final = "an iterable or async iterable of phones, or the path of a file of them"


class Source:
    """The phones that a list is made of: an iterable, an async iterable, or a file by its path.

    A file is text with one phone to a line, CSV, or NDJSON, each of them packed with gzip or not; ``"-"`` is the
    standard input. *column* says where the phones stand in a table (its name, or its place from 1) or under which key,
    where that cannot be found. *region* takes national spellings of one country, such as ``"UA"``.

    Raises:
        ValidationError: *wanted* is none of these.
        ConfigurationError: *region* needs a library that is not installed.

    """

    def __init__(self, wanted: Wanted, *, region: str | None = None, column: str | int | None = None) -> None:
        if column is not None and not _is_column(column):
            raise refused("column", column, "a column's name, or its place from 1")
        self._wanted = _checked(wanted)
        self._column = column
        self._read_phone = phone if region is None else reader_for(region)
        self._tally = Tally(self._read_phone)
        self._begun = False
        self._state: State | None = None  # of the file, when it was read
        self.name: Final = safe_text(os.fspath(self._wanted)) if _is_path(self._wanted) else "an iterable"
        """For reports: the path, masked where it looks like a phone, or "an iterable"."""

    @property
    def digest(self) -> str:
        """What stands for the path as it is; empty where there is none."""
        wanted = self._wanted
        return hashlib.sha256(os.fsencode(wanted)).hexdigest() if _is_path(wanted) else ""

    @property
    def read(self) -> int:
        """How many entries were read so far, rejects included; blank lines and comments are none."""
        return self._tally.read

    @property
    def rejected(self) -> int:
        """How many of them are no phones."""
        return self._tally.rejected

    @property
    def rejects(self) -> Sequence[Rejected]:
        """The first thousand of those."""
        return tuple(self._tally.rejects)

    @property
    def unclear(self) -> Endings:
        """How all of those end that could be phones."""
        return self._tally.endings

    def chunks(self) -> AsyncGenerator[Sequence[int], None]:
        """Give the phones as ints in the source's order, repetitions included, at most ten thousand at a time.

        Once. Whoever leaves before the end closes the iterator (``contextlib.aclosing``), and the file with it.

        Raises:
            SyncRefusedError: the source broke off or is not what it should be; ``reason`` says which: ``unreadable``,
                ``changed``, ``truncated``, ``encoding``, ``binary``, or ``iterable`` for one of the caller's own.
            ValidationError: its phones could stand in more than one place.

        """
        if self._begun:
            raise UsageError("A source is read once; make another one to read it again.")
        self._begun = True
        wanted = self._wanted
        if _is_path(wanted):
            return self._of_file(os.fspath(wanted))
        if isinstance(wanted, AsyncIterable):
            return self._of_async(wanted)
        return self._of_iterable(cast("Iterable[object]", wanted))

    async def lines_of(self, sought: Collection[int]) -> Mapping[int, int]:
        """Give on which line each of the *sought* phones stands first; of a list or a tuple, its place.

        The source is read again for that, where it can be: a list, or a file that is still there and as it was. Of all
        others, and of phones that are not found, nothing is known.
        """
        wanted = self._wanted
        if not sought or not (isinstance(wanted, (list, tuple)) or (_is_path(wanted) and _is_file(wanted))):
            return {}
        again = Source(wanted, column=self._column)
        again._state = self._state
        again._tally = seeker = Seeker(self._read_phone, sought)
        try:
            async with aclosing(again.chunks()) as chunks:
                async for _ in chunks:
                    if seeker.is_over:
                        break
        except ViberError as error:
            logger.info("%s was read again for lines, and not to its end: %s", self.name, error)
        return seeker.lines

    async def _of_file(self, path: str) -> AsyncGenerator[Sequence[int], None]:
        file = _File(path, self.name, known=self._state)
        chunks = from_file(file.pieces(), self._tally, name=self.name, column=self._column)
        try:
            while (chunk := await asyncio.to_thread(file.held, partial(next, chunks, None))) is not None:
                yield chunk
            self._state = file.state
        finally:
            file.leave()

    async def _of_async(self, wanted: AsyncIterable[object]) -> AsyncGenerator[Sequence[int], None]:
        values: list[object] = []
        entries = self._own(aiter, wanted)
        try:
            while True:
                try:
                    values.append(await anext(entries))
                except StopAsyncIteration:
                    break
                except ViberError:
                    raise
                except Exception as error:
                    raise self._broken(error, len(values)) from error
                if len(values) == CHUNK:
                    yield self._judged(values)
                    values = []
            yield self._judged(values)
        finally:
            if isinstance(entries, AsyncGenerator):
                await entries.aclose()

    async def _of_iterable(self, wanted: Iterable[object]) -> AsyncGenerator[Sequence[int], None]:
        entries = self._own(iter, wanted)
        while True:
            values = self._own(list, islice(entries, CHUNK))
            if not values:
                return
            yield self._judged(values)
            await asyncio.sleep(0)  # others run between two chunks

    def _judged(self, values: list[object]) -> list[int]:
        return from_values(values, self._tally, first=self._tally.read + 1)

    def _own(self, call: Callable[[T], U], iterable: T) -> U:
        """Call what runs the caller's own code, and name what that raises."""
        try:
            return call(iterable)
        except ViberError:
            raise
        except Exception as error:
            raise self._broken(error, 0) from error

    def _broken(self, error: Exception, waiting: int) -> ViberError:
        what = f"your iterable raised {type(error).__name__} behind entry {self._tally.read + waiting:,}"
        return refusal(self.name, what, reason="iterable")


class _File:
    """A file that threads read, one at a time, and that is closed by whoever is the last to be in it."""

    def __init__(self, path: str, name: str, *, known: State | None) -> None:
        self.state = known
        """Which file it is and how it stands; None for a pipe, or as long as that is not known."""
        self._path = path
        self._name = name
        self._lock = threading.Lock()
        self._left = False
        self._number: int | None = None  # of the open file, as long as it is ours to close

    def held(self, work: Callable[[], T]) -> T | None:
        """Give what *work* gives, which reads `pieces`; None if the file was left."""
        try:
            with self._lock:
                return None if self._left else work()
        finally:
            if self._left:
                self._close()

    def leave(self) -> None:
        """Close the file, now or as soon as the thread in it is through."""
        self._left = True
        self._close()

    def pieces(self) -> Iterator[bytes]:
        """Give the bytes as they come; raises what went wrong under our name."""
        try:
            number = self._opened()
            before = os.fstat(number)
            if self.state not in (None, _state(before)):
                raise refusal(self._name, "it was changed since it was read", reason="changed")
            yield from self._read(number, waits=not stat.S_ISREG(before.st_mode))
            after = os.fstat(number)
        except OSError as error:
            what = f"it cannot be read: {error.strerror}{self._hint()}"
            raise refusal(self._name, what, reason="unreadable") from error
        if not stat.S_ISREG(before.st_mode):
            return
        if _state(before) != _state(after):
            raise refusal(self._name, "it was changed while it was read", reason="changed")
        self.state = _state(after)

    def _hint(self) -> str:
        """Say what to do where a phone was given for the path of a file."""
        try:
            phone(self._path)
        except ValidationError:
            return ""
        return "; a text is the path of a file, so give a list even for one phone (--phone)"

    def _opened(self) -> int:
        if self._path == STDIN:
            return 0
        # A named pipe is not waited for here: where there is no writer yet, the poll waits, and can be left.
        self._number = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        return self._number

    def _read(self, number: int, *, waits: bool) -> Iterator[bytes]:
        poll = select.poll()
        poll.register(number, select.POLLIN)
        while not self._left:
            if waits and not poll.poll(GLANCE * 1000):
                continue
            if not (piece := os.read(number, BLOCK)):
                return
            yield piece

    def _close(self) -> None:
        if self._lock.acquire(blocking=False):
            try:
                number, self._number = self._number, None
                if number is not None:
                    os.close(number)
            finally:
                self._lock.release()


def _state(found: os.stat_result) -> State:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _is_file(path: str | os.PathLike[str]) -> bool:
    # not Path's, which raises where a folder is closed to us
    return os.fspath(path) != STDIN and os.path.isfile(path)  # noqa: PTH113


def _is_column(column: object) -> bool:
    match column:
        case bool():
            return False
        case int():
            return column > 0
        case _:
            return isinstance(column, str) and bool(column.strip())


def _is_path(wanted: object) -> TypeGuard[str | os.PathLike[str]]:
    return isinstance(wanted, (str, os.PathLike))


def _checked(wanted: Wanted) -> Wanted:
    """Give *wanted* if it can be read: an open file has lost its path, and a dict is keys, or values, or neither."""
    if isinstance(wanted, IOBase):
        raise refused("wanted", wanted, f"give the path of the file instead of the open file; {_WANTED}")
    usual = isinstance(wanted, (str, os.PathLike, AsyncIterable, Iterable))
    if not usual or isinstance(wanted, (bytes, bytearray, memoryview, Mapping)) or wanted == "":
        raise refused("wanted", cast("object", wanted), _WANTED)
    return wanted
