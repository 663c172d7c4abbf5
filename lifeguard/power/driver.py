"""What a kind of relay board must bring: its options, its outlets, and a device.

A driver is the `DRIVER` of a module in `lifeguard.power.drivers`, or an entry point of
the group `lifeguard.relay_drivers` in a lab's own package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from msgspec import Struct
    from twisted.internet.defer import Deferred

    from lifeguard.config.forms import Form
    from lifeguard.model import RelayBoard


class Device(Protocol):
    """One relay board, asked one thing at a time.

    What fails, fails with a RelayError, and at the latest at `deadline`: absolute, in
    seconds of the clock. An OutletError says that the device answered as it should, and
    one outlet is not as it was wanted; any other makes the device itself suspect, and
    `test` is what clears it. After either the same may be asked again. An outlet is
    called by its rest, as the driver's form has it.
    """

    @property
    def connected(self) -> bool:
        """Whether a connection is kept open and of use; False where none ever is."""

    async def switch(self, rest: str, on: bool, deadline: float) -> None:
        """Give an outlet power, or take it away.

        Returns when it has been read back so, where the device can tell.
        """

    async def read(self, rest: str, deadline: float) -> bool | None:
        """Whether an outlet has power, with nothing touched; None: it cannot tell."""

    async def test(self, deadline: float) -> None:
        """Ask for as little as proves that the device is there and obeys."""

    def idle(self) -> None:
        """There is nothing to do for now: what is kept open may be closed later."""

    def close(self) -> Deferred[None]:
        """End at once what is under way; fires when nothing is left open."""


class Surroundings(NamedTuple):
    """What a device may use of the daemon; `state_dir` is for what must last."""

    reactor: Any
    """Twisted's: time, TCP and processes."""
    state_dir: Path


def its_address(options: object) -> str:
    """What the options call `address`, if anything."""
    return str(getattr(options, "address", ""))


class Driver(NamedTuple):
    """A kind of relay board.

    `options` are the keys of its table in `boards.toml` beside those that every relay
    board has; each field's `Annotated` carries a Form, or a list's a ListOf. `outlet`
    reads the rest of an outlet. `device` finds its options in `RelayBoard.options`.
    Options that do not go together raise a ValueError in their `__post_init__`, in
    words for a person.
    """

    options: type[Struct]
    outlet: Form
    device: Callable[[RelayBoard, Surroundings], Device]
    address: Callable[[Any], str] = its_address
    """Of the options: where the device is, for people."""
    exclusive: bool = False
    """Whether the device serves one client only: an address stands in one table."""
