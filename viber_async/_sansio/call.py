"""One logical call as a value: what to ask, how to read the answer, what kind of repetition it bears.

A Call knows nothing of time, tokens or attempts. Every attempt of it sends the same bytes: the body is
rendered when the Call is made, so nothing that a caller changes afterwards reaches the wire.
"""

from __future__ import annotations

import enum
import json
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from attrs import field, frozen

from viber_async._sansio.privacy import mask_phones

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cattrs import Converter

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

PAGE_BYTES: Final = 8 * 1024 * 1024
"""Ours: the most that an answer may hold; a page of 1000 rows is about 0.3 MB."""
SMALL_BYTES: Final = 64 * 1024
"""Ours: the same for answers that hold one small object (token, created campaign, counters)."""


class Kind(enum.StrEnum):
    """The rows of the table that says which failures may be followed by a repetition."""

    READ = "read"
    TOKEN = "token"  # noqa: S105 - a word, not a secret
    BLACKLIST_WRITE = "blacklist write"
    CREATE = "create"
    OTHER = "other"


class Unreadable(ValueError):  # noqa: N818 - never leaves the library: the exchange turns it into DecodeError
    """An answer is not what it should be: *where* in it (a path such as ``[3].price``) and *why*."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(where, why)
        self.where = where
        self.why = why


@frozen
class Call(Generic[T_co]):
    """A request of the provider's API, and how its answer is read."""

    kind: Kind
    method: str = field(kw_only=True)
    path: str = field(kw_only=True, repr=mask_phones)
    name: str = field(kw_only=True, default="")
    """What a session's users call it, such as ``campaigns.get``."""
    read: Callable[[Converter, object], T_co] = field(kw_only=True)
    """Parsed JSON to result; raises `Unreadable`."""
    params: Mapping[str, str | int] = field(kw_only=True, factory=dict[str, str | int], repr=lambda _: "...")
    body: bytes | None = field(kw_only=True, default=None, repr=False)
    max_bytes: int = field(kw_only=True, default=PAGE_BYTES)
    empty_is_none: bool = field(kw_only=True, default=False)
    """An empty body is an answer too; everywhere else it is one that cannot be read."""
    is_callers_own: bool = field(kw_only=True, default=False)
    """Its path is whatever a caller of `session.request` wrote."""
    secret: str = field(kw_only=True, default="", repr=False)
    """What the body proves itself with, where it does."""

    @property
    def shown_path(self) -> str:
        """The path as it may be shown: what a caller wrote may have phones in it; ids that we wrote are none."""
        return mask_phones(self.path) if self.is_callers_own else self.path

    @property
    def what(self) -> str:
        """Method and path as they may be shown."""
        return f"{self.method} {self.shown_path}"


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def json_body(value: object) -> bytes:
    """Render *value* as a JSON body."""
    return _ENCODER.encode(value).encode()
