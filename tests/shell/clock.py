"""Virtual time, under the names that the tests of this house use: users have it from `viber_async.testing`."""

from viber_async.testing import VirtualTimeLoop, in_virtual_time
from viber_async.testing import run_in_virtual_time as run

__all__ = ["VirtualTimeLoop", "in_virtual_time", "run"]
