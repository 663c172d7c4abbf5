"""Every part goes by the new inventory, in an order that never lacks what it needs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace
from twisted.internet.defer import Deferred

from lifeguard.blame.inquiry import Inquiry
from lifeguard.changeover import Changeover
from lifeguard.config import Blame
from lifeguard.inventory.difference import difference, kept
from lifeguard.model import Boot, Inventory, Outlet, RelayBoard
from lifeguard.netboot.boot_server import BootServer
from lifeguard.netboot.linked_boards import LinkedBoards
from lifeguard.netboot.loader_config import LoaderConfigs
from lifeguard.netboot.symlinks import Symlinks
from tests.netboot_rig import SERVER, TOKENS
from tests.power_rig import FakeQueue
from tests.rig import EPOCH, Rig, inventory, rig
from tests.test_inventory_difference import changed, without


class Parts:
    """Relay boards, power and a follower that write into the lab's one list."""

    def __init__(self, said: list[Any]) -> None:
        self._said = said
        self.closing: Deferred[bool] = Deferred()
        self.queues: dict[str, FakeQueue] = {}

    def device(self, relay_board: RelayBoard) -> str:
        return relay_board.address

    def take(self, relay_board: RelayBoard, device: str) -> str:
        name = relay_board.name
        self._said.append(("take", name))
        self.queues.setdefault(name, FakeQueue(name, self._said))
        return name

    def close(self, name: str) -> None:
        self._said.append(("close", name))

    def add_relay_board(self, name: str, queue: str) -> None:
        self._said.append(("add", name))

    def remove_relay_board(self, name: str) -> Deferred[bool]:
        self._said.append(("remove", name))
        return self.closing

    def take_inventory(self, new: Inventory) -> None:
        self._said.append(("follow", len(new.boards)))


class Case(NamedTuple):
    lab: Rig
    parts: Parts
    changeover: Changeover

    def make(self, new: Inventory) -> Deferred[None]:
        old = self.lab.fleet.inventory
        merged = kept(old, new)
        return self.changeover.make(merged, difference(old, merged), {})


def case(lab: Inventory | None = None) -> Case:
    built = rig(lab)
    built.forget()
    parts: Any = Parts(built.said)
    for name in built.fleet.inventory.relay_boards:
        parts.queues.setdefault(name, FakeQueue(name, built.said))
    inquiry = Inquiry(
        built.fleet, built.store, Blame(), built.clock, built.service_time,
        lambda: EPOCH, lambda: None,
    )  # fmt: skip
    return Case(built, parts, Changeover(built.fleet, parts, parts, inquiry, [parts]))


def on(lab: Inventory, name: str) -> Inventory:
    """The same lab with its first board on a relay board that is new."""
    rack = replace(lab.relay_boards["rack1"], name=name)
    lab = replace(lab, relay_boards={**lab.relay_boards, name: rack})
    return changed(lab, "boards", "panda-01", power=(Outlet(name, "1/1"),))


def test_a_relay_board_is_there_before_what_is_on_it_and_gone_after() -> None:
    parts = case(on(inventory(), "rack2"))
    parts.lab.request("rq-reboot")
    parts.lab.forget()
    new = without(on(inventory(), "rack3"), "boards", "bare")
    parts.make(new)
    assert parts.lab.said == [
        ("take", "rack3"),
        ("add", "rack3"),
        ("let go", "bare", 0),
        ("switch on", "panda-01", 1, "rack2/1/1"),
        ("commit", "panda-01", "resume", "RebootRebooting"),
        ("cycle", "panda-01", 2, "rack3/1/1"),
        ("follow", 2),
        ("remove", "rack2"),
    ]
    parts.lab.forget()
    parts.parts.closing.callback(True)
    assert parts.lab.said == [("close", "rack2")]


def test_a_relay_board_that_came_back_is_not_closed() -> None:
    parts = case(on(inventory(), "rack2"))
    parts.make(inventory())
    parts.lab.forget()
    parts.parts.closing.callback(False)
    assert parts.lab.said == []


