"""Look-ups share queries, and each has an answer of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from lifeguard.model import Standing
from lifeguard.store import StoreError, StoreUnavailable
from lifeguard.store.lookups import TOGETHER, Found, LookUps
from lifeguard.turns import TURN_SECONDS

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Reader:
    """Queries that are answered when they are told to be."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self._answers: list[Deferred[Found]] = []

    def look(self, boards: Sequence[str]) -> Deferred[Found]:
        self.asked.append(list(boards))
        self._answers.append(Deferred())
        return self._answers[-1]

    def find(self, **found: Standing | StoreError) -> None:
        self._answers.pop(0).callback(found)

    def fail(self, error: Exception) -> None:
        self._answers.pop(0).errback(error)


class Rig(NamedTuple):
    look_ups: LookUps
    reader: Reader
    clock: Clock
    said: list[str]

    def ask(self, *boards: str) -> None:
        """What each heard is said."""
        for board in boards:
            self.look_ups.standing(board).addBoth(self._heard, board)

    def _heard(self, result: Failure | Standing | None, board: str) -> None:
        if isinstance(result, Failure):
            self.said.append(f"{board}: {result.getErrorMessage()}")
        else:
            self.said.append(f"{board}: {result and result.version}")


def rig() -> Rig:
    reader, clock = Reader(), Clock()
    return Rig(LookUps(reader.look, clock), reader, clock, [])


def standing(board: str, version: int = 1) -> Standing:
    return Standing(board=board, state="Ready", since=NOON, version=version)


def test_what_is_asked_during_a_query_shares_the_next() -> None:
    parts = rig()
    parts.ask("b1", "b2", "b3", "b2")
    assert parts.reader.asked == [["b1"]]
    parts.reader.find(b1=standing("b1", 7))
    assert parts.reader.asked == [["b1"], ["b2", "b3", "b2"]]
    parts.reader.find(b2=standing("b2", 8))
    assert parts.said == ["b1: 7", "b2: 8", "b3: None", "b2: 8"]


def test_ten_thousand_look_ups_are_twenty_one_queries_one_at_a_time() -> None:
    parts = rig()
    parts.ask(*(f"b{number}" for number in range(10_000)))
    while len(parts.said) < 10_000:
        parts.reader.find()
        parts.clock.advance(0)
    assert [len(asked) for asked in parts.reader.asked] == [1, *[TOGETHER] * 19, 499]


def test_a_row_that_cannot_be_read_fails_its_own_board_alone() -> None:
    parts = rig()
    parts.ask("b0", "b1", "b2")
    parts.reader.find()
    parts.reader.find(b1=StoreError("edited"), b2=standing("b2"))
    assert parts.said == ["b0: None", "b1: edited", "b2: 1"]


def test_a_query_that_fails_fails_all_that_wait_and_the_next_is_asked() -> None:
    parts = rig()
    parts.ask("b1", "b2")
    parts.reader.fail(StoreUnavailable("no disk"))
    parts.ask("b3")
    parts.reader.find()
    assert parts.said == ["b1: no disk", "b2: no disk", "b3: None"]
    assert parts.reader.asked == [["b1"], ["b3"]]


def test_many_answers_take_many_turns_of_the_reactor() -> None:
    parts = rig()
    heard: list[str] = []

    def slow(_: object, board: str) -> None:
        parts.clock.rightNow += TURN_SECONDS / 2
        heard.append(board)

    parts.ask("b0")
    for board in ("b1", "b2", "b3"):
        parts.look_ups.standing(board).addCallback(slow, board)
    parts.reader.find()
    parts.reader.find()
    assert heard == ["b1", "b2"]
    parts.clock.advance(0)
    assert heard == ["b1", "b2", "b3"]
