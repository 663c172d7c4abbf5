"""Rules about answers: what is acknowledged is saved, once, and was not stale."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from lifeguard.event import Refused
from lifeguard.keeper import SET_STATE
from lifeguard.lifecycle.state import POWER_OFF
from lifeguard.simulator.virtual.outages import BACK_SECONDS
from lifeguard.store import StoreUnavailable

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from lifeguard.event import Answer
    from lifeguard.lifecycle import Lifecycle
    from lifeguard.model import Standing
    from lifeguard.simulator.virtual.durable import Durable, Written
    from lifeguard.simulator.virtual.uptime import Uptime
    from lifeguard.simulator.virtual.verdict import Verdicts


class Question(NamedTuple):
    """An event that waits for its answer; `generation` None: it is not bound.

    `asked` is how many changes of the board had been written by then.
    """

    board: str
    event: str
    generation: int | None
    asked: int


class _Row(NamedTuple):
    number: int
    event: str
    generation: int


class AnswerRules:
    """Watches every event that comes from outside, and its answer."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        durable: Durable,
        uptime: Uptime,
        verdicts: Verdicts,
    ) -> None:
        self._lifecycle, self._durable = lifecycle, durable
        self._uptime, self._verdicts = uptime, verdicts
        self._stopping = False
        self._open: defaultdict[str, int] = defaultdict(int)
        self._unclaimed: defaultdict[str, list[_Row]] = defaultdict(list)
        self._in_flight: set[str] = set()

    def stopping(self) -> None:
        """The daemon has been told to end: it may refuse what it likes."""
        self._stopping = True

    def forget(self) -> None:
        """The daemon is gone, and no answer will come."""
        self._stopping = False
        self._open.clear()
        self._unclaimed.clear()
        self._in_flight.clear()

    # One change at a time.

    def commit_asked(self, board: str) -> None:
        alone = board not in self._in_flight
        text = "a change was asked for while another one was being saved"
        self._verdicts.check(alone, 3, board, text)
        self._in_flight.add(board)

    def commit_answered(self, board: str) -> None:
        self._in_flight.discard(board)

    # Questions and answers.

    def asks(self, board: str, event: str, generation: int | None) -> Question:
        """An event is about to be delivered."""
        self._open[board] += 1
        return Question(board, event, generation, self._version(board))

    def committed(self, written: Written) -> None:
        after, row = written.change.after, written.change.row
        if self._open[after.board]:
            before = written.before.generation if written.before is not None else 0
            self._unclaimed[after.board].append(_Row(after.version, row.event, before))

    def answered(self, question: Question, answer: Answer) -> None:
        """It was acknowledged."""
        if answer.repeat:
            self._check_repeat(question)
        else:
            self._check_saved(question)
        self._close(question)

    def refused(self, question: Question, failure: Failure) -> None:
        """It was not acknowledged, for a reason that its sender understands."""
        known = failure.check(Refused, StoreUnavailable) is not None
        text = f"{question.event} was answered by {failure.value!r}"
        self._verdicts.check(known, 7, question.board, text)
        if failure.check(StoreUnavailable) and not self._stopping:
            undisturbed = self._uptime.undisturbed()
            text = f"{question.event} was not taken, with a store for {undisturbed:g} s"
            self._verdicts.check(undisturbed < BACK_SECONDS, 8, question.board, text)
        self._close(question)

    def released(self, image: str) -> None:
        """That an image is set aside no more was acknowledged."""
        aside = any(
            incident.set_aside and incident.cause.name == image
            for incident in self._durable.incidents.values()
        )
        text = f"image {image} was taken back, and that is not saved"
        self._verdicts.check(not aside, 1, "", text)

    def _check_saved(self, question: Question) -> None:
        board, event, generation, asked = question
        rows = self._unclaimed[board]
        mine = [row for row in rows if row.event == event and row.number > asked]
        if not mine:
            text = f"{event} was acknowledged and is not in the history"
            self._verdicts.broken(1, board, text)
            return
        rows.remove(mine[0])
        fresh = generation in (None, mine[0].generation)
        text = f"{event} of generation {generation} moved {mine[0].generation}"
        self._verdicts.check(fresh, 2, board, text)

    def _check_repeat(self, question: Question) -> None:
        board, event, generation, _ = question
        standing = self._durable.standings.get(board)
        known = standing is not None and event in self._known(standing)
        text = f"{event} was called a repeat, and was never accepted"
        self._verdicts.check(known and event != SET_STATE, 1, board, text)
        fresh = standing is not None and generation in (None, standing.generation)
        text = f"{event} of generation {generation} was called a repeat"
        self._verdicts.check(fresh, 2, board, text)

    def _known(self, standing: Standing) -> set[str]:
        """The events that change nothing any more."""
        known = {*standing.accepted}
        if standing.request is not None:
            known.add(standing.request.event)
        if self._lifecycle.wants(standing.state, "keep_off"):
            known.add(POWER_OFF)
        return known

    def _close(self, question: Question) -> None:
        self._open[question.board] -= 1
        if not self._open[question.board]:
            self._unclaimed.pop(question.board, None)

    def _version(self, board: str) -> int:
        standing = self._durable.standings.get(board)
        return 0 if standing is None else standing.version
