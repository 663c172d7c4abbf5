"""What the composition root does to its process."""

from __future__ import annotations

from resource import RLIMIT_NOFILE, getrlimit, setrlimit

from twisted.internet.error import ReactorNotRunning

from lifeguard.tap import raise_descriptor_limit, stop_once


def test_there_may_be_as_many_descriptors_as_the_system_allows() -> None:
    """A service gets 1024, and a lab that is switched on takes more."""
    soft, hard = getrlimit(RLIMIT_NOFILE)
    setrlimit(RLIMIT_NOFILE, (hard - 1, hard))
    raise_descriptor_limit()
    assert getrlimit(RLIMIT_NOFILE) == (hard, hard)
    setrlimit(RLIMIT_NOFILE, (soft, hard))


class Stopping:
    """A reactor that can be stopped once, as Twisted's."""

    def __init__(self) -> None:
        self.stops = 0

    def stop(self) -> None:
        if self.stops:
            raise ReactorNotRunning
        self.stops += 1


def test_a_second_stop_is_none() -> None:
    """Two Ctrl-C, as a relay board that is ill has the first one take its time."""
    reactor = Stopping()
    stop_once(reactor)
    reactor.stop()
    reactor.stop()
    assert reactor.stops == 1
