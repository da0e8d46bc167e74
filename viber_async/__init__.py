"""Asyncio client for SendPulse's Viber campaign API.

Everything public is here, in `viber_async.sandbox` (a stand-in of the provider) and in the modules of the extras.

Each name is imported from its module when it is first used (PEP 562), so that a program pays for what it uses.
"""

import importlib
import typing

from viber_async._version import __version__
from viber_async.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConnectionFailedError,
    DeadlineExceededError,
    DecodeError,
    Delivery,
    DuplicateCampaignError,
    KeyConflictError,
    LedgerError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ProtocolError,
    QueueFullError,
    QuotaError,
    RateLimitError,
    RequestTimeoutError,
    ResponseTooLargeError,
    ServerError,
    SessionClosedError,
    SessionLoopError,
    SyncError,
    SyncInterruptedError,
    SyncRefusedError,
    TransportError,
    UsageError,
    ValidationError,
    ViberError,
)

# What checkers and editors see; `_HOMES` says the same to the interpreter, and a test compares them.
if typing.TYPE_CHECKING:
    from viber_async._blacklist import Blacklist
    from viber_async._campaigns import Campaigns
    from viber_async._defaults import DEFAULT, Timeout
    from viber_async._following import CampaignWatch
    from viber_async._ledger import Ledger, SqliteLedger
    from viber_async._limiter import PacedLimiter, RateLimiter, RateStatistics, Turn
    from viber_async._middleware import Attempt, CallNext, Middleware
    from viber_async._pages import PageIterator, Pages
    from viber_async._sansio.answer import Answer
    from viber_async._sansio.blacklist import BlacklistAdded, BlacklistEntry, BlacklistRemoved
    from viber_async._sansio.campaigns import (
        Button,
        Campaign,
        CampaignDraft,
        CampaignRecipients,
        CampaignStatistics,
        CampaignStatus,
        CampaignSummary,
        CreatedCampaign,
        Image,
        MessageType,
        Recipient,
        RecipientStatus,
        ResendSms,
    )
    from viber_async._sansio.converter import to_dict
    from viber_async._sansio.ledger import LedgerRow
    from viber_async._sansio.outcome import CreateHandle
    from viber_async._sansio.paging import WalkReport
    from viber_async._sansio.phones import phone
    from viber_async._sansio.privacy import mask_phone
    from viber_async._sansio.rate import Lane, RateLimit
    from viber_async._sansio.raw import ApiResponse
    from viber_async._sansio.reconcile import Reconciliation, Verdict
    from viber_async._sansio.retry import RetryPolicy
    from viber_async._sansio.senders import Sender, SenderStatus
    from viber_async._sansio.sync_report import RefusedPhone, SyncReport
    from viber_async._sansio.tokens import ApiKey, ClientCredentials, StoredToken
    from viber_async._sansio.unknown import UnknownName
    from viber_async._senders import Senders
    from viber_async._session import SessionStatistics, ViberSession
    from viber_async._stream import RowStream
    from viber_async._token_store import FileTokenStore, MemoryTokenStore, TokenStore
    from viber_async.sync.callbacks import SyncProgress
    from viber_async.sync.plan import SyncPlan

