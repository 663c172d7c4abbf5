"""One file on its way to one client: a piece at a time, as fast as the client reads.

A client that does not read holds one piece. What is in the machine's memory is read
at once, in turns with other clients; a disk is waited for in a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.interfaces import IPushProducer
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from zope.interface import implementer

from lifeguard.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.python.failure import Failure

    from lifeguard.netboot.files import FileContent
    from lifeguard.web.request import LabRequest

log = Logger()

PIECE = 128 * 1024
"""Bytes; more than a transport takes before it pauses, so that it never holds two."""

STALLED_SECONDS = 300.0
"""A client that has read nothing for so long has gone, or means no well."""

READS_AT_ONCE = 4
"""Threads that may wait for a disk; the reactor's others are left to others."""


TURN_SECONDS = 0.002
"""Of each turn of the reactor; it has more urgent things to do than files."""


class Lanes:
    """What the transfers share: the reactor's time, and the disk.

    The reactor is asked for its clock, and for its threads when a disk must be
    waited for.
    """

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.turns = Turns(reactor, TURN_SECONDS)
        self.room = memoryview(bytearray(PIECE))
        """Where a piece is read to; it is empty between turns."""
        self._disk = DeferredSemaphore(READS_AT_ONCE)

    def read(self, file: FileContent, offset: int, length: int) -> Deferred[bytes]:
        """Read in a thread; a Deferred that is never cancelled."""
        pool = self.reactor.getThreadPool()
        return self._disk.run(
            deferToThreadPool, self.reactor, pool, file.read, offset, length
        )


@implementer(IPushProducer)
class Transfer:
    """Writes the bytes of `part` to a request; closes the file when it ends.

    `done` fires when the last byte is written, and is cancelled when the client has
    gone. `sent` hears where each piece began and ended. `ended` is called once, when
    the file is closed.
    """

    def __init__(
        self,
        file: FileContent,
        part: range,
        request: LabRequest,
        lanes: Lanes,
        sent: Callable[[int, int], None],
        ended: Callable[[], None],
    ) -> None:
        self.done: Deferred[None] = Deferred(lambda _: self._end())
        self._file, self._request = file, request
        self._offset, self._stop = part.start, part.stop
        self._lanes, self._reactor = lanes, lanes.reactor
        self._sent, self._ended = sent, ended
        self._is_paused = self._is_busy = self._is_reading = False
        self._has_ended = False
        self._moved = self._reactor.seconds()
        self._watch = self._reactor.callLater(STALLED_SECONDS, self._look)
        request.registerProducer(self, True)
        self._go_on()

    def resumeProducing(self) -> None:
        self._is_paused = False
        self._moved = self._reactor.seconds()
        self._go_on()

    def pauseProducing(self) -> None:
        self._is_paused = True

    def stopProducing(self) -> None:
        self._is_paused = True

    def _go_on(self) -> None:
        """Wait for a turn, but never for two."""
        if self._is_paused or self._is_busy or self._has_ended:
            return
        self._is_busy = True
        self._lanes.turns.wait(self._take_turn)

    def _take_turn(self) -> None:
        if self._has_ended:
            return
        length = min(PIECE, self._stop - self._offset)
        room = self._lanes.room[:length]
        if count := self._file.read_cached(self._offset, room):
            return self._write(bytes(room[:count]))
        self._is_reading = True
        reading = self._lanes.read(self._file, self._offset, length)
        reading.addBoth(self._is_read).addCallbacks(self._write, self._cut)

    def _is_read(self, piece: Any) -> Any:
        self._is_reading = False
        if self._has_ended:
            self._close()
        return piece

    def _write(self, piece: bytes) -> None:
        if self._has_ended:
            return
        self._is_busy = False
        self._request.write(piece)
        start, self._offset = self._offset, self._offset + len(piece)
        self._sent(start, self._offset)
        if self._offset < self._stop:
            return self._go_on()
        self._request.unregisterProducer()
        self._end()
        self.done.callback(None)

    def _cut(self, failure: Failure) -> None:
        """The rest cannot be had, and nobody shall take the part for the whole."""
        path, error = self._request.path, failure.value
        log.error("{path}: {error}", path=path.decode("latin-1"), error=error)
        if not self._has_ended:
            self._request.abort()

    def _look(self) -> None:
        """Whether the client still reads."""
        left = self._moved + STALLED_SECONDS - self._reactor.seconds()
        if left > 0:
            self._watch = self._reactor.callLater(left, self._look)
            return
        peer = self._request.getClientAddress()
        log.info("{peer} does not read its file and is dropped", peer=peer)
        self._request.abort()

    def _end(self) -> None:
        self._has_ended = True
        if self._watch.active():
            self._watch.cancel()
        if not self._is_reading:  # a thread has no descriptor of its own
            self._close()

    def _close(self) -> None:
        self._file.close()
        self._ended()
