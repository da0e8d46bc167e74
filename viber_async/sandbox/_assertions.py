"""What tests want to say of a sandbox, as assertions whose failures show what it saw instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from viber_async.sandbox._life import is_kept_back

if TYPE_CHECKING:
    from viber_async.sandbox._account import SandboxCampaign
    from viber_async.sandbox._sandbox import Sandbox


def assert_sent(sandbox: Sandbox, phone: int | str, *, text: str | None, times: int | None) -> None:
    """Raise AssertionError unless *phone* was sent to: *times* times, or at least once."""
    found = [each for each in sandbox.campaigns if _reaches(each, phone)]
    with_text = [each for each in found if text is None or each.message == text]
    if len(with_text) == times or (times is None and with_text):
        return
    wanted = "at least once" if times is None else f"{times} time{'s' * (times != 1)}"
    what = "" if text is None else f" {text!r}"
    raise AssertionError(f"{phone} was to be sent{what} {wanted}, and was sent {_said(found)}")


def assert_blacklisted(sandbox: Sandbox, *phones: int | str, wanted: bool) -> None:
    """Raise AssertionError unless each of *phones* is on the blacklist, or none of them is."""
    wrong = [str(phone) for phone in phones if ((_number(phone) in sandbox.blacklisted) is not wanted)]
    if wrong:
        raise AssertionError(f"{'not ' * wanted}on the blacklist: {', '.join(wrong)}")


def assert_within_rate(sandbox: Sandbox) -> None:
    """Raise AssertionError if any request came too soon after those before it."""
    if sandbox.rate.refusals:
        raise AssertionError(f"{sandbox.rate.refusals} requests were over the limit: {sandbox.rate!r}")


def assert_faults_struck(sandbox: Sandbox) -> None:
    """Raise AssertionError if a fault still waits for the request that it was to spoil."""
    waiting = [f"{plan.fault.name} on {plan.on or 'any request'}" for plan in sandbox.faults.waiting if not plan.struck]
    if waiting:
        raise AssertionError(f"never struck: {'; '.join(waiting)}")


def _reaches(campaign: SandboxCampaign, phone: int | str) -> bool:
    """Tell whether it went to *phone*: it was among the recipients, and not on the blacklist then."""
    number = _number(phone)
    return number in campaign.recipients and not is_kept_back(campaign.life, campaign.recipients.index(number))


def _number(phone: int | str) -> int:
    digits = "".join(c for c in str(phone) if c.isdecimal())
    if not digits:
        raise ValueError(f"a phone has digits; got {phone!r}")
    return int(digits)


def _said(campaigns: list[SandboxCampaign]) -> str:
    return "; ".join(f"{each.message!r} by campaign {each.id}" for each in campaigns) or "nothing"
