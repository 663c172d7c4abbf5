"""Who calls: a board, by its boot token or its address, or the lab's operator.

A board's token and address authorise its own events and nothing else; an operator's
token authorises everything but a board's events.
"""

from __future__ import annotations

from contextlib import suppress
from functools import wraps
from hmac import compare_digest
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Concatenate, NamedTuple, ParamSpec, TypeVar
from urllib.parse import urlsplit

from twisted.internet import address

from lifeguard.event import Stale
from lifeguard.web.errors import Forbidden

if TYPE_CHECKING:
    from collections.abc import Callable

    from lifeguard.board import ManagedBoard
    from lifeguard.netboot.tokens import Tokens
    from lifeguard.web.request import LabRequest

Given = ParamSpec("Given")
Found = TypeVar("Found")

PROXY_HEADERS = ("Forwarded", "Via", "X-Forwarded-For", "X-Real-IP")
"""Whoever sends one of these speaks for somebody else."""


class Access(NamedTuple):
    """Who is an operator. `require_token`: even on this machine only by token."""

    operator_token: str
    require_token: bool


class Boot(NamedTuple):
    """One boot of a board that calls; `source` is for history."""

    generation: int
    source: str


def counted(
    method: Callable[Concatenate[Callers, Given], Found],
) -> Callable[Concatenate[Callers, Given], Found]:
    """Count whom `method` turns away."""

    @wraps(method)
    def counting(self: Callers, /, *args: Given.args, **named: Given.kwargs) -> Found:
        try:
            return method(self, *args, **named)
        except Forbidden:
            self.forbidden += 1
            raise

    return counting


class Callers:
    """Tells callers apart; each method raises Forbidden."""

    def __init__(self, access: Access, tokens: Tokens) -> None:
        self._access, self._tokens = access, tokens
        self.forbidden = 0
        """Calls that were turned away."""

    @counted
    def boot(self, request: LabRequest, board: ManagedBoard) -> Boot:
        """Which boot of `board` calls; with a token it may be an earlier one."""
        return self._boot(request, board)

    @counted
    def operator(self, request: LabRequest) -> str:
        """The operator who calls, as history names them."""
        return self._operator(request)

    @counted
    def check_insider(self, request: LabRequest, board: ManagedBoard) -> None:
        """An operator, or `board` itself in its present boot; else Stale."""
        with suppress(Forbidden):
            self._operator(request)
            return
        boot = self._boot(request, board)
        present = board.standing.generation
        if boot.generation != present:
            raise Stale(
                f"the token belongs to generation {boot.generation},"
                f" the board is in generation {present}"
            )

    def _boot(self, request: LabRequest, board: ManagedBoard) -> Boot:
        token = _token(request)
        if token is None:
            return _boot_by_address(request, board)
        generation = self._tokens.check(board.board.name, token)
        if generation is not None:
            return Boot(generation, "token")
        if self._is_operators(token):
            raise Forbidden("an operator's token is not for a board's events")
        raise Forbidden(f"not a boot token of {board.board.name}")

    def _operator(self, request: LabRequest) -> str:
        token = _token(request)
        if token is None:
            return self._operator_here(request)
        if self._is_operators(token):
            return "operator token"
        raise Forbidden("not the operator's token")

    def _is_operators(self, token: str) -> bool:
        return compare_digest(token.encode(), self._access.operator_token.encode())

    def _operator_here(self, request: LabRequest) -> str:
        """A program or a person on this machine, who needs no token."""
        peer = peer_address(request)
        if self._access.require_token:
            raise Forbidden("this needs the operator's token")
        if peer is None or not ip_address(peer).is_loopback:
            raise Forbidden("from another machine this needs the operator's token")
        if any(request.requestHeaders.hasHeader(name) for name in PROXY_HEADERS):
            raise Forbidden("through a proxy this needs the operator's token")
        if _is_foreign(request):
            raise Forbidden("only as localhost, from no foreign page, without a token")
        return f"operator {peer}"


def _boot_by_address(request: LabRequest, board: ManagedBoard) -> Boot:
    peer, name = peer_address(request), board.board.name
    if peer is None or peer != board.board.address:
        raise Forbidden(f"neither a boot token of {name} nor its address")
    if board.switched_on is not None and request.opened <= board.switched_on:
        raise Forbidden(f"the connection is older than the last switch-on of {name}")
    return Boot(board.standing.generation, f"address {peer}")


def peer_address(request: LabRequest) -> str | None:
    """The IP address at the other end; None for a socket of another kind."""
    peer = request.getClientAddress()
    if not isinstance(peer, address.IPv4Address | address.IPv6Address):
        return None
    parsed = ip_address(peer.host)
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(parsed)


def _token(request: LabRequest) -> str | None:
    """The one token of a request; anything it gives that is none is a wrong one."""
    given = [*request.args.get(b"token", [])]
    for header in request.requestHeaders.getRawHeaders(b"Authorization", []):
        scheme, _, token = header.partition(b" ")
        given.append(token.strip() if scheme.lower() == b"bearer" else b"")
    if not given:
        return None
    return given[0].decode("utf-8", "replace") if len(given) == 1 else ""


def _is_foreign(request: LabRequest) -> bool:
    """Whether a browser asks for a page that is not lifeguard's own.

    A name that a stranger's DNS has pointed here is foreign as well, though its pages
    take themselves for ours: so the name must mean this machine.
    """
    hosts = _header(request, b"Host")
    own = {f"{scheme}://{host}" for scheme in ("http", "https") for host in hosts}
    return (
        not _header(request, b"Sec-Fetch-Site") <= {"same-origin", "none"}
        or not _header(request, b"Origin") <= own
        or not all(map(_is_here, hosts))
    )


def _header(request: LabRequest, name: bytes) -> set[str]:
    values = request.requestHeaders.getRawHeaders(name, [])
    return {value.decode("latin-1") for value in values}


def _is_here(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
