"""The commands that ask something of boards, and wait for what becomes of it."""

from __future__ import annotations

import json

import pytest
from rich.text import Text
from twisted.internet.task import Clock

from lifeguard.cli.waiting import Wait, Waiting, usual_way
from lifeguard.lifecycle.standard import LIFECYCLE
from lifeguard.model import Saved, Standing
from tests.cli_rig import CliRig, cli
from tests.rig import EPOCH
from tests.web_rig import web


def reports(rig: CliRig, *events: str, board: str = "panda-01") -> None:
    """The board's power is cycled, and it says so far what it does."""
    rig.web.lab.cycled(board)
    for event in events:
        rig.web.lab.happens(event, board)


@pytest.mark.parametrize(
    ("command", "state"),
    [
        ("reboot", "RebootRebooting"),
        ("self-test", "SelfTestRebooting"),
        ("maintenance", "MaintenanceRebooting"),
    ],
)
def test_a_request_is_done_when_the_daemon_has_it(command: str, state: str) -> None:
    rig = cli()
    assert rig.run(command, "panda-01") == (0, [f"panda-01: {state}"], [])
    assert rig.web.lab.state() == state
    assert rig.web.outcomes()[-1] == (f"rq-{command}", "moved", "operator 127.0.0.1")


def test_a_reimage_says_which_image_and_what_its_installer_reads() -> None:
    rig = cli()
    words = ["--image", "debian", "--boot-config", '{"disk": "/dev/sda"}']
    assert rig.run("reimage", "panda-01", *words).status == 0
    standing = rig.web.lab.board().standing
    assert (standing.wanted_image, standing.boot_config) == (
        "debian",
        {"disk": "/dev/sda"},
    )


def test_what_a_lifecycle_lacks_is_refused_by_name() -> None:
    status, out, (line,) = cli().run("request", "rq-nix", "panda-01")
    assert (status, out) == (1, [])
    assert line.startswith("lifeguard: panda-01: no such event: rq-nix; ")


def test_a_board_is_switched_off_and_stays_so_until_it_is_switched_on() -> None:
    rig = cli()
    assert rig.run("on", "panda-01").status == 1
    assert rig.run("off", "panda-01").out == ["panda-01: PoweringOff"]
    rig.web.lab.fleet.about("panda-01").switched_off(1)
    assert rig.web.lab.board().standing.state == "Off"
    assert rig.run("on", "panda-01").status == 0


def test_any_request_can_be_sent() -> None:
    rig = cli()
    assert rig.run("request", "rq-reboot", "panda-01").status == 0
    said = rig.run("request", "rq-reimage", "panda-01", "--image", "debian")
    assert said.out == ["panda-01: ReimageRebooting"]


def test_the_boards_that_a_pattern_means_need_a_yes() -> None:
    rig = cli()
    assert rig.run("reboot", "panda-*") == (
        1,
        [],
        ["lifeguard: these are 2 boards, which needs --yes: panda-01 panda-02"],
    )
    assert rig.run("reboot", "panda-*", "--yes").out == [
        "panda-01: RebootRebooting",
        "panda-02: RebootRebooting",
    ]
    assert rig.run("reboot", "panda-01", "panda-02").status == 0
    assert rig.run("reboot", "*-01").status == 0


def test_boards_are_chosen_by_their_state() -> None:
    rig = cli()
    rig.run("reboot", "panda-02")
    assert rig.run("maintenance", "--state", "Reboot*").out == [
        "panda-02: MaintenanceRebooting"
    ]
    assert rig.run("reboot", "--state", "Failed*") == (
        1,
        [],
        [
            "lifeguard: no board at http://127.0.0.1:8080 is in such a state"
            " or of such hardware"
        ],
    )


def test_one_that_refuses_does_not_stop_the_others() -> None:
    locked = Standing(board="panda-01", state="LockedOut", since=EPOCH)
    rig = cli(web(saved=Saved(standings={"panda-01": locked})))
    assert rig.run("reboot", "panda-01", "panda-02", "--json") == (
        1,
        [
            '{"board": "panda-01", "error":'
            ' "rq-reboot is not accepted in LockedOut", "accepted": []}',
            '{"board": "panda-02", "state": "RebootRebooting", "generation": 1}',
        ],
        ["lifeguard: panda-01: rq-reboot is not accepted in LockedOut"],
    )


def test_a_state_is_set_only_from_the_state_that_is_meant() -> None:
    rig = cli()
    words = ["--from", "New", "--to", "LockedOut"]
    assert rig.run("set-state", "panda-01", *words).out == ["panda-01: LockedOut"]
    assert rig.run("set-state", "panda-01", *words).err == [
        "lifeguard: panda-01: the board is in LockedOut, not in New"
    ]


def test_without_a_database_it_is_tried_again() -> None:
    rig = cli()
    rig.web.lab.store.leave()
    rig.steps = [
        lambda: rig.clock.advance(1),
        rig.web.lab.store.come_back,
        lambda: rig.clock.advance(1),
    ]
    assert rig.run("reboot", "panda-01").status == 0
    assert rig.steps == []


def test_a_database_that_stays_away_ends_the_patience() -> None:
    rig = cli()
    rig.web.lab.store.leave()
    rig.steps = [lambda: rig.clock.advance(1)] * 100
    said = rig.run("reboot", "panda-01")
    assert (said.status, len(rig.steps)) == (1, 70)
    assert said.err[0].startswith("lifeguard: panda-01: lifeguard cannot reach its dat")


