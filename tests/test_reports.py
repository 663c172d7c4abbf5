"""What power reports of a board becomes an event of that board, or nothing at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from lifeguard.event import Answer, Event, Stale
from lifeguard.model import Outlet
from lifeguard.reports import LEFT, Reports
from lifeguard.store import StoreUnavailable
from tests.rig import result_of

ILL = "rack1 is broken"


class FakeHearer:
    """Keeps what it is told; delivered is what `answer` says."""

    def __init__(self, answer: Deferred[Answer] | None = None) -> None:
        self.heard: list[object] = []
        self.answer = answer or succeed(Answer("panda-01", "RebootRebooting", 3))

    def deliver(self, event: Event) -> Deferred[Answer]:
        self.heard.append(("asked", event.name, event.generation))
        return self.answer

    def tell(self, event: Event) -> None:
        self.heard.append((event.name, event.generation, event.reason, event.body))

    def note(self, event: Event) -> None:
        self.heard.append(("noted", event.name, event.generation, event.reason))

    def order_again(self) -> None:
        self.heard.append("order again")


@pytest.mark.parametrize(
    ("report", "heard"),
    [
        (lambda to: to.cycle_ended(3, None), ("power-cycle-ok", 3, "", {})),
        (lambda to: to.cycle_ended(3, "dead"), ("power-cycle-failed", 3, "dead", {})),
        (lambda to: to.switched_off(3), ("power-off-ok", 3, "", {})),
        (
            lambda to: to.cycle_held(3, ILL, 60.0),
            ("power-cycle-held", 3, ILL, {"patience": 60.0}),
        ),
        (lambda to: to.cycle_goes_on(3), ("power-cycle-started", 3, "", {})),
        (
            lambda to: to.cycle_void(3, ILL, 60.0),
            ("power-cycle-void", 3, ILL, {"patience": 60.0}),
        ),
        (
            lambda to: to.found_on(Outlet("rack1", "1/1")),
            (
                "noted",
                "power-found-on",
                None,
                "rack1/1/1 was on, and is switched off again",
            ),
        ),
    ],
)
def test_a_report_is_one_event(
    report: Callable[[Reports], None], heard: tuple[object, ...]
) -> None:
    board = FakeHearer()
    report(Reports(board))
    assert board.heard == [heard]


def test_a_cycle_may_begin_when_its_start_is_committed() -> None:
    committing: Deferred[Answer] = Deferred()
    board = FakeHearer(committing)
    starting = Reports(board).cycle_started(3)
    assert not starting.called
    committing.callback(Answer("panda-01", "RebootRebooting", 3))
    assert result_of(starting) is True
    assert board.heard == [("asked", "power-cycle-started", 3)]


@pytest.mark.parametrize(
    ("error", "then"),
    [(Stale("long ago"), []), (StoreUnavailable("gone"), ["order again"])],
)
def test_one_that_may_not_begin_is_ordered_again_if_only_the_store_was_missing(
    error: Exception, then: list[object]
) -> None:
    board = FakeHearer(fail(error))
    assert result_of(Reports(board).cycle_started(3)) is False
    assert board.heard == [("asked", "power-cycle-started", 3), *then]


def test_what_breaks_is_not_taken_for_a_no() -> None:
    starting = Reports(FakeHearer(fail(RuntimeError("a mistake")))).cycle_started(3)
    with pytest.raises(RuntimeError, match="a mistake"):
        result_of(starting)


def test_nobody_hears_of_a_board_that_has_left() -> None:
    reports = Reports(LEFT)
    assert result_of(reports.cycle_started(3)) is False
    reports.cycle_ended(3, "dead")
    reports.found_on(Outlet("rack1", "1/1"))
