"""The drivers of relay boards that there are, by the names that tables call them.

Power imports the configuration, not the other way round: a driver is found by name,
when a file names it. So is one that a lab brings in a package of its own.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec import Struct

from lifeguard.config.forms import Form
from lifeguard.config.reader import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable

GROUP: Final = "lifeguard.relay_drivers"
"""The entry points of other packages."""

_BUILT_IN: Final = "lifeguard.power.drivers:BUILT_IN"


class BadDriver(Exception):
    """A driver that cannot be used, and why."""


class Driver(Protocol):
    """What a configuration needs of one; `lifeguard.power.driver` says the rest."""

    @property
    def options(self) -> type[Struct]: ...
    @property
    def outlet(self) -> Form: ...
    @property
    def device(self) -> Callable[[Any, Any], Any]: ...
    @property
    def address(self) -> Callable[[Any], str]: ...
    @property
    def exclusive(self) -> bool: ...


def driver_names() -> list[str]:
    """Every driver that a table may name, sorted."""
    return sorted(_places())


def find_driver(name: str) -> Driver:
    """The driver of one of these names; BadDriver when it cannot be had."""
    try:
        found = resolve_name(_places()[name])
    except (Exception, SystemExit) as error:  # importing runs a lab's own code
        raise BadDriver(f"{name}: {reason_of(error)}") from error
    if not _is_driver(found):
        raise BadDriver(f"{name}: {_places()[name]} is no driver")
    driver: Driver = found
    return driver


@cache
def _places() -> dict[str, str]:
    """Where each driver is; a lab's own may stand in for one of ours."""
    built_in: dict[str, str] = resolve_name(_BUILT_IN)
    return built_in | {each.name: each.value for each in entry_points(group=GROUP)}


def _is_driver(found: object) -> bool:
    options = getattr(found, "options", None)
    return (
        isinstance(options, type)
        and issubclass(options, Struct)
        and isinstance(getattr(found, "outlet", None), Form)
        and callable(getattr(found, "device", None))
    )
