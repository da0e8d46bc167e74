"""A stand-in for the provider to run against: stateful, strict, on a real loopback socket, with faults on cue.

It knows the provider's documentation and nothing of the client: neither imports the other.
"""

from importlib import import_module

try:
    for _name in ("starlette", "uvicorn"):
        import_module(_name)
except ModuleNotFoundError as _missing:  # pragma: no cover - tested in a process that lacks them
    raise ModuleNotFoundError(
        f"the sandbox needs {_missing.name}, which is not installed: pip install 'viber-async[sandbox]'",
        name=_missing.name,
    ) from None

from viber_async.sandbox._account import (
    SandboxCampaign,
    SandboxCredentials,
    SandboxLimits,
    SandboxMailingList,
    SandboxSender,
)
from viber_async.sandbox._blacklist import SandboxEntry
from viber_async.sandbox._clock import SandboxClock
from viber_async.sandbox._faults import Fault, SandboxFaults, SandboxPlan
from viber_async.sandbox._journal import SandboxRequest
from viber_async.sandbox._life import SandboxFate, SandboxPace
from viber_async.sandbox._rate import SandboxRate
from viber_async.sandbox._sandbox import Sandbox

__all__ = [
    "Sandbox",
    "SandboxCredentials",
    # what the account has and may do
    "SandboxSender",
    "SandboxMailingList",
    "SandboxLimits",
    # time, and what comes of a campaign
    "SandboxClock",
    "SandboxPace",
    "SandboxFate",
    # what goes wrong
    "Fault",
    "SandboxFaults",
    "SandboxPlan",
    # what arrived, and what came of it
    "SandboxRequest",
    "SandboxRate",
    "SandboxCampaign",
    "SandboxEntry",
]
