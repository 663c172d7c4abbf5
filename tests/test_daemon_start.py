"""In what order the daemon's parts begin; without a process, a port or a database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.testing import MemoryReactorClock

from lifeguard import daemon, garbage
from lifeguard.blame.inquiry import Inquiry
from lifeguard.config import Configuration
from lifeguard.config.settings import Tftp
from lifeguard.endpoints import CannotOpen
from lifeguard.front_ends import FrontEnds
from lifeguard.inventory.reload import Reload
from lifeguard.lifecycle.standard import LIFECYCLE
from lifeguard.model import Board, Hardware, Inventory, Saved
from lifeguard.notify import Notifier
from lifeguard.power import Power
from tests.rig import EPOCH, FakeStore, result_of


class OpenedStore(FakeStore):
    """What is there when it is opened."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__([])

    def open(self) -> Deferred[Saved]:
        return succeed(Saved(token_key=b"key"))

    def close(self) -> Deferred[None]:
        return succeed(None)


def rig(
    directory: Path, monkeypatch: pytest.MonkeyPatch, heard: list[str]
) -> daemon.Daemon:
    """A daemon of one board; `heard` is told why it cannot start."""
    monkeypatch.setattr(daemon, "SqlStore", OpenedStore)
    monkeypatch.setattr(daemon, "WorkerThreads", lambda _: None)
    tftp = Tftp(mode="symlinks", directory=str(directory))
    bare = Board(name="bare", mac="02:00:00:00:ff:01", hardware="bare")
    inventory = Inventory(
        hardware={"bare": Hardware(name="bare", lifecycle=LIFECYCLE)},
        boards={"bare": bare},
    )
    configuration = Configuration(tftp=tftp, inventory=inventory)
    return daemon.Daemon(
        configuration,
        directory,
        MemoryReactorClock(),
        lambda: EPOCH,
        heard.append,
        lambda: configuration,
    )


def test_blame_hears_of_what_is_asked_while_the_ports_are_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    parts = rig(tmp_path, monkeypatch, heard)
    monkeypatch.setattr(
        Inquiry, "changed", lambda _, change: heard.append(change.row.event)
    )

    async def open_front_ends(*_: object) -> None:
        await parts.fleet.change("bare", "New", "LockedOut", "me")
        raise CannotOpen("that was all")

    monkeypatch.setattr(FrontEnds, "open", open_front_ends)
    parts.startService()
    assert heard == ["set-state", "that was all"]


def test_no_inventory_is_taken_any_more_once_it_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    parts = rig(tmp_path, monkeypatch, heard)
    monkeypatch.setattr(Reload, "stop", lambda _: heard.append("no reload"))

    def stop_power(_: Power) -> Deferred[None]:
        heard.append("no power")
        return succeed(None)

    monkeypatch.setattr(Power, "stopService", stop_power)

    async def open_front_ends(*_: object) -> None:
        raise CannotOpen("that was all")

    monkeypatch.setattr(FrontEnds, "open", open_front_ends)
    parts.startService()
    parts.stopService()
    assert heard == ["that was all", "no reload", "no power"]


def test_a_hang_up_while_it_starts_is_heard_once_it_has_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    parts = rig(tmp_path, monkeypatch, heard)
    monkeypatch.setattr(garbage, "settle", lambda: None)
    monkeypatch.setattr(Notifier, "tell", lambda _: None)
    opening: Deferred[None] = Deferred()

    async def open_front_ends(*_: object) -> None:
        await opening

    async def read_again(_: Reload) -> None:
        heard.append("read again")

    monkeypatch.setattr(FrontEnds, "open", open_front_ends)
    monkeypatch.setattr(Reload, "hang_up", read_again)
    parts.started.addCallback(lambda _: heard.append("started"))
    parts.startService()
    parts.hang_up()
    assert heard == []
    opening.callback(None)
    assert heard == ["started", "read again"]
    parts.hang_up()
    assert heard == ["started", "read again", "read again"]
    result_of(parts.stopService())
    parts.hang_up()
    assert heard == ["started", "read again", "read again"]
