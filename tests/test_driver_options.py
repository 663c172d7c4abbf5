"""What tables of relay boards may not say, and what becomes of what they may."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from lifeguard.config import ConfigurationError, drivers, load
from lifeguard.model import Inventory, RelayBoard
from lifeguard.power.driver import Driver, Surroundings
from tests.fake_web import outcome

ROOT = Path(__file__).parents[1]
HTTP = 'driver = "http"\nurl = "http://x"\non = "/on"\noff = "/off"'


def inventory(directory: Path, boards: str) -> Inventory:
    (directory / "lifeguard.toml").touch()
    (directory / "boards.toml").write_text(boards)
    return load(directory / "lifeguard.toml").inventory


def mistakes(directory: Path, boards: str) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        inventory(directory, boards)
    file = f"{directory}/boards.toml: "
    return [line.removeprefix(file) for line in raised.value.mistakes]


def board(place: Path, name: str, **options: str) -> RelayBoard:
    """A relay board of one driver, with these lines of TOML."""
    lines = "\n".join(f"{key} = {value}" for key, value in options.items())
    table = f'[relay_boards.it]\ndriver = "{name}"\n{lines}\n'
    return inventory(place, table).relay_boards["it"]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (
            'driver = "http"\nurl = "http://x"\non = "on"\noff = "/off"',
            'it.on: expected a path like "/relay/{outlet}?turn=on", got "on"',
        ),
        (
            'driver = "http"\nurl = "http://x"\non = "/on"\noff = "/off"\nvalue = "a"',
            "it: value needs a read",
        ),
        (
            'driver = "http"\nurl = "http://x"\non = "/on"\noff = "/off"\nmethod = "G"',
            'it.method: expected "GET" or "POST" or "PUT", got "G"',
        ),
        (
            'driver = "tasmota"\nurl = "192.0.2.1"',
            'it.url: expected a URL like http://192.0.2.1:8080, got "192.0.2.1"',
        ),
        (
            'driver = "shelly"\nurl = "http://x"\ngeneration = 9',
            "it.generation: expected a whole number from 1 to 4, got 9",
        ),
        ('driver = "shelly"\nurl = "http://x"', "it.generation: missing"),
        ('driver = "pdudaemon"\nurl = "http://x"', "it.hostname: missing"),
        (
            'driver = "redfish"\nurl = "https://x"\nverify = "no"',
            'it.verify: expected true or false, got "no"',
        ),
        (
            'driver = "exec"\non = ["true"]\noff = []',
            "it: on and off need a command",
        ),
        (
            'driver = "exec"\non = ["a"]\noff = ["b"]\nread = ["c"]\nmeans_on = "("',
            'it.means_on: expected a regular expression, got "("',
        ),
        (
            'driver = "modbus-tcp"\naddress = "x"\nunit = 256',
            "it.unit: expected a whole number from 0 to 255, got 256",
        ),
        (
            'driver = "gpio"\nchip = "gpiochip0"',
            'it.chip: expected a device like /dev/gpiochip0, got "gpiochip0"',
        ),
        (
            'driver = "qemu"\n[relay_boards.it.guests]\npc = []',
            "it: guest pc needs a command",
        ),
        (
            'driver = "qemu"\n[relay_boards.it.guests]\npc = "sleep 1000"',
            "it.guests.pc: expected a list of arguments",
        ),
        (
            'driver = "exec"\non = "touch /x"\noff = ["b"]',
            "it.on: expected a list of arguments",
        ),
        (
            'driver = "exec"\non = [""]\noff = ["b"]',
            "it.on[0]: expected a text with all braces doubled but those of {outlet},"
            ' got ""',
        ),
        (
            'driver = "exec"\non = ["a", "x{port}"]\noff = ["b"]',
            "it.on[1]: expected a text with all braces doubled but those of {outlet},"
            ' got "x{port}"',
        ),
        (
            'driver = "exec"\non = ["a"]\noff = ["b"]\ntest = ["{outlet}"]',
            'it.test[0]: expected a text with all braces doubled, got "{outlet}"',
        ),
        (
            f'{HTTP}\nread = "/{{port}}"',
            'it.read: expected a path like "/relay/{outlet}?turn=on", got "/{port}"',
        ),
        (
            f'{HTTP}\ntest = "/{{outlet}}"',
            'it.test: expected a path like "/status", got "/{outlet}"',
        ),
        (
            f'{HTTP}\nread = "/"\nvalue = "{{port}}"',
            'it.value: expected a way like "relays.{outlet}.ison", got "{port}"',
        ),
        (f"{HTTP}\nmeans_on = []", "it: means_on and means_off need a word each"),
        (
            f'{HTTP}\nmeans_on = "OFF "',
            'it: means_on and means_off both have "off"',
        ),
        (f'{HTTP}\nmeans_on = " "', 'it.means_on: expected a word, got " "'),
        (
            'driver = "redfish"\nurl = "http://xn--.example..com"',
            "it.url: expected a URL like http://192.0.2.1:8080,"
            ' got "http://xn--.example..com"',
        ),
        (
            f'driver = "proxr"\naddress = "{"a" * 64}"',
            f'it.address: expected HOST or HOST:PORT, got "{"a" * 64}"',
        ),
        (f'{HTTP}\npassword = "x"', "it: password needs a user"),
        (
            'driver = "redfish"\nurl = "http://x"\npassword = 1',
            "it: password needs a user",
        ),
        (f"{HTTP}\ndigest = true", "it: digest needs a user"),
        (
            'driver = "shelly"\nurl = "http://x"\ngeneration = 2\npassword = "a"',
            "it: password needs a user",
        ),
    ],
)
def test_a_mistake_in_a_table_is_one_line(tmp_path, table, expected):
    assert mistakes(tmp_path, f"[relay_boards.it]\n{table}\n") == [
        f"relay_boards.{expected}"
    ]


def test_words_for_on_and_off_are_compared_in_lower_case(tmp_path):
    found = inventory(tmp_path, f'[relay_boards.it]\n{HTTP}\nmeans_on = ["ON"]\n')
    assert found.relay_boards["it"].options.means_on == ("on",)


@pytest.mark.parametrize(
    "argument",
    ["{}", "{ print }", "${HOST}", "{outlet", "outlet}", "{outlet!r}", "{outlet:9}"],
)
def test_a_brace_that_is_not_doubled_is_a_mistake(tmp_path, argument):
    table = f"driver = 'exec'\non = ['{argument}']\noff = ['true']"
    form = "a text with all braces doubled but those of {outlet}"
    assert mistakes(tmp_path, f"[relay_boards.it]\n{table}\n") == [
        f'relay_boards.it.on[0]: expected {form}, got "{argument}"'
    ]


def test_an_outlet_is_checked_by_its_driver(tmp_path):
    text = """
