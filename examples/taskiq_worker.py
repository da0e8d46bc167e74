"""A taskiq worker that sends campaigns once and syncs the blacklist, however often it is killed.

    taskiq worker examples.taskiq_worker:broker
    taskiq scheduler examples.taskiq_worker:scheduler

REDIS_URL is the broker's, and what the workers share: the account's allowance and its token, which VIBER_TOKEN_KEY (of
``Fernet.generate_key()``) hides. VIBER_LEDGER is a path that lasts, on a disk of this machine: the workers that send
campaigns share it. Credentials come from the environment. To ask for something:

    await send_campaign.kiq(to_dict(draft), key="order 7")
    await sync_blacklist.kiq("/srv/shop/stop.csv", journal="/srv/shop/stop.journal")
"""

from __future__ import annotations

import os

from redis.asyncio import Redis
from taskiq import TaskiqEvents, TaskiqScheduler, TaskiqState
from taskiq.schedule_sources import LabelScheduleSource
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from viber_async import RateLimit, SqliteLedger, ViberSession
from viber_async.integrations.taskiq import keep_session, send_campaign_task, sync_blacklist_task
from viber_async.redis import RedisRateLimiter, RedisTokenStore

URL = os.environ["REDIS_URL"]
ACCOUNT = "shop"

# It acknowledges after the work. What a dead worker had in hand is delivered again after ten minutes; a lock that a
# dead worker held while it looked for such tasks has an end as well, which by default it has not.
broker = RedisStreamBroker(URL, idle_timeout=600_000, unacknowledged_lock_timeout=60).with_result_backend(
    RedisAsyncResultBackend(URL, result_ex_time=86_400)
)
scheduler = TaskiqScheduler(broker, [LabelScheduleSource(broker)])
shared = Redis.from_url(URL)


def make() -> ViberSession:
    """Give the session of one worker process."""
    return ViberSession.from_env(
        rate_limiter=RedisRateLimiter(shared, ACCOUNT, RateLimit(10)),
        token_store=RedisTokenStore(shared, ACCOUNT, secret=os.environ["VIBER_TOKEN_KEY"]),
        ledger=SqliteLedger(os.environ["VIBER_LEDGER"]),
    )


keep_session(broker, make)
send_campaign = send_campaign_task(broker)
sync_blacklist = sync_blacklist_task(broker)


@broker.task(schedule=[{"cron": "* * * * *"}])
async def tick() -> None:
    """Nothing; but a worker looks for what dead ones had in hand only after it has received something."""


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
async def end(_: TaskiqState) -> None:
    """Close what the session was given; it is closed by now."""
    await shared.aclose()
