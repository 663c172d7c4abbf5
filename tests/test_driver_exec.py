"""Outlets behind commands: real ones, which keep what they are told in a file."""

from __future__ import annotations

import re

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.task import deferLater

from lifeguard.power.drivers.exec import DRIVER, Commands, ExecOptions
from lifeguard.power.errors import BadAnswer, NoAnswer, NotSwitched, Refused

ALWAYS = ("true",)


def rig(tmp_path, **options):
    """Outlets that are files: there when they are on."""
    usual = {"on": ("touch", f"{tmp_path}/{{outlet}}")}
    usual["off"] = ("rm", "-f", f"{tmp_path}/{{outlet}}")
    for key in ("means_on", "means_off"):
        if key in options:
            options[key] = re.compile(options[key])
    return Commands(reactor, ExecOptions(**{**usual, **options}))


def shell(script):
    return ("sh", "-c", script)


def soon(seconds=60.0):
    return reactor.seconds() + seconds


@ensureDeferred
async def test_an_outlet_is_switched_and_read_by_exit_codes(tmp_path):
    commands = rig(tmp_path, read=("test", "-e", f"{tmp_path}/{{outlet}}"))
    for on in (True, False):
        await commands.switch("3", on, soon())
        assert (tmp_path / "3").exists() == on
        assert await commands.read("3", soon()) == on


@ensureDeferred
async def test_an_outlet_is_read_by_what_the_output_has_in_it(tmp_path):
    commands = rig(
        tmp_path,
        read=shell(f"test -e {tmp_path}/{{outlet}} && echo is on || echo is off"),
        means_on="on$",
        means_off="off$",
    )
    await commands.switch("3", True, soon())
    await commands.switch("3", False, soon())


@ensureDeferred
async def test_a_brace_that_is_doubled_is_one_for_the_command(tmp_path):
    awk = ("awk", '{{ exit $1 != "on{outlet}" }}', f"{tmp_path}/said")
    script = f"device={tmp_path}; echo on{{outlet}} >${{{{device}}}}/said"
    commands = rig(tmp_path, on=shell(script), read=awk, test=shell("test {{ = {{"))
    await commands.switch("3", True, soon())
    assert (await commands.read("3", soon()), await commands.read("4", soon())) == (
        True,
        False,
    )
    await commands.test(soon())


@ensureDeferred
async def test_without_a_read_success_is_taken_for_granted(tmp_path):
    commands = rig(tmp_path)
    await commands.switch("3", True, soon())
    assert (tmp_path / "3").exists()
    assert await commands.read("3", soon()) is None


@ensureDeferred
async def test_one_that_does_nothing_is_found_out(tmp_path):
    commands = rig(tmp_path, on=ALWAYS, read=("test", "-e", f"{tmp_path}/{{outlet}}"))
    with pytest.raises(NotSwitched, match=r"^switched on, but not read back so$"):
        await commands.switch("3", True, soon(1))


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"on": shell("echo no >&2; exit 4")}, Refused, "sh: exit code 4: no"),
        ({"on": ("--help",)}, Refused, "--help: exit code 127: setsid: failed to"),
        ({"on": ("no-such",)}, Refused, "no-such: exit code 127: setsid: failed to"),
        ({"on": shell("sleep 1000")}, NoAnswer, "sh did not end within 1 s"),
        (
            {"on": ALWAYS, "read": shell("exit 2")},
            Refused,
            "sh: exit code 2: no out",
        ),
        (
            {"on": ALWAYS, "read": ("echo", "?"), "means_on": "on", "means_off": "off"},
            BadAnswer,
            "echo says neither on nor off: exit code 0: ?",
        ),
        (
            {"on": ALWAYS, "read": ("echo", "x"), "means_on": "x", "means_off": "[x]"},
            BadAnswer,
            "echo says both on and off: exit code 0: x",
        ),
        (
            {"on": ALWAYS, "read": ("false",), "means_on": "on", "means_off": "off"},
            Refused,
            "false: exit code 1: no output",
        ),
    ],
)
@ensureDeferred
async def test_each_failure_is_one_line(tmp_path, options, error, text):
    with pytest.raises(error) as raised:
        await rig(tmp_path, **options).switch("3", True, soon(1))
    assert str(raised.value).startswith(text)
    await deferLater(reactor, 0.05)  # what was killed is yet to be seen to end


@ensureDeferred
async def test_arguments_are_never_told(tmp_path):
    commands = rig(tmp_path, on=("ls", "--secret"))
    with pytest.raises(Refused) as raised:
        await commands.switch("3", True, soon())
    assert str(raised.value).startswith("ls: exit code 2")


@ensureDeferred
async def test_the_test_is_a_command_of_the_labs_if_it_has_one(tmp_path):
    await rig(tmp_path).test(soon())
    await rig(tmp_path, test=ALWAYS).test(soon())
    with pytest.raises(Refused, match=r"^false: exit code 1: no output$"):
        await rig(tmp_path, test=("false",)).test(soon())


@pytest.mark.parametrize(
    ("options", "mistake"),
    [
        ({"on": ()}, "on and off need a command"),
        ({"read": ALWAYS, "means_on": "x"}, "means_on and means_off go together"),
        ({"means_on": "x", "means_off": "x"}, "means_on and means_off are the same"),
        ({"means_on": "x", "means_off": "y"}, "means_on needs a read"),
    ],
)
def test_options_that_do_not_go_together_are_a_mistake(options, mistake):
    with pytest.raises(ValueError, match=mistake):
        ExecOptions(**{"on": ALWAYS, "off": ALWAYS, **options})


def test_an_outlet_is_a_word_that_no_shell_could_stumble_over():
    for name in ("3", "1-1.4", "1-1/3", "10.0.0.1:3"):
        assert DRIVER.outlet.parse(name) == name
    for name in ("a b", "$x", "a;b", "'", ""):
        with pytest.raises(ValueError, match=r"^"):
            DRIVER.outlet.parse(name)
