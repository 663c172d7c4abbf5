"""The token that a request gives, if it gives one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifeguard.web.errors import Forbidden

if TYPE_CHECKING:
    from lifeguard.web.request import LabRequest


def token_of(request: LabRequest) -> str | None:
    """The one token of a request; anything it gives that is none is a wrong one."""
    given = [*request.args.get(b"token", [])]
    for header in request.requestHeaders.getRawHeaders(b"Authorization", []):
        scheme, _, token = header.partition(b" ")
        given.append(token.strip() if scheme.lower() == b"bearer" else b"")
    if not given:
        return None
    return given[0].decode("utf-8", "replace") if len(given) == 1 else ""


def operator_token_of(request: LabRequest) -> str | None:
    """An operator's, which others would log if it stood in the URL."""
    if b"token" in request.args:
        raise Forbidden(
            "an operator's token is not taken from the URL, which others log:"
            " send it as Authorization: Bearer"
        )
    return token_of(request)
