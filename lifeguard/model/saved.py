"""What a store holds besides boards, and all of it together."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct, field

from lifeguard.model.incidents import Incident
from lifeguard.model.notices import Notice
from lifeguard.model.standing import Owed, SeenBoot, Standing


class RelayBoardChange(Struct, frozen=True, kw_only=True):
    """One line of a relay board's history: what it became, and what led to that."""

    at: datetime
    relay_board: str
    state: str
    why: str = ""
    id: int = 0
    """Given by the database, ascending; 0 until then."""


OperatorRole = Literal["see", "operate", "admin"]
"""What an operator may do; who has one of them may do what those before it may."""


class Operator(Struct, frozen=True, kw_only=True):
    """A person or program with a token, of which only the SHA-256 is kept, in hex.

    `expires` None: never. `last_used` is true to an hour.
    """

    name: str
    role: OperatorRole
    digest: str
    made: datetime
    expires: datetime | None = None
    last_used: datetime | None = None
    revoked: datetime | None = None

    def counts(self, now: datetime) -> bool:
        """Whether the token lets anybody in."""
        return self.revoked is None and (self.expires is None or now < self.expires)

    def ended_before(self, moment: datetime) -> bool:
        """Whether it was over by then: revoked, or else expired."""
        ended = self.revoked or self.expires
        return ended is not None and ended < moment


class Saved(Struct, frozen=True, kw_only=True):
    """What a store holds when lifeguard starts."""

    service_seconds: float = 0.0
    standings: dict[str, Standing] = field(default_factory=dict)
    owed: tuple[Owed, ...] = ()
    notices: tuple[Notice, ...] = ()
    boots: dict[str, SeenBoot] = field(default_factory=dict)
    incidents: tuple[Incident, ...] = ()
    """The open ones."""
    last_incident: int = 0
    """The highest id that any incident was given."""
    few_ready: bool = False
    """Whether people were told that too few boards are Ready, and nothing since."""
    operators: tuple[Operator, ...] = ()
    """All that are kept, in the order in which they were made."""
    token_key: bytes = b""
