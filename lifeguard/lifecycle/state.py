"""The words a lifecycle is written in: states and their declared transitions.

A state is a class; its transitions are data, so that the whole can be checked,
drawn, simulated and built into a machine. Nothing here knows a board, a clock or
a database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Final, Protocol

TIMEOUT: Final = "timeout"
POLL_FAILED: Final = "poll-failed"
CYCLE_STARTED: Final = "power-cycle-started"
CYCLE_OK: Final = "power-cycle-ok"
CYCLE_FAILED: Final = "power-cycle-failed"
CYCLE_HELD: Final = "power-cycle-held"
CYCLE_VOID: Final = "power-cycle-void"
POWER_OFF_OK: Final = "power-off-ok"
CONFIG_FETCHED: Final = "boot-config-fetched"
IMAGE_SET_ASIDE: Final = "image-set-aside"
ONLY_IMAGE_SET_ASIDE: Final = "only-image-set-aside"
"""The image that a board was to install is set aside; it may have none but that."""

INTERNAL: Final = frozenset(
    {
        TIMEOUT,
        POLL_FAILED,
        CYCLE_STARTED,
        CYCLE_OK,
        CYCLE_FAILED,
        CYCLE_HELD,
        CYCLE_VOID,
        POWER_OFF_OK,
        CONFIG_FETCHED,
        IMAGE_SET_ASIDE,
        ONLY_IMAGE_SET_ASIDE,
    }
)
"""Events that only lifeguard itself sends; nobody can send them over HTTP."""

DETOURS: Final = frozenset({IMAGE_SET_ASIDE, ONLY_IMAGE_SET_ASIDE})
"""Events that lead off the way which a state is on."""

REQUEST_PREFIX: Final = "rq-"
"""Events that a person or a client of the lab sends, never a board."""

POWER_OFF: Final = "rq-power-off"
"""The one request that lifeguard itself makes, of a board that nobody wants."""

SELF: Final = "(self)"
"""As a target: the state that declares the transition, entered anew."""


class Boots(Enum):
    """What a board is given to boot while it is in a state."""

    WANTED = "wanted"
    SELF_TEST = "self-test"
    MAINTENANCE = "maintenance"
    DISK = "disk"
    NOTHING = "nothing"
    """Not lifeguard's to say: as if it did not know the board."""


class Wants(Protocol):
    """What a state may ask for when it is entered; nothing is done yet."""

    def cycle_power(self) -> None:
        """Switch the board off and on; a new generation."""

    def power_off(self) -> None:
        """Switch the board off; a new generation."""

    def keep_off(self) -> None:
        """Let the board be off for as long as the state lasts, whatever happens."""

    def poll(self) -> None:
        """Ask the board, again and again, whether it is well."""

    def notify(self) -> None:
        """Tell a person that the board is in this state, and why."""

    def take_wanted_image(self) -> None:
        """The wanted image is on the board's disk now."""

    def lose_image(self) -> None:
        """Nobody knows what is on the board's disk now."""

    def want_requested_image(self) -> None:
        """The image that the request names is wanted from now on."""


Doing = Callable[[Wants], None]


def take_wanted_image(board: Wants) -> None:
    board.take_wanted_image()


def lose_image(board: Wants) -> None:
    board.lose_image()


def want_requested_image(board: Wants) -> None:
    board.want_requested_image()


@dataclass(frozen=True)
class Move:
    """Enter `target`; `doing` is done on the way, before the target's entry."""

    target: str
    doing: Doing | None = None


@dataclass(frozen=True)
class Strike:
    """Count a failure; enter `retry`, or the state's `give_up` after too many.

    With `after`, it counts only where that event was noted in the same stay.
    """

    retry: str
    after: str | None = None


@dataclass(frozen=True)
class Note:
    """Write it down; nothing moves."""


@dataclass(frozen=True)
class Extend:
    """Restart the timeout, up to the state's `total` since it was entered."""


@dataclass(frozen=True)
class Begin:
    """The power cycle's turn has come, or never will: the timeout begins only now."""


@dataclass(frozen=True)
class Hold:
    """A relay board is ill: the timeout stands still until `Begin`, but not longer
    than the relay board's patience since the state was entered; then it gives up."""


@dataclass(frozen=True)
class Again:
    """A relay board's failure cut the power cycle short: another, within patience."""


@dataclass(frozen=True)
class Renew:
    """Restart the timeout for ever; only where polls watch over the state."""


Transition = Move | Strike | Note | Extend | Begin | Hold | Again | Renew


def move(target: str, doing: Doing) -> Move:
    """A move that does something on the way; a bare name is a plain move."""
    return Move(target, doing)


def strike(retry: str, *, after: str | None = None) -> Strike:
    """A failure that is counted against the state it happens in."""
    return Strike(retry, after)


NOTE, EXTEND, BEGIN, RENEW = Note(), Extend(), Begin(), Renew()
HOLD, AGAIN = Hold(), Again()


class State:
    """One state of a lifecycle; its name in the database is the class's name.

    Subclass one to change a figure, an action or a transition: `on` adds to what
    the parent declares, None takes a transition away. Times are in seconds.
    """

    timeout: ClassVar[float | None] = None
    attempts: ClassVar[int] = 0
    """Strikes that are retried; one more gives up."""
    give_up: ClassVar[str | None] = None
    total: ClassVar[float | None] = None
    """The longest stay that `EXTEND` can reach."""
    wait: ClassVar[float] = 1800
    """The longest wait for `BEGIN`; when it is over the state gives up."""
    forget: ClassVar[float | None] = None
    """Strikes are forgotten after so long without one, and by nothing else but a
    person. The time that a board spends where a timeout is a strike is not counted:
    however long a relay board holds it up and an incident excuses it, the way back
    forgets none. None: strikes are forgotten when a state that `clears` is entered."""
    steady: ClassVar[bool] = False
    clears: ClassVar[bool] = False
    by_hand: ClassVar[bool] = False
    idle: ClassVar[bool] = False
    """Nobody wants the board: after its `idle_off` lifeguard asks for POWER_OFF."""
    boots: ClassVar[Boots] = Boots.DISK
    on: ClassVar[Mapping[str, Transition | str | None]] = {}

    @property
    def name(self) -> str:
        return type(self).__name__

    def entry(self, board: Wants) -> None:
        """Ask for what this state is about. It may not depend on the board."""

    @classmethod
    def transitions(cls) -> dict[str, Transition]:
        """What is declared here and in the parents, by event."""
        merged: dict[str, Transition | str | None] = {}
        for ancestor in reversed(cls.__mro__):
            merged.update(vars(ancestor).get("on", {}))
        return {
            event: Move(declared) if isinstance(declared, str) else declared
            for event, declared in merged.items()
            if declared is not None
        }
