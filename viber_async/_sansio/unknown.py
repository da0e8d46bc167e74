"""What answers hold that this version knows nothing of: counted, and for a canary refused.

Unknown keys are kept and unknown words become members, so nothing breaks when the provider grows. That it has grown is
worth knowing all the same. Whoever reads a value and finds it unknown says so by `note_keys` or `note_word`; where
that goes is set around each answer, since the readers are made once and shared by all sessions. An answer that holds
nothing unknown says nothing here, and pays nothing.

What is counted comes from a server: names are short, masked and escaped, and there are at most `MAX_NAMES` of them;
what comes after is counted together, under `REST`.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from viber_async._sansio.call import Kind, Unreadable
from viber_async._sansio.privacy import safe_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from contextvars import Token
    from types import TracebackType

    from viber_async._sansio.call import Call

MAX_NAMES: Final = 100
"""Ours: a provider that grows adds a handful; more is no growth."""
MAX_KEYS: Final = 20
"""Ours: of one object, so many unknown keys are looked at."""
NAME_CHARACTERS: Final = 60
REST: Final = "…"
"""The name under which all is counted that is beyond those."""

STRANGER: Final = "this version of viber_async does not know, and the session is strict"

_HARMLESS: Final = re.compile(r"[A-Za-z_.]{1,40}")


class UnknownName(NamedTuple):
    """Something that this version has no field or no member for; equal to a plain tuple of the three."""

    operation: str
    """The call that was answered, such as ``"campaigns.get"``."""
    kind: Literal["key", "value"]
    name: str
    """A key such as ``"foo"`` or ``"statistics.foo"``, or a field with its value, such as ``"status=paused"``."""


class UnknownNames:
    """Counts for one session and its views."""

    def __init__(self, *, strict: bool = False) -> None:
        """With *strict*, what is unknown in the answer to a read makes it one that cannot be read."""
        self._strict = strict
        self._counts: dict[UnknownName, int] = {}

    def counts(self) -> Mapping[UnknownName, int]:
        """Give how often each was seen until now."""
        return MappingProxyType(dict(self._counts))

    def noting(self, call: Call[object]) -> Noting:
        """Give what counts, while it is entered, what is unknown in the answer to *call*.

        An answer to a write is never refused for it: the campaign exists, whatever else is said about it.
        """
        return Noting(self, call.name, strict=self._strict and call.kind is Kind.READ)

    def add(self, found: UnknownName, times: int) -> None:
        """Count *found*, or the rest if there are too many names."""
        if found not in self._counts and len(self._counts) >= MAX_NAMES:
            found = found._replace(name=REST)
        self._counts[found] = self._counts.get(found, 0) + times


class Noting:
    """Where the readers of one answer say what they found."""

    _before: Token[Noting | None]
    """Who was told until this was entered."""

    def __init__(self, names: UnknownNames, operation: str, *, strict: bool) -> None:
        self._names = names
        self._operation = operation
        self.strict = strict

    def __enter__(self) -> None:
        self._before = _NOTING.set(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        _NOTING.reset(self._before)

    def add(self, kind: Literal["key", "value"], name: str, times: int = 1) -> None:
        """Count one name."""
        self._names.add(UnknownName(self._operation, kind, name), times)


_NOTING: Final[ContextVar[Noting | None]] = ContextVar("viber_async_noting", default=None)


def note_keys(prefix: str, keys: Collection[str]) -> None:
    """Say that an object holds *keys* that are unknown; raises `Unreadable` where that is not allowed."""
    noting = _NOTING.get()
    if noting is None or not keys:
        return
    for key in islice(keys, MAX_KEYS):
        if noting.strict:
            raise Unreadable(_safe(key), f"a key that {STRANGER}")
        noting.add("key", _safe(prefix + key))
    if len(keys) > MAX_KEYS:
        noting.add("key", REST, len(keys) - MAX_KEYS)


def note_word(field: str, word: object) -> None:
    """Say that *field* holds a *word* that is unknown; raises `Unreadable` where that is not allowed."""
    noting = _NOTING.get()
    if noting is None:
        return
    if noting.strict:
        raise Unreadable("", f"a value that {STRANGER}: {_safe(repr(word))}")
    noting.add("value", _safe(f"{field}={word}"))


def _safe(name: str) -> str:
    return name if _HARMLESS.fullmatch(name) else safe_text(name, NAME_CHARACTERS)
