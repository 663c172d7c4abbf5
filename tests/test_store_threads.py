"""Real threads: the reactor goes on while the disk is slow."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from lifeguard.model import Outlet, Owed
from lifeguard.store import SqlStore, WorkerThreads

PATIENCE = 30.0
"""Seconds after which a thread that should have been let go goes on by itself."""


class SlowDisk(WorkerThreads):
    """Writes that wait to be let go; `began` counts those that have begun.

    `reads` counts what was to be read.
    """

    def __init__(self) -> None:
        super().__init__(reactor)
        self.let_go = threading.Event()
        self.began = self.reads = 0

    def read(self, function: Callable[[], Any]) -> Deferred[Any]:
        self.reads += 1
        return super().read(function)

    def write(self, function: Callable[[], Any]) -> Deferred[Any]:
        def slow() -> Any:
            self.began += 1
            self.let_go.wait(PATIENCE)
            return function()

        return super().write(slow)


@asynccontextmanager
async def rig(tmp_path: Path) -> AsyncIterator[tuple[SqlStore, SlowDisk]]:
    """The store is open, and the disk slow from then on."""
    threads = SlowDisk()
    url = f"sqlite:///{tmp_path}/lifeguard.sqlite"
    store = SqlStore(
        url,
        clock=reactor,
        service_seconds=lambda: 1.0,
        threads=threads,
        replaced=list[str]().append,
    )
    threads.let_go.set()
    await store.open()
    threads.let_go.clear()
    threads.began = 0
    try:
        yield store, threads
    finally:
        threads.let_go.set()
        await store.close()


def ours() -> list[str]:
    """The threads of stores, by what they do."""
    names = [each.name for each in threading.enumerate()]
    return [kind for kind in ("reader", "writer") if f"store-{kind}" in str(names)]


@ensureDeferred
async def test_the_reactor_and_the_readers_go_on_while_the_disk_is_slow(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as (store, threads):
        asked = [store.settle(Owed(Outlet("rack1", "1"), "b1", n)) for n in range(100)]
        await deferLater(reactor, 0)
        assert await store.notices() == []
        assert not any(each.called for each in asked)
        threads.let_go.set()
        await gatherResults(asked)
        assert threads.began == 1  # all of the reactor's turn


@ensureDeferred
async def test_look_ups_share_reads(tmp_path: Path) -> None:
    async with rig(tmp_path) as (store, threads):
        found = [store.standing(f"b{number}") for number in range(100)]
        assert await gatherResults(found) == [None] * 100
        assert threads.reads == 2  # the first alone, the other 99 together


@ensureDeferred
async def test_one_thread_writes(tmp_path: Path) -> None:
    async with rig(tmp_path) as (_, threads):
        writers = [threads.write(threading.get_ident) for _ in range(5)]
        threads.let_go.set()
        assert len(set(await gatherResults(writers))) == 1


@ensureDeferred
async def test_threads_begin_with_the_first_use_and_end_with_the_store(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as (store, _):
        assert ours() == ["writer"]  # a daemon forks between its making and its start
        await store.notices()
        assert ours() == ["reader", "writer"]
    assert ours() == []
