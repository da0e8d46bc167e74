"""A script that sends one message, once, however often it is run.

    send_once.py KEY TEXT PHONE...

KEY names this one campaign for ever: run again with it, the script finds what it sent. VIBER_LEDGER is a path that
lasts; credentials come from the environment.

Exit codes: 0 it is there, 2 nobody knows yet (run it again), 3 it is not there and was not sent, 64 wrong call.
"""

from __future__ import annotations

import asyncio
import os
import sys

from viber_async import CampaignDraft, OutcomeUnknownError, SqliteLedger, UsageError, ViberError, ViberSession

SENDER_ID = 1


async def send(key: str, text: str, phones: list[str]) -> int:
    """Give the id of the campaign."""
    draft = CampaignDraft(sender_id=SENDER_ID, message_live_time=3600, message=text, recipients=phones)
    async with ViberSession.from_env(ledger=SqliteLedger(os.environ["VIBER_LEDGER"])) as session:
        return (await session.campaigns.create_once(draft, key=key)).task_id


def main(key: str, text: str, *phones: str) -> int:
    """Run it, say what became of it in one line, and give the exit code."""
    try:
        print("campaign", asyncio.run(send(key, text, list(phones))))
    except UsageError as error:
        print("wrong:", error)
        return 64
    except OutcomeUnknownError as error:
        print("unknown:", error)
        return 2
    except ViberError as error:
        print("not sent:", error)
        return 3
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 4:
        print(__doc__)
        sys.exit(64)
    sys.exit(main(*sys.argv[1:]))
