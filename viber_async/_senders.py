"""``session.senders``: the names that campaigns are sent from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from viber_async._sansio import senders as calls

if TYPE_CHECKING:
    from viber_async._sansio.senders import Sender
    from viber_async._session import Caller


class Senders:
    """The account's senders.

    ```python
    verified = [s for s in await session.senders.list() if s.status == "verified"]
    ```
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def list(self) -> tuple[Sender, ...]:
        """Give all senders of the account (``GET /viber/senders``, which has no pages)."""
        return await self._caller.get(calls.list_senders())

    async def get(self, sender_id: int) -> Sender:
        """Give one sender (``GET /viber/senders/{id}``).

        Raises:
            NotFoundError: the account has no such sender.

        """
        return await self._caller.get(calls.get_sender(sender_id))
