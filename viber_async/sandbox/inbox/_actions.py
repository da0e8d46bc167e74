"""What the inbox's buttons do, by name. Nothing here waits; each returns the sentence that says what it did."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast

from attrs import evolve

from viber_async.sandbox._life import SandboxFate
from viber_async.sandbox._rules import PHONE_DIGITS
from viber_async.sandbox.inbox._presets import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from viber_async.sandbox._app import Desk

Told = dict[str, object]
"""What the page says about a button that was pressed."""
LONGEST_ADVANCE: Final = 31 * 86400
MOST_TIMES: Final = 1000
LONGEST_DESCRIPTION: Final = 200

_BETWEEN_DIGITS: Final = re.compile(r"[\s()./-]")
_HALF_A_CHARACTER: Final = re.compile("[\ud800-\udfff]")
_PHONE: Final = re.compile(rf"\+?([1-9][0-9]{{{PHONE_DIGITS[0] - 1},{PHONE_DIGITS[1] - 1}}})")


def act(desk: Desk, name: str, told: object) -> str:
    """Do what the button *name* stands for; raises ValueError, with a sentence, for what cannot be done."""
    action = ACTIONS.get(name)
    if action is None or not isinstance(told, dict):
        raise ValueError("There is no such button.")
    return action(desk, cast("Told", told))


def _approve(desk: Desk, told: Told) -> str:
    task_id = _campaign(desk, told)
    desk.account.approve(task_id, desk.clock.now())
    return f"Campaign {task_id} is approved."


def _move(desk: Desk, told: Told) -> str:
    task_id, fate = _campaign(desk, told), SandboxFate(told.get("fate"))
    phones = _phones(told.get("phones") or [])
    desk.account.move(task_id, fate, desk.clock.now(), phones=phones)
    who = f"{len(phones)} of campaign {task_id}" if phones else f"Campaign {task_id}"
    return f"{who}: {fate.value}. It moves by hand from now on."


def _by_hand(desk: Desk, told: Told) -> str:
    desk.account.by_hand = told.get("by_hand") is True
    return "New campaigns wait for you." if desk.account.by_hand else "New campaigns move by themselves."


def _fault(desk: Desk, told: Told) -> str:
    preset = BY_NAME.get(str(told.get("fault")))
    if preset is None:
        raise ValueError("There is no such fault.")
    times = None if told.get("times") is None else _whole(told, "times", 1, MOST_TIMES)
    fault = evolve(preset.make(), name=preset.name)  # where it waits and struck it is called what its button is
    plan = desk.faults.add(fault, on=str(told["on"]) if told.get("on") else preset.on, times=times)
    return f"{preset.name} waits for {plan.on or 'any request'}."


def _call_off(desk: Desk, told: Told) -> str:
    for plan in desk.faults.waiting:
        if plan.number == told.get("number"):
            desk.faults.remove(plan)
    return "Called off."


def _block(desk: Desk, told: Told) -> str:
    (phone,) = _phones([told.get("phone")])
    description = str(told.get("description") or "")[:LONGEST_DESCRIPTION]
    if _HALF_A_CHARACTER.search(description):
        raise ValueError("description has half a character in it, which no answer can hold.")
    added, _ = desk.account.blacklist.add([phone], description, desk.clock.now())
    return f"{phone} is on the blacklist{'' if added else ' already'}."


def _unblock(desk: Desk, told: Told) -> str:
    (phone,) = _phones([told.get("phone")])
    return (
        f"{phone} {'is off the blacklist' if desk.account.blacklist.remove([phone]) else 'was not on the blacklist'}."
    )


def _advance(desk: Desk, told: Told) -> str:
    seconds = _whole(told, "seconds", 1, LONGEST_ADVANCE)
    desk.clock.advance(seconds)
    return f"It is {seconds} seconds later."


def _revoke(desk: Desk, _: Told) -> str:
    return f"{desk.account.revoke_tokens()} tokens are good no more."


ACTIONS: Final[Mapping[str, Callable[[Desk, Told], str]]] = {
    "approve": _approve,
    "move": _move,
    "by_hand": _by_hand,
    "fault": _fault,
    "call_off": _call_off,
    "block": _block,
    "unblock": _unblock,
    "advance": _advance,
    "revoke": _revoke,
}


def _campaign(desk: Desk, told: Told) -> int:
    task_id = told.get("id")
    if not isinstance(task_id, int) or task_id not in desk.account.campaigns:
        raise ValueError("There is no such campaign.")
    return task_id


def _whole(told: Told, name: str, low: int, high: int) -> int:
    value = told.get(name)
    if not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name} has to be a whole number from {low} to {high}.")
    return value


def _phones(given: object) -> list[int]:
    if not isinstance(given, list):
        raise ValueError("phones has to be a list.")  # noqa: TRY004 - a sentence for the page, like all of them
    return [_phone(each) for each in cast("list[object]", given)]


def _phone(given: object) -> int:
    found = _PHONE.fullmatch(_BETWEEN_DIGITS.sub("", str(given)))
    if found is None:
        raise ValueError(f"{str(given)[:40]!r} is no phone: 7 to 15 digits, with the country's code in front.")
    return int(found[1])
