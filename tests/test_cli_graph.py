"""A lifecycle drawn: everything is there, and nothing lies over anything else."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeguard.cli.views.graph import as_text
from lifeguard.graph.shape import shape
from lifeguard.graph.svg import as_svg
from lifeguard.lifecycle import Lifecycle, State
from lifeguard.lifecycle.standard import LIFECYCLE
from lifeguard.lifecycle.state import SELF, TIMEOUT, Note, Wants, strike
from tests.cli_rig import cli

ETC = Path(__file__).parent.parent / "etc"


class New(State):
    """The beginning."""

    steady = True
    on = {"rq-work": "Working", "hello": Note()}


class Working(State):
    """Tried again, and given up."""

    timeout, attempts, give_up = 90, 2, "FailedWorking"
    on = {"done": "Idle", TIMEOUT: strike(SELF)}


class Idle(State):
    """The end, which leads back."""

    steady = True
    on = {"rq-work": "Working"}


class FailedWorking(State):
    """Given up."""

    steady = True
    on = {"rq-work": "Working"}

    def entry(self, board: Wants) -> None:
        board.notify()


SMALL = Lifecycle(New, Working, Idle, FailedWorking)


def test_a_lifecycle_as_text() -> None:
    assert as_text(SMALL).plain.splitlines() == [
        "Working  1 min 30 s, 2 strikes  ◂ rq-work",
        "│ timeout: again",
        "│ too many strikes: FailedWorking",
        "▼ done",
        "Idle",
        "",
        "New",
        "  hello is noted",
    ]


def test_states_that_follow_share_a_lane() -> None:
    assert shape(LIFECYCLE).lanes[:2] == [
        {
            0: "ReimageRebooting",
            1: "ReimageBooting",
            2: "ReimageInstalling",
            3: "ReimageComplete",
            5: "Ready",
        },
        {
            0: "SelfTestRebooting",
            1: "SelfTestBooting",
            2: "SelfTestRunning",
            3: "RebootRebooting",
            4: "RebootComplete",
        },
    ]


class Rectangle(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Rectangle) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


def rectangles(svg: str) -> list[Rectangle]:
    found = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}rect")
    sizes = [
        [float(one.attrib[key]) for key in ("x", "y", "width", "height")]
        for one in found
    ]
    return [Rectangle(x, y, x + width, y + height) for x, y, width, height in sizes]


@pytest.mark.parametrize("lifecycle", [LIFECYCLE, SMALL])
def test_every_state_has_a_box_of_its_own_on_the_page(lifecycle: Lifecycle) -> None:
    svg = as_svg(lifecycle)
    boxes = rectangles(svg)
    assert len(boxes) == len(lifecycle.states)
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    width, height = map(float, re.findall(r'viewBox="0 0 (\d+) (\d+)"', svg)[0])
    page = Rectangle(0, 0, width, height)
    assert all(page.left <= b.left and b.right <= page.right for b in boxes)
    assert all(page.top <= b.top and b.bottom <= page.bottom for b in boxes)


@st.composite
def lifecycles(draw: st.DrawFn) -> Lifecycle:
    """Moves from any states to later ones, so that each is reached."""
    names = ["New", *(f"State{number}" for number in range(1, 9))]
    moves: dict[str, dict[str, str]] = {name: {} for name in names}
    for number, name in enumerate(names[1:], 1):
        for source in draw(st.sets(st.integers(0, number - 1), min_size=1)):
            moves[names[source]][f"go-{number}"] = name
    return Lifecycle(
        *(type(name, (State,), {"steady": True, "on": moves[name]}) for name in names)
    )


@given(lifecycles())
def test_any_lifecycle_can_be_drawn(lifecycle: Lifecycle) -> None:
    boxes = rectangles(as_svg(lifecycle))
    assert len(boxes) == len(lifecycle.states)
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    lines = as_text(lifecycle).plain.splitlines()
    assert lines.count("State8") == 1


def test_the_command_draws_the_standard_lifecycle_and_a_labs_own() -> None:
    rig = cli()
    assert rig.run("graph").out == as_text(LIFECYCLE).plain.splitlines()
    assert rig.run("graph", "tests.test_cli_graph:SMALL").out[0].startswith("Working")
    assert rig.run("graph", "--svg").out == as_svg(LIFECYCLE).splitlines()
    document = json.loads(rig.run("graph", "--json").out[0])
    assert [one["name"] for one in document["states"]] == list(LIFECYCLE.states)
    assert document["requests"]["ReimageRebooting"] == ["rq-reimage"]
    timeouts = [one for one in document["strikes"] if one["source"] == "RebootComplete"]
    assert timeouts == [
        {
            "source": "RebootComplete",
            "target": "RebootRebooting",
            "events": ["timeout"],
        }
    ]
    both = rig.run("graph", "--svg", "--json")
    assert (both.status, both.out) == (2, [])
    panda = rig.run("graph", "panda", "--config", str(ETC / "lifeguard.toml"))
    assert panda.status == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nix:nix"], "nix:nix: No module named 'nix'"),
        (["tests.cli_rig:URL"], "tests.cli_rig:URL: this is not a Lifecycle"),
        (["x", "--config", "/no/file"], "/no/file: No such file or directory"),
        (
            ["x", "--config", str(ETC / "lifeguard.toml")],
            f"{ETC}/lifeguard.toml: no hardware x; there is ",
        ),
    ],
)
def test_what_cannot_be_drawn_is_one_line(arguments: list[str], said: str) -> None:
    status, out, (line,) = cli().run("graph", *arguments)
    assert (status, out) == (1, [])
    assert line.startswith(f"lifeguard: {said}")


def test_a_configuration_without_mistakes_is_counted() -> None:
    file = ETC / "lifeguard.toml"
    assert cli().run("check", str(file)) == (
        0,
        [f"{file}: no mistakes; 4 boards, 2 relay boards, 3 images"],
        [],
    )
    assert cli().run("check", str(file), "--json").out == ['{"mistakes": []}']


def test_every_mistake_of_a_configuration_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "lifeguard.toml").write_text("[http]\nlisten = 8080\nlisen = 1\n")
    (tmp_path / "boards.toml").write_text('[boards.a]\nmac = "zz"\n')
    status, out, err = cli().run("check", str(tmp_path / "lifeguard.toml"))
    assert (status, out) == (1, [])
    assert [line.removeprefix(f"{tmp_path}/").split(": ")[:2] for line in err] == [
        ["lifeguard.toml", "http.lisen"],
        ["lifeguard.toml", "http.listen"],
        ["boards.toml", "boards.a.hardware"],
        ["boards.toml", "boards.a.mac"],
    ]
    told = cli().run("check", str(tmp_path / "lifeguard.toml"), "--json")
    assert told == (1, [json.dumps({"mistakes": err})], [])


def test_templates_are_rehearsed_as_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "lifeguard.toml").touch()
    (tmp_path / "a.j2").write_text("{{ image.nix.nix }}")
    (tmp_path / "boards.toml").write_text(
        '[hardware.panda]\n[images.debian.boot.panda]\nloader = "pxelinux"\n'
        'template = "a.j2"\n'
    )
    status, out, (line,) = cli().run("check", str(tmp_path / "lifeguard.toml"))
    assert (status, out) == (1, [])
    assert line.startswith(
        f"{tmp_path}/boards.toml: images.debian.boot.panda.template: "
    )
