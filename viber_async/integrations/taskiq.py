"""For taskiq: one session for each worker process, a dependency, and two tasks that may be delivered twice.

The whole of it: ``keep_session(broker, make)``, tasks with an argument ``session: Session``, and for the two that are
ready ``send_campaign_task(broker)`` and ``sync_blacklist_task(broker)``. taskiq reads the annotations of what stands
here, so they are no strings.

A broker that acknowledges after the work delivers a task again when its worker died, and also while it is still at
work, if that takes long. Both tasks stand that: the key of a campaign and the journal of a sync say what was done.
"""

import asyncio
import logging
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from taskiq import TaskiqDepends, TaskiqEvents, TaskiqState

from viber_async._sansio.campaigns import CampaignDraft
from viber_async._sansio.converter import to_dict
from viber_async._session import ViberSession
from viber_async.errors import ConfigurationError, SyncRefusedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from taskiq import AsyncBroker, AsyncTaskiqDecoratedTask

    from viber_async._sansio.sync_report import SyncReport

    SendCampaign = AsyncTaskiqDecoratedTask[..., Coroutine[Any, Any, int]]
    SyncBlacklist = AsyncTaskiqDecoratedTask[..., Coroutine[Any, Any, dict[str, Any]]]

__all__ = ["Session", "keep_session", "send_campaign_task", "sync_blacklist_task", "viber_session"]

logger: Final = logging.getLogger("viber_async")

LOCKED_PAUSE: Final = 5.0
"""Ours: seconds between two looks whether another sync of the account has ended; nothing is read or sent for a look."""
_NAME: Final = "viber_session"


def keep_session(broker: "AsyncBroker", make: "Callable[[], ViberSession]") -> None:
    """Open what *make* gives in each worker process that starts, and close it when the process ends.

    *make* is called in the worker, in its own event loop, at each start.
    """

    async def opened(state: TaskiqState) -> None:
        await closed(state)  # of a start that failed later, or of one that was never ended
        session = make()
        state[_NAME] = await session.__aenter__()  # its end is another event

    async def closed(state: TaskiqState) -> None:
        if (session := state.pop(_NAME, None)) is not None:
            await session.aclose()

    broker.add_event_handler(TaskiqEvents.WORKER_STARTUP, opened)
    broker.add_event_handler(TaskiqEvents.WORKER_SHUTDOWN, closed)


async def viber_session(state: Annotated[TaskiqState, TaskiqDepends()]) -> ViberSession:
    """Give the session of this worker; a dependency.

    Raises:
        ConfigurationError: there is none.

    """
    session = state.get(_NAME)
    if not isinstance(session, ViberSession):
        raise ConfigurationError("the worker has no session: keep_session(broker, ViberSession.from_env)")
    return session


Session = Annotated[ViberSession, TaskiqDepends(viber_session)]
"""The annotation for an argument that is to be the session."""


def send_campaign_task(broker: "AsyncBroker", task_name: str = "viber_async:send_campaign") -> "SendCampaign":
    """Give the task that creates a campaign once by its key, and gives its id. The session needs a ledger.

    ``await task.kiq(to_dict(draft), key="order 7")``; ``resend_after=`` in seconds is that of `campaigns.create_once`.
    A failure may be followed by the same task with the same key, by hand or by one of taskiq's retry middlewares: what
    was sent is found, and never sent again. The draft stands in the broker with its phones and its text.
    """

    async def send_campaign(
        draft: dict[str, Any], *, key: str, session: Session, resend_after: float | None = None
    ) -> int:
        wait = None if resend_after is None else timedelta(seconds=resend_after)
        campaign = CampaignDraft.from_dict(draft)
        return (await session.campaigns.create_once(campaign, key=key, resend_after=wait)).task_id

    return broker.register_task(send_campaign, task_name)


def sync_blacklist_task(broker: "AsyncBroker", task_name: str = "viber_async:sync_blacklist") -> "SyncBlacklist":
    """Give the task that syncs the blacklist from a file, and gives the report as plain JSON types.

    ``await task.kiq("/srv/shop/stop.csv", journal="/srv/shop/stop.journal")``; what else it takes is that of
    `blacklist.sync`. File and journal are the worker's. Delivered again while it is under way, the task gives the same
    report; while another sync of the account runs on the machine, it waits for its end.
    """
    under_way: dict[str, asyncio.Future[dict[str, Any]]] = {}

    async def sync_blacklist(  # noqa: PLR0913 - those of blacklist.sync
        path: str,
        *,
        journal: str,
        session: Session,
        mode: Literal["add_only", "mirror"] = "add_only",
        max_remove: int | None = None,
        owner: str | None = None,
        description: str | None = None,
        column: str | int | None = None,
        region: str | None = None,
    ) -> dict[str, Any]:
        sync = partial(
            session.blacklist.sync,
            path,
            journal=journal,
            mode=mode,
            max_remove=max_remove,
            owner=owner,
            description=description,
            column=column,
            region=region,
        )
        return await _once_at_a_time(under_way, repr(sync.keywords | {"path": path}), partial(_unlocked, sync))

    return broker.register_task(sync_blacklist, task_name)


async def _once_at_a_time(
    under_way: "dict[str, asyncio.Future[dict[str, Any]]]",
    errand: str,
    work: "Callable[[], Awaitable[dict[str, Any]]]",
) -> dict[str, Any]:
    """Give what *work* gives, or what the same *errand* gives that is under way in this process already."""
    while (first := under_way.get(errand)) is not None:
        await asyncio.wait([first])
        if not first.cancelled():
            return first.result()
    mine: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    under_way[errand] = mine
    try:
        mine.set_result(await work())
    except Exception as error:
        mine.set_exception(error)
        mine.exception()  # whoever waits is told; nobody need wait
        raise
    finally:
        mine.cancel()  # does nothing to one that is done
        del under_way[errand]
    return mine.result()


async def _unlocked(sync: "Callable[[], Awaitable[SyncReport]]") -> dict[str, Any]:
    """Give the report of *sync*, once no other sync of the account is under way on this machine."""
    while True:
        try:
            return to_dict(await sync())
        except SyncRefusedError as error:
            if error.reason != "locked":
                raise
            logger.info("%s", error)
            await asyncio.sleep(LOCKED_PAUSE)
