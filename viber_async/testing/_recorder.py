"""Real answers, kept without anybody in them.

What is kept is decided by a list of what may stay, not of what must go: the names of fields, the words of the
provider's own vocabulary, counts and dates. Every other text becomes "text", every id a small number (the same one for
the same id), every phone a made-up one. So a field that is new tomorrow shows its name and its type, and nothing else.
"""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from viber_async._sansio.answer import PER_SECOND_CODE

if TYPE_CHECKING:
    import os

    from viber_async._middleware import Attempt, CallNext
    from viber_async._sansio.answer import Answer

logger: Final = logging.getLogger("viber_async")

WORDS: Final = frozenset({"status", "currency", "traffic_type", "country"})
"""Fields whose texts are the provider's own words."""
CODES: Final = frozenset({"error", "result"})
"""Fields whose texts are such words where they are one, and may be a sentence about somebody where they are more."""
DATES: Final = frozenset({"send_date", "created", "add_date", "last_update"})
COUNTS: Final = frozenset(
    {"message_live_time", "stretch_time", "message_type", "resend_sms", "resend_sms_status", "error_code", "total"}
    | {"sent", "delivered", "read", "redirected", "undelivered", "errors", "added", "exists", "deleted", "price"}
)
PHONES: Final = frozenset({"phone", "phones", "recipients"})
MADE_UP: Final = 380_930_000_000
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_WORD: Final = re.compile(r"(?=.{1,40}\Z)([A-Za-z][a-z_-]*( [a-z_-]+)*|[A-Z]{2,3})")
"""With one capital at most, in front: two are somebody's name."""
_CODE: Final = re.compile(r"[a-z_]{1,40}")
_ROUTE: Final = re.compile(r"[A-Za-z_-]{1,40}|v\d")
LARGEST: Final = 10_000_000
"""Ours: a count below is one; from here on it may be a phone, whatever its field is called."""


class _Names:
    """Made-up numbers: the same one for the same id or phone."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._phones: dict[str, int] = {}

    def id(self, value: object) -> int:
        return self._ids.setdefault(str(value), len(self._ids) + 1)

    def phone(self, value: object) -> int:
        return MADE_UP + self._phones.setdefault(str(value), len(self._phones) + 1)


def without_persons(value: object) -> object:
    """Give the JSON *value* with its shape and the provider's own words, and nothing of anybody's."""
    return _cleaned(value, "", _Names())


def _cleaned(value: object, name: str, names: _Names) -> object:
    match value:
        case dict():
            return {_key(k): _cleaned(v, k, names) for k, v in cast("dict[str, object]", value).items()}
        case list():
            return [_cleaned(each, name, names) for each in cast("list[object]", value)]
        case None | bool():
            return value
        case str():
            return _text(value, name, names)
        case _:
            return _number(value, name, names)


def _key(name: str) -> str:
    """A key is a field's name, unless it is somebody's phone or text."""
    return name if re.fullmatch(r"[A-Za-z_]{1,40}", name) else "key"


def _text(value: str, name: str, names: _Names) -> str:
    if name in PHONES:
        return str(names.phone(value))
    kept = (
        (name in DATES and _DATE.fullmatch(value))
        or (name in WORDS and _WORD.fullmatch(value))
        or (name in CODES and _CODE.fullmatch(value))
    )
    if kept or value == "" or (name in COUNTS and re.fullmatch(r"\d{1,6}(\.\d{1,4})?", value)):
        return value
    return str(names.id(value)) if value.isdecimal() else "text"


def _number(value: object, name: str, names: _Names) -> object:
    if name in PHONES:
        return names.phone(value)
    count = name in COUNTS and abs(cast("float", value)) < LARGEST
    return value if count or (name, value) == ("error_code", PER_SECOND_CODE) else names.id(value)


class AnswerRecorder:
    """A middleware that writes what the provider answers into a folder, one file an answer, without anybody in it.

    Tokens are not written; nor is an answer that is no JSON. Look at the files before you share them.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)
        self._names = _Names()
        self._written = 0

    async def __call__(self, attempt: Attempt, call_next: CallNext) -> Answer:
        """Go on, and keep what comes back."""
        answer = await call_next(attempt)
        if "access_token" not in attempt.path and (sample := self._sample(answer)) is not None:
            try:
                self._keep(attempt, sample)
            except OSError as error:  # the answer is here, and must not be lost with its copy
                logger.warning("an answer could not be recorded: %s", error.strerror)
        return answer

    def _sample(self, answer: Answer) -> str | None:
        """Give what is kept of *answer*; None of a web page or a broken body: a session says so, a sample is none."""
        try:
            value = cast("object", json.loads(answer.body))
            cleaned = {"status": answer.status, "json": _cleaned(value, "", self._names)}
            return None if value is None else json.dumps(cleaned, ensure_ascii=False, indent=2)
        except (ValueError, RecursionError):
            return None

    def _keep(self, attempt: Attempt, sample: str) -> None:
        self._written += 1
        parts = [part for part in attempt.path.split("/") if part]
        path = [part if _ROUTE.fullmatch(part) else str(self._names.id(part)) for part in parts]
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{self._written:03}-{attempt.method}-{'-'.join(path)}"[:200]
        (self._folder / f"{name}.json").write_text(sample + "\n", encoding="utf-8")
