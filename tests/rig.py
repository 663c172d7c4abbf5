"""A fleet over fakes that write one ordered list, on a clock that a test moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from lifeguard.board import ManagedBoard
from lifeguard.clock import ServiceTime
from lifeguard.event import Event
from lifeguard.fleet import Fleet
from lifeguard.lifecycle import Lifecycle
from lifeguard.lifecycle.standard import LIFECYCLE
from lifeguard.model import (
    Board,
    Boot,
    Change,
    Evidence,
    Hardware,
    HistoryRow,
    Image,
    Incident,
    IncidentPlace,
    Inventory,
    Judgement,
    Notice,
    Operator,
    Outlet,
    Owed,
    RelayBoard,
    RelayBoardChange,
    Saved,
    Standing,
)
from lifeguard.netboot.progress import Progress
from lifeguard.store import Presence, StoreUnavailable, Superseded
from lifeguard.store.commits import Commits

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def result_of(deferred: Deferred[Any]) -> Any:
    """What a Deferred has fired with by now; raises what it failed with."""
    results: list[Any] = []
    deferred.addBoth(results.append)
    assert results, f"has not fired: {deferred}"
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]


@dataclass
class FakeStore:
    """Commits at once, or when told; loses answers or refuses when told."""

    said: list[Any]
    saved: dict[str, Standing] = field(default_factory=dict)
    rows: list[HistoryRow] = field(default_factory=list)
    owed: dict[Outlet, Owed] = field(default_factory=dict)
    away: bool = False
    loses_answers: bool = False
    holds: bool = False
    held: list[Callable[[], None]] = field(default_factory=list)
    waiting: list[Deferred[None]] = field(default_factory=list)
    judged: dict[int, Incident] = field(default_factory=dict)
    evidences: list[Evidence] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    """Of the notices."""
    operators: dict[str, Operator] = field(default_factory=dict)
    presences: list[Presence] = field(default_factory=list)
    commits: Commits = field(default_factory=Commits)

    def tell(self, presence: Presence) -> None:
        self.presences.append(presence)

    def leave(self) -> None:
        """Nothing can be saved from now on."""
        self.away = True
        for presence in self.presences:
            presence.store_is_away()

    def come_back(self) -> None:
        self.away = False
        for presence in self.presences:
            presence.store_is_back()

    def commit(self, change: Change) -> Deferred[None]:
        if self.away:
            return fail(StoreUnavailable("away"))
        if change.after.version != self._version(change.after.board) + 1:
            return fail(Superseded("the board's row is at another version"))
        if self.holds:
            done: Deferred[None] = Deferred()
            self.waiting.append(done)

            def let_go() -> None:
                self._apply(change)
                done.callback(None)

            self.held.append(let_go)
            return done
        self._apply(change)
        if self.loses_answers:
            return fail(StoreUnavailable("the answer was lost"))
        return succeed(None)

    def _apply(self, change: Change) -> None:
        after = change.after
        self.saved[after.board] = after
        self.rows.append(change.row)
        self._keep(change.notices)
        if change.evidence is not None:
            self.evidences.append(change.evidence)
        self.owed.update({owed.outlet: owed for owed in change.owed})
        self.said.append(("commit", after.board, change.row.event, after.state))

    def _keep(self, notices: tuple[Notice, ...]) -> None:
        self.notices.extend(notice.text for notice in notices)
        self.kinds.extend(notice.kind for notice in notices)

    def _version(self, board: str) -> int:
        return self.saved[board].version if board in self.saved else 0

    def record(self, row: HistoryRow) -> Deferred[None]:
        if self.away:
            return fail(StoreUnavailable("away"))
        self.rows.append(row)
        return succeed(None)

    def relay_board_changed(self, change: RelayBoardChange) -> Deferred[None]:
        if self.away:
            return fail(StoreUnavailable("away"))
        self.said.append(("relay board", change.relay_board, change.state, change.why))
        return succeed(None)

    def standing(self, board: str) -> Deferred[Standing | None]:
        if self.away:
            return fail(StoreUnavailable("away"))
        return succeed(self.saved.get(board))

    def settle(self, owed: Owed) -> Deferred[None]:
        if self.away:
            return fail(StoreUnavailable("away"))
        mark = self.owed.get(owed.outlet)
        if mark and mark.board == owed.board and mark.generation <= owed.generation:
            del self.owed[owed.outlet]
        return succeed(None)

    def save_time(self) -> Deferred[None]:
        if self.away:
            return fail(StoreUnavailable("away"))
        return succeed(None)

    def save_incident(self, judgement: Judgement) -> Deferred[None]:
        if self.away:
            return fail(StoreUnavailable("away"))
        incident = judgement.incident
        self.judged[incident.id] = incident
        self._keep(judgement.notices)
        self.said.append(("incident", incident.id, str(incident.cause)))
        return succeed(None)

    def save_operator(self, operator: Operator) -> Deferred[None]:
        if self.away:
            return fail(StoreUnavailable("away"))
        self.operators[operator.digest] = operator
        return succeed(None)

    def incidents(
        self, limit: int = 100, after: IncidentPlace | None = None
    ) -> Deferred[list[Incident]]:
        found = sorted(
            self.judged.values(), key=lambda each: (each.closed is not None, -each.id)
        )
        start = (0, 0) if after is None else (after.is_closed, -after.id)
        page = [each for each in found if (each.closed is not None, -each.id) > start]
        return succeed((found if after is None else page)[:limit])

    def evidence(
        self, after: int, since: float, until: float, at_most: int
    ) -> Deferred[list[tuple[int, Evidence]]]:
        if self.away:
            return fail(StoreUnavailable("away"))
        numbered = list(enumerate(self.evidences, start=1))[after:]
        found = [(n, each) for n, each in numbered if since <= each.seconds <= until]
        return succeed(found[:at_most])

    def forget_evidence(self, before: float) -> Deferred[None]:
        self.evidences = [each for each in self.evidences if each.seconds >= before]
        return succeed(None)

    def history(
        self, board: str, limit: int = 100, before: int | None = None
    ) -> Deferred[list[HistoryRow]]:
        return succeed([row for row in self.rows[::-1] if row.board == board][:limit])

    def relay_board_history(
        self, relay_board: str, limit: int = 100, before: int | None = None
    ) -> Deferred[list[RelayBoardChange]]:
        return succeed([])


@dataclass
class FakePower:
    said: list[Any]
    switching: bool = False
    cycles: dict[str, Deferred[None]] = field(default_factory=dict)
    """Those that have begun on boards which are let go."""

    def is_switching(self, board: str) -> bool:
        return self.switching

    def cycle(self, board: str, generation: int, outlets: tuple[Outlet, ...]) -> None:
        self.said.append(("cycle", board, generation, *map(str, outlets)))

    def switch_off(
        self, board: str, generation: int, outlets: Any, urgent: bool
    ) -> None:
        what = "switch off now" if urgent else "switch off"
        self.said.append((what, board, generation, *map(str, outlets)))

    def keep_off(self, board: str, generation: int, outlets: Any) -> None:
        self.said.append(("keep off", board, generation, *map(str, outlets)))

    def let_go(self, board: str, generation: int, outlets: Any) -> Deferred[None]:
        self.said.append(("let go", board, generation, *map(str, outlets)))
        return self.cycles.pop(board, None) or succeed(None)

    def switch_on(self, board: str, generation: int, outlets: Any) -> None:
        self.said.append(("switch on", board, generation, *map(str, outlets)))

    def owe(self, owed: tuple[Owed, ...]) -> None:
        self.said.append(("owe", *(str(each.outlet) for each in owed)))


@dataclass
class FakeWatch:
    board: str
    failed: Callable[[str], None]
    said: list[Any]

    def stop(self) -> None:
        self.said.append(("stop polling", self.board))


@dataclass
class FakePoller:
    said: list[Any]
    watches: dict[str, FakeWatch] = field(default_factory=dict)
    paused: bool = False

    def watch(
        self,
        board: str,
        address: str,
        checks: tuple[str, ...],
        failed: Callable[[str], None],
    ) -> FakeWatch:
        self.said.append(("poll", board, address, *checks))
        self.watches[board] = FakeWatch(board, failed, self.said)
        return self.watches[board]

    def pause(self) -> None:
        self.paused = True

    def go_on(self) -> None:
        self.paused = False


@dataclass
class Rig:
    """A fleet, its fakes, and `said`: all that was done, in order."""

    said: list[Any]
    clock: Clock
    store: FakeStore
    power: FakePower
    poller: FakePoller
    service_time: ServiceTime
    fleet: Fleet

    def board(self, name: str = "panda-01") -> ManagedBoard:
        return self.fleet.boards[name]

    def state(self, name: str = "panda-01") -> str:
        return self.board(name).standing.state

    def happens(self, event: str, name: str = "panda-01", **fields: Any) -> Any:
        """A board's event with its present token, if nothing else is said."""
        fields.setdefault("by", "board")
        if fields["by"] == "board":
            generation = self.board(name).standing.generation
            fields.setdefault("generation", generation)
        fields.setdefault("source", "test")
        return result_of(self.board(name).deliver(Event(name=event, **fields)))

    def request(self, event: str, name: str = "panda-01", **body: Any) -> Any:
        return result_of(self.fleet.request(name, event, body, "operator"))

    def cycled(self, name: str = "panda-01") -> None:
        """The relay board does what was ordered last."""
        board = self.board(name)
        generation = board.standing.generation
        assert result_of(self.fleet.about(name).cycle_started(generation))
        for outlet in board.board.power:
            result_of(self.fleet.outlet_is_on(Owed(outlet, name, generation)))
        self.fleet.about(name).cycle_ended(generation, None)

    def events(self, name: str = "panda-01") -> list[str]:
        return [row.event for row in self.store.rows if row.board == name]

    def forget(self) -> None:
        """Begin a new list."""
        self.said.clear()


