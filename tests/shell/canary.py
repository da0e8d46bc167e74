"""Words that must not turn up anywhere, drawn anew for each test, and everywhere that they could."""

from __future__ import annotations

import asyncio
import copy
import io
import logging
import pickle
import random
import sys
import traceback
import warnings
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import httpx
from attrs import define, field

from viber_async import ViberError

OWN = ("/tests/", "<attrs")
"""Whose frames hold what they hold: those of the program that calls us."""


def _digits(length: int) -> str:
    return "38093" + "".join(random.choices("0123456789", k=length - 5))


def _word() -> str:
    return "".join(random.choices("abcdefghijkmnpqrstuvwxyzACDEFGHJKLMNPQRTUVWXY346789", k=40))


@define(eq=False)
class Canary:
    """The words, and what was seen of them."""

    secret: str = field(factory=_word)
    api_key: str = field(factory=_word)
    token: str = field(factory=_word)
    phones: list[str] = field(factory=lambda: [_digits(12) for _ in range(3)])
    seen: list[tuple[str, str]] = field(factory=list)
    """Each text that held one, and where it stood."""
    texts: int = 0
    """How many were looked at."""

    _words: dict[str, str] = field(init=False)
    """The words, by what they are; of a secret its middle is enough to be too much."""

    def __attrs_post_init__(self) -> None:
        whole = {"secret": self.secret, "api key": self.api_key, "token": self.token}
        phones = {f"phone {number}": phone for number, phone in enumerate(self.phones)}
        self._words = {name: word[12:28] for name, word in whole.items()} | phones

    def look(self, where: str, text: object) -> None:
        """Look at *text*, which somebody could see at *where*."""
        said = text if isinstance(text, str) else text.decode("latin-1") if isinstance(text, bytes) else repr(text)
        self.texts += 1
        self.seen += [(where, name) for name, word in self._words.items() if word in said]

    def look_at_error(self, where: str, error: BaseException | None) -> None:
        """Look at everything that can be shown of *error*, and of what stands behind it."""
        for number, link in enumerate(_links(error)):
            kind = f"{where}: {type(link).__name__} ({number} behind)"
            self.look(f"{kind} str", str(link))
            self.look(f"{kind} repr", repr(link))
            self.look(f"{kind} args", link.args)
            self.look(f"{kind} vars", vars(link))
            for name, value in _locals_of(link.__traceback__):
                self.look(f"{kind} {name}", value)
            self.look_inside(kind, vars(link))
            if isinstance(link, ViberError):
                self._look_at_copies(kind, link)

    def _look_at_copies(self, kind: str, error: ViberError) -> None:
        pickled = pickle.dumps(error)
        self.look(f"{kind} pickle", pickled)
        for copied in (pickle.loads(pickled), copy.copy(error), copy.deepcopy(error)):
            assert (type(copied), str(copied), vars(copied)) == (type(error), str(error), vars(error))

    def look_inside(self, kind: str, held: object) -> None:
        """What an application keeps must hold no request, no headers of one, no body."""
        for thing in _reachable(held):
            if isinstance(thing, (httpx.Request, httpx.Response, httpx.Headers, bytes, bytearray)):
                self.seen.append((kind, f"a {type(thing).__name__}"))


def _links(error: BaseException | None) -> Iterator[BaseException]:
    waiting, known = [error], set[int]()
    while waiting:
        link = waiting.pop()
        if link is None or id(link) in known:
            continue
        known.add(id(link))
        yield link
        waiting += [link.__cause__, link.__context__]


def _locals_of(frames: TracebackType | None) -> Iterator[tuple[str, str]]:
    """Give what a traceback with its locals shows, of all frames that are not the calling program's own."""
    for frame, line in traceback.walk_tb(frames):
        if not any(own in frame.f_code.co_filename for own in OWN):
            for name, value in frame.f_locals.items():
                yield f"{frame.f_code.co_filename}:{line} {name}", repr(value)


def _reachable(thing: object, depth: int = 6) -> Iterator[object]:
    yield thing
    if depth == 0 or isinstance(thing, (str, int, type)):
        return
    if isinstance(thing, dict):
        inside: list[object] = [*thing.keys(), *thing.values()]
    elif isinstance(thing, (list, tuple, set, frozenset)):
        inside = list(thing)
    else:
        inside = list(getattr(thing, "__dict__", {}).values())
    for each in inside:
        yield from _reachable(each, depth - 1)


class Watch(logging.Handler):
    """Watches everything that is logged, warned of, or told to the loop, by anybody, at any level."""

    def __init__(self, canary: Canary) -> None:
        super().__init__(level=1)
        self._canary = canary
        self._formatter = logging.Formatter("%(name)s %(levelname)s %(message)s")
        self._levels: dict[str, int] = {}
        self.loggers: set[str] = set()
        """Who has said something."""

    def emit(self, record: logging.LogRecord) -> None:
        where = f"log of {record.name}"
        self.loggers.add(record.name)
        self._canary.look(where, self._formatter.format(record))
        self._canary.look(f"{where}, args", repr(record.args))
        if record.exc_info:
            self._canary.look_at_error(f"{where}, exc_info", record.exc_info[1])

    def __enter__(self) -> Self:
        root = logging.getLogger()
        names = [name for name, logger in root.manager.loggerDict.items() if isinstance(logger, logging.Logger)]
        self._levels = {name: logging.getLogger(name).level for name in (*names, root.name)}
        for name in self._levels:
            logging.getLogger(name).setLevel(1)
        root.addHandler(self)
        self._warnings = warnings.catch_warnings(record=True)
        self._warned = self._warnings.__enter__()
        warnings.simplefilter("always")
        self._hook, sys.unraisablehook = sys.unraisablehook, self._unraisable
        return self

    def __exit__(self, *_: object) -> None:
        sys.unraisablehook = self._hook
        for warned in self._warned:
            self._canary.look("warning", str(warned.message))
            self._canary.look("warning's source", repr(warned.source))
        self._warnings.__exit__()
        root = logging.getLogger()
        root.removeHandler(self)
        for name, level in self._levels.items():
            logging.getLogger(name).setLevel(level)

    def _unraisable(self, what: Any) -> None:
        self._canary.look("unraisable", repr(what))
        self._canary.look_at_error("unraisable", what.exc_value)

    def loop(self) -> None:
        """Let the running loop say all that it can say: every callback, every task, every complaint."""
        loop = asyncio.get_running_loop()
        loop.set_debug(True)
        loop.slow_callback_duration = 0.0

    def look_at_tasks(self) -> None:
        """Look at what can be seen of the tasks of this moment."""
        for task in asyncio.all_tasks():
            stack = io.StringIO()
            task.print_stack(file=stack)
            self._canary.look("task", repr(task))
            self._canary.look("stack of a task", stack.getvalue())
