"""The commands that look: what they show of a lab, and what they say of errors."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import fields, replace

from lifeguard.cli import documents
from lifeguard.cli.reading import read
from lifeguard.cli.session import plain_console
from lifeguard.cli.views.lab import incidents
from lifeguard.model import Cause, Incident, Outlet, Saved, Standing
from lifeguard.power import OwedOutlet
from tests.cli_rig import URL, CliRig, cli
from tests.rig import EPOCH, inventory
from tests.web_rig import STRANGER, booting, web

OWED = OwedOutlet(
    outlet=Outlet("rack1", "1/1"),
    board="panda-01",
    generation=1,
    tries=2,
    last_error="no power",
)


def failed_lab() -> CliRig:
    """panda-01 boots its installer for the second time, panda-02 has failed."""
    standings = {
        "panda-02": Standing(
            board="panda-02",
            state="FailedReimageBooting",
            since=EPOCH - timedelta(hours=2),
            wanted_image="debian",
        )
    }
    parts = booting(web(saved=Saved(standings=standings)))
    parts.lab.clock.advance(181)
    parts.lab.cycled()
    parts.lab.clock.advance(30)
    return cli(parts)


def falls(rig: CliRig, state: str, why: str) -> None:
    """The relay board comes into a state."""
    (status,) = rig.web.relay_boards.relay_boards()
    after = replace(status, state=state, why=why)
    rig.web.relay_boards.relay_boards = lambda: [after]  # type: ignore[method-assign]


def test_the_lab_by_state_the_worst_first() -> None:
    assert failed_lab().run("status") == (
        0,
        [
            "3 boards: 1 failed, 1 at work, 1 left alone",
            "",
            "   STATE                 BOARDS  LONGEST     TIMES OUT      WHICH",
            "✗  FailedReimageBooting       1  2 h 3 min                  panda-02",
            "▸  ReimageBooting             1  30 s        in 2 min 30 s  panda-01",
            "■  New                        1  3 min 31 s                 bare",
        ],
        [],
    )


def test_a_line_for_each_board() -> None:
    assert failed_lab().run("status", "--long").out[2:] == [
        "   BOARD     STATE                 FOR         TIMES OUT      STRIKES"
        "  HARDWARE  IMAGE",
        "✗  panda-02  FailedReimageBooting  2 h 3 min"
        "                           panda     ? → debian",
        "▸  panda-01  ReimageBooting        30 s        in 2 min 30 s  1/30"
        "     panda     ? → debian",
        "■  bare      New                   3 min 31 s                          bare",
    ]


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ([], ["bare", "panda-01", "panda-02"]),
        (["panda-*"], ["panda-01", "panda-02"]),
        (["bare", "panda-02"], ["bare", "panda-02"]),
        (["--state", "Failed*", "--state", "New"], ["bare", "panda-02"]),
        (["--hardware", "panda", "*-01"], ["panda-01"]),
        (["--state", "Ready"], []),
    ],
)
def test_boards_are_chosen_by_name_state_and_hardware(
    choice: list[str], names: list[str]
) -> None:
    said = failed_lab().run("status", "--json", *choice)
    document = json.loads(said.out[0])
    assert [board["name"] for board in document["boards"]] == names
    assert document["next"] is None


def test_a_lab_of_many_pages_is_shown_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lifeguard.cli.api.PAGE", 1)
    assert cli().run("status").out[0] == "3 boards: 3 left alone"


def test_what_is_wrong_besides_the_boards_is_said() -> None:
    rig = failed_lab()
    falls(rig, "Broken", "no power")
    rig.web.relay_boards.debts = [OWED]
    rig.web.polls.withheld = ("panda-01", "panda-02")
    assert rig.run("status").out[-2:] == [
        "relay board rack1 is Broken: no power; 1 outlet to switch on again",
        "polls: 2 boards answer none, so many that their failures are withheld",
    ]


def test_a_relay_board_is_named_when_it_is_ill_and_only_then() -> None:
    rig = failed_lab()
    well = rig.run("status").out
    rig.web.relay_boards.error = "an error that it got over"
    assert rig.run("status").out == well
    falls(rig, "Suspect", "no answer")
    assert rig.run("status").out == [*well, "relay board rack1 is Suspect: no answer"]


def test_on_a_narrow_terminal_only_the_failed_are_all_named() -> None:
    states = {f"panda-{n:02d}": "FailedFlapping" for n in range(1, 30, 2)}
    standings = {
        name: Standing(board=name, state=state, since=EPOCH)
        for name, state in states.items()
    }
    rig = cli(web(inventory(boards=30), Saved(standings=standings)))
    rig.width, rig.is_terminal = 60, True
    out = rig.run("status").out
    assert all(len(line) <= 60 for line in out)
    assert {name for line in out for name in line.split()} >= states.keys()
    assert out[-1].startswith("■  New")
    assert out[-1].endswith("…")


@pytest.mark.parametrize("width", [40, 46, 60, 80, 120])
@pytest.mark.parametrize("options", [(), ("--long",)])
def test_no_name_is_cut_however_narrow_the_terminal(
    width: int, options: tuple[str, ...]
) -> None:
    rig = failed_lab()
    rig.width, rig.is_terminal = width, True
    _, _, *lines = rig.run("status", *options).out
    assert all(len(line) <= width for line in lines)
    words = [word for line in lines for word in line.split()]
    states = ["FailedReimageBooting", "ReimageBooting", "New"]
    assert [word for word in words if word in states] == states


def test_what_can_be_done_without_is_left_out_for_what_cannot() -> None:
    rig = failed_lab()
    rig.is_terminal = True
    headings = {}
    for rig.width in (100, 75, 60, 45):
        headings[rig.width] = rig.run("status", "--long").out[2].split()
    assert headings == {
        100: ["BOARD", "STATE", "FOR", "TIMES", "OUT", "STRIKES", "HARDWARE", "IMAGE"],
        75: ["BOARD", "STATE", "FOR", "TIMES", "OUT", "STRIKES", "IMAGE"],
        60: ["BOARD", "STATE", "FOR", "TIMES", "OUT"],
        45: ["BOARD", "STATE", "FOR"],
    }


def test_why_a_board_is_where_it_is_and_what_happens_next() -> None:
    rig = failed_lab()
    rig.width = 80
    assert rig.run("show", "panda-01").out == [
        "panda-01  ▸ ReimageBooting",
        "  since       00:03:01, 30 s ago",
        "  because     power-cycle-ok in ReimageRebooting, by power",
        "  next        timeout in 2 min 30 s, at 00:06:01: strike 2, 30 allowed: enters",
        "              ReimageRebooting, or FailedReimageBooting if too many",
        "  strikes     1 of 30 allowed in ReimageBooting",
        "  generation  2, as many as power cycles ordered",
        "  image       nobody knows what is on the disk; debian is wanted",
        "  boots now   the image debian",
        "  hardware    panda",
        "  address     192.0.2.1, 02:00:00:00:00:01",
        "  power       rack1/1/1",
        "",
        "What each event would do",
        "  image-set-aside       enters RebootRebooting",
        "  installer-running     enters ReimageInstalling",
        "  only-image-set-aside  enters NoImage",
        "  rq-maintenance        enters MaintenanceRebooting",
        "  rq-power-off          enters PoweringOff",
        "  rq-reboot             enters RebootRebooting",
        "  rq-reimage            enters ReimageRebooting",
        "  rq-self-test          enters SelfTestRebooting",
        "  timeout               strike 2, 30 allowed: enters ReimageRebooting, or",
        "                        FailedReimageBooting if too many",
        "",
        "What happened last",
        "TIME      EVENT                BY                  WHAT CAME OF IT",
        "00:03:01  power-cycle-ok       power               ReimageRebooting →",
        "                                                   ReimageBooting",
        "00:03:01  power-cycle-started  power               noted in ReimageRebooting",
        "00:03:01  timeout              timer               ReimageBooting →",
        "                                                   ReimageRebooting: strike 1,",
        "                                                   30 allowed",
        "00:00:00  power-cycle-ok       power               ReimageRebooting →",
        "                                                   ReimageBooting",
        "00:00:00  power-cycle-started  power               noted in ReimageRebooting",
        "00:00:00  rq-reimage           operator 127.0.0.1  New → ReimageRebooting",
    ]


def test_a_board_says_what_its_failures_are_blamed_on() -> None:
    rig = cli()
    blamed = Incident(
        id=7,
        cause=Cause("relay-board", "rack1"),
        opened=EPOCH,
        since=0.0,
        boards=("panda-01",),
        failing=("panda-01",),
        text="relay board rack1 is broken",
    )
    rig.web.lab.fleet.docket.take(blamed)
    line = "  incident    7: relay board rack1 is broken; its strikes do not count"
    assert line in rig.run("show", "panda-01").out


def test_a_board_that_was_removed_is_shown_as_such() -> None:
    gone = Standing(board="gone", state="Ready", since=EPOCH)
    rig = cli(web(saved=Saved(standings={"gone": gone})))
    assert rig.run("show", "gone").out[0] == "gone  ? Ready"
    assert "?  Ready       1  0 s                 gone" in rig.run("status").out


def test_what_happened_to_all_boards_in_order() -> None:
    rig = failed_lab()
    rig.web.lab.request("rq-reboot", "panda-02")
    assert rig.run("history", "-n", "2").out == [
        "TIME      BOARD     EVENT           BY        WHAT CAME OF IT",
        "00:03:01  panda-01  power-cycle-ok  power     ReimageRebooting → ReimageBooting",
        "00:03:31  panda-02  rq-reboot       operator"
        "  FailedReimageBooting → RebootRebooting",
    ]
    (row,) = json.loads(rig.run("history", "panda-02", "--json").out[0])["history"]
    assert row["event"] == "rq-reboot"


@pytest.mark.parametrize(
    ("state", "why", "mark"),
    [("Working", "", "✓"), ("Suspect", "no answer", "?"), ("Broken", "refused", "✗")],
)
def test_a_relay_board_is_shown_in_its_state(state: str, why: str, mark: str) -> None:
    rig = failed_lab()
    falls(rig, state, why)
    _, line = rig.run("relay-boards").out
    assert line.startswith(f"{mark}  rack1        {state}")
    assert line.endswith(f"ago  {why}".rstrip())


def test_relay_boards_and_what_they_owe() -> None:
    rig = failed_lab()
    rig.web.relay_boards.debts = [OWED]
    assert rig.run("relay-boards").out == [
        "   RELAY BOARD  STATE    DRIVER  ADDRESS           WAITING"
        "  WORKED          WHY  LAST ERROR",
        "✓  rack1        Working  proxr   192.0.2.250:2101  2        3 min 21 s ago",
        "",
        "1 outlet to switch on again",
        "OUTLET     BOARD     TRIES  LAST ERROR",
        "rack1/1/1  panda-01  2      no power",
    ]


@pytest.mark.parametrize(
    ("closed", "text"),
    [(None, "they fail; still failing: b"), ("2026-01-01T00:00:00Z", "they fail")],
)
def test_only_in_an_open_incident_do_boards_still_fail(
    closed: str | None, text: str
) -> None:
    incident = read(
        {
            "opened": "2026-01-01T00:00:00Z",
            "closed": closed,
            "kind": "image",
            "name": "debian",
            "boards": ["a", "b"],
            "failing": ["b"],
            "set_aside": False,
            "text": "they fail",
        },
        documents.Incident,
    )
    console = plain_console(width=200)
    with console.capture() as shown:
        console.print(incidents([incident], EPOCH))
    assert shown.get().rstrip().endswith(f"2       {text}")


def test_a_daemon_that_is_not_there_is_one_line() -> None:
    rig = cli()
    rig.wire.cut()
    line = "lifeguard: http://127.0.0.1:8080: connection refused"
    for command in (["status"], ["watch"], ["show", "panda-01"], ["reboot", "bare"]):
        assert rig.run(*command) == (3, [], [line])


def test_a_stranger_needs_a_token() -> None:
    rig = cli()
    rig.wire.peer = STRANGER
    refused = rig.run("reboot", "panda-01")
    assert refused.status == 1
    assert refused.err == [
        "lifeguard: panda-01: from another machine this needs an operator's token"
    ]
    assert rig.run("reboot", "panda-01", LIFEGUARD_TOKEN="let-me-in").status == 0
    wrong = rig.run("--token", "wrong", "reboot", "panda-01")
    assert wrong.err == [f"lifeguard: {URL}/api/v1/boards: not an operator's token"]


def test_what_the_daemon_does_not_know_is_named() -> None:
    rig = cli()
    assert rig.run("show", "nix").err == [
        "lifeguard: http://127.0.0.1:8080/api/v1/boards/nix: no such board: nix"
    ]
    assert rig.run("show", "../nix?").status == 1
    assert rig.run("status", "nix-*").err == [
        "lifeguard: nix-*: no such board at http://127.0.0.1:8080"
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["stauts"], "No such command 'stauts'"),
        (["status", "--jsn"], "No such option '--jsn'"),
        (["reboot"], "which boards? say BOARD..., --state or '*'"),
        (["reimage", "panda-01"], "Missing option '--image'."),
        (["reimage", "a", "--image", "b", "--boot-config", "3"], "expected a JSON obj"),
        (["--url", f"http://{'a' * 70}.x", "status"], "a.x: expected a URL like"),
        (["reboot", "bare", "-w", "--timeout", "nan"], "nan is no number of seconds"),
        (["reboot", "bare", "-w", "--timeout", "inf"], "inf is no number of seconds"),
        (["--url", "lab", "status"], "lab: expected a URL like http://127.0.0.1:8080"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(
    arguments: list[str], said: str
) -> None:
    status, out, (line,) = cli().run(*arguments)
    assert (status, out) == (2, [])
    assert line.startswith("lifeguard: ")
    assert said in line


def test_without_a_command_there_is_help() -> None:
    status, _, err = cli().run()
    assert status == 2
    assert err[0].startswith("Usage: lifeguard")


def described(rig: CliRig) -> Any:
    return rig.web.ask("/api/v1/openapi.json").json["components"]["schemas"]


@pytest.mark.parametrize(
    ("record", "schema"),
    [
        (documents.Board, "BoardSummary"),
        (documents.BoardDetail, "BoardDetail"),
        (documents.Row, "HistoryRow"),
        (documents.Consequence, "Consequence"),
        (documents.Owed, "OwedView"),
        (documents.RelayBoard, "RelayBoardView"),
        (documents.Streamed, "StreamedChange"),
        (documents.Health, "HealthStatus"),
    ],
)
def test_the_daemon_describes_all_that_is_read(record: Any, schema: str) -> None:
    known = described(cli())[schema]["properties"]
    assert {field.name for field in fields(record)} <= known.keys()
