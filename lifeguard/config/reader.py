"""Reads one TOML file into records and notes each mistake with its key.

A key with a mistake counts as absent and the rest is read all the same, so that
one run finds all mistakes. What the keys mean is not known here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from difflib import get_close_matches
from functools import cache
from types import NoneType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    NamedTuple,
    TypeVar,
    get_args,
    get_origin,
)

import tomli
from msgspec import Struct, structs

from lifeguard.config.forms import NAME, Form, ListOf

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

Record = TypeVar("Record", bound=Struct)
Other = TypeVar("Other", bound=Struct)
Key = str | int
Loads = Callable[[str], dict[str, Any]]
"""What makes tables of a text in TOML; raises ValueError."""

_BARE_KEY = re.compile("[A-Za-z0-9_-]+")
_PASSWORD = re.compile("(?<=://).*@")


class Mistake(NamedTuple):
    """What is wrong, and where. `keys` lead there; none: the file as a whole."""

    file: Path
    keys: tuple[Key, ...]
    reason: str

    def __str__(self) -> str:
        where = [str(self.file), dotted(self.keys)] if self.keys else [str(self.file)]
        return ": ".join([*where, self.reason])


class ConfigurationError(Exception):
    """Files that lifeguard cannot run on; `mistakes` has one line for each."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = [str(mistake) for mistake in mistakes]
        super().__init__("\n".join(self.mistakes))


class Reader:
    """One file, and the mistakes found in it so far."""

    def __init__(self, path: Path, loads: Loads = tomli.loads) -> None:
        self.path, self._loads = path, loads
        self.mistakes: list[Mistake] = []

    def mistake(self, reason: str, *keys: Key) -> None:
        """Note that the value at `keys` is wrong."""
        self.mistakes.append(Mistake(self.path, keys, reason))

    def mistaken(self, *keys: Key) -> bool:
        """Whether a mistake was noted at these keys, above or below them."""
        return any(
            all(one == other for one, other in zip(mistake.keys, keys, strict=False))
            for mistake in self.mistakes
        )

    def read(self, kind: type[Record]) -> Record | None:
        """The file as a record, or None when it is no TOML file at all."""
        try:
            return self._record(kind, self._loads(read_text(self.path)))
        except (OSError, ValueError, RecursionError) as error:
            self.mistake(reason_of(error))
        return None

    def take(self, kind: type[Record], document: object) -> Record | None:
        """What stands for the file, parsed already, as a record."""
        return self._record(kind, document)

    def single(self, form: Form, value: object, *keys: Key) -> Any:
        """The value that `form` makes of this one, or None."""
        try:
            return form.parse(value)
        except ValueError:
            self.mistake(f"expected {form.description}, got {shown(value)}", *keys)
            return None

    def pair(
        self, one: type[Record], other: type[Other], table: dict[str, Any], *keys: Key
    ) -> tuple[Record | None, Other | None]:
        """Two records whose keys stand side by side in one table."""
        layouts = _layout(one), _layout(other)
        fields = {**layouts[0].fields, **layouts[1].fields}
        required = layouts[0].required | layouts[1].required
        self._check_keys(table, _Layout(fields, required), *keys)
        return self._fill(one, table, *keys), self._fill(other, table, *keys)

    def _record(self, kind: type[Record], table: object, *keys: Key) -> Record | None:
        if not isinstance(table, dict):
            self.mistake(f"expected a table, got {shown(table)}", *keys)
            return None
        self._check_keys(table, _layout(kind), *keys)
        return self._fill(kind, table, *keys)

    def _fill(
        self, kind: type[Record], table: dict[str, Any], *keys: Key
    ) -> Record | None:
        layout = _layout(kind)
        found = {
            name: value
            for name, (read, what) in layout.fields.items()
            if name in table
            and (value := read(self, what, table[name], *keys, name)) is not None
        }
        if not layout.required <= found.keys():
            return None
        try:
            return kind(**found)
        except ValueError as error:  # what its keys say does not go together
            # Beside another mistake it may be no more than what follows from that.
            if not self.mistaken(*keys):
                self.mistake(str(error), *keys)
            return None

    def _check_keys(self, table: dict[str, Any], layout: _Layout, *keys: Key) -> None:
        for name in table:
            if name not in layout.fields:
                reason = f"unknown key{did_you_mean(name, layout.fields)}"
                self.mistake(reason, *keys, name)
        for name in layout.fields:
            if name in layout.required and name not in table:
                self.mistake("missing", *keys, name)

    def _list(self, what: tuple[ListOf, _Reading], value: object, *keys: Key) -> Any:
        """The items of what must be a list."""
        form, item = what
        if isinstance(value, list):
            return self._items(item, value, *keys)
        self.mistake(f"expected {form.description}", *keys)
        return None

    def _items(self, what: _Reading, value: object, *keys: Key) -> tuple[Any, ...]:
        """The items of a list; a value that stands alone is a list of one."""
        items = (
            [((*keys, number), item) for number, item in enumerate(value)]
            if isinstance(value, list)
            else [(keys, value)]
        )
        read, of = what
        return tuple(
            found
            for place, item in items
            if (found := read(self, of, item, *place)) is not None
        )

    def _tables(self, what: _Reading, value: object, *keys: Key) -> dict[str, Any]:
        """Tables by name."""
        if not isinstance(value, dict):
            self.mistake(f"expected a table, got {shown(value)}", *keys)
            return {}
        read, of = what
        return {
            name: found
            for name, table in value.items()
            if self.single(NAME, name, *keys, name)
            and (found := read(self, of, table, *keys, name)) is not None
        }


