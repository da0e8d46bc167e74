"""A campaign before it is sent: put together from a file and from options, and shown to whoever has to say yes."""

from __future__ import annotations

import json
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attrs import field, frozen

from viber_async import CampaignDraft, SenderStatus, UsageError, ValidationError, mask_phone, to_dict
from viber_async._private_file import replace_file
from viber_async._sansio.campaigns import create_campaign
from viber_async._sansio.ledger import UNNAMED
from viber_async._sansio.privacy import safe_text
from viber_async._sansio.words import suiting
from viber_async.cli._bubble import Bubble, visible
from viber_async.cli._campaign_jobs import people
from viber_async.cli._draft import draft_fields
from viber_async.cli._export import STDOUT
from viber_async.cli._pairs import Pairs
from viber_async.cli._show import duration, fail
from viber_async.cli._wording import FIRST_WORD, OPTIONS, of_draft, of_option
from viber_async.sync.source import Source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from viber_async import OutcomeUnknownError, Sender
    from viber_async.cli._show import Show

SHOWN: Final = 10
"""Recipients that are shown."""
PARTS: Final = ("button", "image", "resend_sms")
"""What the provider nests under `additional`."""
KEYS: Final = frozenset(OPTIONS) - frozenset(PARTS) | {"additional"}
"""What a draft may hold."""


def source_of(path: str | None, *, region: str | None, column: str | None) -> Source | None:
    """Give the file of recipients, if there is one.

    Raises:
        UsageError: it is not there.

    """
    if path is None:
        return None
    if path != STDOUT and not Path(path).exists():
        raise UsageError(f"--recipients: {path} is not there")
    return Source(path, region=region, column=int(column) if column is not None and column.isdecimal() else column)


def only_one(given: object, read: list[int]) -> list[int]:
    """Give the recipients of a file, if there are no others.

    Raises:
        UsageError: there are.

    """
    if given is not None:
        raise UsageError("give the recipients with --to or with --recipients, not with both")
    return read


def zone_of(name: str | None) -> ZoneInfo | None:
    """Give the zone of that name."""
    try:
        return None if name is None else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"--time-zone: there is no {safe_text(name or '', 60)}; write it as in Europe/Kyiv") from None


def draft_of(file: str | None, given: Mapping[str, Any], *, time_zone: ZoneInfo | None = None) -> CampaignDraft:
    """Give the draft that a file and options describe together; neither overrides the other.

    Raises:
        UsageError: the file cannot be read, both say the same, or something is missing.
        ValidationError: a value breaks a rule.

    """
    data = {} if file is None else _read(file)
    said = {name for name, value in given.items() if value is not None}
    found = data.get("additional")
    additional: dict[str, Any] = dict(cast("dict[str, Any]", found)) if isinstance(found, dict) else {}
    for name, value in given.items():
        if value is None:
            continue
        place = additional if name in PARTS else data
        if place.get(name) is not None:
            raise UsageError(f"{OPTIONS[name]}: the draft has {name} already; leave one of them out")
        place[name] = value
    if additional:
        data["additional"] = additional
    if (missing := _missing(data)) and data.keys() <= KEYS:  # a misspelt name would be missed as well
        how = suiting(len(missing), "it as an option, or write it", "them as options, or write them")
        raise UsageError(f"missing: {', '.join(missing)}; give {how} into the --draft")
    try:
        draft = CampaignDraft.from_dict({"send_date": "now", **data})
        create_campaign(draft, now=datetime.now(UTC), time_zone=time_zone)  # so as to refuse a time that is past, say
    except ValidationError as error:
        name = FIRST_WORD.split(error.field)[0]
        typed = data["send_date"] if name == "send_date" else None  # and not the datetime that was made of it
        if file is None or name in said:
            raise of_option(error, typed) from None
        raise UsageError(of_draft(error, file, typed)) from None
    return draft


def _read(file: str) -> dict[str, Any]:
    try:
        return draft_fields(text_of(file, "--draft"), file)
    except ValidationError as error:
        raise UsageError(of_draft(error, file)) from None


def _missing(data: Mapping[str, Any]) -> list[str]:
    """Give all that a draft lacks, each with the option that says it."""
    lacks = [name for name in ("sender_id", "message_live_time") if data.get(name) is None]
    lacks += ["message"] if data.get("message") is None and not data.get("additional") else []
    said = [f"{name} ({OPTIONS[name]})" for name in lacks]
    if data.get("recipients") is None and data.get("address_book") is None:
        said.append(f"recipients ({OPTIONS['recipients']}) or address_book ({OPTIONS['address_book']})")
    return said


