"""`create_once`, `reconcile` and `reconcile_pending`: what they send, what they write down, and what they say."""

from __future__ import annotations

import asyncio
import functools
import gc
import json
import math
import pickle
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from attrs import evolve

from tests.shell.clock import VirtualTimeLoop, in_virtual_time
from tests.shell.ledger import NOON, Account, MemoryLedger
from tests.shell.sessions import session_over
from viber_async import (
    Answer,
    ApiError,
    Attempt,
    BadRequestError,
    CallNext,
    CampaignDraft,
    ConfigurationError,
    ConnectionFailedError,
    CreatedCampaign,
    CreateHandle,
    DeadlineExceededError,
    Delivery,
    DuplicateCampaignError,
    KeyConflictError,
    LedgerError,
    MessageType,
    OutcomeUnknownError,
    RateLimitError,
    ServerError,
    SessionClosedError,
    SessionLoopError,
    ValidationError,
    Verdict,
    ViberSession,
)
from viber_async._campaigns import creating
from viber_async._sansio.ledger import State, account_tag, marker_of
from viber_async._sansio.reconcile import MAX_REQUESTS
from viber_async._sansio.tokens import ApiKey

PHONE = "380931111111"
MARKER = marker_of(account_tag(ApiKey("key"), "http://127.0.0.1:1"), "order 1")
NAME = f"{MARKER} | spring"
WEEK = timedelta(days=7)


def draft(**fields: Any) -> CampaignDraft:
    given = {
        "sender_id": 1,
        "message_live_time": 3600,
        "message": "hi",
        "recipients": [PHONE],
        "task_name": "spring",
        **fields,
    }
    return CampaignDraft(**given)


OPENED: list[ViberSession] = []


def on_a_scene(test: Any) -> Any:
    """Run an async test in virtual time, and close its sessions."""

    @functools.wraps(test)
    async def then_close(*args: Any, **kwargs: Any) -> None:
        try:
            await test(*args, **kwargs)
        finally:
            while OPENED:
                await OPENED.pop().aclose()

    return in_virtual_time(then_close)


class Scene:
    """A session, its account and its ledger, and a wall clock to move."""

    def __init__(self, *modes: Any, ledger: MemoryLedger | None = None, **settings: Any) -> None:
        self.account = Account(*modes)
        self.ledger = MemoryLedger() if ledger is None else ledger
        self.wall = NOON.timestamp()
        self.session = self.another(**settings)

    def another(self, **settings: Any) -> ViberSession:
        """Give one more session on the same account and ledger, as another process would have."""
        settings.setdefault("ledger", self.ledger)
        session, _ = session_over(provider=self.account.provider, **settings)
        session._parts.once.wall = lambda: self.wall
        OPENED.append(session)
        return session

    async def once(self, *, key: str = "order 1", session: ViberSession | None = None, **fields: Any) -> Any:
        resend_after = fields.pop("resend_after", None)
        return await (session or self.session).campaigns.create_once(
            draft(**fields), key=key, resend_after=resend_after
        )

    async def unknown(self, **given: Any) -> OutcomeUnknownError:
        """Ask for the campaign, and give the error that says that nobody knows."""
        with pytest.raises(OutcomeUnknownError) as caught:
            await self.once(**given)
        return caught.value

    def pass_time(self, time: timedelta, *, server: timedelta | None = None) -> None:
        """Let time pass, for the provider's clock too unless it is said otherwise."""
        self.wall += time.total_seconds()
        said = datetime.fromtimestamp(self.wall, UTC) if server is None else NOON + server
        self.account.date = format_datetime(said, usegmt=True)


def told(error: OutcomeUnknownError) -> tuple[Verdict, float | None]:
    """Give what the error of a search says of it, and when it may be sent again."""
    assert error.looked_for
    assert error.reconciliation is not None
    assert pickle.loads(pickle.dumps(error)).reconciliation == error.reconciliation
    return error.reconciliation.verdict, error.resend_in


# Once


@on_a_scene
async def test_a_key_gives_its_campaign_for_ever():
    """Sent once, with the marker in front of its name, and the second time only read from the ledger."""
    scene = Scene()
    first = await scene.once()
    second = await scene.once(session=scene.another())

    assert (first.task_id, first.task_name, first.send_date) == (second.task_id, second.task_name, second.send_date)
    assert (second.message, second.message_type, second.resend_sms) == ("hi", MessageType.PROMO, False)
    assert first.task_id == 500
    assert scene.account.names == [NAME]
    assert (scene.account.posts, scene.account.lists) == (1, 1)
    assert scene.ledger.history == [State.PREPARED, State.SENDING, State.ACCEPTED]


@on_a_scene
async def test_two_keys_are_two_campaigns():
    """Also with the same draft."""
    scene = Scene()
    both = await scene.once(), await scene.once(key="order 2")

    assert len({each.task_id for each in both}) == 2
    assert scene.account.posts == 2


@on_a_scene
async def test_a_campaign_without_a_name_gets_one_that_people_can_read():
    """The list shows it."""
    scene = Scene()
    await scene.once(task_name=None)

    assert scene.account.names == [f"{MARKER} | campaign"]


@pytest.mark.fault("C05")
@on_a_scene
async def test_a_hundred_tasks_with_one_key_send_once():
    """One does it, the rest get its result."""
    scene = Scene()
    found = await asyncio.gather(*(scene.once() for _ in range(100)))

    assert {each.task_id for each in found} == {500}
    assert (scene.account.posts, scene.account.lists) == (1, 1)


