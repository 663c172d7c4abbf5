"""What the composition root does to its process."""

from __future__ import annotations

from resource import RLIMIT_NOFILE, getrlimit, setrlimit

from lifeguard.tap import raise_descriptor_limit


def test_there_may_be_as_many_descriptors_as_the_system_allows() -> None:
    """A service gets 1024, and a lab that is switched on takes more."""
    soft, hard = getrlimit(RLIMIT_NOFILE)
    setrlimit(RLIMIT_NOFILE, (hard - 1, hard))
    raise_descriptor_limit()
    assert getrlimit(RLIMIT_NOFILE) == (hard, hard)
    setrlimit(RLIMIT_NOFILE, (soft, hard))
