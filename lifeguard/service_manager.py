"""What the service manager, such as systemd, is told: ready, alive, stopping.

Datagrams to the socket that $NOTIFY_SOCKET names; without it nobody is told anything.
The signs of life are the reactor's own: when it hangs they stop, and the service
manager starts lifeguard anew.
"""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from lifeguard.words import plural

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from twisted.internet.interfaces import IReactorTime

    from lifeguard.fleet import Fleet

log = Logger()

USUAL_SECONDS: Final = 30.0
"""Between two signs of life where no watchdog waits for them: they carry the status."""

Send = Callable[[str, str], None]
"""Sends a text to the socket of that name, or raises OSError."""


def send(text: str, name: str) -> None:
    """One datagram, at once or not at all; `@` begins an abstract name."""
    address = "\0" + name[1:] if name.startswith("@") else name
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as opened:
        opened.setblocking(False)
        opened.sendto(text.encode(), address)


class ServiceManager:
    """Whoever listens at the socket `name`.

    It hears a sign of life every `seconds`, and waits for one twice as long.
    """

    def __init__(
        self,
        clock: IReactorTime,
        name: str,
        seconds: float = USUAL_SECONDS,
        send: Send = send,
    ) -> None:
        self._clock, self._name, self._seconds = clock, name, seconds
        self._send = send

    def ready(self, status: Callable[[], str]) -> None:
        """All is open; from now on there are signs of life, with a line of status."""
        self._tell("READY=1")
        signs = LoopingCall(lambda: self._tell("WATCHDOG=1", f"STATUS={status()}"))
        signs.clock = self._clock
        signs.start(self._seconds).addErrback(
            lambda failure: log.failure("there are no more signs of life", failure)
        )

    def stopping(self) -> None:
        """The end has begun. It may take its time, but not hang: it is watched, too."""
        self._tell("STOPPING=1")

    def _tell(self, *assignments: str) -> None:
        try:
            self._send("\n".join(assignments), self._name)
        except OSError as error:
            log.warn(
                "the service manager was not told {what}: {error}",
                what=assignments[0],
                error=error,
            )


def service_manager(
    environment: MutableMapping[str, str], clock: IReactorTime, process: int
) -> ServiceManager | None:
    """The one that started this `process`, if the environment names one.

    What names it is taken out: a command that lifeguard runs is not to speak for it.
    """
    name = environment.pop("NOTIFY_SOCKET", None)
    seconds = _seconds(environment, process)
    if name is None:
        return None
    if name[:1] not in ("/", "@"):
        log.warn("NOTIFY_SOCKET is {name!r}, which is no socket's name", name=name)
        return None
    return ServiceManager(clock, name, seconds)


def _seconds(environment: MutableMapping[str, str], process: int) -> float:
    """Half of what the watchdog waits, if it is this process that it watches."""
    watched = environment.pop("WATCHDOG_PID", str(process))
    microseconds = environment.pop("WATCHDOG_USEC", None)
    if microseconds is None or watched != str(process):
        return USUAL_SECONDS
    if not re.fullmatch("[1-9][0-9]{0,15}", microseconds):
        log.warn("WATCHDOG_USEC is {text!r}, which is no time", text=microseconds)
        return USUAL_SECONDS
    return int(microseconds) / 2e6


def status_line(fleet: Fleet) -> str:
    """How the boards are, such as "12 boards: 1 failed, 2 busy, 9 well"."""
    places = Counter((b.lifecycle, b.standing.state) for b in fleet.boards.values())
    kinds: Counter[str] = Counter()
    for (lifecycle, state), count in places.items():
        kinds[lifecycle.kind(state) if state in lifecycle else "unknown"] += count
    each = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    return f"{plural(kinds.total(), 'board')}: {each}" if each else "no boards"