@on_a_scene
async def test_sessions_that_share_a_ledger_send_once():
    """As two processes do: the second waits for the first and gets its result."""
    scene = Scene()
    other = scene.another()
    found = await asyncio.gather(scene.once(), scene.once(session=other), scene.once(session=other))

    assert {each.task_id for each in found} == {500}
    assert scene.account.posts == 1


@on_a_scene
async def test_the_order_of_the_phones_is_no_other_content():
    """A query without an order gives them in any."""
    scene = Scene()
    phones = [PHONE, "380931111112"]
    first, second = await asyncio.gather(scene.once(recipients=phones), scene.once(recipients=phones[::-1]))

    assert first.task_id == second.task_id
    assert scene.account.posts == 1


@on_a_scene
@pytest.mark.parametrize("change", [{"message": "ho"}, {"sender_id": 2}, {"recipients": ["380931111112"]}])
async def test_a_key_with_other_content_is_a_conflict(change):
    """One key is one campaign; nothing is sent."""
    scene = Scene()
    await scene.once()

    with pytest.raises(KeyConflictError, match="other content") as caught:
        await scene.once(**change)
    assert caught.value.delivery is Delivery.NOT_SENT
    assert scene.account.posts == 1


@on_a_scene
async def test_a_session_without_a_ledger_says_what_to_do():
    """Before any I/O."""
    scene = Scene()
    session = scene.another(ledger=None)

    with pytest.raises(ConfigurationError, match="SqliteLedger"):
        await scene.once(session=session)
    with pytest.raises(ConfigurationError, match="SqliteLedger"):
        await session.campaigns.reconcile_pending()
    assert scene.account.lists == 0


@on_a_scene
@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"key": ""}, "key"),
        ({"key": " "}, "key"),
        ({"key": "x" * 10_000}, "key"),
        ({"key": 7}, "key"),
        ({"key": "\ud800"}, "key"),
        ({"task_name": "x" * 237}, "task_name"),
        ({"task_name": f"{'a' * 16} | spring"}, "task_name"),
        ({"resend_after": timedelta(minutes=9)}, "resend_after"),
        ({"resend_after": 3600}, "resend_after"),
        ({"send_date": NOON.replace(tzinfo=None, year=2001)}, "send_date"),
    ],
)
async def test_bad_input_stops_before_the_ledger(given, field):
    """Nothing is written and nothing is sent."""
    scene = Scene()

    with pytest.raises(ValidationError) as caught:
        await scene.once(**given)
    assert caught.value.field == field
    assert scene.ledger.rows == {}
    assert scene.account.lists == 0


@on_a_scene
async def test_a_draft_is_a_draft():
    """Fields by keyword would make the key one of them."""
    with pytest.raises(ValidationError, match="CampaignDraft"):
        await Scene().session.campaigns.create_once({"sender_id": 1}, key="a")  # type: ignore[arg-type]


@on_a_scene
async def test_a_key_may_be_anything_that_names_it_and_is_not_kept():
    """Not the key, not the phones, not the text: neither in the ledger nor in the handle."""
    scene = Scene("cut after")
    error = await scene.unknown(key=f"клієнт {PHONE}", message="secret words", task_name="private name")
    kept = json.dumps([row.to_dict() for row in scene.ledger.rows.values()]) + repr(scene.ledger.rows)
    shown = f"{error!r} {error} {error.handle!r} {pickle.dumps(error)!r}"

    for word in (PHONE, "клієнт", "secret words", "private name"):
        assert word not in kept + shown


@on_a_scene
async def test_a_name_that_begins_like_a_marker_is_refused_by_create_too():
    """It was copied from another campaign, and would pass for it."""
    scene = Scene()

    with pytest.raises(ValidationError, match="marker"):
        await scene.session.campaigns.create(draft(task_name=NAME))
    assert scene.account.posts == 0


# What goes wrong


@on_a_scene
@pytest.mark.parametrize("mode", ["cut after", "500 after", "garbage after", "other echo"])
async def test_an_unclear_answer_leaves_the_outcome_unknown_and_the_next_call_finds_it(mode):
    """By its marker."""
    scene = Scene(mode)
    error = await scene.unknown()

    assert scene.ledger.row.state is State.UNKNOWN
    assert error.handle.marker == MARKER
    assert (await scene.once()).task_id == 500
    assert scene.ledger.row.state is State.ACCEPTED
    assert scene.account.posts == 1


@on_a_scene
@pytest.mark.parametrize("mode", ["cut before", "500 before"])
async def test_what_was_not_carried_out_is_never_sent_again_on_a_search_in_vain(mode):
    """Absence cannot be proven."""
    scene = Scene(mode)
    await scene.unknown()
    for _ in range(3):
        scene.pass_time(WEEK)
        error = await scene.unknown()

    assert "proves nothing" in str(error)
    assert scene.account.posts == 1
    assert told(error) == (Verdict.ABSENT_SO_FAR, math.inf)
    assert error.reconciliation.looked_at == datetime.fromtimestamp(scene.wall, UTC)


@on_a_scene
async def test_an_answer_without_a_name_is_believed():
    """An echo that is absent contradicts nothing."""
    assert (await Scene("no name").once()).task_id == 500


@on_a_scene
async def test_a_name_that_was_cut_behind_its_marker_is_ours():
    """That is why the marker stands in front."""
    scene = Scene()
    scene.account.renamed = lambda name: name[:18]

    assert (await scene.once()).task_name == f"{MARKER} |"
    assert scene.ledger.row.state is State.ACCEPTED


