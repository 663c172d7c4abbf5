"""Runs what was typed, and shows a person what came of it.

Results go to the handler's `addOutput`, whatever went wrong to its `addError`: a
refusal of lifeguard's in one line, a mistake in Python as Python tells it. A Deferred
is shown when it fires.
"""

from __future__ import annotations

from traceback import format_exception_only
from typing import TYPE_CHECKING, Any, Protocol

from twisted.conch.manhole import ManholeInterpreter
from twisted.internet.defer import Deferred

from lifeguard.event import Answer, Refused
from lifeguard.fleet import UnknownBoard
from lifeguard.store import StoreError

if TYPE_CHECKING:
    from types import TracebackType

    from twisted.python.failure import Failure

REFUSALS = (Refused, UnknownBoard, StoreError)


class Handler(Protocol):
    """Where what was typed comes from; `isAsync`: it is about an earlier line."""

    def addOutput(self, data: str, isAsync: bool = False) -> None: ...
    def addError(self, data: str, isAsync: bool = False) -> None: ...
    def leave(self) -> None:
        """The person wants to go."""


class Interpreter(ManholeInterpreter):
    """Python for one person. `waiting` are the Deferreds that will yet be shown."""

    def __init__(self, handler: Handler, namespace: dict[str, Any]) -> None:
        super().__init__(handler, namespace)
        self.waiting: set[Deferred[Any]] = set()
        self._running = False

    def runsource(
        self, source: str, filename: str = "<typed>", symbol: str = "single"
    ) -> bool:
        """Run what was typed; True when it is not complete yet."""
        self._running = True
        try:
            return super().runsource(source, filename, symbol)
        except SystemExit:
            self.handler.leave()
            return False
        except (RecursionError, MemoryError) as error:
            # Python's compiler meets them in what is nested too deeply.
            self.write(told(error))
            return False
        finally:
            self._running = False

    def write(self, data: str, isAsync: bool | None = None) -> None:
        """Python's word for telling what went wrong."""
        self.handler.addError(data, isAsync=not self._running)

    def excepthook(
        self,
        excType: type[BaseException],
        excValue: BaseException,
        excTraceback: TracebackType,
    ) -> None:
        if isinstance(excValue, REFUSALS):
            self.write(told(excValue))
        else:
            super().excepthook(excType, excValue, excTraceback)

    def displayhook(self, obj: object) -> None:
        self.locals["_"] = obj
        awaited = deferreds(obj)
        for each in awaited:
            self._show_later(each)
        if not awaited:
            self._show(obj)

    def _show_later(self, awaited: Deferred[Any]) -> None:
        self.waiting.add(awaited)
        awaited.addCallbacks(self._show, self._show_failure)
        awaited.addCallback(lambda _: self.waiting.discard(awaited))

    def _show(self, result: object) -> None:
        if result is not None:
            self.handler.addOutput(shown(result) + "\n", isAsync=not self._running)

    def _show_failure(self, failure: Failure) -> None:
        self.write(told(failure.value))


def deferreds(value: object) -> list[Deferred[Any]]:
    """The Deferred that `value` is, or those in the list that it is."""
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, Deferred)]


def shown(result: object) -> str:
    """A result as a person reads it."""
    if not isinstance(result, Answer):
        return repr(result)
    before = ", as asked for before" if result.repeat else ""
    return f"{result.board}: {result.state}, generation {result.generation}{before}"


def told(error: BaseException | None) -> str:
    """A failure as a person reads it, with the end of the line."""
    if isinstance(error, REFUSALS):
        return f"not done: {error}\n"
    return "".join(format_exception_only(error))
