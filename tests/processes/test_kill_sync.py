"""A sync that is killed again and again, at any moment, ends where one that was left alone ends."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from tests.processes.children import Zygote
from tests.processes.keeper import DONE, SEEN, Keeper
from viber_async import ApiKey, RateLimit, SyncRefusedError, ViberSession
from viber_async._sansio.batches import BATCH
from viber_async._sansio.paging import MAX_LIMIT, OVERLAP

KILLS = int(os.environ.get("VIBER_TEST_SYNC_KILLS", "12"))
ROWS = int(os.environ.get("VIBER_TEST_SYNC_ROWS", "2500"))
CHANGED = 1100 if ROWS < 10_000 else ROWS // 20
"""How many are added, and as many removed: three batches or more."""
PER_SYNC = 6 if ROWS < 10_000 else 10
"""Kills of one sync, before it is let through to its end."""
FIRST = 380_500_000_000
WALKS = 3
"""For the plan, after the adds, and in the end."""
WALK = ceil((ROWS - OVERLAP) / (MAX_LIMIT - OVERLAP)) + 1
"""Pages of a walk of the plan, the empty one included."""

REMOVING = ("DELETE", "remove")


def moments(chance: random.Random) -> Iterator[tuple[str, int]]:
    """Give moments in the order of a sync, half of them in its writes, each with the number of its occurrence."""
    pages = [f"{when}" for when in ("headers", "before the answer", "mid answer", "after the answer")]
    writes = (*SEEN, *DONE)
    stages = (
        *(("walk 1", pages, WALK),),
        *(("before commit", ["begin"], 1), ("after commit", ["begin"], 1)),
        *(("POST", writes, 2), ("before commit", ["intend add", "settle add"], 2)),
        *(("after commit", ["intend add", "settle add"], 2), ("POST", writes, 2)),
        *(("walk 2", pages, WALK),),
        *(("DELETE", writes, 2), ("before commit", ["intend remove", "settle remove"], 2)),
        *(("after commit", ["intend remove", "settle remove"], 2), ("DELETE", writes, 2)),
        *(("walk 2", pages, WALK),),
        *(("before commit", ["finish"], 1), ("after commit", ["finish"], 1)),
    )
    for place in sorted(chance.sample(range(len(stages)), PER_SYNC)):
        stage, whens, most = stages[place]
        yield f"{stage}: {chance.choice(whens)}", chance.randint(1, most)


@define
class Story:
    """One sync from its first client to the one that saw its end."""

    provider: Keeper
    source: Path
    journal: Path
    wanted: set[int]
    others: set[int] = field(factory=set)
    """Put on the blacklist by somebody else after the plan was made."""
    late: int = 0
    """The phone that was to be removed, and that the source wants by now."""
    was_gone: bool = False
    kills: list[str] = field(factory=list)
    said: dict[str, Any] = field(factory=dict)

    def life_goes_on(self) -> None:
        """Between two clients: a person says stop who was to be removed, and another program adds a phone."""
        if self.provider.writes and not self.others:
            self.others = {FIRST + 9 * ROWS}
            self.provider.add(self.others)
        if not self.late and any(kill.startswith(REMOVING) or "remove" in kill for kill in self.kills):
            self.late = min(self.provider.removable)
            self.was_gone = self.late not in self.provider.ids
            self.wanted.add(self.late)
            self.provider.wanted.add(self.late)
            with self.source.open("a") as file:
                file.write(f"+{self.late}\n")

    async def client(self, zygote: Zygote, moment: str, nth: int) -> bool:
        """Run a client to its end, or to *moment*; tell whether it was killed."""
        commit = moment if "commit" in moment else ""
        self.provider.next_client("" if commit else moment, nth)
        await zygote.start(
            url=self.provider.url,
            source=str(self.source),
            journal=str(self.journal),
            max_remove=len(self.provider.removable),
            commit=commit,
            nth=nth,
        )
        *said, ended = await zygote.until_ended()
        self.said = said[-1] if said else {}
        if killed := ended["ended"] == -signal.SIGKILL:
            self.kills.append(moment)
        return killed

    def faults(self) -> list[str]:
        """Give what is not as it should be, now that the sync has ended."""
        provider, said = self.provider, self.said
        batches = 2 * ceil(CHANGED / BATCH) + bool(self.late) + len(self.kills)
        exact = {
            "converged": True,
            "wanted": len(self.wanted),
            "added": CHANGED,
            "already_there": len(self.wanted) - CHANGED,
            "removed": CHANGED - bool(self.late),
            "rejected": 0,
            "unverified": 0,
        }
        if self.kills and self.kills[-1] == "after commit: finish":  # it was over, and the one behind it began anew
            exact |= {"added": 0, "already_there": len(self.wanted), "removed": 0}
        found = {
            "phones missing": self.wanted - provider.ids.keys(),
            "phones of others missing": self.others - provider.ids.keys(),
            "phones too many": provider.ids.keys() - self.wanted - self.others,
            "wrong removals": set(provider.wrong),
            "report": {(name, said.get(name), value) for name, value in exact.items() if said.get(name) != value},
            "error": {said["error"]} if "error" in said else set(),
            "writes": {len(provider.writes)} if len(provider.writes) > batches else set(),
            "walks": {provider.walks} if provider.walks > WALKS + len(self.kills) + self.was_gone else set(),
        }
        return [f"{what}: {sorted(which, key=str)[:5]}, {self.kills}" for what, which in found.items() if which]


def a_story(directory: Path) -> Story:
    """Give a sync of which nothing has happened."""
    there, wanted = range(FIRST, FIRST + ROWS), range(FIRST + CHANGED, FIRST + CHANGED + ROWS)
    provider = Keeper(there)
    provider.removable, provider.wanted = set(there) - set(wanted), set(wanted)
    directory.mkdir()
    (source := directory / "wanted.txt").write_text("".join(f"{phone}\n" for phone in wanted))
    return Story(provider, source, directory / "journal", set(wanted))


async def told(story: Story, zygote: Zygote, chance: random.Random, kills: int) -> Story:
    """Let *story* happen, with up to *kills* kills."""
    async with story.provider:
        story.provider.strike = zygote.kill
        for moment, nth in list(moments(chance))[:kills]:
            if not await story.client(zygote, moment, nth):
                return story
            story.life_goes_on()
        await story.client(zygote, "", 1)
    return story


@pytest.mark.fault("D02")
@pytest.mark.timeout(3600)
async def test_a_sync_that_is_killed_again_and_again_ends_exactly(tmp_path: Path) -> None:
    """Nobody is missing, nobody is removed who is wanted or was not in the first plan, and little is done twice."""
    chance, stories = random.Random(7), list[Story]()
    async with Zygote() as zygote:
        while (done := sum(len(story.kills) for story in stories)) < KILLS:
            stories.append(await told(a_story(tmp_path / str(len(stories))), zygote, chance, KILLS - done))

    kills = [kill for story in stories for kill in story.kills]
    print(f"{len(kills)} kills of {len(stories)} syncs: {sorted(kills)}")  # noqa: T201

    assert [fault for story in stories for fault in story.faults()] == []
    assert sum(kill.startswith("DELETE") or kill.endswith("remove") for kill in kills) >= KILLS // 5


@pytest.mark.fault("M03")
async def test_a_lock_is_held_for_as_long_as_its_process_lives(tmp_path: Path) -> None:
    """Though it does nothing any more; with its last breath the next one may go on from its journal."""
    story, stopped = a_story(tmp_path / "one"), asyncio.Event()
    how = {"mode": "mirror", "max_remove": CHANGED, "journal": story.journal}
    async with Zygote() as zygote, story.provider as provider:

        def stop() -> None:
            os.kill(zygote.pid, signal.SIGSTOP)
            stopped.set()

        provider.strike = stop
        client = asyncio.ensure_future(story.client(zygote, "DELETE: before the answer", 1))
        await stopped.wait()
        async with ViberSession(
            ApiKey("sandbox-api-key"), base_url=provider.url, rate_limit=RateLimit(1_000_000)
        ) as session:
            with pytest.raises(SyncRefusedError, match=f"process {zygote.pid}") as caught:
                await session.blacklist.sync(story.source, **how)
            before = len(provider.writes)
            zygote.kill()
            killed = await client
            report = await session.blacklist.sync(story.source, **how)

    assert killed
    assert (caught.value.reason, before) == ("locked", ceil(CHANGED / BATCH) + 1)
    assert (report.converged, report.added, report.removed) == (True, CHANGED, CHANGED)
    assert provider.ids.keys() == story.wanted