@on_a_scene
async def test_a_lost_marker_is_remembered_and_nothing_is_sent_on_it():
    """From then on a match by sender, text and time is probable at most."""
    scene = Scene()
    scene.account.renamed = lambda name: name[19:]
    error = await scene.unknown()

    assert scene.ledger.row.handle.marker_lost
    assert error.handle.marker_lost
    for _ in range(2):
        scene.pass_time(WEEK)
        error = await scene.unknown(resend_after=timedelta(hours=1))
        assert "Probably it was sent: campaign 500 fits by" in str(error)
        assert told(error) == (Verdict.PROBABLE, math.inf)
    scene.account.campaigns.clear()
    error = await scene.unknown(resend_after=timedelta(hours=1))
    assert "cannot be relied on" in str(error)
    assert told(error) == (Verdict.ABSENT_SO_FAR, math.inf)
    assert scene.account.posts == 1


@on_a_scene
async def test_a_stray_answer_says_nothing_of_our_marker():
    """The answer to somebody else's create has somebody else's name."""
    scene = Scene("other echo")
    scene.account.renamed = lambda name: "another"
    await scene.unknown()

    assert not scene.ledger.row.handle.marker_lost


@on_a_scene
async def test_a_clear_no_leaves_the_key_free():
    """Nothing was created: the same key may be tried again."""
    scene = Scene("refuse")

    with pytest.raises(BadRequestError):
        await scene.once()
    assert scene.ledger.row.state is State.REJECTED
    assert (await scene.once()).task_id == 500


@on_a_scene
async def test_too_many_requests_is_repeated_and_then_a_no():
    """The same bytes, once more, after a pause; what is refused in the end was not created."""
    scene = Scene("throttle", "accept")
    assert (await scene.once()).task_id == 500

    scene = Scene(*["throttle"] * 3)
    with pytest.raises(RateLimitError):
        await scene.once()
    assert scene.ledger.row.state is State.REJECTED


@on_a_scene
async def test_what_never_left_leaves_the_row_prepared():
    """And free for the next one, without waiting for a lease."""
    scene = Scene(*["no connection"] * 3)

    with pytest.raises(ConnectionFailedError) as caught:
        await scene.once()
    assert caught.value.delivery is Delivery.NOT_SENT
    assert scene.ledger.row.state is State.PREPARED
    assert (await scene.once(session=scene.another())).task_id == 500


@on_a_scene
async def test_a_look_that_fails_before_the_first_sending_sends_nothing():
    """Its error says so of the campaign, and the key is free."""
    scene = Scene(retries=0)
    answer, scene.account.provider.replies = scene.account.provider.replies, [httpx.Response(500, content=b"{}")]

    with pytest.raises(ServerError) as caught:
        await scene.once()
    assert caught.value.delivery is Delivery.NOT_SENT
    scene.account.provider.replies = answer
    assert (await scene.once(session=scene.another())).task_id == 500


@on_a_scene
async def test_a_look_that_fails_after_an_unclear_one_leaves_it_unknown():
    """With the handle."""
    scene = Scene("cut after", retries=0)
    first = await scene.unknown()
    scene.account.provider.replies = [httpx.Response(500, content=b"{}")]
    second = await scene.unknown()

    assert "Looking for it failed" in str(second)
    assert [error.looked_for for error in (first, second)] == [False, True]
    assert [(error.reconciliation, error.resend_in) for error in (first, second)] == [(None, None)] * 2


@pytest.mark.fault("D07")
@on_a_scene
async def test_another_machine_that_sent_it_is_noticed_by_the_marker():
    """Two ledgers, one account: the newest page shows the campaign, and nothing is sent."""
    scene = Scene()
    await scene.once()
    here = scene.another(ledger=MemoryLedger())

    assert (await scene.once(session=here)).task_id == 500
    with pytest.raises(KeyConflictError):
        await scene.once(session=scene.another(ledger=MemoryLedger()), message="ho")
    assert scene.account.posts == 1


@on_a_scene
async def test_two_campaigns_with_one_marker_are_an_error_with_both_ids():
    """Loudly, wherever it is noticed."""
    scene = Scene("cut after")
    await scene.unknown()
    scene.account.add(NAME)

    with pytest.raises(DuplicateCampaignError) as caught:
        await scene.once()
    assert caught.value.task_ids == (500, 501)
    assert str(caught.value).startswith("campaigns 500 and 501 carry the marker of one key. ")
    with pytest.raises(DuplicateCampaignError):
        await scene.once(session=scene.another(ledger=MemoryLedger()))
    with pytest.raises(DuplicateCampaignError):
        await scene.session.campaigns.reconcile_pending()


# Ledgers that fail


@on_a_scene
@pytest.mark.parametrize("state", [None, State.PREPARED, State.SENDING])
async def test_a_ledger_that_fails_before_the_sending_keeps_it_from_leaving(state):
    """Fail closed."""
    scene = Scene()
    scene.ledger.broken = lambda row: (row and row.state) is state

    with pytest.raises(LedgerError):
        await scene.once()
    assert scene.account.posts == 0
    scene.ledger.broken = lambda _: False
    assert (await scene.once()).task_id == 500 if state is not State.PREPARED else True


@on_a_scene
async def test_a_ledger_that_fails_after_the_sending_changes_nothing_of_the_truth(caplog):
    """The campaign exists, and its caller is told; the row says "sending", and is found later."""
    scene = Scene()
    scene.ledger.broken = lambda row: row is not None and row.state is State.ACCEPTED

    assert (await scene.once()).task_id == 500
    assert scene.ledger.row.state is State.SENDING
    assert "could not be written" in caplog.text
    scene.ledger.broken = lambda _: False
    assert [each.verdict for each in await scene.session.campaigns.reconcile_pending()] == [Verdict.FOUND]
    assert scene.ledger.row.state is State.ACCEPTED


