"""Where `create_once` keeps its intents: the seam, and the file that ships with us.

The rules are in `_sansio.ledger`; a ledger only keeps rows, durably, and replaces one only by its next version.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from viber_async._sansio.privacy import safe_text
from viber_async._threads import Threads
from viber_async.errors import ConfigurationError, LedgerError, ViberError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from viber_async._ledger_file import LedgerFile
    from viber_async._sansio.ledger import LedgerRow

T = TypeVar("T")

THREADS: Final = Threads("viber_async ledger", 4)
"""Ours: operations under way at once in one event loop. One at a time reaches a file."""


class Ledger(Protocol):
    """Durable rows, one for each key, for `create_once`.

    Any store fits that can replace a row on condition: a table with ``UPDATE ... WHERE version = ?``, a key with
    compare-and-swap. What "at most once" rests on is this:

    - `put` returns True only when the row would survive a power failure, and of two that replace the same version
      only one is told True. A store that acknowledges before that (Redis without ``appendfsync always``, a replica
      that may be promoted late) cannot promise it, and should say so.
    - A store that lost rows, or may have, raises `LedgerError` from every method. It never answers "no such row".
    - `get` reads its own writes, from every process; a lagging replica does not.

    Any other exception counts as one, and so as "nothing can be said": nothing is sent on it.

    *account* is a name for the account, the same for all its credentials' sessions: keep accounts apart by it, or
    refuse a second one. Rows hold no phones, no text and no key: `LedgerRow.to_dict` gives JSON.
    """

    async def secret(self, account: str) -> bytes:
        """Give 32 random bytes, made with the ledger and always the same."""
        ...

    async def get(self, account: str, key: str) -> LedgerRow | None:
        """Give the row of *key*, or None if there never was one."""
        ...

    async def put(self, account: str, row: LedgerRow) -> bool:
        """Keep *row* in place of its version before (of none, for version 1); False if that is not what is kept."""
        ...

    async def unsettled(self, account: str) -> tuple[LedgerRow, ...]:
        """Give the rows whose state is UNKNOWN or SENDING, oldest first."""
        ...


class NamedLedger:
    """A ledger whose failures are all `LedgerError`, whatever the store behind it calls them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def secret(self, account: str) -> bytes:
        """Give its secret."""
        return await _named(lambda: self._ledger.secret(account))

    async def get(self, account: str, key: str) -> LedgerRow | None:
        """Give its row of *key*."""
        return await _named(lambda: self._ledger.get(account, key))

    async def put(self, account: str, row: LedgerRow) -> bool:
        """Keep *row* in it."""
        return await _named(lambda: self._ledger.put(account, row))

    async def unsettled(self, account: str) -> tuple[LedgerRow, ...]:
        """Give its rows that are not settled."""
        return await _named(lambda: self._ledger.unsettled(account))


async def _named(work: Callable[[], Awaitable[T]]) -> T:
    try:
        return await work()
    except ViberError:
        raise
    except Exception as error:
        why = f"the ledger failed ({safe_text(type(error).__name__, 60)}); nothing was sent"
        raise LedgerError(why) from error


class SqliteLedger:
    """A ledger in one SQLite file, for the sessions and processes of one machine that share its path.

    ```python
    import tempfile
    from pathlib import Path
    from viber_async import SqliteLedger

    ledger = SqliteLedger(Path(tempfile.mkdtemp(), "campaigns.ledger"))
    print(ledger, await session.senders.list())
    ```

    Making one does no I/O and binds it to no event loop. The file is created with mode 0600, and its directory, if
    missing, with 0700. Every write is synchronous (WAL, ``synchronous=FULL``) and happens off the event loop. What
    cannot be trusted is refused with `LedgerError` and nothing is sent: a torn, shortened or altered file, one that
    was deleted meanwhile, one of another account or of a newer version, one that others may read or write.

    It cannot promise anything about a copy, a restored backup, or a network file system without working locks.
    With *create* False the file must be there already: then a lost one is noticed after a restart too.
    """

    def __init__(self, path: str | os.PathLike[str], *, create: bool = True) -> None:
        found = os.fspath(path)
        if not isinstance(found, str) or not found or "\0" in found:
            raise ConfigurationError("SqliteLedger: path must be the path of a file, as text or a Path")
        self._path = os.path.abspath(found)  # noqa: PTH100 - no link on the way is followed here
        self._create = create
        self._file: LedgerFile | None = None

    @property
    def path(self) -> str:
        """The file, as an absolute path."""
        return self._path

    async def secret(self, account: str) -> bytes:
        """Give the 32 random bytes that were made with the file."""
        return await self._off_the_loop(lambda file: file.secret(account))

    async def get(self, account: str, key: str) -> LedgerRow | None:
        """Give the row of *key*, or None if there never was one."""
        return await self._off_the_loop(lambda file: file.get(account, key))

    async def put(self, account: str, row: LedgerRow) -> bool:
        """Keep *row* in place of its version before, durably; False if another version is kept."""
        return await self._off_the_loop(lambda file: file.put(account, row))

    async def unsettled(self, account: str) -> tuple[LedgerRow, ...]:
        """Give the rows that are not settled, oldest first."""
        return await self._off_the_loop(lambda file: file.unsettled(account))

    async def _off_the_loop(self, work: Callable[[LedgerFile], T]) -> T:
        return await THREADS.run(partial(self._run, work))

    def _run(self, work: Callable[[LedgerFile], T]) -> T:
        if self._file is None:
            from viber_async._ledger_file import LedgerFile  # noqa: PLC0415 - sqlite3 only where it is used

            self._file = LedgerFile(self._path, create=self._create)
        return work(self._file)

    def __repr__(self) -> str:
        return f"SqliteLedger({self._path!r})"