def test_one_that_is_another_is_taken_anew_and_its_boards_go_on() -> None:
    parts = case()
    parts.make(changed(inventory(), "relay_boards", "rack1", off_seconds=9.0))
    assert parts.lab.said == [("take", "rack1"), ("add", "rack1"), ("follow", 3)]


def test_it_is_over_when_the_last_board_has_been_let_go() -> None:
    parts, done = case(), []
    parts.lab.request("rq-reboot")
    parts.lab.power.cycles["panda-01"] = cycle = Deferred()
    new = without(without(inventory(), "boards", "bare"), "boards", "panda-01")
    parts.make(new).addCallback(done.append)
    assert done == []
    cycle.callback(None)
    assert done == [None]


def booted(template: Path) -> Inventory:
    lab = inventory()
    image = replace(
        lab.images["debian"],
        boot={"panda": Boot(loader="pxelinux", template=str(template))},
    )
    return replace(lab, images={**lab.images, "debian": image})


def test_links_and_boot_configs_follow_the_inventory(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old {{ board.name }}\n")
    (tmp_path / "new").write_text("new {{ board.name }}\n")
    lab = rig(booted(tmp_path / "old"))
    configs = LoaderConfigs(lab.fleet.inventory, TOKENS, SERVER)
    boot = BootServer(lab.fleet, configs, None, lambda: EPOCH)
    links = tmp_path / "pxelinux.cfg"
    links.mkdir()
    linked = LinkedBoards(
        Symlinks(links, configs), lab.fleet, lab.fleet.inventory, lab.clock
    )
    lab.fleet.subscribe(linked.changed)
    for name in ("panda-01", "panda-02"):
        lab.request("rq-reimage", name, image="debian")

    def shown() -> dict[str, str]:
        return {
            path.name: path.read_text() for path in links.iterdir() if path.is_symlink()
        }

    def take(new: Inventory) -> None:
        old = lab.fleet.inventory
        merged = kept(old, new)
        lab.fleet.take_inventory(merged, difference(old, merged), {}, lambda _: None)
        boot.take_inventory(merged)
        linked.take_inventory(merged)
        lab.clock.advance(0)

    first, second = "01-02-00-00-00-00-01", "01-02-00-00-00-00-02"
    assert shown() == {first: "old panda-01\n", second: "old panda-02\n"}
    take(booted(tmp_path / "new"))
    assert shown() == {first: "new panda-01\n", second: "new panda-02\n"}
    mac = "02:00:00:00:00:0a"
    take(changed(booted(tmp_path / "new"), "boards", "panda-01", mac=mac))
    third = "01-02-00-00-00-00-0a"
    assert shown() == {third: "new panda-01\n", second: "new panda-02\n"}
    content = boot.resolve(f"pxelinux.cfg/{third}", "198.51.100.1")
    assert content.read(0, content.size) == b"new panda-01\n"
    take(without(lab.fleet.inventory, "boards", "panda-01"))
    assert shown() == {second: "new panda-02\n"}
    assert os.listdir(links / "lifeguard") == [second]


def test_a_board_whose_last_change_comes_late_has_no_link_again(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old\n")
    lab = rig(booted(tmp_path / "old"))
    configs = LoaderConfigs(lab.fleet.inventory, TOKENS, SERVER)
    linked = LinkedBoards(
        Symlinks(tmp_path, configs), lab.fleet, lab.fleet.inventory, lab.clock
    )
    lab.fleet.subscribe(linked.changed)
    lab.store.holds = True
    asked = lab.fleet.request("panda-01", "rq-reimage", {"image": "debian"}, "me")
    new = without(lab.fleet.inventory, "boards", "panda-01")
    different = difference(lab.fleet.inventory, new)
    lab.fleet.take_inventory(new, different, {}, lambda _: None)
    linked.take_inventory(new)
    lab.store.held.pop()()
    assert asked.called
    assert [path.name for path in tmp_path.iterdir() if path.is_symlink()] == []