class ForeignLedger(MemoryLedger):
    """Fails in its own words, as one over somebody's database does."""

    def __init__(self, state: State | None) -> None:
        super().__init__()
        self.state = state

    def _check(self, row: Any) -> None:
        if self.state is (None if row is None else row.state):
            raise ConnectionResetError("the database went away")


@pytest.mark.parametrize("state", [None, State.PREPARED, State.SENDING])
@pytest.mark.fault("C14")
@on_a_scene
async def test_a_ledger_that_fails_in_its_own_words_is_named_and_nothing_is_sent(state):
    """It says so before anything leaves, whatever its errors are called."""
    scene = Scene(ledger=ForeignLedger(state))
    with pytest.raises(LedgerError, match=r"ConnectionResetError.*nothing was sent") as caught:
        await scene.once()

    assert caught.value.delivery is Delivery.NOT_SENT
    assert isinstance(caught.value.__cause__, ConnectionResetError)
    assert scene.account.posts == 0


@pytest.mark.fault("C14")
@on_a_scene
async def test_a_ledger_that_fails_in_its_own_words_afterwards_costs_no_answer(caplog):
    """The campaign exists, and whoever asked for it has it; its row goes on to say that it is being sent."""
    scene = Scene(ledger=ForeignLedger(State.ACCEPTED))

    assert (await scene.once()).task_id == 500
    assert scene.ledger.row.state is State.SENDING
    assert "could not be written" in caplog.text


@on_a_scene
async def test_a_release_that_fails_is_told_and_a_warning(caplog):
    """Others may have taken the key, and nobody can look; the lease ends by itself. The first error is the cause."""
    scene = Scene(retries=0)
    scene.account.provider.replies = [httpx.Response(500, content=b"{}")]
    scene.ledger.broken = lambda row: row is not None and row.version > 1

    with pytest.raises(LedgerError) as caught:
        await scene.once()
    assert isinstance(caught.value.__cause__, ServerError)
    assert "its lease will end" in caplog.text


@on_a_scene
async def test_an_accepted_row_without_a_campaign_is_not_believed():
    """A ledger of somebody else's making may have lost it."""
    scene = Scene()
    await scene.once()
    scene.ledger.change(task_id=None)

    with pytest.raises(LedgerError, match="cannot be trusted"):
        await scene.once()


# Rows that somebody else has in hand


@on_a_scene
async def test_what_another_process_is_sending_is_waited_for_until_its_lease_is_over():
    """Then it is unknown, looked for, and not sent again."""
    scene = Scene("cut before")
    await scene.unknown()
    scene.ledger.change(state=State.SENDING, since=scene.wall, lease=60.0)
    clock = asyncio.get_running_loop().time
    began = clock()
    looks = []
    get = scene.ledger.get

    async def counted(account: str, key: str) -> Any:
        looks.append(clock())
        return await get(account, key)

    scene.ledger.get = counted  # type: ignore[method-assign]
    await scene.unknown()

    assert 60 <= clock() - began < 63
    assert len(looks) < 75  # the pauses grow to a second
    assert scene.account.posts == 1


@pytest.mark.parametrize(("ahead", "said"), [(0, "57"), (-30, "27"), (-58.5, ""), (86_400, "60")])
@on_a_scene
async def test_a_wait_for_another_process_is_said_once_in_the_log(caplog, ahead, said):
    """With the longest that it can take; not where it takes but a moment."""
    caplog.set_level("INFO", logger="viber_async")
    scene = Scene("cut after")
    await scene.unknown()
    scene.ledger.change(state=State.SENDING, since=scene.wall + ahead, lease=60.0)
    began, clock = scene.wall, asyncio.get_running_loop().time
    start = clock()
    scene.session._parts.once.wall = lambda: began + clock() - start

    await scene.once()
    waits = [record.getMessage() for record in caplog.records if "has this campaign in hand" in record.getMessage()]

    assert waits == (
        [f"another process has this campaign in hand, or was stopped while it had: waiting for up to {said} s"]
        if said
        else []
    )


@pytest.mark.fault("T01")
@on_a_scene
async def test_a_clock_that_is_wrong_makes_nobody_wait_for_ever():
    """The row seems to be of tomorrow; who has watched it for as long as its lease goes on."""
    scene = Scene("cut after")
    await scene.unknown()
    scene.ledger.change(state=State.SENDING, since=scene.wall + 86_400, lease=60.0)

    assert (await scene.once()).task_id == 500


@on_a_scene
async def test_a_sender_whose_lease_seemed_over_still_says_what_it_knows():
    """Another process took the row for abandoned; the answer comes after all."""
    scene = Scene()

    async def meanwhile(request: httpx.Request) -> Any:
        scene.ledger.change(state=State.UNKNOWN)
        return scene.account.do("accept", request)

    scene.account.modes = [meanwhile]

    assert (await scene.once()).task_id == 500
    assert scene.ledger.row.state is State.ACCEPTED


@on_a_scene
@pytest.mark.fault("T01")
async def test_who_gives_up_a_key_that_others_took_meanwhile_says_what_they_did():
    """A clock made the lease seem over: "nothing was sent" would be about another sending than the one that was."""
    scene = Scene()
    answer, failed = scene.account.answer, asyncio.Event()

    async def first_fails_late(request: httpx.Request) -> Any:
        scene.account.provider.replies = [answer]
        await failed.wait()
        return httpx.Response(404, json={"message": "no"})

    scene.account.provider.replies = [first_fails_late]
    slow = asyncio.ensure_future(scene.once())
    await asyncio.sleep(1)
    scene.wall += 1000
    other = await scene.once(session=scene.another())
    failed.set()

    assert (await slow).task_id == other.task_id
    assert scene.account.posts == 1


