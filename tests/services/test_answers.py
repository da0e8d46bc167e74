"""What a service answers its callers when the provider's API fails: the table, row by row."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from viber_async import CampaignDraft, CampaignSummary, CreateHandle, Delivery, Reconciliation, Verdict, errors
from viber_async._sansio.outcome import handle_of
from viber_async.errors import ViberError
from viber_async.integrations._answers import KINDS, NAMED_INSIDE, Answer, answer, report

ALL = [v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, ViberError)]
SECRET = "sk-secret 380931111111 https://10.0.0.7/internal /srv/shop/ledger Margaret"
REPEATED_BY_MACHINES = {408, 425, 429, 500, 502, 503, 504}
"""Statuses after which clients, proxies and meshes send a request again by themselves."""


def missing(code: int, method: str, path: str) -> errors.NotFoundError:
    return errors.NotFoundError("…", error_code=code, method=method, path=path)


TABLE: list[tuple[ViberError, int, str, str | None, dict[str, Any]]] = [
    (
        errors.ValidationError("…", field="recipients[3]", rule="8 to 15 digits", shown="'12'"),
        422,
        "invalid",
        None,
        {"errors": [{"field": "recipients[3]", "rule": "8 to 15 digits"}]},
    ),
    (
        errors.ValidationError("…", field="button.link", rule="not 380931111111"),
        422,
        "invalid",
        None,
        {"errors": [{"field": "button.link", "rule": "not 3809•••••111"}]},
    ),
    (errors.ValidationError("…", field="/srv/shop/numbers.csv", rule="cannot be read"), 422, "invalid", None, {}),
    (
        errors.BadRequestError("…", errors={"text": ("…",), "a b": ("…",)}),
        422,
        "refused",
        None,
        {"errors": [{"field": "text"}]},
    ),
    (errors.BadRequestError("…"), 422, "refused", None, {}),
    (errors.NotFoundError("…"), 404, "not_found", None, {}),
    (errors.NotFoundError("…", method="GET", path="/viber/task/3/recipients"), 404, "not_found", None, {}),
    *[
        (
            errors.NotFoundError("…", error_code=code, method="GET", path=f"/viber/senders/{code}"),
            404,
            "not_found",
            None,
            {},
        )
        for code in (704, 901, 1003)
    ],
    (errors.NotFoundError("…", method="GET", path="/addressbooks/3809•••••111"), 404, "not_found", None, {}),
    *[(missing(code, "GET", "/viber/senders/7"), 404, "not_found", None, {}) for code in (704, 901, 1003)],
    *[(missing(code, "POST", "/viber"), 502, "sender_refused", None, {}) for code in (704, 901, 1003)],
    *[(missing(code, "POST", "/viber"), 422, "refused", None, {}) for code in (213, 703)],
    (errors.NotFoundError("…", method="POST", path="/viber"), 502, "provider_failed", None, {}),
    (errors.NotFoundError("…", method="GET", path="/viber/task"), 502, "provider_failed", None, {}),
    (errors.KeyConflictError("…"), 409, "key_conflict", None, {}),
    (errors.DuplicateCampaignError("…", task_ids=(7, 8)), 409, "duplicate_campaign", None, {"task_ids": [7, 8]}),
    (errors.SyncRefusedError("…", reason="locked"), 409, "sync_refused", None, {"reason": "locked"}),
    (errors.OutcomeUnknownError("…"), 202, "outcome_unknown", None, {}),
    (errors.RateLimitError("…", retry_after=2.1), 429, "rate_limited", "3", {}),
    (errors.RateLimitError("…", retry_after=0), 429, "rate_limited", "1", {}),
    (errors.RateLimitError("…", retry_after=1e9), 429, "rate_limited", "86400", {}),
    (errors.RateLimitError("…"), 429, "rate_limited", "1", {}),
    (errors.QueueFullError("…"), 503, "busy", "1", {}),
    (errors.SessionClosedError("…"), 503, "closing", None, {}),
    (errors.LedgerError("…"), 503, "ledger", None, {}),
    (errors.SyncInterruptedError("…", journal="/srv/j"), 503, "sync_interrupted", None, {}),
    (errors.AuthenticationError("…"), 502, "provider_refuses_service", None, {}),
    (errors.PermissionDeniedError("…"), 502, "provider_refuses_service", None, {}),
    (errors.QuotaError("…"), 502, "quota", None, {}),
    (errors.ServerError("…"), 502, "provider_failed", None, {}),
    (errors.DecodeError("…"), 502, "provider_failed", None, {}),
    (errors.ResponseTooLargeError("…"), 502, "provider_failed", None, {}),
    (errors.ApiError("…"), 502, "provider_failed", None, {}),
    (errors.TransportError("…"), 502, "provider_unreachable", None, {}),
    (errors.ConnectionFailedError("…"), 502, "provider_unreachable", None, {}),
    (errors.ProtocolError("…"), 502, "provider_unreachable", None, {}),
    (errors.RequestTimeoutError("…"), 504, "provider_slow", None, {}),
    (errors.DeadlineExceededError("…"), 504, "deadline", None, {}),
]
MISTAKES = [
    errors.ViberError,
    errors.UsageError,
    errors.ConfigurationError,
    errors.SessionLoopError,
    errors.SyncError,
]
"""What only the service's own code can be to blame for."""


