"""The brake, as pure logic: boards that fail together are not all told so."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from lifeguard.health.brake import AT_LEAST, WITHIN, Brake


def rig(boards: int, share: float = 0.2) -> tuple[Brake, list[str]]:
    brake = Brake(share)
    names = [f"b{number}" for number in range(boards)]
    for name in names:
        brake.joined(name)
    return brake, names


def told(brake: Brake, boards: list[str], now: float) -> list[str]:
    """Those of `boards` that may be told; like the poller, they are then left."""
    passed = [board for board in boards if brake.passes(board, now)]
    for board in passed:
        brake.left(board)
    return passed


def test_failures_up_to_the_share_are_told_and_those_beyond_withheld() -> None:
    brake, names = rig(100)
    assert told(brake, names[:30], now=0) == names[:20]
    assert brake.on
    assert brake.withheld == tuple(names[20:30])


def test_fewer_than_five_boards_never_put_it_on() -> None:
    brake, names = rig(4, share=0.01)
    assert told(brake, names, now=0) == names
    assert not brake.on


def test_the_fifth_board_of_a_small_lab_is_withheld() -> None:
    brake, names = rig(6)
    assert told(brake, names, now=0) == names[:4]
    assert brake.withheld == ("b4", "b5")


def test_a_share_of_everything_never_puts_it_on() -> None:
    brake, names = rig(50, share=1.0)
    assert told(brake, names, now=0) == names


def test_failures_far_enough_apart_are_all_told() -> None:
    brake, names = rig(20)
    apart = WITHIN / 3  # so never more than four are within two minutes
    moments = [number * apart for number in range(20)]
    passed = [brake.passes(name, now) for name, now in zip(names, moments, strict=True)]
    assert passed == [True] * 20


def test_a_failure_is_forgotten_after_two_minutes() -> None:
    brake, names = rig(20)
    assert told(brake, names[:4], now=0) == names[:4]
    assert told(brake, names[4:9], now=WITHIN + 1) == names[4:8]


def test_one_board_that_fails_again_and_again_is_one_board() -> None:
    brake, _ = rig(20)
    assert [brake.passes("b0", now) for now in range(50)] == [True] * 50


def test_time_alone_does_not_take_it_off() -> None:
    brake, names = rig(20)
    told(brake, names[:10], now=0)
    assert told(brake, names[4:], now=WITHIN * 100) == []


def test_it_goes_off_when_enough_have_answered_again() -> None:
    brake, names = rig(20)
    assert told(brake, names[:7], now=0) == names[:4]
    answered = []
    for board in ("b19", "b6", "b0", "b1"):  # b19 never failed
        brake.answered(board)
        answered.append((board, brake.on))
    assert answered == [("b19", True), ("b6", True), ("b0", True), ("b1", False)]
    assert told(brake, ["b4", "b5"], now=30) == ["b4", "b5"]


def test_a_board_that_leaves_is_not_withheld_but_is_no_answer_either() -> None:
    brake, names = rig(20)
    told(brake, names[:5], now=0)
    brake.left("b4")
    assert (brake.withheld, brake.on) == ((), True)
    brake.answered("b19")
    assert not brake.on


def test_a_person_may_have_all_told_that_are_withheld_now() -> None:
    brake, names = rig(20)
    told(brake, names[:15], now=0)
    brake.release()
    assert (brake.on, brake.withheld) == (False, ())
    assert told(brake, names[4:15], now=10) == names[4:15]


def test_after_a_release_others_that_fail_are_counted_anew() -> None:
    brake, names = rig(20)
    told(brake, names[:8], now=0)
    brake.release()
    assert told(brake, names[8:], now=1) == names[8:12]


def test_one_that_answers_after_a_release_is_not_excused_any_longer() -> None:
    brake, names = rig(20)
    told(brake, names[:10], now=0)
    brake.release()
    brake.answered("b9")
    assert told(brake, [*names[10:14], "b9"], now=1) == names[10:14]


class Lab(RuleBasedStateMachine):
    """Any lab, with boards that come, go, fail and answer as they like."""

    @initialize(share=st.floats(0, 1))
    def begin(self, share: float) -> None:
        self.now = 0.0
        self.share = share
        self.brake = Brake(share)
        self.watched: set[str] = set()
        self.failed_at: dict[str, float] = {}

    names = st.integers(0, 40).map(str)

    @rule(seconds=st.floats(0, 3 * WITHIN))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(boards=st.sets(names, min_size=1))
    def join(self, boards: set[str]) -> None:
        for board in boards:
            self.brake.joined(board)
        self.watched |= boards

    @rule(board=names)
    def leave(self, board: str) -> None:
        self.brake.left(board)
        self.watched.discard(board)

    @precondition(lambda self: self.watched)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        board = data.draw(st.sampled_from(sorted(self.watched)))
        self.brake.answered(board)
        self.failed_at.pop(board, None)

    @precondition(lambda self: self.watched)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        for board in data.draw(st.sets(st.sampled_from(sorted(self.watched)))):
            if self.brake.passes(board, self.now):
                self.tell(board)

    def tell(self, board: str) -> None:
        self.failed_at[board] = self.now
        recent = {
            name for name, at in self.failed_at.items() if at >= self.now - WITHIN
        }
        lab = self.watched | recent
        assert len(recent) < AT_LEAST or len(recent) <= self.share * len(lab)
        assert not self.brake.on
        self.brake.left(board)
        self.watched.discard(board)

    @invariant()
    def only_watched_boards_are_withheld(self) -> None:
        assert set(self.brake.withheld) <= self.watched


TestAnyLab = Lab.TestCase
TestAnyLab.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
