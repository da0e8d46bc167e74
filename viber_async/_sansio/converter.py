"""The one private cattrs converter: every oddity of the wire is one hook here, with the example that was seen.

Strict where types matter ("false" is not true, 380.9 is not an int, and cattrs' own hooks coerce both), open
where the provider may grow (unknown keys are kept in ``.extras``, unknown words of an enum become members).
A refusal is `Unreadable` with the path of the wrong leaf, such as ``recipients[3].price``.

It is a plain `Converter` whose hooks are chosen by class. cattrs' JSON converters let a union such as
``Enum | str | None`` pass through before any hook sees it, and even here the built-in hook for `str` shadows
one that a predicate registers for a `StrEnum`: so unions are taken apart by `_object_hook`, and the open
enums have hooks of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from functools import lru_cache, singledispatch
from typing import TYPE_CHECKING, Any, Final, Self, cast, get_args, get_origin

import attrs
from attrs import field, frozen

from viber_async._sansio.call import Unreadable
from viber_async._sansio.privacy import refused, safe_text, shown
from viber_async._sansio.rows import Reader, Step, Unknown, Usual, rows_reader, usual_of, usually
from viber_async._sansio.unknown import note_keys, note_word
from viber_async._sansio.wire_json import MAX_INT

if TYPE_CHECKING:
    from cattrs import Converter

EXTRAS_DEPTH: Final = 32
"""Ours: answers nest four deep; what nests deeper is an attack on whoever hashes or prints it."""
INT_DIGITS: Final = 19
"""As many as the largest id of 64 bits has."""
ZONES: Final = 32
"""Ours: converters kept at once; a program has one time zone, a test suite a few."""

_INT: Final = re.compile(rf"[0-9]{{1,{INT_DIGITS}}}")
_DATETIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)
_NO_DATETIME: Final = frozenset({"", "0000-00-00 00:00:00"})
"""Spellings of none beside null: "" (C), and the zero date of MySQL (D: PHP hosts hand it through)."""
_BOOLS: Final[Mapping[object, bool]] = {"0": False, "1": True}
_MISSING: Final = object()


# Values that results are made of


@frozen(eq=False, repr=False)
class Extras(Mapping[str, object]):
    """The keys of an answer that this version knows nothing of: read-only, with lists as tuples."""

    _items: Mapping[str, object] = field(factory=dict[str, object])

    def __getitem__(self, key: str) -> object:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return f"Extras({safe_text(repr(dict(self._items)))})"


NO_EXTRAS: Final = Extras()


def extras(items: Mapping[str, object], depth: int = 0) -> Extras:
    """Give *items* as `Extras`, frozen all the way down; raises `Unreadable` for a nesting bomb."""
    if depth > EXTRAS_DEPTH:
        raise Unreadable("", "nested too deeply")
    return Extras({key: _frozen(value, depth) for key, value in items.items()})


def _noted_extras(items: Mapping[str, object]) -> Extras:
    """Give *items* as `Extras`, and say that they are unknown."""
    found = extras(items)
    note_keys("", items)
    return found


def merged(first: Extras, second: Extras) -> Extras:
    """Give the keys of both; of a key in both, the value of *second*."""
    return Extras({**first, **second}) if first or second else NO_EXTRAS


def _frozen(value: object, depth: int) -> object:
    match value:
        case dict():
            return extras(cast("dict[str, object]", value), depth + 1)
        case list():
            items = cast("list[object]", value)
            return tuple(extras({"": item}, depth + 1)[""] for item in items)
        case _:
            return value


class OpenWord(StrEnum):
    """Words of the provider: an unknown one becomes a member too, equal to its plain text."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        # Never registered: the enum would grow with whatever the wire sends.
        return cls._minted(value) if type(value) is str else None

    @classmethod
    def _minted(cls, value: str) -> Self:
        member = str.__new__(cls, value)
        member._name_ = "UNKNOWN"  # not the word itself: an enum's repr shows the name unescaped
        member._value_ = value
        return member

    def __reduce_ex__(self, protocol: object) -> tuple[type[Self], tuple[str]]:
        """By value: Python 3.11 pickles enums by name, which finds nothing for an unknown word."""
        return type(self), (self.value,)


