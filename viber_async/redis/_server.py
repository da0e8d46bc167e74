"""What is said to Redis: under which keys, how long one waits for a word of it, and what counts as its being away."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import RedisError

from viber_async._sansio.privacy import safe_text, shown
from viber_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable

PATIENCE: Final = 1.0
"""Seconds for one word with Redis; a healthy one answers in a thousandth of that."""

_WORD: Final = re.compile(r"[A-Za-z0-9_.@:-]{1,100}")


class AwayError(Exception):
    """Redis did not answer, or not as it should."""


def key_of(account: str, purpose: str) -> str:
    """Give the key for *purpose*; all keys of an account have the same hash tag, for Redis Cluster."""
    if not isinstance(account, str) or not _WORD.fullmatch(account):
        raise ConfigurationError(
            "account: give a word of 1 to 100 letters, digits and _.@:- by which all processes know the account; "
            f"got {shown(account)}"
        )
    return f"viber_async:{{{account}}}:{purpose}"


async def answer(word: Awaitable[Any] | Any) -> Any:
    """Give what Redis answers to *word*.

    Raises:
        AwayError: it did not, in time or at all.

    """
    try:
        async with asyncio.timeout(PATIENCE):
            return await word
    except (RedisError, OSError) as error:  # a TimeoutError is an OSError
        raise AwayError(f"{type(error).__name__}: {safe_text(str(error), 100)}") from error
