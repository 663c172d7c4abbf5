"""Tells when too few boards are Ready for some time, and when enough are again.

Boards are counted now and then, so that no event costs anything for it. Those that a
person has taken away, or that nobody has taken up yet, do not count.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, Protocol

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from lifeguard.model import Notice
from lifeguard.store import StoreError
from lifeguard.words import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IReactorTime
    from twisted.python.failure import Failure

    from lifeguard.clock import WallClock
    from lifeguard.config.alerts import Alerts
    from lifeguard.lifecycle import Lifecycle
    from lifeguard.model import Inventory, Standing

log = Logger()

LOOK_SECONDS = 10.0
"""To count ten thousand boards takes some milliseconds."""


class Store(Protocol):
    """The part of the store that keeps what was told."""

    def turn_few_ready(self, is_few: bool, notice: Notice) -> Deferred[None]: ...


class Counted(Protocol):
    """A board, as it stands."""

    lifecycle: Lifecycle
    standing: Standing


class Lab(Protocol):
    """All boards."""

    @property
    def inventory(self) -> Inventory: ...

    @property
    def boards(self) -> Mapping[str, Counted]: ...


class Ready(NamedTuple):
    """How many boards are Ready, of so many that should be."""

    ready: int
    boards: int


class Readiness:
    """Looks at the `lab` from `start` on; `told` is called when there is news."""

    def __init__(
        self,
        lab: Lab,
        settings: Alerts,
        store: Store,
        clock: IReactorTime,
        wall: WallClock,
        name: str,
        told: Callable[[], None],
    ) -> None:
        self._lab, self._settings, self._store = lab, settings, store
        self._clock, self._wall, self._name, self._told = clock, wall, name, told
        self._told_few: bool | None = None
        """What people were told last; None: a write's answer was lost."""
        self._is_few: bool | None = None
        self._since = 0.0
        """Since when it is so; both as of the last look."""
        self._saving = False
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    def start(self, is_few: bool) -> None:
        """Go on from what people were told last."""
        self._told_few = is_few
        self._looking.start(LOOK_SECONDS).addErrback(
            lambda failure: log.failure("nobody counts the boards any more", failure)
        )

    def stop(self) -> None:
        """Look no more."""
        if self._looking.running:
            self._looking.stop()

    def _look(self) -> None:
        found = count(self._lab)
        is_few = found.ready < self._settings.few_ready * found.boards
        now = self._clock.seconds()
        if is_few != self._is_few:
            self._is_few, self._since = is_few, now
        lasts = now - self._since >= self._settings.few_ready_for
        if is_few != self._told_few and lasts and not self._saving:
            self._turn(is_few, found)

    def _turn(self, is_few: bool, found: Ready) -> None:
        notice = Notice(
            at=self._wall(),
            board=self._name,
            text=_in_words(is_few, found, self._settings),
            kind="few-ready" if is_few else "enough-ready",
        )
        self._saving = True
        saving = self._store.turn_few_ready(is_few, notice)
        saving.addCallbacks(lambda _: self._turned(is_few), self._turns_later)

    def _turned(self, is_few: bool) -> None:
        self._told_few, self._saving = is_few, False
        self._told()

    def _turns_later(self, failure: Failure) -> None:
        """With the next look; one that was saved all the same is not saved twice."""
        self._told_few, self._saving = None, False
        failure.trap(StoreError)


def count(lab: Lab) -> Ready:
    """How the boards stand that are Ready, failed or on their way."""
    standing = Counter(
        (each.lifecycle, each.standing.state) for each in lab.boards.values()
    )
    kinds: Counter[str] = Counter()
    for (lifecycle, state), boards in standing.items():
        kinds[_kind(lifecycle, state)] += boards
    return Ready(kinds["well"], kinds["well"] + kinds["failed"] + kinds["busy"])


def _kind(lifecycle: Lifecycle, state: str) -> str:
    return lifecycle.kind(state) if state in lifecycle else "unknown"


def _in_words(is_few: bool, found: Ready, settings: Alerts) -> str:
    how = "fewer" if is_few else "no fewer"
    return (
        f"{found.ready} of {found.boards} boards are Ready, {how} than"
        f" {settings.few_ready:.0%}, for {duration(settings.few_ready_for)}"
    )
