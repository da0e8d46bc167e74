"""The tree of errors: as it is drawn, and each of them able to travel between processes."""

from __future__ import annotations

import ast
import copy
import inspect
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from viber_async import errors
from viber_async._sansio.wanted import Rejected
from viber_async.errors import Delivery

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

VALUES: dict[str, Any] = {
    "message": "what happened, with which value, what to do next",
    "delivery": Delivery.UNKNOWN,
    "field": "recipients[3]",
    "rule": "a phone has 8 to 15 digits",
    "shown": "'12'",
    "status": 418,
    "error_code": 707,
    "detail": "no money left",
    "body": '{"error_code": 707}',
    "method": "POST",
    "path": "/viber",
    "headers": {"date": "Mon, 01 Jan 2024 00:00:00 GMT"},
    "errors": {"message": ("too long",)},
    "retry_after": 2.5,
    "permanent": True,
    "handle": ("marker", 1),
    "looked_for": True,
    "reconciliation": ("absent", 1),
    "resend_in": 12.5,
    "task_ids": (1, 2),
    "reason": "brake",
    "rejects": (Rejected(3, reason="a phone has 8 to 15 digits", shown="'12'"),),
    "journal": "sync.journal",
    "lane": "bulk",
    "waiting": 10_000,
}
ATTRIBUTE = {"detail": "message"}
"""Parameters that are kept under another name."""


def walk(kind: type[errors.ViberError], depth: int = 0) -> Iterator[tuple[int, type[errors.ViberError]]]:
    yield depth, kind
    for child in kind.__subclasses__():
        yield from walk(child, depth + 1)


EVERY = [kind for _, kind in walk(errors.ViberError)]


def filled(kind: type[errors.ViberError]) -> errors.ViberError:
    """Make an error of *kind* with every parameter given, and with the partial result of its call."""
    given = {name: VALUES[name] for name in list(inspect.signature(kind).parameters)[1:]}
    error = kind(VALUES["message"], **given)
    error.partial = ("achieved", 12)
    return error


def drawn() -> list[tuple[int, str]]:
    """Read the tree off the module's docstring as depth and name."""
    lines = (errors.__doc__ or "").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("ViberError"))
    tree = []
    for line in lines[start:]:
        if not line:
            break
        branch = max(line.find("├── "), line.find("└── "))
        tree.append(((branch + 4) // 4, line[branch + 4 if branch >= 0 else 0 :].split()[0]))
    return tree


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes():
    """Same names, same parents, same order."""
    assert drawn() == [(depth, kind.__name__) for depth, kind in walk(errors.ViberError)]


def test_every_error_of_the_package_stands_in_the_one_file():
    """A tree that is spread over files cannot be read."""
    assert {kind.__module__ for kind in EVERY} == {"viber_async.errors"}


def test_the_file_imports_nothing_of_ours():
    """Everything else imports it; type checkers alone may look further."""
    tree = ast.parse(Path(errors.__file__).read_text(encoding="utf-8"))
    modules = {node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom)}

    assert not [name for name in modules if name.startswith("viber_async")]


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    "travel",
    [
        *(lambda error, p=p: pickle.loads(pickle.dumps(error, p)) for p in range(pickle.HIGHEST_PROTOCOL + 1)),
        copy.copy,
        copy.deepcopy,
    ],
    ids=[*(f"pickle {p}" for p in range(pickle.HIGHEST_PROTOCOL + 1)), "copy", "deepcopy"],
)
def test_an_error_arrives_as_it_left(kind, travel):
    """Its class, its text and every field."""
    error = filled(kind)
    arrived = travel(error)

    assert type(arrived) is kind
    assert (str(arrived), arrived.args, vars(arrived)) == (str(error), error.args, vars(error))


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_every_parameter_is_kept(kind):
    """As an attribute of its own name; the provider's sentence as ``message``."""
    error = filled(kind)
    names = list(inspect.signature(kind).parameters)[1:]

    assert {name: getattr(error, ATTRIBUTE.get(name, name)) for name in names} == {n: VALUES[n] for n in names}
    assert str(error) == VALUES["message"]


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_every_field_has_a_default(kind):
    """An error can be made from nothing, which is what unpickling does."""
    error = kind()

    assert str(error) == ""
    assert error.partial is None


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_every_error_explains_itself(kind):
    """A docstring of its own."""
    assert kind.__dict__["__doc__"]


