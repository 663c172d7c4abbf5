"""Relays on the pins of this machine, by Linux's character device of a GPIO chip.

A pin is held while lifeguard runs. What becomes of it afterwards is the chip's to say:
most keep it as it was. It is held as it is found, so a start disturbs no board.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import gpiod
from gpiod.line import Direction, Value
from msgspec import Struct
from twisted.internet.defer import Deferred, succeed

from lifeguard.config.forms import Flag, Form, matching
from lifeguard.power.driver import Driver
from lifeguard.power.errors import NotSwitched, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gpiod import LineRequest

    from lifeguard.model import RelayBoard
    from lifeguard.power.driver import Surroundings


class GpioOptions(Struct, frozen=True, kw_only=True):
    """`low_is_on`: boards have power while their pin is low, as with relay modules
    that switch on at low, or whose normally closed contacts are used."""

    chip: Annotated[
        str, Form("a device like /dev/gpiochip0", matching("/dev/[A-Za-z0-9/_-]+"))
    ]
    low_is_on: Flag = False


class Gpio:
    """The pins of a chip, each held from when it is first switched or read."""

    def __init__(self, options: GpioOptions) -> None:
        self._chip, self._low_is_on = options.chip, options.low_is_on
        self._held: dict[int, LineRequest] = {}

    @property
    def connected(self) -> bool:
        return bool(self._held)

    async def switch(self, rest: str, on: bool, deadline: float) -> None:
        pin, value = int(rest), Value.ACTIVE if on else Value.INACTIVE
        with self._errors_of(pin):
            held = self._hold(pin)
            held.reconfigure_lines({pin: self._settings(Direction.OUTPUT, value)})
            found = held.get_value(pin)
        if found != value:
            raise NotSwitched(f"pin {pin} of {self._chip} stays as it was")

    async def read(self, rest: str, deadline: float) -> bool:
        pin = int(rest)
        with self._errors_of(pin):
            return self._hold(pin).get_value(pin) == Value.ACTIVE

    async def test(self, deadline: float) -> None:
        if not gpiod.is_gpiochip_device(self._chip):
            raise Unreachable(f"{self._chip} is no GPIO chip")

    def idle(self) -> None:
        """The pins are held on."""

    def close(self) -> Deferred[None]:
        while self._held:
            self._held.popitem()[1].release()
        return succeed(None)

    @contextmanager
    def _errors_of(self, pin: int) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            raise Unreachable(f"pin {pin} of {self._chip}: {error}") from None

    def _hold(self, pin: int) -> LineRequest:
        if pin not in self._held:
            self._held[pin] = gpiod.request_lines(
                self._chip,
                consumer="lifeguard",
                config={pin: self._settings(Direction.AS_IS)},
            )
        return self._held[pin]

    def _settings(
        self, direction: Direction, value: Value = Value.INACTIVE
    ) -> gpiod.LineSettings:
        return gpiod.LineSettings(
            direction=direction, output_value=value, active_low=self._low_is_on
        )


def _device(relay_board: RelayBoard, surroundings: Surroundings) -> Gpio:
    return Gpio(relay_board.options)


DRIVER = Driver(
    options=GpioOptions,
    outlet=Form("a pin's number from 0 to 9999", matching("0|[1-9][0-9]{0,3}")),
    device=_device,
    address=lambda options: str(options.chip),
)
