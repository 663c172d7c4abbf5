"""The brake: when many boards fail at once, lifeguard's own network is ill.

A failed board is told so, and is then power-cycled. The brake goes on with the
failure that makes more than a share of the polled boards fail within two minutes;
from that one on failures are withheld. Those before it have passed, as nothing
could tell them from boards that fail by themselves: at most the limit.

Pure: the moment is an argument, and nothing happens here.
"""

from __future__ import annotations

WITHIN = 120.0
"""Seconds in which failures are taken to have one cause."""

AT_LEAST = 5
"""Fewer boards than these never put the brake on, whatever their share."""


class Brake:
    """Which failures may be told. Boards are known by their names.

    `share` is the part of the polled boards (0 to 1) that may fail and be told. The
    brake is on exactly while failures are withheld: so it goes off when the last of
    those boards answers or leaves, or a person says so. Time alone does not take it
    off, but any board's answer does when the boards withheld, and those told within
    two minutes that have not answered since, are together within the limit.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._polled: set[str] = set()
        self._told: dict[str, float] = {}
        self._withheld: dict[str, None] = {}
        self._excused: set[str] = set()

    @property
    def on(self) -> bool:
        """Whether the next failure is withheld, whatever it is."""
        return bool(self._withheld)

    @property
    def withheld(self) -> tuple[str, ...]:
        """The boards whose failure is withheld, the first one first."""
        return tuple(self._withheld)

    @property
    def failing(self) -> int:
        """Boards that failed together and have not answered since."""
        return len(self._told) + len(self._withheld)

    @property
    def polled(self) -> int:
        """Boards that are polled, or were until their failure was told."""
        return len(self._polled) + len(self._told.keys() - self._polled)

    def joined(self, board: str) -> None:
        """The board is polled from now on."""
        self._polled.add(board)

    def left(self, board: str) -> None:
        """The board is no longer polled; if its failure was told, that still counts.

        It takes the brake off if no other is withheld.
        """
        self._polled.discard(board)
        self._excused.discard(board)
        self._withheld.pop(board, None)

    def passes(self, board: str, now: float) -> bool:
        """The board fails: may it be told? If not, ask again when it fails again.

        `now` is in seconds and never goes back.
        """
        if board in self._excused:
            return True
        was_on = self.on
        self._told.pop(board, None)
        self._withheld.setdefault(board)
        if was_on or self._over_limit(now):
            return False
        del self._withheld[board]
        self._told[board] = now
        return True

    def answered(self, board: str, now: float) -> None:
        """The board answers; this may take the brake off."""
        self._told.pop(board, None)
        self._withheld.pop(board, None)
        self._excused.discard(board)
        if not self._over_limit(now):
            self._withheld.clear()

    def release(self) -> None:
        """A person says that the boards are ill: those withheld now may be told."""
        self._excused.update(self._withheld)
        self._withheld.clear()
        self._told.clear()

    def _over_limit(self, now: float) -> bool:
        # Boards that were told may never be polled again: only time forgets them.
        self._forget_before(now - WITHIN)
        failing = self.failing
        return failing >= AT_LEAST and failing > self._share * self.polled

    def _forget_before(self, moment: float) -> None:
        for board, told in list(self._told.items()):
            if told >= moment:
                return
            del self._told[board]