@on_a_scene
async def test_what_others_settled_meanwhile_is_left_alone():
    """Found by its marker while its sender still waited for the answer."""
    scene = Scene()

    async def meanwhile(request: httpx.Request) -> Any:
        scene.ledger.change(state=State.ACCEPTED, task_id=500)
        return scene.account.do("cut after", request)

    scene.account.modes = [meanwhile]
    await scene.unknown()

    assert scene.ledger.row.state is State.ACCEPTED
    assert (await scene.once()).task_id == 500


@on_a_scene
@pytest.mark.parametrize("state", [State.PREPARED, State.SENDING])
async def test_a_row_that_others_took_meanwhile_is_theirs(state):
    """Whoever is too late with its version begins anew: here it waits, and looks."""
    scene = Scene()
    taken: list[bool] = []

    def meanwhile(row: Any) -> None:
        if row.state is state and not taken:
            taken.append(True)
            scene.account.add(NAME)
            if scene.ledger.rows:
                scene.ledger.change(state=State.SENDING, attempt="other")
            else:
                scene.ledger.rows[row.key] = row
                scene.ledger.change(state=State.SENDING, attempt="other")

    scene.ledger.before_put = meanwhile

    assert (await scene.once()).task_id == 500
    assert scene.account.posts == 0


@on_a_scene
@pytest.mark.parametrize("event", [State.UNKNOWN, State.ACCEPTED])
async def test_a_search_that_is_overtaken_begins_anew(event):
    """Somebody else noted something first."""
    scene = Scene("cut after")
    await scene.unknown()
    if event is State.UNKNOWN:
        scene.ledger.change(state=State.SENDING, since=0.0)
    taken: list[bool] = []

    def meanwhile(row: Any) -> None:
        if row.state is event and not taken:
            taken.append(True)
            scene.ledger.change()

    scene.ledger.before_put = meanwhile

    assert (await scene.once()).task_id == 500
    assert taken == [True]


# Cancelling and closing


@pytest.mark.fault("C01")
@on_a_scene
async def test_cancelling_after_the_sending_says_so_and_the_row_gets_the_truth():
    """The cancellation carries the handle; what is under way is heard to its end and written down."""
    answered = asyncio.Event()
    scene = Scene()

    async def slow(request: httpx.Request) -> Any:
        await answered.wait()
        return scene.account.do("accept", request)

    scene.account.modes = [slow]
    task = asyncio.ensure_future(scene.once())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    cause = caught.value.__cause__
    answered.set()
    await asyncio.sleep(1)

    assert isinstance(cause, OutcomeUnknownError)
    assert cause.handle.marker == MARKER
    assert scene.ledger.row.state is State.ACCEPTED
    assert (await scene.once()).task_id == 500
    assert scene.account.posts == 1


@on_a_scene
async def test_cancelling_before_the_sending_leaves_the_key_free():
    """Here while it looks at the newest page."""
    scene = Scene()
    scene.account.provider.replies = [lambda _: asyncio.Event().wait()]
    task = asyncio.ensure_future(scene.once())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    await asyncio.sleep(1)

    assert caught.value.__cause__ is None
    assert (scene.ledger.row.state, scene.ledger.row.lease) == (State.PREPARED, 0.0)


@pytest.mark.fault("C01")
@on_a_scene
async def test_cancelling_at_any_turn_of_the_loop_says_whether_it_has_left():
    """A plain cancel means that nothing was sent; also in the very turn in which the sending begins."""
    said = set()
    for turns in range(40):
        scene = Scene()
        task = asyncio.create_task(scene.once())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        try:
            told = type(await task)
        except asyncio.CancelledError as cancelled:
            told = type(cancelled.__cause__)
        await asyncio.sleep(5)
        said.add((told, scene.account.posts))
        await scene.once()
        assert scene.account.posts == 1

    assert said == {(type(None), 0), (OutcomeUnknownError, 1), (CreatedCampaign, 1)}


@on_a_scene
async def test_cancelling_while_it_is_written_that_it_will_be_sent_takes_that_back():
    """The write is waited for, so that the ledger does not say "sending" of what never left."""
    scene = Scene()
    scene.ledger.before_put = lambda row: asyncio.sleep(1) if row.state is State.SENDING else None
    task = asyncio.ensure_future(scene.once())
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(2)

    assert scene.ledger.history == [State.PREPARED, State.SENDING, State.PREPARED]
    assert scene.account.posts == 0


@on_a_scene
async def test_cancelling_while_it_waits_for_its_turn_takes_it_back():
    """It was allowed to leave and did not."""
    scene = Scene()
    await scene.once(key="first")
    scene.session._parts._limiter.pause(30)
    allowed = asyncio.Event()
    scene.ledger.before_put = lambda row: allowed.set() if row.state is State.SENDING else None
    task = asyncio.ensure_future(scene.once())
    await allowed.wait()
    scene.session._parts._limiter.pause(30)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    await asyncio.sleep(1)

    if scene.account.posts == 1:
        assert caught.value.__cause__ is None
        assert scene.ledger.history[-2:] == [State.SENDING, State.PREPARED]


