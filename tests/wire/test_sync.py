"""A sync as it runs at night: real sockets, real files, real threads."""

from __future__ import annotations

from viber_async import RateLimit, ViberSession
from viber_async.sandbox import Sandbox

FIRST = 380931111111


async def test_a_sync_adds_and_removes_on_real_sockets(tmp_path):
    """And its report adds up."""
    wanted = tmp_path / "wanted.txt"
    wanted.write_text("".join(f"{FIRST + i}\n" for i in range(1500)))
    async with Sandbox(rate_limit=None) as sandbox:
        sandbox.block(*range(FIRST + 1400, FIRST + 1510))
        async with ViberSession(sandbox.credentials, base_url=sandbox.url, rate_limit=RateLimit(200)) as session:
            report = await session.blacklist.sync(wanted, mode="mirror", journal=tmp_path / "journal")

    assert report.converged
    assert (report.already_there, report.added, report.removed) == (100, 1400, 10)
    assert sandbox.blacklisted == set(range(FIRST, FIRST + 1500))
    assert report.seconds > 0
