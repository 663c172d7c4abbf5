"""Every change as it happens; a stream that is lost comes back by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.internet.task import deferLater

from lifeguard.cli.api import Unreachable
from lifeguard.cli.documents import Streamed
from lifeguard.cli.reading import decode, read
from lifeguard.cli.selection import Selection, select

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from lifeguard.cli.api import Api
    from lifeguard.cli.documents import Document

PAUSE_SECONDS = 1.0
"""Between a stream that was lost and the next."""


class Listener(Protocol):
    """Whoever wants to know; what it hears may be older than what it knows."""

    def stand(self, boards: list[Document]) -> None:
        """The boards stand so; heard again whenever the stream comes back."""

    def change(self, streamed: Document) -> None:
        """One of them moved, or was refused something."""

    def lost(self, reason: str) -> None:
        """Nothing will be heard until `stand`."""


async def follow(api: Api, selection: Selection, listener: Listener) -> NoReturn:
    """Tell the listener of the boards that are meant, until this is cancelled.

    In whichever state they are: `selection` looks at that once, and they move.
    """
    always = selection._replace(states=())

    def heard(message: Document) -> None:
        if always.takes(read(message, Streamed).board):
            listener.change(message)

    while True:
        try:
            await _follow_once(api, always, listener, heard)
            listener.lost(f"{api.url}: the stream has ended")
        except Unreachable as error:
            listener.lost(str(error))
        await deferLater(api.clock, PAUSE_SECONDS)


async def _follow_once(
    api: Api,
    selection: Selection,
    listener: Listener,
    heard: Callable[[Document], None],
) -> None:
    # Asked for after the stream is open, so that no change falls between the two.
    body = await api.stream(Messages(heard).feed)
    try:
        listener.stand(await select(api, selection))
        await body.ended
    finally:
        body.close()


class Messages:
    """Takes server-sent events apart; hands on what is in their data."""

    def __init__(self, heard: Callable[[Document], None]) -> None:
        self._heard = heard
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """The next bytes of the stream."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            field, _, value = line.partition(b": ")
            if field == b"data":
                self._heard(decode(value))
