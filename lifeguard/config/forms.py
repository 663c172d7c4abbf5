"""What a single value of a configuration file looks like, in words and in code.

A form says what was expected, so that every mistake reads the same way. Whether
a value makes sense beside the others is not known here.
"""

from __future__ import annotations

import re
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Final,
    Literal,
    NamedTuple,
    get_args,
)
from urllib.parse import urlsplit

import idna
from msgspec import Meta, convert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from twisted.internet.interfaces import IStreamServerEndpointStringParser
from twisted.plugin import getPlugins

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


_placeholder = re.compile(r"(?<![$%@])\{[A-Za-z_]\w*\}")


def template(
    parse: Callable[[object], str], *placeholders: str
) -> Callable[[object], str]:
    """What `parse` takes, with no words in braces but these.

    After $, % or @ they are for a shell, curl or git.
    """

    def parse_template(value: object) -> str:
        checked = parse(value)
        if not set(_placeholder.findall(checked)) <= {*placeholders}:
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


def port_number(value: str) -> int:
    """A port that can be connected to."""
    port = int(value)
    if not 1 <= port <= 65535:
        raise ValueError(value)
    return port


_mac_digits = matching("[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}")


def mac_address(value: object) -> str:
    """Lower case with colons, however it was written."""
    return _mac_digits(value).lower().replace("-", ":")


_byte = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"

ipv4_address = matching(rf"{_byte}(\.{_byte}){{3}}")
"""Four decimal numbers without leading zeros; IPv4Address takes six times as long."""


def ipv4_network(value: object) -> IPv4Network:
    """A network by its first address and prefix length; one address is one too."""
    return IPv4Network(text(value))


def network(value: object) -> IPv4Network | IPv6Network:
    """The same, of either version."""
    return ip_network(text(value))


def host_name(host: str) -> str:
    """A name that DNS could have, or an IPv4 address."""
    idna.encode(host)  # IDNAError is a ValueError
    return host


_host_and_port = matching("[A-Za-z0-9.-]+(:[0-9]{1,5})?")


_uuid_digits = matching("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def uuid(value: object) -> str:
    """Lower case with hyphens."""
    return _uuid_digits(text(value).lower())


_serial_digits = matching("([0-9a-f]{8}){1,2}")


def raspberry_pi_serial(value: object) -> str:
    """The last 8 digits, which name the board's folder."""
    return _serial_digits(text(value).lower())[-8:]


class HostAndPort(NamedTuple):
    """Where a device listens on TCP."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def host_and_port(usual_port: int) -> Form:
    """Where a device listens, which is at `usual_port` unless another is named."""

    def parse(value: object) -> HostAndPort:
        host, _, port = _host_and_port(value).partition(":")
        return HostAndPort(host_name(host), port_number(port or str(usual_port)))

    return Form("HOST or HOST:PORT", parse)


_outlet = matching("[^/]+/.+")


def outlet(value: object) -> Outlet:
    """An outlet whose rest is the driver's to check."""
    relay_board, _, rest = _outlet(value).partition("/")
    return Outlet(relay_board, rest)


_url = matching(r"https?://[A-Za-z0-9.\[\]:-]+(/[^\s\"'{}]*)?")


def http_url(value: object) -> str:
    """A URL that can stand on a kernel's command line."""
    url = _url(value)
    parts = urlsplit(url)
    if not parts.hostname or parts.port == 0:
        raise ValueError(value)
    if ":" not in parts.hostname:  # as in an IPv6 address, which urlsplit checks
        host_name(parts.hostname)
    return url


def base_url(value: object) -> str:
    """A URL that paths are appended to, without the last slash."""
    url = http_url(value)
    if "?" in url or "#" in url:
        raise ValueError(value)
    return url.rstrip("/")


_check = re.compile(
    r"ping|tcp:(?P<tcp>[0-9]{1,5})"
    r"|https?://\{address\}(:(?P<http>[0-9]{1,5}))?(/[!-~]*)?"
)


def health_check(value: object) -> str:
    """A poll; an HTTP poll asks the board itself, so its host is {address}."""
    found = _check.fullmatch(check := text(value))
    if found is None:
        raise ValueError(value)
    if port := found["tcp"] or found["http"]:
        port_number(port)
    return check


def database_url(value: object) -> str:
    """SQLite in a file, as memory would forget; or PostgreSQL by psycopg 3."""
    written = text(value)
    try:
        url = make_url(written)
    except ArgumentError as error:
        raise ValueError(written) from error
    if not url.database or url.database == ":memory:":
        raise ValueError(written)
    if url.drivername == "postgresql+psycopg":
        return written
    if url.drivername != "sqlite" or url.host is not None or url.query:
        raise ValueError(written)
    return written


_port_argument = re.compile("(?:.*?:)?(?:port=)?([0-9]{1,5})(?::|$)")


def endpoint(value: object) -> str:
    """A server endpoint by the look of it: its kind is known and its port is one.

    `serverFromString` alone knows the whole, but needs a reactor and opens files.
    """
    description = text(value)
    kind, _, arguments = description.partition(":")
    if kind not in _endpoint_kinds() or not arguments:
        raise ValueError(value)
    if kind in ("tcp", "tcp6", "ssl") and not _has_port(arguments):
        raise ValueError(value)
    return description


def _has_port(arguments: str) -> bool:
    """Whether there is a port to listen on; 0 is any free one."""
    found = _port_argument.match(arguments)
    return found is not None and int(found[1]) <= 65535


def _endpoint_kinds() -> set[str]:
    plugins = getPlugins(IStreamServerEndpointStringParser)
    return {"tcp", "ssl", "unix"} | {plugin.prefix for plugin in plugins}


NAME: Final = Form(
    "a name of letters, digits, dots and hyphens, at most 63",
    matching("[A-Za-z0-9][A-Za-z0-9.-]{0,62}"),
)

Text = Annotated[str, Form("a text", text)]
Arguments = Annotated[tuple[Text, ...], ListOf("a list of arguments")]
Flag = Annotated[bool, Form("true or false", partial(convert, type=bool))]
Name = Annotated[str, NAME]
Port = Annotated[int, whole(1, 65535)]
Count = Annotated[int, whole(1, 1000)]
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
Address = Annotated[str, Form("an IPv4 address like 192.0.2.101", ipv4_address)]
Uuid = Annotated[str, Form("a UUID like b8945908-d6a6-41a9-611d-74a6ab80b83d", uuid)]
Serial = Annotated[
    str, Form("a serial number of 8 or 16 hex digits", raspberry_pi_serial)
]
Network = Annotated[
    IPv4Network, Form("an IPv4 network like 192.0.2.0/24", ipv4_network)
]
AnyNetwork = Annotated[
    IPv4Network | IPv6Network,
    Form("a network like 192.0.2.0/24 or 2001:db8::/64", network),
]
CacheSize = Annotated[int, whole(2**20, 2**40)]
BaseUrl = Annotated[str, Form("a URL like http://192.0.2.1:8080", base_url)]
Endpoint = Annotated[str, Form('a Twisted endpoint like "tcp:8080"', endpoint)]
DatabaseUrl = Annotated[
    str,
    Form(
        "sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE",
        database_url,
    ),
]
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
HealthCheck = Annotated[
    str, Form('"ping", "tcp:PORT" or "http://{address}/PATH"', health_check)
]
ImageRole = Annotated[Role, one_of("self-test", "maintenance")]
LOADER: Final = one_of(*get_args(LoaderName))
Loader = Annotated[LoaderName, LOADER]
