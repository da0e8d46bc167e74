"""The provider's ten calls: a request in, an answer out, or a refusal raised. Nothing here waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from attrs import field, frozen

from viber_async.sandbox import _rules, _wire
from viber_async.sandbox._answer import Answer, Refusal, refusal, token_refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from viber_async.sandbox._account import Account, SandboxCampaign
    from viber_async.sandbox._blacklist import Blacklist, Lossy


@frozen
class Ask:
    """A request as a call sees it."""

    account: Account
    blacklist: Blacklist | Lossy = field(kw_only=True)
    """The account's, or one that a fault has put in front of it."""
    now: datetime = field(kw_only=True)
    id: str = field(kw_only=True)
    """The id in the path, or nothing."""
    query: Mapping[str, str] = field(kw_only=True)
    headers: Mapping[str, str] = field(kw_only=True)
    body: bytes = field(kw_only=True)

    def json(self) -> object:
        """Return the body's value; refuses what is no JSON."""
        return _rules.parsed(self.headers.get("content-type", ""), self.body)

    def page(self) -> _rules.Page:
        """Return the page that was asked for."""
        limits = self.account.limits
        return _rules.page(self.query, usual=limits.page, most=limits.page_max)


def answer_to(call: Call, ask: Ask) -> Answer:
    """Return what the provider answers; a refusal is an answer too."""
    try:
        if not call.open:
            _authorize(ask)
        return call.handle(ask)
    except Refusal as refused:
        return refused.answer


def _authorize(ask: Ask) -> None:
    scheme, _, bearer = ask.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not ask.account.admits(bearer, ask.now):
        raise refusal(401)


def _token(ask: Ask) -> Answer:
    body = ask.json()
    asked = cast("dict[str, object]", body) if isinstance(body, dict) else {}
    if asked.get("grant_type") != "client_credentials":
        raise token_refusal(400, "unsupported_grant_type", "grant_type has to be client_credentials")
    token = ask.account.token(asked.get("client_id"), asked.get("client_secret"), ask.now)
    return Answer(200, json={"access_token": token, "token_type": "Bearer", "expires_in": ask.account.token_lifetime})


def _create(ask: Ask) -> Answer:
    draft = _rules.draft(ask.json(), now=ask.now, zone=ask.account.zone)
    campaign = ask.account.create(draft, ask.now, body=ask.body)
    return Answer(200, json={"result": True, "data": _wire.created(campaign, ask.account.zone)})


def _list_campaigns(ask: Ask) -> Answer:
    page = ask.page()
    newest_first = list(ask.account.campaigns.values())[::-1]  # as in the sample. A
    rows = newest_first[page.offset : page.offset + page.limit]
    return Answer(200, json=[_wire.listed(each, ask.now, ask.account.zone) for each in rows])


def _get_campaign(ask: Ask) -> Answer:
    return Answer(200, json=_wire.detailed(_campaign(ask, 602), ask.now, ask.account.zone))


def _list_recipients(ask: Ask) -> Answer:
    return Answer(200, stream=_wire.recipients(_campaign(ask, 802), ask.now, ask.account.zone))


def _campaign(ask: Ask, code: int) -> SandboxCampaign:
    """Both codes mean "campaign not found" (A); which call has which is ours (D)."""
    found = ask.account.campaigns.get(_rules.identifier(ask.id) or 0)
    if found is None:
        raise refusal(code)
    return found


def _list_senders(ask: Ask) -> Answer:
    return Answer(200, json=[_wire.sender(each) for each in ask.account.senders.values()])


def _get_sender(ask: Ask) -> Answer:
    found = ask.account.senders.get(_rules.identifier(ask.id) or 0)
    if found is None:
        raise refusal(1003)
    return Answer(200, json=_wire.sender(found))


def _list_blacklist(ask: Ask) -> Answer:
    page = ask.page()
    return Answer(200, written=_wire.blacklist(ask.blacklist.page(page.limit, page.offset), len(ask.blacklist)))


def _add_to_blacklist(ask: Ask) -> Answer:
    phones, description = _rules.phones(ask.json(), most=ask.account.limits.blacklist_batch, described=True)
    added, exists = ask.blacklist.add(phones, description, ask.now)
    return Answer(200, json={"result": True, "counters": {"added": added, "exists": exists}})


def _remove_from_blacklist(ask: Ask) -> Answer:
    phones, _ = _rules.phones(ask.json(), most=ask.account.limits.blacklist_batch, described=False)
    return Answer(200, json={"result": True, "deleted": ask.blacklist.remove(phones)})


def _unknown(_ask: Ask) -> Answer:
    raise refusal(404)


@frozen
class Call:
    """A call's name, where it is, and what it does."""

    name: str
    method: str | None = field(kw_only=True)
    path: str = field(kw_only=True)
    handle: Callable[[Ask], Answer] = field(kw_only=True)
    open: bool = field(kw_only=True, default=False)
    """Needs no token."""


_BLACKLIST: Final = "/v2/viber-service/phone-exception"
CALLS: Final = (
    Call("token", method="POST", path="/oauth/access_token", handle=_token, open=True),
    Call("campaigns.create", method="POST", path="/viber", handle=_create),
    Call("campaigns.list", method="GET", path="/viber/task", handle=_list_campaigns),
    Call("campaigns.get", method="GET", path="/viber/task/{id}", handle=_get_campaign),
    Call("campaigns.recipients", method="GET", path="/viber/task/{id}/recipients", handle=_list_recipients),
    Call("senders.list", method="GET", path="/viber/senders", handle=_list_senders),
    Call("senders.get", method="GET", path="/viber/senders/{id}", handle=_get_sender),
    Call("blacklist.list", method="GET", path=_BLACKLIST, handle=_list_blacklist),
    Call("blacklist.add", method="POST", path=_BLACKLIST, handle=_add_to_blacklist),
    Call("blacklist.remove", method="DELETE", path=_BLACKLIST, handle=_remove_from_blacklist),
    # Whatever else: the last row, so that the others come first.
    Call("unknown", method=None, path="/{path:path}", handle=_unknown, open=True),
)
NAMES: Final = tuple(call.name for call in CALLS)
