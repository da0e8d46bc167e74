"""Pages that are asked for before their turn: the awaiting side of `Walk.wanted`.

One page after another, a walk waits a round trip for each, in which the account would allow several. So the next page
is asked for as soon as the one before has had its turn in the rate limit, and not sooner: a walk has one request at a
time in that queue, as if it asked for nothing ahead, and as many on their way as fit into a round trip, which nobody
has to measure. Where the provider refuses several pages at once, the first of them waits again, and the walk lets go of
the others.

A page that came to nothing while nobody waited for it is nobody's error: it is asked for again when its turn comes.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from attrs import define, field, frozen

from viber_async._tasks import until_done
from viber_async.errors import SessionClosedError, ViberError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from viber_async._journey import OnTurn
    from viber_async._sansio.paging import Walk

P = TypeVar("P")

PAGES: Final = 16
"""Ours: how many pages a walk holds at most that nobody has read yet, however many connections there are."""


class Room:
    """How many pages the walks of one session may have under way together.

    That is half of its connections and one: however slow the provider, what people wait for finds a connection.
    """

    def __init__(self, connections: int) -> None:
        self.most = connections // 2 + 1
        self.taken = 0

    @property
    def is_left(self) -> bool:
        """Tell whether one more may be under way."""
        return self.taken < self.most

    def take(self, task: asyncio.Task[P]) -> asyncio.Task[P]:
        """Count *task* until it has ended."""
        self.taken += 1
        task.add_done_callback(self._give_back)
        return task

    def _give_back(self, _: object) -> None:
        self.taken -= 1


@frozen
class Asking(Generic[P]):
    """Who asks for the pages of one list."""

    fetch: Callable[[int, int, OnTurn], Coroutine[None, None, P]]
    """Gives a page by limit and offset, and tells of its turns."""
    start: Callable[[Callable[[], Coroutine[None, None, P]]], asyncio.Task[P]]
    """Runs that in a task that somebody owns."""
    room: Room
    check: Callable[[], object]
    """Raises where the session cannot be used: it is closed, or of another event loop, thread or process."""

    def ask(self, limit: int, offset: int, on_turn: OnTurn) -> asyncio.Task[P]:
        """Start to ask for a page."""
        return self.room.take(self.start(partial(self.fetch, limit, offset, on_turn)))


@define(eq=False)
class _Asked(Generic[P]):
    """A page that was asked for."""

    task: asyncio.Task[P] = field(init=False)
    wants_turn: bool = field(default=True, init=False)
    has_left: bool = field(default=False, init=False)

    @property
    def is_waiting(self) -> bool:
        """Tell whether it waits for its turn, the first or another."""
        return self.wants_turn and not self.task.done()

    @property
    def came_to_nothing(self) -> bool:
        return self.task.done() and (self.task.cancelled() or self.task.exception() is not None)


class Ahead(Generic[P]):
    """The pages of one *walk*, asked for ahead where it can be foreseen which it will want."""

    def __init__(self, walk: Walk, asking: Asking[P]) -> None:
        self._walk = walk
        self._asking = asking
        self._asked: dict[int, _Asked[P]] = {}  # by offset
        self._read: _Asked[P] | None = None
        self._until: int | None = None
        self._context = copy_context()
        self._halted = False

    async def page(self, offset: int, *, until: int | None = None) -> P:
        """Give the page at *offset*, where the walk stands; nothing is asked for beyond *until* rows.

        Whatever ends this but a page lets go of all that was asked for ahead.

        Raises:
            SessionLoopError: it is another event loop's; what was asked for there stays.

        """
        self._asking.check()
        self._until, self._context, self._halted = until, copy_context(), False
        self.sort_out()
        asked = self._asked.get(offset)
        if asked is None or asked.came_to_nothing:
            self._let_go(list(self._asked))
            asked = self._ask(offset)
        self._read = asked
        self._go_on()
        try:
            await until_done(asked.task)
            if not asked.came_to_nothing:
                return asked.task.result()
        except asyncio.CancelledError:
            asked.task.cancel()
            self._halt()
            raise
        finally:
            self._read = None
            self._asked.pop(offset, None)
        self._halt()
        if asked.task.cancelled():  # by the end of the session, of which this tells, or by somebody below
            self._asking.check()
        return asked.task.result()  # which raises

    def sort_out(self) -> None:
        """Let go of what the walk will not want any more."""
        wanted = self._walk.wanted(PAGES)
        self._let_go([offset for offset in self._asked if offset not in wanted])

    def check_close(self) -> None:
        """Raise `SessionLoopError` if something is under way in another event loop, where alone it can be let go of."""
        if any(not asked.task.done() for asked in self._asked.values()):
            with suppress(SessionClosedError):  # which ends it too
                self._asking.check()

    async def aclose(self) -> None:
        """Let go of everything, and wait until that is so; the page that somebody waits for comes all the same."""
        tasks = [asked.task for asked in self._asked.values() if asked is not self._read]
        self._halt()
        if tasks:
            await asyncio.wait(tasks)

    def _halt(self) -> None:
        """Let go of everything that nobody waits for, and ask for nothing until somebody reads on."""
        self._halted = True
        self._let_go([offset for offset, asked in self._asked.items() if asked is not self._read])

    def _ask(self, offset: int) -> _Asked[P]:
        asked = _Asked[P]()
        asked.task = self._asking.ask(self._walk.limit, offset, partial(self._hear, asked))
        self._asked[offset] = asked
        return asked

    def _hear(self, asked: _Asked[P], *, has_turn: bool) -> None:
        asked.wants_turn = not has_turn
        if has_turn:
            asked.has_left = True
            # In the context of the reader: what is asked for ahead is no part of the call whose turn has come.
            asyncio.get_running_loop().call_soon(self._go_on, context=self._context)
        else:
            waiting = sorted(offset for offset, each in self._asked.items() if each.is_waiting)
            self._let_go(waiting[1:])  # the page that somebody reads is the first of all

    def _go_on(self) -> None:
        """Ask for the next page that is wanted, if there is room and none waits for its turn."""
        room = self._asking.room
        if self._halted or not room.is_left or any(asked.is_waiting for asked in self._asked.values()):
            return
        wanted = self._walk.wanted(min(PAGES, room.most), until=self._until)
        if (offset := next((each for each in wanted if each not in self._asked), None)) is not None:
            with suppress(ViberError):  # such as that of a closed session: whoever reads on will be told
                self._ask(offset)

    def _let_go(self, offsets: Iterable[int]) -> None:
        for offset in offsets:
            asked = self._asked.pop(offset)
            asked.task.cancel()
            self._walk.leave_out(asked.has_left)
