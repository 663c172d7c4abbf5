"""All boards of the lab, and which of them is meant.

Nothing is decided here; the fleet has boards stand, go on and leave, checks that a
request can be fulfilled at all, and passes on what other parts report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from lifeguard import relay_board_history, timekeeper, world
from lifeguard.blame.docket import Docket
from lifeguard.board import ManagedBoard
from lifeguard.change_listeners import ChangeListener, ChangeListeners
from lifeguard.config.settings import RESUME_RATE
from lifeguard.deadlines import Deadlines
from lifeguard.draft import first_standing
from lifeguard.event import Answer, Event
from lifeguard.lifecycle import Boots
from lifeguard.netboot.decision import Situation
from lifeguard.relay_board_history import RelayBoardHistory
from lifeguard.reports import LEFT, Reports
from lifeguard.resumption import Resumption
from lifeguard.succession import Succession
from lifeguard.timekeeper import Timekeeper
from lifeguard.wishes import check_possible
from lifeguard.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from twisted.internet.interfaces import IReactorTime

    from lifeguard.clock import ServiceTime, WallClock
    from lifeguard.inventory.difference import Difference
    from lifeguard.model import Blamed, Board, Inventory, Owed, Saved, Standing
    from lifeguard.netboot.progress import Progress
    from lifeguard.power.condition import Since
    from lifeguard.store import Presence

log = Logger()


class Store(world.Store, relay_board_history.Store, timekeeper.Store, Protocol):
    """The part of the store that the fleet needs."""

    def settle(self, owed: Owed) -> Deferred[None]: ...
    def tell(self, presence: Presence) -> None: ...


class Power(world.Power, Protocol):
    """Who cycles power and switches on what must not stay off."""

    def owe(self, owed: tuple[Owed, ...]) -> None: ...


class Poller(world.Poller, Protocol):
    """Who polls boards, for as long as what they find can be saved."""

    def pause(self) -> None: ...
    def go_on(self) -> None: ...


class UnknownBoard(Exception):
    """No board of this name is in the inventory."""


class Fleet(Service):
    """The boards of an inventory, by name, MAC and address.

    At a start, what boards had under way is taken up for `resume_rate` boards a
    second.
    """

    def __init__(
        self,
        inventory: Inventory,
        store: Store,
        poller: Poller,
        clock: IReactorTime,
        service_time: ServiceTime,
        wall: WallClock,
        resume_rate: float = RESUME_RATE,
        docket: Docket | None = None,
        *,
        sees_boots: bool = False,
    ) -> None:
        self.inventory = inventory
        self.docket = docket or Docket()
        """The incidents that excuse boards, and set images aside."""
        self.boards: dict[str, ManagedBoard] = {}
        self.removed: dict[str, Standing] = {}
        """Boards that the database knows and the inventory does not."""
        self._store, self._poller = store, poller
        self._clock, self._service_time, self._wall = clock, service_time, wall
        self._sees_boots = sees_boots
        self._deadlines = Deadlines(clock)
        self._listeners = ChangeListeners()
        self._relay_board_history = RelayBoardHistory(store, wall)
        self._timekeeper = Timekeeper(store, clock)
        self._index()
        self._resumption = Resumption(resume_rate, clock, self._deadlines)
        store.tell(self)

    # From the database to running boards.

    def load(self, saved: Saved, power: Power) -> None:
        """Stand every board where it was saved; nothing moves yet."""
        self._around = self._world(power)
        for incident in saved.incidents:
            self.docket.take(incident)
        for name, board in self.inventory.boards.items():
            self.stand(board, saved.standings.get(name))
        self.removed = {
            name: standing
            for name, standing in saved.standings.items()
            if name not in self.boards
        }
        for name in self.removed:
            log.warn("{board}: not in the inventory any more; left alone", board=name)

    def _world(self, power: Power) -> World:
        return World(
            store=self._store,
            power=power,
            poller=self._poller,
            deadlines=self._deadlines,
            service_time=self._service_time,
            wall=self._wall,
            checks=self._checks,
            check_possible=self._check_possible,
            blamed=self._blamed,
            changed=self._listeners.tell,
            sees_boots=self._sees_boots,
        )

    def stand(self, board: Board, standing: Standing | None) -> ManagedBoard:
        """Have the board at hand, as it was left, or as a new one."""
        standing = standing or first_standing(board.name, self._wall())
        hardware = self.inventory.hardware[board.hardware]
        managed = ManagedBoard(board, hardware, standing, self._around)
        self.boards[board.name] = managed
        return managed

    def resume(self, saved: Saved, power: Power) -> Deferred[None]:
        """Go on: first of all what must be switched on, then every board.

        Fires when all that boards had under way has been taken up.
        """
        power.owe(tuple(owed for owed in saved.owed if not self._is_to_be_off(owed)))
        self._timekeeper.start()
        return self._resumption.begin(self.boards.values(), saved.owed)

    def _is_to_be_off(self, owed: Owed) -> bool:
        """Whether a mark is of a board that is off, and still has that outlet."""
        board = self.boards.get(owed.board)
        return board is not None and board.is_off and owed.outlet in board.board.power

    # From one inventory to another.

    def take_inventory(
        self,
        inventory: Inventory,
        different: Difference,
        known: Mapping[str, Standing],
        left: Callable[[str], None],
    ) -> Deferred[None]:
        """Have the boards of another inventory, of which that is `different`.

        `known` are the rows of boards that are new in it. Fires when those that it
        lacks have been let go, of which `left` hears, and the others have moved.
        """
        succession = Succession(self, self.inventory, inventory, different)
        self.inventory = inventory
        under_way = succession.let_go(left) + succession.change()
        new = succession.take_in(known)
        self._index()
        # A board that was off was given its power when it was let go.
        self._resumption.join(new, owed=())
        return gatherResults(under_way).addCallback(lambda _: None)

    def needs(self, relay_board: str) -> bool:
        """Whether a board is on it, also if only until it has left or moved."""
        return any(
            outlet.relay_board == relay_board
            for managed in self.boards.values()
            for outlet in managed.board.power
        )

    def _index(self) -> None:
        boards = self.inventory.boards.values()
        self._macs = {board.mac: board.name for board in boards}
        self._addresses = {
            board.address: board.name for board in boards if board.address is not None
        }

    def stopService(self) -> None:
        """End what boards have under way; the store stays the store's owner's."""
        super().stopService()
        self._timekeeper.stop()
        self._resumption.stop()
        for board in self.boards.values():
            board.stop()

    # What the store says of itself.

    def store_is_away(self) -> None:
        """Nothing is begun, and no time is charged to a board, until it is back."""
        self._service_time.pause()
        self._poller.pause()
        self._resumption.pause()
        for board in self.boards.values():
            board.store_is_away()

    def store_is_back(self) -> None:
        """All goes on by itself."""
        self._service_time.go_on()
        self._poller.go_on()
        self._resumption.go_on()
        self._relay_board_history.store_is_back()
        for board in self.boards.values():
            board.store_is_back()

    # Which board is meant.

    def board(self, name: str) -> ManagedBoard:
        """The board of that name; raises UnknownBoard."""
        try:
            return self.boards[name]
        except KeyError:
            raise UnknownBoard(f"no such board: {name}") from None

    def by_mac(self, mac: str) -> Situation | None:
        """What the board with that MAC (lower case, colons) is about."""
        return self._situation(self._macs.get(mac))

    def by_address(self, address: str) -> Situation | None:
        """What the board with that IPv4 address is about."""
        return self._situation(self._addresses.get(address))

    def knows_address(self, address: str) -> bool:
        """Whether a board has that IPv4 address."""
        return address in self._addresses

    def situations(self) -> Iterator[Situation]:
        """What every board is about."""
        for board in self.boards.values():
            yield self.situation(board)

    def situation(self, board: ManagedBoard) -> Situation:
        """What netboot needs to know of a board."""
        state, lifecycle = board.standing.state, board.lifecycle
        return Situation(
            board=board.board,
            hardware=board.hardware,
            standing=board.standing,
            boots=lifecycle[state].boots if state in lifecycle else Boots.NOTHING,
        )

    def _situation(self, name: str | None) -> Situation | None:
        return None if name is None else self.situation(self.boards[name])

    # What people and clients ask.

    def request(
        self, name: str, event: str, body: Mapping[str, Any], source: str
    ) -> Deferred[Answer]:
        """A person's or a client's request; `body` as the HTTP interface takes it.

        Raises UnknownBoard; the Deferred fails with a Refused, such as Impossible for
        what no board of this kind can do, or with StoreUnavailable.
        """
        return self.board(name).deliver(
            Event(name=event, source=source, by="person", body=dict(body))
        )

    def change(self, name: str, from_: str, to: str, source: str) -> Deferred[Answer]:
        """Put a board into `to` by hand, provided that it is in `from_`."""
        return self.board(name).change(from_, to, source)

    def _check_possible(self, board: Board, wish: Standing) -> None:
        hardware = self.boards[board.name].hardware
        check_possible(self.inventory, self.docket, board, hardware, wish)

    # What power and netboot report.

    def about(self, board: str) -> Reports:
        """Who is told what power does with a board; nobody, if it has left."""
        return Reports(self.boards.get(board, LEFT))

    def relay_board_changed(self, relay_board: str, since: Since) -> None:
        """A relay board is in another state; nobody waits for that to be saved."""
        self._relay_board_history.changed(relay_board, since)

    def outlet_is_on(self, owed: Owed) -> Deferred[None]:
        """An owed outlet was just read back as on, so the mark may go."""
        if owed.board in self.boards:
            self.boards[owed.board].switched_on = self._clock.seconds()
        return self._store.settle(owed)

    def saw(self, board: str, event: str, progress: Progress) -> None:
        """How far a board's boot has come; `event` is the newest step of `progress`."""
        if board in self.boards:
            self.boards[board].saw(event, progress)

    # What others hear.

    def subscribe(self, listener: ChangeListener) -> Callable[[], None]:
        """Hear every committed change; returns what ends it."""
        return self._listeners.add(listener)

    def _blamed(self, board: str) -> Blamed | None:
        return self.docket.blamed(board, self._service_time.now())

    def _checks(self, board: Board, standing: Standing) -> tuple[str, ...]:
        image = self.inventory.images.get(standing.image or "")
        if image is not None and image.health is not None:
            return image.health
        return self.boards[board.name].hardware.health
