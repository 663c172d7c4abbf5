"""Power down to the bytes: what a relay board does, and what becomes of its boards."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from lifeguard.model import Outlet, Owed
from lifeguard.wire.proxr import Relay
from tests.fake_relay_board import SILENCE
from tests.power_rig import REFUSED, A, B, lab, lost_in_off_half


def test_fourteen_boards_take_one_off_time_and_one_connection():
    parts = lab()
    boards = [
        (f"b{n}", Outlet("rack1", f"{1 + n // 8}/{1 + n % 8}")) for n in range(14)
    ]
    for board, outlet in boards:
        parts.power.cycle(board, 1, (outlet,))
    # 14 boards, two halves of three round trips each, the link test, and one off time.
    parts.run(85 * 0.015625 + 1)
    assert [event for event in parts.events if event.startswith("ended")] == [
        f"ended {board} 1: ok" for board, _ in boards
    ]
    seen = Counter(parts.relay_board.seen_without_times())
    assert (seen["connected"], seen["link test"]) == (1, 1)
    assert parts.relay_board.relays_on == set()


def test_a_queue_that_is_long_but_healthy_fails_nobody():
    parts = lab(round_trip=0.125)
    for n in range(96):
        outlet = Outlet("rack1", f"{1 + n // 8}/{1 + n % 8}")
        parts.power.cycle(f"b{n}", 1, (outlet,))
    parts.run(96 * 6 * 0.125 + 2)
    ended = [event for event in parts.events if event.startswith("ended")]
    assert ended == [f"ended b{n} 1: ok" for n in range(96)]


def test_a_relay_board_that_dies_between_off_and_on_voids_the_cycle_not_the_board():
    parts = lost_in_off_half()
    parts.run(65)
    assert parts.events[1:] == [
        f"held a 1 for 86400: rack1 is suspect: {REFUSED}",
        f"held a 1 for 86400: rack1 is broken: {REFUSED}",
        f"void a 1 for 86400: rack1/1/1: {REFUSED}",
    ]
    [owed] = parts.power.owed()
    assert (owed.outlet, owed.last_error) == (A, REFUSED)
    parts.relay_board.reachable = True
    parts.run(40)
    assert parts.events[4:] == ["settled rack1/1/1 a 1"]
    assert parts.relay_board.relays_on == set()
    assert parts.power.owed() == []


def test_a_relay_board_that_is_away_for_a_moment_costs_no_second_cycle():
    parts = lost_in_off_half()
    parts.run(3)
    parts.relay_board.reachable = True
    parts.run(20)
    assert parts.events == [
        "started a 1?",
        f"held a 1 for 86400: rack1 is suspect: {REFUSED}",
        "goes on a 1",
        "settled rack1/1/1 a 1",
        "ended a 1: ok",
    ]
    assert parts.relay_board.relays_on == set()


def test_a_relay_board_that_hangs_holds_every_cycle_and_ends_those_that_began():
    parts = lab()
    parts.relay_board.oddities["link test"] = [SILENCE] * 5
    for number in range(1, 9):
        parts.power.cycle(f"b{number}", 1, (Outlet("rack1", f"1/{number}"),))
    parts.run(42)
    told = Counter(event.split()[0] for event in parts.events)
    # Tried for 5 s, after pauses of 1, 2, 4 and 8 s: the fifth time it is broken.
    assert told == {"started": 1, "held": 16}
    parts.run(60)
    told = Counter(event.split()[0] for event in parts.events)
    assert (told["started"], told["ended"], told["void"]) == (8, 7, 1)
    became = ["Suspect", "Broken", "Working"]
    assert parts.reports.became == [("rack1", state) for state in became]
    assert (parts.relay_board.relays_on, parts.power.owed()) == (set(), [])


def test_a_cycle_waits_until_its_relay_board_works_and_is_not_begun_before():
    parts = lab()
    parts.relay_board.reachable = False
    parts.power.owe([Owed(B, "b", 3)])
    parts.power.cycle("a", 1, (A,))
    held = f"held a 1 for 86400: rack1 is suspect: {REFUSED}"
    assert parts.events == [held]
    parts.run(100)
    assert parts.events == [held, held.replace("suspect", "broken")]
    parts.relay_board.reachable = True
    parts.run(40)
    assert parts.events[2:] == [
        "settled rack1/1/2 b 3",
        "started a 1?",
        "settled rack1/1/1 a 1",
        "ended a 1: ok",
    ]


def test_one_outlet_that_sticks_is_its_boards_failure_and_nobody_elses():
    parts = lab()
    parts.relay_board.stuck.add(Relay(1, 1))
    parts.power.cycle("a", 1, (A,))
    parts.power.cycle("b", 1, (B,))
    parts.run(5)
    stuck = "rack1/1/1: relay 1 of bank 1 did not switch on"
    assert sorted(event for event in parts.events if "ended" in event) == [
        f"ended a 1: {stuck}",
        "ended b 1: ok",
    ]
    assert not [event for event in parts.events if "held" in event]


def test_many_boards_of_one_relay_board_begin_sixteen_at_a_time():
    parts = lab()
    for n in range(40):
        parts.power.cycle(f"b{n}", 1, (Outlet("rack1", f"{1 + n // 8}/{1 + n % 8}"),))
    parts.run(0.5)
    assert sum("started" in event for event in parts.events) == 16
    parts.run(16)
    assert sum("ended" in event for event in parts.events) == 40


def test_a_slow_relay_board_costs_no_board_the_time_that_its_cycle_has():
    parts = lab(round_trip=1.0)
    for n in range(16):
        parts.power.cycle(f"b{n}", 1, (Outlet("rack1", f"{1 + n // 8}/{1 + n % 8}"),))
    moments = {}
    while len(moments) < 32:
        parts.run(1)
        for event in parts.told():
            moments.setdefault(tuple(event.split()[:2]), parts.clock.seconds())
        moments = {key: at for key, at in moments.items() if key[0] != "settled"}
    for n in range(16):
        assert moments["ended", f"b{n}"] - moments["started", f"b{n}"] < 50


def test_three_dead_outlets_keep_no_other_board_from_its_turn():
    parts = lab()
    for number in (1, 2, 3):
        parts.relay_board.stuck.add(Relay(1, number))
        parts.relay_board.relays_on.add(Relay(1, number))
        parts.power.owe([Owed(Outlet("rack1", f"1/{number}"), f"b{number}", 1)])
    parts.run(300)
    became = [state for _, state in parts.reports.became]
    assert became == ["Suspect", "Broken"]
    for number in (4, 5, 6, 7):
        parts.power.cycle(f"b{number}", 1, (Outlet("rack1", f"1/{number}"),))
    parts.run(100)
    ended = [event for event in parts.events if event.startswith("ended")]
    assert ended == [f"ended b{number} 1: ok" for number in (4, 5, 6, 7)]
    parts.run(1000)
    assert [state for _, state in parts.reports.became] == [*became, "Working"]
    assert len(parts.power.owed()) == 3


acts = st.one_of(
    st.tuples(st.just("cycle"), st.integers(1, 3)),
    st.tuples(st.just("hang up"), st.none()),
    st.tuples(st.just("reachable"), st.sampled_from([True, False, None])),
    st.tuples(st.just("answer"), st.sampled_from([SILENCE, [b"\1"], [b"\0\1\2"]])),
    st.tuples(st.just("stuck"), st.integers(1, 3)),
)


@given(st.lists(st.tuples(st.floats(0, 4), acts), max_size=15))
@settings(max_examples=60, deadline=None)
def test_whatever_a_relay_board_does_every_board_is_on_again_and_told_of(script):
    parts = lab()
    relay_board, generation = parts.relay_board, 0
    for seconds, (act, value) in script:
        if act == "cycle":
            generation += 1
            outlet = Outlet("rack1", f"1/{value}")
            parts.power.cycle(f"b{value}", generation, (outlet,))
        elif act == "hang up":
            relay_board.hang_up()
        elif act == "reachable":
            relay_board.reachable = value
        elif act == "answer":
            for command in ("switch on", "switch off", "read"):
                odd = relay_board.oddities.setdefault(
                    f"{command} relay 1 of bank 1", []
                )
                odd.append(value)
        else:
            relay_board.stuck ^= {Relay(1, value)}
        parts.run(seconds)
    relay_board.reachable = True
    relay_board.stuck.clear()
    relay_board.oddities.clear()
    parts.run(600)
    assert (relay_board.relays_on, parts.power.owed()) == (set(), [])
    started = {event[8:-1] for event in parts.events if event.startswith("started")}
    ended = [
        " ".join(event.replace(":", "").split()[1:3])
        for event in parts.events
        if event.startswith(("ended", "void"))
    ]
    assert sorted(ended) == sorted(started)
    assert parts.clock.getDelayedCalls() == []
