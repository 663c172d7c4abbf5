"""In what order the daemon's parts begin; without a process, a port or a database."""

from __future__ import annotations

import gc
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from twisted.internet.defer import Deferred, succeed
from twisted.internet.testing import MemoryReactorClock

from lifeguard import daemon, garbage
from lifeguard.alerts import Alerts
from lifeguard.blame.inquiry import Inquiry
from lifeguard.config import Configuration
from lifeguard.config.settings import Tftp
from lifeguard.endpoints import CannotOpen
from lifeguard.fleet import Fleet
from lifeguard.front_ends import FrontEnds
from lifeguard.health.pinger import Pinger
from lifeguard.housekeeping import Housekeeping
from lifeguard.inventory.reload import Reload
from lifeguard.lifecycle.standard import LIFECYCLE
from lifeguard.metrics import Metrics
from lifeguard.model import Board, Hardware, Inventory, Operator, Saved
from lifeguard.netboot_service import NetbootService
from lifeguard.notify import Notifier
from lifeguard.power import Power
from lifeguard.web import World
from tests.rig import EPOCH, FakeStore, result_of

EXPIRED = Operator(name="ci", role="see", digest="a digest", made=EPOCH, expires=EPOCH)


class OpenedStore(FakeStore):
    """What is there when it is opened."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__([])

    def open(self) -> Deferred[Saved]:
        return succeed(Saved(token_key=b"key", operators=(EXPIRED,)))

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


def started(parts: daemon.Daemon, monkeypatch: pytest.MonkeyPatch) -> World:
    """What its front ends are opened with; all else is begun."""
    worlds: list[World] = []

    async def open_front_ends(_: FrontEnds, world: World) -> None:
        worlds.append(world)

    monkeypatch.setattr(garbage, "settle", lambda: None)
    monkeypatch.setattr(Notifier, "tell", lambda _: None)
    monkeypatch.setattr(FrontEnds, "open", open_front_ends)
    parts.startService()
    [world] = worlds
    return world


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


def test_what_may_need_root_is_bound_before_all_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    parts = rig(tmp_path, monkeypatch, heard)
    for part in (Pinger, NetbootService):
        name = part.__name__
        monkeypatch.setattr(
            part, "privilegedStartService", lambda _, name=name: heard.append(name)
        )
    parts.privilegedStartService()
    assert heard == ["Pinger", "NetbootService"]


def test_who_cannot_do_without_the_store_hears_when_it_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = rig(tmp_path, monkeypatch, [])
    store: Any = started(parts, monkeypatch).store
    told = [type(presence) for presence in store.presences]
    assert told == [Fleet, Metrics, Notifier, Power, Inquiry, Alerts]
    result_of(parts.stopService())


def test_it_stops_from_the_front_ends_to_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    parts = rig(tmp_path, monkeypatch, heard)
    started(parts, monkeypatch)

    def watch(part: type, stop: str) -> None:
        real = getattr(part, stop)

        def stopped(self: Any) -> Any:
            heard.append(part.__name__)
            return real(self)

        monkeypatch.setattr(part, stop, stopped)

    watch(FrontEnds, "close")
    watch(NetbootService, "stopService")
    watch(Power, "stopService")
    watch(Fleet, "stopService")
    watch(OpenedStore, "close")
    result_of(parts.stopService())
    assert heard == ["FrontEnds", "NetbootService", "Power", "Fleet", "OpenedStore"]


def test_whom_the_store_has_forgotten_nobody_knows_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgetting: list[Callable[[datetime], None]] = []
    monkeypatch.setattr(
        Housekeeping, "subscribe", lambda _, listener: forgetting.append(listener)
    )
    parts = rig(tmp_path, monkeypatch, [])
    operators = started(parts, monkeypatch).operators
    assert operators.all() == [EXPIRED]
    for forget in forgetting:
        forget(EPOCH + timedelta(days=1))
    assert operators.all() == []
    result_of(parts.stopService())


def test_an_inventory_is_read_without_a_look_for_garbage_which_comes_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Any] = []
    parts = rig(tmp_path, monkeypatch, heard)
    bare = parts.configuration
    smaller = replace(bare, inventory=replace(bare.inventory, boards={}))

    def read(*_: object) -> Deferred[Configuration]:
        heard.append(gc.isenabled())
        return succeed(smaller)

    def add(_: garbage.Leftovers, things: int) -> None:
        heard.append((gc.isenabled(), things))

    monkeypatch.setattr(
        MemoryReactorClock, "getThreadPool", lambda _: None, raising=False
    )
    monkeypatch.setattr(daemon, "deferToThreadPool", read)
    monkeypatch.setattr(garbage.Leftovers, "add", add)
    world = started(parts, monkeypatch)
    result_of(Deferred.fromCoroutine(world.reload.apply()))
    assert heard == [False, (True, 1)]
    assert list(world.fleet.boards) == []
    result_of(parts.stopService())