@on_a_scene
@pytest.mark.fault("C04")
async def test_a_write_that_fails_while_its_caller_is_cancelled_is_nobodys_loose_end():
    """The loop has nothing to complain of, and the caller is just cancelled."""
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
    scene = Scene()

    async def fails(row: Any) -> None:
        await asyncio.sleep(1)
        raise LedgerError("the disk is full; nothing was sent")

    scene.ledger.before_put = fails
    task = asyncio.ensure_future(scene.once())
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(2)
    gc.collect()

    assert complaints == []


@on_a_scene
async def test_one_of_many_who_is_cancelled_harms_nobody():
    """The others get the campaign."""
    scene = Scene()
    tasks = [asyncio.ensure_future(scene.once()) for _ in range(5)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(done[0], asyncio.CancelledError)
    assert {each.task_id for each in done[1:]} == {500}


@on_a_scene
async def test_a_newcomer_does_not_join_what_is_being_given_up():
    """It begins its own."""
    scene = Scene()
    task = asyncio.ensure_future(scene.once())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)

    assert (await scene.once()).task_id == 500


@on_a_scene
@pytest.mark.parametrize("sent", [True, False])
async def test_closing_the_session_ends_it_by_name(sent):
    """Unknown with its handle if it had left, else not sent."""
    scene = Scene()
    forever: Any = lambda _: asyncio.Event().wait()  # noqa: E731
    if sent:
        scene.account.modes = [forever]
    else:
        scene.account.provider.replies = [forever]
    task = asyncio.ensure_future(scene.once())
    await asyncio.sleep(1)
    await scene.session.aclose()

    with pytest.raises(OutcomeUnknownError if sent else SessionClosedError) as caught:
        await task
    assert caught.value.delivery is (Delivery.UNKNOWN if sent else Delivery.NOT_SENT)
    assert scene.ledger.row.state is (State.UNKNOWN if sent else State.PREPARED)


@pytest.mark.fault("C07")
@on_a_scene
async def test_a_closed_session_does_not_say_that_nothing_is_pending():
    """Though its ledger could be read."""
    scene = Scene()
    await scene.session.aclose()
    with pytest.raises(SessionClosedError):
        await scene.session.campaigns.reconcile_pending()


@pytest.mark.fault("C08")
def test_what_is_under_way_in_one_loop_is_not_waited_for_in_another():
    """Nobody would be woken there."""
    scene = Scene()
    OPENED.clear()

    async def begin() -> asyncio.Task[Any]:
        held = asyncio.Event()
        scene.ledger.before_put = lambda _: held.wait()  # type: ignore[assignment]
        task = asyncio.create_task(scene.once())
        await asyncio.sleep(1)
        held.set()
        return task

    async def end(task: asyncio.Task[Any]) -> int:
        await scene.session.aclose()
        return len(await asyncio.gather(task, return_exceptions=True))

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as first:
        task = first.run(begin())
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as second, pytest.raises(SessionLoopError):
            second.run(scene.once())

        assert first.run(end(task)) == 1


@on_a_scene
async def test_a_closed_session_says_so():
    """And leaves no coroutine behind."""
    scene = Scene()
    await scene.session.aclose()

    with pytest.raises(SessionClosedError):
        await scene.once()


@on_a_scene
async def test_a_deadline_that_ends_it_on_the_wire_leaves_it_unknown():
    """The longest lease is an hour where there is no deadline at all."""
    scene = Scene(lambda _: asyncio.Event().wait(), deadline=5)
    error = await scene.unknown()

    assert isinstance(error.__cause__, DeadlineExceededError)
    assert scene.ledger.row.lease == 35
    scene = Scene(deadline=None)
    await scene.once()
    assert scene.ledger.row.lease == 3600