def answered(error: ViberError, *, handles: bool = False) -> Answer:
    given = answer(error, handles=handles)
    assert given is not None
    return given


@pytest.mark.parametrize("row", TABLE, ids=lambda row: type(row[0]).__name__)
def test_an_error_has_its_answer(row: tuple[ViberError, int, str, str | None, dict[str, Any]]) -> None:
    """A status, a word for programs, when to come again, and what else is known."""
    error, status, code, retry_after, more = row
    given = answered(error)

    assert (given.status, given.body["status"], given.body["code"]) == (status, status, code)
    assert given.headers.get("retry-after") == retry_after
    assert {n: v for n, v in given.body.items() if n in ("errors", "task_ids", "reason", "handle")} == more


def test_every_error_is_answered_or_a_mistake() -> None:
    """A new class of error cannot be forgotten here."""
    rows = {type(row[0]) for row in TABLE}

    assert rows | set(MISTAKES) == set(ALL)
    assert set(KINDS) <= rows


@pytest.mark.parametrize("cls", MISTAKES, ids=lambda cls: cls.__name__)
def test_a_mistake_of_the_services_is_not_dressed_up(cls: type[ViberError]) -> None:
    """The framework reports it as it reports every bug."""

    assert answer(cls("…"), handles=True) is None


@pytest.mark.parametrize("cls", [cls for cls in ALL if cls not in MISTAKES], ids=lambda cls: cls.__name__)
def test_an_answer_shows_nothing_of_the_inside(cls: type[ViberError]) -> None:
    """Whatever an error holds: tokens, phones, texts, addresses and paths stay inside."""
    error = cls(SECRET)
    for name in vars(error):
        if isinstance(getattr(error, name), str) and name != "rule":  # a rule is ours, and is masked
            setattr(error, name, SECRET)
    if cls is errors.SyncRefusedError:
        error.reason = "locked"  # type: ignore[attr-defined]  # a word of ours
    if cls is errors.BadRequestError:
        error.errors = {SECRET: (SECRET,), "text": (SECRET,)}  # type: ignore[attr-defined]
    given = answered(error)
    sent = json.dumps({**given.body, **given.headers}, ensure_ascii=False)

    assert [part for part in SECRET.split() if part in sent.split() or part in sent] == []


@pytest.mark.parametrize("delivery", list(Delivery), ids=lambda d: d.name)
def test_an_unknown_outcome_is_no_status_that_machines_repeat(delivery: Delivery) -> None:
    """A campaign that may exist is not asked for again by a proxy, and not taken for a success or a failure."""
    given = answered(errors.OutcomeUnknownError("…", delivery=delivery))

    assert given.status not in REPEATED_BY_MACHINES
    assert (given.status, given.body["code"]) == (HTTPStatus.ACCEPTED, "outcome_unknown")
    assert given.body["delivery"] == delivery.value


def test_a_handle_is_shown_only_on_request() -> None:
    """It holds digests of the text, from which a short one, such as a code, can be guessed."""
    draft = CampaignDraft(sender_id=1, message_live_time=60, message="4711", recipients=[380931111111])
    handle = handle_of(draft, sent_after=datetime.now(UTC), sent_before=datetime.now(UTC))
    error = errors.OutcomeUnknownError("…", handle=handle)

    assert "handle" not in answered(error).body
    assert answered(error, handles=True).body["handle"] == handle.to_dict()


@pytest.mark.parametrize(
    ("marker", "said"), [(None, "Find out before you ask for it again."), ("#a1b2", "Ask again with the same key: ")]
)
def test_what_to_do_about_an_unknown_outcome_depends_on_its_key(marker: str | None, said: str) -> None:
    """Without one a second request is a second campaign; with one it is a question."""
    draft = CampaignDraft(sender_id=1, message_live_time=3600, message="Hello", recipients=[380931111111])
    handle = handle_of(draft, sent_after=datetime.now(UTC), sent_before=datetime.now(UTC))
    error = errors.OutcomeUnknownError("…", handle=evolve(handle, marker=marker))

    assert said in str(answered(error).body["detail"])


