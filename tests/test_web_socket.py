"""Once with real sockets: a client, a stream and a port that is closed."""

from __future__ import annotations

import json
from typing import Any, cast

import treq
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Protocol
from twisted.web.client import HTTPConnectionPool

from tests.web_rig import web

REAL = cast("Any", reactor)
SECONDS = 10


class Reader(Protocol):
    """Collects a stream; `change` fires at its first change, `ended` at its end."""

    def __init__(self) -> None:
        self.change: Deferred[dict[str, Any]] = Deferred()
        self.ended: Deferred[None] = Deferred()
        self._read = b""

    def dataReceived(self, data: bytes) -> None:
        self._read += data
        _, found, rest = self._read.partition(b"data: ")
        if found and rest.endswith(b"\n\n") and not self.change.called:
            self.change.callback(json.loads(rest))

    def connectionLost(self, reason: Any = None) -> None:
        self.ended.callback(None)


@ensureDeferred
async def test_a_client_asks_hears_of_it_and_the_stream_ends_with_the_port() -> None:
    parts = web()
    endpoint = TCP4ServerEndpoint(REAL, 0, interface="127.0.0.1")
    port: Any = await endpoint.listen(parts.site)
    pool = HTTPConnectionPool(REAL, persistent=False)
    url = f"http://127.0.0.1:{port.getHost().port}/api/v1"
    stream: Any = await treq.get(f"{url}/stream", pool=pool).addTimeout(SECONDS, REAL)
    reader = Reader()
    stream.original.deliverBody(reader)
    posted: Any = await treq.post(
        f"{url}/boards/panda-01/events/rq-reimage", json={"image": "debian"}, pool=pool
    ).addTimeout(SECONDS, REAL)
    answer = await treq.json_content(posted)
    change = await reader.change.addTimeout(SECONDS, REAL)
    await port.stopListening()
    await reader.ended.addTimeout(SECONDS, REAL)
    assert (posted.code, answer["state"]) == (200, "ReimageRebooting")
    assert change["change"]["source"] == "operator 127.0.0.1"
