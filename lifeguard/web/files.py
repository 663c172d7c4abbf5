"""Boot artifacts over HTTP: the same names and the same decision as over TFTP.

A file has versions, and can be had in parts. A boot config is made for the one who
asks: it is sent whole, and nobody may keep it.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import PurePosixPath
from resource import RLIMIT_NOFILE, getrlimit
from typing import TYPE_CHECKING, Any

from twisted.web.http import (
    PARTIAL_CONTENT,
    REQUESTED_RANGE_NOT_SATISFIABLE,
    datetimeToString,
)

from lifeguard.netboot.files import NotFound
from lifeguard.netboot.tftp import Refused
from lifeguard.web.answers import Error, answer
from lifeguard.web.conditions import NOT_MODIFIED, Unsatisfiable, part, refusal
from lifeguard.web.errors import Missing, NotNow
from lifeguard.web.peers import peer_address
from lifeguard.web.transfer import Lanes, Transfer

if TYPE_CHECKING:
    from collections.abc import Callable

    from lifeguard.netboot.files import Content, FileContent, Version
    from lifeguard.web.request import LabRequest
    from lifeguard.web.world import Files

MOST_TRANSFERS = 4096
"""Files sent at once, however many descriptors there are."""

DESCRIPTORS = 4
"""For each: two that it takes, and two for the relay boards and everything else."""

BYTES = "application/octet-stream"

# By these a UEFI firmware knows what to do with what it boots. Nothing is served as a
# page: a script in it would pass for the lab's own.
_TYPES = {
    ".efi": "application/efi",
    ".img": "application/vnd.efi-img",
    ".iso": "application/vnd.efi-iso",
}


class FileServer:
    """Sends what `files` has."""

    def __init__(self, files: Files, reactor: Any) -> None:
        self._files = files
        self._lanes = Lanes(reactor)
        self._transfers = 0
        limit, _ = getrlimit(RLIMIT_NOFILE)
        self._most_transfers = min(MOST_TRANSFERS, limit // DESCRIPTORS)

    async def send(self, request: LabRequest, path: str) -> bytes:
        """What is left to write of the answer; raises Missing or NotNow."""
        content = self._open(path, peer_address(request) or "")
        if (file := content.file) is not None:
            request.setHeader("Content-Type", _type(path))
            return await self._send_file(request, file, content.sent)
        with closing(content):
            return _whole(request, content)

    def _open(self, path: str, client_address: str) -> Content:
        try:
            return self._files.resolve(path, client_address)
        except NotFound as error:
            raise Missing(f"no such file: {path}") from error
        except Refused as refused:
            raise Missing(refused.text) from refused
        except OSError as error:
            raise NotNow(f"{path}: {error.strerror or error}") from error

    async def _send_file(
        self, request: LabRequest, file: FileContent, sent: Callable[[int, int], None]
    ) -> bytes:
        with ExitStack() as opened:
            opened.callback(file.close)
            version = file.version
            _show_version(request, version)
            if (status := refusal(request.requestHeaders, version)) is not None:
                return _refuse(request, status)
            try:
                wanted = _choose(request, version)
            except Unsatisfiable:
                return _refuse_range(request, version)
            if request.method == b"HEAD" or not wanted:
                return b""
            self._enter()
            transfer = Transfer(file, wanted, request, self._lanes, sent, self._ended)
            opened.pop_all()
        await transfer.done
        return b""

    def _enter(self) -> None:
        if self._transfers >= self._most_transfers:
            raise NotNow("as many files are being sent as may be")
        self._transfers += 1

    def _ended(self) -> None:
        self._transfers -= 1


def _whole(request: LabRequest, content: Content) -> bytes:
    request.setHeader("Content-Type", "text/plain; charset=utf-8")
    request.setHeader("Content-Length", str(content.size))
    request.setHeader("Cache-Control", "no-store")
    if request.method == b"HEAD":
        return b""
    data = content.read(0, content.size)
    content.sent(0, len(data))
    return data


def _type(path: str) -> str:
    return _TYPES.get(PurePosixPath(path).suffix.lower(), BYTES)


def _show_version(request: LabRequest, version: Version) -> None:
    request.setHeader("ETag", f'"{version.tag}"')
    request.setHeader("Last-Modified", datetimeToString(version.modified))
    request.setHeader("Accept-Ranges", "bytes")
    request.setHeader("Cache-Control", "no-cache")


def _refuse(request: LabRequest, status: int) -> bytes:
    if status == NOT_MODIFIED:
        request.setResponseCode(status)
        return b""
    return answer(request, Error("the file is not the one that is asked for"), status)


def _refuse_range(request: LabRequest, version: Version) -> bytes:
    request.setHeader("Content-Range", f"bytes */{version.size}")
    error = Error(f"the file has {version.size} bytes")
    return answer(request, error, REQUESTED_RANGE_NOT_SATISFIABLE)


def _choose(request: LabRequest, version: Version) -> range:
    """The bytes to send, and the headers that tell which they are."""
    wanted, size = None, version.size
    if request.method != b"HEAD":  # it is about the whole file
        wanted = part(request.requestHeaders, version)
    if wanted is not None:
        request.setResponseCode(PARTIAL_CONTENT)
        span = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
        request.setHeader("Content-Range", span)
    else:
        wanted = range(size)
    request.setHeader("Content-Length", str(len(wanted)))
    return wanted
