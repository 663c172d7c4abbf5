"""Boot artifacts over HTTP: the same names and the same decision as over TFTP.

Whole files only. The reactor reads them a piece at a time, as fast as the client does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from zope.interface import implementer

from lifeguard.netboot.files import NotFound
from lifeguard.netboot.tftp import Refused
from lifeguard.web.callers import peer_address
from lifeguard.web.errors import Missing, NotNow

if TYPE_CHECKING:
    from lifeguard.netboot.files import Content
    from lifeguard.web.request import LabRequest
    from lifeguard.web.world import Files

log = Logger()

PIECE = 64 * 1024
"""Bytes read at a time; as much as the transport buffers."""


class FileServer:
    """Sends what `files` has."""

    def __init__(self, files: Files) -> None:
        self._files = files

    async def send(self, request: LabRequest, path: str) -> bytes:
        """The file goes out by the way; raises Missing or NotNow."""
        content = self._open(path, peer_address(request) or "")
        request.setHeader("Content-Type", "application/octet-stream")
        request.setHeader("Content-Length", str(content.size))
        try:
            if request.method != b"HEAD":
                await Transfer(content, request).done
        finally:
            content.close()
        return b""

    def _open(self, path: str, client_address: str) -> Content:
        try:
            return self._files.resolve(path, client_address)
        except NotFound as error:
            raise Missing(f"no such file: {path}") from error
        except Refused as refused:
            raise Missing(refused.text) from refused
        except OSError as error:
            raise NotNow(f"{path}: {error.strerror or error}") from error


@implementer(IPushProducer)
class Transfer:
    """Writes `content` to a request; `done` fires when the last byte is written.

    It is cancelled when the client has gone.
    """

    def __init__(self, content: Content, request: LabRequest) -> None:
        self.done: Deferred[None] = Deferred(lambda _: self.pauseProducing())
        self._content, self._request = content, request
        self._offset = 0
        self._paused = False
        request.registerProducer(self, True)
        self.resumeProducing()

    def resumeProducing(self) -> None:
        self._paused = False
        while not self._paused and self._offset < self._content.size:
            if (piece := self._read()) is None:
                return
            self._offset += len(piece)
            self._request.write(piece)
        if self._offset == self._content.size and not self.done.called:
            self._request.unregisterProducer()
            self.done.callback(None)

    def pauseProducing(self) -> None:
        self._paused = True

    def stopProducing(self) -> None:
        self._paused = True

    def _read(self) -> bytes | None:
        """None: the file is cut short, and the connection with it."""
        try:
            return self._content.read(self._offset, PIECE)
        except OSError as error:
            log.error("{path}: {error}", path=self._request.path, error=error)
            self._request.abort()
            return None
