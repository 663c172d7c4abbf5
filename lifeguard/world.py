"""Everything outside a board that it may touch: small seams, each with one part.

Who implements them does not import this; who tests a board puts fakes here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred

    from lifeguard.clock import ServiceTime, WallClock
    from lifeguard.deadlines import Deadlines
    from lifeguard.model import Blamed, Board, Change, HistoryRow, Outlet, Standing


class Store(Protocol):
    """The part of the store that a board needs."""

    def commit(self, change: Change) -> Deferred[None]: ...
    def record(self, row: HistoryRow) -> Deferred[None]: ...
    def standing(self, board: str) -> Deferred[Standing | None]: ...


class Power(Protocol):
    """Who switches power; it reports by way of the fleet."""

    def cycle(
        self, board: str, generation: int, outlets: tuple[Outlet, ...]
    ) -> None: ...
    def switch_off(
        self, board: str, generation: int, outlets: tuple[Outlet, ...], urgent: bool
    ) -> None: ...
    def keep_off(
        self, board: str, generation: int, outlets: tuple[Outlet, ...]
    ) -> None: ...
    def switch_on(
        self, board: str, generation: int, outlets: tuple[Outlet, ...]
    ) -> None: ...
    def let_go(
        self, board: str, generation: int, outlets: tuple[Outlet, ...]
    ) -> Deferred[None]: ...
    def is_switching(self, board: str) -> bool: ...


class Watch(Protocol):
    """Polls that go on until they are stopped."""

    def stop(self) -> None: ...


class Poller(Protocol):
    """Who asks boards whether they are well."""

    def watch(
        self,
        board: str,
        address: str,
        checks: tuple[str, ...],
        failed: Callable[[str], None],
    ) -> Watch: ...


class World(NamedTuple):
    """Everything outside a board that it may touch."""

    store: Store
    power: Power
    poller: Poller
    deadlines: Deadlines
    """Of all boards, so that those due together take turns."""
    service_time: ServiceTime
    wall: WallClock
    checks: Callable[[Board, Standing], tuple[str, ...]]
    """What proves that a board is well, by the image it runs."""
    check_possible: Callable[[Board, Standing], None]
    """Raises Impossible for a person's wish that the board cannot be brought to."""
    blamed: Callable[[str], Blamed | None]
    """The incident that a board's failures belong to."""
    changed: Callable[[Change], None]
    """Told after each commit, before its effects begin."""
    sees_boots: bool
    """Whether nothing is fetched for a boot over the network but what is seen."""
