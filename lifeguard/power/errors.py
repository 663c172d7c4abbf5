"""What goes wrong between lifeguard and a relay board; each text is for a person."""

from __future__ import annotations


def printable(text: str) -> str:
    """What a device said, with nothing in it that a terminal would obey."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in text
    )


class RelayError(Exception):
    """A relay board did not do, or not provably do, what was asked of it."""


class Unreachable(RelayError):
    """No connection could be opened."""


class Disconnected(RelayError):
    """The connection ended before the answer was there."""


class NoAnswer(RelayError):
    """Nothing came within the time allowed."""


class ShortAnswer(RelayError):
    """Something came within the time allowed, but not all of it."""


class SurplusAnswer(RelayError):
    """More came than was asked for."""


class ForeignAnswer(RelayError):
    """What came answers another command."""


class BadAnswer(RelayError):
    """What came makes no sense as an answer."""


class Refused(RelayError):
    """What came says that it is not done, or will not be."""


class OutletError(RelayError):
    """The relay board answered as it should, and one outlet is not as it was wanted."""


class ReadsDisagree(OutletError):
    """A relay read twice was once on and once off."""


class NotSwitched(OutletError):
    """The relay board took the command, and the relay stayed as it was."""


class BadOutlet(RelayError):
    """The relay board's driver knows no such outlet."""


class UnknownRelayBoard(RelayError):
    """The inventory has no relay board of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no relay board {name} in the inventory")


class Ill(RelayError):
    """The relay board is broken, whatever was asked of it."""


class Superseded(RelayError):
    """Somebody has asked for the opposite since."""


class OutOfTime(RelayError):
    """What power reported was not committed in the time allowed."""


class Closed(RelayError):
    """The queue of the relay board has been closed."""

    def __init__(self) -> None:
        super().__init__("lifeguard is stopping")
