"""The fleet: which board is meant, and what can be asked of it at all."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.logger import LogEvent

from lifeguard.event import Impossible
from lifeguard.fleet import UnknownBoard
from lifeguard.lifecycle import Boots
from lifeguard.model import Change, Outlet, Owed, Saved, Standing
from lifeguard.power.condition import Since
from tests.rig import EPOCH, reimaged, result_of, rig


def test_boards_are_found_by_name_mac_and_address() -> None:
    fleet = rig().fleet
    assert fleet.board("panda-01").board.address == "192.0.2.1"
    with pytest.raises(UnknownBoard, match="no such board: panda-99"):
        fleet.board("panda-99")
    for found in (fleet.by_mac("02:00:00:00:00:02"), fleet.by_address("192.0.2.2")):
        assert found is not None
        assert found.board.name == "panda-02"
    assert fleet.by_mac("02:00:00:00:00:99") is None
    assert fleet.by_address("192.0.2.99") is None


def test_what_a_board_boots_follows_its_state() -> None:
    parts = rig()

    def boots() -> Boots:
        return parts.fleet.situation(parts.board()).boots

    assert boots() is Boots.DISK
    for request, expected in (
        ("rq-maintenance", Boots.MAINTENANCE),
        ("rq-self-test", Boots.SELF_TEST),
    ):
        parts.request(request)
        assert boots() is expected
    parts.request("rq-reimage", image="debian")
    assert boots() is Boots.WANTED
    result_of(parts.fleet.change("panda-01", parts.state(), "LockedOut", "operator"))
    assert boots() is Boots.NOTHING


@pytest.mark.parametrize(
    ("board", "request_", "body", "text"),
    [
        ("panda-01", "rq-reimage", {"image": "bsd"}, "no such image: bsd"),
        (
            "panda-01",
            "rq-reimage",
            {"image": "elsewhere"},
            "image elsewhere has no boot for hardware panda",
        ),
        ("bare", "rq-reboot", {}, "the board has no power outlet to switch"),
    ],
)
def test_a_request_that_cannot_be_fulfilled_is_refused(
    board: str, request_: str, body: dict[str, str], text: str
) -> None:
    parts = rig()
    with pytest.raises(Impossible, match=text):
        parts.request(request_, board, **body)
    assert [row.outcome for row in parts.store.rows] == ["refused"]
    assert parts.store.saved == {}


def test_a_board_that_left_the_inventory_is_kept_and_only_its_outlet_touched() -> None:
    gone = Standing(board="gone", state="RebootRebooting", since=EPOCH, version=3)
    owed = Owed(Outlet("rack1", "4/8"), "gone", 2)
    parts = rig(saved=Saved(standings={"gone": gone}, owed=(owed,)))
    assert parts.said == [("owe", "rack1/4/8")]
    assert parts.fleet.removed == {"gone": gone}
    assert not result_of(parts.fleet.about("gone").cycle_started(2))
    parts.fleet.about("gone").cycle_ended(2, None)
    parts.store.owed[owed.outlet] = owed
    result_of(parts.fleet.outlet_is_on(owed))
    assert parts.store.owed == {}


def test_an_order_marks_its_outlets_as_owed_in_the_same_commit() -> None:
    parts = rig()
    parts.request("rq-reboot")
    outlet = Outlet("rack1", "1/1")
    assert parts.store.owed == {outlet: Owed(outlet, "panda-01", 1)}


def test_listeners_hear_of_changes_before_effects_and_one_that_fails_harms_none(
    logged_failures: list[LogEvent],
) -> None:
    parts = rig()
    heard: list[str] = []

    def listen(change: Change) -> None:
        heard.append(change.after.state)
        parts.said.append("heard")

    def fail(change: Change) -> None:
        raise RuntimeError("a listener")

    parts.fleet.subscribe(fail)
    unsubscribe = parts.fleet.subscribe(listen)
    parts.forget()
    parts.request("rq-reboot")
    assert heard == ["RebootRebooting"]
    assert [each if each == "heard" else each[0] for each in parts.said] == [
        "commit",
        "heard",
        "cycle",
    ]
    unsubscribe()
    parts.cycled()
    assert heard == ["RebootRebooting"]
    assert len(logged_failures) == 3
    logged_failures.clear()


def test_polls_follow_the_image_and_else_the_hardware() -> None:
    parts = reimaged(rig())
    assert parts.board().standing.image == "debian"
    result_of(parts.fleet.change("panda-02", "New", "Ready", "operator"))
    assert parts.said[-1] == ("poll", "panda-02", "192.0.2.2", "ping")


def test_service_seconds_are_saved_every_five_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = rig()
    saved: list[float] = []

    def save_time() -> Deferred[None]:
        saved.append(parts.service_time.now())
        return succeed(None)

    monkeypatch.setattr(parts.store, "save_time", save_time)
    parts.clock.pump([1.0] * 16)
    assert saved == [5.0, 10.0, 15.0]


def test_a_board_is_on_from_its_read_back_not_from_when_that_was_noted() -> None:
    parts = rig()
    parts.request("rq-reboot")
    noted: Deferred[None] = Deferred()
    parts.store.settle = lambda owed: noted  # type: ignore[method-assign]
    parts.clock.advance(7)
    parts.fleet.outlet_is_on(Owed(Outlet("rack1", "1/1"), "panda-01", 1))
    parts.clock.advance(7)
    noted.callback(None)
    parts.fleet.about("panda-01").cycle_ended(1, None)
    assert parts.board().switched_on == 7


def test_what_a_relay_board_became_without_a_store_is_saved_when_that_is_back() -> None:
    parts = rig()
    parts.forget()
    parts.store.leave()
    for state in ("Suspect", "Broken"):
        parts.fleet.relay_board_changed("rack1", Since(state, 0.0, "no answer"))
    assert parts.said == []
    for _ in range(2):
        parts.store.come_back()
    assert parts.said == [("relay board", "rack1", "Broken", "no answer")]
