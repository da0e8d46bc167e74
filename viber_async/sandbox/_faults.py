"""Faults on cue. A fault is a value that says what goes wrong; a plan says with which request, and how often.

A request has six moments, and a fault may spoil each of them: before it is processed, the query and the body that are
read, the answer given instead of processing, the answer that came of it, and the way that answer takes to the caller.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import reduce
from itertools import count
from typing import TYPE_CHECKING, Final, cast

from attrs import define, evolve, field, frozen

from viber_async.sandbox._answer import JSON_TYPE, Answer, collected, refusal
from viber_async.sandbox._blacklist import Lossy
from viber_async.sandbox._calls import NAMES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from viber_async.sandbox._answer import Headers
    from viber_async.sandbox._calls import Ask
    from viber_async.sandbox._clock import SandboxClock

    Hook = Callable[[], object]
    Process = Callable[[Ask], Answer]
    Around = Callable[[Ask, Process], Answer]
    Edit = Callable[[object], object]
    Query = Mapping[str, str]

HTML: Final = (("content-type", "text/html; charset=utf-8"),)
HTML_PAGE: Final = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


@frozen
class Cut:
    """How a connection ends: a plain close, or a reset."""

    reset: bool = False


@frozen
class Fault:
    """Something that goes wrong with a request. Made by the class methods; two become one with ``+``."""

    name: str
    hooks: tuple[Hook, ...] = field(kw_only=True, default=(), repr=False)
    queries: tuple[Callable[[Query], Query], ...] = field(kw_only=True, default=(), repr=False)
    arounds: tuple[Around, ...] = field(kw_only=True, default=(), repr=False)
    instead: Answer | None = field(kw_only=True, default=None, repr=False)
    edits: tuple[Callable[[Answer], Answer], ...] = field(kw_only=True, default=(), repr=False)
    cut_before: Cut | None = field(kw_only=True, default=None, repr=False)
    cut_after: Cut | None = field(kw_only=True, default=None, repr=False)
    """Processed, but not answered."""
    whole_for: int | None = field(kw_only=True, default=None, repr=False)
    """After so many bytes of the body, the connection is closed."""

    def __add__(self, other: Fault) -> Fault:
        return Fault(
            f"{self.name} + {other.name}",
            hooks=self.hooks + other.hooks,
            queries=self.queries + other.queries,
            arounds=self.arounds + other.arounds,
            instead=other.instead or self.instead,
            edits=self.edits + other.edits,
            cut_before=other.cut_before or self.cut_before,
            cut_after=other.cut_after or self.cut_after,
            whole_for=self.whole_for if other.whole_for is None else other.whole_for,
        )

    # --- before the request is processed ---

    @classmethod
    def before(cls, hook: Hook) -> Fault:
        """Run *hook* first, and await what it returns if that can be awaited.

        It may change the sandbox (rows that come and go between two pages, ``sandbox.revoke_tokens``), or hold
        the request back until an event.
        """
        return cls("before", hooks=(hook,))

    @classmethod
    def latency(cls, seconds: float) -> Fault:
        """Process the request only after *seconds* of real time."""
        return cls(f"latency {seconds}s", hooks=(lambda: asyncio.sleep(seconds),))

    @classmethod
    def hang(cls) -> Fault:
        """Never answer: the request is held, unprocessed, until the caller leaves."""
        return cls("hang", hooks=(lambda: asyncio.Event().wait(),))

    @classmethod
    def cut(cls, *, processed: bool = False, reset: bool = False) -> Fault:
        """Close (or *reset*) the connection without an answer, before or after the request is *processed*."""
        name = f"{'reset' if reset else 'cut'} {'after' if processed else 'before'} processing"
        return cls(name, cut_after=Cut(reset)) if processed else cls(name, cut_before=Cut(reset))

    # --- another answer ---

    @classmethod
    def status(
        cls,
        status: int,
        *,
        json: object = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        processed: bool = False,
    ) -> Fault:
        """Answer with *status* instead of processing the request, or, if so told, in spite of it."""
        usual = {"message": f"Fault on cue: {status}", "error_code": status}
        answer = Answer(
            status,
            json=usual if json is None else json,
            body=body,
            headers=_with_headers(headers or {}),
        )
        return cls._answered(f"status {status}", answer, processed=processed)

    @classmethod
    def html(cls, status: int = 502, *, processed: bool = False) -> Fault:
        """Answer with a web page, as gateways do (C)."""
        return cls._answered(f"html {status}", Answer(status, body=HTML_PAGE, headers=HTML), processed=processed)

    @classmethod
    def throttle(cls, retry_after: str | float | None = None) -> Fault:
        """Refuse as the rate limit does; with a Retry-After, which the provider does not document."""
        refused = refusal(2020202020).answer
        headers = _with_headers({} if retry_after is None else {"retry-after": str(retry_after)})
        return cls._answered("throttle", evolve(refused, headers=headers), processed=False)

    @classmethod
    def garbage(cls, body: bytes = b'{"result": tru', *, processed: bool = True) -> Fault:
        """Answer 200 with a *body* that is no JSON."""
        return cls._answered("garbage", Answer(200, body=body), processed=processed)

    @classmethod
    def answer(cls, json: object, *, status: int = 200, processed: bool = True) -> Fault:
        """Answer with this *json*, whatever came of the request."""
        return cls._answered("answer", Answer(status, json=json), processed=processed)

    @classmethod
    def _answered(cls, name: str, answer: Answer, *, processed: bool) -> Fault:
        return cls(name, edits=(lambda _: answer,)) if processed else cls(name, instead=answer)

    # --- a spoilt answer ---

    @classmethod
    def edit(cls, change: Edit) -> Fault:
        """Answer with what *change* makes of the JSON that would have been answered."""

        def edited(answer: Answer) -> Answer:
            whole = collected(answer)
            return evolve(whole, json=change(whole.json))

        return cls("edit", edits=(edited,))

    @classmethod
    def extra_fields(cls, **fields: object) -> Fault:
        """Add unknown fields to every object of the answer."""
        added = fields or {"unknown_field": {"of": ["tomorrow"]}}
        return evolve(cls.edit(lambda json: _with_fields(json, added)), name="extra fields")

    @classmethod
    def total(cls, total: object) -> Fault:
        """State this *total* in a page of the blacklist, whatever it is in truth."""
        return evolve(cls.edit(lambda json: _with_total(json, lambda _: total)), name=f"total {total}")

    @classmethod
    def total_off(cls, by: int) -> Fault:
        """State a total in a page of the blacklist that is wrong *by* so many."""
        return evolve(
            cls.edit(lambda json: _with_total(json, lambda true: cast("int", true) + by)), name=f"total {by:+}"
        )

    @classmethod
    def clamp(cls, limit: int) -> Fault:
        """Serve pages of at most *limit* rows, whatever was asked for."""

        def clamped(query: Query) -> Query:
            asked = query.get("limit", "")
            return {**query, "limit": str(min(int(asked), limit) if asked.isdecimal() else limit)}

        return cls(f"clamp {limit}", queries=(clamped,))

    @classmethod
    def ignore_offset(cls) -> Fault:
        """Serve the first page, whichever was asked for."""
        return cls("ignore offset", queries=(lambda query: {**query, "offset": "0"},))

    @classmethod
    def ignore_limit(cls) -> Fault:
        """Serve pages as long as the provider likes, whatever was asked for."""
        return cls("ignore limit", queries=(_without_limit,))

    # --- a blacklist that lies, or balks ---

    @classmethod
    def pretend(cls) -> Fault:
        """Do nothing of what a blacklist write asks for, and count it as done."""
        return cls("pretend", arounds=(_losing(lambda _: True),))

    @classmethod
    def lose(cls, *phones: int, every: int | None = None) -> Fault:
        """Leave *phones* out of a blacklist write, or one phone in *every* so many, and count them as done.

        The phones are lost each time they come; one in so many is another one the next time.
        """
        lost, passed = frozenset(phones), count(1)

        def is_lost(phone: int) -> bool:
            return phone in lost or (every is not None and next(passed) % every == 0)

        return cls("lose", arounds=(_losing(is_lost),))

    @classmethod
    def strip_body(cls, *, quiet: bool = False) -> Fault:
        """Read the request as if it had no body, as a proxy may do to a DELETE.

        What the provider answers to a DELETE without one is unknown (?): here it is refused, or, if *quiet*, answered
        with nothing deleted.
        """
        nothing = Answer(200, json={"result": True, "deleted": 0})
        return cls("strip body", arounds=(lambda ask, process: nothing if quiet else process(evolve(ask, body=b"")),))

    @classmethod
    def refuse_phones(cls, *phones: int, status: int = 422) -> Fault:
        """Refuse the whole of a blacklist write that has one of *phones* in it, without saying which."""
        bad = frozenset(map(str, phones))
        no = Answer(status, json={"message": "Validation error", "error_code": status})
        return cls(f"refuse phones {status}", arounds=(_refusing(no, lambda phones: not bad.isdisjoint(phones)),))

    @classmethod
    def refuse_batches(cls, most: int, *, status: int = 413) -> Fault:
        """Refuse a blacklist write of more than *most* phones, as a gateway does."""
        no = Answer(status, body=HTML_PAGE, headers=HTML)
        return cls(f"refuse batches over {most}", arounds=(_refusing(no, lambda phones: len(phones) > most),))

    # --- a spoilt way ---

    @classmethod
    def truncate(cls, after: int = 10) -> Fault:
        """Close the connection *after* so many bytes of the body; a Content-Length promises all of it."""
        return cls(f"truncate after {after} bytes", whole_for=after)

    # --- what the app asks ---

    def query(self, query: Query) -> Query:
        """Return the *query* as it is read."""
        for change in self.queries:
            query = change(query)
        return query

    def processed(self, ask: Ask, process: Process) -> Answer:
        """Return what comes of *ask*, which may be read otherwise than it was sent."""
        return reduce(_inside, self.arounds, process)(ask)

    def spoilt(self, answer: Answer) -> Answer:
        """Return the *answer* as it is given."""
        for change in self.edits:
            answer = change(answer)
        return answer


NO_FAULT: Final = Fault("")


async def run_hooks(fault: Fault) -> None:
    """Run what has to happen before the request is processed."""
    for hook in fault.hooks:
        result = hook()
        if inspect.isawaitable(result):
            await cast("Awaitable[object]", result)


@define(eq=False)
class SandboxPlan:
    """A fault, the requests it waits for, and how often it has struck."""

    fault: Fault
    on: str | None = field(kw_only=True)
    skip: int = field(kw_only=True)
    """So many matching requests are still let through."""
    left: int | None = field(kw_only=True)
    """So often it still strikes; None is without end."""
    until: datetime | None = field(kw_only=True)
    number: int = field(kw_only=True, default=0)
    """1 for the first that was added to a sandbox."""
    struck: int = field(kw_only=True, default=0)

    def matches(self, operation: str, method: str, path: str) -> bool:
        """Return whether a request is one of those it waits for."""
        names = (operation, path, f"{method} {path}")
        return self.on is None or any(fnmatchcase(name, self.on) for name in names)

    def is_over(self, now: datetime) -> bool:
        """Return whether it will strike no more."""
        return self.left == 0 or (self.until is not None and now >= self.until)

    def strike(self) -> bool:
        """Return whether it strikes this time, and count it."""
        if self.skip:
            self.skip -= 1
            return False
        self.struck += 1
        self.left = None if self.left is None else self.left - 1
        return True


class SandboxFaults:
    """The faults that wait for their requests. Each request meets the first plan that wants it, and only that."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._plans: list[SandboxPlan] = []
        self._numbers = count(1)

    def __repr__(self) -> str:
        return f"<SandboxFaults waiting={[plan.fault.name for plan in self.waiting]}>"

    @property
    def waiting(self) -> tuple[SandboxPlan, ...]:
        """The plans that may still strike, in the order in which they were added."""
        now = self._clock.now()
        return tuple(plan for plan in self._plans if not plan.is_over(now))

    def add(
        self,
        fault: Fault,
        *,
        on: str | None = None,
        times: int | None = 1,
        skip: int = 0,
        seconds: float | None = None,
    ) -> SandboxPlan:
        """Let *fault* strike the next requests, and return the plan, which counts how often it did.

        *on* is an operation ("campaigns.get"), a path ("/viber/task/7") or both words of a request line
        ("POST /viber"), and takes ``*`` for any characters; None is every request. It strikes *times* times
        (None: without end) after letting *skip* requests pass, or for *seconds* of the sandbox's clock.
        """
        if not isinstance(fault, Fault):
            raise TypeError(f"give a Fault, such as Fault.status(503); got {fault!r}")
        self._check(on)
        until = None if seconds is None else self._clock.now() + timedelta(seconds=seconds)
        left = None if until else times
        plan = SandboxPlan(fault, on=on, skip=skip, left=left, until=until, number=next(self._numbers))
        self._plans.append(plan)
        return plan

    def remove(self, plan: SandboxPlan) -> None:
        """Call off one plan; one that is over, or called off, may be called off again."""
        self._plans = [each for each in self._plans if each is not plan]

    def clear(self) -> None:
        """Call off whatever still waits."""
        self._plans.clear()

    def take(self, operation: str, method: str, path: str) -> Fault:
        """Return the fault that strikes this request, or the one that does nothing."""
        self._plans = list(self.waiting)
        for plan in self._plans:
            if plan.matches(operation, method, path) and plan.strike():
                return plan.fault
        return NO_FAULT

    @staticmethod
    def _check(on: str | None) -> None:
        """An operation's misspelt name would wait for ever."""
        if on is None or "/" in on or " " in on or any(fnmatchcase(name, on) for name in NAMES):
            return
        raise ValueError(f"no operation is called {on!r}; there are {', '.join(NAMES)}, and paths with a slash")