def inventory(lifecycle: Lifecycle = LIFECYCLE, boards: int = 2) -> Inventory:
    """Some PandaBoards on one relay board, and one board without power."""
    boot = {"panda": Boot(loader="pxelinux", template="/nowhere/panda.cfg.j2")}
    pandas = {
        f"panda-{n:02d}": Board(
            name=f"panda-{n:02d}",
            mac=f"02:00:00:00:{n // 256:02x}:{n % 256:02x}",
            hardware="panda",
            address=f"192.0.2.{n}" if n < 255 else None,
            power=(Outlet("rack1", f"{(n - 1) // 8 + 1}/{(n - 1) % 8 + 1}"),),
        )
        for n in range(1, boards + 1)
    }
    bare = Board(name="bare", mac="02:00:00:00:ff:01", hardware="bare")
    return Inventory(
        relay_boards={
            "rack1": RelayBoard(
                name="rack1", driver="proxr", address="192.0.2.250:2101"
            )
        },
        hardware={
            "panda": Hardware(name="panda", lifecycle=lifecycle, health=("ping",)),
            "bare": Hardware(name="bare", lifecycle=lifecycle),
        },
        images={
            "debian": Image(name="debian", boot=boot, health=("tcp:22",)),
            "check": Image(name="check", boot=boot, role="self-test"),
            "rescue": Image(name="rescue", boot=boot, role="maintenance"),
            "elsewhere": Image(name="elsewhere", boot={}),
        },
        boards={**pandas, "bare": bare},
    )


