"""How late a request of this process may reach the provider, after the moment that was its turn.

Turns that are handed out beforehand have to be far enough apart for the latest request, and that is foretold here from
the latest turns of one process. Two kinds of lateness are told apart. How late the process comes to its turn it sees
before it sends anything, and lets the turn go if it is too much: one of them is an accident and costs a turn, and only
the second makes room for itself. What comes after that, the way to the wire and the network, cannot be taken back, and
is believed at once.
"""

from __future__ import annotations

from collections import deque
from typing import Final

UNTAUGHT: Final = 2
"""Requests of a process before what they say is believed; the first is forgotten, as it pays for the connection."""
REMEMBERED: Final = 10
"""Turns that a process remembers."""


class Lateness:
    """Foretells how late this process's next request may be; never more than *most* seconds."""

    def __init__(self, most: float) -> None:
        self.most = most
        self.excess = 0.0
        """Seconds beyond what was foretold that those who come behind have not been told of yet."""
        self._requests = 0
        self._came: deque[float] = deque(maxlen=REMEMBERED)
        self._went: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def told(self) -> float:
        """Give the seconds that the next request may be late."""
        if self._requests < UNTAUGHT:
            return self.most
        second = sorted(self._came)[-2:-1] or [0.0]
        return min(self.most, second[0] + max(self._went))

    def came(self, late: float) -> None:
        """Learn how *late* the process came to its turn; what was too late for any room is not learnt."""
        if late <= self.most:
            self._came.append(late)

    def went(self, later: float) -> None:
        """Learn how much *later* than that the request was."""
        self._requests += 1
        if self._requests > 1:
            self._went.append(min(later, self.most))