def _with_fields(json: object, fields: Mapping[str, object]) -> object:
    known = _object(json)
    if isinstance(json, dict):
        return {**{name: _with_fields(value, fields) for name, value in known.items()}, **fields}
    if isinstance(json, list):
        return [_with_fields(each, fields) for each in cast("list[object]", json)]
    return json


def _with_total(json: object, stated: Callable[[object], object]) -> object:
    page = _object(json)
    if "data" not in page:
        return json  # a refusal has no total, nor has a bare list
    data = _object(page["data"])
    return {**page, "data": {**data, "total": stated(data.get("total"))}}


def _inside(process: Process, around: Around) -> Process:
    return lambda ask: around(ask, process)


def _losing(is_lost: Callable[[int], bool]) -> Around:
    return lambda ask, process: process(evolve(ask, blacklist=Lossy(ask.blacklist, is_lost)))


def _refusing(no: Answer, is_bad: Callable[[list[str]], bool]) -> Around:
    return lambda ask, process: no if is_bad(_phones_in(ask.body)) else process(ask)


def _phones_in(body: bytes) -> list[str]:
    """Return the phones of a blacklist write, or none where it is no such thing, which is refused later."""
    try:
        phones = _object(json.loads(body)).get("phones")
    except ValueError:
        return []
    return [each for each in cast("list[object]", phones) if isinstance(each, str)] if isinstance(phones, list) else []


def _object(json: object) -> Mapping[str, object]:
    return cast("dict[str, object]", json) if isinstance(json, dict) else {}


def _with_headers(headers: Mapping[str, str]) -> Headers:
    return tuple({**dict(JSON_TYPE), **{name.lower(): value for name, value in headers.items()}}.items())


def _without_limit(query: Query) -> Query:
    return {name: value for name, value in query.items() if name != "limit"}
