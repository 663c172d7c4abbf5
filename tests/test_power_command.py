"""Commands that end, fail, talk too much, or must be killed with all they started."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
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


async def shell(script, seconds=LONG):
    return await run(reactor, ["sh", "-c", script], reactor.seconds() + seconds)


async def gone(number):
    """Wait until there is no such process, or only what init has not yet noticed."""
    await settled()
    stat = Path(f"/proc/{number}/stat")
    while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
        await deferLater(reactor, 0.01)


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
    script = f"sleep 1000 & echo $! >{tmp_path}/child; echo $$ >{tmp_path}/itself; wait"
    with pytest.raises(NoAnswer, match=r"^sh did not end within 1 s$"):
        await shell(script, seconds=1)
    for name in ("child", "itself"):
        await gone((tmp_path / name).read_text().strip())


@ensureDeferred
async def test_what_it_has_started_and_holds_its_output_cannot_hold_us_up(tmp_path):
    child = f"sh -c 'echo $$ >{tmp_path}/child; exec sleep 1000'"
    output = await shell(
        f"{child} & until test -s {tmp_path}/child; do sleep 0.01; done; echo x"
    )
    assert output == Output(0, "x\n", "")
    number = int((tmp_path / "child").read_text())
    os.kill(number, 9)
    await gone(number)


@ensureDeferred
async def test_a_deadline_that_is_past_kills_it_before_it_has_begun():
    with pytest.raises(NoAnswer, match=r"^sleep did not end within 0 s$"):
        await run(reactor, ["sleep", "1000"], reactor.seconds() - 1)
    await settled()


@ensureDeferred
async def test_cancelling_kills_it(tmp_path):
    running = Deferred.fromCoroutine(
        shell(f"echo $$ >{tmp_path}/new; mv {tmp_path}/new {tmp_path}/it; sleep 1000")
    )
    while not (tmp_path / "it").exists():
        await deferLater(reactor, 0.01)
    running.addErrback(lambda failure: failure.type.__name__)
    running.cancel()
    assert await running == "CancelledError"
    await gone((tmp_path / "it").read_text().strip())


@ensureDeferred
async def test_a_machine_that_can_start_no_process_is_told(monkeypatch):
    def refuse(*_, **__):
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(reactor, "spawnProcess", refuse)
    with pytest.raises(Unreachable, match=r"^sh cannot be run: Resource temporarily"):
        await shell("exit 0")


# The orders in which a process and its pipes may come to their ends.

DEADLINE = 10.0
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


def fake():
    """A clock, a process that has been started, and what its command comes to."""
    clock, started = Clock(), []
    clock.spawnProcess = lambda protocol, *_, **__: started.append(
        FakeProcess(protocol)
    )
    results = []
    running = Deferred.fromCoroutine(run(clock, ["it"], DEADLINE))
    running.addBoth(
        lambda result: results.append(
            str(result.value) if isinstance(result, Failure) else result
        )
    )
    return clock, started[0], results


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
    clock, process, results = fake()
    clock.advance(before)
    for step in steps:
        if step.startswith("waits"):
            part = 0.1 if step == "waits a little" else 1.0
            clock.advance(LAST_WORDS_SECONDS * part)
        else:
            getattr(process, step)()
    assert results == [ITS_END]
    clock.advance(2 * DEADLINE)
    assert (results, clock.getDelayedCalls()) == ([ITS_END], [])
    assert "KILL" not in process.said


@pytest.mark.parametrize("steps", [("is_killed",), (), ("exits",)])
def test_one_that_does_not_end_is_given_up_once(steps):
    clock, process, results = fake()
    process.says()
    clock.advance(DEADLINE)
    for step in steps:
        getattr(process, step)()
    clock.advance(DEADLINE)
    assert results == ["it did not end within 10 s"]
    assert process.said[:3] == ["close stdin", "KILL", "lose connection"]
    assert clock.getDelayedCalls() == []