__all__ = [
    # session
    "ViberSession",
    "ClientCredentials",
    "ApiKey",
    "Timeout",
    "RetryPolicy",
    "RateLimit",
    "Lane",
    "DEFAULT",
    "SessionStatistics",
    "RateStatistics",
    "UnknownName",
    "ApiResponse",
    # campaigns
    "Campaigns",
    "CampaignWatch",
    "CampaignDraft",
    "Button",
    "Image",
    "ResendSms",
    "MessageType",
    "CreatedCampaign",
    "CreateHandle",
    "Reconciliation",
    "Verdict",
    "CampaignSummary",
    "Campaign",
    "CampaignStatistics",
    "CampaignStatus",
    "CampaignRecipients",
    "Recipient",
    "RecipientStatus",
    # senders
    "Senders",
    "Sender",
    "SenderStatus",
    # blacklist
    "Blacklist",
    "BlacklistEntry",
    "BlacklistAdded",
    "BlacklistRemoved",
    "SyncPlan",
    "SyncReport",
    "SyncProgress",
    "RefusedPhone",
    # walks
    "Pages",
    "PageIterator",
    "WalkReport",
    "RowStream",
    # values
    "to_dict",
    "phone",
    "mask_phone",
    # seams
    "Ledger",
    "LedgerRow",
    "SqliteLedger",
    "RateLimiter",
    "PacedLimiter",
    "Turn",
    "TokenStore",
    "MemoryTokenStore",
    "FileTokenStore",
    "StoredToken",
    "Middleware",
    "CallNext",
    "Attempt",
    "Answer",
    # errors
    "Delivery",
    "ViberError",
    "UsageError",
    "ValidationError",
    "ConfigurationError",
    "SessionClosedError",
    "SessionLoopError",
    "ApiError",
    "AuthenticationError",
    "PermissionDeniedError",
    "NotFoundError",
    "BadRequestError",
    "RateLimitError",
    "QuotaError",
    "ServerError",
    "DecodeError",
    "ResponseTooLargeError",
    "TransportError",
    "ConnectionFailedError",
    "RequestTimeoutError",
    "ProtocolError",
    "DeadlineExceededError",
    "QueueFullError",
    "OutcomeUnknownError",
    "DuplicateCampaignError",
    "LedgerError",
    "KeyConflictError",
    "SyncError",
    "SyncRefusedError",
    "SyncInterruptedError",
    "__version__",
]

if not typing.TYPE_CHECKING:  # else a checker would believe that every name exists
    _HOMES = {
        "_blacklist": "Blacklist",
        "_campaigns": "Campaigns",
        "_defaults": "DEFAULT Timeout",
        "_following": "CampaignWatch",
        "_ledger": "Ledger SqliteLedger",
        "_limiter": "PacedLimiter RateLimiter RateStatistics Turn",
        "_middleware": "Attempt CallNext Middleware",
        "_pages": "PageIterator Pages",
        "_sansio.answer": "Answer",
        "_sansio.blacklist": "BlacklistAdded BlacklistEntry BlacklistRemoved",
        "_sansio.campaigns": (
            "Button Campaign CampaignDraft CampaignRecipients CampaignStatistics CampaignStatus CampaignSummary "
            "CreatedCampaign Image MessageType Recipient RecipientStatus ResendSms"
        ),
        "_sansio.converter": "to_dict",
        "_sansio.ledger": "LedgerRow",
        "_sansio.outcome": "CreateHandle",
        "_sansio.paging": "WalkReport",
        "_sansio.phones": "phone",
        "_sansio.privacy": "mask_phone",
        "_sansio.rate": "Lane RateLimit",
        "_sansio.raw": "ApiResponse",
        "_sansio.reconcile": "Reconciliation Verdict",
        "_sansio.retry": "RetryPolicy",
        "_sansio.senders": "Sender SenderStatus",
        "_sansio.sync_report": "RefusedPhone SyncReport",
        "_sansio.tokens": "ApiKey ClientCredentials StoredToken",
        "_sansio.unknown": "UnknownName",
        "_senders": "Senders",
        "_session": "SessionStatistics ViberSession",
        "_stream": "RowStream",
        "_token_store": "FileTokenStore MemoryTokenStore TokenStore",
        "sync.callbacks": "SyncProgress",
        "sync.plan": "SyncPlan",
    }
    _HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

    def __getattr__(name: str) -> object:
        """Give what is public under *name*, imported now and kept."""
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = found = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
        return found

    def __dir__() -> list[str]:
        """Give all that is public, imported or not."""
        return sorted({*globals(), *__all__})
