"""Commands that end, fail, talk too much, or must be killed with all they started."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock, deferLater
from twisted.python.failure import Failure

from lifeguard.power.command import (
    LAST_WORDS_SECONDS,
    OUTPUT_BYTES,
    Output,
    run,
)
from lifeguard.power.errors import NoAnswer, Unreachable

LONG = 60.0
DEADLINE = 10.0


async def shell(script, seconds=LONG):
    return await run(reactor, ["sh", "-c", script], reactor.seconds() + seconds)


async def until(is_so):
    """Look again and again, but not for ever."""
    end = reactor.seconds() + LONG
    while not is_so():
        assert reactor.seconds() < end
        await deferLater(reactor, 0.01)


async def number_in(path):
    """What a shell writes there, when it has written all of it."""
    await until(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


async def gone(number):
    """Wait until there is no such process, or only what init has not yet noticed."""
    await settled()
    await until(lambda: not lives(number))


def lives(number):
    try:
        stat = Path(f"/proc/{number}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


async def settled():
    """The reactor has some calls left when a process has been killed."""
    for _ in range(3):
        await deferLater(reactor, 0.02)


@ensureDeferred
async def test_a_command_comes_to_an_exit_code_and_what_it_said():
    output = await shell("echo yes; echo no >&2; exit 3")
    assert output == Output(3, "yes\n", "no\n")
    assert (await shell("kill -9 $$")).exit_code is None


@ensureDeferred
async def test_a_command_reads_nothing_and_has_our_environment():
    output = await shell("cat; echo $HOME")
    assert output == Output(0, f"{os.environ['HOME']}\n", "")


@ensureDeferred
async def test_what_is_said_beyond_a_limit_is_dropped():
    output = await shell(f"head -c {OUTPUT_BYTES * 3} /dev/zero")
    assert (output.exit_code, len(output.out)) == (0, OUTPUT_BYTES)


@ensureDeferred
async def test_a_program_that_is_not_there_is_named():
    output = await run(reactor, ["no-such-program", "-x"], reactor.seconds() + LONG)
    assert str(output) == (
        "exit code 127: setsid: failed to execute no-such-program:"
        " No such file or directory"
    )


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        (Output(0, "", ""), "exit code 0: no output"),
        (Output(1, "out\n", "a\nb  c\n\n"), "exit code 1: b c"),
        (Output(1, "first\nlast\n", ""), "exit code 1: last"),
        (Output(1, "", "\x1b[2J\0\u202eé"), r"exit code 1: \x1b[2J\x00\u202eé"),
        (Output(None, "", "x" * 200), "killed: " + "x" * 100),
    ],
)
def test_an_output_is_shown_by_its_last_line(output, shown):
    assert str(output) == shown


@ensureDeferred
async def test_a_command_that_does_not_end_is_killed_with_all_it_started(tmp_path):
    clock = Clock()
    clock.spawnProcess = reactor.spawnProcess
    script = f"sleep 1000 & echo $! >{tmp_path}/child; echo $$ >{tmp_path}/itself; wait"
    running = Deferred.fromCoroutine(run(clock, ["sh", "-c", script], DEADLINE))
    numbers = [await number_in(tmp_path / name) for name in ("child", "itself")]
    clock.advance(DEADLINE)
    with pytest.raises(NoAnswer, match=r"^sh did not end within 10 s$"):
        await running
    for number in numbers:
        await gone(number)


@ensureDeferred
async def test_what_it_has_started_and_holds_its_output_cannot_hold_us_up(tmp_path):
    child = f"sh -c 'echo $$ >{tmp_path}/child; exec sleep 1000'"
    output = await shell(
        f"{child} & until test -s {tmp_path}/child; do sleep 0.01; done; echo x"
    )
    number = await number_in(tmp_path / "child")
    os.kill(number, 9)
    assert output == Output(0, "x\n", "")
    await gone(number)


@ensureDeferred
async def test_a_deadline_that_is_past_kills_it_before_it_has_begun():
    with pytest.raises(NoAnswer, match=r"^sleep did not end within 0 s$"):
        await run(reactor, ["sleep", "1000"], reactor.seconds() - 1)
    await settled()


@ensureDeferred
async def test_cancelling_kills_it(tmp_path):
    running = Deferred.fromCoroutine(shell(f"echo $$ >{tmp_path}/it; sleep 1000"))
    number = await number_in(tmp_path / "it")
    running.cancel()
    with pytest.raises(CancelledError):
        await running
    await gone(number)


@ensureDeferred
async def test_a_machine_that_can_start_no_process_is_told(monkeypatch):
    def refuse(*_, **__):
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(reactor, "spawnProcess", refuse)
    with pytest.raises(Unreachable, match=r"^sh cannot be run: Resource temporarily"):
        await shell("exit 0")


# The orders in which a process and its pipes may come to their ends.

ENDED = Failure(ProcessDone(0))
KILLED = Failure(ProcessTerminated(signal=9))


class FakeProcess:
    """The process that a reactor has spawned, until what a test does to it."""

    pid = 2**22 + 1
    """One that the system never gives to a process."""

    def __init__(self, protocol):
        self.protocol, self.said = protocol, []
        protocol.makeConnection(self)

    def closeStdin(self):
        self.said.append("close stdin")

    def signalProcess(self, name):
        self.said.append(name)

    def loseConnection(self):
        self.said.append("lose connection")

    def says(self):
        self.protocol.childDataReceived(1, b"x")

    def exits(self):
        self.protocol.processExited(ENDED)

    def ends(self):
        """Twisted tells of this when all pipes are closed and the process is reaped."""
        self.protocol.processEnded(ENDED)

    def is_killed(self):
        self.protocol.processExited(KILLED)
        self.protocol.processEnded(KILLED)


class Rig(NamedTuple):
    clock: Clock
    process: FakeProcess
    running: Deferred
    results: list


def rig():
    """A process that has been started, and what its command comes to."""
    clock, started, results = Clock(), [], []
    clock.spawnProcess = lambda protocol, *_, **__: started.append(
        FakeProcess(protocol)
    )
    running = Deferred.fromCoroutine(run(clock, ["it"], DEADLINE))
    running.addBoth(
        lambda result: results.append(
            repr(result.value) if isinstance(result, Failure) else result
        )
    )
    return Rig(clock, started[0], running, results)


ITS_END = Output(0, "x", "")


@pytest.mark.parametrize("before", [0.0, DEADLINE - LAST_WORDS_SECONDS / 2])
@pytest.mark.parametrize(
    "steps",
    [
        ("says", "exits", "ends"),
        ("exits", "says", "ends"),
        ("exits", "waits a little", "says", "ends"),
        ("says", "exits", "waits"),
        ("exits", "says", "waits"),
        ("says", "exits", "waits", "ends"),
        ("exits", "says", "waits", "says", "ends"),
    ],
)
def test_in_whatever_order_it_ends_its_end_is_told_once(before, steps):
    parts = rig()
    parts.clock.advance(before)
    for step in steps:
        if step.startswith("waits"):
            part = 0.1 if step == "waits a little" else 1.0
            parts.clock.advance(LAST_WORDS_SECONDS * part)
        else:
            getattr(parts.process, step)()
    assert parts.results == [ITS_END]
    parts.clock.advance(2 * DEADLINE)
    assert (parts.results, parts.clock.getDelayedCalls()) == ([ITS_END], [])
    assert "KILL" not in parts.process.said


@pytest.mark.parametrize("steps", [("is_killed",), (), ("exits",)])
def test_one_that_does_not_end_is_given_up_once(steps):
    parts = rig()
    parts.process.says()
    parts.clock.advance(DEADLINE)
    for step in steps:
        getattr(parts.process, step)()
    parts.clock.advance(DEADLINE)
    assert parts.results == ["NoAnswer('it did not end within 10 s')"]
    assert parts.process.said[:3] == ["close stdin", "KILL", "lose connection"]
    assert parts.clock.getDelayedCalls() == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["says"], ["is_killed"]),
        (["says"], []),
        (["says", "exits"], ["ends"]),
        (["says", "exits"], []),
    ],
)
def test_one_that_is_cancelled_comes_to_nothing_though_it_has_just_ended(before, after):
    parts = rig()
    for step in before:
        getattr(parts.process, step)()
    parts.running.cancel()
    for step in after:
        getattr(parts.process, step)()
    parts.clock.advance(DEADLINE)
    assert parts.results == ["CancelledError()"]
    assert parts.process.said[-1] == "lose connection"
    assert ("KILL" in parts.process.said) == ("exits" not in before)
    assert parts.clock.getDelayedCalls() == []
