"""Whether a browser asks for one of lifeguard's own pages, by the headers it sends.

A program that is no browser sends none of them: it is nobody's page.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from lifeguard.web.request import LabRequest


def is_foreign(request: LabRequest, schemes: tuple[str, ...]) -> bool:
    """Whether another site's page asks; `schemes` are those of our own pages."""
    own = _own(request, schemes)
    return (
        not _header(request, b"Sec-Fetch-Site") <= {"same-origin", "none"}
        or not _header(request, b"Origin") <= own
    )


def is_own(request: LabRequest, schemes: tuple[str, ...]) -> bool:
    """Whether a page of ours asks, and says so."""
    said = _header(request, b"Origin")
    return bool(said) and said <= _own(request, schemes)


def is_for_this_machine(request: LabRequest) -> bool:
    """Whether the name that was asked for means this machine, whatever a DNS says.

    A name that a stranger's DNS has pointed here is foreign, though its pages take
    themselves for ours.
    """
    return all(map(_is_here, _header(request, b"Host")))


def _own(request: LabRequest, schemes: tuple[str, ...]) -> set[str]:
    hosts = _header(request, b"Host")
    return {f"{scheme}://{host}" for scheme in schemes for host in hosts}


def _header(request: LabRequest, name: bytes) -> set[str]:
    values = request.requestHeaders.getRawHeaders(name, [])
    return {value.decode("latin-1") for value in values}


def _is_here(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
