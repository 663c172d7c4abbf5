"""A daemon that says, when it is asked by SIGUSR1, how many blocks of memory it has.

What the system counts cannot tell what is in use from what Python keeps for later: it
gives an arena of a MiB back only when not one block in it is left.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from pathlib import Path
from signal import SIGUSR1, signal
from typing import TYPE_CHECKING

from twisted.scripts.twistd import run

if TYPE_CHECKING:
    from benchmarks.tftp.servers import Running, Server


def counted(daemon: Server, told: Path) -> Server:
    """The same daemon; it writes what it says to `told`."""
    python, _, _, *words = daemon.command
    command = [python, "-m", "benchmarks.tftp.counted", str(told), *words]
    return daemon._replace(command=command)


def blocks(running: Running, told: Path) -> int:
    """Those that objects have by now, whatever their size; a `counted` daemon's."""
    told.write_text("")
    os.kill(running.pid, SIGUSR1)
    while not (text := told.read_text()):
        time.sleep(0.01)
    return int(text)


def _tell(told: Path) -> None:
    gc.collect()  # and what Python keeps of tuples that are gone
    told.write_text(str(sys.getallocatedblocks()))


def main() -> None:
    told = Path(sys.argv.pop(1))
    signal(SIGUSR1, lambda *_: _tell(told))
    run()


if __name__ == "__main__":
    main()
