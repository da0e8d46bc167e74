"""No whole phone and no secret in what the command prints, with `--debug` and `--json` too, whatever the provider says.

The phones and the secret are drawn anew for each test.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.serving import serving
from tests.shell.canary import Canary
from viber_async.cli import create
from viber_async.sandbox import Fault, Sandbox, SandboxPace

AT_ONCE = SandboxPace(0, sending=0, delivery=0, reading=0, clicking=0)


@pytest.fixture
def canary() -> Canary:
    return Canary()


@pytest.fixture
def provider(monkeypatch, canary):
    """A sandbox with the canary's credentials, to which the environment leads."""
    credentials = ("the-id", canary.secret)
    with serving(Sandbox(credentials=credentials, rate_limit=None, pace=AT_ONCE)) as sandbox:
        for name in ("SENDPULSE_API_KEY", "VIBER_ASYNC_LEDGER", "REDIS_URL"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("SENDPULSE_BASE_URL", sandbox.url)
        monkeypatch.setenv("SENDPULSE_API_ID", credentials[0])
        monkeypatch.setenv("SENDPULSE_API_SECRET", canary.secret)
        monkeypatch.setattr(create, "can_ask", lambda: False)
        yield sandbox


def commands(canary: Canary, folder: Path, campaign: int) -> list[tuple[object, ...]]:
    """One of each, with phones wherever one can stand."""
    first, second, third = canary.phones
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{first}\n{second}\n+{third}\nx{first}\n")
    some = (wanted, "--max-reject", 1)
    ledger = ("--ledger", folder / "ledger")
    create = ("campaigns", "create", "--sender", 1, "--live", "1h", "--text", "hi", "--yes", "--to", first)
    return [
        ("senders", "list"),
        (*create, "--to", second),
        (*create, "--recipients", wanted),
        (*create, "--to", f"{second}x"),
        (*create, "--key", f"order {first}", *ledger),
        ("campaigns", "list"),
        ("campaigns", "show", campaign),
        ("campaigns", "recipients", campaign),
        ("campaigns", "watch", campaign),
        ("campaigns", "reconcile", *ledger),
        ("blacklist", "add", *some),
        ("blacklist", "add", "--phone", first, "--phone", f"{third}x"),
        ("blacklist", "plan", *some),
        ("blacklist", "sync", *some, "--journal", folder / "journal"),
        ("blacklist", "verify", *some),
        ("blacklist", "remove", "--phone", first, "--phone", second),
        ("doctor",),
    ]


SAYS = {
    "what it should": None,
    "no": lambda said: Fault.answer({"message": said, "errors": {said: [said]}}, status=422),
    "nonsense": lambda said: Fault.answer([{said: said}]),
}


@pytest.mark.parametrize("says", SAYS)
@pytest.mark.fault("S04")
def test_nothing_that_is_printed_shows_anybody(says, provider, command, canary, tmp_path) -> None:
    """Of any command."""
    command("campaigns", "create", "--sender", 1, "--live", "1h", "--text", "hi", "--to", canary.phones[0], "--yes")
    if SAYS[says] is not None:
        for place in ("/viber*", "/v2/*"):
            provider.faults.add(SAYS[says](f"for {canary.phones}"), on=place, times=None)
    for args in commands(canary, tmp_path, provider.campaigns[0].id):
        if says == "nonsense" and args[0] == "blacklist":
            continue  # a sync waits for what may pass
        for options in ([], ["--json"]):
            _, out, err = command("--debug", *args, *options)
            canary.look(f"{args[:2]} stdout", out)
            canary.look(f"{args[:2]} stderr", err)
    if (ledger := tmp_path / "ledger").exists():
        canary.look("ledger", ledger.read_bytes())

    assert canary.seen == []


def test_the_canary_sings(provider, command, canary) -> None:
    """What is asked to show whole phones does."""
    first = canary.phones[0]
    command("campaigns", "create", "--sender", 1, "--live", "1h", "--text", "hi", "--to", first, "--yes")
    _, out, _ = command("campaigns", "recipients", provider.campaigns[0].id, "--json", "--show-phones")
    canary.look("stdout", out)

    assert json.loads(out)
    assert canary.seen
