"""The commands that read the inventory's file again."""

from __future__ import annotations

import json
from pathlib import Path

from lifeguard.config import ConfigurationError, Mistake
from lifeguard.lifecycle.standard import LIFECYCLE
from lifeguard.model import Outlet
from tests.cli_rig import cli
from tests.reload_rig import on_rack2, two_racks
from tests.rig import inventory
from tests.test_inventory_difference import Options, changed, without
from tests.test_inventory_still_owed import owed
from tests.web_rig import web


def test_a_plan_is_lines_that_say_what_is_different_and_what_that_does() -> None:
    lab = changed(inventory(), "relay_boards", "rack1", options=Options("http://rack"))
    rig = cli(web(lab))
    slow = LIFECYCLE.with_figures({"Ready": {"timeout": 600}})
    new = without(inventory(boards=3), "boards", "panda-02")
    new = changed(new, "boards", "panda-01", power=(Outlet("rack1", "2/1"),))
    new = changed(new, "boards", "panda-01", address=None)
    new = changed(new, "relay_boards", "rack1", options=Options("http://rack1"))
    new = changed(new, "hardware", "panda", lifecycle=slow)
    rig.web.found[0] = new
    assert rig.run("inventory", "plan") == (
        0,
        [
            "~ relay_boards.rack1",
            "    url is another",
            "~ hardware.panda",
            '    states.Ready  {"timeout": 300} → {"timeout": 600}',
            "~ boards.panda-01",
            "    address  192.0.2.1 → none",
            "    power  rack1/1/1 → rack1/2/1",
            "- boards.panda-02",
            "+ boards.panda-03",
            "",
            "panda-02  is let go in New",
            "panda-01  goes on in New",
            "panda-03  begins in New",
        ],
        [],
    )


def test_apply_shows_and_does_it_and_says_so() -> None:
    rig = cli()
    rig.web.found[0] = without(inventory(), "boards", "bare")
    done = rig.run("inventory", "apply")
    assert done == (
        0,
        [
            "- boards.bare",
            "",
            "bare  is let go in New",
            "the lab goes by it from now on",
        ],
        [],
    )
    assert "bare" not in rig.web.lab.fleet.boards
    assert rig.run("inventory", "apply").out == [
        "nothing is different",
        "the lab goes by this file already",
    ]


def test_many_boards_need_a_yes() -> None:
    rig = cli(web(inventory(boards=9)))
    rig.web.found[0] = inventory(boards=1)
    status, out, (line,) = rig.run("inventory", "apply")
    assert (status, out[-1]) == (
        1,
        "8 boards removed or another: more than 5 need --yes",
    )
    assert line.endswith(
        "/inventory/apply: 8 of 10 boards would be removed or another, 5 may be;"
        " `lifeguard inventory apply --yes` does it all the same"
    )
    assert rig.run("inventory", "apply", "--yes").status == 0
    assert len(rig.web.lab.fleet.boards) == 2


def test_outlets_that_are_still_to_be_switched_on_are_lines_of_their_own() -> None:
    lab = two_racks()
    rig = cli(web(lab))
    rig.web.relay_boards.debts = [owed("1/1")]
    rig.web.found[0] = changed(lab, "relay_boards", "rack1", address="192.0.2.9:2101")
    assert rig.run("inventory", "plan").out[-2:] == [
        "",
        "rack1/1/1  is still to be switched on for panda-01, from now on at"
        " 192.0.2.9:2101",
    ]
    assert rig.run("inventory", "apply").status == 0
    rig.web.found[0] = on_rack2("panda-01", "panda-02")
    status, out, (line,) = rig.run("inventory", "apply")
    assert (status, out[-3:]) == (
        1,
        [
            "",
            "rack1/1/1  is still to be switched on for panda-01: stays off if lifeguard"
            " stops before that",
            "1 outlet still to be switched on by relay boards that go: needs --yes",
        ],
    )
    assert line.endswith(
        "/inventory/apply: 1 outlet still to be switched on by relay boards that would"
        " go: rack1; `lifeguard inventory apply --yes` does it all the same"
    )
    assert rig.run("inventory", "apply", "--yes").status == 0


def test_mistakes_are_lines_and_status_1() -> None:
    rig, file = cli(), Path("boards.toml")
    rig.web.found[0] = ConfigurationError(
        [Mistake(file, ("boards", name, "mac"), "missing") for name in ("a", "b")]
    )
    for command in ("plan", "apply"):
        assert rig.run("inventory", command) == (
            1,
            [],
            [
                "lifeguard: boards.toml: boards.a.mac: missing",
                "lifeguard: boards.toml: boards.b.mac: missing",
            ],
        )


def test_programs_get_what_the_daemon_answers() -> None:
    rig = cli()
    rig.web.found[0] = without(inventory(), "boards", "bare")
    (planned,) = rig.run("inventory", "plan", "--json").out
    (applied,) = rig.run("inventory", "apply", "--json").out
    assert json.loads(planned) == json.loads(applied)
    assert [each["name"] for each in json.loads(planned)["entries"]] == ["bare"]


def test_no_daemon_is_status_3() -> None:
    rig = cli()
    rig.wire.is_cut = True
    assert rig.run("inventory", "plan").status == 3
