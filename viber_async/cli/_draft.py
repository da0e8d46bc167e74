"""Drafts as files: the provider's own JSON, or the same in YAML.

YAML guesses what a scalar is, and guesses wrong where it hurts: ``no`` is false, ``0501234567`` is an octal number,
``12:30:00`` one to the base of sixty, and a phone an int that has lost its zeros. So nothing is guessed here. Every
scalar is the text that stands in the file, but for ``null``; which fields are numbers is known, and read by one rule.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, cast

from viber_async import UsageError
from viber_async._sansio.privacy import refused, safe_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    import yaml

MAX_DRAFT: Final = 1_000_000
"""Ours: characters. A thousand phones and all texts are below a twentieth of it."""
NUMBERS: Final = ("sender_id", "message_live_time", "message_type", "address_book", "stretch_time")
WHOLE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
WRITE_DIGITS: Final = "write a whole number with digits alone: no 0 in front, no sign, no colons, no underscores"
IN_SECONDS: Final = f"in seconds, 86400 for 24 hours; {WRITE_DIGITS}"
NO_MAPPING: Final = "mapping values are not allowed"
"""What the parser says of a second colon in one line."""
NULL, STR, SEQ, MAP = (f"tag:yaml.org,2002:{name}" for name in ("null", "str", "seq", "map"))
FLAGS: Final = {"true": True, "false": False}


def draft_fields(text: str, name: str) -> dict[str, Any]:
    """Give what a draft's file holds, as `CampaignDraft.from_dict` takes it.

    Raises:
        UsageError: it is neither JSON nor YAML, or not one object.
        ValidationError: a number is none.

    """
    if len(text) > MAX_DRAFT:
        raise UsageError(f"{name}: a draft has at most {MAX_DRAFT:,} characters")
    is_json = name.endswith(".json") or (not name.endswith((".yaml", ".yml")) and text.lstrip().startswith("{"))
    found = _from_json(text, name) if is_json else _from_yaml(text, name)
    if not isinstance(found, dict):
        raise UsageError(f"{name}: a draft is one object, with keys such as sender_id and message")
    return cast("dict[str, Any]", found)


# JSON


def _from_json(text: str, name: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=lambda pairs: _once(pairs, name), parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise UsageError(f"{name}: this is no JSON: {error}") from None
    except RecursionError:
        raise UsageError(f"{name}: a draft is not nested that deep") from None
    except ValueError as error:  # NaN, or a number of ten thousand digits
        raise UsageError(f"{name}: this is no JSON: {safe_text(str(error), 100)}") from None


def _once(pairs: list[tuple[str, object]], name: str) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise UsageError(f"{name}: {safe_text(twice, 60)} stands there twice")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


# YAML


def _from_yaml(text: str, name: str) -> object:
    import yaml  # noqa: PLC0415 - a library that only this needs

    try:
        found: object = yaml.load(text, Loader=_loader())  # noqa: S506 - it makes nothing but texts, lists and dicts
    except yaml.MarkedYAMLError as error:
        where = error.problem_mark or error.context_mark
        place = f" in line {where.line + 1}" if where is not None else ""
        said = safe_text(error.problem or str(error), 200)
        hint = "; a text that holds a colon and a space goes in quotes" if said.startswith(NO_MAPPING) else ""
        raise UsageError(f"{name}: this is no YAML{place}: {said}{hint}") from None
    except yaml.YAMLError as error:  # a character that may not stand in one
        raise UsageError(f"{name}: this is no YAML: {safe_text(str(error), 200)}") from None
    except RecursionError:
        raise UsageError(f"{name}: a draft is not nested that deep") from None
    return _typed(cast("dict[str, Any]", found)) if isinstance(found, dict) else found


def _loader() -> type[yaml.SafeLoader]:
    """Give a loader that takes every scalar for text, an empty one and ``null`` for None, and a key only once."""
    import yaml  # noqa: PLC0415 - as above

    class Texts(yaml.SafeLoader):
        """Made anew for each file, because what follows is written into the class."""

    Texts.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag == NULL]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Texts.yaml_constructors = {tag: yaml.SafeLoader.yaml_constructors[tag] for tag in (NULL, STR, SEQ, None)}

    def mapping(loader: Any, node: yaml.MappingNode) -> Iterator[dict[object, object]]:
        found: dict[object, object] = {}
        yield found
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node)
            if not isinstance(key, str) or key in found:
                said = "stands there twice" if isinstance(key, str) else "is no key"
                problem = f"{safe_text(str(key), 60)} {said}"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            found[key] = loader.construct_object(value_node, deep=True)

    Texts.add_constructor(MAP, mapping)
    return Texts


def _typed(found: dict[str, Any]) -> dict[str, Any]:
    """Give *found* with its numbers and its one flag as what they are."""
    for key in found.keys() & NUMBERS:
        found[key] = _number(key, found[key])
    match found:
        case {"additional": {"resend_sms": {"status": status} as sms}}:
            if not isinstance(status, str) or status not in FLAGS:
                raise refused("resend_sms.status", status, "true or false")
            sms["status"] = FLAGS[status]
        case _:
            pass
    return found


def _number(key: str, value: object) -> object:
    if not isinstance(value, str):
        return value
    if not WHOLE.fullmatch(value):
        raise refused(key, value, IN_SECONDS if key == "message_live_time" else WRITE_DIGITS)
    return int(value)
