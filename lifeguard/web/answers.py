"""Answers: JSON, packed where the client takes it so and it is worth that.

What went wrong is told as `{"error": "one line"}`, never as a page.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Struct, UnsetType
from werkzeug.http import parse_accept_header

if TYPE_CHECKING:
    from twisted.web.http import Request

WORTH_PACKING = 4096
"""Bytes; less is sent as it is."""


class Error(Struct, frozen=True):
    """What went wrong, in one line.

    `accepted` are the events that the state takes, `mistakes` all that is wrong with
    the configuration, a line each.
    """

    error: str
    accepted: list[str] | UnsetType = UNSET
    mistakes: list[str] | UnsetType = UNSET


def answer(request: Request, value: Any, status: int = 200) -> bytes:
    """The body that says `value`; status and headers are set on the request."""
    request.setResponseCode(status)
    return send(request, msgspec.json.encode(value), "application/json")


def send(request: Request, body: bytes, media: str) -> bytes:
    """The body, packed if it is worth that; headers are set on the request."""
    if len(body) > WORTH_PACKING and takes_gzip(request):
        body = gzip.compress(body, compresslevel=1, mtime=0)
        request.setHeader("Content-Encoding", "gzip")
    request.setHeader("Content-Type", media)
    request.setHeader("Content-Length", str(len(body)))
    request.setHeader("Cache-Control", "no-store")
    return body


def takes_gzip(request: Request) -> bool:
    """Whether the client has said so, among whatever bytes it may say."""
    headers = request.requestHeaders.getRawHeaders(b"Accept-Encoding", [])
    said = parse_accept_header(b",".join(headers).decode("latin-1"))
    return said.quality("gzip") > 0
