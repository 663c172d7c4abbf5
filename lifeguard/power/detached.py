"""A process that outlives the daemon, and is known again by what it wrote of itself.

It begins as a shell that copies its own line of /proc into a record, puts that in
place by a rename and only then becomes the program: there is no instant at which it
runs and has no record. It is the same process while its number, the moment it started
and the boot of the machine are those of the record.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL
from typing import TYPE_CHECKING, Any, NamedTuple

from twisted.internet.task import deferLater

from lifeguard.power.command import run
from lifeguard.power.errors import (
    BadAnswer,
    NoAnswer,
    NotSwitched,
    Refused,
    printable,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

PAUSE_SECONDS = 0.05
"""Between two looks at a process that begins or ends."""

TRIAL_SECONDS = 0.5
"""How long it must live to have begun: a program that has been told nonsense ends."""

_BEGIN = """\
cat /proc/sys/kernel/random/boot_id "/proc/$$/stat" >"$0.new" &&
    mv "$0.new" "$0" && exec "$@"
"""


class _Identity(NamedTuple):
    """What no other process has: `started` is in ticks since the machine booted."""

    boot: str
    number: int
    started: int


class Detached:
    """A process whose record and output are in `directory`, and which works there."""

    def __init__(self, reactor: Any, directory: Path) -> None:
        self._reactor, self._directory = reactor, directory
        self._record, self._log = directory / "process", directory / "log"

    @property
    def number(self) -> int | None:
        """The process's, while it lives. Raises a RelayError if that cannot be told."""
        try:
            recorded = _identity(self._record.read_text())
            stat = Path(f"/proc/{recorded.number}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        except ValueError:
            raise BadAnswer(f"{self._record} is no record of a process") from None
        dead = _after_name(stat)[0] in "ZX"
        same = _identity(BOOT_ID.read_text() + stat) == recorded
        return recorded.number if same and not dead else None

    async def begin(
        self, command: Sequence[str], work_directory: Path, deadline: float
    ) -> None:
        """Start it, and see that it stays. Not while it runs."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._record.unlink(missing_ok=True)
        await self._launch(command, work_directory, deadline)
        while not self._record.exists():
            if self._reactor.seconds() >= deadline:
                raise NoAnswer(f"{command[0]} did not begin in time")
            await deferLater(self._reactor, PAUSE_SECONDS)
        await deferLater(self._reactor, TRIAL_SECONDS)
        if self.number is None:
            raise NotSwitched(f"{command[0]} ended at once: {self._last_words()}")

    async def end(self, deadline: float) -> None:
        """Kill it, with all of its group, and see that it is gone."""
        while (number := self.number) is not None:
            if self._reactor.seconds() >= deadline:
                raise NotSwitched(f"process {number} was killed and lives on")
            _kill(number)
            await deferLater(self._reactor, PAUSE_SECONDS)

    async def _launch(
        self, command: Sequence[str], work_directory: Path, deadline: float
    ) -> None:
        begin = ["setsid", "--fork", "sh", "-c", _BEGIN, str(self._record), *command]
        with open(os.devnull, "rb") as nothing, self._log.open("wb") as log:
            files = {0: nothing.fileno(), 1: log.fileno(), 2: log.fileno()}
            launched = run(self._reactor, begin, deadline, files, str(work_directory))
            output = await launched
        if output.exit_code != 0:
            raise Refused(f"{command[0]} was not launched: {output}")

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").split("\n")
        last = " ".join([line for line in lines if line][-1:])[:200]
        return printable(last) or "no output"


def _kill(number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(number, SIGKILL)


def _identity(record: str) -> _Identity:
    """Of the machine's boot and a process's line, one after the other."""
    boot, _, stat = record.partition("\n")
    number, started = stat.partition(" ")[0], _after_name(stat)[19]
    return _Identity(boot, int(number), int(started))


def _after_name(stat: str) -> list[str]:
    """The fields from the third on; the name, the second, may have anything in it."""
    fields = stat.rpartition(")")[2].split()
    if len(fields) < 20:
        raise ValueError(stat)
    return fields
