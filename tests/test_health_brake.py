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
    assert told(brake, ["b1", "b2", "b3", "b0"], now=50) == ["b1", "b2", "b3", "b0"]


def test_time_alone_does_not_take_it_off() -> None:
    brake, names = rig(20)
    assert told(brake, names[:5], now=0) == names[:4]
    assert told(brake, names[4:6], now=WITHIN * 100) == []


def test_it_goes_off_when_enough_have_answered_again() -> None:
    brake, names = rig(20)
    assert told(brake, names[:7], now=0) == names[:4]
    answered = []
    for board in ("b19", "b6", "b0", "b1"):  # b19 never failed
        brake.answered(board, now=20)
        answered.append((board, brake.on))
    assert answered == [("b19", True), ("b6", True), ("b0", True), ("b1", False)]
    assert told(brake, ["b4", "b5"], now=30) == ["b4", "b5"]


def test_it_goes_off_when_the_last_that_is_withheld_leaves() -> None:
    brake, names = rig(20)
    told(brake, names[:6], now=0)
    brake.left("b4")
    assert (brake.withheld, brake.on) == (("b5",), True)
    brake.left("b5")
    assert not brake.on
    assert told(brake, ["b6"], now=WITHIN) == []  # those told before still count


def test_boards_told_long_ago_do_not_keep_it_on() -> None:
    brake, names = rig(100)
    assert told(brake, names[:22], now=0) == names[:20]
    for board in names[30:]:
        brake.left(board)  # so that those told are many among the rest
    brake.answered("b29", now=WITHIN)
    assert brake.withheld == ("b20", "b21")
    brake.answered("b29", now=WITHIN + 1)
    assert not brake.on
    assert told(brake, ["b20", "b21"], now=WITHIN + 2) == ["b20", "b21"]


def test_too_many_that_are_withheld_keep_it_on_whoever_answers() -> None:
    brake, names = rig(100)
    told(brake, names[:37], now=0)
    brake.answered("b99", now=WITHIN * 100)
    assert brake.withheld == tuple(names[20:37])
    brake.answered("b20", now=WITHIN * 100)  # 16 of the 80 that are polled are left
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
    brake.answered("b9", now=1)
    assert told(brake, [*names[10:14], "b9"], now=1) == names[10:14]


def test_one_that_leaves_after_a_release_comes_back_as_any_other() -> None:
    brake, names = rig(20)
    told(brake, names[:10], now=0)
    brake.release()
    brake.left("b9")
    brake.joined("b9")
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
        withheld = set(self.brake.withheld) - {board}
        self.failed_at.pop(board, None)
        self.brake.answered(board, self.now)
        still_on = bool(withheld) and self.is_too_many(withheld | self.recent())
        assert set(self.brake.withheld) == (withheld if still_on else set())

    @precondition(lambda self: self.watched)
    @rule(data=st.data())
    def all_answer_and_long_after_one_fails(self, data: st.DataObject) -> None:
        for board in self.watched:
            self.brake.answered(board, self.now)
            self.failed_at.pop(board, None)
        assert not self.brake.on
        self.now += 2 * WITHIN
        board = data.draw(st.sampled_from(sorted(self.watched)))
        assert self.brake.passes(board, self.now)
        self.tell(board)

    @precondition(lambda self: self.watched)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        for board in data.draw(st.sets(st.sampled_from(sorted(self.watched)))):
            if self.brake.passes(board, self.now):
                self.tell(board)

    def tell(self, board: str) -> None:
        self.failed_at[board] = self.now
        assert not self.is_too_many(self.recent())
        assert not self.brake.on
        self.brake.left(board)
        self.watched.discard(board)

    def recent(self) -> set[str]:
        """Boards told of late that have not answered since."""
        return {name for name, at in self.failed_at.items() if at >= self.now - WITHIN}

    def is_too_many(self, failing: set[str]) -> bool:
        lab = self.watched | failing
        return len(failing) >= AT_LEAST and len(failing) > self.share * len(lab)

    @invariant()
    def only_watched_boards_are_withheld(self) -> None:
        assert set(self.brake.withheld) <= self.watched

    @invariant()
    def it_is_on_only_while_something_is_withheld(self) -> None:
        assert self.brake.on == bool(self.brake.withheld)


TestAnyLab = Lab.TestCase
TestAnyLab.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
