"""Netboot put together: when its ports are bound, and from when on it answers."""

from __future__ import annotations

import os
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError

from lifeguard import netboot_service
from lifeguard.config import Configuration, Tftp
from lifeguard.config.proxy_dhcp import Loader, ProxyDhcp
from lifeguard.endpoints import CannotOpen
from lifeguard.lifecycle.state import CONFIG_FETCHED
from lifeguard.model import SeenBoot
from lifeguard.netboot.tftp import Refused
from lifeguard.netboot_service import NetbootService
from lifeguard.wire.dhcp import MessageType
from tests.netboot_rig import SERVER, TOKENS, image
from tests.rig import EPOCH, Rig, inventory, result_of
from tests.rig import rig as lab_rig
from tests.test_inventory_difference import changed, without
from tests.test_proxy_dhcp import OURS, request

NAME = "01-02-00-00-00-00-01"
LAB_NETWORK = (IPv4Network("192.0.2.0/24"),)


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
    """`said` by the servers, whose answers come from what is in `asked`, by name.

    `settings` are what each was made with besides.
    """

    lab: Rig
    service: NetbootService
    said: list[str]
    asked: dict[str, Any]
    settings: dict[str, dict[str, Any]]

    def config(self) -> str:
        """What panda-01's loader is given by TFTP."""
        return self.file(f"pxelinux.cfg/{NAME}")

    def file(self, name: str) -> str:
        content = self.asked["tftp"](name, "192.0.2.1")
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
        def make(answers: Any, _: Any, **settings: Any) -> FakeServer:
            asked[name], told[name] = answers, settings
            return FakeServer(name, said, taken)

        return make

    monkeypatch.setattr(netboot_service, "TftpServer", server("tftp"))
    monkeypatch.setattr(netboot_service, "ProxyDhcpServer", server("proxy_dhcp"))
    template = directory / "debian.cfg.j2"
    template.write_text("append {{ board.name }}\n")
    boot = image("debian", template).boot
    lab = lab_rig(changed(inventory(), "images", "debian", boot=boot))
    lab.request("rq-reimage", image="debian")
    (directory / "vmlinuz").write_text("a kernel")
    configuration = Configuration(
        tftp=Tftp(
            address="192.0.2.254",
            port=6969,
            root=str(directory),
            directory=links,
            clients=LAB_NETWORK,
            cache=1024,
        ),
        proxy_dhcp=ProxyDhcp(loaders={"bios": Loader(file="pxelinux.0")}),
        inventory=lab.fleet.inventory,
    )
    built = NetbootService(configuration, lab.fleet, SERVER, lab.clock, lambda: EPOCH)
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


def test_the_servers_are_as_the_configuration_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = rig(tmp_path, monkeypatch)
    assert parts.settings == {
        "tftp": {
            "address": "192.0.2.254",
            "port": 6969,
            "cache": 1024,
            "networks": LAB_NETWORK,
            "known": parts.lab.fleet.knows_address,
            "totals": parts.service.totals,
        },
        "proxy_dhcp": {"address": ProxyDhcp(loaders={}).address},
    }


def test_files_are_served_from_the_root_beside_the_configs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = rig(tmp_path, monkeypatch)
    parts.service.load(TOKENS, {})
    assert parts.file("vmlinuz") == "a kernel"


def test_a_directory_of_links_follows_what_boards_boot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = tmp_path / "links"
    links.mkdir()
    parts = rig(tmp_path, monkeypatch, links=str(links))
    parts.service.load(TOKENS, {})
    assert os.path.lexists(links / NAME)
    parts.lab.request("rq-reboot")
    parts.lab.clock.advance(1)
    assert not os.path.lexists(links / NAME)


def test_a_port_that_is_taken_is_told_by_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = rig(tmp_path, monkeypatch, taken="proxy_dhcp")
    parts.service.privilegedStartService()
    with pytest.raises(CannotOpen, match=r"^proxy_dhcp: .*69: taken"):
        parts.service.startService()
    assert parts.said == ["tftp listens", "proxy_dhcp listens"] * 2


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