class OpenNumber(IntEnum):
    """Codes of the provider, open in the same way."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        return cls._minted(value) if type(value) is int else None

    @classmethod
    def _minted(cls, value: int) -> Self:
        member = int.__new__(cls, value)
        member._name_ = "UNKNOWN"
        member._value_ = value
        return member

    def __reduce_ex__(self, protocol: object) -> tuple[type[Self], tuple[int]]:
        """By value, as above."""
        return type(self), (self.value,)


def fields_repr(self: object) -> str:
    """Give the repr that attrs makes, but also of an object whose making failed: a traceback may show it."""
    fields = attrs.fields(cast("type[attrs.AttrsInstance]", type(self)))
    there = [
        (a.name, a.repr, cast("object", getattr(self, a.name))) for a in fields if a.repr and hasattr(self, a.name)
    ]
    said = [f"{name}={show(value) if callable(show) else repr(value)}" for name, show, value in there]
    return f"{type(self).__qualname__}({', '.join(said)})"


def brief(value: object) -> str:
    """Give the repr of free text: short, escaped, phones masked. People's messages are not for logs."""
    return shown(value, 40)


# How a model says what the wire calls its fields


def wire(*names: str, read: Callable[[object], object] | None = None) -> dict[str, object]:
    """Give the metadata of a field: its *names* on the wire, and how to *read* it if its type does not say."""
    return {"wire": names, "read": read}


NOT_ON_THE_WIRE: Final[Mapping[str, object]] = {"wire": None, "read": None}
"""The metadata of a field that we add; a key of that name in an answer is an unknown key."""


def _steps(cls: type, converter: Converter) -> Iterator[Step]:
    for attribute in attrs.fields(attrs.resolve_types(cls)):
        names = attribute.metadata.get("wire", (attribute.name,))
        if names is None or attribute.name == "extras":
            continue
        target = _without_none(attribute.type)
        read = attribute.metadata.get("read")
        hook = converter.get_structure_hook(target) if read is None else _ignoring_type(read)
        word = _word_class(target)
        if word is not None:
            hook = _noting(hook, word, attribute.name)
        yield Step(
            attribute.name,
            names or (attribute.name,),
            hook,
            target,
            attribute.default,
            usual_of(hook if read is None else read) or (None if word is None else _usual_word(word)),
        )


def _noting(hook: Reader, cls: type[OpenWord | OpenNumber], field: str) -> Reader:
    """Give *hook*, which says when the word that it has read is an unknown one."""
    known = frozenset(word.value for word in cls)

    def read(value: object, target: object) -> object:
        word = hook(value, target)
        if word.value not in known:
            note_word(field, word.value)
        return word

    return read


def _word_class(target: object) -> type[OpenWord | OpenNumber] | None:
    return target if isinstance(target, type) and issubclass(target, (OpenWord, OpenNumber)) else None


def _usual_word(cls: type[OpenWord | OpenNumber]) -> Usual:
    """Give the usual form of an open word or number: one that is known."""
    test = "(w := $known.get(v)) is not None"
    if issubclass(cls, OpenNumber):
        test = f"type(v) is int and {test}"  # a Decimal of 2 is equal to 2
    return Usual(test, "w", {"known": {word.value: word for word in cls}}, is_all=True)


def _without_none(annotation: Any) -> Any:
    """Give X for ``X | None`` and for X."""
    parts = [part for part in get_args(annotation) if part is not type(None)]
    return parts[0] if len(parts) < len(get_args(annotation)) else annotation


def _ignoring_type(read: Callable[[object], object]) -> Reader:
    return lambda value, _: read(value)


def _object_hook(cls: type, converter: Converter) -> Reader:
    """Make the hook of one attrs class; cattrs calls this once for each class."""
    steps = tuple(_steps(cls, converter))
    keeps_extras = any(attribute.name == "extras" for attribute in attrs.fields(cls))
    names = frozenset(key for step in steps for key in step.keys)
    inside: str = getattr(cls, "_inside", "")

    def read_object(value: object, _: object) -> object:
        data = _object(value)
        values: dict[str, object] = {}
        seen, key = 0, ""
        try:
            for name, keys, hook, target, default, _usual in steps:
                key = keys[0] if len(keys) == 1 else _key_in_use(data, keys)
                found = data.get(key, _MISSING)
                if found is not _MISSING:
                    seen += 1
                    if found is not None and (read := hook(found, target)) is not None:
                        values[name] = read
                        continue
                if default is attrs.NOTHING:
                    raise _absent(found)
        except Unreadable as error:
            raise Unreadable(joined(key, error.where), error.why) from None
        if seen < len(data):
            strange = _unknown(data, steps)
            if keeps_extras:
                values["extras"] = extras(strange)
            note_keys(inside, [name for name in strange if name not in names])
        return cls(**values)

    return read_object


