"""Which operator calls: by a token, by the cookie of a session, or from this machine.

A browser sends a cookie whoever tells it to, so with a cookie it must be a page of ours
that asks: SameSite says so to new browsers, Origin and a header of ours to all.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple, get_args

from lifeguard.model import OperatorRole
from lifeguard.operators import digest
from lifeguard.web.errors import Forbidden, WrongToken
from lifeguard.web.origins import is_for_this_machine, is_foreign, is_own
from lifeguard.web.peers import peer_address
from lifeguard.web.sessions import Sessions
from lifeguard.web.tokens import operator_token_of

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network
    from typing import Literal

    from lifeguard.model import Operator
    from lifeguard.web.peers import Proxies
    from lifeguard.web.request import LabRequest
    from lifeguard.web.world import World

COOKIE = "lifeguard"

PAGE_HEADER = "X-Lifeguard"
"""A form cannot send it, nor may another site's script: it would have to ask first."""

EITHER = ("http", "https")


class Access(NamedTuple):
    """What a lab asks of callers.

    `require_token`: even on this machine only by token. `read` "token": even to look.
    `connections_per_address` are open at most.
    """

    require_token: bool = False
    read: Literal["open", "token"] = "open"
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    connections_per_address: int = 1000


class Caller(NamedTuple):
    """Who calls as an operator, by the name that history has; what they may do.

    `why` says, where no token was given, what stands against more. `is_signed_in`: by
    the cookie of a session.
    """

    name: str
    role: OperatorRole | None
    why: str | None = None
    is_signed_in: bool = False


_RANK = {role: rank for rank, role in enumerate(get_args(OperatorRole))}


def may(has: OperatorRole | None, needed: OperatorRole) -> bool:
    """Whether one role is enough where another is needed."""
    return has is not None and _RANK[has] >= _RANK[needed]


class OperatorCallers:
    """Tells operators apart; raises Forbidden."""

    def __init__(self, world: World, access: Access, proxies: Proxies) -> None:
        self._operators, self._access, self._proxies = world.operators, access, proxies
        self._sessions = Sessions(world.clock)

    def knows(self, token: str) -> bool:
        """Whether it is or was an operator's."""
        return self._operators.find(digest(token)) is not None

    def who(self, request: LabRequest) -> Caller:
        """Raises Forbidden for a wrong token, and for a page that is not ours."""
        token = operator_token_of(request)
        if token is not None:
            return _caller(self._by_token(token))
        return self._by_cookie(request) or self._without_token(request)

    def sign_in(self, request: LabRequest) -> Caller:
        """Gives a cookie for a token."""
        if (token := operator_token_of(request)) is None:
            raise Forbidden("to sign in, send a token as Authorization: Bearer")
        operator = self._by_token(token)
        self._set_cookie(request, self._sessions.begin(operator.digest))
        return _caller(operator, is_signed_in=True)

    def sign_out(self, request: LabRequest) -> None:
        """Ends the cookie's session."""
        if (cookie := _cookie(request)) is None:
            return
        self._check_page(request)
        self._sessions.end(cookie)
        self._set_cookie(request, "", max_age="0")

    def _by_token(self, token: str) -> Operator:
        operator = self._operators.find(digest(token))
        if operator is None:
            raise WrongToken("not an operator's token")
        if not self._operators.counts(operator):
            why = "has expired" if operator.revoked is None else "was revoked"
            raise WrongToken(f"the token of {operator.name} {why}")
        self._operators.used(operator)
        return operator

    def _by_cookie(self, request: LabRequest) -> Caller | None:
        """None where there is none, or one whose session is over."""
        if (cookie := _cookie(request)) is None:
            return None
        of_token = self._sessions.token_digest(cookie)
        operator = None if of_token is None else self._operators.find(of_token)
        if operator is None or not self._operators.counts(operator):
            return None
        self._check_page(request)
        self._operators.used(operator)
        return _caller(operator, is_signed_in=True)

    def _check_page(self, request: LabRequest) -> None:
        schemes = ("https",) if self._proxies.is_secure(request) else EITHER
        if is_foreign(request, schemes):
            raise Forbidden("a page of another site may do nothing with a session")
        if request.method in (b"GET", b"HEAD"):
            return
        has_header = request.requestHeaders.hasHeader(PAGE_HEADER)
        if not has_header or not is_own(request, schemes):
            raise Forbidden(f"with a session this needs {PAGE_HEADER} and our Origin")

    def _set_cookie(
        self, request: LabRequest, cookie: str, max_age: str | None = None
    ) -> None:
        request.addCookie(
            COOKIE,
            cookie,
            path="/",
            max_age=max_age,
            secure=self._proxies.is_secure(request),
            httpOnly=True,
            sameSite="strict",
        )

    def _without_token(self, request: LabRequest) -> Caller:
        """A program or a person on this machine needs none; others may look."""
        peer = peer_address(request)
        if (why := self._against(request, peer)) is None:
            return Caller(f"operator {peer}", "admin")
        return Caller("anybody", "see" if self._access.read == "open" else None, why)

    def _against(self, request: LabRequest, peer: str | None) -> str | None:
        """What speaks against an operator without a token; None: nothing."""
        if self._access.require_token:
            return "this needs an operator's token"
        if peer is None or not ip_address(peer).is_loopback:
            return "from another machine this needs an operator's token"
        if self._proxies.speaks_for_another(request):
            return "through a proxy this needs an operator's token"
        if is_foreign(request, EITHER) or not is_for_this_machine(request):
            return "only as localhost, from no foreign page, without a token"
        return None


def _caller(operator: Operator, *, is_signed_in: bool = False) -> Caller:
    return Caller(f"operator {operator.name}", operator.role, is_signed_in=is_signed_in)


def _cookie(request: LabRequest) -> str | None:
    given = request.getCookie(COOKIE.encode())
    return None if given is None else given.decode("latin-1")