@pytest.mark.fault("C01")
@on_a_scene
async def test_a_key_that_was_given_back_is_not_sent_although_somebody_swallows_the_cancel():
    """Whoever takes it next would be the second to send it."""
    asleep = iter([False, True, False, False])

    async def deaf(attempt: Attempt, call_next: CallNext) -> Answer:
        if next(asleep):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(10)
        return await call_next(attempt)

    scene = Scene(middleware=[deaf])
    task = asyncio.create_task(scene.once())
    await asyncio.sleep(5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(1)
    assert scene.ledger.row.state is State.PREPARED
    await scene.once()
    await asyncio.sleep(50)

    assert scene.account.posts == 1


@pytest.mark.fault("C01")
@on_a_scene
async def test_create_that_is_cancelled_after_sending_carries_its_handle():
    """`create` has no ledger: whoever cancels it has to remember."""
    scene = Scene(lambda _: asyncio.Event().wait())
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(1):
            await scene.session.campaigns.create(draft())
    cancelled = caught.value.__cause__
    assert cancelled is not None

    assert isinstance(cancelled.__cause__, OutcomeUnknownError)
    assert isinstance(cancelled.__cause__.handle, CreateHandle)


@pytest.mark.fault("C01")
@on_a_scene
async def test_create_that_is_cancelled_while_it_connects_may_still_leave():
    """The request is in the hands of the network, which is left alone: nobody may say that it was not sent."""
    connected = asyncio.Event()
    scene = Scene()
    scene.account.provider.tell = False
    say = scene.account.provider.say

    async def connecting(request: httpx.Request) -> Any:
        await say("connection.connect_tcp.started", request)
        await connected.wait()
        await say("http11.send_request_headers.started", request)
        return scene.account.do("accept", request)

    scene.account.modes = [connecting]
    task = asyncio.ensure_future(scene.session.campaigns.create(draft()))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    connected.set()
    await asyncio.sleep(1)

    assert scene.account.names == ["spring"]
    assert isinstance(caught.value.__cause__, OutcomeUnknownError)


@pytest.mark.fault("C01")
@on_a_scene
async def test_a_create_in_hand_that_still_connects_is_ended_when_its_answer_is_asked_for():
    """Whoever was told to stop starts nothing more: it never leaves, and that is certain."""
    scene = Scene()
    scene.account.provider.tell = False
    say = scene.account.provider.say

    async def connecting(request: httpx.Request) -> Any:
        await say("connection.connect_tcp.started", request)
        await asyncio.sleep(5)
        await say("http11.send_request_headers.started", request)
        return scene.account.do("accept", request)

    scene.account.modes = [connecting]
    in_hand = creating(scene.session.campaigns, draft())
    task = asyncio.ensure_future(in_hand.created())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(asyncio.CancelledError) as caught:
        await in_hand.late(within=8)
    await asyncio.sleep(10)

    assert caught.value.__cause__ is None
    assert scene.account.names == []


@pytest.mark.fault("C01")
@on_a_scene
async def test_create_that_is_cancelled_before_sending_is_just_cancelled():
    """It waits for its turn."""
    scene = Scene()
    scene.session._parts._limiter.pause(30)
    task = asyncio.ensure_future(scene.session.campaigns.create(draft()))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task

    assert caught.value.__cause__ is None
    assert scene.account.posts == 0


# Sending again


async def missed(scene: Scene, after: timedelta = timedelta(hours=1)) -> None:
    """Bring a campaign into the state of having been looked for in vain."""
    await scene.unknown(resend_after=after)
    assert "it may be sent again in" in str(await scene.unknown(resend_after=after))


@on_a_scene
async def test_a_timed_re_send_waits_for_the_settle_window():
    """An hour and the lease after the first search in vain, by both clocks."""
    scene = Scene("cut before")
    hour = timedelta(hours=1)
    await missed(scene)
    lease = timedelta(seconds=scene.ledger.row.lease)
    scene.pass_time(hour + lease - timedelta(seconds=1))
    error = await scene.unknown(resend_after=hour)
    assert "in 1 s" in str(error)
    assert told(error) == (Verdict.ABSENT_SO_FAR, 1)
    scene.pass_time(timedelta(seconds=1))

    assert (await scene.once(resend_after=hour)).task_id == 500
    assert scene.account.posts == 2
    assert scene.ledger.row.doubted


@pytest.mark.fault("T01")
@on_a_scene
async def test_neither_clock_alone_ends_the_settle_window():
    """A wall clock that jumps a day, or a provider whose dates do."""
    scene = Scene("cut before")
    day = timedelta(days=1)
    await missed(scene)
    scene.pass_time(day, server=timedelta())
    await scene.unknown(resend_after=timedelta(hours=1))
    scene.pass_time(-day, server=day)
    await scene.unknown(resend_after=timedelta(hours=1))

    assert scene.account.posts == 1


@on_a_scene
async def test_a_re_send_needs_the_providers_time_and_the_whole_list():
    """Without dates nothing can be said; a search that was broken off has not seen all."""
    scene = Scene("cut before")
    scene.account.date = None
    await scene.unknown()
    for _ in range(2):
        scene.wall += WEEK.total_seconds()
        error = await scene.unknown(resend_after=timedelta(hours=1))
        assert "cannot be relied on" in str(error)
        assert told(error) == (Verdict.ABSENT_SO_FAR, None)
    scene.pass_time(WEEK)
    await missed(scene)
    scene.pass_time(WEEK)
    for number in range(MAX_REQUESTS * 100 + 100):
        scene.account.add(f"other {number}", message="other", created=None)
    scene.account.newest_first = False
    error = await scene.unknown(resend_after=timedelta(hours=1))
    assert "cannot be relied on" in str(error)
    assert told(error) == (Verdict.ABSENT_SO_FAR, None)

    assert scene.account.posts == 1


@on_a_scene
async def test_a_re_send_that_finds_it_after_all_sends_nothing():
    """The list lagged."""
    scene = Scene("cut after")
    scene.account.hidden = 1
    await missed(scene)
    scene.account.hidden = 0
    scene.pass_time(WEEK)

    assert (await scene.once(resend_after=timedelta(hours=1))).task_id == 500
    assert scene.account.posts == 1


@on_a_scene
@pytest.mark.parametrize("mode", ["refuse", "no connection"])
async def test_a_second_sending_that_created_nothing_says_nothing_of_the_first(mode):
    """It stays unknown."""
    scene = Scene("cut before", *[mode] * 3)
    await missed(scene)
    scene.pass_time(WEEK)
    error = await scene.unknown(resend_after=timedelta(hours=1))

    assert "an earlier one may have" in str(error)
    assert error.delivery is (Delivery.ANSWERED if mode == "refuse" else Delivery.UNKNOWN)
    assert scene.ledger.row.state is State.UNKNOWN


@on_a_scene
async def test_a_re_send_whose_time_is_past_is_not_possible():
    """A campaign for yesterday evening is not sent today."""
    scene = Scene("cut before")
    soon = (datetime.now(UTC) + timedelta(hours=1)).replace(tzinfo=None, microsecond=0)
    await scene.unknown(send_date=soon)
    await scene.unknown(send_date=soon)
    scene.pass_time(WEEK)
    session = scene.another(time_zone=UTC)  # whose rules this draft, with a naive time, does not fit

    error = await scene.unknown(send_date=soon, session=session, resend_after=timedelta(hours=1))
    assert "cannot be sent again" in str(error)
    assert told(error) == (Verdict.ABSENT_SO_FAR, math.inf)
    assert scene.account.posts == 1


# Reconciling


@on_a_scene
async def test_pending_rows_are_settled_in_one_walk():
    """What was created is found, what was not stays unknown, and what is under way elsewhere is left alone."""
    scene = Scene("cut after", "cut before", "cut before")
    handles = [(await scene.unknown(key=f"order {number}")).handle for number in range(3)]
    key = next(key for key, row in scene.ledger.rows.items() if row.handle == handles[2])
    before = scene.ledger.rows[key]
    scene.ledger.rows[key] = evolve(before, state=State.SENDING, since=scene.wall, version=before.version + 1)
    lists = scene.account.lists
    found = await scene.session.campaigns.reconcile_pending()

    assert [(each.verdict, each.handle.marker) for each in found] == [
        (Verdict.FOUND, handles[0].marker),
        (Verdict.ABSENT_SO_FAR, handles[1].marker),
    ]
    assert found[0].campaign is not None
    assert found[0].campaign.id == 500
    assert scene.account.lists - lists <= 3
    assert (await scene.once(key="order 0")).task_id == 500
    scene.wall += 86_400
    assert len(await scene.session.campaigns.reconcile_pending()) == 2


@on_a_scene
async def test_nothing_pending_asks_for_nothing():
    """Not even for the list."""
    scene = Scene()

    assert await scene.session.campaigns.reconcile_pending() == ()
    assert scene.account.lists == 0


@on_a_scene
async def test_duplicates_do_not_hide_what_else_is_pending():
    """The error has the ids of all, and the rest in ``partial``."""
    scene = Scene("cut after", "cut after")
    await scene.unknown()
    await scene.unknown(key="order 2")
    scene.account.add(NAME)

    with pytest.raises(DuplicateCampaignError) as caught:
        await scene.session.campaigns.reconcile_pending()
    assert caught.value.task_ids == (500, 502)
    assert isinstance(caught.value.partial, tuple)
    assert [each.campaign.id for each in caught.value.partial] == [501]


@on_a_scene
async def test_a_handle_of_create_finds_its_campaign_in_any_process():
    """By name, sender and text; it travels as JSON."""
    scene = Scene("cut after")
    await scene.session.campaigns.list().first()  # from here on the provider's time is known
    with pytest.raises(OutcomeUnknownError) as caught:
        await scene.session.campaigns.create(draft())
    handle = CreateHandle.from_dict(json.loads(json.dumps(caught.value.handle.to_dict())))
    found = await scene.another().campaigns.reconcile(handle)

    assert found.verdict is Verdict.FOUND
    assert found.campaign is not None
    assert found.campaign.id == 500
    assert found.looked_at == NOON
    assert found.complete


@on_a_scene
async def test_a_handle_is_a_handle():
    """Not its dict."""
    with pytest.raises(ValidationError, match="from_dict"):
        await Scene().session.campaigns.reconcile({})  # type: ignore[arg-type]


@pytest.mark.fault("T03")
@on_a_scene
@pytest.mark.parametrize("date", [None, "garbage", "Wed, 01 Jul 2026 14:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"])
@pytest.mark.parametrize("newest_first", [True, False])
async def test_whatever_the_dates_a_search_is_bounded_and_finds_it(date, newest_first):
    """Skewed by two hours, missing or nonsense; newest or oldest first."""
    scene = Scene("cut after")
    scene.account.newest_first = newest_first
    for number in range(250):
        scene.account.add(f"old {number}", created="2020-01-01 00:00:00")
    scene.account.date = date
    error = await scene.unknown()
    scene.account.lists = 0
    found = await scene.session.campaigns.reconcile(error.handle)

    assert found.verdict is Verdict.FOUND
    assert scene.account.lists <= 5


@pytest.mark.fault("T03", "P22")
@on_a_scene
async def test_a_list_without_end_is_left_after_fifty_pages():
    """And the search says that it did not see all of it."""
    scene = Scene("cut before")
    error = await scene.unknown()
    for number in range(MAX_REQUESTS * 100 + 100):
        scene.account.add(f"other {number}", message="other", created=None)
    scene.account.lists = 0
    found = await scene.session.campaigns.reconcile(error.handle)

    assert (found.verdict, found.complete, found.requests) == (Verdict.ABSENT_SO_FAR, False, MAX_REQUESTS)
    assert scene.account.lists == MAX_REQUESTS


@on_a_scene
async def test_a_search_was_made_when_its_first_page_was():
    """What appears between the first page and the last may have been overlooked."""
    scene = Scene("cut before")
    error = await scene.unknown()
    for number in range(250):
        scene.account.add(f"other {number}", message="other")
    answer = scene.account.answer

    def later_each_time(request: httpx.Request) -> Any:
        scene.pass_time(timedelta(minutes=1))
        return answer(request)

    scene.account.provider.replies = [later_each_time]
    found = await scene.session.campaigns.reconcile(error.handle)

    assert found.requests > 2
    assert found.looked_at == NOON + timedelta(minutes=1)


@on_a_scene
async def test_the_providers_time_is_known_from_any_answer():
    """An error's too; the handle says by whose clock its window is."""
    scene = Scene("500 before", "cut before")
    with pytest.raises(OutcomeUnknownError) as caught:
        await scene.session.campaigns.create(draft())
    assert not caught.value.handle.by_server
    with pytest.raises(ApiError):
        raise caught.value.__cause__
    await asyncio.sleep(3600)
    with pytest.raises(OutcomeUnknownError) as caught:
        await scene.session.campaigns.create(draft())

    assert caught.value.handle.by_server
    assert caught.value.handle.sent_after == NOON + timedelta(hours=1)
