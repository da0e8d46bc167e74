"""A stand-in for the provider to run against: stateful, strict, on a real loopback socket, with faults on cue.

It knows the provider's documentation and nothing of the client: neither imports the other.
"""

from viber_async.sandbox._account import (
    SandboxCampaign,
    SandboxCredentials,
    SandboxEntry,
    SandboxLimits,
    SandboxMailingList,
    SandboxSender,
)
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
