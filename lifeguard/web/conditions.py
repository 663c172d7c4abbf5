"""What of a file is to be sent, as the request's conditions have it: pure.

RFC 9110, sections 13 and 14. A header that cannot be read is as good as none, and so
are several ranges at once: the file is sent whole, as they allow.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from twisted.web.http import stringToDatetime
from werkzeug.http import parse_etags

if TYPE_CHECKING:
    from twisted.web.http_headers import Headers

    from lifeguard.netboot.files import Version

NOT_MODIFIED, PRECONDITION_FAILED = 304, 412

_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII | re.IGNORECASE)

_MOST_DIGITS = 18
"""No file has a longer size, and none will."""


class Unsatisfiable(Exception):
    """The file has nothing of the range that is asked for."""


def refusal(headers: Headers, version: Version) -> int | None:
    """The status that says why the file is not sent; None: it is to be sent."""
    if not _is_wanted(headers, version):
        return PRECONDITION_FAILED
    return NOT_MODIFIED if _is_known(headers, version) else None


def _is_wanted(headers: Headers, version: Version) -> bool:
    if tags := _value(headers, "If-Match"):
        return parse_etags(tags).contains(version.tag)
    date = _date(headers, "If-Unmodified-Since")
    return date is None or version.modified <= date


def _is_known(headers: Headers, version: Version) -> bool:
    if tags := _value(headers, "If-None-Match"):
        return parse_etags(tags).contains_weak(version.tag)
    date = _date(headers, "If-Modified-Since")
    return date is not None and version.modified <= date


def part(headers: Headers, version: Version) -> range | None:
    """The bytes that are asked for; None: all of them. Raises Unsatisfiable."""
    found = _RANGE.fullmatch(_value(headers, "Range"))
    if found is None or not _is_for(version, _value(headers, "If-Range")):
        return None
    first, last = found.groups()
    if len(first) > _MOST_DIGITS or len(last) > _MOST_DIGITS:
        return None
    return _part(first, last, version.size)


def _part(first: str, last: str, size: int) -> range | None:
    if not first:
        return _end(last, size)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise Unsatisfiable
    return range(int(first), min(int(last) + 1, size) if last else size)


def _end(length: str, size: int) -> range | None:
    """The last bytes; of an empty file they are the whole of it."""
    if not length or not size:
        return None
    if int(length) == 0:
        raise Unsatisfiable
    return range(max(0, size - int(length)), size)


def _is_for(version: Version, condition: str) -> bool:
    """A date would not do: a file may be written twice in a second."""
    return condition in ("", f'"{version.tag}"')


def _date(headers: Headers, name: str) -> int | None:
    """In Unix seconds; None: there is none that can be read."""
    try:
        seconds: int = stringToDatetime(_value(headers, name).encode("latin-1"))
    except (IndexError, ValueError):
        return None
    return seconds


def _value(headers: Headers, name: str) -> str:
    """All that the request says under this name; empty if nothing."""
    values = headers.getRawHeaders(name.encode(), [])
    return b", ".join(values).decode("latin-1").strip()
