"""Where something is, as a configuration file says it: hosts, URLs, endpoints.

That something is there is not known here.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

import idna
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from twisted.internet.interfaces import IStreamServerEndpointStringParser
from twisted.plugin import getPlugins

from lifeguard.config.forms import Form, matching, text, whole


def port_number(value: str) -> int:
    """A port that can be connected to."""
    port = int(value)
    if not 1 <= port <= 65535:
        raise ValueError(value)
    return port


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


Port = Annotated[int, whole(1, 65535)]
Address = Annotated[str, Form("an IPv4 address like 192.0.2.101", ipv4_address)]
Network = Annotated[
    IPv4Network, Form("an IPv4 network like 192.0.2.0/24", ipv4_network)
]
AnyNetwork = Annotated[
    IPv4Network | IPv6Network,
    Form("a network like 192.0.2.0/24 or 2001:db8::/64", network),
]
BaseUrl = Annotated[str, Form("a URL like http://192.0.2.1:8080", base_url)]
Endpoint = Annotated[str, Form('a Twisted endpoint like "tcp:8080"', endpoint)]
DatabaseUrl = Annotated[
    str,
    Form(
        "sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE",
        database_url,
    ),
]
HealthCheck = Annotated[
    str, Form('"ping", "tcp:PORT" or "http://{address}/PATH"', health_check)
]
