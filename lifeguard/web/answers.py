"""Answers: JSON in and out, and one table from what goes wrong to what is said.

An error is `{"error": "one line"}`, never a page and never a traceback.
"""

from __future__ import annotations

import gzip
from math import ceil
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType
from twisted.logger import Logger
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.http import parse_accept_header

from lifeguard.alerts import NotDelivered, UnknownChannel
from lifeguard.blame.inquiry import NotSetAside
from lifeguard.config import ConfigurationError
from lifeguard.event import Impossible, NotAccepted, NotYet, Stale, UnknownEvent
from lifeguard.fleet import UnknownBoard
from lifeguard.inventory.reload import NotApplied
from lifeguard.operators import NameTaken, NoSuchOperator
from lifeguard.power import RelayError, UnknownRelayBoard
from lifeguard.store import StoreUnavailable
from lifeguard.web.errors import (
    BadRequest,
    Forbidden,
    Missing,
    NotNow,
    TooLarge,
    TooMany,
)

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from lifeguard.web.request import LabRequest

log = Logger()

Form = TypeVar("Form", bound=Struct)

LONGEST_ERROR = 500
"""Characters; some of what is quoted comes from the client."""

WORTH_PACKING = 4096
"""Bytes; less is sent as it is."""

# The first that fits counts, so a special error stands before a general one.
_STATUSES: dict[type[Exception], int] = {
    BadRequest: 400,
    Forbidden: 403,
    UnknownBoard: 404,
    UnknownEvent: 404,
    UnknownRelayBoard: 404,
    UnknownChannel: 404,
    Missing: 404,
    NoSuchOperator: 404,
    Stale: 409,
    NotAccepted: 409,
    NotSetAside: 409,
    NameTaken: 409,
    NotApplied: 409,
    TooLarge: 413,
    ConfigurationError: 422,
    Impossible: 422,
    TooMany: 429,
    RelayError: 502,
    NotDelivered: 502,
    NotYet: 503,
    StoreUnavailable: 503,
    NotNow: 503,
}


WITHOUT_STORE = "lifeguard cannot reach its database just now; its log says why"
"""All that a client hears: what the database says names its host and its user."""


class Error(Struct, frozen=True):
    """What went wrong, in one line.

    `accepted` are the events that the state takes, `mistakes` all that is wrong with
    the configuration, a line each.
    """

    error: str
    accepted: list[str] | UnsetType = UNSET
    mistakes: list[str] | UnsetType = UNSET


def answer(request: LabRequest, value: Any, status: int = 200) -> bytes:
    """The body that says `value`; status and headers are set on the request."""
    request.setResponseCode(status)
    return send(request, msgspec.json.encode(value), "application/json")


def send(request: LabRequest, body: bytes, media: str) -> bytes:
    """The body, packed if it is worth that; headers are set on the request."""
    if len(body) > WORTH_PACKING and takes_gzip(request):
        body = gzip.compress(body, compresslevel=1, mtime=0)
        request.setHeader("Content-Encoding", "gzip")
    request.setHeader("Content-Type", media)
    request.setHeader("Content-Length", str(len(body)))
    request.setHeader("Cache-Control", "no-store")
    return body


def takes_gzip(request: LabRequest) -> bool:
    """Whether the client has said so, among whatever bytes it may say."""
    headers = request.requestHeaders.getRawHeaders(b"Accept-Encoding", [])
    said = parse_accept_header(b",".join(headers).decode("latin-1"))
    return said.quality("gzip") > 0


def refuse(request: LabRequest, failure: Failure) -> bytes:
    """The answer to a request that failed, whatever the reason."""
    error = failure.value
    if isinstance(error, HTTPException):
        return _unroutable(request, error)
    status = next(
        (status for kind, status in _STATUSES.items() if isinstance(error, kind)), None
    )
    if status is None:
        log.failure("{path} failed", failure, path=request.path.decode("latin-1"))
        return answer(request, Error("lifeguard has a fault; its log tells more"), 500)
    if status in (429, 503):
        seconds = error.seconds if isinstance(error, TooMany) else 1
        request.setHeader("Retry-After", str(ceil(seconds)))
    accepted = error.accepted if isinstance(error, NotAccepted) else UNSET
    mistakes = error.mistakes if isinstance(error, ConfigurationError) else UNSET
    return answer(request, Error(_text(error), accepted, mistakes), status)


def _text(error: BaseException | None) -> str:
    if isinstance(error, StoreUnavailable):
        return WITHOUT_STORE
    return _one_line(str(error))


def _unroutable(request: LabRequest, error: HTTPException) -> bytes:
    if isinstance(error, MethodNotAllowed) and error.valid_methods is not None:
        request.setHeader("Allow", ", ".join(sorted(error.valid_methods)))
    return answer(request, Error(error.name.lower()), error.code or 404)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:LONGEST_ERROR]


def read_body(request: LabRequest, form: type[Form]) -> Form:
    """The JSON object in the body; an empty body is an empty object.

    Raises TooLarge or BadRequest.
    """
    if request.is_too_large:
        raise TooLarge("the body is too large")
    try:
        return msgspec.json.decode(request.content.read() or b"{}", type=form)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body: {error}") from error


def read_query(request: LabRequest, form: type[Form]) -> Form:
    """What stands behind the `?`; raises BadRequest."""
    values = {}
    for name, given in request.args.items():
        key = name.decode("utf-8", "replace")
        if len(given) > 1:
            raise BadRequest(f"{key} is given twice")
        values[key] = given[0].decode("utf-8", "replace")
    try:
        return msgspec.convert(values, form, strict=False)
    except msgspec.ValidationError as error:
        raise BadRequest(f"the query: {error}") from error
