"""`viber-async doctor`: is everything there that campaigns need? It reads, and neither sends nor spends anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from viber_async.cli._checks import Check, Checks, all_checks
from viber_async.cli._exits import Exit, exit_of
from viber_async.cli._options import Json, LedgerFile, Plain
from viber_async.cli._run import stoppable, wait_for
from viber_async.cli._tell import Teller, done

if TYPE_CHECKING:
    from viber_async.cli._report import Outcome


def doctor(*, ledger: LedgerFile = None, as_json: Json = False, plain: Plain = False) -> None:
    """Check credentials, TLS, clock, senders, blacklist, ledger and Redis; nothing is sent or spent.

    Exit code 0 if all is well, 1 if something is not as it should be, and that of the first error where one kept it
    from looking: 5 for the network, 6 for refused credentials, a certificate that does not fit or a ledger that cannot
    be used, 64 for missing credentials. What could not be looked at is said to be so. A ledger that is not there yet is
    worth a word, and no mistake.
    """
    teller = Teller(as_json=as_json, plain=plain, stopped="nothing was changed")
    with teller.telling():
        teller.end(_told(teller, wait_for(stoppable(all_checks(ledger)))))


def _told(teller: Teller, found: list[Check]) -> Outcome:
    if not teller.as_json:
        teller.result.draw(Checks(found))
    wrong = [check for check in found if check.state == "no"]
    said = "Something is wrong." if wrong else "All is well."
    return done({"checks": [check.facts() for check in found]}, said, code=code_of(wrong))


def code_of(wrong: list[Check]) -> Exit:
    """Give the exit code for what was found wrong."""
    if not wrong:
        return Exit.IN_SYNC
    return next((exit_of(check.error) for check in wrong if check.error is not None), Exit.MISTAKE)
