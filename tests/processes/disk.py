"""A process that creates a campaign with its ledger on a disk that gives out, and says what came of it.

``python -m tests.processes.disk PLACE`` (with a mount namespace of its own) does so on small disks of several sizes
and on disks that became read-only, mounted at PLACE one after the other. The provider is in memory, and counts what it
was sent.
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.shell.ledger import Account
from viber_async import ApiKey, CampaignDraft, SqliteLedger, ViberError, ViberSession
from viber_async._sansio.ledger import account_tag

URL = "http://127.0.0.1:1"
ACCOUNT = account_tag(ApiKey("key"), URL)
SIZES = ("4k", "16k", "40k", "48k", "56k", "64k", "80k", "200k")


class GivingOut(SqliteLedger):
    """From one of its writes on, no file may grow beyond a size."""

    gives_out_before = 0
    size = 0
    puts = 0

    async def put(self, account: str, row: Any) -> bool:
        self.puts += 1
        if self.puts == self.gives_out_before:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.size))
        return await super().put(account, row)


async def once(ledger: SqliteLedger) -> dict[str, Any]:
    """Ask for one campaign; give what was said, and how often it was sent."""
    draft = CampaignDraft(sender_id=1, message_live_time=3600, message="hi", recipients=[380931111111])
    account = Account()
    async with ViberSession(ApiKey("key"), base_url=URL, transport=account.provider, ledger=ledger) as session:
        try:
            said = f"campaign {(await session.campaigns.create_once(draft, key='a')).task_id}"
        except ViberError as error:
            said = f"{type(error).__name__} {error.delivery.value}"
    return {"said": said, "posts": account.posts}


def mount(place: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"mode=0700,{options}", "tmpfs", str(place)], check=True)


def read_only(place: Path, *, made: bool) -> dict[str, Any]:
    """Ask for a campaign with a ledger on a disk that can only be read, and that was *made* before, or was not."""
    mount(place, "size=1m")
    if made:
        asyncio.run(SqliteLedger(place / "ledger").secret(ACCOUNT))
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    return asyncio.run(once(SqliteLedger(place / "ledger")))


def full(place: Path, size: str) -> dict[str, Any]:
    """Ask for a campaign with a ledger on a disk of *size*."""
    mount(place, f"size={size}")
    return asyncio.run(once(SqliteLedger(place / "ledger")))


def main() -> None:
    place = Path(sys.argv[1])
    said = {size: full(place, size) for size in SIZES}
    said |= {"made, then read-only": read_only(place, made=True), "read-only": read_only(place, made=False)}
    print(json.dumps(said))  # noqa: T201


if __name__ == "__main__":
    main()