[relay_boards.it]
driver = "tasmota"
url = "http://192.0.2.21"
[hardware.pc]
[boards.a]
mac = "02:00:00:00:00:01"
hardware = "pc"
power = "it/33"
"""
    assert mistakes(tmp_path, text) == [
        'boards.a.power: expected a relay from 1 to 32, got "33"'
    ]


def test_a_password_that_is_a_number_is_taken_as_it_is_written(tmp_path):
    found = board(tmp_path, "tasmota", url='"http://x"', user='"a"', password="1234")
    assert found.options.password == "1234"


def test_the_example_of_a_labs_own_driver_works(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "etc")
    lever = EntryPoint("lever", "lever:DRIVER", drivers.GROUP)
    monkeypatch.setattr(drivers, "entry_points", lambda group: [lever])
    drivers._places.cache_clear()
    found = board(tmp_path, "lever", directory=f'"{tmp_path}"')
    driver = drivers.find_driver("lever")
    drivers._places.cache_clear()
    assert isinstance(driver, Driver)
    device = driver.device(found, Surroundings(None, tmp_path))
    assert outcome(device.switch("a1", True, 5.0)) == ["done"]
    assert (tmp_path / "a1").exists()
    assert outcome(device.switch("a1", False, 5.0)) == ["done"]
    assert outcome(device.test(5.0)) == ["done"]
    assert not (tmp_path / "a1").exists()
