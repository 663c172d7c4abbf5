"""What is found wrong, on the evidence of a board that was struck once."""

from __future__ import annotations

from lifeguard.simulator.plan import plan_boards

from .kills_driver import Asked
from .kills_evidence import Evidence, Row, read_log

EVENTS = "http://127.0.0.1:8080/api/v1/boards/sim-01/events"
HUNG = "[lifeguard.simulator.board#info] sim-01 hangs: in the boot loader"


def row(
    event: str, move: str, generation: int, outcome: str = "moved", reason: str = ""
) -> Row:
    came_from, to = (
        state if state == "Ready" else f"Reimage{state}" for state in move.split()
    )
    return {
        "id": 7,
        "event": event,
        "from_state": came_from,
        "to_state": to,
        "generation": generation,
        "outcome": outcome,
        "reason": reason,
    }


ASKED = row("rq-reimage", "Ready Rebooting", 0)
STRUCK = row("timeout", "Booting Rebooting", 1, reason="strike 1, 2 allowed")
INSTALLED = row("install-ok", "Installing Complete", 2)
HISTORY = [
    ASKED,
    row("power-cycle-ok", "Rebooting Booting", 1),
    STRUCK,
    row("power-cycle-ok", "Rebooting Booting", 2),
    row("installer-running", "Booting Installing", 2),
    row("install-progress", "Installing Installing", 2, "noted"),
    INSTALLED,
]


def heard(event: str, how: str = "acknowledged") -> list[str]:
    return [f"{EVENTS}: {event} sent", f"{EVENTS}: {event} {how} in generation 2"]


LOG = [
    HUNG,
    *heard("installer-running"),
    *heard("install-progress"),
    *heard("install-ok"),
]


def wrong(
    history: list[Row] = HISTORY,
    log: list[str] = LOG,
    asked: Asked | None = None,
    strikes: dict[str, int] | None = None,
    runs: str = "system",
) -> list[str]:
    """What is found wrong with the board when this differs from what must be."""
    boards = plan_boards(1)
    return Evidence(
        expected="Ready",
        state="Ready",
        strikes={"ReimageBooting": 1} if strikes is None else strikes,
        life={"power": "on", "runs": runs},
        asked=asked or Asked([1]),
        log=read_log("\n".join(log), boards)[boards[0].name],
        history=history,
    ).wrong()


def test_one_strike_for_one_fault_and_everything_saved_once_is_right() -> None:
    assert wrong() == []


def test_an_event_whose_answer_was_lost_may_be_saved_and_repeated() -> None:
    again = [f"{EVENTS}: install-ok sent", *heard("install-ok", "repeated")]
    assert wrong(log=[*LOG[:-2], *again]) == []


def test_an_acknowledged_event_must_be_saved() -> None:
    told = "install-ok in generation 2: acknowledged 1 times, saved 0 times"
    assert wrong(history=HISTORY[:-1]) == [told]
    repeated = [*LOG[:-2], *heard("install-ok", "repeated")]
    told = "install-ok in generation 2: acknowledged 0 times, saved 0 times"
    assert wrong(history=HISTORY[:-1], log=repeated) == [told]
    progress = [*LOG, *heard("install-progress")]
    told = "install-progress in generation 2: acknowledged 2 times, saved 1 times"
    assert wrong(log=progress) == [told]


def test_no_event_is_saved_twice() -> None:
    log = [*LOG, f"{EVENTS}: install-ok sent"]
    told = "install-ok in generation 2: saved 2 times"
    assert wrong(history=[*HISTORY, INSTALLED], log=log) == [told]


def test_no_event_is_saved_that_nobody_sent() -> None:
    invented = {**INSTALLED, "generation": 3}
    told = "install-ok: saved 2 times, sent 1 times"
    assert wrong(history=[*HISTORY, invented]) == [told]


def test_an_accepted_request_is_saved_once() -> None:
    [told] = wrong(asked=Asked([2]))
    assert told.startswith("accepted in generations [2], ")
    [told] = wrong(history=[ASKED, *HISTORY], asked=Asked([1]))
    assert told.startswith("accepted in generations [1], ")


def test_a_request_whose_answer_was_lost_may_be_saved() -> None:
    assert wrong(asked=Asked(unanswered=1)) == []
    assert wrong(asked=Asked([1], unanswered=1)) == []
    assert wrong(asked=Asked([1], repeated=1, unanswered=1)) == []
    assert wrong(asked=Asked([1], repeated=1)) == ["repeats that are none: 1 of 0"]


def test_a_strike_needs_a_fault_and_a_fault_a_strike() -> None:
    told = "1 strikes, but it hung 0 times, its relay 0 times"
    assert wrong(log=LOG[1:]) == [told]
    told = "1 strikes, but it hung 2 times, its relay 0 times"
    assert wrong(log=[HUNG, *LOG]) == [told]


def test_a_board_that_hung_may_have_been_cycled_for_another_reason() -> None:
    resumed = row("resume", "Rebooting Rebooting", 1, "noted")
    assert wrong(history=[*HISTORY, resumed], log=[HUNG, *LOG]) == []


def test_nothing_to_boot_is_no_fault_and_a_relay_that_sticks_is_one() -> None:
    empty = HUNG.replace("in the boot loader", "nothing to boot")
    assert wrong(log=[empty, *LOG]) == []
    sticks = "[lifeguard.simulator.relay#info] rack1: relay 1 of bank 1 sticks"
    assert wrong(log=[sticks, *LOG[1:]]) == []


def test_strikes_are_counted_one_by_one() -> None:
    twice = {**STRUCK, "reason": "strike 2, 2 allowed"}
    history = [*HISTORY[:2], twice, *HISTORY[3:]]
    assert wrong(history=history) == ["row 7 is strike 1"]
    told = "its strikes are {}, its history has {'ReimageBooting': 1}"
    assert wrong(strikes={}) == [told]


def test_strikes_are_cleared_by_ready_and_by_a_request() -> None:
    ready = row("image-running", "Complete Ready", 2)
    log = [*LOG, *heard("image-running")]
    assert wrong(history=[*HISTORY, ready], log=log, strikes={}) == []
    asked = [*HISTORY, row("rq-reimage", "Installing Rebooting", 2)]
    assert wrong(history=asked, asked=Asked([1, 3]), strikes={}) == []


def test_the_end_is_what_the_simulator_says_it_is() -> None:
    assert wrong(runs="hung") == ["in truth it is {'power': 'on', 'runs': 'hung'}"]
