"""The whole body of a device's answer, as long as that is one a device may give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

if TYPE_CHECKING:
    from twisted.python.failure import Failure
    from twisted.web.iweb import IResponse

ANSWER_BYTES = 1 << 18
"""More than any device says of itself: a server's Redfish page has some 10 kB."""


class TooLong(Exception):
    """An answer of more than ANSWER_BYTES."""


def whole_body(response: IResponse) -> Deferred[bytes]:
    """Fires with all of it; to cancel ends the connection, which treq's does not."""
    body = _Body()
    response.deliverBody(body)
    return body.whole


class _Body(Protocol):
    def __init__(self) -> None:
        self.whole: Deferred[bytes] = Deferred(lambda _: self._hang_up())
        self._received = b""

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        if len(self._received) > ANSWER_BYTES and not self.whole.called:
            self.whole.errback(TooLong())
            self._hang_up()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        if self.whole.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.whole.callback(self._received)
        else:
            self.whole.errback(reason)

    def _hang_up(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()
