"""A bare Python that makes as many things as there are transfers, and drops them.

The peer of `abandoned`, which runs it: what of their memory does the system have back?
Each has as many blocks as a transfer, and nothing else is made meanwhile.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")


class Thing:
    """Some 50 blocks, none of them another thing's."""

    def __init__(self, number: int) -> None:
        self.floats = [float(number + each) for each in range(20)]
        self.texts = {number + each: str(number + each) for each in range(13)}


def mib() -> float:
    """That the system counts as this process's."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * PAGE / 2**20


def main() -> None:
    number = int(sys.argv[1])
    before, blocks = mib(), sys.getallocatedblocks()
    things = [Thing(each << 16) for each in range(number)]
    during, each = mib(), (sys.getallocatedblocks() - blocks) / number
    things.clear()
    print(
        f"a bare Python, {number} things of {each:.1f} blocks:"
        f" {during - before:.1f} MiB more than before; all dropped:"
        f" {mib() - before:.1f} MiB, {sys.getallocatedblocks() - blocks} blocks"
    )


if __name__ == "__main__":
    main()