def _absent(value: object) -> Unreadable:
    return Unreadable("", "is missing" if value is _MISSING else "must not be null")


def _key_in_use(data: Mapping[str, object], keys: tuple[str, ...]) -> str:
    """Give the name that this answer uses: the first that holds something, else the first that is there."""
    there = [key for key in keys if key in data]
    return next((key for key in there if data[key] is not None), (there or keys)[0])


def _unknown(data: Mapping[str, object], steps: tuple[Step, ...]) -> dict[str, object]:
    used = {_key_in_use(data, step.keys) for step in steps}
    return {key: value for key, value in data.items() if key not in used}


def _tuple_hook(annotation: Any, converter: Converter) -> Reader:
    """Make the hook of ``tuple[X, ...]``; where X is a class of ours, the written one of `rows`."""
    target = get_args(annotation)[0]
    hook = converter.get_structure_hook(target)

    def read_one(item: object, index: int) -> object:
        try:
            return hook(item, target)
        except Unreadable as error:
            raise Unreadable(joined(f"[{index}]", error.where), error.why) from None

    def read_each(data: list[Any]) -> list[Any]:
        return [read_one(item, index) for index, item in enumerate(data)]

    written = None
    if attrs.has(target):
        written = rows_reader(target, tuple(_steps(target, converter)), read_one, Unknown(NO_EXTRAS, _noted_extras))
    read_all = read_each if written is None else written
    return lambda value, _: tuple(read_all(_list(value)))


def _object(value: object) -> dict[str, object]:
    if type(value) is not dict:
        raise _unlike("an object", value)
    return cast("dict[str, object]", value)


def _list(value: object) -> list[object]:
    if type(value) is not list:
        raise _unlike("a list", value)
    return cast("list[object]", value)


def one_or_many(value: object) -> list[object]:
    """Give *value* if it is a list, else the list of it: some fields were single once, and are lists now."""
    return cast("list[object]", value) if type(value) is list else [value]


def joined(path: str, where: str) -> str:
    """Give *where* as seen from the object that holds *path*: ``recipients`` and ``[3].price`` make one."""
    return f"{path}.{where}" if where and not where.startswith("[") else path + where


def _unlike(wanted: str, value: object) -> Unreadable:
    names: dict[type, str] = {dict: "an object", list: "a list", type(None): "null"}
    return Unreadable("", f"expected {wanted}, got {names.get(type(value)) or shown(value)}")


# The hooks, one for each oddity


def make_converter(time_zone: tzinfo | None) -> Converter:
    """Give the converter for an account in *time_zone*; None leaves datetimes as the provider sends them."""
    try:
        hash(time_zone)
    except TypeError:  # one that cannot be hashed is a tzinfo all the same
        return _converter(time_zone)
    return _kept_converter(time_zone)


@lru_cache(maxsize=ZONES)
def _kept_converter(time_zone: tzinfo | None) -> Converter:
    return _converter(time_zone)


def _converter(time_zone: tzinfo | None) -> Converter:
    from cattrs import Converter  # noqa: PLC0415 - it takes long, and is needed with the first answer

    converter = Converter(detailed_validation=False)
    converter.register_structure_hook(int, read_int)
    converter.register_structure_hook(bool, read_bool)
    converter.register_structure_hook(str, read_str)
    converter.register_structure_hook(Decimal, read_decimal)
    converter.register_structure_hook(datetime, _datetime_reader(time_zone))
    converter.register_structure_hook(OpenWord, lambda value, cls: cls(read_str(value)))
    converter.register_structure_hook(OpenNumber, lambda value, cls: cls(read_int(value)))
    converter.register_structure_hook_factory(_is_tuple_of_many, _tuple_hook)
    converter.register_structure_hook_factory(attrs.has, _object_hook)
    return converter


def _is_tuple_of_many(annotation: Any) -> bool:
    return get_origin(annotation) is tuple and get_args(annotation)[-1] is Ellipsis


