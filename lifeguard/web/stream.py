"""Every change as a server-sent event, to whoever listens and keeps up.

What is sent is about the present: a client that comes back asks for the boards anew.
A change is written out once, however many listen; of a burst all that comes within
`BATCH_SECONDS` is sent in one piece, and packed once for all who take it packed.
"""

from __future__ import annotations

from collections import Counter, deque
from functools import cached_property
from ipaddress import ip_address
from typing import TYPE_CHECKING
from zlib import MAX_WBITS, Z_BEST_SPEED, Z_SYNC_FLUSH, compressobj

import msgspec
from msgspec import Struct
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from zope.interface import implementer

from lifeguard.model import HistoryRow
from lifeguard.web.answers import takes_gzip
from lifeguard.web.errors import NotNow, TooMany
from lifeguard.web.views import BoardSummary, summary

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall

    from lifeguard.model import Change
    from lifeguard.web.callers import Callers
    from lifeguard.web.peers import Proxies
    from lifeguard.web.request import LabRequest
    from lifeguard.web.world import World

log = Logger()

HEARTBEAT_SECONDS = 15.0
"""A comment so often, so that both sides notice when the other is gone."""

BATCH_SECONDS = 0.5
"""From one sending of changes to the next; the first after a rest is sent at once."""

MOST_WAITING = 100
MOST_BYTES = 4 * 2**20
"""Batches, and bytes of them, that wait for a client that does not read; with more it
is dropped."""

MOST_LISTENERS = 1000
MOST_OF_A_CLIENT = 100
"""Streams at once; of one address so many, unless it is this machine's."""

HEARTBEAT = b": still here\n\n"

_GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


class Piece:
    """Some messages; each piece is packed by itself, and fits after any other."""

    def __init__(self, plain: bytes) -> None:
        self.plain = plain

    @cached_property
    def packed(self) -> bytes:
        """Raw deflate, that ends at a byte and refers to nothing before it."""
        packer = compressobj(Z_BEST_SPEED, wbits=-MAX_WBITS)
        return packer.compress(self.plain) + packer.flush(Z_SYNC_FLUSH)


class StreamedChange(Struct, frozen=True):
    """What happened to a board, and where it stands now."""

    change: HistoryRow
    board: BoardSummary


@implementer(IPushProducer)
class Listener:
    """One client, and what waits until it reads on."""

    def __init__(self, request: LabRequest, client: str | None) -> None:
        self.request, self.client = request, client
        self._paused = False
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        """So many wait."""
        self._is_packed = takes_gzip(request)
        if self._is_packed:
            request.setHeader("Content-Encoding", "gzip")
            self._wait(_GZIP_HEADER)
        request.registerProducer(self, True)

    def send(self, piece: Piece) -> None:
        """Write it now, or when the client reads on; a slow client is dropped."""
        self._wait(piece.packed if self._is_packed else piece.plain)
        self._write()
        if len(self._waiting) > MOST_WAITING or self._bytes > MOST_BYTES:
            self._drop()

    def end(self) -> None:
        """Nothing more will be sent; the request may be finished."""
        self.request.unregisterProducer()

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        self._write()

    def stopProducing(self) -> None:
        self._paused = True

    def _wait(self, data: bytes) -> None:
        self._waiting.append(data)
        self._bytes += len(data)

    def _write(self) -> None:
        while self._waiting and not self._paused:
            data = self._waiting.popleft()
            self._bytes -= len(data)
            self.request.write(data)

    def _drop(self) -> None:
        peer = self.request.getClientAddress()
        log.info("{peer} does not read the stream and is dropped", peer=peer)
        self._waiting.clear()
        self._bytes = 0
        self.request.abort()


class Stream:
    """The clients that hear of changes, each with what ends its request."""

    def __init__(self, world: World, callers: Callers, proxies: Proxies) -> None:
        self._world, self._callers, self._proxies = world, callers, proxies
        self._listeners: dict[Listener, Deferred[None]] = {}
        self._of_clients: Counter[str | None] = Counter()
        self._batch: list[bytes] = []
        self._rest: IDelayedCall | None = None
        """Ends when the next batch may be sent; None: it may be now."""
        self._heart = LoopingCall(self._beat)
        self._heart.clock = world.clock
        world.fleet.subscribe(self._changed)

    def listen(self, request: LabRequest) -> Deferred[None]:
        """Fires when lifeguard stops, when the inventory is another one, or within
        `HEARTBEAT_SECONDS` after the client would be let in no more; is cancelled
        when the client has gone.

        Raises NotNow or TooMany.
        """
        request.setHeader("Content-Type", "text/event-stream")
        request.setHeader("Cache-Control", "no-store")
        request.setHeader("Vary", "Accept-Encoding")
        if request.method == b"HEAD":
            return succeed(None)
        client = self._proxies.client_address(request)
        self._check_room(client)
        listener = Listener(request, client)
        ended: Deferred[None] = Deferred(lambda _: self._leave(listener))
        self._listeners[listener] = ended
        self._of_clients[client] += 1
        if not self._heart.running:
            self._heart.start(HEARTBEAT_SECONDS, now=False)
        listener.send(Piece(HEARTBEAT))
        return ended

    def close(self) -> None:
        """End every answer that is being given."""
        self._flush()
        for listener in tuple(self._listeners):
            self._end(listener)

    def _check_room(self, client: str | None) -> None:
        if len(self._listeners) >= MOST_LISTENERS:
            raise NotNow("as many streams are open as may be")
        if client is None or ip_address(client).is_loopback:
            return
        if self._of_clients[client] >= MOST_OF_A_CLIENT:
            text = "your address has as many streams open as it may"
            raise TooMany(text, HEARTBEAT_SECONDS)

    def _beat(self) -> None:
        """Whoever would be turned away by now hears no more."""
        for listener in tuple(self._listeners):
            if not self._callers.may_still(listener.request, "see"):
                self._end(listener)
        self._send(Piece(HEARTBEAT))

    def _end(self, listener: Listener) -> None:
        ended = self._listeners[listener]
        self._leave(listener)
        listener.end()
        ended.callback(None)

    def _leave(self, listener: Listener) -> None:
        del self._listeners[listener]
        self._of_clients[listener.client] -= 1
        if not self._of_clients[listener.client]:
            del self._of_clients[listener.client]
        if self._listeners:
            return
        self._heart.stop()
        self._batch.clear()
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    def _changed(self, change: Change) -> None:
        if not self._listeners:
            return
        self._batch.append(self._message(change))
        if self._rest is None:
            self._next_batch()

    def _message(self, change: Change) -> bytes:
        after, name = change.after, change.after.board
        board = summary(after, self._world.fleet.boards[name], self._world.now())
        data = msgspec.json.encode(StreamedChange(change.row, board))
        return b"id: %s/%d\ndata: %s\n\n" % (name.encode(), after.version, data)

    def _next_batch(self) -> None:
        """Send what there is, and rest; with nothing to send the rest is over."""
        self._rest = None
        if self._batch:
            self._flush()
            self._rest = self._world.clock.callLater(BATCH_SECONDS, self._next_batch)

    def _flush(self) -> None:
        batch, self._batch = b"".join(self._batch), []
        if batch:
            self._send(Piece(batch))

    def _send(self, piece: Piece) -> None:
        for listener in tuple(self._listeners):
            listener.send(piece)
