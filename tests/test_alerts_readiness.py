"""Too few boards Ready: told when it lasts, and again when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace
from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import LogEvent

from lifeguard.alerts.readiness import LOOK_SECONDS, Readiness, count
from lifeguard.config import Alerts
from lifeguard.model import Notice, Saved, Standing
from lifeguard.store import StoreUnavailable
from tests.rig import EPOCH, Rig, inventory, rig
from tests.test_inventory_fleet import leaving_last, take

SETTINGS = Alerts(few_ready=0.5, few_ready_for=60)


@dataclass
class Kept:
    """Saves news as the store does: once; loses the answer when told."""

    is_few: bool = False
    news: list[tuple[bool, str, str]] = field(default_factory=list)
    is_away: bool = False
    loses_answers: bool = False

    def turn_few_ready(self, is_few: bool, notice: Notice) -> Deferred[None]:
        if self.is_away:
            return fail(StoreUnavailable("away"))
        if is_few != self.is_few:
            self.is_few = is_few
            self.news.append((is_few, notice.kind, notice.text))
        if self.loses_answers:
            return fail(StoreUnavailable("the answer was lost"))
        return succeed(None)


def lab(**states: str) -> Rig:
    """panda-01 to panda-04, in these states by the number; Ready, if none is said."""
    standings = {
        name: Standing(
            board=name, state=states.get(f"b{name[-1]}", "Ready"), since=EPOCH
        )
        for name in inventory(boards=4).boards
        if name != "bare"
    }
    return rig(inventory(boards=4), Saved(standings=standings))


def watched(
    parts: Rig, settings: Alerts = SETTINGS, *, is_few: bool = False
) -> tuple[Kept, list[Any], Any]:
    kept, told = Kept(is_few), []
    watch = Readiness(
        parts.fleet,
        settings,
        kept,
        parts.clock,
        lambda: EPOCH,
        "lab-1",
        lambda: told.append("tell"),
    )
    return kept, told, watch


def put(parts: Rig, board: str, state: str) -> None:
    managed = parts.board(board)
    managed.standing = replace(managed.standing, state=state)


def wait(parts: Rig, seconds: float) -> None:
    for _ in range(int(seconds / LOOK_SECONDS)):
        parts.clock.advance(LOOK_SECONDS)


def test_boards_that_are_left_alone_or_strange_do_not_count() -> None:
    assert count(lab().fleet) == (4, 4)
    assert count(lab(b1="FailedFlapping", b2="RebootComplete").fleet) == (2, 4)
    assert count(lab(b1="LockedOut", b2="New", b3="Odd").fleet) == (1, 1)


def test_a_board_that_leaves_after_its_hardware_is_counted_still() -> None:
    parts = lab()
    take(parts, leaving_last(parts))
    assert count(parts.fleet) == (1, 1)


def test_a_fault_in_counting_is_logged(logged_failures: list[LogEvent]) -> None:
    parts = lab()
    _, _, watch = watched(parts)
    watch.start(False)
    parts.fleet.boards["panda-01"].standing = None  # type: ignore[assignment]
    wait(parts, 10)
    assert logged_failures.pop()["log_format"] == "nobody counts the boards any more"


def test_few_ready_boards_are_told_when_it_lasts_and_once() -> None:
    parts = lab(b1="FailedFlapping", b2="FailedFlapping", b3="FailedFlapping")
    kept, told, watch = watched(parts)
    watch.start(False)
    wait(parts, 50)
    assert kept.news == []
    wait(parts, 1000)
    text = "1 of 4 boards are Ready, fewer than 50%, for 1 min"
    assert kept.news == [(True, "few-ready", text)]
    assert told == ["tell"]
    watch.stop()


def test_it_is_told_when_enough_are_ready_again() -> None:
    parts = lab(b1="FailedFlapping", b2="FailedFlapping", b3="FailedFlapping")
    kept, _, watch = watched(parts, is_few=True)
    watch.start(True)
    put(parts, "panda-01", "Ready")
    wait(parts, 50)
    put(parts, "panda-01", "FailedFlapping")  # it does not last
    wait(parts, 60)
    put(parts, "panda-01", "Ready")
    wait(parts, 60)
    assert kept.news == []
    wait(parts, 10)
    text = "2 of 4 boards are Ready, no fewer than 50%, for 1 min"
    assert kept.news == [(False, "enough-ready", text)]
    watch.stop()


def test_without_a_store_the_news_wait_for_it() -> None:
    parts = lab(**{f"b{n}": "FailedFlapping" for n in range(1, 5)})
    kept, told, watch = watched(parts)
    kept.is_away = True
    watch.start(False)
    wait(parts, 100)
    assert (kept.news, told) == ([], [])
    kept.is_away = False
    wait(parts, 10)
    assert [is_few for is_few, *_ in kept.news] == [True]
    watch.stop()


def test_what_was_saved_without_an_answer_is_taken_back_when_it_is_over() -> None:
    failed = {f"b{n}": "FailedFlapping" for n in range(1, 5)}
    parts = lab(**failed)
    kept, told, watch = watched(parts)
    kept.loses_answers = True
    watch.start(False)
    wait(parts, 60)
    for number in range(1, 5):
        put(parts, f"panda-0{number}", "Ready")
    kept.loses_answers = False
    wait(parts, 60)
    assert [is_few for is_few, *_ in kept.news] == [True]
    wait(parts, 1000)
    assert [is_few for is_few, *_ in kept.news] == [True, False]
    assert told == ["tell"]
    watch.stop()


def test_a_lab_of_which_nobody_wants_anything_has_enough() -> None:
    parts = lab(**{f"b{n}": "LockedOut" for n in range(1, 5)})
    kept, _, watch = watched(parts)
    watch.start(False)
    wait(parts, 1000)
    assert kept.news == []
    watch.stop()
