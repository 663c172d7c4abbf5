"""Another inventory for a running lab: how long the reactor is held, and by what.

`python -m benchmarks.reload`: ten thousand boards, of which one has another address.
The file is read in a thread, as the daemon does; a timer on the reactor looks every
millisecond for how long it was kept waiting. CPU seconds are of the whole process.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThread

from lifeguard import garbage
from lifeguard.inventory.reading import checked, checked_aside
from lifeguard.inventory.reload import Reload
from lifeguard.model import Saved
from lifeguard.power import Power
from tests.rig import rig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lifeguard.config import Configuration
    from lifeguard.inventory.difference import Difference
    from lifeguard.model import Inventory, Standing

BOARDS = 10_000
reactor: Any = installed


def write(directory: Path, address: str) -> Path:
    """A lab of BOARDS boards; the first of them is at `address`."""
    lines = ["[hardware.panda]", "[hardware.panda.states.Ready]", "timeout = 600"]
    for rack in range(BOARDS // 16):
        lines += [f"[relay_boards.rack{rack}]", 'driver = "proxr"']
        lines += [f'address = "10.9.{rack // 250}.{rack % 250}:2101"']
    for n in range(BOARDS):
        own = address if n == 0 else f"10.1.{n // 250}.{n % 250 + 1}"
        lines += [f"[boards.panda-{n:05d}]", 'hardware = "panda"']
        lines += [f'mac = "02:00:00:00:{n // 256:02x}:{n % 256:02x}"']
        lines += [f'address = "{own}"']
        lines += [f'power = "rack{n // 16}/{n % 16 // 8 + 1}/{n % 8 + 1}"']
    (directory / "boards.toml").write_text("\n".join(lines))
    (directory / "lifeguard.toml").write_text("")
    return directory / "lifeguard.toml"


class Watch:
    """Looks every millisecond how late it comes."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self._last = time.monotonic()
        self._call = LoopingCall(self._look)
        self._call.start(0.001)

    def _look(self) -> None:
        now = time.monotonic()
        self.gaps.append(now - self._last)
        self._last = now

    def stop(self) -> None:
        self._call.stop()


async def measure(directory: Path) -> None:
    file = write(directory, "10.200.0.1")
    running = checked(file)
    parts = rig(running.inventory, Saved())
    made: list[float] = []
    leftovers = garbage.Leftovers()
    power = Power(parts.clock, {}, parts.fleet)

    def make(
        inventory: Inventory, different: Difference, known: Mapping[str, Standing]
    ) -> Deferred[None]:
        began = time.perf_counter()
        making = parts.fleet.take_inventory(inventory, different, known, print)
        leftovers.add(len(different.entries))
        made.append(time.perf_counter() - began)
        return making

    async def read() -> Configuration:
        with garbage.paused():
            return await deferToThread(checked_aside, file)

    garbage.settle()
    reload = Reload(running, read, parts.fleet, power, parts.store, make)
    for number in range(5):
        write(directory, f"10.200.1.{number + 1}")
        watch, cpu, wall = Watch(), time.process_time(), time.monotonic()
        done = await reload.apply()
        await deferLater(reactor, 0.01)
        watch.stop()
        assert done.touched == 1
        print(
            f"reload {number + 1}: {time.monotonic() - wall:.2f} s,"
            f" {time.process_time() - cpu:.2f} s CPU; the reactor waited at most"
            f" {max(watch.gaps) * 1000:.0f} ms, for the fleet {made[-1] * 1000:.1f} ms"
        )


def main() -> None:
    def begin() -> None:
        running = Deferred.fromCoroutine(measure(Path(directory)))
        running.addErrback(lambda failure: failure.printTraceback(sys.stderr))
        running.addBoth(lambda _: reactor.stop())

    with TemporaryDirectory() as directory:
        reactor.callWhenRunning(begin)
        reactor.run()


if __name__ == "__main__":
    main()
