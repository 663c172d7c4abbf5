"""Who is signed in to the dashboard: a random cookie instead of a token.

Sessions are in memory: a start of lifeguard ends them all. Of a cookie only the digest
is kept.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, NamedTuple

from lifeguard.operators import digest

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

IDLE_SECONDS = 12 * 3600.0
"""A session that nobody uses for so long is over."""

MOST_SESSIONS = 1000
"""Of more, those that were used last."""

COOKIE_BYTES = 32


class Session(NamedTuple):
    """Stands for a token, by its digest; `used` in seconds of the clock."""

    token_digest: str
    used: float


class Sessions:
    """By the digests of their cookies; the one that was used last is the last."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._open: dict[str, Session] = {}

    def begin(self, token_digest: str) -> str:
        """The cookie of a new session."""
        cookie = secrets.token_urlsafe(COOKIE_BYTES)
        self._use(digest(cookie), token_digest)
        if len(self._open) > MOST_SESSIONS:
            del self._open[next(iter(self._open))]
        return cookie

    def token_digest(self, cookie: str) -> str | None:
        """Whose session it is, which goes on for that; None: it is over."""
        session = self._open.pop(digest(cookie), None)
        if session is None or self._clock.seconds() >= session.used + IDLE_SECONDS:
            return None
        self._use(digest(cookie), session.token_digest)
        return session.token_digest

    def end(self, cookie: str) -> None:
        """Nobody comes with this cookie any more."""
        self._open.pop(digest(cookie), None)

    def _use(self, of_cookie: str, token_digest: str) -> None:
        self._open[of_cookie] = Session(token_digest, self._clock.seconds())
