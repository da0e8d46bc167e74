"""Which rows of the list can be the campaign that is looked for, how far to read, and what to conclude."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from attrs import evolve

from viber_async._sansio.campaigns import CampaignSummary
from viber_async._sansio.outcome import CreateHandle, digest
from viber_async._sansio.reconcile import (
    FIRST,
    LAST,
    MAX_REQUESTS,
    OWN_SKEW,
    Reconciliation,
    Search,
    ServerTime,
    Verdict,
    readings,
    server_date,
)

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
MARKER = "abcdefghij234567"
OURS = f"{MARKER} | spring"
THEIRS = f"{'z' * 16} | spring"
HOUR = timedelta(hours=1)


def of_once(**fields: Any) -> CreateHandle:
    given = {"task_name": None, "sender_id": 1, "message_digest": digest("hi"), "by_server": True, "marker": MARKER}
    return CreateHandle(**{**given, "sent_after": NOON, "sent_before": NOON + 0.1 * HOUR, **fields})


def of_create(**fields: Any) -> CreateHandle:
    return of_once(**{"task_name": "spring", "name_digest": digest("spring"), "marker": None, **fields})


def campaign(name: str = OURS, number: int = 7, **fields: Any) -> CampaignSummary:
    given = {"sender_id": 1, "message_live_time": 60, "message": "hi", "created": NOON}
    return CampaignSummary(number, name=name, **{**given, **fields})


def verdict(handle: CreateHandle, *rows: CampaignSummary) -> tuple[Verdict, list[int]]:
    search = Search(handle)
    search.take(rows)
    found = search.conclude(complete=True, requests=1, looked_at=None)
    return found.verdict, [row.id for row in found.candidates]


def days(number: int) -> datetime:
    return NOON + timedelta(days=number)


FOUND, PROBABLE, ABSENT = Verdict.FOUND, Verdict.PROBABLE, Verdict.ABSENT_SO_FAR


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (campaign(), FOUND),
        (campaign(OURS[:18]), FOUND),
        (campaign(message="rewritten", sender_id=9, created=days(-90)), FOUND),
        (campaign("spring"), PROBABLE),
        (campaign("spring", message="ho"), ABSENT),
        (campaign("spring", message=None), ABSENT),
        (campaign("spring", sender_id=2), ABSENT),
        (campaign("spring", created=days(2)), ABSENT),
        (campaign("spring", created=days(-2)), ABSENT),
        (campaign("spring", created=None), PROBABLE),
        (campaign(THEIRS), ABSENT),
    ],
)
def test_what_one_row_says_of_a_campaign_with_a_marker(row, expected):
    """The marker alone is proof; sender, text and time are probable; another's marker is another's."""
    assert verdict(of_once(), row) == (expected, [] if expected is ABSENT else [7])


@pytest.mark.parametrize(
    ("rows", "expected", "ids"),
    [
        ([campaign("spring")], FOUND, [7]),
        ([campaign("spring"), campaign("winter", 6)], FOUND, [7]),
        ([campaign("spring"), campaign("spring", 6)], PROBABLE, [7, 6]),
        ([campaign("spring", message="ho")], ABSENT, []),
        ([campaign("spring", sender_id=2)], ABSENT, []),
        ([campaign("spring", created=days(-2))], ABSENT, []),
        ([campaign("spring", created=days(-2)), campaign("spring", 6)], FOUND, [6]),
        ([campaign("winter")], PROBABLE, [7]),
        ([campaign(THEIRS)], ABSENT, []),
        ([], ABSENT, []),
    ],
)
def test_what_rows_say_of_a_campaign_of_create(rows, expected, ids):
    """Its exact name with its sender and text, once in the window; two of them are two who may be it."""
    assert verdict(of_create(), *rows) == (expected, ids)


def test_a_campaign_that_was_sent_without_a_name_is_probable_at_most():
    """The server invented one."""
    assert verdict(of_create(task_name=None, name_digest=None), campaign("spring")) == (PROBABLE, [7])


def test_an_image_alone_has_no_text_in_the_list_either():
    """Null or empty."""
    handle = of_create(message_digest=None)

    assert verdict(handle, campaign("spring", message="")) == verdict(handle, campaign("spring", message=None))


def test_more_than_one_that_may_be_it_is_none():
    """The candidates are there to be looked at."""
    search = Search(of_create())
    search.take([campaign("spring"), campaign("spring", 6)])

    assert search.conclude(complete=True, requests=1, looked_at=None).campaign is None


def test_a_conclusion_says_what_was_looked_for_and_how():
    """Found or not, read to the end or not."""
    search = Search(of_create())
    search.take([row := campaign("spring")])
    found = search.conclude(complete=False, requests=3, looked_at=NOON)

    assert found == Reconciliation(
        verdict=FOUND,
        campaign=row,
        candidates=(row,),
        handle=of_create(),
        complete=False,
        requests=3,
        looked_at=NOON,
    )


def test_the_words_of_a_verdict_are_stable():
    """People store them."""
    assert [verdict.value for verdict in Verdict] == ["found", "probable", "absent so far"]


def test_the_bounds_of_a_search_are_those_of_the_docs():
    """Fifty pages; and a clock of ours may be wrong by a day and two hours."""
    assert (MAX_REQUESTS, OWN_SKEW) == (50, 26 * HOUR)


# The window

KYIV = timezone(3 * HOUR)


@pytest.mark.parametrize(
    ("created", "inside"),
    [
        # Read in any zone: 14 hours behind to 12 ahead; 3 hours of skew, and an hour for a late one.
        (NOON.replace(tzinfo=None) - 15 * HOUR, True),
        (NOON.replace(tzinfo=None) - 15.1 * HOUR, False),
        (NOON.replace(tzinfo=None) + 18.1 * HOUR, True),
        (NOON.replace(tzinfo=None) + 18.2 * HOUR, False),
        # Read in the account's zone, or as UTC, which the wall clock of Kyiv is three hours ahead of.
        (NOON.astimezone(KYIV) - 3 * HOUR, True),
        ((NOON - 3.1 * HOUR).astimezone(KYIV), True),
        ((NOON - 6.1 * HOUR).astimezone(KYIV), False),
        ((NOON + 4.1 * HOUR).astimezone(KYIV), True),
        ((NOON + 4.2 * HOUR).astimezone(KYIV), False),
    ],
)
def test_every_reading_of_a_date_that_is_possible_counts(created, inside):
    """The list's dates have no zone, and may be UTC or the account's time."""
    assert (verdict(of_create(), campaign("spring", created=created))[0] is FOUND) is inside


@pytest.mark.parametrize(("hours", "by_server", "inside"), [(-3, True, True), (-4, True, False), (-26, False, True)])
def test_a_window_by_this_machines_clock_is_a_day_wider(hours, by_server, inside):
    """It may be wrong by that."""
    row = campaign("spring", created=NOON + hours * HOUR)

    assert (verdict(of_create(by_server=by_server), row)[0] is FOUND) is inside


@pytest.mark.parametrize("edge", [FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None)])
def test_the_ends_of_the_calendar_are_no_trap(edge):
    """Nonsense dates sort as what they are."""
    assert verdict(of_create(), campaign("spring", created=edge))[0] is ABSENT
    assert FIRST <= readings(edge)[0] <= readings(edge)[1] <= LAST


# Order


@pytest.mark.parametrize(
    ("ids", "newest_first"),
    [
        ([9, 8, 7], True),
        ([7, 8, 9], False),
        ([9], False),
        ([], False),
        ([9, 7, 8], False),
        ([9, 9], False),
        ([9, 10, 8, 7], False),
    ],
)
def test_the_order_is_read_off_the_rows(ids, newest_first):
    """One row shows none."""
    search = Search(of_once())
    search.take([campaign(THEIRS, number) for number in ids])

    assert search.newest_first is newest_first


@pytest.mark.parametrize(
    ("rows", "passed"),
    [
        ([(9, days(-2)), (8, days(-3))], True),
        ([(9, days(-1)), (8, days(-3))], False),
        ([(8, days(-3)), (9, days(-2))], False),
        ([(9, None), (8, days(-3))], False),
        ([(9, days(-3))], False),
        ([(9, NOON - OWN_SKEW), (8, days(-3))], False),
        ([(9, NOON - OWN_SKEW - timedelta(seconds=1)), (8, days(-3))], True),
    ],
)
def test_a_page_of_nothing_but_old_rows_ends_the_search_if_the_newest_come_first(rows, passed):
    """A row without a date may be of any time."""
    search = Search(of_once())
    search.take([campaign(THEIRS, number, created=created) for number, created in rows])

    assert search.passed is passed


def test_an_order_that_breaks_is_none():
    """Then all of the list is read, up to the bound."""
    search = Search(of_once())
    assert search.passed is False
    search.take([campaign(THEIRS, 9, created=days(-3)), campaign(THEIRS, 8, created=days(-3))])
    assert search.passed
    search.take([campaign(THEIRS, 10, created=days(-3))])

    assert not search.passed


# The provider's time


@pytest.mark.fault("T03", "T05")
@pytest.mark.parametrize(
    ("header", "moment"),
    [
        ("Wed, 01 Jul 2026 12:00:00 GMT", NOON),
        ("Wed, 01 Jul 2026 12:00:00 -0000", NOON),
        ("Wed, 01 Jul 2026 15:00:00 +0300", NOON),
        ("Wed, 31 Dec 2200 12:00:00 GMT", None),
        ("Wed, 31 Dec 2199 12:00:00 GMT", datetime(2199, 12, 31, 12, tzinfo=UTC)),
        ("Wed, 01 Jan 2020 00:00:00 GMT", datetime(2020, 1, 1, tzinfo=UTC)),
        ("Tue, 31 Dec 2019 23:59:59 GMT", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Wed, 32 Jul 2026 12:00:00 GMT", None),
        ("Wed, 01 Jul 2026 12:00:61 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", None),
        ("garbage", None),
        ("", None),
        (None, None),
    ],
)
def test_a_date_header_is_a_sane_date_or_nothing(header, moment):
    """Nothing is guessed."""
    assert server_date(header) == moment


@pytest.mark.parametrize("header", ["Wed, 01 Jul 2026 12:00:00 -0000", "Wed, 01 Jul 2026 15:00:00 +0300"])
def test_a_date_header_is_in_utc_wherever_this_machine_stands(header, monkeypatch):
    """Its own zone does not come into it."""
    server_date.cache_clear()  # another test may have asked for the same one
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        found = server_date(header)
    time.tzset()

    assert (found, found.tzinfo) == (NOON, UTC)


def test_the_providers_time_goes_on_by_a_clock_that_is_never_set():
    """However this machine's wall clock jumps."""
    told = ServerTime(said=NOON, heard=100.0, wall=1e9)

    assert told.at(160.0, 1e9 + 60) == NOON + timedelta(minutes=1)
    assert told.at(160.0, 1e9 - 1e6) == NOON + timedelta(minutes=1)
    assert evolve(told, said=LAST).at(160.0, 1e9 + 60) == LAST


@pytest.mark.parametrize(("ahead", "known"), [(3600.0, True), (3600.1, False), (1e6, False)])
def test_the_providers_time_is_not_known_after_a_sleep(ahead, known):
    """While a machine sleeps, the clock that only goes forward stands still; the wall's does not."""
    told = ServerTime(said=NOON, heard=100.0, wall=1e9)

    assert (told.at(160.0, 1e9 + 60 + ahead) is not None) is known
