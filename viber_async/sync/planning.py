"""Makes a `SyncPlan`: reads the wanted side, walks past the other side, lets the guards speak. Writes nothing."""

from __future__ import annotations

import secrets
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from viber_async._sansio.difference import Difference, age_rule
from viber_async._sansio.guards import Facts, check, check_source
from viber_async._sansio.numbers import PRIME, Index, Phones
from viber_async.errors import SyncRefusedError
from viber_async.sync.plan import SyncPlan
from viber_async.sync.source import Source

if TYPE_CHECKING:
    from viber_async._sansio.difference import Changes, Earlier, IsYoung
    from viber_async._sansio.paging import WalkReport
    from viber_async._sansio.terms import Terms
    from viber_async.sync.bulk import Bulk
    from viber_async.sync.plan import StillWanted
    from viber_async.sync.source import Wanted
    from viber_async.sync.thread import OwnThread


def source_of(wanted: Wanted | Source, region: str | None, column: str | int | None) -> Source:
    """Give *wanted* as a source."""
    return wanted if isinstance(wanted, Source) else Source(wanted, region=region, column=column)


class Planner:
    """Makes one plan."""

    def __init__(self, bulk: Bulk, thread: OwnThread, terms: Terms, still_wanted: StillWanted | None) -> None:
        self._bulk = bulk
        self._thread = thread
        self._terms = terms
        self._still_wanted = still_wanted
        self.back = 0
        """Phones that an interrupted run removed, and that are there all the same."""
        self.anew = set[int]()
        """Phones that it was to remove, and that were put there anew since: they stay."""
        self._salt = secrets.randbelow(PRIME - 1) + 1  # 0 would leave the numbers as they are

    async def plan(self, source: Source, *, earlier: Earlier | None = None) -> SyncPlan:
        """Give the plan for what *source* wants; nothing is removed beyond an *earlier* run that is gone on with.

        What has become of its removals stands in `back` and `anew` then.

        Raises:
            SyncRefusedError: a guard objects; the rejects of *source* are with it.

        """
        try:
            return await self._planned(source, earlier)
        except SyncRefusedError as error:
            error.rejects = tuple(source.rejects)
            if error.reason == "rejects":
                first = error.rejects[0]
                error.add_note(f"the first of error.rejects: line {first.line:,}: {first.shown}: {first.reason}")
            raise

    async def _planned(self, source: Source, earlier: Earlier | None) -> SyncPlan:
        began = datetime.now(UTC)
        index = await self._read(source)
        wanted = await self._thread.run(index.__len__)  # millions are sorted now: seconds that the loop does not have
        check_source(self._terms, read=source.read, rejected=source.rejected, wanted=wanted)
        difference = Difference(index, terms=self._terms, salt=self._salt, is_young=self._age_rule())
        walk = await self._bulk.walk(difference.take, phase="walk", detailed=self._terms.detailed)
        finish = partial(difference.finish, earlier=earlier, unclear=source.unclear)
        return await self._thread.run(lambda: self._made(source, index, finish(), walk, began))

    async def _read(self, source: Source) -> Index:
        index = Index()
        async with aclosing(source.chunks()) as chunks:
            async for chunk in chunks:
                index.add(chunk)
                await self._bulk.told.tell("read", source.read, None)
        return index

    def _age_rule(self) -> IsYoung:
        """Give the rule about young rows: by this machine's clock or the provider's, whichever is behind."""
        now, theirs = datetime.now(UTC), self._bulk.caller.server_now()
        earlier = now if theirs is None else min(now, theirs)
        return age_rule(self._terms, now=earlier, time_zone=self._bulk.caller.time_zone)

    def _made(
        self,
        source: Source,
        index: Index,
        changes: Changes,
        walk: WalkReport,
        began: datetime,
    ) -> SyncPlan:
        self.back, self.anew = changes.back, changes.anew
        check(
            Facts(
                terms=self._terms,
                read=source.read,
                rejected=source.rejected,
                wanted=len(index),
                adds=changes.adds,
                removes=changes.removes,
                removable=changes.removable,
                walk=walk,
            )
        )
        return SyncPlan(
            adds=Phones(changes.adds),
            removes=Phones(changes.removes),
            rows=changes.rows,
            wanted=index,
            unchanged=changes.unchanged,
            read=source.read,
            duplicates=source.read - source.rejected - len(index),
            rejected=source.rejected,
            rejects=tuple(source.rejects),
            kept=changes.kept,
            unread=changes.unread,
            walk=walk,
            wanted_digest=f"{changes.wanted_print:x}",
            remote_digest=f"{changes.remote_print:x}",
            rest_digest=f"{changes.rest_print:x}",
            salt=self._salt,
            terms=self._terms,
            source=source.name,
            account=self._bulk.caller.account,
            created_at=began,
            id=secrets.token_hex(16),
            asks=self._still_wanted is not None,
            left=changes.left,
            still_wanted=self._still_wanted,
        )