def text_of(file: str, option: str) -> str:
    """Give the text of a small file, or of the standard input.

    Raises:
        UsageError: it cannot be read.

    """
    try:
        return sys.stdin.read() if file == STDOUT else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{option}: {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{option}: {file} is not UTF-8") from None


@frozen(kw_only=True)
class Offer:
    """What would be sent, to whom, and from whom."""

    draft: CampaignDraft
    sender: Sender
    key: str | None = field(repr=False)
    whole: bool
    """Whether phones may be shown whole."""

    @property
    def question(self) -> str:
        """What has to be answered before it is sent."""
        return f"Send this campaign to {self._to_whom()}?"

    def put(self, show: Show) -> None:
        """Show it."""
        draft = self.draft
        show.heading(f"A campaign to {self._to_whom()}")
        if self.sender.status != SenderStatus.VERIFIED:
            word = "unknown" if self.sender.status is None else safe_text(self.sender.status.value, 40)
            show.say(f"The sender's status is {word} and not verified: the provider is likely to refuse this.")
        show.draw(Pairs(self._facts()))
        button = None if draft.button is None else (draft.button.text, draft.button.link)
        image = None if draft.image is None else draft.image.link
        show.draw(Bubble(sender=self.sender.name, text=draft.message, button=button, image=image))

    def counts(self) -> dict[str, object]:
        """Give its numbers as JSON types."""
        found = self.draft.recipients
        return {
            "recipients": None if found is None else len(found),
            "duplicates": self.draft.duplicates,
            "address_book": self.draft.address_book,
        }

    def facts(self) -> dict[str, object]:
        """Give all of it as JSON types."""
        draft = to_dict(self.draft)
        if self.draft.recipients is not None and not self.whole:
            draft["recipients"] = [mask_phone(phone) for phone in self.draft.recipients]
        return {"draft": draft, "sender": to_dict(self.sender), **self.counts()}

    def _to_whom(self) -> str:
        found = self.draft.recipients
        if found is None:
            return f"mailing list {self.draft.address_book}"
        return people(len(found))

    def _facts(self) -> list[tuple[str, str]]:
        draft = self.draft
        rows = [
            ("name", self._name()),
            ("from", f"{safe_text(self.sender.name, 60)} (sender {self.sender.id})"),
            ("to", self._audience()),
            ("kind", draft.message_type.name.lower()),
            ("when", self._when()),
            ("tried for", duration(draft.message_live_time)),
        ]
        if draft.resend_sms is not None:
            sms = draft.resend_sms
            rows.append(("then SMS", f"{visible(sms.sms_sender_name)}: {visible(sms.sms_text)}"))
        rows.append(("at most once", "no: give it a --key" if self.key is None else "yes, by its --key"))
        return rows

    def _name(self) -> str:
        name = self.draft.task_name
        if self.key is not None:
            return f"{visible(name or UNNAMED)}, behind the marker of its key"
        return "the provider invents one" if name is None else visible(name)

    def _audience(self) -> str:
        found = self.draft.recipients
        if found is None:
            return f"mailing list {self.draft.address_book}"
        phones = [phone if self.whole else mask_phone(phone) for phone in found[:SHOWN]]
        more = f" and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
        twice = f"; {self.draft.duplicates:,} given twice, left out" if self.draft.duplicates else ""
        return f"{', '.join(phones)}{more}{twice}"

    def _when(self) -> str:
        when = self.draft.send_date
        said = "at once" if when == "now" else f"{when}, by the account's clock"
        return f"{said}, over {self.draft.stretch_time} h" if self.draft.stretch_time else said


@frozen(kw_only=True)
class Once:
    """What keeps a campaign from being sent twice, and what is left behind if nobody knows whether it was sent."""

    key: str | None = field(repr=False)
    ledger: str | None
    resend_after: timedelta | None
    handle: str | None
    """The new file that a handle goes to."""

    def __attrs_post_init__(self) -> None:
        if self.key is not None and self.ledger is None:
            raise UsageError("--key needs --ledger PATH, the file that remembers what was sent, in a place that lasts")
        if self.resend_after is not None and self.key is None:
            raise UsageError("--resend-after needs --key: only what has a key is looked for before it is sent again")
        if self.handle is not None:
            _check_new(Path(self.handle))

    def keep(self, error: OutcomeUnknownError) -> None:
        """Write the handle into its file, which is this user's alone; if that fails, it still stands on stdout."""
        if self.handle is None:
            return
        try:
            replace_file(str(Path(self.handle).absolute()), [f"{handle_text(error)}\n".encode()])
        except OSError as failed:
            fail(f"--handle: {self.handle} could not be written: {failed.strerror}; keep the handle by another way")
        else:
            fail(f"the handle is in {self.handle}")

    def go_on(self, error: OutcomeUnknownError, command: str) -> str:
        """Give what to type in order to find out what became of the campaign."""
        if self.key is not None and self.ledger is not None:
            named = ["--key", self.key] if safe_text(self.key, len(self.key)) == self.key else []  # no phone, for one
            return f"{command} campaigns reconcile {shlex.join(['--ledger', self.ledger, *named])}"
        if self.handle is not None and Path(self.handle).exists():
            return f"{command} campaigns reconcile {shlex.quote(self.handle)}"
        return f"printf %s {shlex.quote(handle_text(error))} | {command} campaigns reconcile -"


def handle_text(error: OutcomeUnknownError) -> str:
    """Give the handle as one line of JSON."""
    return "" if error.handle is None else json.dumps(error.handle.to_dict(), ensure_ascii=False)


def _check_new(path: Path) -> None:
    """Refuse a file that could not be written later, when it is needed."""
    if path.exists() or path.is_symlink():
        raise UsageError(f"--handle: {path} is there already: name a new file")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"--handle: {path}: there is no such directory")
