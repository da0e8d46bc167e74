"""The hook around every attempt, on our own values.

No httpx type passes through it, and nothing of what is sent but method and path. What comes back does: bodies of
answers hold phones, that of a token call the token, so a middleware that writes answers down writes those down too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from attrs import field, frozen

from viber_async._sansio.answer import Answer

if TYPE_CHECKING:
    from viber_async._sansio.rate import Lane


@frozen(kw_only=True)
class Attempt:
    """One attempt of a call, before it waits for its turn."""

    method: str
    path: str
    number: int
    """1 for the first attempt of a call."""
    lane: Lane
    headers: Mapping[str, str] = field(factory=dict[str, str])
    """Headers to send besides ours (tracing, for instance): pass on ``attrs.evolve(attempt, headers=...)``."""


CallNext = Callable[[Attempt], Awaitable[Answer]]
"""What a middleware calls to go on."""

Middleware = Callable[[Attempt, CallNext], Awaitable[Answer]]
"""``async def middleware(attempt, call_next)``: runs around every attempt, token calls included.

It sees answers of any status as values, and network failures as our errors. It calls ``call_next`` once at most. What
it raises itself reaches the caller as the cause of a `UsageError` that says what became of the request.
"""
