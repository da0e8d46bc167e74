"""What your own tests can use: fixtures, canned answers, made-up results, and time that does not pass.

The fixtures `viber_sandbox`, `viber_session` and `viber_environment` are there wherever pytest and the extra `testing`
are installed (`viber_async.testing.plugin`); the rest is here, and needs no pytest.
"""

from viber_async.testing._canned import CannedRequest, CannedTransport, NoCannedAnswerError, in_turn
from viber_async.testing._made import make
from viber_async.testing._recorder import AnswerRecorder, without_persons
from viber_async.testing._virtual_time import VirtualTimeLoop, in_virtual_time, run_in_virtual_time

__all__ = [
    # a provider that says what it is told to
    "CannedTransport",
    "CannedRequest",
    "in_turn",
    "NoCannedAnswerError",
    # results without a provider
    "make",
    # time
    "in_virtual_time",
    "run_in_virtual_time",
    "VirtualTimeLoop",
    # what the real provider said, without anybody in it
    "AnswerRecorder",
    "without_persons",
]
