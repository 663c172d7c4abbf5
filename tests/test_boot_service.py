"""Netboot put together: when its ports are bound, and from when on it answers."""

from __future__ import annotations

import os
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError

from lifeguard import boot_service
from lifeguard.boot_service import BootService
from lifeguard.config import Configuration, Tftp
from lifeguard.config.proxy_dhcp import Loader, ProxyDhcp
from lifeguard.endpoints import CannotOpen
from lifeguard.lifecycle.state import CONFIG_FETCHED
from lifeguard.model import SeenBoot
from lifeguard.netboot.tftp import Refused
from lifeguard.wire.dhcp import MessageType
from tests.netboot_rig import SERVER, TOKENS, image
from tests.rig import EPOCH, Rig, inventory, result_of
from tests.rig import rig as lab_rig
from tests.test_inventory_difference import changed, without
from tests.test_proxy_dhcp import OURS, request

NAME = "01-02-00-00-00-00-01"
CLIENTS = (IPv4Network("192.0.2.0/25"),)


class FakeServer:
    """Says what becomes of its ports; where they are `taken` they cannot be bound."""

    def __init__(self, name: str, said: list[str], taken: str) -> None:
        self.name, self._said, self._is_taken = name, said, name == taken

    def listen(self) -> None:
        self._said.append(f"{self.name} listens")
        if self._is_taken:
            raise CannotListenError("", 69, "taken")

    def startService(self) -> None:
        self.listen()

    def stopService(self) -> Deferred[None]:
        self._said.append(f"{self.name} stops")
        return succeed(None)


class Parts(NamedTuple):
    """`said` by the servers, whose answers come from what is in `asked`, by name."""

    lab: Rig
    service: BootService
    said: list[str]
    asked: dict[str, Any]
    told: dict[str, dict[str, Any]]
    """By server, what it is to go by."""

    def config(self) -> str:
        """What panda-01's loader is given by TFTP."""
        content = self.asked["tftp"](f"pxelinux.cfg/{NAME}", "192.0.2.1")
        text: bytes = content.read(0, content.size)
        return text.decode()

    def offer(self) -> Any:
        """What panda-01's firmware is told; None: nothing."""
        return self.asked["proxy_dhcp"].answer(request(), MessageType.OFFER, OURS)


def rig(
    directory: Path, monkeypatch: pytest.MonkeyPatch, taken: str = "", links: Any = None
) -> Parts:
    """panda-01 is to be reimaged; nobody is answered yet."""
    said: list[str] = []
    asked: dict[str, Any] = {}
    told: dict[str, dict[str, Any]] = {}

    def server(name: str) -> Any:
        def make(answers: Any, *_: Any, **options: Any) -> FakeServer:
            asked[name] = answers
            told[name] = options
            return FakeServer(name, said, taken)

        return make

    monkeypatch.setattr(boot_service, "TftpServer", server("tftp"))
    monkeypatch.setattr(boot_service, "ProxyDhcpServer", server("proxy_dhcp"))
    template = directory / "debian.cfg.j2"
    template.write_text("append {{ board.name }}\n")
    boot = image("debian", template).boot
    lab = lab_rig(changed(inventory(), "images", "debian", boot=boot))
    lab.request("rq-reimage", image="debian")
    configuration = Configuration(
        tftp=Tftp(directory=links, clients=CLIENTS),
        proxy_dhcp=ProxyDhcp(loaders={"bios": Loader(file="pxelinux.0")}),
        inventory=lab.fleet.inventory,
    )
    built = BootService(configuration, lab.fleet, SERVER, lab.clock, lambda: EPOCH)
    return Parts(lab, built, said, asked, told)


def test_ports_are_bound_while_there_is_root_and_closed_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = rig(tmp_path, monkeypatch)
    parts.service.privilegedStartService()
    assert parts.said == ["tftp listens", "proxy_dhcp listens"]
    parts.service.startService()
    result_of(parts.service.stopService())
    assert parts.said[-2:] == ["tftp stops", "proxy_dhcp stops"]


def test_a_port_that_is_taken_is_told_by_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = rig(tmp_path, monkeypatch, taken="proxy_dhcp")
    parts.service.privilegedStartService()
    with pytest.raises(CannotOpen, match=r"^proxy_dhcp: .*69: taken"):
        parts.service.startService()
    assert parts.said == ["tftp listens", "proxy_dhcp listens"] * 2


def test_strangers_and_networks_are_those_of_the_lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = rig(tmp_path, monkeypatch).told["tftp"]
    assert told["networks"] == CLIENTS
    addresses = ("192.0.2.1", "192.0.2.99")
    assert [told["known"](address) for address in addresses] == [True, False]


def test_nobody_is_answered_before_the_boards_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = rig(tmp_path, monkeypatch)
    with pytest.raises(OSError, match="not loaded yet"):
        parts.config()
    assert parts.offer() is None
    parts.service.load(TOKENS, {})
    assert parts.config() == "append panda-01\n"
    assert parts.offer().file == b"pxelinux.0"


def test_a_boot_that_was_seen_before_the_last_start_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = rig(tmp_path, monkeypatch)
    boot = SeenBoot("debian", {CONFIG_FETCHED: EPOCH})
    parts.service.load(TOKENS, {"panda-01": boot, "gone-01": boot})
    progress = [board.progress for board in parts.lab.fleet.boards.values()]
    assert [each and each.steps for each in progress] == [boot.steps, None, None]


def test_every_part_goes_by_another_inventory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = tmp_path / "links"
    links.mkdir()
    parts = rig(tmp_path, monkeypatch, links=str(links))
    parts.service.load(TOKENS, {})
    assert os.path.lexists(links / NAME)
    smaller = without(parts.lab.fleet.inventory, "boards", "panda-01")
    bare = without(smaller, "images", "debian")
    parts.service.take_inventory(bare)
    assert not os.path.lexists(links / NAME)
    assert parts.offer().file == b""
    with pytest.raises(Refused):
        parts.config()
