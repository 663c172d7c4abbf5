"""Which front ends a lab has, and what keeps one shut."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs

from lifeguard import manhole
from lifeguard.config import Http, Manhole
from lifeguard.endpoints import CannotOpen
from lifeguard.front_ends import FrontEnds
from lifeguard.web import Access, World
from tests.netboot_rig import texts
from tests.rig import result_of
from tests.web_rig import web


class Parts(NamedTuple):
    """`opened` are the ports that the reactor was asked for, by number."""

    front_ends: FrontEnds
    reactor: Any

    def open(self) -> list[int]:
        opening = self.front_ends.open(web().world)
        result_of(Deferred.fromCoroutine(opening))
        return [port for port, *_ in self.reactor.tcpServers]


def rig(directory: Path, shell: bool = True, **http: Any) -> Parts:
    """HTTP on port 8080, and a shell on 2222 for those in the file `keys`."""
    keys = str(directory / "keys")
    settings = Manhole(authorized_keys=keys) if shell else None
    reactor: Any = MemoryReactorClock()
    return Parts(FrontEnds(Http(**http), settings, directory, reactor), reactor)


def test_without_a_manhole_there_is_http_alone(tmp_path: Path) -> None:
    assert rig(tmp_path, shell=False).open() == [8080]


def test_callers_are_let_in_as_the_configuration_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Access] = []

    def site(_: World, access: Access) -> Factory:
        asked.append(access)
        return Factory()

    monkeypatch.setattr("lifeguard.front_ends.site", site)
    proxies = (ip_network("192.0.2.3"),)
    rig(
        tmp_path,
        shell=False,
        require_token=True,
        read="token",
        trusted_proxies=proxies,
        connections_per_address=10,
    ).open()
    assert asked == [Access(True, "token", proxies, 10)]


def test_a_shell_that_nobody_has_a_key_of_is_opened_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manhole, "manhole_factory", lambda *_: Factory())
    parts = rig(tmp_path)
    with capturedLogs() as logged:
        assert parts.open() == [8080, 2222]
    said = f"manhole: {tmp_path / 'keys'}: no such file, nobody can log in"
    assert said in texts(logged)


def test_a_host_key_that_is_none_keeps_the_shell_shut(tmp_path: Path) -> None:
    (tmp_path / "ssh_host_ed25519_key").write_text("nonsense")
    with pytest.raises(CannotOpen, match="ssh_host_ed25519_key: no private key"):
        rig(tmp_path).open()


def test_what_was_opened_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = rig(tmp_path, shell=False)
    closed: list[str] = []

    class Port:
        @staticmethod
        def stopListening() -> None:
            closed.append("http")

    async def open_endpoint(reactor: Any, name: str, where: str, _: Any) -> Any:
        return Port

    monkeypatch.setattr("lifeguard.front_ends.open_endpoint", open_endpoint)
    parts.open()
    result_of(parts.front_ends.close())
    assert closed == ["http"]
