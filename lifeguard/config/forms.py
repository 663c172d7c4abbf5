"""What a single value of a configuration file looks like, in words and in code.

A form says what was expected, so that every mistake reads the same way. Whether
a value makes sense beside the others is not known here.
"""

from __future__ import annotations

import re
from functools import partial
from string import Formatter
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Final,
    Literal,
    NamedTuple,
    get_args,
)

from msgspec import Meta, convert

from lifeguard.model import DiskBoot as DiskBootWord
from lifeguard.model import LoaderName, Outlet, Role

if TYPE_CHECKING:
    from collections.abc import Callable


class Form(NamedTuple):
    """Stands in a field's `Annotated`: how the value of that field is read.

    `description` completes "expected ..."; `parse` takes whatever TOML held and
    raises ValueError when it is anything else.
    """

    description: str
    parse: Callable[[Any], Any]


class ListOf(NamedTuple):
    """Stands in the `Annotated` of a tuple whose only item must be in a list, too.

    What stands there instead is not told, as it may be secret.
    """

    description: str


def text(value: object) -> str:
    """Some printable characters of one line."""
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError(value)
    return value


def matching(pattern: str) -> Callable[[object], str]:
    """Texts that are an example of `pattern` from end to end."""
    compiled = re.compile(pattern)

    def parse(value: object) -> str:
        if not compiled.fullmatch(checked := text(value)):
            raise ValueError(value)
        return checked

    return parse


def template(parse: Callable[[object], str], *fields: str) -> Callable[[object], str]:
    """What `parse` takes, and `str.format` with no fields but these.

    A brace that is meant as such is doubled.
    """
    known = [[None, None, None], *([field, "", None] for field in fields)]

    def parse_template(value: object) -> str:
        checked = parse(value)
        if any(found not in known for _, *found in Formatter().parse(checked)):
            raise ValueError(value)
        return checked

    return parse_template


def one_of(*choices: str) -> Form:
    """One of a few words."""

    def parse(value: object) -> object:
        if value not in choices:
            raise ValueError(value)
        return value

    return Form(" or ".join(f'"{choice}"' for choice in choices), parse)


def whole(low: int, high: int) -> Form:
    """An integer, both limits included."""
    kind = Annotated[int, Meta(ge=low, le=high)]
    return Form(f"a whole number from {low} to {high}", partial(convert, type=kind))


def number(low: float, high: float) -> Form:
    """An integer or a float, both limits included."""
    kind = Annotated[float, Meta(ge=low, le=high)]
    return Form(f"a number from {low:g} to {high:g}", partial(convert, type=kind))


_mac_digits = matching("[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}")


def mac_address(value: object) -> str:
    """Lower case with colons, however it was written."""
    return _mac_digits(value).lower().replace("-", ":")


_uuid_digits = matching("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def uuid(value: object) -> str:
    """Lower case with hyphens."""
    return _uuid_digits(text(value).lower())


_serial_digits = matching("([0-9a-f]{8}){1,2}")


def raspberry_pi_serial(value: object) -> str:
    """The last 8 digits, which name the board's folder."""
    return _serial_digits(text(value).lower())[-8:]


_outlet = matching("[^/]+/.+")


def outlet(value: object) -> Outlet:
    """An outlet whose rest is the driver's to check."""
    relay_board, _, rest = _outlet(value).partition("/")
    return Outlet(relay_board, rest)


NAME: Final = Form(
    "a name of letters, digits, dots and hyphens, at most 63",
    matching("[A-Za-z0-9][A-Za-z0-9.-]{0,62}"),
)

Text = Annotated[str, Form("a text", text)]
Arguments = Annotated[tuple[Text, ...], ListOf("a list of arguments")]
Flag = Annotated[bool, Form("true or false", partial(convert, type=bool))]
Name = Annotated[str, NAME]
Count = Annotated[int, whole(1, 1000)]
Connections = Annotated[int, whole(10, 100000)]
Seconds = Annotated[float, number(0.01, 86400)]
OffSeconds = Annotated[float, number(0.1, 60)]
Window = Annotated[float, number(0.01, 30 * 86400)]
Prefix = Annotated[int, whole(8, 32)]
SecondsApart = Annotated[float, number(0, 60)]
IdleOff = Annotated[float, number(0, 365 * 86400)]
OffCheck = Annotated[float, number(0, 7 * 86400)]
Patience = Annotated[float, number(60, 30 * 86400)]
Share = Annotated[float, number(0, 1)]
Days = Annotated[float, number(1, 36500)]
Rate = Annotated[float, number(0.1, 100000)]
MacAddress = Annotated[str, Form("a MAC address like 02:00:00:00:00:01", mac_address)]
Uuid = Annotated[str, Form("a UUID like b8945908-d6a6-41a9-611d-74a6ab80b83d", uuid)]
Serial = Annotated[
    str, Form("a serial number of 8 or 16 hex digits", raspberry_pi_serial)
]
CacheSize = Annotated[int, whole(2**20, 2**40)]
Reading = Annotated[Literal["open", "token"], one_of("open", "token")]
TftpMode = Annotated[Literal["serve", "symlinks"], one_of("serve", "symlinks")]
PowerOutlet = Annotated[Outlet, Form('an outlet like "rack1/1/3"', outlet)]
LifecycleName = Annotated[
    str, Form('"standard" or MODULE:NAME', matching(r"standard|[\w.]+:[\w.]+"))
]
Table = Annotated[
    dict[str, Any], Form("a table", partial(convert, type=dict[str, Any]))
]
Figures = Annotated[
    dict[str, Any], Form("a table of figures", partial(convert, type=dict[str, Any]))
]
DiskBoot = Annotated[DiskBootWord, one_of(*get_args(DiskBootWord))]
ImageRole = Annotated[Role, one_of("self-test", "maintenance")]
LOADER: Final = one_of(*get_args(LoaderName))
Loader = Annotated[LoaderName, LOADER]
