"""Carries the packets of all transfers; what they say is for each transfer to decide.

To the reactor they are one reader: an epoll of their sockets, and of the port that
requests come to. One event of Twisted's costs as much as a packet, so each wakeup takes
many packets, and gives way after two milliseconds, or sooner while HTTP and the relays
have work. One timer serves all transfers.
"""

from __future__ import annotations

import math
import select
from functools import partial
from socket import MSG_PEEK
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from zope.interface import implementer

from lifeguard.netboot.packets import Unreadable
from lifeguard.netboot.wheel import TICK, Wheel
from lifeguard.wire.tftp import Error

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from lifeguard.netboot.delivery import Connection, Delivery

log = Logger()

BUDGET = 0.002
"""Seconds after which the rest of the reactor has its turn."""

SMALL_BUDGET = 0.00025
"""The same, while the rest of the reactor has something to do."""

_IDLE_TURN = 0.0002  # seconds; what the reactor needs to come round for nothing
_BUSY = 0.02  # seconds for which the rest has more to do when it had something

_ENOUGH = 4  # bytes of a packet: an ACK's, and an ERROR's without its text
_EVENTS_AT_ONCE = 16  # between two looks at the clock; some take a tenth of a ms

_ERROR = bytes(Error(0))[:2]


class Reactor(Protocol):
    """What transfers need of a reactor: its clock and its ear."""

    def seconds(self) -> float: ...

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: object
    ) -> IDelayedCall: ...

    def addReader(self, reader: IReadDescriptor) -> None: ...

    def removeReader(self, reader: IReadDescriptor) -> None: ...


class Poller(Protocol):
    """An epoll."""

    def fileno(self) -> int: ...

    def register(self, handle: int, events: int, /) -> None: ...

    def unregister(self, handle: int, /) -> None: ...

    def poll(
        self, timeout: float | None = None, maxevents: int = -1
    ) -> list[tuple[int, int]]: ...

    def close(self) -> None: ...


