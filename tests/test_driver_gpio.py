"""Pins of this machine, on a GPIO chip that is only imagined."""

from __future__ import annotations

import gpiod
import pytest
from gpiod.line import Direction, Value

from lifeguard.power.drivers.gpio import DRIVER, Gpio, GpioOptions
from tests.fake_web import outcome

CHIP = "/dev/gpiochip0"


class Chip:
    """Stands in for libgpiod; `levels` are those of the wires."""

    def __init__(self) -> None:
        self.levels = {3: False, 4: True}
        self.stuck = False
        self.seen: list[str] = []

    def request_lines(self, path, consumer, config):
        ((pin, settings),) = config.items()
        if pin not in self.levels:
            raise OSError(22, "Invalid argument")
        assert settings.direction == Direction.AS_IS
        self.seen.append(f"{consumer} holds {pin} of {path}")
        return Request(self, pin, settings)


class Request:
    def __init__(self, chip: Chip, pin: int, settings) -> None:
        self.chip, self.pin, self.settings = chip, pin, settings

    def reconfigure_lines(self, config):
        settings = self.settings = config[self.pin]
        assert settings.direction == Direction.OUTPUT
        if not self.chip.stuck:
            high = settings.output_value == Value.ACTIVE
            self.chip.levels[self.pin] = high != settings.active_low

    def get_value(self, pin):
        high = self.chip.levels[pin]
        active = high != self.settings.active_low
        return Value.ACTIVE if active else Value.INACTIVE

    def release(self):
        self.chip.seen.append(f"released {self.pin}")


@pytest.fixture
def chip(monkeypatch):
    chip = Chip()
    monkeypatch.setattr(gpiod, "request_lines", chip.request_lines)
    monkeypatch.setattr(gpiod, "is_gpiochip_device", lambda path: path == CHIP)
    return chip


@pytest.mark.parametrize("low_is_on", [False, True])
def test_a_pin_is_held_and_switched(chip, low_is_on):
    gpio = Gpio(GpioOptions(chip=CHIP, low_is_on=low_is_on))
    assert not gpio.connected
    assert outcome(gpio.switch("3", True, 5.0)) == ["done"]
    assert chip.levels == {3: not low_is_on, 4: True}
    assert outcome(gpio.switch("3", False, 5.0)) == ["done"]
    assert chip.levels == {3: low_is_on, 4: True}
    gpio.idle()
    assert gpio.connected
    assert gpio.close().called
    assert not gpio.connected
    assert chip.seen == [f"lifeguard holds 3 of {CHIP}", "released 3"]


def test_a_pin_that_stays_as_it_was_is_found_out(chip):
    chip.stuck = True
    gpio = Gpio(GpioOptions(chip=CHIP))
    assert outcome(gpio.switch("3", True, 5.0)) == [
        f"NotSwitched: pin 3 of {CHIP} stays as it was"
    ]


def test_a_pin_that_is_not_there_or_in_use_is_one_line(chip):
    gpio = Gpio(GpioOptions(chip=CHIP))
    assert outcome(gpio.switch("77", True, 5.0)) == [
        f"Unreachable: pin 77 of {CHIP}: [Errno 22] Invalid argument"
    ]


def test_the_test_is_that_the_chip_is_one(chip):
    assert outcome(Gpio(GpioOptions(chip=CHIP)).test(5.0)) == ["done"]
    assert outcome(Gpio(GpioOptions(chip="/dev/null")).test(5.0)) == [
        "Unreachable: /dev/null is no GPIO chip"
    ]


def test_a_machine_without_gpio_says_so():
    gpio = Gpio(GpioOptions(chip="/dev/gpiochip9999"))
    (heard,) = outcome(gpio.switch("3", True, 5.0))
    assert heard.startswith("Unreachable: pin 3 of /dev/gpiochip9999: ")


def test_an_outlet_is_the_number_of_a_pin():
    assert [DRIVER.outlet.parse(pin) for pin in ("0", "17")] == ["0", "17"]
    for pin in ("", "-1", "01", "GPIO17"):
        with pytest.raises(ValueError, match=r"^"):
            DRIVER.outlet.parse(pin)


@pytest.mark.parametrize("low_is_on", [False, True])
def test_a_pin_is_read_as_it_is(chip, low_is_on):
    gpio = Gpio(GpioOptions(chip=CHIP, low_is_on=low_is_on))
    assert outcome(gpio.read("3", 5.0)) == [str(low_is_on)]
    assert outcome(gpio.read("4", 5.0)) == [str(not low_is_on)]
    assert chip.levels == {3: False, 4: True}
    text = "Unreachable: pin 9 of /dev/gpiochip0: [Errno 22] Invalid argument"
    assert outcome(gpio.read("9", 5.0)) == [text]