def test_a_daemon_that_says_nothing_is_given_up() -> None:
    rig = cli()
    rig.web.lab.store.holds = True
    rig.steps = [lambda: rig.clock.advance(29.9), lambda: rig.clock.advance(0.2)]
    assert rig.run("reboot", "panda-01") == (
        3,
        [],
        ["lifeguard: panda-01: http://127.0.0.1:8080: no answer"],
    )


def test_a_wait_ends_when_all_boards_have_come_to_rest() -> None:
    rig = cli()
    rig.steps = [
        lambda: rig.clock.advance(20),
        lambda: reports(rig, "image-running"),
        lambda: reports(rig, "image-running", board="panda-02"),
    ]
    assert rig.run("reboot", "panda-01", "panda-02", "--wait") == (
        0,
        ["✓ panda-01: Ready after 20 s", "✓ panda-02: Ready after 20 s"],
        [],
    )


def test_a_wait_for_a_board_that_fails_says_why() -> None:
    rig = cli()
    rig.steps = [lambda: reports(rig, "self-test-running", "self-test-failed")]
    assert rig.run("self-test", "panda-01", "--wait") == (
        4,
        ["✗ panda-01: FailedSelfTest after 0 s (self-test-failed)"],
        [],
    )


def test_a_wait_that_takes_too_long_says_where_the_board_is() -> None:
    rig = cli()
    rig.steps = [lambda: rig.clock.advance(9), lambda: rig.clock.advance(1)]
    assert rig.run("reboot", "panda-01", "--wait", "--timeout", "10") == (
        4,
        ["✗ panda-01: RebootRebooting after 10 s (took too long)"],
        [],
    )


def test_a_wait_of_no_time_says_where_the_request_has_led() -> None:
    accepted = {"board": "panda-01", "state": "RebootRebooting"}
    said: list[Text] = []
    waiting = Waiting({"panda-01": accepted}, "rq-reboot", Clock(), said.append)
    waiting.give_up()
    assert [line.plain for line in said] == [
        "✗ panda-01: RebootRebooting after 0 s (took too long)"
    ]
    assert (waiting.status, waiting.documents()) == (4, [accepted])


def test_a_wait_in_the_words_of_the_interface() -> None:
    rig = cli()
    rig.steps = [lambda: reports(rig, "image-running")]
    (line,) = rig.run("reboot", "panda-01", "--wait", "--json").out
    assert json.loads(line)["state"] == "Ready"


def test_a_board_that_refuses_is_not_waited_for() -> None:
    assert cli().run("on", "panda-01", "--wait").status == 1


def test_a_wait_outlives_its_connection() -> None:
    rig = cli()

    def come_back() -> None:
        reports(rig, "image-running")
        rig.wire.is_cut = False

    rig.steps = [
        rig.wire.cut,
        lambda: rig.clock.advance(1),
        come_back,
        lambda: rig.clock.advance(1),
    ]
    assert rig.run("reboot", "panda-01", "--wait").out == [
        "✓ panda-01: Ready after 2 s"
    ]


def test_a_wait_that_is_interrupted_is_quiet_and_harms_nothing() -> None:
    rig = cli()
    assert rig.run("reboot", "panda-01", "--wait") == (130, [], [])
    assert rig.web.lab.state() == "RebootRebooting"


def test_a_request_that_is_interrupted_is_as_quiet() -> None:
    rig = cli()
    rig.web.lab.store.holds = True
    assert rig.run("reboot", "panda-01") == (130, [], [])


def test_news_that_is_older_does_not_count() -> None:
    (document,) = cli().web.ask("/api/v1/boards?name=panda-01").json["boards"]
    wait = Wait([], {})
    wait.stands({**document, "kind": "busy", "version": 5}, "", 0.0)
    wait.stands({**document, "kind": "well", "version": 4}, "", 0.0)
    assert not wait.is_over


def test_on_a_terminal_a_bar_shows_how_far_each_board_has_come() -> None:
    rig = cli()
    rig.width, rig.is_terminal = 80, True
    rig.steps = [
        lambda: rig.web.lab.cycled(),
        lambda: rig.clock.advance(1),
        lambda: rig.web.lab.happens("image-running"),
    ]
    said = "\n".join(rig.run("reboot", "panda-01", "--wait").out)
    (drawn, *_) = [line for line in said.splitlines() if "9 min 59 s left" in line]
    name, bar, state, *_ = drawn.split()
    assert (name[-8:], state) == ("panda-01", "RebootComplete")
    assert bar == "━" * 6 + "╸", "a third of the way"
    assert "✓ panda-01: Ready after 1 s" in said


@pytest.mark.parametrize(
    ("event", "way"),
    [
        ("rq-reboot", ["RebootRebooting", "RebootComplete", "Ready"]),
        (
            "rq-self-test",
            [
                "SelfTestRebooting",
                "SelfTestBooting",
                "SelfTestRunning",
                "RebootRebooting",
                "RebootComplete",
                "Ready",
            ],
        ),
        (
            "rq-maintenance",
            ["MaintenanceRebooting", "MaintenanceBooting", "Maintenance"],
        ),
        ("rq-nix", []),
    ],
)
def test_the_way_that_a_request_usually_takes(event: str, way: list[str]) -> None:
    assert usual_way(LIFECYCLE, event) == way