@usually("type(v) is int and $least <= v", least=-MAX_INT)  # and none of `wire_json` is larger than MAX_INT
def read_int(value: object, _: object = int) -> int:
    """Read 1000 and "1000": ``message_live_time`` comes back as a string from create (A)."""
    if type(value) is str and _INT.fullmatch(value):
        value = int(value)
    if type(value) is int and -MAX_INT <= value <= MAX_INT:
        return value
    raise _unlike("a whole number", value)


@usually("v is True or v is False")
def read_bool(value: object, _: object = bool) -> bool:
    """Read true (A), 0 (A: ``resend_sms`` of create) and "1" (B); "false" is a string, and none of them."""
    if type(value) is bool:
        return value
    if (type(value) is int or type(value) is str) and str(value) in _BOOLS:
        return _BOOLS[str(value)]
    raise _unlike("true or false", value)


@usually("type(v) is str")
def read_str(value: object, _: object = str) -> str:
    """Read text, and nothing that would have to be made into text."""
    if type(value) is str:
        return value
    raise _unlike("text", value)


@usually("type(v) is $Decimal and v.is_finite()", Decimal=Decimal)
def read_decimal(value: object, _: object = Decimal) -> Decimal:
    """Read 0.74 from its own digits (A: ``price``); a float has lost them, a string is no price."""
    if type(value) is Decimal and value.is_finite():
        return value
    if type(value) is int:
        return Decimal(value)
    raise _unlike("a number", value)


def _datetime_reader(time_zone: tzinfo | None) -> Reader:
    """Make the reader of "2019-03-26 12:40:05" (A), which never says in which zone (?).

    Should the provider change to ISO 8601, with T and with Z or an offset, it is read too: an offset that is
    stated is kept, and converted where the account's zone is known. A zone is attached only if we were given it.
    """

    @usually(
        "v[-3:1:-3] == ':: --'",  # backwards, all that is no digit in "2019-03-26 12:40:05", and so its length too
        "$parsed(v)" if time_zone is None else "$combine(w := $parsed(v), w.time(), $zone)",
        parsed=datetime.fromisoformat,
        combine=datetime.combine,  # and not replace(), which takes five times as long on Python 3.11
        zone=time_zone,
    )
    def read_datetime(value: object, _: object) -> datetime | None:
        if type(value) is not str:
            raise _unlike("a date and time", value)
        if value in _NO_DATETIME:
            return None
        moment = _parsed(value)
        if time_zone is None:
            return moment
        return moment.replace(tzinfo=time_zone) if moment.tzinfo is None else _converted(moment, time_zone)

    return read_datetime


def _parsed(text: str) -> datetime:
    # The pattern first: fromisoformat() also takes week dates, bare dates and any letter for the T.
    if not _DATETIME.fullmatch(text):
        raise _unlike("a date and time", text)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise _unlike("a date and time", text) from None


def _converted(moment: datetime, time_zone: tzinfo) -> datetime:
    try:
        return moment.astimezone(time_zone)
    except OverflowError:  # the first and the last day of the calendar
        raise _unlike("a date and time", moment) from None


@usually("type(v) is int and v >= 0", "v or None")
def read_book_id(value: object) -> int | None:
    """Read the id of a mailing list; none is null in one sample and 0 in the next (A)."""
    return read_int(value) or None


# The way back


@singledispatch
def to_dict(x: object) -> dict[str, object]:
    """Give a result as plain JSON types: decimals and datetimes as text, enums by value, tuples as lists.

    Unknown keys of the answer stand under ``extras`` when there are any. A `CampaignDraft` becomes the
    provider's own JSON, which `CampaignDraft.from_dict` reads.

    Raises:
        ValidationError: *x* is not a result of this library.

    """
    if not attrs.has(type(x)):
        raise refused("x", x, "to_dict takes a result of viber_async")
    names = [a.name for a in attrs.fields(cast("type[attrs.AttrsInstance]", type(x)))]
    found = {name: _plain(getattr(x, name)) for name in names if not name.startswith("_")}
    return found if found.get("extras") else {name: found[name] for name in found if name != "extras"}


def _plain(value: object) -> object:  # noqa: PLR0911 - a table of types
    match value:
        case None | bool():
            return value
        case Enum():
            return _plain(cast("object", value.value))
        case int() | float() | str():
            return value
        case Decimal():
            return str(value)
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(key): _plain(item) for key, item in cast("Mapping[object, object]", value).items()}
        case tuple() | list() | set() | frozenset():
            return [_plain(item) for item in cast("Iterable[object]", value)]
        case _:
            return to_dict(value)
