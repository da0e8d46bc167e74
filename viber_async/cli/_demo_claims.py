"""What has to add up at the demo's end, as claims that can be true or false. Pure: facts in, claims out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from viber_async import CampaignDraft
    from viber_async.cli._demo_steps import Adding, Cast, Ended, Listed, Reading, Walked, Wire

Terms = tuple[tuple[int, str], ...]
"""Numbers with what they count, to be summed up."""


@frozen
class Claim:
    """Two sums that are the same, or of which the left is at most the right."""

    left: Terms
    right: Terms = field(kw_only=True)
    at_most: bool = field(kw_only=True, default=False)

    @property
    def holds(self) -> bool:
        """Whether it is true."""
        left, right = _sum(self.left), _sum(self.right)
        return left <= right if self.at_most else left == right

    def __str__(self) -> str:
        said = f"{_said(self.left)} {'<=' if self.at_most else '='} {_said(self.right)}"
        return said if self.holds else f"{said}: {_sum(self.left):,} against {_sum(self.right):,}"


@frozen(kw_only=True)
class Facts:
    """All that the demo has found out."""

    cast: Cast
    reading: Reading
    adding: Adding
    walked: Walked
    created: tuple[int, ...]
    """The ids of all campaigns, as their creates answered."""
    draft: CampaignDraft
    ended: Ended
    listed: Listed
    wire: Wire


def claims_of(facts: Facts) -> tuple[Claim, ...]:
    """Return what has to add up, in the order in which it happened."""
    return (
        *_file_claims(facts.reading, facts.cast),
        *_blacklist_claims(facts.reading, facts.adding, facts.walked, facts.wire),
        *_campaign_claims(facts),
        *_list_claims(facts.created, facts.listed),
        *_wire_claims(facts.wire),
    )


def _file_claims(reading: Reading, cast: Cast) -> tuple[Claim, ...]:
    valid, rejected = len(reading.phones), len(reading.rejects)
    judged = ((valid, "valid"), (reading.duplicates, "duplicates"), (rejected, "rejected"))
    written = {phone.digits for phone in cast.file.phones}
    return (
        Claim(((reading.lines, "lines"),), right=judged),
        Claim(((valid, "valid phones"),), right=((len(written & set(reading.phones)), "of those written"),)),
        Claim(((rejected, "rejected lines"),), right=((cast.file.junk, "written as junk"),)),
    )


def _blacklist_claims(reading: Reading, adding: Adding, walked: Walked, wire: Wire) -> tuple[Claim, ...]:
    sent, found = set(reading.phones), set(walked.phones)
    doubts = len(walked.report.doubts)
    return (
        Claim(
            ((adding.added, "added"), (adding.exists, "existed")), right=((len(reading.phones), "different phones"),)
        ),
        Claim(((wire.logged_phones, "phones in the sandbox's log"),), right=((len(reading.phones), "sent to it"),)),
        Claim(((len(walked.phones), "rows walked back"),), right=((walked.count, "by the provider's own count"),)),
        Claim(
            ((len(sent - found), "phones missing"), (len(found - sent), "unknown"), (doubts, "doubts of the walk")),
            right=((0, ""),),
        ),
    )


def _campaign_claims(facts: Facts) -> tuple[Claim, ...]:
    ended, draft = facts.ended, facts.draft
    recipients = len(draft.recipients or ())
    states = ended.states
    seen = (
        (states.get("delivered", 0), "delivered"),
        (states.get("read", 0), "read"),
        (states.get("clicked", 0), "clicked"),
    )
    return (
        Claim(
            ((len(facts.cast.given), "spellings"),),
            right=((recipients, "recipients"), (draft.duplicates, "given twice")),
        ),
        Claim(((recipients, "recipients"),), right=tuple((count, state) for state, count in states.items())),
        *_statistics_claims(ended, seen, recipients),
        Claim(((_blocked(facts), "blacklisted recipients"),), right=((_spared(facts), "of them not delivered"),)),
        Claim(((1, "campaign followed"),), right=((int(ended.over), "seen to its end"),)),
    )


def _statistics_claims(ended: Ended, seen: Terms, recipients: int) -> tuple[Claim, ...]:
    counted = ended.campaign.statistics
    if counted is None:
        return (Claim(((recipients, "recipients"),), right=((0, "in the statistics, which are missing"),)),)
    return (
        Claim(((counted.delivered, "delivered in the statistics"),), right=seen),
        Claim(
            ((counted.sent, "sent"), (counted.errors, "errors in the statistics")), right=((recipients, "recipients"),)
        ),
    )


def _blocked(facts: Facts) -> int:
    return len(set(facts.reading.phones) & set(facts.draft.recipients or ()))


def _spared(facts: Facts) -> int:
    blacklist = set(facts.reading.phones)
    return sum(each.phone in blacklist and each.status == "not delivered" for each in facts.ended.recipients)


def _list_claims(created: tuple[int, ...], listed: Listed) -> tuple[Claim, ...]:
    missing, unknown = len(set(created) - set(listed.ids)), len(set(listed.ids) - set(created))
    return (
        Claim(((len(created), "campaigns created"),), right=((len(listed.ids), "in the task list"),)),
        Claim(
            ((missing, "campaigns missing"), (unknown, "unknown"), (len(listed.report.doubts), "doubts of the walk")),
            right=((0, ""),),
        ),
    )


def _wire_claims(wire: Wire) -> tuple[Claim, ...]:
    """Give what has to be true of the wire, on a machine that stands still now and then as well.

    What left in time and is seen late may be one too many in its second: while it stands still, as many as may be under
    way, which is an allowance.
    """
    arrived = sum(wire.arrived.values())
    held_up = ((wire.stalls * wire.allowed, "held up while this machine stood still"),) if wire.stalls else ()
    return (
        Claim(((wire.session.requests, "requests sent"),), right=((arrived, "arrived"),)),
        Claim(((arrived, "arrived"),), right=((wire.answered, "answered"),)),
        Claim(
            ((wire.peak, "arrivals in the densest second"),), right=((wire.allowed, "allowed"), *held_up), at_most=True
        ),
        Claim(
            ((wire.session.throttled, "answers that said too many"),),
            right=((wire.refusals, "refused by the rate limit"),),
        ),
        Claim(((wire.refusals, "refused by the rate limit"),), right=held_up or ((0, ""),), at_most=bool(held_up)),
    )


def _sum(terms: Terms) -> int:
    return sum(number for number, _ in terms)


def _said(terms: Terms) -> str:
    return " + ".join(f"{number:,} {what}".rstrip() for number, what in terms) or "nothing"
