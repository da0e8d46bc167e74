"""Compares what the clients said with what the provider truly did. Each rule gives sentences about what is not true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from tests.simulation.network import Sent
from tests.simulation.process import URL, Report, created_by, phones_of
from tests.simulation.provider import Created
from tests.simulation.world import World
from viber_async import (
    ApiError,
    ApiKey,
    BlacklistAdded,
    BlacklistRemoved,
    ClientCredentials,
    CreatedCampaign,
    CreateHandle,
    DeadlineExceededError,
    Delivery,
    DuplicateCampaignError,
    KeyConflictError,
    OutcomeUnknownError,
    TransportError,
    Verdict,
    ViberError,
)
from viber_async._sansio.ledger import State, account_tag, marker_of

LIMIT = 10
"""Arrivals in any second that the account is allowed."""


def untruths(world: World) -> list[str]:
    """Give everything that was said or done in *world* and should not have been."""
    return [*world.complaints, *(sentence for rule in RULES for sentence in rule(world))]


# What was done.


def no_key_has_two_campaigns(world: World) -> Iterator[str]:
    """At most once: whatever happened."""
    for marker, count in Counter(each.marker for each in world.provider.campaigns if each.marker).items():
        if count > 1:
            yield f"{marker} has {count} campaigns"


def no_create_has_two_campaigns(world: World) -> Iterator[str]:
    """Without a ledger too, one call creates one campaign at most."""
    counts = Counter(each.operation for each in _creates(world) if each.marker is None and each.carried_out_at)
    yield from (f"create {number} made {count} campaigns" for number, count in counts.items() if count > 1)


def the_rate_is_kept(world: World) -> Iterator[str]:
    """A strict judge counts what arrives of each process in any second."""
    for process in world.processes:
        arrivals = sorted(
            each.arrived_at for each in world.sent if each.process == process.name and each.arrived_at is not None
        )
        for first, last in zip(arrivals, arrivals[LIMIT:], strict=False):
            if last - first < 1.0:
                yield f"{process.name}: {LIMIT + 1} requests arrived within {last - first:.3f} s at {first:.3f}"


# What was said.


def accepted_means_that_it_exists(world: World) -> Iterator[str]:
    """With this content, and of this very call or key."""
    for report in world.reports:
        if not isinstance(report.value, CreatedCampaign):
            continue
        found = _campaign(world, report.value.task_id)
        if found is None or found.message != report.value.message or not _is_its(report, found, world):
            yield f"{report}, but {found}"


def a_clear_no_means_that_it_does_not_exist(world: World) -> Iterator[str]:
    """Nothing that left before was carried out, then or later."""
    for report in world.reports:
        error = report.told
        if error is None or isinstance(error, OutcomeUnknownError):
            continue
        if report.operation.kind == "create":
            left = _own_creates(world, report)
        elif report.operation.is_once and isinstance(error, (ApiError, TransportError, DeadlineExceededError)):
            left = [each for each in _creates(world) if each.marker and each.marker == _marker(world, report)]
            left = [each for each in left if each.left_at is not None and each.left_at <= report.ended]
        elif report.operation.is_once:
            left = _own_creates(world, report)
        else:
            continue
        if made := [each.number for each in left if each.carried_out_at is not None]:
            yield f"{report}, but {made} were carried out"


def a_bare_cancel_means_that_it_does_not_exist(world: World) -> Iterator[str]:
    """A cancel after it began to leave carries the handle."""
    for report in world.reports:
        alone = sum(other.operation is report.operation for other in world.reports) == 1
        creates = report.operation.kind == "create" or report.operation.is_once
        if not (alone and creates and report.was_cancelled and report.told is None):
            continue
        if made := [each.number for each in _own_creates(world, report) if each.carried_out_at is not None]:
            yield f"{report}, without a word, but {made} were carried out"


def an_unknown_outcome_has_a_handle(world: World) -> Iterator[str]:
    """One that travels, and never with the claim that nothing was sent."""
    for report in world.reports:
        error = report.told
        if not isinstance(error, OutcomeUnknownError):
            continue
        if error.handle is None or CreateHandle.from_dict(error.handle.to_dict()) != error.handle:
            yield f"{report} has no handle that travels"
        if error.delivery is Delivery.NOT_SENT:
            yield f"{report} says that nothing was sent and that it may exist"


def not_sent_means_that_nothing_arrived(world: World) -> Iterator[str]:
    """But what the provider refused before it looked at it."""
    for report, error, requests in _with_requests(world):
        if error.delivery is Delivery.NOT_SENT:
            arrived = [each.number for each in requests if each.arrived_at is not None and not each.refused]
            if arrived and not isinstance(error, OutcomeUnknownError):
                yield f"{report}, but {arrived} arrived"


def answered_means_that_it_was_answered(world: World) -> Iterator[str]:
    """An answer left the server, be it to one that somebody else had begun to wait for."""
    for report, error, requests in _with_requests(world, since=0.0):
        if error.delivery is Delivery.ANSWERED and not any(each.answered for each in requests):
            yield f"{report}, but nothing was answered"


def duplicates_and_conflicts_are_not_invented(world: World) -> Iterator[str]:
    """There are no duplicates; a conflict needs two contents."""
    for report in world.reports:
        if isinstance(report.told, DuplicateCampaignError):
            yield f"{report}: {report.told.task_ids}"
        if isinstance(report.told, KeyConflictError):
            contents = {r.operation.content for r in _of_key(world, report.operation.key) if r.began <= report.ended}
            if len(contents) < 2:
                yield f"{report}, but the key has one content"


def found_means_that_it_is_the_one(world: World) -> Iterator[str]:
    """By a handle of `create`, or in the ledger."""
    for report in world.reports:
        if report.operation.kind == "reconcile" and report.value:
            for number, found in report.value:
                campaign = None if found.campaign is None else _campaign(world, found.campaign.id)
                own = None if campaign is None else _request(world, campaign).operation
                if found.verdict is Verdict.FOUND and own != number:
                    yield f"{report}: the campaign of {number} is not {campaign}"
        if report.operation.kind == "pending" and report.value:
            for found in report.value:
                campaign = None if found.campaign is None else _campaign(world, found.campaign.id)
                if found.verdict is Verdict.FOUND and (campaign is None or campaign.marker != found.handle.marker):
                    yield f"{report}: the campaign of {found.handle.marker} is not {campaign}"


def blacklist_counters_are_true(world: World) -> Iterator[str]:
    """Exactly, or as lower bounds where it says so; and what it says is done is done."""
    for report in world.reports:
        value = report.value
        if not isinstance(value, (BlacklistAdded, BlacklistRemoved)):
            continue
        done = [each for each in _requests_of(world, report) if each.carried_out_at is not None]
        changed = sum(world.provider.done[each.number] for each in done)
        said = value.added if isinstance(value, BlacklistAdded) else value.deleted
        if not done or said > changed or (value.exact and said != changed):
            yield f"{report}: {value}, but {len(done)} requests changed {changed} of {phones_of(report.operation)}"


# What was written.


def every_row_was_true_when_it_was_written(world: World) -> Iterator[str]:
    """ACCEPTED names its campaign; PREPARED and REJECTED mean that there is none, nor will be of what left before."""
    for kept in world.kept:
        marker, state = kept.row.handle.marker, kept.row.state
        if state is State.ACCEPTED:
            found = _campaign(world, kept.row.task_id)
            if found is None or found.marker != marker or found.at > kept.at:
                yield f"at {kept.at:.3f} the row of {marker} is accepted with {found}"
        elif state in (State.PREPARED, State.REJECTED):
            left = [
                each.number
                for each in _creates(world)
                if each.marker == marker
                and each.carried_out_at
                and each.left_at is not None
                and each.left_at <= kept.at
            ]
            if left:
                yield f"at {kept.at:.3f} the row of {marker} is {state.value}, but {left} were carried out"


def every_row_is_true_in_the_end(world: World) -> Iterator[str]:
    """And what can be found is settled."""
    rows = {kept.row.handle.marker: kept.row for kept in world.kept}
    for marker, row in rows.items():
        found = [each for each in world.provider.campaigns if each.marker == marker]
        if found and row.state in (State.PREPARED, State.REJECTED):
            yield f"the row of {marker} is {row.state.value} in the end, but {found}"
        if found and found[0].keeps_marker and row.state is not State.ACCEPTED:
            yield f"the row of {marker} is {row.state.value} in the end, though {found} can be found"
        if not found and row.state is State.ACCEPTED:
            yield f"the row of {marker} is accepted in the end, and there is no campaign"


def in_the_end_everybody_gets_the_campaign(world: World) -> Iterator[str]:
    """Of a key whose campaign can be recognised: that one; and `create`'s handle finds its own."""
    for report in world.last:
        if report.operation.is_once and isinstance(report.told, OutcomeUnknownError):
            found = [each for each in world.provider.campaigns if each.marker == report.told.handle.marker]
            if found and found[0].keeps_marker:
                yield f"{report}, though {found} can be found"
        if report.operation.kind == "reconcile" and report.error is None:
            for number, result in report.value:
                name = created_by_number(world, number)
                there = [each for each in world.provider.campaigns if _request_number(world, each) == number]
                if there and there[0].name == name and result.verdict is not Verdict.FOUND:
                    yield f"{report}: {there} was not found for {number}: {result.verdict}"
        if report.error is not None and not isinstance(report.error, (OutcomeUnknownError, KeyConflictError)):
            yield f"{report} in calm weather: {report.error}"


