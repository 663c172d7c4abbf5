"""Where the daemon is, and who we are to it: options, environment, a file.

The first that says it counts. A token of the file is for the URL of the file: another
server is none of its business.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from twisted.python.url import URL

from lifeguard.cli.exits import Usage

DEFAULT_URL = "http://127.0.0.1:8080"

FILE = Path(".config", "lifeguard", "config.toml")
"""Below the home directory."""


class Access(NamedTuple):
    """A daemon's URL without a last slash; a token is printable ASCII.

    `ca_file` holds the certificates by which it is known; None: the machine's.
    """

    url: str
    token: str | None
    ca_file: Path | None = None


class File(Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of the file; `token_file` and `ca_file` may begin with `~`."""

    url: str | None = None
    token: str | None = None
    token_file: str | None = None
    ca_file: str | None = None


def access(
    url: str | None,
    token: str | None,
    token_file: str | None,
    ca_file: str | None,
    home: Path,
) -> Access:
    """What options and environment say, and where they say nothing, the file.

    Raises Usage.
    """
    path = home / FILE
    file = _read(path)
    own = _url(url) if url is not None else None
    there = _url(file.url or DEFAULT_URL)
    if own in (None, there):
        ca_file = ca_file or file.ca_file
        if token is None and token_file is None:
            token, token_file = file.token, file.token_file
    if token is None and token_file is not None:
        token = _token_of(_below(home, token_file))
    return Access(
        own or there,
        None if token is None else _checked(token),
        None if ca_file is None else _below(home, ca_file),
    )


def _read(path: Path) -> File:
    try:
        return msgspec.convert(tomllib.loads(path.read_bytes().decode()), File)
    except FileNotFoundError:
        return File()
    except OSError as error:
        raise Usage(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise Usage(f"{path}: {error}") from error


def _below(home: Path, name: str) -> Path:
    return home / name[2:] if name.startswith("~/") else Path(name)


def _token_of(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace").strip()
    except OSError as error:
        raise Usage(f"{path}: {error.strerror}") from error


def _checked(token: str) -> str:
    """The token itself is never shown."""
    if not token or not token.isascii() or not token.isprintable():
        raise Usage("the token is empty, or not one line of printable characters")
    return token


def _url(given: str) -> str:
    try:
        parts = urlsplit(given)
        usable = (
            parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        )
        URL.fromText(given).asURI()  # fails for a host that the DNS cannot name
    except ValueError:
        usable = None
    if not usable or parts.query or parts.fragment or parts.username is not None:
        raise Usage(f"{given}: expected a URL like {DEFAULT_URL}")
    return given.rstrip("/")
