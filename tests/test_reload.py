"""What boards and their relay boards do to each other as both leave or change."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from twisted.internet.defer import Deferred

from lifeguard.inventory.reload import NotApplied
from lifeguard.model import Cause, Incident, Outlet, Owed, Saved, Standing
from tests.reload_rig import Rig, on_rack2, rig, switched_off, two_racks
from tests.rig import EPOCH
from tests.test_inventory_difference import changed, without

RACK1 = Owed(Outlet("rack1", "1/1"), "panda-01", 1)


def leaves_amid_a_commit(parts: Rig) -> Deferred[None]:
    """panda-01 and rack1 are removed while the store has still to answer."""
    parts.store.holds = True
    parts.request("rq-power-on")
    return parts.make(without(on_rack2("panda-02"), "boards", "panda-01"))


def test_a_relay_board_is_there_until_a_board_has_left_it_with_its_power_on() -> None:
    parts = switched_off(rig())
    leaves_amid_a_commit(parts)
    assert parts.told() == []
    parts.saves()
    assert parts.told() == [
        ("commit", "panda-01", "rq-power-on", "RebootRebooting"),
        "on rack1/1/1",
    ]
    parts.answer("rack1/1/1", on=True)
    assert parts.told() == ["close rack1"]
    assert (parts.owed(), parts.store.owed) == ([], {})


def test_a_relay_board_is_there_until_a_board_has_moved_from_it() -> None:
    parts = switched_off(rig())
    parts.store.holds = True
    parts.request("rq-power-on")
    parts.make(on_rack2("panda-01", "panda-02"))
    assert parts.told() == []
    parts.saves()
    assert parts.told() == [
        ("commit", "panda-01", "rq-power-on", "RebootRebooting"),
        "on rack1/1/1",
        ("commit", "panda-01", "resume", "RebootRebooting"),
        ("commit", "panda-01", "power-cycle-started", "RebootRebooting"),
        "off rack2/1/1",
    ]
    parts.answer("rack1/1/1", on=True)
    assert parts.told() == ["close rack1"]
    assert list(parts.store.owed) == [Outlet("rack2", "1/1")]


def test_a_board_that_is_removed_before_it_could_move_leaves_its_old_outlets() -> None:
    parts = switched_off(rig())
    parts.store.holds = True
    parts.request("rq-power-on")
    moving = parts.make(on_rack2("panda-01", "panda-02"))
    leaving = parts.make(without(on_rack2("panda-02"), "boards", "panda-01"))
    assert (moving.called, leaving.called) == (False, False)
    parts.saves()
    assert (moving.called, leaving.called) == (True, True)
    assert parts.told()[1:] == ["on rack1/1/1"]
    parts.answer("rack1/1/1", on=True)
    assert parts.told() == ["close rack1"]


def test_a_relay_board_is_there_until_boards_have_left_that_went_before_it() -> None:
    parts = switched_off(rig())
    parts.store.holds = True
    parts.request("rq-power-on")
    parts.make(without(two_racks(), "boards", "panda-01"))
    parts.make(without(on_rack2("panda-02"), "boards", "panda-01"))
    assert parts.told() == []
    parts.saves()
    assert parts.told()[1:] == ["on rack1/1/1"]
    parts.answer("rack1/1/1", on=True)
    assert parts.told() == ["close rack1"]


def test_a_relay_board_that_came_back_is_not_closed() -> None:
    parts = switched_off(rig())
    leaves_amid_a_commit(parts)
    parts.make(without(two_racks(), "boards", "panda-01"))
    parts.saves()
    parts.answer("rack1/1/1", on=True)
    assert "close rack1" not in parts.told()
    assert len(parts.power.relay_boards()) == 2


def test_what_is_owed_is_tried_again_when_its_relay_board_is_put_back() -> None:
    parts = rig(on_rack2("panda-01", "panda-02"), Saved(owed=(RACK1,)))
    assert [(one.tries, one.last_error) for one in parts.power.owed()] == [
        (1, "no relay board rack1 in the inventory")
    ]
    parts.told()
    parts.make(two_racks())
    assert parts.told() == ["on rack1/1/1"]
    parts.answer("rack1/1/1", on=True)
    assert parts.owed() == []


def breaks(parts: Rig) -> None:
    """rack1 breaks, as the daemon hears it."""
    parts.relay_boards.queues["rack1"].become("Broken", "no answer")
    parts.inquiry.relay_board_is("rack1", "Broken", "no answer")


def incidents(parts: Rig) -> list[str]:
    return [str(each.cause) for each in parts.fleet.docket.open]


def test_a_relay_board_that_breaks_as_it_leaves_is_no_incident_until_it_is_back() -> (
    None
):
    parts = rig()
    parts.power.owe([RACK1])
    parts.make(on_rack2("panda-01", "panda-02"))
    breaks(parts)
    assert (incidents(parts), parts.store.notices) == ([], [])
    parts.make(two_racks())
    assert incidents(parts) == ["relay board rack1"]


def test_what_left_the_inventory_has_no_incident() -> None:
    parts = rig()
    breaks(parts)
    assert incidents(parts) == ["relay board rack1"]
    parts.make(on_rack2("panda-01", "panda-02"))
    assert incidents(parts) == []


def test_a_hardware_type_that_left_has_no_incident_while_its_boards_still_leave() -> (
    None
):
    standing = Standing(board="panda-01", state="RebootRebooting", since=EPOCH)
    incident = Incident(
        id=1,
        cause=Cause("hardware", "panda"),
        opened=EPOCH,
        since=0.0,
        boards=("panda-01",),
        failing=("panda-01",),
        text="they fail",
    )
    parts = rig(
        saved=Saved(
            standings={"panda-01": replace(standing, version=1, stay=1)},
            incidents=(incident,),
            last_incident=1,
        )
    )
    assert incidents(parts) == ["hardware type panda"]
    new = two_racks()
    for name in ("panda-01", "panda-02"):
        new = without(new, "boards", name)
    parts.make(without(new, "hardware", "panda"))
    assert "panda-01" in parts.fleet.boards
    assert incidents(parts) == []


def test_metrics_of_a_relay_board_go_with_it() -> None:
    parts = rig()
    parts.make(on_rack2("panda-01", "panda-02"))
    assert list(parts.power.cycles_ended.outcomes) == ["rack2"]
    assert list(parts.power.cycles_ended.seconds) == ["rack2"]


def test_where_a_driver_makes_no_device_nothing_is_changed() -> None:
    parts = rig(on_rack2("panda-01", "panda-02"))
    before = parts.fleet.inventory
    parts.relay_boards.broken = "rack1"
    new = changed(two_racks(), "relay_boards", "rack2", off_seconds=9.0)
    with pytest.raises(NotApplied, match=r"relay_boards\.rack1: .*no module"):
        parts.make(new)
    assert parts.fleet.inventory is before
    assert list(parts.relay_boards.queues) == ["rack2"]
