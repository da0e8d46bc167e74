"""What does it cost to make typed, frozen results of a page of a thousand rows, from the bytes of the answer?

The floor is ``json.loads``, which gives dicts, takes a key twice, rounds prices to floats and lets any type pass. Ours
gives attrs objects and refuses all that. Beside it the same rows by attrs and cattrs as they come, by pydantic, and by
msgspec into structs of its own: each with a price as Decimal, a phone as text and naive datetimes where it can, none of
them looking for a key that stands twice.
"""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
import cattrs
import msgspec
import pydantic
from _side_by_side import cost, show, side_by_side

from viber_async._sansio import wire_json
from viber_async._sansio.blacklist import list_blacklist
from viber_async._sansio.campaigns import get_recipients, list_campaigns
from viber_async._sansio.converter import make_converter

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 1000
CONVERTER = make_converter(None)


def date(number: int) -> str:
    return f"2024-{number % 12 + 1:02}-{number % 28 + 1:02} {number % 24:02}:{number % 60:02}:{number * 7 % 60:02}"


BLACKLIST = [
    {"id": n + 1, "user_id": 7046460, "phone": 380930000000 + n, "description": "", "add_date": date(n)}
    for n in range(ROWS)
]
RECIPIENTS = [
    {
        "phone": 380930000000 + n,
        "address_book_id": None if n % 2 else 850852,
        "status": "send",
        "send_date": date(n),
        "price": 0.7 + n % 40 / 100,
        "currency": "RUR",
        "last_update": date(n + 5),
    }
    for n in range(ROWS)
]
CAMPAIGNS = [
    {
        "id": n + 1,
        "name": f"spring {n}",
        "message": "Margaret, your order is on its way",
        "button_text": "Open" if n % 2 else None,
        "button_link": f"https://example.com/{n}" if n % 2 else None,
        "image_link": None,
        "address_book": None if n % 3 else 850852,
        "sender_name": "shop",
        "sender_id": 1,
        "message_live_time": 3600,
        "send_date": date(n),
        "status": "sent",
        "created": date(n + 3),
    }
    for n in range(ROWS)
]
FIELDS: dict[str, dict[str, Any]] = {
    "blacklist": {"id": int, "user_id": int, "phone": int, "description": str, "add_date": datetime},
    "recipients": {
        "phone": int,
        "address_book_id": int | None,
        "status": str,
        "send_date": datetime,
        "price": Decimal,
        "currency": str,
        "last_update": datetime,
    },
    "campaigns": {
        "id": int,
        "name": str,
        "message": str,
        "button_text": str | None,
        "button_link": str | None,
        "image_link": str | None,
        "address_book": int | None,
        "sender_name": str,
        "sender_id": int,
        "message_live_time": int,
        "send_date": datetime,
        "status": str,
        "created": datetime,
    },
}
PAGES = {
    "blacklist": (
        {"data": {"list": BLACKLIST, "total": ROWS}},
        list_blacklist(ROWS, 0),
        lambda page: page["data"]["list"],
    ),
    "recipients": ({"task_id": 44, "recipients": RECIPIENTS}, get_recipients(44), lambda page: page["recipients"]),
    "campaigns": (CAMPAIGNS, list_campaigns(ROWS, 0), lambda page: page),
}


def ways_of(name: str) -> dict[str, Callable[[], object]]:
    page, call, rows_of = PAGES[name]
    body = json.dumps(page).encode()
    fields = FIELDS[name]

    plain = attrs.make_class("Plain", {key: attrs.field(type=kind) for key, kind in fields.items()}, frozen=True)
    converter = cattrs.Converter()
    converter.register_structure_hook(datetime, lambda value, _: datetime.fromisoformat(value))
    converter.register_structure_hook(Decimal, lambda value, _: Decimal(str(value)))

    model = pydantic.create_model("Model", __config__=pydantic.ConfigDict(frozen=True), **fields)
    models = pydantic.TypeAdapter(list[model])  # type: ignore[valid-type]
    structs = msgspec.defstruct("Struct", list(fields.items()), frozen=True)
    wrapped: Any = list[structs]  # type: ignore[valid-type]
    if name == "blacklist":
        wrapped = msgspec.defstruct("Page", [("data", msgspec.defstruct("Data", [("list", wrapped), ("total", int)]))])
    elif name == "recipients":
        wrapped = msgspec.defstruct("Page", [("task_id", int), ("recipients", wrapped)])
    decoder = msgspec.json.Decoder(wrapped)

    return {
        "json.loads": lambda: json.loads(body),
        "ours": lambda: call.read(CONVERTER, wire_json.loads(body)),
        "ours, each key asked": lambda: call.read(CONVERTER, wire_json.parse(body.decode())),
        "attrs and cattrs": lambda: converter.structure(rows_of(json.loads(body)), list[plain]),  # type: ignore[valid-type]
        "pydantic": lambda: models.validate_python(rows_of(json.loads(body))),
        "msgspec, its structs": lambda: decoder.decode(body),
    }


def main(*, times: int, rounds: int) -> None:
    for name in PAGES:
        ways = {way: (lambda work=work: cost(work, times)) for way, work in ways_of(name).items()}
        show(f"decoding {ROWS} rows, {name}", side_by_side(ways, rounds=rounds))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    main(times=arguments.times, rounds=arguments.rounds)
