"""Incidents, as the inventory changes under them."""

from __future__ import annotations

from msgspec.structs import replace

from lifeguard.inventory.difference import difference, kept
from lifeguard.model import Cause, Inventory, Outlet
from tests.blame_rig import A, B, Case, case, two_racks
from tests.test_inventory_difference import changed, without


def take(parts: Case, new: Inventory) -> None:
    fleet, inquiry = parts.lab.fleet, parts.inquiry
    merged = kept(fleet.inventory, new)
    different = difference(fleet.inventory, merged)
    fleet.take_inventory(merged, different, {}, inquiry.board_left)
    inquiry.take_boards(different.of("boards", "added", "changed"))


def rack1_fails() -> Case:
    """The boards of rack1 have failed together."""
    parts = case()
    for board in A + B:
        parts.lab.request("rq-reboot", board)
    for board in B:
        parts.lab.cycled(board)
        parts.lab.happens("image-running", board)
    parts.strike(*A)
    parts.strike(*A)
    assert list(parts.open()) == ["relay board rack1"]
    return parts


def test_a_board_that_leaves_is_in_no_incident_any_more() -> None:
    parts = rack1_fails()
    take(parts, without(two_racks(), "boards", "panda-01"))
    incident = parts.open()["relay board rack1"]
    assert "panda-01" not in incident.failing
    assert "panda-01" in incident.boards


def test_an_incident_is_closed_when_too_few_of_its_boards_are_left() -> None:
    parts = rack1_fails()
    new = two_racks()
    for board in A[:5]:
        new = without(new, "boards", board)
    take(parts, new)
    assert parts.open() == {}


def test_a_board_that_is_moved_does_not_fail_by_what_it_shared() -> None:
    parts = rack1_fails()
    power = (Outlet("rack2", "5/1"),)
    take(parts, changed(two_racks(), "boards", "panda-01", power=power))
    assert "panda-01" not in parts.open()["relay board rack1"].failing


def test_a_boards_own_incident_is_closed_when_it_leaves() -> None:
    parts = case()
    parts.lab.request("rq-reboot", "panda-01")
    for _ in range(30):
        parts.strike("panda-01")
    assert list(parts.open()) == ["board panda-01"]
    parts.notices()
    take(parts, without(two_racks(), "boards", "panda-01"))
    assert parts.open() == {}
    assert parts.notices() == [
        "incident 1 is closed: board panda-01: it was taken from the inventory"
    ]


def test_an_image_or_relay_board_that_leaves_is_to_blame_for_nothing() -> None:
    parts = rack1_fails()
    parts.inquiry.left(Cause("relay-board", "rack1"))
    assert "relay board rack1" not in parts.open()


def test_boards_that_are_added_fail_together_as_others_do() -> None:
    lab = two_racks()
    parts = case()
    new = {
        f"new-{n}": replace(
            lab.boards["panda-01"],
            name=f"new-{n}",
            mac=f"02:00:00:00:aa:{n:02x}",
            address=f"192.0.2.{100 + n}",
            power=(Outlet("rack3", f"1/{n}"),),
        )
        for n in range(1, 9)
    }
    rack3 = replace(lab.relay_boards["rack1"], name="rack3")
    take(
        parts,
        replace(
            lab,
            relay_boards={**lab.relay_boards, "rack3": rack3},
            boards={**lab.boards, **new},
        ),
    )
    for board in (*new, *A, *B):
        parts.lab.request("rq-reboot", board)
    for board in A + B:
        parts.lab.cycled(board)
        parts.lab.happens("image-running", board)
    parts.strike(*new)
    parts.strike(*new)
    assert list(parts.open()) == ["relay board rack3"]


def test_a_board_that_has_left_says_nothing_against_an_image() -> None:
    parts = case()
    parts.broken_image("panda-01", "panda-02")
    take(parts, without(two_racks(), "boards", "panda-01"))
    parts.broken_image("panda-03")
    assert parts.open() == {}
    parts.broken_image("panda-04")
    boards = parts.open()["image new"].boards
    assert boards == ("panda-02", "panda-03", "panda-04")
