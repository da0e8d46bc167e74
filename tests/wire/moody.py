"""A provider of ill humour, in a process of its own, for soaking: prints its address, and works until it is killed."""

from __future__ import annotations

import asyncio
import random
import sys

from tests.wire.hostile import Hostile, Peer, answer
from tests.wire.ways import ANSWERS

SLOW = 0.2
"""Seconds that an answer may take at most."""


async def moody(peer: Peer) -> None:
    """Answer, mostly; now and then refuse, break off, take long, or hang up."""
    while True:
        request = await peer.next_request()
        peer.requests.clear()
        peer._taken = 0
        raw, mood = answer(peer.server.honest_value(request)), random.random()
        await asyncio.sleep(random.random() * (SLOW if mood < 0.1 else SLOW / 20))
        match int(mood * 1000):
            case 0:
                raw = answer({"message": "refused"}, 401)
            case 1:
                raw = answer({"message": "too many"}, 429, retry_after="1")
            case n if n < 20:
                raw = answer({"message": "busy"}, 503)
            case n if n < 40:
                await peer.send(raw[: random.randrange(len(raw))])
                return
            case n if n < 60:
                peer.close(reset=True)
                return
            case n if n < 100:
                await peer.send(raw.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1))
                return
        cut = random.randrange(len(raw))
        await peer.send(raw[:cut])
        await asyncio.sleep(0)
        await peer.send(raw[cut:])


async def main() -> None:
    async with Hostile(then=(moody,), answers=ANSWERS) as server:
        sys.stdout.write(server.url + "\n")
        sys.stdout.flush()
        while True:
            await asyncio.sleep(1)
            server.peers[:] = [peer for peer in server.peers if peer._sock.fileno() >= 0]
            server._tasks[:] = [task for task in server._tasks if not task.done()]


if __name__ == "__main__":
    asyncio.run(main())
