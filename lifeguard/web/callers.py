"""Who calls: a board, by its boot token or its address, or one of the lab's operators.

A board's token and address authorise its own events and nothing else; an operator's
token authorises what their role may do, but no board's events.
"""

from __future__ import annotations

from functools import wraps
from ipaddress import ip_address
from typing import TYPE_CHECKING, Concatenate, NamedTuple, ParamSpec, TypeVar

from lifeguard.event import Stale
from lifeguard.web.errors import Forbidden, WrongToken
from lifeguard.web.limits import Limit
from lifeguard.web.operator_callers import Caller, OperatorCallers, may
from lifeguard.web.peers import peer_address
from lifeguard.web.tokens import token_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from lifeguard.board import ManagedBoard
    from lifeguard.model import OperatorRole
    from lifeguard.web.operator_callers import Access
    from lifeguard.web.peers import Proxies
    from lifeguard.web.request import LabRequest
    from lifeguard.web.world import World

Given = ParamSpec("Given")
Found = TypeVar("Found")

WRONG_TOKENS = (10, 6.0)
"""Ten at once, and ten a minute; whoever has a right one is not held up by it."""

UNKNOWN_CALLS = (1000, 0.02)
"""What a stranger may ask at once, and then fifty a second."""


class Boot(NamedTuple):
    """One boot of a board that calls; `source` is for history."""

    generation: int
    source: str


def counted(
    method: Callable[Concatenate[Callers, LabRequest, Given], Found],
) -> Callable[Concatenate[Callers, LabRequest, Given], Found]:
    """Count whom `method` turns away."""

    @wraps(method)
    def counting(
        self: Callers, request: LabRequest, /, *args: Given.args, **named: Given.kwargs
    ) -> Found:
        try:
            return method(self, request, *args, **named)
        except Forbidden as error:
            self.forbidden += 1
            if isinstance(error, WrongToken):
                self.limit(self.wrong_tokens, request)
            raise

    return counting


class Callers:
    """Tells callers apart; each method raises Forbidden, or TooMany."""

    def __init__(self, world: World, access: Access, proxies: Proxies) -> None:
        self._tokens, self._fleet, self._proxies = world.tokens, world.fleet, proxies
        self._operators = OperatorCallers(world, access, proxies)
        self.wrong_tokens = Limit(world.clock, *WRONG_TOKENS)
        self._unknown_calls = Limit(world.clock, *UNKNOWN_CALLS)
        self.forbidden = 0
        """Calls that were turned away."""

    @counted
    def boot(self, request: LabRequest, board: ManagedBoard) -> Boot:
        """Which boot of `board` calls; with a token it may be an earlier one."""
        return self._boot(request, board)

    @counted
    def operator(self, request: LabRequest, role: OperatorRole) -> Caller:
        """The operator who calls, and may do what `role` may."""
        return self._operator(request, role)

    def may_still(self, request: LabRequest, role: OperatorRole) -> bool:
        """Whether an operator who was let in would be now; it counts as no call."""
        try:
            return may(self._operators.who(request).role, role)
        except Forbidden:
            return False

    @counted
    def check_insider(
        self, request: LabRequest, board: ManagedBoard, role: OperatorRole
    ) -> None:
        """`board` itself in its present boot, else Stale; or an operator of `role`."""
        try:
            boot = self._boot(request, board)
        except Forbidden:
            if b"token" in request.args:
                raise
            self._operator(request, role)
            return
        present = board.standing.generation
        if boot.generation != present:
            raise Stale(
                f"the token belongs to generation {boot.generation},"
                f" the board is in generation {present}"
            )

    @counted
    def who(self, request: LabRequest) -> Caller:
        """Who calls as an operator, whatever they may do."""
        return self._operators.who(request)

    @counted
    def sign_in(self, request: LabRequest) -> Caller:
        """Whoever gives a token by header has a cookie from now on."""
        return self._operators.sign_in(request)

    @counted
    def sign_out(self, request: LabRequest) -> None:
        """The cookie, if there is one, is worth nothing from now on."""
        self._operators.sign_out(request)

    def limit(self, limit: Limit, request: LabRequest) -> None:
        """Boards are never held up, and on this machine nobody need be."""
        client = self._proxies.client_address(request)
        if client is None or ip_address(client).is_loopback:
            return
        if self._fleet.by_address(client) is None:
            limit.take(client)

    def _operator(self, request: LabRequest, role: OperatorRole) -> Caller:
        caller = self._operators.who(request)
        if caller.why is not None:
            self.limit(self._unknown_calls, request)
        if not may(caller.role, role):
            raise Forbidden(
                caller.why
                or f"{caller.name} has the role {caller.role}, this needs {role}"
            )
        return caller

    def _boot(self, request: LabRequest, board: ManagedBoard) -> Boot:
        token = token_of(request)
        if token is None:
            return self._boot_by_address(request, board)
        generation = self._tokens.check(board.board.name, token)
        if generation is not None:
            return Boot(generation, "token")
        if self._operators.knows(token):
            raise Forbidden("an operator's token is not for a board's events")
        raise WrongToken(f"not a boot token of {board.board.name}")

    def _boot_by_address(self, request: LabRequest, board: ManagedBoard) -> Boot:
        peer, name = peer_address(request), board.board.name
        if peer is None or peer != board.board.address:
            raise Forbidden(f"neither a boot token of {name} nor its address")
        if self._proxies.speaks_for_another(request):
            raise Forbidden(
                f"of a connection through a proxy nobody knows whether {name} opened"
                " it since it was switched on: it needs its boot token"
            )
        if board.switched_on is not None and request.opened <= board.switched_on:
            raise Forbidden(
                f"the connection is older than the last switch-on of {name}"
            )
        return Boot(board.standing.generation, f"address {peer}")
