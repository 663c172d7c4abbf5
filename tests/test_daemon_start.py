"""In what order the daemon's parts begin; without a process, a port or a database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.testing import MemoryReactorClock

from lifeguard import daemon
from lifeguard.blame.inquiry import Inquiry
from lifeguard.config import Configuration
from lifeguard.config.settings import Tftp
from lifeguard.lifecycle.standard import LIFECYCLE
from lifeguard.model import Board, Hardware, Inventory, Saved
from tests.rig import EPOCH, FakeStore


class OpenedStore(FakeStore):
    """What is there when it is opened."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__([])

    def open(self) -> Deferred[Saved]:
        return succeed(Saved(token_key=b"key"))


def test_blame_hears_of_what_is_asked_while_the_ports_are_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "SqlStore", OpenedStore)
    monkeypatch.setattr(daemon, "WorkerThreads", lambda _: None)
    tftp = Tftp(mode="symlinks", directory=str(tmp_path))
    bare = Board(name="bare", mac="02:00:00:00:ff:01", hardware="bare")
    inventory = Inventory(
        hardware={"bare": Hardware(name="bare", lifecycle=LIFECYCLE)},
        boards={"bare": bare},
    )
    configuration = Configuration(tftp=tftp, inventory=inventory)
    heard: list[str] = []
    monkeypatch.setattr(
        Inquiry, "changed", lambda _, change: heard.append(change.row.event)
    )
    parts = daemon.Daemon(
        configuration,
        tmp_path,
        MemoryReactorClock(),
        lambda: EPOCH,
        heard.append,
        lambda: configuration,
    )

    async def listen(*_: object) -> None:
        await parts.fleet.change("bare", "New", "LockedOut", "me")
        raise daemon.CannotStart("that was all")

    monkeypatch.setattr(parts, "_listen_http", listen)
    parts.startService()
    assert heard == ["set-state", "that was all"]