def handle_made(marker: str | None) -> CreateHandle:
    draft = CampaignDraft(sender_id=1, message_live_time=3600, message="Hello", recipients=[380931111111])
    moment = datetime(2026, 1, 31, 13, 17, tzinfo=UTC)
    return handle_of(draft, sent_after=moment, sent_before=moment, marker=marker)


MAYBE = "The campaign may or may not have been created. "
ABSENT = "It was looked for at 13:17 UTC and not found, which proves nothing."
PROBABLE = "It was looked for at 13:17 UTC: probably it is"
AT = datetime(2026, 1, 31, 13, 17, 59, tzinfo=UTC)


def looked(
    verdict: Verdict, resend_in: float | None, *, ids: tuple[int, ...] = (), at: datetime | None = AT
) -> errors.OutcomeUnknownError:
    """Give the error of a search that found *ids*."""
    handle = handle_made("a2" * 8)
    found = tuple(CampaignSummary(each, name=SECRET, message=SECRET, sender_id=1, message_live_time=60) for each in ids)
    said = Reconciliation(
        verdict=verdict, campaign=None, candidates=found, handle=handle, complete=True, requests=1, looked_at=at
    )
    return errors.OutcomeUnknownError("…", handle=handle, looked_for=True, reconciliation=said, resend_in=resend_in)


@pytest.mark.parametrize(
    ("error", "said", "retry_after", "more"),
    [
        (
            looked(Verdict.ABSENT_SO_FAR, math.inf),
            f"{ABSENT} It will not be sent again.",
            None,
            {"verdict": "absent so far", "looked_at": "2026-01-31T13:17:59+00:00"},
        ),
        (
            looked(Verdict.ABSENT_SO_FAR, math.inf, at=None),
            "It was looked for and not found, which proves nothing. It will not be sent again.",
            None,
            {"verdict": "absent so far"},
        ),
        (
            looked(Verdict.ABSENT_SO_FAR, None, at=None),
            "It was looked for and not found, which proves nothing. It was not sent again.",
            None,
            {"verdict": "absent so far"},
        ),
        (
            looked(Verdict.ABSENT_SO_FAR, 1799.2),
            f"{ABSENT} The same request may send it again in 1,800 seconds.",
            "1800",
            {"verdict": "absent so far", "looked_at": "2026-01-31T13:17:59+00:00"},
        ),
        (
            looked(Verdict.ABSENT_SO_FAR, 0.2),
            f"{ABSENT} The same request may send it again in 1 second.",
            "1",
            {"verdict": "absent so far", "looked_at": "2026-01-31T13:17:59+00:00"},
        ),
        (
            looked(Verdict.PROBABLE, math.inf, ids=(90244, 90242)),
            f"{PROBABLE} one of campaigns 90244 and 90242, though nothing proves it. It will not be sent again.",
            None,
            {"verdict": "probable", "looked_at": "2026-01-31T13:17:59+00:00", "task_ids": [90244, 90242]},
        ),
        (
            looked(Verdict.PROBABLE, math.inf, ids=(90244,)),
            f"{PROBABLE} campaign 90244, though nothing proves it. It will not be sent again.",
            None,
            {"verdict": "probable", "looked_at": "2026-01-31T13:17:59+00:00", "task_ids": [90244]},
        ),
    ],
    ids=["never", "never, no date", "who knows", "later", "soon", "several", "one"],
)
def test_asked_again_it_says_what_was_found_meanwhile(
    error: errors.OutcomeUnknownError, said: str, retry_after: str | None, more: dict[str, Any]
) -> None:
    """When it was looked for, what was found, and whether it is sent again; and nothing of whatever was found."""
    given = answered(error)

    assert given.body["detail"] == MAYBE + said
    assert given.headers.get("retry-after") == retry_after
    assert {n: v for n, v in given.body.items() if n in ("verdict", "looked_at", "task_ids", "handle")} == more
    assert "Margaret" not in json.dumps(given.body)
    assert given.status == HTTPStatus.ACCEPTED


