"""Asks a NetBox for its devices, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from urllib.parse import urlencode

import msgspec
from msgspec import Struct
from twisted.internet.defer import CancelledError, TimeoutError
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.web.client import ResponseFailed
from twisted.web.http_headers import Headers

from lifeguard.importing.draft import Unreadable
from lifeguard.importing.netbox import (
    Answers,
    Device,
    Interface,
    PowerPort,
    pdu_ids,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from treq.client import HTTPClient
    from twisted.internet.interfaces import IReactorTime

PAGE = 100
"""Devices of a page, and of a question about their parts: no URL is too long then."""

PAGE_SECONDS = 60.0
MOST_PAGES = 1000

_FAILURES = (CancelledError, TimeoutError, ConnectError, DNSLookupError, ResponseFailed)

Query = list[tuple[str, str]]
Thing = TypeVar("Thing")


class Page(Struct, Generic[Thing], frozen=True):
    """Some of what was asked for, and where more is."""

    results: list[Thing]
    next: str | None = None


class NetBox:
    """The NetBox at `url`, without a last slash; every method raises Unreadable."""

    def __init__(
        self, url: str, token: str, http: HTTPClient, clock: IReactorTime
    ) -> None:
        self._url, self._http, self._clock = url, http, clock
        self._headers = Headers(
            {"Authorization": [f"Token {token}"], "Accept": ["application/json"]}
        )

    async def answers(
        self, sites: Sequence[str], roles: Sequence[str], tags: Sequence[str]
    ) -> Answers:
        """The devices of any of these sites and of any of these roles, and their parts.

        By their slugs, as are the tags, all of which a device must have.
        """
        wanted = [
            *(("site", site) for site in sites),
            *(("role", role) for role in roles),
            *(("tag", tag) for tag in tags),
        ]
        devices = await self._all("devices", wanted, Device)
        ids = [device.id for device in devices]
        interfaces = await self._of("interfaces", "device_id", ids, Interface)
        ports = await self._of("power-ports", "device_id", ids, PowerPort)
        pdus = await self._of("devices", "id", pdu_ids(ports), Device)
        return Answers(devices, interfaces, ports, pdus)

    async def _of(
        self, what: str, key: str, ids: Sequence[int], kind: type[Thing]
    ) -> list[Thing]:
        found: list[Thing] = []
        for start in range(0, len(ids), PAGE):
            some = [(key, str(number)) for number in ids[start : start + PAGE]]
            found += await self._all(what, some, kind)
        return found

    async def _all(self, what: str, query: Query, kind: type[Thing]) -> list[Thing]:
        asked = urlencode([*query, ("limit", str(PAGE))])
        url: str | None = f"{self._url}/api/dcim/{what}/?{asked}"
        found: list[Thing] = []
        for _ in range(MOST_PAGES):
            if url is None:
                return found
            page = await self._page(url, kind)
            found += page.results
            url = self._next(page.next)
        raise Unreadable(f"{self._url}: its pages of {what} do not come to an end")

    def _next(self, url: str | None) -> str | None:
        """Behind a proxy it may mistake its own name; the token goes nowhere else."""
        if url is None:
            return None
        _, api, rest = url.partition("/api/")
        return f"{self._url}{api}{rest}"

    async def _page(self, url: str, kind: type[Thing]) -> Page[Thing]:
        where = url.partition("?")[0]
        try:
            asked = self._http.get(
                url,
                headers=self._headers,
                allow_redirects=False,
                reactor=cast("Any", self._clock),
            )
            response = await asked.addTimeout(PAGE_SECONDS, self._clock)
            body = await response.content().addTimeout(PAGE_SECONDS, self._clock)
        except _FAILURES as error:
            reason = " ".join(str(error).split()) or "no answer"
            raise Unreadable(f"{where}: {reason}") from error
        if response.code in (401, 403):
            raise Unreadable(f"{where}: the token is not accepted")
        if response.code != 200:
            raise Unreadable(f"{where}: status {response.code}")
        try:
            return msgspec.json.decode(body, type=Page[kind])  # type: ignore[valid-type]
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"{where}: this is no NetBox: {error}") from error
