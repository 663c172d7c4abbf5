"""The operators' tokens: who has one, what it is good for, and since when.

All are in memory, so to know one costs no query. One that is new is told to nobody
before it is saved; one that is revoked counts no more from that moment.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple, Protocol

from msgspec.structs import replace
from twisted.internet.defer import FirstError, gatherResults
from twisted.logger import Logger

from lifeguard.model import Operator

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from twisted.internet.defer import Deferred

    from lifeguard.clock import WallClock
    from lifeguard.model import OperatorRole

log = Logger()

PREFIX = "lg_"
"""How every token begins, so that who looks for secrets in a repository finds it."""

TOKEN_BYTES = 32

USE_NOTED = timedelta(hours=1)
"""A token's last use is written down no more often."""

OWN_NAME = "token"
"""Who comes with the token that lifeguard made at its first start, as an admin."""


class NameTaken(Exception):
    """Somebody of that name has a token that counts."""


class NoSuchOperator(Exception):
    """Nobody of that name has a token, or had one of late."""


class Made(NamedTuple):
    """An operator, and the token that is told this once."""

    operator: Operator
    token: str


class Store(Protocol):
    """The part of the store that keeps operators."""

    def save_operator(self, operator: Operator) -> Deferred[None]: ...


def digest(token: str) -> str:
    """The SHA-256 of a token, in hex.

    Slow hashes are for passwords, which can be guessed. Nobody guesses 256 random bits,
    however fast each try, so a fast one does. What is looked up is the digest: how long
    that takes tells nothing of the token.
    """
    return sha256(token.encode()).hexdigest()


class Operators:
    """Everybody with a token; `own_token` is that of the state directory."""

    def __init__(
        self, saved: Iterable[Operator], own_token: str, store: Store, wall: WallClock
    ) -> None:
        self._known = {operator.digest: operator for operator in saved}
        self._own = Operator(
            name=OWN_NAME, role="admin", digest=digest(own_token), made=wall()
        )
        self._store, self._wall = store, wall

    def all(self) -> list[Operator]:
        """Those whose tokens were made by command; some count no more."""
        return list(self._known.values())

    def find(self, of_digest: str) -> Operator | None:
        """Whose token has this digest; it may count no more."""
        if of_digest == self._own.digest:
            return self._own
        return self._known.get(of_digest)

    def counts(self, operator: Operator) -> bool:
        """Whether the token lets anybody in by now."""
        return operator.counts(self._wall())

    def used(self, operator: Operator) -> None:
        """The token let somebody in; this is saved now and then."""
        now, last = self._wall(), operator.last_used
        if operator is self._own or (last is not None and now < last + USE_NOTED):
            return
        self._keep(replace(operator, last_used=now)).addErrback(
            lambda failure: log.info(
                "the last use of {name}'s token is not saved: {error}",
                name=operator.name,
                error=failure.value,
            )
        )

    async def make(
        self, name: str, role: OperatorRole, lifetime: timedelta | None
    ) -> Made:
        """A new token; raises NameTaken, or StoreError, after which none counts."""
        if any(each.name == name and self.counts(each) for each in self.all()):
            raise NameTaken(f"{name} has a token already; revoke it first")
        token, now = PREFIX + secrets.token_urlsafe(TOKEN_BYTES), self._wall()
        expires = None if lifetime is None else now + lifetime
        operator = Operator(
            name=name, role=role, digest=digest(token), made=now, expires=expires
        )
        try:
            await self._keep(operator)
        except BaseException:
            # It may be saved all the same, and nobody was told it.
            self._let_go(operator)
            raise
        return Made(operator, token)

    async def revoke(self, name: str) -> Operator:
        """Of that name no token counts any more; the newest, or raises NoSuchOperator.

        Asked again, it is saved again: after a StoreError it must be.
        """
        of_name = [each for each in self.all() if each.name == name]
        if not of_name:
            raise NoSuchOperator(f"nobody called {name} has a token")
        revoked = list(map(self._revoked, of_name))
        try:
            await gatherResults(map(self._keep, revoked), consumeErrors=True)
        except FirstError as error:
            error.subFailure.raiseException()
        return revoked[-1]

    def forget(self, ended_before: datetime) -> None:
        """Those whose tokens were revoked, or expired, before that: the store has."""
        self._known = {
            of_digest: operator
            for of_digest, operator in self._known.items()
            if not operator.ended_before(ended_before)
        }

    def _let_go(self, operator: Operator) -> None:
        self._keep(self._revoked(operator)).addErrback(
            lambda failure: log.info(
                "a token of {name} that nobody has may be saved; revoke it: {error}",
                name=operator.name,
                error=failure.value,
            )
        )

    def _revoked(self, operator: Operator) -> Operator:
        return replace(operator, revoked=operator.revoked or self._wall())

    def _keep(self, operator: Operator) -> Deferred[None]:
        self._known[operator.digest] = operator
        return self._store.save_operator(operator)