@pytest.mark.parametrize(
    ("cause", "retry_after"),
    [(errors.ServerError("…"), None), (errors.RateLimitError("…", retry_after=7), "7"), (None, None)],
)
def test_asked_again_it_says_that_the_search_failed(cause: ViberError | None, retry_after: str | None) -> None:
    """Nothing is known that was not known before; and when to ask again, if the provider said so."""
    error = errors.OutcomeUnknownError("…", handle=handle_made("a2" * 8), looked_for=True)
    error.__cause__ = cause
    given = answered(error)

    assert given.body["detail"] == (
        f"{MAYBE}Looking for it failed, and nothing was sent again. Ask again with the same key, later."
    )
    assert given.headers.get("retry-after") == retry_after


def test_what_was_sent_just_now_has_no_time_to_come_again() -> None:
    """The reason for which nobody knows is no advice for its search."""
    error = errors.OutcomeUnknownError("…", handle=handle_made("a2" * 8))
    error.__cause__ = errors.QueueFullError("…")

    assert "retry-after" not in answered(error).headers


@pytest.mark.parametrize("cls", [cls for cls in ALL if cls not in MISTAKES], ids=lambda cls: cls.__name__)
def test_every_answer_is_fit_for_json_and_kept_by_nobody(cls: type[ViberError]) -> None:
    """And says what became of the request."""
    error = cls("…")
    given = answered(error)

    assert json.loads(json.dumps(dict(given.body)))["delivery"] == error.delivery.value
    assert given.headers["cache-control"] == "no-store"
    assert given.body["title"] == HTTPStatus(given.status).phrase


def test_a_sender_that_is_not_verified_is_told_as_that() -> None:
    """It is the service that names it: nothing that its caller asked for is missing."""
    given = answered(errors.NotFoundError("…", status=400, error_code=704, method="POST", path="/viber"))

    assert given.body["detail"] == (
        "The provider refuses the sender that this service names: it is not verified, or not known. Nothing was sent."
    )


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (errors.ValidationError("…", field="recipients[3]", rule="8 to 15 digits"), "INFO"),
        (errors.NotFoundError("…", method="GET", path="/viber/task/3"), "INFO"),
        (errors.ValidationError("…", field="/srv/shop/numbers.csv", rule="cannot be read"), "WARNING"),
        (errors.NotFoundError("…", error_code=704, method="POST", path="/viber"), "WARNING"),
        (errors.NotFoundError("…", error_code=703, method="POST", path="/viber"), "WARNING"),
        (errors.BadRequestError("…", errors={"text": ("…",)}), "WARNING"),
        (errors.KeyConflictError("…"), "WARNING"),
        (errors.DuplicateCampaignError("…"), "WARNING"),
        (errors.SyncRefusedError("…", reason="locked"), "WARNING"),
        (errors.OutcomeUnknownError("…"), "WARNING"),
        (errors.RateLimitError("…"), "WARNING"),
    ],
    ids=repr,
)
def test_only_what_the_answer_says_itself_is_quiet_in_the_log(
    caplog: pytest.LogCaptureFixture, error: ViberError, level: str
) -> None:
    """A server without a logging of its own shows warnings alone, and a reason that stands nowhere is none."""
    with caplog.at_level("INFO", "viber_async"):
        report(error, answered(error))

    assert [record.levelname for record in caplog.records] == [level]


def test_the_log_names_a_campaign_with_a_key_by_its_marker(caplog: pytest.LogCaptureFixture) -> None:
    """That stands in the ledger, at the front of its name at the provider, and in no need of the rest."""
    error = errors.OutcomeUnknownError("…", handle=handle_made("a2" * 8))
    report(error, answered(error))

    assert caplog.messages == ["answered 202 outcome_unknown: … (the campaign marked a2a2a2a2a2a2a2a2, of sender 1)"]


def test_the_log_keeps_the_handle_of_one_without(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing else leads to it; as JSON, which ``campaigns reconcile -`` reads."""
    handle = handle_made(None)
    error = errors.OutcomeUnknownError("…", handle=handle)
    report(error, answered(error))
    said, _, kept = caplog.messages[0].partition(" (its handle: ")

    assert said == "answered 202 outcome_unknown: …"
    assert CreateHandle.from_dict(json.loads(kept.removesuffix(")"))) == handle


def test_the_docs_have_the_same_table() -> None:
    """Status and word of each kind of error, as people read it."""
    page = (Path(__file__).parent.parent.parent / "docs" / "services.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ") and line.count("|") == 5]
    kinds = [*KINDS.items(), *((errors.NotFoundError, kind) for kind in NAMED_INSIDE.values())]
    missing = [
        cls.__name__
        for cls, kind in kinds
        if not any(f"`{cls.__name__}`" in row and str(kind.status) in row and f"`{kind.code}`" in row for row in rows)
    ]

    assert missing == []
