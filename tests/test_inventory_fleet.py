"""A fleet that takes another inventory: what is done to which board, and in what order.

`parts.said` is all that is done, in order; of a board that is not different it says
nothing, and its timers and polls are the same as before.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from twisted.internet.defer import Deferred

from lifeguard.inventory.difference import difference, kept
from lifeguard.lifecycle.standard import LIFECYCLE
from lifeguard.model import Image, Inventory, Outlet, Saved, Standing
from tests.rig import EPOCH, Rig, inventory, reimaged, result_of, rig
from tests.test_inventory_difference import changed, without


def take(parts: Rig, new: Inventory, **known: Standing) -> list[str]:
    """Have the fleet go by `new`; says which boards have left by now, as they do."""
    left: list[str] = []
    merged = kept(parts.fleet.inventory, new)
    different = difference(parts.fleet.inventory, merged)
    parts.fleet.take_inventory(merged, different, known, left.append)
    return left


def leaving_last(parts: Rig) -> Inventory:
    """The lab without its pandas, of which panda-01 waits for its power cycle."""
    parts.power.cycles["panda-01"] = Deferred()
    lab = without(parts.fleet.inventory, "hardware", "panda")
    return replace(lab, boards={"bare": lab.boards["bare"]})


def under_way(parts: Rig, *boards: str) -> list[Any]:
    """All that those boards have, by its identity."""
    deadlines = parts.fleet._deadlines
    waiting = [(id(each.__self__), n) for each, n in deadlines._waiting.items()]  # type: ignore[attr-defined]
    kept = [
        (
            id(parts.board(name)),
            id(parts.board(name).board),
            id(parts.board(name).standing),
            id(parts.poller.watches.get(name)),
        )
        for name in boards
    ]
    return [*kept, *waiting]


def test_boards_that_are_not_different_are_not_touched() -> None:
    parts = reimaged(rig(inventory(boards=3)))
    parts.request("rq-reboot", "panda-02")
    parts.request("rq-reimage", "panda-03", image="debian")
    parts.forget()
    before = under_way(parts, "panda-01", "panda-02", "panda-03", "bare")
    assert take(parts, inventory(boards=3)) == []
    assert take(parts, changed(inventory(boards=4), "boards", "bare", uuid="x")) == []
    assert (
        under_way(parts, "panda-01", "panda-02", "panda-03", "bare")[:3] == before[:3]
    )
    assert under_way(parts)[: len(before) - 4] == before[4:]
    assert parts.said == []


def test_a_board_that_is_added_begins_in_new_and_is_found() -> None:
    parts = rig()
    take(parts, inventory(boards=3))
    assert parts.state("panda-03") == "New"
    found = parts.fleet.by_mac("02:00:00:00:00:03")
    assert found is not None
    assert parts.fleet.knows_address("192.0.2.3")
    parts.request("rq-reboot", "panda-03")
    assert parts.said[0] == ("owe",)
    assert parts.said[-1] == ("cycle", "panda-03", 1, "rack1/1/3")


def test_a_board_that_comes_back_goes_on_where_it_stood() -> None:
    standing = Standing(
        board="panda-02",
        state="RebootRebooting",
        since=EPOCH,
        version=7,
        stay=3,
        generation=4,
        deadline=60.0,
    )
    parts = rig(without(inventory(), "boards", "panda-02"), Saved(standings={
        "panda-02": standing
    }))  # fmt: skip
    assert parts.fleet.removed == {"panda-02": standing}
    parts.forget()
    take(parts, inventory(), **{"panda-02": standing})
    assert parts.fleet.removed == {}
    assert parts.said == [
        ("commit", "panda-02", "resume", "RebootRebooting"),
        ("cycle", "panda-02", 5, "rack1/1/2"),
    ]


def test_one_that_comes_back_off_is_switched_off_anew() -> None:
    standing = Standing(board="panda-02", state="Off", since=EPOCH, version=7, stay=3)
    parts = rig(without(inventory(), "boards", "panda-02"), Saved(standings={
        "panda-02": standing
    }))  # fmt: skip
    parts.forget()
    take(parts, inventory(), **{"panda-02": standing})
    assert parts.said == [
        ("commit", "panda-02", "rq-power-off", "PoweringOff"),
        ("switch off", "panda-02", 1, "rack1/1/2"),
    ]


def test_a_board_that_is_removed_is_let_go_and_asked_nothing_more() -> None:
    parts = reimaged(rig())
    row = parts.board().standing
    assert take(parts, without(inventory(), "boards", "panda-01")) == ["panda-01"]
    assert parts.said == [("stop polling", "panda-01"), ("let go", "panda-01", 1)]
    assert parts.fleet.removed == {"panda-01": row}
    assert "panda-01" not in parts.fleet.boards
    assert parts.fleet.by_address("192.0.2.1") is None


def test_one_that_never_moved_is_forgotten() -> None:
    parts = rig()
    take(parts, without(inventory(), "boards", "bare"))
    assert parts.fleet.removed == {}


def test_one_whose_cycle_is_under_way_is_removed_when_that_has_ended() -> None:
    parts = rig()
    parts.request("rq-reboot")
    parts.power.cycles["panda-01"] = Deferred()
    cycle = parts.power.cycles["panda-01"]
    parts.forget()
    left = take(parts, without(inventory(), "boards", "panda-01"))
    assert parts.said == [("let go", "panda-01", 1, "rack1/1/1")]
    assert (left, list(parts.fleet.removed)) == ([], [])
    assert parts.state() == "RebootRebooting"
    cycle.callback(None)
    assert (left, list(parts.fleet.removed)) == (["panda-01"], ["panda-01"])


def test_one_that_is_off_is_let_go_with_its_outlets_owed() -> None:
    parts = rig()
    parts.request("rq-power-off")
    parts.fleet.about("panda-01").switched_off(1)
    parts.forget()
    take(parts, without(inventory(), "boards", "panda-01"))
    assert parts.said == [("let go", "panda-01", 1, "rack1/1/1")]


def test_what_is_on_its_way_into_the_store_counts_for_one_that_is_removed() -> None:
    parts = rig()
    parts.store.holds = True
    asked = parts.fleet.request("panda-01", "rq-reboot", {}, "operator")
    left = take(parts, without(inventory(), "boards", "panda-01"))
    assert (left, parts.said) == ([], [("owe",)])
    parts.store.held.pop()()
    assert result_of(asked).state == "RebootRebooting"
    assert parts.said[1:] == [
        ("commit", "panda-01", "rq-reboot", "RebootRebooting"),
        ("let go", "panda-01", 1, "rack1/1/1"),
    ]
    assert left == ["panda-01"]


def test_a_new_address_is_polled_and_nothing_else_is_begun_anew() -> None:
    parts = reimaged(rig())
    standing = parts.board().standing
    take(parts, changed(inventory(), "boards", "panda-01", address="198.51.100.1"))
    assert parts.said == [
        ("stop polling", "panda-01"),
        ("poll", "panda-01", "198.51.100.1", "tcp:22"),
    ]
    assert parts.board().standing is standing
    assert parts.fleet.by_address("192.0.2.1") is None


def test_another_proof_of_its_image_is_asked_of_a_board_that_runs_it() -> None:
    parts = reimaged(rig())
    lab = inventory()
    image = replace(lab.images["debian"], health=("tcp:80",))
    take(parts, replace(lab, images={**lab.images, "debian": image}))
    assert parts.said == [
        ("stop polling", "panda-01"),
        ("poll", "panda-01", "192.0.2.1", "tcp:80"),
    ]


def test_an_image_that_is_added_touches_no_board() -> None:
    parts = reimaged(rig())
    lab = inventory()
    take(parts, replace(lab, images={**lab.images, "new": Image(name="new")}))
    assert parts.said == []


def test_figures_of_a_lifecycle_count_from_the_next_state_on() -> None:
    parts = rig()
    parts.request("rq-reboot")
    deadline = parts.board().standing.deadline
    slow = LIFECYCLE.with_figures({"RebootRebooting": {"timeout": 600}})
    take(parts, inventory(slow))
    assert parts.board().standing.deadline == deadline
    parts.cycled()
    parts.happens("image-running")
    parts.request("rq-reboot")
    parts.fleet.about("panda-01").cycle_started(2)
    now = parts.service_time.now()
    assert parts.board().standing.deadline == now + 600


def test_a_state_that_its_lifecycle_has_no_more_is_left_alone_until_it_has() -> None:
    class Asleep(type(LIFECYCLE["Troubleshooting"])):  # type: ignore[misc]
        steady, by_hand = True, True

    parts = rig(inventory(LIFECYCLE.replace(Asleep)))
    result_of(parts.fleet.change("panda-01", "New", "Asleep", "me"))
    parts.forget()
    take(parts, inventory())
    assert (parts.state(), parts.said) == ("Asleep", [])
    assert parts.board().lifecycle is LIFECYCLE


def test_what_lasts_in_a_state_is_begun_again_once_its_lifecycle_has_it_again() -> None:
    class Watched(type(LIFECYCLE["Ready"])):  # type: ignore[misc]
        by_hand = True

    lab = inventory(LIFECYCLE.replace(Watched))
    parts = rig(lab)
    result_of(parts.fleet.change("panda-01", "New", "Watched", "me"))
    take(parts, inventory())
    parts.forget()
    take(parts, lab)
    assert parts.said == [("poll", "panda-01", "192.0.2.1", "ping")]


def test_a_cycle_is_ordered_anew_at_other_outlets_and_the_old_are_on() -> None:
    parts = rig()
    parts.request("rq-reboot")
    parts.forget()
    other = (Outlet("rack1", "2/8"),)
    take(parts, changed(inventory(), "boards", "panda-01", power=other))
    assert parts.said == [
        ("switch on", "panda-01", 1, "rack1/1/1"),
        ("commit", "panda-01", "resume", "RebootRebooting"),
        ("cycle", "panda-01", 2, "rack1/2/8"),
    ]
    assert [str(outlet) for outlet in parts.store.owed] == ["rack1/1/1", "rack1/2/8"]


def test_one_that_is_off_is_so_at_other_outlets_and_the_old_are_on() -> None:
    parts = rig()
    parts.request("rq-power-off")
    parts.fleet.about("panda-01").switched_off(1)
    parts.forget()
    both = (Outlet("rack1", "1/1"), Outlet("rack1", "2/8"))
    take(parts, changed(inventory(), "boards", "panda-01", power=both))
    assert parts.said == [
        ("switch on", "panda-01", 1),
        ("commit", "panda-01", "rq-power-off", "PoweringOff"),
        ("switch off", "panda-01", 2, "rack1/1/1", "rack1/2/8"),
    ]


def test_a_board_that_only_runs_moves_without_a_sound() -> None:
    parts = reimaged(rig())
    other = (Outlet("rack1", "2/8"),)
    take(parts, changed(inventory(), "boards", "panda-01", power=other))
    assert parts.said == []
    parts.request("rq-reboot")
    assert parts.said[-1] == ("cycle", "panda-01", 2, "rack1/2/8")


def test_an_order_that_is_being_saved_is_for_the_outlets_that_it_names() -> None:
    parts = rig()
    parts.store.holds = True
    parts.fleet.request("panda-01", "rq-reboot", {}, "operator")
    other = (Outlet("rack1", "2/8"),)
    take(parts, changed(inventory(), "boards", "panda-01", power=other))
    parts.store.held.pop()()
    parts.store.holds = False
    parts.store.held.pop()()
    assert parts.said[1:] == [
        ("commit", "panda-01", "rq-reboot", "RebootRebooting"),
        ("cycle", "panda-01", 1, "rack1/1/1"),
        ("switch on", "panda-01", 1, "rack1/1/1"),
        ("commit", "panda-01", "resume", "RebootRebooting"),
        ("cycle", "panda-01", 2, "rack1/2/8"),
    ]


def test_a_board_that_is_moved_there_and_back_is_on_its_old_outlets() -> None:
    parts = reimaged(rig())
    parts.store.holds = True
    parts.fleet.request("panda-01", "rq-reboot", {}, "operator")
    here, there = parts.fleet.inventory, (Outlet("rack1", "2/8"),)
    take(parts, changed(here, "boards", "panda-01", power=there))
    take(parts, here)
    parts.store.holds = False
    parts.store.held.pop()()
    assert parts.board().board is here.boards["panda-01"]
    assert [said for said in parts.said if "2/8" in str(said)] == []


def test_a_move_that_the_store_did_not_take_is_made_all_the_same() -> None:
    parts = rig()
    parts.request("rq-reboot")
    parts.forget()
    parts.store.away = True
    other = (Outlet("rack1", "2/8"),)
    take(parts, changed(inventory(), "boards", "panda-01", power=other))
    assert parts.said == [("switch on", "panda-01", 1, "rack1/1/1")]
    parts.store.away = False
    parts.clock.advance(1)
    assert parts.said[1:] == [
        ("commit", "panda-01", "resume", "RebootRebooting"),
        ("cycle", "panda-01", 2, "rack1/2/8"),
    ]


def test_idle_off_counts_from_when_the_state_was_entered_as_it_is_changed() -> None:
    parts = reimaged(rig(changed(inventory(), "boards", "panda-01", idle_off=100.0)))
    parts.clock.advance(50)
    take(parts, inventory())
    parts.clock.advance(100)
    assert parts.state() == "Ready"
    take(parts, changed(inventory(), "boards", "panda-01", idle_off=200.0))
    parts.clock.advance(49)
    assert parts.state() == "Ready"
    parts.clock.advance(2)
    assert parts.state() == "PoweringOff"
