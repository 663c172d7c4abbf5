"""Virtual boards: an outlet is a process, such as QEMU, that runs while it has power.

The processes outlive the daemon and are found again by the next one. Taking power is
a kill, as a power cut would be. Under systemd a service's processes are killed with it
unless its unit has KillMode=process, or they begin with `systemd-run --scope`.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from lifeguard.config.forms import NAME, Arguments
from lifeguard.power.connectionless import Connectionless
from lifeguard.power.detached import Detached
from lifeguard.power.driver import Driver
from lifeguard.power.errors import BadOutlet, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lifeguard.model import RelayBoard
    from lifeguard.power.driver import Surroundings


class QemuOptions(Struct, frozen=True, kw_only=True):
    """The command of each guest, which must stay in the foreground: no -daemonize."""

    guests: dict[str, Arguments]

    def __post_init__(self) -> None:
        for name, command in self.guests.items():
            if not command:
                raise ValueError(f"guest {name} needs a command")


class Guests(Connectionless):
    """Processes that work in `state_dir`, each with a directory below `directory`."""

    def __init__(
        self,
        reactor: Any,
        guests: Mapping[str, tuple[str, ...]],
        state_dir: Path,
        directory: Path,
    ) -> None:
        self._reactor, self._guests = reactor, guests
        self._state_dir, self._directory = state_dir, directory

    async def switch(self, rest: str, on: bool, deadline: float) -> None:
        with self._guest(rest) as process:
            if not on:
                await process.end(deadline)
            elif process.number is None:
                await process.begin(self._guests[rest], self._state_dir, deadline)

    async def read(self, rest: str, deadline: float) -> bool:
        with self._guest(rest) as process:
            return process.number is not None

    async def test(self, deadline: float) -> None:
        """Nothing is between us and the processes."""

    @contextmanager
    def _guest(self, rest: str) -> Iterator[Detached]:
        if rest not in self._guests:
            raise BadOutlet(f"no guest {rest} among {', '.join(sorted(self._guests))}")
        try:
            yield Detached(self._reactor, self._directory / rest)
        except OSError as error:
            raise Unreachable(f"guest {rest}: {error}") from None


def _device(relay_board: RelayBoard, surroundings: Surroundings) -> Guests:
    state_dir = surroundings.state_dir.absolute()
    directory = state_dir / "qemu" / relay_board.name
    return Guests(
        surroundings.reactor, relay_board.options.guests, state_dir, directory
    )


DRIVER = Driver(
    options=QemuOptions,
    outlet=NAME,
    device=_device,
    address=lambda _: "this machine",
)
