"""Rules about the daemon's memory: it is what is saved, and polls what it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from lifeguard.simulator.virtual.outages import BACK_SECONDS
from lifeguard.simulator.virtual.uptime import Expectation

if TYPE_CHECKING:
    from collections.abc import Callable

    from lifeguard.board import ManagedBoard
    from lifeguard.fleet import Poller
    from lifeguard.health.watch import Watch
    from lifeguard.model import Standing
    from lifeguard.simulator.virtual.durable import Durable
    from lifeguard.simulator.virtual.taking_up import TakingUpRules
    from lifeguard.simulator.virtual.uptime import Uptime, Watchdog
    from lifeguard.simulator.virtual.verdict import Verdicts


class PresenceRules:
    """Compares a board in the daemon with its row, after each step that touched it.

    As a Poller, it stands before the one that polls, to see who is watched.
    """

    def __init__(
        self,
        durable: Durable,
        poller: Poller,
        taking_up: TakingUpRules,
        uptime: Uptime,
        watchdog: Watchdog,
        verdicts: Verdicts,
    ) -> None:
        self._durable, self._poller, self._taking_up = durable, poller, taking_up
        self._uptime, self._watchdog, self._verdicts = uptime, watchdog, verdicts
        self._watched: dict[str, ObservedWatch] = {}
        self._over = False

    def end(self) -> None:
        """The daemon is gone."""
        self._over = True

    def pause(self) -> None:
        self._poller.pause()

    def go_on(self) -> None:
        self._poller.go_on()

    def watch(
        self,
        board: str,
        address: str,
        checks: tuple[str, ...],
        failed: Callable[[str], None],
    ) -> Watch:
        twice = board in self._watched and not self._watched[board].told
        self._verdicts.check(not twice, 2, board, "polled twice at once")
        stay = self._durable.standings[board].stay
        self._taking_up.polled(board, stay)

        def tell(reason: str) -> None:
            self._watched[board].told = True
            self._expect_told(board, stay)
            failed(reason)

        watch = self._poller.watch(board, address, checks, tell)
        self._watched[board] = ObservedWatch(watch, lambda: self._watched.pop(board))
        return self._watched[board]

    def check_all(self, boards: dict[str, ManagedBoard]) -> None:
        """A daemon has taken up what was saved."""
        for name, managed in boards.items():
            saved = self._durable.standings.get(name)
            as_saved = saved is None or managed.standing == saved
            self._verdicts.check(as_saved, 5, name, "not where it was saved")
            self.check(managed)

    def check(self, managed: ManagedBoard) -> None:
        """A step has touched this board."""
        name, standing = managed.board.name, managed.standing
        saved = self._durable.standings.get(name)
        if saved is None:
            self._verdicts.check(standing.version == 0, 1, name, "ahead of its row")
            return
        ahead = standing.version > saved.version
        self._verdicts.check(not ahead, 1, name, "ahead of its row")
        if standing.version == saved.version:
            alike = _but_deadline(standing) == _but_deadline(saved)
            self._verdicts.check(alike, 1, name, "not what its row says")
        if managed.lifecycle.wants(standing.state, "poll"):
            polled = name in self._watched or self._taking_up.waits(standing)
            self._verdicts.check(polled, 5, name, f"not polled in {standing.state}")
        else:
            left = name not in self._watched
            self._verdicts.check(left, 2, name, f"polled in {standing.state}")

    def _expect_told(self, board: str, stay: int) -> None:
        def met() -> bool:
            return self._over or self._durable.standings[board].stay != stay

        now = self._uptime.now()
        self._watchdog.expect(
            Expectation(8, board, now, BACK_SECONDS, met, "poll-failed was lost")
        )


class ObservedWatch:
    """A watch; `told` when it has told that its board failed."""

    def __init__(self, watch: Watch, ended: Callable[[], object]) -> None:
        self.told = False
        self._watch, self._ended = watch, ended

    def stop(self) -> None:
        self._ended()
        self._watch.stop()


def _but_deadline(standing: Standing) -> Standing:
    """A renewal moves nothing but the deadline, and is not saved."""
    return replace(standing, deadline=None)
