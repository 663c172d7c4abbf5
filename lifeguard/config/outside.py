"""What an inventory names that is not in its file: drivers, lifecycles, templates."""

from __future__ import annotations

from pkgutil import resolve_name
from typing import TYPE_CHECKING

from jinja2 import TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment

from lifeguard.config.drivers import BadDriver, driver_names, find_driver
from lifeguard.config.forms import one_of
from lifeguard.config.reader import read_text, reason_of
from lifeguard.lifecycle import Lifecycle, standard

if TYPE_CHECKING:
    from lifeguard.config.drivers import Driver
    from lifeguard.config.reader import Key, Reader


class Outside:
    """Finds them; `reader` hears what is wrong with one, at the keys that name it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._templates = SandboxedEnvironment()

    def driver(self, name: object, *keys: Key) -> Driver | None:
        """The driver of this name; None: there is a mistake."""
        known = self._reader.single(one_of(*driver_names()), name, *keys)
        try:
            return None if known is None else find_driver(known)
        except BadDriver as error:
            self._reader.mistake(str(error), *keys)
            return None

    def lifecycle(self, name: str, *keys: Key) -> Lifecycle | None:
        """The standard one, or what a lab has written; None: there is a mistake."""
        if name == "standard":
            return standard.LIFECYCLE
        try:
            found = resolve_name(name)
        except (Exception, SystemExit) as error:  # importing runs a lab's own code
            self._reader.mistake(f"{name}: {reason_of(error)}", *keys)
            return None
        if not isinstance(found, Lifecycle):
            self._reader.mistake(f"{name} is not a Lifecycle", *keys)
            return None
        return found

    def template(self, name: str, *keys: Key) -> str:
        """The path of a template that can be read; what it comes to is not known."""
        path = (self._reader.path.parent / name).absolute()
        try:
            self._templates.compile(read_text(path), raw=True)
        except TemplateSyntaxError as error:
            reason = f"{name}, line {error.lineno}: {reason_of(error)}"
            self._reader.mistake(reason, *keys)
        except (OSError, ValueError, RecursionError) as error:
            self._reader.mistake(f"{name}: {reason_of(error)}", *keys)
        return str(path)
