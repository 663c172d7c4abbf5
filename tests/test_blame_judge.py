"""What the judge goes by, and what he leaves alone; each rule has its own tests."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Literal, NamedTuple

from twisted.internet.task import Clock

from lifeguard.blame.docket import Docket
from lifeguard.blame.judge import Judge
from lifeguard.clock import ServiceTime
from lifeguard.config import Blame
from lifeguard.model import Cause, Evidence, Image, Incident, Inventory
from tests.rig import EPOCH

RACK = Cause("relay-board", "rack1")
NEW = Cause("image", "new")


class FakeRegister:
    """Takes down what is opened and changed, and knows it from then on."""

    def __init__(self, said: list[Any]) -> None:
        self.docket, self._said = Docket(), said

    def open(
        self, cause: Cause, boards: tuple[str, ...], text: str, *, set_aside: bool
    ) -> None:
        self._said.append(("open", str(cause), boards, set_aside))
        self.docket.take(incident(cause, failing=(), set_aside=set_aside))

    def change(self, changed: Incident, news: str) -> None:
        self._said.append(("change", changed.boards, changed.failing))
        self.docket.take(changed)


class FakeRule:
    """The rule of what boards share: each failure is one, and nobody is suspected."""

    def __init__(self, said: list[Any]) -> None:
        self._said = said

    def clear(self, board: str) -> None:
        self._said.append(("clear", board))

    def failed(self, evidence: Evidence) -> bool:
        self._said.append(("failed", evidence.board))
        return True

    def suspects(self, board: str) -> list[Cause]:
        return []

    def judge(self, board: str) -> None:
        self._said.append(("judge", board))

    def any_is_well(self, cause: Cause, image: Cause) -> bool:
        return True


class Case(NamedTuple):
    """`said` is what the judge did, in order; its boards are b1 to b4."""

    judge: Judge
    docket: Docket
    inventory: Inventory
    said: list[Any]

    def hear(
        self,
        board: str,
        verdict: Literal["well", "failed", "given-up"],
        image: str = "new",
        seconds: float = 0,
    ) -> None:
        self.judge.hear(evidence(board, verdict, image, seconds))

    def forget(self) -> None:
        self.said.clear()

    def opened(self) -> list[tuple[str, tuple[str, ...]]]:
        return [(each[1], each[2]) for each in self.said if each[0] == "open"]


def evidence(
    board: str,
    verdict: Literal["well", "failed", "given-up"],
    image: str,
    seconds: float = 0,
) -> Evidence:
    return Evidence(
        at=EPOCH,
        seconds=seconds,
        board=board,
        state="ReimageBooting",
        verdict=verdict,
        about="install",
        image=image,
    )


def incident(
    cause: Cause, failing: tuple[str, ...], *, set_aside: bool = False
) -> Incident:
    return Incident(
        id=1,
        cause=cause,
        opened=EPOCH,
        since=0.0,
        boards=failing,
        failing=failing,
        text="",
        set_aside=set_aside,
    )


def rig(*images: str) -> Case:
    """An image is to blame that fails once on two boards; all did well with "old"."""
    said: list[Any] = []
    service_time = ServiceTime(Clock())
    service_time.start(100.0)
    register: Any = FakeRegister(said)
    inventory = Inventory(
        images={name: Image(name=name) for name in images or ("new",)}
    )
    boards = ("b1", "b2", "b3", "b4")
    lab: Any = SimpleNamespace(inventory=inventory, boards=dict.fromkeys(boards))
    incidents: Any = SimpleNamespace(
        joined=lambda board, suspects: False,
        let_go=lambda gone: said.append(("let go", str(gone.cause))),
    )
    rule: Any = FakeRule(said)
    causes = dict.fromkeys(boards, (RACK,))
    settings = Blame(image_boards=2, image_strikes=1)
    judge = Judge(lab, settings, service_time, register, incidents, rule, causes)
    case = Case(judge, register.docket, inventory, said)
    for board in boards:
        case.hear(board, "well", "old", 1)
    case.forget()
    return case


def test_boards_that_an_image_failed_on_fail_by_nothing_else() -> None:
    parts = rig()
    parts.hear("b1", "failed", seconds=2)
    parts.forget()
    parts.hear("b2", "failed", seconds=3)
    assert parts.said == [
        ("failed", "b2"),
        ("clear", "b1"),
        ("clear", "b2"),
        ("open", "image new", ("b1", "b2"), True),
        ("judge", "b2"),
    ]


def test_an_image_that_has_left_the_inventory_is_not_judged() -> None:
    parts = rig("another")
    for board in ("b1", "b2"):
        parts.hear(board, "failed", seconds=2)
    assert parts.opened() == []


def test_a_board_that_has_left_says_nothing() -> None:
    parts = rig()
    parts.hear("b1", "failed", seconds=2)
    parts.forget()
    assert parts.judge.weigh(evidence("gone", "failed", "new", 2)) is False
    parts.hear("gone", "failed", seconds=2)
    assert parts.said == []


def test_a_board_that_is_blamed_for_something_else_speaks_only_for_an_image() -> None:
    parts = rig()
    parts.docket.take(incident(RACK, ("b1", "b2")))
    parts.hear("b1", "failed", seconds=2)
    parts.hear("b3", "failed", seconds=2)
    assert parts.opened() == []
    parts.hear("b2", "well", seconds=3)
    parts.hear("b4", "failed", seconds=4)
    assert parts.opened() == []
    parts.hear("b3", "failed", seconds=5)
    assert parts.opened() == [("image new", ("b4", "b3"))]


def test_what_boards_share_may_turn_out_to_be_their_image() -> None:
    parts = rig()
    parts.docket.take(incident(NEW, ("b1", "b2")))
    for board in ("b1", "b3"):
        parts.hear(board, "failed", seconds=2)
    assert [each for each in parts.said if each[0] in ("change", "let go")] == [
        ("change", ("b1", "b2", "b3"), ()),
        ("let go", "image new"),
    ]
