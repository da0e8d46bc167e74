"""Lists of rows: read by code that is written for their class, because a page has a thousand of them.

The hook that `converter` makes for a class says what a row means, and what is wrong with it. It calls a function for
each field and makes the row by a frozen initialiser, which costs five times what `json.loads` does. For a list the
same steps are written out as one loop, with the usual form of each value tested in place:

    v = data["id"]
    one.id = v if type(v) is int and -MAX_INT <= v <= MAX_INT else rest_0(v)

Nothing is decided here a second time: whatever is not usual goes to the field's own reader, and a row in which anything
goes wrong is read once more by the hook of its class, for its result or for its reason. What is usual is said beside
the reader, and a test holds the two ways against each other.

Only what stands in our own models is written into the code; no word of an answer ever is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from string import Template
from typing import Any, Final, NamedTuple, TypeVar, cast

import attrs

F = TypeVar("F", bound=Callable[..., Any])

UNUSUAL: Final = (LookupError, TypeError, ValueError, AttributeError)
"""What the written code may raise over a row; an `Unreadable` is a ValueError."""
EXTRAS: Final = "extras"
"""The field that takes what is unknown; rows of a class without one are left to its hook."""

Reader = Callable[[Any, Any], Any]
"""A hook: the value of the wire and the type that is wanted; None is none."""
RowsReader = Callable[[list[Any]], list[Any]]

_LOOP: Final = Template("""
def read_rows(rows):
    made = []
    add = made.append
    $chosen
    for row in rows:
        try:
            one = twin()
            if len(row) == $count:
                data, strange = row, None
            else:
                data, strange = completed(row, ($keys,))
            $stored
            one.extras = no_extras if strange is None else kept(strange)
            one.__class__ = cls
        except UNUSUAL:
            one = once_more(row, len(made))
        add(one)
    return made
