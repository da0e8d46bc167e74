"""Watching one campaign: it is asked for again and again, and given each time it is another than before."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, TypeAlias

from viber_async._sansio.following import checked_every, is_over
from viber_async._sansio.privacy import refused
from viber_async.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Self

    from viber_async._sansio.campaigns import Campaign

Until: TypeAlias = "Callable[[Campaign], bool | Awaitable[bool]]"
"""Tells whether a campaign is over for whoever watches it."""


class CampaignWatch:
    """A campaign as it goes on: ``async for campaign in watch``, at once and then each time something has changed.

    After an error it can be asked again, and looks again. It holds nothing between two looks, so it need not be closed.
    """

    def __init__(
        self,
        get: Callable[[], Awaitable[Campaign]],
        *,
        pause: Callable[[float], Awaitable[None]],
        every: float,
        until: Until | None,
    ) -> None:
        if until is not None and not callable(until):
            raise refused("until", until, "a function that takes a Campaign, or None")
        self._get = get
        self._pause = pause
        self._every = checked_every(every)
        self._until = until or is_over
        self._last: Campaign | None = None
        self._next_look = 0.0
        self._looking = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Campaign:
        if self._looking:
            raise UsageError("this campaign is being watched by another task; give each a watch of its own")
        self._looking = True
        try:
            if self._last is not None and await self._is_over(self._last):
                raise StopAsyncIteration
            while (now := await self._look()) == self._last:
                pass
        finally:
            self._looking = False
        self._last = now
        return now

    async def _is_over(self, campaign: Campaign) -> bool:
        over = self._until(campaign)
        return await over if inspect.isawaitable(over) else over

    async def _look(self) -> Campaign:
        clock = asyncio.get_running_loop().time
        if self._last is not None:
            await self._pause(self._next_look - clock())
        self._next_look = clock() + self._every
        return await self._get()
