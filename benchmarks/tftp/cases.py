"""What the boards of a lab do at once, when its power comes back."""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """`boards` that each fetch `file` so many `times`.

    `block_size` 0: no options are asked for. `loss` is in percent, both ways.
    `missing` requests for what does not exist come first, of one name, or with
    `search` of U-Boot's search list; then, with `probe`, one that is broken off at its
    OACK.
    """

    name: str
    boards: int
    times: int = 1
    file: str = "kernel"
    block_size: int = 1468
    window: int = 1
    loss: float = 0.0
    missing: int = 0
    search: bool = False
    probe: bool = False

    @property
    def words(self) -> list[str]:
        """As `load` takes them."""
        figures = (
            self.boards,
            self.times,
            self.block_size,
            self.window,
            self.loss,
            self.missing,
            int(self.search),
            int(self.probe),
        )
        return [str(figure) for figure in figures]


FILES = {"kernel": 4 * 2**20, "loader": 64 * 2**10}
"""Bytes by name."""

CASES = [
    Case("lockstep-50", boards=50),
    Case("lockstep-200", boards=200),
    Case("plain-512", boards=50, block_size=0),
    Case("window-16", boards=50, window=16, times=3),
    Case("window-64", boards=50, window=64, times=3),
    Case("small-files", boards=500, times=4, file="loader"),
    Case("discovery", boards=200, file="loader", missing=10, probe=True),
    Case("search", boards=200, file="loader", missing=10, search=True, probe=True),
    Case("loss", boards=50, file="loader", loss=1.0),
    Case("loss-window-16", boards=50, window=16, loss=1.0),
]

STORM = Case("a storm of 200 boards", boards=200, times=2)
"""What HTTP is measured beside."""
