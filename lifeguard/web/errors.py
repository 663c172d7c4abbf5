"""What goes wrong between lifeguard and who calls it; each text is for a person."""

from __future__ import annotations


class BadRequest(Exception):
    """The body or the query is not what the route takes."""


class TooLarge(Exception):
    """The body is larger than any that makes sense."""


class Forbidden(Exception):
    """The caller may not do this."""


class WrongToken(Forbidden):
    """The caller gives a token that lets nobody in."""


class TooMany(Exception):
    """The caller may come again in so many `seconds`."""

    def __init__(self, text: str, seconds: float) -> None:
        super().__init__(text)
        self.seconds = seconds


class Missing(Exception):
    """There is nothing of that name."""


class NotNow(Exception):
    """It cannot be had at the moment; it may be asked for again."""
