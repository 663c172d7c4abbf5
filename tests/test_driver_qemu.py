"""Virtual boards: processes that have power or not, whoever looks after them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.task import deferLater

from lifeguard.power.detached import BOOT_ID, Detached
from lifeguard.power.drivers.qemu import DRIVER, Guests, QemuOptions
from lifeguard.power.errors import BadAnswer, BadOutlet, NotSwitched, Unreachable

SLEEP = ("sleep", "1000")


@pytest.fixture
def state_dir(tmp_path):
    """Whatever has begun in it has ended with the test."""
    yield tmp_path
    for record in tmp_path.rglob("process"):
        if (number := process(tmp_path, record.parent.name).number) is not None:
            os.killpg(number, signal.SIGKILL)


def rig(state_dir, command=SLEEP):
    """The guests as a daemon that has just started finds them."""
    return Guests(reactor, {"pc": command}, state_dir, state_dir / "qemu" / "vm")


def process(state_dir, name="pc"):
    return Detached(reactor, state_dir / "qemu" / "vm" / name)


def soon(seconds=60.0):
    return reactor.seconds() + seconds


@ensureDeferred
async def test_a_guest_runs_while_it_has_power(state_dir):
    guests = rig(state_dir)
    assert not await guests.read("pc", soon())
    await guests.switch("pc", True, soon())
    assert await guests.read("pc", soon())
    number = process(state_dir).number
    assert number is not None
    assert Path(f"/proc/{number}/cmdline").read_bytes() == b"sleep\x001000\x00"
    await guests.switch("pc", False, soon())
    assert process(state_dir).number is None


@ensureDeferred
async def test_power_that_is_there_already_changes_nothing(state_dir):
    guests = rig(state_dir)
    await guests.switch("pc", False, soon())
    await guests.switch("pc", True, soon())
    number = process(state_dir).number
    await guests.switch("pc", True, soon())
    assert process(state_dir).number == number


@ensureDeferred
async def test_it_is_in_a_session_of_its_own_and_nobodys_child(state_dir):
    await rig(state_dir).switch("pc", True, soon())
    number = process(state_dir).number
    assert os.getsid(number) == number != os.getsid(0)
    parent = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1]
    assert int(parent) != os.getpid()


@ensureDeferred
async def test_the_next_daemon_finds_it_and_can_take_its_power(state_dir):
    await rig(state_dir).switch("pc", True, soon())
    number = process(state_dir).number
    after = rig(state_dir)
    await after.switch("pc", True, soon())
    assert process(state_dir).number == number
    await after.switch("pc", False, soon())
    assert process(state_dir).number is None


DAEMON = """
import sys
from pathlib import Path
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from lifeguard.power.drivers.qemu import Guests
state_dir = Path(sys.argv[1])
guests = Guests(reactor, {"pc": ("sleep", "1000")}, state_dir, state_dir / "qemu/vm")
Deferred.fromCoroutine(guests.switch("pc", True, reactor.seconds() + 60))
reactor.run()
"""


@pytest.mark.parametrize("pause", [0.0, 0.02, 0.05, 0.2])
@ensureDeferred
async def test_a_daemon_that_is_killed_leaves_none_that_is_not_known(state_dir, pause):
    daemon = subprocess.Popen([sys.executable, "-c", DAEMON, str(state_dir)])
    # From when it has begun to work, at some moment or other.
    while not (state_dir / "qemu" / "vm").exists():
        await deferLater(reactor, 0.001)
    await deferLater(reactor, pause)
    daemon.kill()
    daemon.wait()
    # What it has launched comes to be, or not; then it is known, and is the only one.
    await deferLater(reactor, 0.5)
    known = process(state_dir).number
    await rig(state_dir).switch("pc", True, soon())
    assert known in (None, process(state_dir).number)
    assert sleepers(state_dir) == [process(state_dir).number]
    await rig(state_dir).switch("pc", False, soon())
    assert sleepers(state_dir) == []


def sleepers(state_dir):
    """The processes that work in a directory and live."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(each / "cwd") == str(state_dir):
                found.append(int(each.name))
        except OSError:
            continue
    return found


@ensureDeferred
async def test_one_that_ends_at_once_was_not_switched_on(state_dir):
    script = r"echo one; printf '\033[2Jno file\n'; exit 1"
    guests = rig(state_dir, ("sh", "-c", script))
    with pytest.raises(NotSwitched, match=r"^sh ended at once: \\x1b\[2Jno file$"):
        await guests.switch("pc", True, soon())
    await guests.switch("pc", False, soon())


@ensureDeferred
async def test_a_program_that_is_not_there_is_named(state_dir):
    guests = rig(state_dir, ("qemu-system-pdp11",))
    with pytest.raises(NotSwitched, match=r"^qemu-system-pdp11 ended .*not found"):
        await guests.switch("pc", True, soon())


@ensureDeferred
async def test_all_that_a_guest_has_started_loses_power_with_it(state_dir):
    await rig(state_dir, ("sh", "-c", "sleep 1000 & sleep 1000")).switch(
        "pc", True, soon()
    )
    assert len(sleepers(state_dir)) == 3
    await rig(state_dir).switch("pc", False, soon())
    while sleepers(state_dir):
        await deferLater(reactor, 0.01)


@ensureDeferred
async def test_a_process_that_only_has_the_number_is_not_it(state_dir):
    await rig(state_dir).switch("pc", True, soon())
    record = state_dir / "qemu" / "vm" / "pc" / "process"
    text = record.read_text()
    number = process(state_dir).number
    fields = text.split(" ")
    fields[-31] = str(int(fields[-31]) + 1)  # the 22nd of 52: when it started
    record.write_text(" ".join(fields))
    assert process(state_dir).number is None
    record.write_text(text.replace(BOOT_ID.read_text(), "another boot\n"))
    assert process(state_dir).number is None
    record.write_text(text)
    assert process(state_dir).number == number


@pytest.mark.parametrize(
    "text", ["", "x", "boot\n1 (sleep) S 1", "boot\nx (a) " + "1 " * 50]
)
def test_a_record_that_is_none_is_told(state_dir, text):
    record = state_dir / "qemu" / "vm" / "pc" / "process"
    record.parent.mkdir(parents=True)
    record.write_text(text)
    with pytest.raises(BadAnswer, match=f"^{re.escape(str(record))} is no record"):
        _ = process(state_dir).number
    record.unlink()


@ensureDeferred
async def test_a_guest_that_is_not_in_the_table_is_no_outlet(state_dir):
    with pytest.raises(BadOutlet, match=r"^no guest pdp11 among pc$"):
        await rig(state_dir).switch("pdp11", True, soon())


@ensureDeferred
async def test_a_state_directory_that_cannot_be_written_to_is_told(state_dir):
    (state_dir / "qemu").write_text("a file")
    with pytest.raises(Unreachable, match=r"^guest pc: .*Not a directory"):
        await rig(state_dir).switch("pc", True, soon())


def test_a_guest_needs_a_command():
    with pytest.raises(ValueError, match=r"^guest pc needs a command$"):
        QemuOptions(guests={"pc": ()})
    assert DRIVER.outlet.parse("pc-01") == "pc-01"
    assert DRIVER.address(None) == "this machine"
