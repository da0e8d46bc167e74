"""The two callbacks of a sync, kept apart from it: whatever they do, the sync stops safely and says why.

``still_wanted`` is asked before each batch of removals. It gets digit strings and gives those of them that must stay
on the blacklist. A plain function runs in a thread of its own, an async one in the loop; either has a minute.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Final, TypeGuard

from attrs import frozen

from viber_async._sansio.numbers import Phones
from viber_async._sansio.phones import phones as read_phones
from viber_async._sansio.privacy import safe_text
from viber_async.errors import SyncInterruptedError, ValidationError
from viber_async.sync.thread import OwnThread

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable

    from viber_async.sync.plan import StillWanted

logger: Final = logging.getLogger("viber_async")

ANSWERS_WITHIN: Final = 60.0
"""Ours: seconds. Whoever does not know within a minute whether a person said stop must not be waited for in silence."""


@frozen(kw_only=True)
class SyncProgress:
    """How far a sync is."""

    phase: str
    """``read``, ``walk``, ``check``, ``add``, ``verify`` or ``remove``."""
    done: int
    """Entries, rows or phones of this phase."""
    of: int | None
    """How many there will be; None where that is not known."""
    requests: int
    """Requests so far, of all phases."""
    seconds: float
    """Since the beginning."""
    waited: float = 0.0
    """How many of these seconds passed in waiting for a provider that was away."""
    waits: bool = False
    """It is away now, and waited for: nothing has moved since the last time that this was told."""

    @property
    def rate(self) -> float:
        """Requests a second so far, not counting the time that was waited."""
        worked = self.seconds - self.waited
        return self.requests / worked if worked > 0 else 0.0


_MADE: Final = (str, bytes, bytearray, memoryview, Mapping, Sequence, AbstractSet, Awaitable)


class Asked:
    """Asks ``still_wanted``."""

    def __init__(self, callback: StillWanted | None) -> None:
        self._callback = callback
        self._thread = OwnThread("viber_async still_wanted")

    async def which(self, numbers: array[int]) -> set[int]:
        """Give those of *numbers* that must stay.

        Raises:
            SyncInterruptedError: the callback raised, took too long, or gave something else than phones.

        """
        if self._callback is None:
            return set()
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                said = await self._call(self._callback, tuple(Phones(numbers)))
        except TimeoutError as error:
            raise _stopped(f"did not answer within {ANSWERS_WITHIN:.0f} seconds, or timed out itself") from error
        except Exception as error:
            logger.error("still_wanted failed", exc_info=error)  # noqa: TRY400 - the error below has no frames
            raise _stopped(f"raised {type(error).__name__}: {safe_text(str(error), 200)}") from error
        try:
            stay, _ = read_phones(said, "still_wanted")
        except ValidationError as error:
            raise _stopped(
                f"must give those of the phones that are wanted (an empty list for none), and gave {error.shown}"
            ) from error
        return set(map(int, stay)) & set(numbers)

    async def _call(self, callback: StillWanted, phones: tuple[str, ...]) -> object:
        if inspect.iscoroutinefunction(callback):
            return _read(await callback(phones))
        said = await self._thread.run(lambda: _read(callback(phones)))
        return _read(await said) if inspect.isawaitable(said) else said

    def leave(self) -> None:
        """Let go of the thread."""
        self._thread.leave()


def _read(said: object) -> object:
    """Give *said* read to its end, if it is made while it is read: by a generator, or a query of a database."""
    return list(said) if _is_made_late(said) else said


def _is_made_late(said: object) -> TypeGuard[Iterable[object]]:
    return isinstance(said, Iterable) and not isinstance(said, _MADE)


def _stopped(what: str) -> SyncInterruptedError:
    return SyncInterruptedError(
        f"the callback still_wanted {what}; nothing was removed without its answer. Mend it, and run the same again"
    )


class Told:
    """Tells the progress callback."""

    def __init__(self, callback: Callable[[SyncProgress], object] | None) -> None:
        self._callback = callback
        self._loop = asyncio.get_running_loop()  # asked from other threads too
        self._began = self._loop.time()
        self.requests = 0
        self._waited = 0.0
        self._last: tuple[str, int, int | None] | None = None

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return self._loop.time() - self._began

    async def wait(self, seconds: float) -> None:
        """Wait for a provider that is away, and say so; the first of its phases may have nothing to say yet."""
        if self._last is not None and seconds:
            await self.tell(*self._last, waits=True)
        began = self._loop.time()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._waited += self._loop.time() - began

    async def tell(self, phase: str, done: int, of: int | None, *, waits: bool = False) -> None:
        """Say how far it is.

        Raises:
            SyncInterruptedError: the callback raised.

        """
        if self._callback is None:
            return
        self._last = phase, done, of
        said = SyncProgress(
            phase=phase,
            done=done,
            of=of,
            requests=self.requests,
            seconds=self.seconds,
            waited=self._waited,
            waits=waits,
        )
        try:
            answer = self._callback(said)
            if inspect.isawaitable(answer):
                await answer
        except Exception as error:
            logger.error("progress failed", exc_info=error)  # noqa: TRY400 - as above
            raise SyncInterruptedError(
                f"the callback progress raised {type(error).__name__}: {safe_text(str(error), 200)}. Mend it, and run "
                "the same again"
            ) from error
