"""What is to blame when boards fail together, as pure logic."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from lifeguard.blame.together import TogetherCase, TogetherRule
from lifeguard.blame.words import boards_fail_together
from lifeguard.model import Cause, Evidence

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RACK1, RACK2 = Cause("relay-board", "rack1"), Cause("relay-board", "rack2")
RACK3 = Cause("relay-board", "rack3")
PANDA, ROCK = Cause("hardware", "panda"), Cause("hardware", "rock")
NEW, OLD = Cause("image", "new"), Cause("installed-image", "old")


class Rig(NamedTuple):
    rule: TogetherRule

    def fails(
        self,
        *boards: str,
        about: Literal["power", "install", "run"] = "run",
        first: float = 0,
        again: float | None = 100,
    ) -> None:
        """At `first` and, some later, `again`."""
        for at in (first, again):
            for board in boards:
                if at is not None:
                    self.rule.stands(board, well=False, image=OLD)
                    self.fail(board, at, about)

    def fail(
        self,
        board: str,
        at: float,
        about: Literal["power", "install", "run"],
        verdict: Literal["failed", "given-up"] = "failed",
    ) -> bool:
        return self.rule.failed(
            Evidence(
                at=NOON,
                seconds=at,
                board=board,
                state="RebootComplete",
                verdict=verdict,
                about=about,
                image=None,
            )
        )

    def blamed(self, board: str) -> Cause | None:
        case = self.rule.judge(board)
        return None if case is None else case.cause


RACKS = {
    **{f"a{n}": (RACK1, PANDA) for n in range(8)},
    **{f"b{n}": (RACK2, PANDA) for n in range(8)},
}


def rig(causes: dict[str, tuple[Cause, ...]] = RACKS) -> Rig:
    """Boards that are well: eight on each of two relay boards, all of one kind."""
    rule = TogetherRule(5, 0.5, 60, 1800, causes)
    for board in causes:
        rule.stands(board, well=True, image=OLD)
    return Rig(rule)


A = [f"a{n}" for n in range(8)]
B = [f"b{n}" for n in range(8)]


def test_boards_of_one_relay_board_that_fail_together_fail_by_it() -> None:
    parts = rig()
    parts.fails(*A[:5])
    assert parts.rule.judge("a0") == TogetherCase(RACK1, tuple(A[:5]), 8, 8, 0)


def test_four_are_too_few() -> None:
    parts = rig()
    parts.fails(*A[:4])
    assert parts.blamed("a0") is None


def test_half_of_them_are_too_few() -> None:
    parts = rig({**RACKS, "a8": (RACK1, PANDA), "a9": (RACK1, PANDA)})
    parts.fails(*A[:5])
    assert parts.blamed("a0") is None


def test_one_strike_of_each_means_nothing() -> None:
    parts = rig()
    parts.fails(*A, again=None)
    assert parts.blamed("a0") is None
    assert [parts.fail(board, 59, "run") for board in A] == [False] * 8
    assert parts.blamed("a0") is None
    assert [parts.fail(board, 60, "run") for board in A] == [True] * 8
    assert parts.blamed("a0") == RACK1


def test_boards_that_are_given_up_fail_for_sure() -> None:
    parts = rig()
    assert not parts.fail("a0", 0, "run", "given-up")  # it is well by now
    for board in A:
        parts.rule.stands(board, well=False, image=OLD)
    assert all(parts.fail(board, 0, "run", "given-up") for board in A)


def test_when_all_the_lab_fails_nobody_is_blamed() -> None:
    parts = rig()
    parts.fails(*A, *B)
    assert [parts.blamed(board) for board in ("a0", "b7")] == [None, None]


def test_when_the_others_fail_likewise_nobody_is_blamed() -> None:
    parts = rig()
    parts.fails(*A, *B[:5])
    assert parts.blamed("a0") is None


def test_two_causes_that_fit_alike_are_not_blamed() -> None:
    rocks = {f"c{n}": (RACK3, ROCK) for n in range(8)}
    parts = rig({**RACKS, **rocks})
    parts.fails(*rocks)
    assert parts.blamed("c0") is None


def test_the_cause_with_the_fewest_exceptions_is_blamed() -> None:
    parts = rig()
    for board in [*A[:5], *B[:2]]:
        parts.rule.stands(board, well=False, image=NEW)
        parts.fail(board, 0, "install")
        parts.fail(board, 100, "install")
    assert parts.blamed("a0") == NEW


def test_a_board_that_does_well_again_does_not_fail_any_more() -> None:
    parts = rig()
    parts.fails(*A[:5])
    parts.rule.stands("a0", well=True, image=OLD)
    assert parts.blamed("a1") is None


def test_a_board_that_is_asked_for_another_image_begins_anew() -> None:
    parts = rig()
    parts.fails(*A[:5])
    parts.rule.stands("a0", well=False, image=NEW)
    assert parts.blamed("a1") is None


def test_a_failure_is_forgotten_after_the_window() -> None:
    parts = rig()
    parts.fails(*A[:4])
    parts.fails("a4", first=1840, again=1900)
    assert parts.blamed("a4") == RACK1
    parts.fails("a4", first=1901, again=None)
    assert parts.blamed("a4") is None


def test_power_speaks_of_relay_boards_alone() -> None:
    parts = rig({**RACKS, **{f"c{n}": (RACK3, PANDA) for n in range(8)}})
    parts.fails(*A, about="power")
    parts.fails(*B[:5])
    assert (parts.blamed("a0"), parts.blamed("b0")) == (RACK1, RACK2)


def test_the_only_relay_board_of_a_lab_is_blamed_for_its_power() -> None:
    parts = rig({board: (RACK1, PANDA) for board in A})
    parts.fails(*A, about="power")
    assert parts.blamed("a0") == RACK1


def test_when_no_relay_board_can_be_reached_none_is_blamed() -> None:
    parts = rig()
    parts.fails(*A, *B, about="power")
    assert parts.blamed("a0") is None


def test_what_a_board_failed_by_may_be_known() -> None:
    parts = rig()
    parts.fails(*A[:5])
    parts.rule.clear("a0")
    assert parts.blamed("a1") is None


def test_the_text_has_the_figures() -> None:
    parts = rig()
    parts.fails(*A[:5], "b1")
    case = parts.rule.judge("a0")
    assert case is not None
    assert boards_fail_together(case, 86400) == (
        "relay board rack1: 5 of the 8 boards that share it fail (a0, a1, a2, a3 and"
        " a4), and 1 of the 8 others; strikes of its boards do not count until they do"
        " well again, at most 86400 s"
    )


# A single fault in a small lab: the right one is blamed, or nobody.

KINDS = ("relay-board", "hardware", "addresses")


@st.composite
def labs(draw: st.DrawFn) -> dict[str, tuple[Cause, ...]]:
    """Up to 24 boards, each with one of some things of each kind."""
    one = st.tuples(*(st.sampled_from("xyz") for _ in KINDS))
    return {
        f"b{number}": tuple(
            Cause(kind, name) for kind, name in zip(KINDS, shared, strict=True)
        )
        for number, shared in enumerate(draw(st.lists(one, min_size=1, max_size=24)))
    }


@st.composite
def faults(draw: st.DrawFn) -> tuple[Cause, dict[str, tuple[Cause, ...]], list[str]]:
    """What is broken, the lab, and the boards that fail by it, in any order."""
    lab = draw(labs())
    broken = draw(
        st.sampled_from(sorted({cause for causes in lab.values() for cause in causes}))
        | st.sampled_from([NEW, OLD])
        | st.sampled_from([Cause("board", board) for board in lab])
    )
    failing = [
        board
        for board, causes in lab.items()
        if broken in causes or broken == Cause("board", board)
    ]
    if broken in (NEW, OLD):
        failing = draw(st.lists(st.sampled_from(sorted(lab)), min_size=1, unique=True))
    return broken, lab, draw(st.permutations(failing))


@settings(max_examples=500, deadline=None)
@given(faults(), st.booleans())
def test_a_single_fault_is_blamed_on_nobody_who_is_innocent(
    fault: tuple[Cause, dict[str, tuple[Cause, ...]], list[str]], of_power: bool
) -> None:
    broken, lab, failing = fault
    rule = TogetherRule(2, 0.5, 60, 1800, lab)
    parts = Rig(rule)
    for board in lab:
        image = None if broken == OLD and board not in failing else OLD
        rule.stands(board, well=True, image=image)
    image = NEW if broken == NEW else OLD
    about: Literal["power", "install", "run"]
    about = "power" if of_power and broken.kind == "relay-board" else "run"
    blamed = set()
    for at in (0.0, 100.0):
        for board in failing:
            rule.stands(board, well=False, image=image)
            parts.fail(board, at, about)
            blamed.add(parts.blamed(board))
    assert blamed <= {broken, None}
