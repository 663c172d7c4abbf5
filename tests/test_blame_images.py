"""When an image is to blame, as pure logic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

import pytest

from lifeguard.blame.images import ImageCase, ImageRule
from lifeguard.blame.words import image_is_set_aside, names
from lifeguard.model import Cause, Evidence

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RACK = Cause("relay-board", "rack1")
BOARDS = ("b1", "b2", "b3", "b4", "b5")


class Rig(NamedTuple):
    rule: ImageRule
    well: set[str]
    """Causes of which some board is well."""

    def well_with(self, image: str, *boards: str, at: float = 0) -> None:
        for board in boards:
            self.say(board, "well", image, at)

    def fails(self, board: str, *moments: float, image: str = "new") -> None:
        for at in moments:
            self.say(board, "failed", image, at)

    def say(
        self,
        board: str,
        verdict: Literal["well", "failed", "given-up"],
        image: str,
        at: float,
        about: Literal["power", "install", "run"] = "install",
    ) -> None:
        self.rule.weigh(
            Evidence(
                at=NOON + timedelta(seconds=at),
                seconds=at,
                board=board,
                state="ReimageBooting",
                verdict=verdict,
                about=about,
                image=image,
            )
        )

    def blamed(self, now: float = 100, image: str = "new") -> list[str]:
        case = self.judge(now, image)
        return [] if case is None else list(case.boards)

    def judge(self, now: float = 100, image: str = "new") -> ImageCase | None:
        return self.rule.judge(image, now, lambda cause, _: cause.name in self.well)


def rig() -> Rig:
    """Three boards, three strikes, a window of 1,000 s; all did well with "old"."""
    causes = {board: (RACK,) for board in BOARDS}
    parts = Rig(ImageRule(3, 3, 1000, causes), {"rack1"})
    parts.well_with("old", *BOARDS)
    return parts


def guilty() -> Rig:
    parts = rig()
    for board in ("b3", "b1", "b2"):
        parts.fails(board, 10, 20, 30)
    return parts


def test_an_image_that_fails_on_three_boards_is_to_blame() -> None:
    assert guilty().judge() == ImageCase(
        "new",
        {"b3": "old", "b1": "old", "b2": "old"},
        "ReimageBooting",
        NOON + timedelta(seconds=10),
    )


def test_two_boards_are_too_few_however_often_it_fails_on_them() -> None:
    parts = rig()
    for board in ("b1", "b2"):
        parts.fails(board, *range(10, 50))
    assert parts.blamed() == []


def test_two_strikes_on_each_board_are_too_few() -> None:
    parts = rig()
    for board in BOARDS:
        parts.fails(board, 10, 20)
    assert parts.blamed() == []


def test_a_board_that_was_given_up_counts_at_once() -> None:
    parts = rig()
    for board in ("b1", "b2", "b3"):
        parts.say(board, "given-up", "new", 10)
    assert parts.blamed() == ["b1", "b2", "b3"]


def test_a_board_that_did_well_with_no_other_image_does_not_count() -> None:
    parts = Rig(ImageRule(3, 3, 1000, dict.fromkeys(BOARDS, (RACK,))), {"rack1"})
    parts.well_with("old", "b1", "b2")
    for board in BOARDS:
        parts.fails(board, 10, 20, 30)
    assert parts.blamed() == []
    parts.well_with("older", "b5", at=40)
    assert parts.blamed() == ["b1", "b2", "b5"]


def test_one_board_on_which_it_does_well_acquits_it() -> None:
    parts = guilty()
    parts.say("b4", "well", "new", 50)
    assert parts.blamed() == []
    for board in ("b1", "b2", "b3"):
        parts.fails(board, 60, 70, 80)
    assert parts.blamed() == ["b1", "b2", "b3"]


def test_a_reboot_of_a_board_that_has_it_says_nothing_of_its_installer() -> None:
    parts = guilty()
    parts.say("b4", "well", "new", 50, about="run")
    assert parts.blamed() == ["b3", "b1", "b2"]


@pytest.mark.parametrize("about", ["power", "run"])
def test_it_is_not_blamed_for_what_is_no_installation(
    about: Literal["power", "run"],
) -> None:
    parts = rig()
    for board in BOARDS:
        for at in (10, 20, 30):
            parts.say(board, "failed", "new", at, about)
    assert parts.blamed() == []


def test_what_lies_before_the_window_is_forgotten() -> None:
    assert guilty().blamed(now=999) == ["b3", "b1", "b2"]
    assert guilty().blamed(now=1011) == []


def test_it_is_not_blamed_where_all_share_something_on_which_none_is_well() -> None:
    parts = guilty()
    parts.well.clear()
    assert parts.blamed() == []


SIX = ("b1", "b2", "b3", "b4", "b5", "b6")


def two_that_fail() -> Rig:
    """By turns, each on three boards of its own."""
    causes = dict.fromkeys(SIX, (RACK,))
    parts = Rig(ImageRule(3, 3, 1000, causes), {"rack1"})
    parts.well_with("old", *SIX)
    for at in (10, 20, 30):
        for new, other in zip(SIX[:3], SIX[3:], strict=True):
            parts.fails(new, at)
            parts.fails(other, at + 1, image="other")
    return parts


def test_of_two_images_that_fail_at_once_neither_is_to_blame() -> None:
    parts = two_that_fail()
    assert (parts.blamed(), parts.blamed(image="other")) == ([], [])


def test_the_first_of_them_waits_for_what_becomes_of_the_second() -> None:
    parts = guilty()
    assert parts.blamed() == ["b3", "b1", "b2"]
    parts.fails("b4", 5, image="other")
    parts.fails("b5", 5, image="other")
    assert parts.blamed() == ["b3", "b1", "b2"]
    parts.fails("b1", 5, image="other")
    assert parts.blamed() == []


def test_both_are_when_a_third_was_installed_well_since() -> None:
    parts = two_that_fail()
    parts.say("b1", "well", "old", 40, about="run")
    assert parts.blamed() == []
    parts.say("b1", "well", "old", 40)
    assert parts.blamed() == ["b1", "b2", "b3"]
    assert parts.blamed(image="other") == ["b4", "b5", "b6"]


def test_a_rival_of_before_the_window_is_none() -> None:
    parts = rig()
    for board in ("b3", "b4", "b5"):
        parts.fails(board, 10, 20, 30, image="other")
    for board in ("b1", "b2", "b3"):
        parts.fails(board, 1010, 1020, 1025)
    parts.well_with("old", "b1", "b2", "b3", at=900)
    assert parts.blamed(now=1029) == []
    assert parts.blamed(now=1031) == ["b1", "b2", "b3"]


def test_an_operator_can_forget_what_is_held_against_it() -> None:
    parts = guilty()
    parts.rule.forget("new")
    assert parts.blamed() == []


def test_the_text_tells_the_whole_case() -> None:
    case = guilty().judge()
    assert case is not None
    assert image_is_set_aside(case) == (
        "image new is set aside: it failed (first in ReimageBooting) on b3, b1 and b2"
        " since 2026-01-01 12:00:10 UTC, which all did well with old, and it did well"
        " on no board since; POST /api/v1/images/new/release takes it back"
    )


def test_of_many_names_the_rest_is_counted() -> None:
    assert names(["a"]) == "a"
    assert names(["a", "b", "c"]) == "a, b and c"
    assert names([str(n) for n in range(10)]) == "0, 1, 2, 3, 4, 5, 6, 7 and 2 more"
