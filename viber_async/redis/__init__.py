"""One account, many processes: they share its allowance and its token through Redis (extra ``redis``).

Make a session with ``rate_limiter=RedisRateLimiter(client, "shop")`` and
``token_store=RedisTokenStore(client, "shop", secret=...)``. The second argument is a word of yours for the account: all
that use the same word, on the same Redis, share. The client stays yours; nothing here closes it.

There is no ledger in Redis. What Redis said was written may be gone after a crash or a failover of it, and a ledger
that forgets sends a campaign twice: use a `SqliteLedger`, or a store of yours that commits before it answers.
"""

from viber_async.redis._limiter import RedisRateLimiter
from viber_async.redis._tokens import RedisTokenStore

__all__ = ["RedisRateLimiter", "RedisTokenStore"]
