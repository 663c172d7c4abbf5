"""One simulated board on a clock, with a network that is only written down."""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from lifeguard.simulator.artifacts import Artifact, build_artifact
from lifeguard.simulator.board import Board, Disk, Stage
from lifeguard.simulator.events import Refused
from lifeguard.simulator.faults import Faults
from lifeguard.simulator.plan import plan_boards
from lifeguard.simulator.pxelinux import search_list
from lifeguard.simulator.transfer import NotFound, TransferError

URL = "http://127.0.0.1:8080/api/v1/boards/sim-01/events"
DISK = Disk("debian", URL)
(PLANNED,) = plan_boards(1)
NAMES = search_list(PLANNED.mac, PLANNED.address)


class Network:
    """Serves `files` until an install-ok, answers events by `refusals`."""

    def __init__(self, events: list[str]) -> None:
        self.files: dict[str, bytes] = {}
        self.refusals: dict[str, int] = {}
        self.stuck: str | None = None
        self.failures = 0
        self._events = events

    def fetch(self, name: str) -> Deferred[bytes]:
        self._events.append(f"fetch {name}")
        if name == self.stuck:
            return Deferred(lambda _: self._events.append("fetch cut"))
        if self.failures:
            self.failures -= 1
            return fail(TransferError(name))
        if name not in self.files:
            return fail(NotFound(name))
        return succeed(self.files[name])

    def report(self, url: str, event: str, token: str | None) -> Deferred[None]:
        assert url == URL
        self._events.append(f"{event} {token}")
        if event == "install-ok":
            self.files = {}
        if event in self.refusals:
            return fail(Refused(event, self.refusals[event]))
        return succeed(None)

    def open_service(self) -> Any:
        self._events.append("port opens")
        return self

    def stopListening(self) -> None:
        self._events.append("port closes")


class Rig(NamedTuple):
    board: Board
    network: Network
    clock: Clock
    events: list[str]

    def offer(self, kind: str, config: str = "") -> None:
        """Let the network boot a kernel of this kind, or what `config` says."""
        config = config or (
            "label a\nkernel kernel\ninitrd initrd\n"
            f"append lifeguard.url={URL} lifeguard.token=1.ab"
        )
        self.network.files = {
            NAMES[0]: config.encode(),
            "kernel": build_artifact(Artifact(kind, "debian"), 100, Random(1)),
            "initrd": build_artifact(Artifact("initrd", "debian"), 100, Random(1)),
        }

    def after(self, seconds: float) -> list[str]:
        """What happened in these seconds."""
        del self.events[:]
        self.clock.pump([0.05] * round(seconds * 20))
        return list(self.events)


def rig(
    faults: Faults | None = None, *, dead: Stage | None = None, netretry: bool = False
) -> Rig:
    clock, events = Clock(), list[str]()
    network = Network(events)
    board: Board
    board = Board(
        PLANNED,
        network,
        clock,
        faults or Faults(),
        Random(1),
        lambda: events.append(f"runs {board.runs}"),
        dead=dead,
        netretry=netretry,
    )
    return Rig(board, network, clock, events)


LOADED = [f"fetch {NAMES[0]}", "fetch initrd", "fetch kernel"]
INSTALLED = [
    *LOADED,
    "runs installer",
    "installer-running 1.ab",
    *["install-progress 1.ab"] * 4,
    "install-ok 1.ab",
    "runs loader",
]
NOT_FOUND = [f"fetch {name}" for name in NAMES]
SYSTEM_UP = ["runs system", "port opens", "image-running None"]


def test_an_installer_writes_the_disk_and_resets_the_board() -> None:
    parts = rig()
    parts.offer("installer")
    parts.board.power_on()
    assert parts.after(60) == [*INSTALLED, *NOT_FOUND, *SYSTEM_UP]
    assert parts.board.disk == DISK


def test_an_installed_board_boots_its_disk_and_reports_without_a_token() -> None:
    parts = rig()
    parts.board.disk = DISK
    parts.board.power_on()
    assert parts.after(1) == [*NOT_FOUND, *SYSTEM_UP]
    assert parts.after(60) == []


def test_localboot_is_the_disk() -> None:
    parts = rig()
    parts.board.disk = DISK
    parts.offer("installer", "label a\nlocalboot 0")
    parts.board.power_on()
    assert parts.after(1) == [f"fetch {NAMES[0]}", *SYSTEM_UP]


def test_an_empty_disk_boots_nothing() -> None:
    parts = rig()
    parts.board.power_on()
    assert parts.after(60) == [*NOT_FOUND, "runs hung"]


def test_a_self_test_reports_and_waits_for_a_power_cycle() -> None:
    parts = rig()
    parts.offer("self-test")
    parts.board.power_on()
    assert parts.after(60) == [
        *LOADED,
        "runs self-test",
        "self-test-running 1.ab",
        "self-test-ok 1.ab",
    ]


def test_a_maintenance_image_stays_up() -> None:
    parts = rig()
    parts.offer("maintenance")
    parts.board.power_on()
    assert parts.after(60) == [
        *LOADED,
        "runs maintenance",
        "maintenance-running 1.ab",
    ]


