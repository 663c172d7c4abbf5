"""Where a store waits for the disk: one thread writes, a few read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IReactorThreads

Answer = TypeVar("Answer")

READERS = 3


class Threads(Protocol):
    """Runs what would hold up the reactor, and answers in the reactor."""

    def write(self, function: Callable[[], Answer]) -> Deferred[Answer]:
        """Run `function` when those given before have ended."""

    def read(self, function: Callable[[], Answer]) -> Deferred[Answer]:
        """Run `function` beside others."""

    def close(self) -> Deferred[None]:
        """End the threads, after what they were given. Nothing may be given then."""


class WorkerThreads:
    """Threads of their own, begun at the first use: a daemon forks before it."""

    def __init__(self, reactor: IReactorThreads) -> None:
        self._reactor = reactor
        self._writer = ThreadPool(0, 1, name="store-writer")
        self._readers = ThreadPool(0, READERS, name="store-reader")
        self._writer.start()
        self._readers.start()

    def write(self, function: Callable[[], Answer]) -> Deferred[Answer]:
        return deferToThreadPool(self._reactor, self._writer, function)

    def read(self, function: Callable[[], Answer]) -> Deferred[Answer]:
        return deferToThreadPool(self._reactor, self._readers, function)

    def close(self) -> Deferred[None]:
        return deferToThreadPool(
            self._reactor, self._reactor.getThreadPool(), self._stop
        )

    def _stop(self) -> None:
        """Waits for the threads, so not in the reactor's own."""
        self._writer.stop()
        self._readers.stop()