class _Reading(NamedTuple):
    """How the values of a type are read: by a method of the reader, given `what`."""

    read: Callable[..., Any]
    what: Any


class _Layout(NamedTuple):
    """A record's fields by name, and which of them it cannot be without."""

    fields: dict[str, _Reading]
    required: frozenset[str]


def _reading(kind: Any) -> _Reading:
    arguments = get_args(kind)
    if NoneType in arguments:
        return _reading(arguments[0])
    if get_origin(kind) is tuple:
        return _Reading(Reader._items, _reading(arguments[0]))
    if get_origin(kind) is dict:
        return _Reading(Reader._tables, _reading(arguments[1]))
    if get_origin(kind) is Annotated and isinstance(arguments[1], ListOf):
        item = _reading(get_args(arguments[0])[0])
        return _Reading(Reader._list, (arguments[1], item))
    if get_origin(kind) is Annotated:
        return _Reading(Reader.single, arguments[1])
    return _Reading(Reader._record, kind)


@cache
def _layout(kind: type[Struct]) -> _Layout:
    """Worked out once a record, as there may be ten thousand of them in a file."""
    fields = structs.fields(kind)
    return _Layout(
        {field.name: _reading(field.type) for field in fields},
        frozenset(field.name for field in fields if field.required),
    )


def read_text(path: Path) -> str:
    """A regular file's text in UTF-8; OSError or ValueError when it has none."""
    if path.exists() and not path.is_file():
        raise ValueError("not a file")
    return path.read_bytes().decode()


def reason_of(error: Exception | SystemExit) -> str:
    """Why something could not be read, in one line."""
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 text at byte {error.start}"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, SystemExit):
        return f"it calls sys.exit({error.code!r})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def did_you_mean(word: str, known: Collection[str]) -> str:
    """A question to end a sentence with, where a known word is close."""
    close = get_close_matches(word, known, n=1)
    return f", did you mean {shown(close[0])}?" if close else ""


def shown(value: object) -> str:
    """A value of a TOML file in a message: short, on one line, no password."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    if isinstance(value, str):
        value = _PASSWORD.sub("***@", value)
    line = json.dumps(value, default=str)
    return line if len(line) <= 80 else f"{line[:77]}..."


def dotted(keys: tuple[Key, ...]) -> str:
    """The way to a value as TOML spells it; a list's items count from 0."""
    path = ""
    for key in keys:
        if isinstance(key, int):
            path += f"[{key}]"
        else:
            path += f".{key if _BARE_KEY.fullmatch(key) else json.dumps(key)}"
    return path.removeprefix(".")
