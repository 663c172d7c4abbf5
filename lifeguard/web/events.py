"""What is asked of a board: its own events, requests, changes by hand.

An answer is given only when what became of the event is durable. A client that hangs
up stops waiting; what it asked for goes on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType
from werkzeug.exceptions import MethodNotAllowed

from lifeguard.event import Event, UnknownEvent
from lifeguard.lifecycle import Boots
from lifeguard.lifecycle.state import REQUEST_PREFIX, Move
from lifeguard.web.errors import BadRequest
from lifeguard.web.reading import read_body

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from lifeguard.event import Answer
    from lifeguard.fleet import Fleet
    from lifeguard.lifecycle import Lifecycle
    from lifeguard.web.callers import Callers
    from lifeguard.web.request import LabRequest

DEEPEST = 32
"""Levels of a boot config; more of them would be too much for some reader of it."""

_EVENT = re.compile(r"[a-z][a-z0-9-]{0,62}")

Name = Annotated[str, Meta(min_length=1, max_length=63)]


class EventBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What `rq-reimage` needs: an image, and what its installer is to read.

    All other events take no body, or an empty object.
    """

    image: Name | UnsetType = UNSET
    boot_config: dict[str, Any] | UnsetType = UNSET


class StateChange(
    Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}
):
    """From a state that the board must be in, to any that its lifecycle has."""

    from_: Name
    to: Name


class Accepted(Struct, frozen=True, omit_defaults=True):
    """Where the board stands now. `repeat`: it was accepted before, nothing is done."""

    board: str
    state: str
    generation: int
    repeat: bool = False


class Events:
    """Takes what boards and operators say, and answers when it is safe."""

    def __init__(self, fleet: Fleet, callers: Callers) -> None:
        self._fleet, self._callers = fleet, callers

    def post(
        self, request: LabRequest, name: str, event: str
    ) -> Coroutine[Any, Any, Accepted]:
        if event.startswith(REQUEST_PREFIX):
            return self._request(request, name, event)
        return self._board_event(request, name, event)

    async def get(self, request: LabRequest, name: str, event: str) -> Accepted:
        """For boot loaders and other clients that cannot post."""
        if event.startswith(REQUEST_PREFIX):
            raise MethodNotAllowed(["POST"])
        if request.method == b"HEAD":  # which changes nothing, by what it promises
            raise MethodNotAllowed(["GET", "POST"])
        return await self._board_event(request, name, event)

    async def change(self, request: LabRequest, name: str) -> Accepted:
        self._fleet.board(name)
        body = read_body(request, StateChange)
        changed = self._fleet.change(name, body.from_, body.to, request.operator)
        return _accepted(await changed)

    async def _board_event(
        self, request: LabRequest, name: str, event: str
    ) -> Accepted:
        board = self._fleet.board(name)
        boot = self._callers.boot(request, board)
        _check_event(event)
        if event in board.lifecycle.board_events:
            _check_empty(read_body(request, EventBody))
        delivered = board.deliver(
            Event(
                name=event, source=boot.source, by="board", generation=boot.generation
            )
        )
        return _accepted(await delivered)

    async def _request(self, request: LabRequest, name: str, event: str) -> Accepted:
        lifecycle = self._fleet.board(name).lifecycle
        source = self._callers.operator(request, "operate").name
        _check_event(event)
        body = _request_body(request, lifecycle, event)
        return _accepted(await self._fleet.request(name, event, body, source))


def _accepted(answer: Answer) -> Accepted:
    return Accepted(answer.board, answer.state, answer.generation, answer.repeat)


def _check_event(event: str) -> None:
    """A name that no event can have is not worth a row of history."""
    if not _EVENT.fullmatch(event):
        raise UnknownEvent(f"no such event: {event}")


def _check_empty(body: EventBody) -> None:
    if body.image is not UNSET or body.boot_config is not UNSET:
        raise BadRequest("the body: only an empty object is taken here")


def _request_body(
    request: LabRequest, lifecycle: Lifecycle, event: str
) -> dict[str, Any]:
    """Spelled out, so that one request is recognised however it was written.

    With a name that no request has, the body is not judged: the name is what is wrong.
    """
    if event not in lifecycle.requests:
        return {}
    body = read_body(request, EventBody)
    if not _boots_wanted(lifecycle, event):
        _check_empty(body)
        return {}
    if body.image is UNSET:
        raise BadRequest('the body: "image" is missing')
    boot_config = {} if body.boot_config is UNSET else body.boot_config
    if _is_deeper(boot_config, DEEPEST):
        raise BadRequest(f"the body: more than {DEEPEST} levels of boot_config")
    return {"image": body.image, "boot_config": boot_config}


def _boots_wanted(lifecycle: Lifecycle, request: str) -> bool:
    """Whether the request leads to a state that boots the wanted image."""
    moves = (lifecycle.transition(state, request) for state in lifecycle.states)
    return any(
        isinstance(move, Move) and lifecycle[move.target].boots is Boots.WANTED
        for move in moves
    )


def _is_deeper(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    children = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(child, levels - 1) for child in children)