@pytest.mark.parametrize(
    ("kind", "delivery"),
    [
        (errors.ViberError, Delivery.NOT_SENT),
        (errors.ValidationError, Delivery.NOT_SENT),
        (errors.ConfigurationError, Delivery.NOT_SENT),
        (errors.SessionClosedError, Delivery.NOT_SENT),
        (errors.SessionLoopError, Delivery.NOT_SENT),
        (errors.ApiError, Delivery.ANSWERED),
        (errors.ServerError, Delivery.ANSWERED),
        (errors.DecodeError, Delivery.ANSWERED),
        (errors.ResponseTooLargeError, Delivery.ANSWERED),
        (errors.TransportError, Delivery.UNKNOWN),
        (errors.RequestTimeoutError, Delivery.UNKNOWN),
        (errors.ProtocolError, Delivery.UNKNOWN),
        (errors.ConnectionFailedError, Delivery.NOT_SENT),
        (errors.OutcomeUnknownError, Delivery.UNKNOWN),
        (errors.DuplicateCampaignError, Delivery.ANSWERED),
        (errors.LedgerError, Delivery.NOT_SENT),
        (errors.KeyConflictError, Delivery.NOT_SENT),
        (errors.SyncRefusedError, Delivery.NOT_SENT),
        (errors.SyncInterruptedError, Delivery.NOT_SENT),
    ],
)
def test_what_is_not_said_of_the_delivery_follows_from_the_kind(kind, delivery):
    """A refused connection sent nothing, an answer was an answer, the network leaves it open."""
    assert kind().delivery is delivery


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("status", 0),
        ("error_code", None),
        ("message", ""),
        ("body", ""),
        ("method", ""),
        ("path", ""),
        ("headers", {}),
        ("errors", {}),
        ("retry_after", None),
    ],
)
def test_what_the_provider_did_not_say_is_empty(name, default):
    """Never an invented value."""
    assert getattr(errors.ApiError(), name) == default


@pytest.mark.parametrize(
    ("error", "name", "default"),
    [
        (errors.ValidationError(), "field", ""),
        (errors.ConnectionFailedError(), "permanent", False),
        (errors.OutcomeUnknownError(), "handle", None),
        (errors.OutcomeUnknownError(), "looked_for", False),
        (errors.OutcomeUnknownError(), "reconciliation", None),
        (errors.OutcomeUnknownError(), "resend_in", None),
        (errors.DuplicateCampaignError(), "task_ids", ()),
        (errors.SyncRefusedError(), "reason", ""),
        (errors.SyncRefusedError(), "rejects", ()),
        (errors.SyncInterruptedError(), "journal", None),
    ],
)
def test_fields_of_single_kinds_have_their_defaults(error, name, default):
    """So that none of them needs an argument."""
    assert getattr(error, name) == default


def test_an_error_keeps_copies_of_what_it_was_given():
    """A header that is changed afterwards does not change the evidence."""
    headers = {"date": "then"}
    fields: dict[str, tuple[str, ...]] = {"a": ("b",)}
    error = errors.ApiError(headers=headers, errors=fields)
    headers["date"], fields["a"] = "now", ()

    assert (error.headers, error.errors) == ({"date": "then"}, {"a": ("b",)})


@pytest.mark.parametrize(
    ("kind", "builtin"), [(errors.ValidationError, ValueError), (errors.DeadlineExceededError, TimeoutError)]
)
def test_who_knows_only_the_builtin_error_catches_ours(kind, builtin):
    """A ValidationError is a ValueError, a DeadlineExceededError is a TimeoutError."""
    with pytest.raises(builtin, match=r"^so$"):
        raise kind("so")


def test_the_words_for_delivery_are_stable():
    """They stand in logs and files."""
    assert [d.value for d in Delivery] == ["not_sent", "unknown", "answered"]
