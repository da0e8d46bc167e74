"""Async iteration over any paged call: the awaiting side of `_sansio.paging`.

Nothing is decided here: a page is fetched, the walk says which rows are new, and those wait to be handed out.
An async generator would have to be closed by whoever breaks out of it, so this is an object (PEP 789).
"""

from __future__ import annotations

from itertools import islice
from operator import length_hint
from typing import TYPE_CHECKING, Generic, Self

from viber_async._ahead import Ahead
from viber_async._sansio.paging import Page, Row, Walk, WalkReport
from viber_async._sansio.privacy import refused
from viber_async.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from types import TracebackType

    from viber_async._ahead import Asking


class Pages(Generic[Row]):
    """The rows of a list, read page by page while you iterate; each row comes once.

    ```python
    async for entry in session.blacklist.list():
        print(entry.id)
    ```

    There is one position, shared by everything below: leave a loop and the next one goes on behind the last
    row handed out. A page that could not be fetched (an error, a cancel) is asked for again at the next step.
    One task at a time may read.

    From the second page on, those behind it are asked for while you read: as many as fit into a round trip, and with
    ten connections six at most. A loop that is left leaves no more than those behind, and `aclose` lets go of them.
    Memory: the pages that were not read yet, and one id for each row of the walk.

    Raises:
        ValidationError: limit, offset or token cannot be used; raised at once, before any request.
        UsageError: two tasks read at once, or the pages were closed.
    """

    def __init__(  # noqa: PLR0913 - one seam and the walk's own settings, all by keyword
        self,
        fetch: Callable[[int, int], Awaitable[Page[Row]]],
        *,
        asking: Asking[Page[Row]] | None = None,
        key: Callable[[Row], int],
        limit: int,
        offset: int = 0,
        token: str | None = None,
        name: str = "",
    ) -> None:
        self._fetch = fetch
        self._key = key
        self._walk = Walk(limit=limit, offset=offset, token=token, name=name)
        self._ahead = None if asking is None else Ahead(self._walk, asking)
        self._ready: Iterator[Row] = iter(())
        self._held: list[Row] = []  # what a collect() under way has gathered; not handed out before it returns
        self._dropped = 0  # rows read ahead that nobody will get, because we were closed
        self._first: tuple[Row, ...] = ()
        self._reading = False
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Row:
        for row in self._ready:
            return row
        if not await self._read():
            raise StopAsyncIteration
        return next(self._ready)

    def pages(self) -> PageIterator[Row]:
        """Give the rest of the walk as tuples of new rows, none of them empty, in the same single position.

        What a page still holds after some of its rows were taken comes first.
        """
        return PageIterator(self._next_page)

    async def collect(self, max: int | None = None) -> list[Row]:  # noqa: A002 - the word a caller would guess
        """Give the remaining rows as a list, at most *max* of them; rows beyond *max* stay in the walk.

        All or nothing: if it fails or is cancelled, the rows gathered so far go back into the walk, and the
        next call gives them again.
        """
        if max is not None and (type(max) is not int or max < 0):
            raise refused("max", max, "how many rows at most: an int of 0 or more, or None for all")
        self._check_free()
        held = self._held
        try:
            while max is None or len(held) < max:
                held.extend(islice(self._ready, None if max is None else max - len(held)))
                if len(held) == max or not await self._read(None if max is None else max - len(held)):
                    break
        except BaseException:
            self._give_back(held)
            raise
        self._held = []
        return held

    async def first(self) -> Row | None:
        """Give the first row of this walk (behind the token, where one was given), or None if there is none.

        It moves nothing: the row stays part of the walk, or was handed out already. At most one page is read,
        or none if one was read before; a resumed walk reads until it has found its place.
        """
        self._check_open()
        if not self._first:
            await self._read()
        return self._first[0] if self._first else None

    @property
    def total(self) -> int | None:
        """How many rows the latest page said there are; None before a page is read, or if pages do not tell."""
        return self._walk.total

    @property
    def token(self) -> str:
        """A small text without personal data: a walk begun with it goes on behind the last row handed out.

        It can be taken at any moment, in the middle of a page too, and used in another process.
        """
        return self._walk.token(waiting=self._waiting())

    @property
    def report(self) -> WalkReport:
        """What the walk has done so far, and whether it is proven to have missed nothing."""
        return self._walk.report(waiting=self._waiting())

    async def aclose(self) -> None:
        """End the walk and let go of what was read ahead; `token`, `total` and `report` stay readable."""
        if not self._closed:
            if self._ahead is not None:
                self._ahead.check_close()
            self._dropped = self._waiting()
            self._ready = iter(())
            self._held = []
            self._closed = True
            if self._ahead is not None:
                await self._ahead.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        if "_walk" not in vars(self):  # refused while it was made; a traceback with its locals asks all the same
            return "<Pages, never made>"
        seen = self.report
        state = "closed" if self._closed else "over" if self._walk.offset is None else f"at {self._walk.offset}"
        return f"<Pages {state}: {seen.rows} rows, {seen.requests} requests, {seen.repairs} repairs>"

    async def _read(self, rows: int | None = None) -> bool:
        """Read until new rows are ready; False when the walk is over. No more than *rows* are needed."""
        self._check_free()
        self._reading = True
        until = None if rows is None else self._walk.distinct + rows
        try:
            while (offset := self._walk.offset) is not None:
                if self._ahead is None:
                    page = await self._fetch(self._walk.limit, offset)
                else:
                    page = await self._ahead.page(offset, until=until)
                self._check_open()
                if self._put(page):
                    return True
            return False
        finally:
            self._reading = False

    def _put(self, page: Page[Row]) -> bool:
        # The ids first: if one cannot be read, the walk has not moved.
        keys = [self._key(row) for row in page.rows]
        new = tuple(page.rows[i] for i in self._walk.take(keys, total=page.total, waiting=self._waiting()))
        if self._ahead is not None:
            self._ahead.sort_out()
        self._ready = iter(new)
        self._first = self._first or new[:1]
        return bool(new)

    async def _next_page(self) -> tuple[Row, ...]:
        self._check_free()
        rest = tuple(self._ready)
        if not rest and await self._read():
            rest = tuple(self._ready)
        return rest

    def _waiting(self) -> int:
        return len(self._held) + length_hint(self._ready) + self._dropped

    def _give_back(self, held: list[Row]) -> None:
        # Not after aclose(), which has already counted them as dropped.
        if held is self._held:
            self._ready = iter((*held, *self._ready))
            self._held = []

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError("These pages were closed; to go on, list again with token=pages.token.")

    def _check_free(self) -> None:
        self._check_open()
        if self._reading:
            raise UsageError("These pages are being read by another task; read them in one task and share the rows.")


class PageIterator(Generic[Row]):
    """What `Pages.pages` gives; it holds nothing of its own, so it need not be closed."""

    def __init__(self, take: Callable[[], Awaitable[tuple[Row, ...]]]) -> None:
        self._take = take

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[Row, ...]:
        page = await self._take()
        if not page:
            raise StopAsyncIteration
        return page
