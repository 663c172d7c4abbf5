"""A lab of two racks and the inquiry into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace
from twisted.internet.defer import Deferred

from lifeguard.blame.inquiry import Inquiry
from lifeguard.config import Blame
from lifeguard.model import (
    Image,
    Incident,
    Inventory,
    Outlet,
    RelayBoard,
    Saved,
)
from tests.rig import FakeStore, Rig, inventory, reimaged, result_of, rig

SETTINGS = Blame(settle=60, patience=10000)
A = [f"panda-{n:02d}" for n in range(1, 9)]
"""The boards of rack1."""
B = [f"panda-{n:02d}" for n in range(9, 17)]
"""The boards of rack2."""


def two_racks() -> Inventory:
    lab = inventory(boards=16)
    rack1 = lab.relay_boards["rack1"]
    boards = {
        name: replace(board, power=(Outlet("rack2", board.power[0].rest),))
        for name, board in lab.boards.items()
        if name in B
    }
    return replace(
        lab,
        relay_boards={"rack1": rack1, "rack2": _named(rack1, "rack2")},
        images={**lab.images, "new": Image(name="new", boot=lab.images["debian"].boot)},
        boards={**lab.boards, **boards},
    )


def _named(relay_board: RelayBoard, name: str) -> RelayBoard:
    return replace(relay_board, name=name)


class Case(NamedTuple):
    """A lab and the inquiry into it."""

    lab: Rig
    inquiry: Inquiry
    told: list[None]

    def open(self) -> dict[str, Incident]:
        """What is saved, by cause."""
        return {
            str(incident.cause): incident
            for incident in self.lab.store.judged.values()
            if incident.closed is None
        }

    def notices(self) -> list[str]:
        """Since the last time."""
        notices, self.lab.store.notices = self.lab.store.notices, []
        return notices

    def states(self, *boards: str) -> list[str]:
        return [self.lab.state(board) for board in boards]

    def strike(self, *boards: str) -> None:
        """Each of them is cycled, if that is its turn, and then never reports."""
        for board in boards:
            if "Rebooting" in self.lab.state(board):
                self.lab.cycled(board)
        self.lab.clock.advance(700)

    def release(self, image: str) -> None:
        result_of(Deferred.fromCoroutine(self.inquiry.release(image)))

    def hold(self, board: str, patience: float = 86400.0) -> None:
        """Its power cycle waits for a relay board that is ill."""
        generation = self.lab.board(board).standing.generation
        self.lab.fleet.about(board).cycle_held(generation, "rack1 is suspect", patience)

    def broken_image(self, *boards: str, strikes: int = 3) -> None:
        """They are asked for an image that never boots."""
        for board in boards:
            self.lab.request("rq-reimage", board, image="new")
        for _ in range(strikes):
            for board in boards:
                if self.lab.state(board) == "ReimageRebooting":
                    self.lab.cycled(board)
            self.lab.clock.advance(180)

    def restarted(self, meanwhile: Callable[[Rig], None] | None = None) -> Case:
        """After a kill -9: what was saved, and nothing else.

        `meanwhile` is done with the lab before the inquiry begins.
        """
        self.inquiry.stop()
        self.lab.fleet.stopService()
        store = self.lab.store
        saved = Saved(
            service_seconds=self.lab.service_time.now(),
            standings=dict(store.saved),
            incidents=tuple(self.open().values()),
            last_incident=max(store.judged, default=0),
        )
        store.presences.clear()
        return case(saved, store, meanwhile=meanwhile)


def case(
    saved: Saved | None = None,
    store: FakeStore | None = None,
    settings: Blame = SETTINGS,
    meanwhile: Callable[[Rig], None] | None = None,
) -> Case:
    """Sixteen boards of two racks; at first all are Ready with debian."""
    lab, told = rig(two_racks(), saved, store), list[None]()
    lab.fleet.docket.patience = settings.patience
    inquiry = Inquiry(
        lab.fleet,
        lab.store,
        settings,
        lab.clock,
        lab.service_time,
        lambda: lab.fleet._wall(),
        lambda: told.append(None),
    )
    lab.store.tell(inquiry)
    inquiry.load(saved or Saved())
    lab.fleet.subscribe(inquiry.changed)
    if meanwhile is not None:
        meanwhile(lab)
    inquiry.begin(saved or Saved())
    lab.clock.pump([0] * 4)
    if saved is None:
        for board in (*A, *B):
            reimaged(lab, board)
        lab.store.notices.clear()
    return Case(lab, inquiry, told)
