"""The peer of `events`: a Klein route of the same shape that stores nothing.

Parts of a path, async, JSON in and out, and the token checked; all the rest of an
event is what lifeguard adds.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec
from klein import Klein
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.web.server import Request, Site

from lifeguard.netboot.tokens import Tokens

if TYPE_CHECKING:
    from twisted.web import http

KEY = bytes(32)

app = Klein()
tokens = Tokens(KEY)


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """An empty object."""


class Answer(msgspec.Struct):
    board: str
    state: str
    generation: int


@app.route("/api/v1/boards/<name>/events/<event>", methods=["POST"])
async def take(request: Request, name: str, event: str) -> bytes:
    assert request.content is not None
    msgspec.json.decode(request.content.read(), type=Body)
    generation = tokens.check(name, request.args[b"token"][0].decode())
    assert generation is not None
    request.setHeader("Content-Type", "application/json")
    body = msgspec.json.encode(Answer(name, "ReimageInstalling", generation))
    request.setHeader("Content-Length", str(len(body)))
    return body


class QuietSite(Site):
    """No access log, as lifeguard has none."""

    def log(self, request: http.Request) -> None:
        """Nothing."""


def main(port: str) -> None:
    endpoint = serverFromString(reactor, f"tcp:{port}:interface=127.0.0.1")
    listening = endpoint.listen(QuietSite(app.resource()))
    listening.addCallback(lambda _: print("listens", flush=True))
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1])