def rig(
    lab: Inventory | None = None,
    saved: Saved | None = None,
    store: FakeStore | None = None,
    *,
    sees_boots: bool = False,
) -> Rig:
    """A fleet that has been started on what `saved` says."""
    said: list[Any] = store.said if store else []
    clock = Clock()
    service_time = ServiceTime(clock)
    saved = saved or Saved()
    service_time.start(saved.service_seconds)
    store = store or FakeStore(said, saved=dict(saved.standings))
    power, poller = FakePower(said), FakePoller(said)
    fleet = Fleet(
        lab or inventory(),
        store,
        poller,
        clock,
        service_time,
        lambda: EPOCH + timedelta(seconds=clock.seconds()),
        sees_boots=sees_boots,
    )
    fleet.load(saved, power)
    fleet.startService()
    fleet.resume(saved, power)
    return Rig(said, clock, store, power, poller, service_time, fleet)


def reimaged(parts: Rig, name: str = "panda-01") -> Rig:
    """A board that was reimaged and is Ready; `said` begins after that."""
    parts.request("rq-reimage", name, image="debian")
    parts.cycled(name)
    for event in ("installer-running", "install-ok", "image-running"):
        parts.happens(event, name)
    parts.forget()
    return parts


def seen(parts: Rig, *events: str, generation: int = 1) -> None:
    """The board fetches what these events say, one after the other."""
    progress = Progress(generation, "debian", ("kernel", "initrd"))
    for event in events:
        progress = progress.after(event, EPOCH)
        parts.fleet.saw("panda-01", event, progress)


def again(parts: Rig, service_seconds: float, owed: tuple[Owed, ...] = ()) -> Rig:
    """The same store under a lifeguard that has been started anew."""
    for call in parts.clock.getDelayedCalls():
        call.cancel()
    saved = Saved(
        service_seconds=service_seconds, standings=dict(parts.store.saved), owed=owed
    )
    parts.store.said.clear()
    return rig(saved=saved, store=parts.store)
