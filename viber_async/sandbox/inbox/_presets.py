"""The faults that can be switched on in the inbox: the usual ones, each in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from viber_async.sandbox._faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@frozen
class Preset:
    """A fault by a name, and what it does."""

    name: str
    says: str = field(kw_only=True)
    make: Callable[[], Fault] = field(kw_only=True)
    on: str | None = field(kw_only=True, default=None)
    """The operations that it is about, where it is not about all."""


PRESETS: Final = (
    Preset(
        "Cut after processing",
        says="Done, but the connection ends without an answer.",
        make=lambda: Fault.cut(processed=True),
    ),
    Preset("Cut before processing", says="The connection ends, and nothing was done.", make=Fault.cut),
    Preset("Reset", says="The connection is reset, and nothing was done.", make=lambda: Fault.cut(reset=True)),
    Preset("503", says="Service unavailable, and nothing was done.", make=lambda: Fault.status(503)),
    Preset(
        "503, but done",
        says="Service unavailable, although it was done.",
        make=lambda: Fault.status(503, processed=True),
    ),
    Preset("502 page", says="The web page of a gateway instead of JSON.", make=Fault.html),
    Preset("429", says="Refused as by the rate limit; Retry-After says two seconds.", make=lambda: Fault.throttle(2)),
    Preset("401", says="The token is not taken.", make=lambda: Fault.status(401)),
    Preset("Slow", says="Processed three seconds later.", make=lambda: Fault.latency(3)),
    Preset("No answer", says="Held for ever, and not processed.", make=Fault.hang),
    Preset("Half an answer", says="Done, but the answer ends in its middle.", make=Fault.truncate),
    Preset("Not JSON", says="Done, but the answer is no JSON.", make=Fault.garbage),
    Preset("Unknown fields", says="Every object of the answer has a field that nobody knows.", make=Fault.extra_fields),
    Preset("Pretend", says="A blacklist write is counted as done, and is not.", make=Fault.pretend, on="blacklist.*"),
)
BY_NAME: Final[Mapping[str, Preset]] = {preset.name: preset for preset in PRESETS}
