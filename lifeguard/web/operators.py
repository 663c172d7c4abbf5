"""Operators' tokens and sessions, as the interface has them; a digest is never told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from lifeguard.model import Operator, OperatorRole
from lifeguard.operators import OWN_NAME
from lifeguard.web.errors import BadRequest
from lifeguard.web.reading import read_body

if TYPE_CHECKING:
    from lifeguard.operators import Operators
    from lifeguard.web.callers import Callers
    from lifeguard.web.operator_callers import Caller
    from lifeguard.web.request import LabRequest

LONGEST_LIFE = 10 * 366 * 86400.0

OperatorName = Annotated[str, Meta(pattern="^[A-Za-z][A-Za-z0-9.-]{0,62}$")]
"""Begins with a letter, as no address does: history tells the two apart."""


class NewOperator(Struct, frozen=True, forbid_unknown_fields=True):
    """Who is to have a token; `lifetime` in seconds, null: for ever."""

    name: OperatorName
    role: OperatorRole
    lifetime: Annotated[float, Meta(gt=0, le=LONGEST_LIFE)] | None = None


class OperatorView(Struct, frozen=True, kw_only=True):
    """An operator; `last_used` is true to an hour."""

    name: str
    role: OperatorRole
    made: datetime
    expires: datetime | None
    last_used: datetime | None
    revoked: datetime | None


class OperatorList(Struct, frozen=True):
    """In the order in which they were made; some count no more."""

    operators: list[OperatorView]


class NewToken(Struct, frozen=True):
    """The token is told this once."""

    token: str
    operator: OperatorView


class SessionView(Struct, frozen=True):
    """Who calls; `role` null: may not even look. `why` may it be no more.

    `signed_in`: by a cookie.
    """

    name: str
    role: OperatorRole | None
    why: str | None
    signed_in: bool


class OperatorTokens:
    """Makes tokens, and takes them back."""

    def __init__(self, operators: Operators) -> None:
        self._operators = operators

    async def index(self, request: LabRequest) -> OperatorList:
        return OperatorList(list(map(_view, self._operators.all())))

    async def make(self, request: LabRequest) -> NewToken:
        body = read_body(request, NewOperator)
        if body.name == OWN_NAME:
            raise BadRequest(f"the body: {OWN_NAME} is lifeguard's own")
        lifetime = None if body.lifetime is None else timedelta(seconds=body.lifetime)
        made = await self._operators.make(body.name, body.role, lifetime)
        return NewToken(made.token, _view(made.operator))

    async def revoke(self, request: LabRequest, name: str) -> OperatorView:
        return _view(await self._operators.revoke(name))


class SignIn:
    """The dashboard's session."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    async def show(self, request: LabRequest) -> SessionView:
        return _session(self._callers.who(request))

    async def begin(self, request: LabRequest) -> SessionView:
        return _session(self._callers.sign_in(request))

    async def end(self, request: LabRequest) -> SessionView:
        self._callers.sign_out(request)
        return SessionView("anybody", None, "signed out", False)


def _session(caller: Caller) -> SessionView:
    return SessionView(caller.name, caller.role, caller.why, caller.is_signed_in)


def _view(operator: Operator) -> OperatorView:
    return OperatorView(
        name=operator.name,
        role=operator.role,
        made=operator.made,
        expires=operator.expires,
        last_used=operator.last_used,
        revoked=operator.revoked,
    )
