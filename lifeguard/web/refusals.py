"""One table from what goes wrong to what is said: never a page, never a traceback."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from msgspec import UNSET
from twisted.logger import Logger
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from lifeguard.alerts import NotDelivered, UnknownChannel
from lifeguard.blame.inquiry import NotSetAside
from lifeguard.config import ConfigurationError
from lifeguard.event import Impossible, NotAccepted, NotYet, Stale, UnknownEvent
from lifeguard.fleet import UnknownBoard
from lifeguard.inventory.reload import NotApplied
from lifeguard.operators import NameTaken, NoSuchOperator
from lifeguard.power import RelayError, UnknownRelayBoard
from lifeguard.store import StoreUnavailable
from lifeguard.web.answers import Error, answer
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
    from twisted.web.http import Request

log = Logger()

LONGEST_ERROR = 500
"""Characters; some of what is quoted comes from the client."""

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


def refuse(request: Request, failure: Failure) -> bytes:
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


def _unroutable(request: Request, error: HTTPException) -> bytes:
    if isinstance(error, MethodNotAllowed) and error.valid_methods is not None:
        request.setHeader("Allow", ", ".join(sorted(error.valid_methods)))
    return answer(request, Error(error.name.lower()), error.code or 404)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:LONGEST_ERROR]