@implementer(IReadDescriptor)
class Pump:
    """Runs deliveries between `open` and `close`, once.

    Whatever goes wrong ends one of them and no other.
    """

    def __init__(self, reactor: Reactor, poller: Poller) -> None:
        self._reactor = reactor
        self._poller = poller
        self._deliveries: dict[int, Delivery] = {}
        """By the number of their handle."""
        self._readers: dict[int, IReadDescriptor] = {}
        """The same of all else."""
        self._wheel: Wheel[Delivery] = Wheel()
        self._timer: IDelayedCall | None = None
        self._gave_way, self._busy_until = math.inf, 0.0
        """When it gave way with more to take; until when others seem to have work."""

    def open(self) -> None:
        """Begin to listen."""
        self._reactor.addReader(self)

    def close(self) -> None:
        """End all deliveries, and listen no more."""
        self._stop_all()
        self._reactor.removeReader(self)
        self._poller.close()
        if self._timer is not None:
            self._timer.cancel()

    def start(self, delivery: Delivery) -> None:
        """Send the first packet and begin to listen."""
        self._poller.register(delivery.handle, select.EPOLLIN)
        self._deliveries[delivery.handle] = delivery
        now = self._reactor.seconds()
        self._step(delivery, partial(delivery.transfer.start, now))
        if self._timer is None:
            self._timer = self._reactor.callLater(TICK, self._turn)

    def addReader(self, reader: IReadDescriptor) -> None:
        """Listen to it among the transfers, as a reactor would."""
        self._poller.register(reader.fileno(), select.EPOLLIN)
        self._readers[reader.fileno()] = reader

    def removeReader(self, reader: IReadDescriptor) -> None:
        """Listen to it no more; a second time does nothing."""
        if self._readers.pop(reader.fileno(), None) is not None:
            self._poller.unregister(reader.fileno())

    def takes_copy(self, delivery: Delivery) -> bool:
        """Answer a copy of the request; False when it must be a new request.

        A client that ended this transfer before it asked again may have been read in
        the other order: its ERROR waits on another socket than its request.
        """
        if _error_is_waiting(delivery.connection):
            self._take([(delivery.handle, select.EPOLLIN)], self._reactor.seconds())
        if not delivery.running or delivery.transfer.begun:
            return False
        self._step(delivery, delivery.transfer.on_request_again)
        return True

    def stop(self, delivery: Delivery) -> None:
        """End it now, whatever has been sent; a second time does nothing."""
        if not delivery.running:
            return
        delivery.running = False
        self._wheel.remove(delivery)
        self._poller.unregister(delivery.handle)
        del self._deliveries[delivery.handle]
        delivery.connection.close()
        delivery.transfer.close()
        delivery.ended(delivery)

    def doRead(self) -> None:
        """Take what has arrived, for two milliseconds at the most."""
        now = self._reactor.seconds()
        until = now + self._budget(now)
        self._gave_way = math.inf
        while events := self._poller.poll(0, _EVENTS_AT_ONCE):
            self._take(events, now)
            now = self._reactor.seconds()
            if now >= until:
                self._gave_way = now
                return

    def _budget(self, now: float) -> float:
        """An answer over HTTP takes some turns of the reactor, so they become short.

        Time since there was nothing more to take was slept through, and is nobody's.
        """
        if now - self._gave_way > _IDLE_TURN:
            self._busy_until = now + _BUSY
        return SMALL_BUDGET if now < self._busy_until else BUDGET

    def fileno(self) -> int:
        return self._poller.fileno()

    def logPrefix(self) -> str:
        return "tftp"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor stops; whoever made this is still to close it."""
        self._stop_all()

    def _stop_all(self) -> None:
        for delivery in list(self._deliveries.values()):
            self.stop(delivery)

    def _take(self, events: list[tuple[int, int]], now: float) -> None:
        """Take one packet of each; from a client in lockstep there is never another.

        All in one function, for a storm is made of it, and a call costs as much as
        what is done.
        """
        find = self._deliveries.get
        for handle, _ in events:
            delivery = find(handle)
            if delivery is None:
                self._take_other(handle)
                continue
            receive, on_next_ack, transmit = delivery.steps
            try:
                datagram = receive(_ENOUGH)
            except BlockingIOError:
                continue
            except OSError:
                self._fail(delivery)
                continue
            packet = on_next_ack(datagram, now)
            if packet is None:
                self._step(delivery, partial(delivery.on_packet, datagram, now))
                continue
            try:
                transmit(packet)
            except ConnectionRefusedError:
                self._fail(delivery)
            except OSError:  # as good as a loss on the wire
                continue

    def _take_other(self, handle: int) -> None:
        """None's, where what came of another's packet has ended a delivery."""
        if (reader := self._readers.get(handle)) is not None:
            reader.doRead()

    def _step(self, delivery: Delivery, step: Callable[[], list[bytes]]) -> None:
        """What a transfer does when the next packet is not all."""
        try:
            if packets := step():
                delivery.connection.send(packets)
        except Exception:
            return self._fail(delivery)
        self._settle(delivery)

    def _settle(self, delivery: Delivery) -> None:
        transfer = delivery.transfer
        if transfer.outcome is not None:
            return self.stop(delivery)
        if transfer.wakeup < delivery.look_at:
            delivery.look_at = transfer.wakeup
            self._wheel.put(delivery, transfer.wakeup)

    def _fail(self, delivery: Delivery) -> None:
        """End it for the exception that is being handled."""
        try:
            raise
        except OSError:  # the kernel tells only what is final: the client has gone
            delivery.transfer.on_client_gone()
        except Unreadable as reason:
            log.error("{label}: {reason}", label=delivery.label, reason=reason)
        except Exception:
            log.failure("{label}: a fault of ours", label=delivery.label)
        self.stop(delivery)

    def _turn(self) -> None:
        self._timer = None
        now = self._reactor.seconds()
        for delivery in self._wheel.turn(now):
            if delivery.running:
                delivery.look_at = math.inf
                self._step(delivery, partial(delivery.transfer.on_timer, now))
        if self._wheel:
            self._timer = self._reactor.callLater(TICK, self._turn)


def _error_is_waiting(connection: Connection) -> bool:
    try:
        return connection.receive(_ENOUGH, MSG_PEEK).startswith(_ERROR)
    except OSError:
        return False