""")
"""A row of the usual keys is read as it stands: if all of them are there and no more, nothing is unknown in it."""


class Usual(NamedTuple):
    """The form that nearly all values of a reader have, as source about ``v``; `$name` is one of *names*."""

    test: str
    value: str
    names: Mapping[str, object]
    is_all: bool = False
    """Any other value makes its whole row unusual, which is then read only once: what is unknown counts once."""


class Step(NamedTuple):
    """How one field of one class is read; made once, used for every row."""

    name: str
    keys: tuple[str, ...]
    hook: Reader
    target: object
    default: object
    """Its value where the wire has null or nothing; `attrs.NOTHING` where it must be there."""
    usual: Usual | None

    @property
    def required(self) -> bool:
        return self.default is attrs.NOTHING


class Unknown(NamedTuple):
    """What to do with the keys of a row that its class has no field for."""

    none: object
    """The value of ``extras`` where there are none."""
    kept: Callable[[Mapping[str, object]], object]


def usually(test: str, value: str = "v", **names: object) -> Callable[[F], F]:
    """Say of a reader what it gives for nearly every value: *value*, where *test* is true."""

    def said(read: F) -> F:
        vars(read)["usual"] = Usual(test, value, names)
        return read

    return said


def usual_of(read: object) -> Usual | None:
    """Give what was said of *read*, if anything was."""
    return cast("Usual | None", getattr(read, "usual", None))


def rows_reader(
    cls: type[attrs.AttrsInstance], steps: Sequence[Step], once_more: Callable[[object, int], object], unknown: Unknown
) -> RowsReader | None:
    """Give what reads a list of rows of *cls*, or None for a class whose initialiser does more than to store.

    *once_more* reads one row, of which it is told the index, from the beginning.
    """
    twin = twin_of(cls)
    if twin is None:
        return None
    scope: dict[str, Any] = {
        "cls": cls,
        "twin": twin,
        "once_more": once_more,
        "no_extras": unknown.none,
        "kept": unknown.kept,
        "completed": _completer(steps),
        "in_use": _in_use,
        "UNUSUAL": UNUSUAL,
    }
    code = compile(_source(cls, steps, scope), f"<rows of {cls.__name__}>", "exec")
    exec(code, scope)  # noqa: S102 - of nothing but the names and forms of our own models
    return cast("RowsReader", scope["read_rows"])


def twin_of(cls: type[attrs.AttrsInstance]) -> type | None:
    """Give a subclass of *cls* that is not frozen, or None if the initialiser of *cls* does more than to store.

    A frozen initialiser stores each field through ``object.__setattr__``, which costs more than all the rest of a row.
    An object of the twin is filled plainly, and then becomes one of *cls* by its ``__class__``: what the initialiser
    would have made, frozen like any other, at a sixth of the price. The twin adds no slots, so the layout is the same.
    """
    fields = attrs.fields(cls)
    stores = {field.name for field in fields}
    if EXTRAS not in stores or stores != {*cls.__dict__.get("__slots__", ())} - {"__weakref__"}:
        return None
    if hasattr(cls, "__attrs_post_init__") or any(_is_more_than_stored(field) for field in fields):
        return None
    plain = {name: getattr(object, name) for name in ("__init__", "__setattr__", "__delattr__")}
    return type(f"_{cls.__name__}", (cls,), {"__slots__": (), **plain})


def _is_more_than_stored(field: attrs.Attribute[Any]) -> bool:
    hooks = (cast("object", getattr(field, name)) for name in ("converter", "validator"))
    return not field.init or hasattr(field.default, "factory") or any(hook is not None for hook in hooks)


def _source(cls: type[attrs.AttrsInstance], steps: Sequence[Step], scope: dict[str, Any]) -> str:
    """Write the loop for *cls*, and put what it names into *scope*."""
    keys = [repr(step.keys[0]) if len(step.keys) == 1 else f"key_{number}" for number, step in enumerate(steps)]
    chosen = ["pass"]
    stored: list[str] = []
    for number, step in enumerate(steps):
        if len(step.keys) > 1:
            scope[f"keys_{number}"] = step.keys
            chosen.append(f"key_{number} = in_use(rows, keys_{number})")
        stored += [f"v = data[{keys[number]}]", f"one.{step.name} = {_expression(number, step, scope)}"]
    read = {step.name for step in steps} | {EXTRAS}
    for field in attrs.fields(cls):
        if field.name not in read:
            scope[f"own_{field.name}"] = field.default
            stored.append(f"one.{field.name} = own_{field.name}")
    return _LOOP.substitute(
        chosen="\n    ".join(chosen), count=len(steps), keys=", ".join(keys), stored="\n            ".join(stored)
    )


def _expression(number: int, step: Step, scope: dict[str, Any]) -> str:
    """Write what a field becomes, of ``v``."""
    scope[f"rest_{number}"] = _rest(step)
    found = f"rest_{number}(v)"
    if step.usual is not None:
        names = {name: f"{name}_{number}" for name in step.usual.names}
        scope |= {names[name]: value for name, value in step.usual.names.items()}
        test, value = (Template(text).substitute(names) for text in (step.usual.test, step.usual.value))
        found = f"{value} if {test} else {found}"
    if step.required:
        return found
    scope[f"default_{number}"] = step.default
    return f"default_{number} if v is None else {found}"


def _rest(step: Step) -> Callable[[object], object]:
    """Give what reads a value of that field which is not usual."""

    def rest(value: object) -> object:
        if step.usual is not None and step.usual.is_all:
            raise ValueError  # the row is read once more: nobody sees this one
        if value is not None and (read := step.hook(value, step.target)) is not None:
            return read
        if step.required:
            raise ValueError
        return step.default

    return rest


def _in_use(rows: list[Any], keys: tuple[str, ...]) -> str:
    """Give the one of several names that these rows use: that of the first row."""
    first: object = rows[0] if rows else None
    return next((key for key in keys if type(first) is dict and key in first), keys[0])


def _completer(steps: Sequence[Step]) -> Callable[[Any, tuple[str, ...]], tuple[Any, Any]]:
    """Make what puts a row into its usual shape: null where a key is missing, and all that is unknown apart."""
    names = frozenset(key for step in steps for key in step.keys)

    def completed(row: dict[str, object], keys: tuple[str, ...]) -> tuple[dict[str, object], dict[str, object] | None]:
        strange = {key: value for key, value in row.items() if key not in keys}
        if not names.isdisjoint(strange):
            raise ValueError  # two names of one field, or another one than the first row uses
        return {**dict.fromkeys(keys), **row}, strange or None

    return completed