RULES = (
    no_key_has_two_campaigns,
    no_create_has_two_campaigns,
    the_rate_is_kept,
    accepted_means_that_it_exists,
    a_clear_no_means_that_it_does_not_exist,
    a_bare_cancel_means_that_it_does_not_exist,
    an_unknown_outcome_has_a_handle,
    not_sent_means_that_nothing_arrived,
    answered_means_that_it_was_answered,
    duplicates_and_conflicts_are_not_invented,
    found_means_that_it_is_the_one,
    blacklist_counters_are_true,
    every_row_was_true_when_it_was_written,
    every_row_is_true_in_the_end,
    in_the_end_everybody_gets_the_campaign,
)


# Who did what.


def _creates(world: World) -> Iterable[Sent]:
    return (each for each in world.sent if each.is_create)


def _campaign(world: World, number: int | None) -> Created | None:
    return next((each for each in world.provider.campaigns if each.id == number), None)


def _request(world: World, campaign: Created) -> Sent:
    return world.sent[campaign.request - 1]


def _request_number(world: World, campaign: Created) -> int:
    return _request(world, campaign).operation if campaign.request else 0


def _of_key(world: World, key: int) -> list[Report]:
    return [each for each in world.reports if each.operation.is_once and each.operation.key == key]


def _is_its(report: Report, campaign: Created, world: World) -> bool:
    if report.operation.is_once:
        return campaign.marker == _marker(world, report)
    return _request_number(world, campaign) == report.operation.number


