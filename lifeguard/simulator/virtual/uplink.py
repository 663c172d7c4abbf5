"""How boards and people reach the daemon: events get lost, come late, come twice.

Between a sender and the daemon stands what the HTTP interface does: which generation
a call belongs to, what is final, and what is to be sent again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from lifeguard.blame.inquiry import NotSetAside
from lifeguard.event import Event, NotYet
from lifeguard.keeper import SET_STATE
from lifeguard.lifecycle.state import CONFIG_FETCHED
from lifeguard.model import Cause
from lifeguard.netboot.decision import BootImage, decide
from lifeguard.netboot.progress import Progress
from lifeguard.simulator.virtual.board import Offer, Rejected
from lifeguard.store import StoreError, StoreUnavailable

if TYPE_CHECKING:
    from random import Random

    from twisted.internet.interfaces import IReactorTime
    from twisted.python.failure import Failure

    from lifeguard.event import Answer
    from lifeguard.model import Inventory
    from lifeguard.simulator.virtual.ailments import Ailments
    from lifeguard.simulator.virtual.answers import AnswerRules, Question
    from lifeguard.simulator.virtual.board import Kind
    from lifeguard.simulator.virtual.life import Life
    from lifeguard.simulator.virtual.plan import Troubles

LATEST = 7200.0
"""Seconds by which a message may be late."""

_KINDS: dict[str | None, Kind] = {
    None: "installer",
    "self-test": "self-test",
    "maintenance": "maintenance",
}


class Lost(Exception):
    """No answer came, or one that asks to send again."""


Delivery = tuple["Question", "Deferred[Answer]"]
Deliver = Callable[["Life", float], Delivery | None]
"""Puts a message, sent at that moment, before the daemon. None: turned away."""


class Uplink:
    """The network between the lab and lifeguard, and who answers there."""

    def __init__(
        self,
        clock: IReactorTime,
        inventory: Inventory,
        troubles: Troubles,
        random: Random,
        rules: AnswerRules,
        ailments: Ailments,
        daemon: Callable[[], Life | None],
    ) -> None:
        self._clock, self._inventory, self._random = clock, inventory, random
        self._troubles, self._rules, self._daemon = troubles, rules, daemon
        self._ailments = ailments
        self._calls: dict[Deferred[None], None] = {}

    # What boards do.

    def fetch(self, board: str) -> Offer | None:
        if (life := self._daemon()) is None:
            return None
        situation = life.fleet.situation(life.fleet.boards[board])
        decision = decide(situation, self._inventory)
        if not isinstance(decision, BootImage):
            return None
        generation = situation.standing.generation
        progress = Progress(generation, decision.image.name, ())
        life.fleet.saw(board, CONFIG_FETCHED, progress)
        image = Cause("image", decision.image.name)
        works = not self._ailments.lasts(image)
        return Offer(_KINDS[decision.image.role], generation, works)

    def report(self, board: str, event: str, generation: int | None) -> Deferred[None]:
        def deliver(life: Life, sent: float) -> Delivery | None:
            managed = life.fleet.boards[board]
            on, proved = managed.switched_on, generation
            if proved is None:
                if on is not None and sent <= on:
                    return None
                proved = managed.standing.generation
            question = self._rules.asks(board, event, proved)
            source = "address" if generation is None else "token"
            told = Event(name=event, source=source, by="board", generation=proved)
            return question, managed.deliver(told)

        return Deferred.fromCoroutine(self._send_on(deliver))

    # What people do.

    def request(self, board: str, event: str, body: dict[str, str]) -> Deferred[None]:
        """Fires when it is acknowledged; fails with Rejected."""

        def deliver(life: Life, sent: float) -> Delivery:
            question = self._rules.asks(board, event, None)
            return question, life.fleet.request(board, event, body, "somebody")

        return Deferred.fromCoroutine(self._send_on(deliver))

    def change(self, board: str, from_: str, to: str) -> Deferred[None]:
        """Fires when it is acknowledged; fails with Rejected."""

        def deliver(life: Life, sent: float) -> Delivery:
            question = self._rules.asks(board, SET_STATE, None)
            return question, life.fleet.change(board, from_, to, "somebody")

        return Deferred.fromCoroutine(self._send_on(deliver))

    def release(self, image: str) -> None:
        """Have an image taken back that is set aside; who asks, looks again."""
        if (life := self._daemon()) is not None:
            releasing = Deferred.fromCoroutine(life.inquiry.release(image))
            releasing.addCallback(self._released, life, image)
            releasing.addErrback(lambda failure: failure.trap(NotSetAside, StoreError))

    def _released(self, _: None, life: Life, image: str) -> None:
        if life.alive:
            self._rules.released(image)

    # One message after another.

    def hang_up(self) -> None:
        """The daemon is gone, and with it every connection."""
        calls, self._calls = self._calls, {}
        for call in calls:
            self._lose(call)

    async def _send_on(self, deliver: Deliver) -> None:
        pause = 1.0
        while True:
            try:
                return await self._send(deliver)
            except Lost:
                await deferLater(self._clock, pause)
                pause = min(2 * pause, 60.0)

    def _send(self, deliver: Deliver) -> Deferred[None]:
        call: Deferred[None] = Deferred()
        sent = self._clock.seconds()
        self._clock.callLater(self._latency(), self._arrive, deliver, sent, call)
        if self._random.random() < self._troubles.late:
            again: Deferred[None] = Deferred()
            again.addErrback(lambda failure: failure.trap(Lost, Rejected) and None)
            late = self._random.uniform(1.0, LATEST)
            self._clock.callLater(late, self._arrive, deliver, sent, again)
        return call

    def _arrive(self, deliver: Deliver, sent: float, call: Deferred[None]) -> None:
        life = self._daemon()
        if life is None or self._random.random() < self._troubles.lost:
            self._lose(call)
            return
        if (delivery := deliver(life, sent)) is None:
            self._answer(call, Rejected("turned away"))
            return
        question, delivered = delivery
        self._calls[call] = None
        delivered.addCallbacks(
            self._acknowledged,
            self._refused,
            callbackArgs=(life, question, call),
            errbackArgs=(life, question, call),
        )

    def _acknowledged(
        self, answer: Answer, life: Life, question: Question, call: Deferred[None]
    ) -> None:
        if not life.alive:
            return
        self._rules.answered(question, answer)
        self._calls.pop(call, None)
        if self._random.random() < self._troubles.lost:
            self._lose(call)
        else:
            self._answer(call, None)

    def _refused(
        self, failure: Failure, life: Life, question: Question, call: Deferred[None]
    ) -> None:
        if not life.alive:
            return
        self._rules.refused(question, failure)
        self._calls.pop(call, None)
        if failure.check(NotYet, StoreUnavailable):
            self._answer(call, Lost(failure.getErrorMessage()))
        else:
            self._answer(call, Rejected(failure.getErrorMessage()))

    def _lose(self, call: Deferred[None]) -> None:
        self._answer(call, Lost("no answer"))

    def _answer(self, call: Deferred[None], error: Exception | None) -> None:
        def answer() -> None:
            if call.called:  # the board was switched off meanwhile
                return
            if error is None:
                call.callback(None)
            else:
                call.errback(error)

        self._clock.callLater(self._latency(), answer)

    def _latency(self) -> float:
        return self._random.uniform(0.001, 0.3)
