"""How a command ends: what a script can tell from its exit status."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit statuses; of several boards, the highest counts."""

    DONE = 0
    REFUSED = 1
    """lifeguard refused, or a configuration has mistakes."""
    USAGE = 2
    """The command line is wrong; nothing was asked of any board."""
    UNREACHABLE = 3
    """The daemon did not answer."""
    NOT_REACHED = 4
    """A board that was waited for has failed, or took too long."""
    INTERRUPTED = 130
    PIPE_CLOSED = 141
    """Nobody reads on, as after `| head`: what a shell says of other tools then."""


class Stop(Exception):
    """Ends a command; its text is the one line that says why."""

    status = Exit.REFUSED


class Usage(Stop):
    """What was asked for makes no sense, whatever the lab is like."""

    status = Exit.USAGE