def _marker(world: World, report: Report) -> str:
    credentials = ClientCredentials("id", "secret") if world.scenario.oauth else ApiKey("key")
    return marker_of(account_tag(credentials, URL), f"key {report.operation.key}")


def _requests_of(world: World, report: Report) -> list[Sent]:
    """The requests of the calls of a report, but not those for tokens."""
    own = [each for each in world.sent if each.process == report.process and not each.is_token]
    return [each for each in own if each.operation == report.operation.number]


def _own_creates(world: World, report: Report, since: float | None = None) -> list[Sent]:
    """The creates that were sent for a report while it lasted: by itself, or by the one that it waited beside."""
    began = report.began if since is None else since
    asked = report.operation
    if not asked.is_once:
        return [each for each in _requests_of(world, report) if each.is_create]
    same = {r.operation.number for r in _of_key(world, asked.key) if r.operation.content == asked.content}
    return [
        each
        for each in _creates(world)
        if each.process == report.process
        and each.marker is not None
        and each.operation in same
        and each.left_at is not None
        and began <= each.left_at <= report.ended
    ]


def _with_requests(world: World, since: float | None = None) -> Iterator[tuple[Report, ViberError, list[Sent]]]:
    """Give each report of a failure with the requests that its ``delivery`` is about."""
    for report in world.reports:
        error, kind = report.told, report.operation.kind
        if error is None or kind in ("pending", "reconcile", "walk"):
            continue
        if kind == "create" or report.operation.is_once:
            yield report, error, _own_creates(world, report, since)
        else:
            yield report, error, _requests_of(world, report)


def created_by_number(world: World, number: int) -> str | None:
    """Give the name with which operation *number* created its campaign."""
    report = next(each for each in world.reports if each.operation.number == number)
    return created_by(report.operation).task_name
