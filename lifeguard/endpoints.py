"""Ports that are opened by Twisted's descriptions of endpoints, for many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.endpoints import serverFromString
from twisted.logger import Logger

if TYPE_CHECKING:
    from twisted.internet.interfaces import IListeningPort, IProtocolFactory

log = Logger()

BACKLOG = 4096
"""Connections that may wait to be taken; Twisted's 50 let 2,000 boards wait 30 s."""

_WITH_BACKLOG = {"tcp", "tcp6", "ssl", "unix"}


class CannotOpen(Exception):
    """Which port cannot be opened, and why, in one line."""


async def open_endpoint(
    reactor: Any, name: str, where: str, factory: IProtocolFactory
) -> IListeningPort:
    """Listen; raises CannotOpen, which names the table of the configuration.

    Endpoints are plugins, and raise what they like.
    """
    try:
        endpoint = serverFromString(reactor, with_backlog(where))
        port: IListeningPort = await endpoint.listen(factory)
    except Exception as error:
        raise CannotOpen(f"{name}.listen: cannot listen on {where}: {error}") from error
    log.info("{name} listens on {where}", name=name, where=where)
    return port


def with_backlog(where: str) -> str:
    """The same endpoint with room for a whole lab that calls at once."""
    kind, _, arguments = where.partition(":")
    if kind not in _WITH_BACKLOG or ":backlog=" in arguments:
        return where
    return f"{where}:backlog={BACKLOG}"
