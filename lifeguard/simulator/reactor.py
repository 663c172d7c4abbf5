"""What the simulator asks of a reactor, under one name."""

from __future__ import annotations

from twisted.internet.interfaces import (
    IReactorCore,
    IReactorFDSet,
    IReactorTCP,
    IReactorTime,
    IReactorUDP,
)


class IReactor(IReactorCore, IReactorFDSet, IReactorTCP, IReactorTime, IReactorUDP):
    """Twisted's reactors for POSIX systems all are one."""