@pytest.mark.parametrize("seconds", [0.1, 0.6, 1.2, 1.7, 2.6, 3.2])
def test_a_power_cut_stops_everything_at_once(seconds: float) -> None:
    parts = rig()
    parts.offer("installer")
    parts.board.power_on()
    parts.after(seconds)
    parts.board.power_off()
    assert not parts.clock.getDelayedCalls()
    assert not parts.board.powered
    assert parts.events[-1] == "runs off"
    assert parts.after(60) == []


def test_a_power_cut_ends_a_transfer() -> None:
    parts = rig()
    parts.network.stuck = NAMES[0]
    parts.board.power_on()
    parts.after(1)
    parts.board.power_off()
    assert parts.events == [f"fetch {NAMES[0]}", "fetch cut", "runs off"]


def test_a_power_cut_closes_the_port() -> None:
    parts = rig()
    parts.board.disk = DISK
    parts.board.power_on()
    parts.after(1)
    parts.board.power_off()
    assert parts.events[-2:] == ["port closes", "runs off"]


def test_only_the_disk_outlasts_a_power_cut() -> None:
    parts = rig()
    parts.board.disk = DISK
    parts.board.power_on()
    parts.after(1)
    parts.board.power_off()
    parts.board.power_on()
    assert parts.after(1) == [*NOT_FOUND, *SYSTEM_UP]


def test_power_that_is_on_already_starts_nothing() -> None:
    parts = rig()
    parts.board.power_on()
    parts.board.power_on()
    assert parts.events == ["runs loader"]


def test_an_interrupted_installation_leaves_an_empty_disk() -> None:
    parts = rig()
    parts.board.disk = DISK
    parts.offer("installer")
    parts.board.power_on()
    parts.after(1)
    parts.board.power_off()
    assert parts.board.disk is None


def test_an_installer_refused_at_first_boots_the_disk_as_it_is() -> None:
    parts = rig()
    parts.board.disk = DISK
    parts.offer("installer")
    parts.network.refusals = {"installer-running": 409}
    parts.board.power_on()
    assert parts.after(60) == [
        *LOADED,
        "runs installer",
        "installer-running 1.ab",
        *SYSTEM_UP,
    ]


def test_a_system_that_is_refused_goes_on() -> None:
    parts = rig()
    parts.board.disk = DISK
    parts.network.refusals = {"image-running": 409}
    parts.board.power_on()
    assert parts.after(60) == [*NOT_FOUND, *SYSTEM_UP]


def test_a_garbled_kernel_is_not_run() -> None:
    parts = rig()
    parts.board.disk = DISK
    parts.offer("installer")
    parts.network.files["kernel"] += b"?"
    parts.board.power_on()
    assert parts.after(1) == [*LOADED, *SYSTEM_UP]


def test_a_server_that_fails_ends_the_search() -> None:
    parts = rig()
    parts.board.disk = DISK
    parts.network.failures = 1
    parts.board.power_on()
    assert parts.after(60) == [f"fetch {NAMES[0]}", *SYSTEM_UP]


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("initrd", ""),
        ("installer", "label a\nkernel kernel"),
        ("installer", "label a\nkernel kernel\nappend lifeguard.url=gopher://x"),
    ],
)
def test_a_kernel_that_cannot_work_hangs(kind: str, config: str) -> None:
    parts = rig()
    parts.offer(kind, config)
    parts.board.power_on()
    assert parts.after(60)[-1] == "runs hung"


def test_a_board_can_hang_in_the_boot_loader() -> None:
    parts = rig(Faults(hang=1))
    parts.board.power_on()
    assert parts.after(60) == ["runs hung"]


def test_a_board_can_die_while_installing() -> None:
    parts = rig(Faults(die=1))
    parts.offer("installer")
    parts.board.power_on()
    assert parts.after(60)[-1] == "runs hung"
    assert parts.board.disk is None


@pytest.mark.parametrize(
    ("dead", "happens"),
    [
        ("loader", ["runs hung"]),
        (
            "installer",
            [*LOADED, "runs installer", "installer-running 1.ab", "runs hung"],
        ),
        ("system", [*INSTALLED, *NOT_FOUND, "runs hung"]),
    ],
)
def test_a_dead_board_comes_only_so_far_boot_after_boot(
    dead: Stage, happens: list[str]
) -> None:
    parts = rig(dead=dead)
    for _ in range(2):
        parts.offer("installer")
        parts.board.power_on()
        assert parts.after(60) == happens
        parts.board.power_off()


def test_with_netretry_a_loader_asks_again_but_for_what_is_not_there() -> None:
    parts = rig(netretry=True)
    parts.offer("self-test")
    parts.network.failures = 3
    parts.board.power_on()
    assert parts.after(2)[:6] == [*[f"fetch {NAMES[0]}"] * 3, *LOADED]
    parts = rig(netretry=True)
    parts.board.power_on()
    assert parts.after(60) == [*NOT_FOUND, "runs hung"]


def test_the_same_seed_makes_the_same_life() -> None:
    lives = []
    for _ in range(2):
        parts = rig(Faults(hang=0.3, die=0.3))
        parts.offer("installer")
        parts.board.power_on()
        lives.append(parts.after(30))
    assert lives[0] == lives[1]
