"""Options that several commands have in common: a class of them stands for all in a command's signature.

Typer reads an option from each parameter. `grouped` shows it the fields of the classes as parameters, and hands the
command one value of each class.
"""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Give *command* with the fields of its attrs classes in place of them."""
    parameters = inspect.signature(command, eval_str=True).parameters
    groups = {name: each.annotation for name, each in parameters.items() if attrs.has(each.annotation)}

    @wraps(command)
    def flat(**given: Any) -> None:
        made = {
            name: group(**{field.name: given.pop(field.name) for field in attrs.fields(group)})
            for name, group in groups.items()
        }
        command(**given, **made)

    shown = [shown for each in parameters.values() for shown in _shown(each)]
    flat.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]  # what inspect looks for
    flat.__annotations__ = {each.name: each.annotation for each in shown}
    return flat


def _shown(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    """Give *parameter*, or the fields of its class, as parameters that are given by name."""
    group = parameter.annotation
    if not attrs.has(group):
        yield parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        return
    for field in attrs.fields(attrs.resolve_types(group, include_extras=True)):
        yield inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type
        )
