"""What an operation of the interface is: one declaration to route and to describe."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from klein import Klein
from twisted.logger import Logger

from lifeguard.web.answers import answer
from lifeguard.web.refusals import refuse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from msgspec import Struct

    from lifeguard.model import OperatorRole
    from lifeguard.web.callers import Callers
    from lifeguard.web.request import LabRequest

log = Logger()

PREFIX = "/api/v1"

JSON = "application/json"
EVENT_STREAM = "text/event-stream"


Handler = Callable[..., "Awaitable[Any]"]
"""Takes a request and the parts of its path by name; gives the answer."""


class Operation(NamedTuple):
    """One row of the interface; `path` is a klein rule below `PREFIX`.

    `role` is what an operator needs for it; None: nobody needs one. What is `of_board`
    may also be for a board itself: then its handler tells who calls.
    `errors` are the statuses it can be refused with, besides those of every request.
    A `media` other than JSON is written by the handler itself.
    """

    method: str
    path: str
    summary: str
    handler: Handler
    answer: type[Any]
    role: OperatorRole | None
    of_board: bool = False
    errors: tuple[int, ...] = ()
    query: type[Struct] | None = None
    body: type[Struct] | None = None
    media: str = JSON


def router() -> Klein:
    """A klein application without routes, whose every error is JSON."""
    app = Klein()
    # Or klein would answer a doubled slash with a redirection, which is a page.
    app.url_map.merge_slashes = False
    app.handle_errors(Exception)(refuse)  # type: ignore[arg-type]
    return app


def route(app: Klein, operations: Iterable[Operation], callers: Callers) -> None:
    """Serve the operations, each to those who may."""
    for operation in operations:
        _route(app, operation, callers)


def _route(app: Klein, operation: Operation, callers: Callers) -> None:
    endpoint = f"{operation.method} {operation.path}"
    role = None if operation.of_board else operation.role

    async def serve(request: LabRequest, **parts: str) -> bytes | None:
        if role is not None:
            request.operator = callers.operator(request, role).name
            if operation.method != "GET":
                log.info(
                    "{operator}: {path}",
                    operator=request.operator,
                    path=request.path.decode("latin-1"),
                )
        if operation.media != JSON:
            await operation.handler(request, **parts)
            return None
        request.operation = endpoint
        return answer(request, await operation.handler(request, **parts))

    rule, methods = PREFIX + operation.path, [operation.method]
    app.route(rule, methods=methods, endpoint=endpoint)(serve)
