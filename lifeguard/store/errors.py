"""How a store fails. Every message is one line, fit for a person."""

from __future__ import annotations


class StoreError(Exception):
    """The store refuses; asking the same again will not help."""


class StoreUnavailable(StoreError):
    """The store could not be reached, or its answer was lost.

    It may be asked again. Whether a write was committed is unknown: look it up
    by the row's version before repeating it.
    """


class Replaced(StoreError):
    """Another daemon has taken over the lab: this one shall do nothing more."""


class Superseded(StoreError):
    """The board's row is not at the version that the change was made for."""
