"""The configuration read again: shown as a plan, or taken, whole or not at all.

What is taken is what a start would take from the same files; so a daemon that is
killed at any moment of a reload comes up with what the files say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from twisted.internet.defer import DeferredLock, FirstError, gatherResults
from twisted.logger import Logger

from lifeguard.config import ConfigurationError
from lifeguard.config.settings import Settings
from lifeguard.inventory.difference import difference, kept
from lifeguard.inventory.plan import plan
from lifeguard.inventory.still_owed import still_owed
from lifeguard.store import StoreError
from lifeguard.words import plural

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from twisted.internet.defer import Deferred

    from lifeguard.config import Configuration
    from lifeguard.inventory.difference import Difference
    from lifeguard.inventory.plan import Plan, Suspended
    from lifeguard.inventory.still_owed import Power
    from lifeguard.model import Inventory, Standing

    Make = Callable[[Inventory, Difference, Mapping[str, Standing]], Deferred[None]]

log = Logger()


class NotApplied(Exception):
    """Why nothing was changed, in one line."""


class Lab(Protocol):
    """The boards, as they are now."""

    @property
    def inventory(self) -> Inventory: ...

    @property
    def boards(self) -> Mapping[str, Suspended]: ...

    @property
    def removed(self) -> Mapping[str, Standing]: ...


class Store(Protocol):
    """The part of the store that knows boards which come back."""

    def save_time(self) -> Deferred[None]: ...
    def standing(self, board: str) -> Deferred[Standing | None]: ...


class _Found(NamedTuple):
    inventory: Inventory
    difference: Difference
    restart: list[str]


class Reload:
    """Takes what `read` finds, by way of `make`, which fires when no board is leaving.

    `running` is what the daemon was started with.
    """

    def __init__(
        self,
        running: Configuration,
        read: Callable[[], Awaitable[Configuration]],
        lab: Lab,
        power: Power,
        store: Store,
        make: Make,
    ) -> None:
        self._running, self._read = running, read
        self._lab, self._power = lab, power
        self._store, self._make = store, make
        self._lock = DeferredLock()
        self._listeners: list[Callable[[], None]] = []
        self._hung_up = self._stopped = False

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Hear when the inventory is another, and when all that it lacks have left."""
        self._listeners.append(listener)

    def stop(self) -> None:
        """Change nothing any more, also of what is being read."""
        self._stopped = True

    async def plan(self) -> Plan:
        """What would be done. Raises ConfigurationError."""
        async with self._lock:
            return self._planned(await self._find())

    async def apply(self, digest: str | None = None, *, yes: bool = False) -> Plan:
        """What is done from now on; who says a `digest` must have seen all of it.

        Raises ConfigurationError, NotApplied or StoreUnavailable: nothing is changed.
        """
        async with self._lock:
            return await self._apply(digest, yes=yes)

    async def hang_up(self) -> None:
        """Take what there is without being asked; what is wrong with it is logged.

        Who comes while another waits for its turn is served by that one's reading.
        """
        if self._hung_up:
            return
        self._hung_up = True
        async with self._lock:
            self._hung_up = False
            await self._apply_unasked()

    async def _apply(self, digest: str | None, *, yes: bool) -> Plan:
        found = await self._find()
        known = await self._known(found.difference)
        # From here on nothing is waited for: what is checked is what is done.
        if self._stopped:
            raise NotApplied("lifeguard is stopping")
        planned = self._planned(found)
        self._check(planned, digest, yes=yes)
        making = self._make(found.inventory, found.difference, known)
        if planned.entries:
            self._has_changed(making)
        making.addErrback(lambda failure: log.failure("the reload broke", failure))
        _tell(planned)
        return planned

    async def _apply_unasked(self) -> None:
        try:
            await self._apply(None, yes=False)
        except ConfigurationError as error:
            for mistake in error.mistakes:
                log.error("{mistake}", mistake=mistake)
            log.error("inventory: not applied, for these mistakes")
        except (NotApplied, StoreError) as error:
            log.error("inventory: not applied: {error}", error=error)
        except Exception:
            log.failure("inventory: not applied")

    async def _find(self) -> _Found:
        read, running = await self._read(), self._running
        inventory = kept(self._lab.inventory, read.inventory)
        restart = [
            table
            for table in Settings.__struct_fields__
            if getattr(running, table) != getattr(read, table)
        ]
        return _Found(inventory, difference(self._lab.inventory, inventory), restart)

    def _planned(self, found: _Found) -> Plan:
        """What becomes of the lab as it is at this moment."""
        inventory, different, lab = found.inventory, found.difference, self._lab
        return plan(
            different,
            inventory,
            lab.boards,
            lab.removed,
            list(still_owed(different, inventory, lab.boards, self._power)),
            self._running.server.reload_share,
            found.restart,
        )

    def _check(self, planned: Plan, digest: str | None, *, yes: bool) -> None:
        if digest is not None and not planned.was_shown(digest):
            raise NotApplied("the files, or the lab, have changed since that plan")
        if planned.needs_yes and not yes:
            why = ", and ".join(self._against(planned))
            text = f"{why}; `lifeguard inventory apply --yes` does it all the same"
            raise NotApplied(text)

    def _against(self, planned: Plan) -> Iterator[str]:
        if planned.touched > planned.allowed:
            yield (
                f"{planned.touched} of {len(self._lab.boards)} boards would be removed"
                f" or another, {planned.allowed} may be"
            )
        if given_up := planned.given_up:
            count = plural(len(given_up), "outlet")
            by = ", ".join(sorted({each.relay_board for each in given_up}))
            yield f"{count} still to be switched on by relay boards that would go: {by}"

    async def _known(self, different: Difference) -> dict[str, Standing]:
        """Where boards stood that come back; fails if the store is away."""
        added = different.of("boards", "added")
        if leaving := [name for name in added if name in self._lab.boards]:
            raise NotApplied(f"still being let go: {', '.join(leaving)}; try again")
        await self._store.save_time()
        rows = [self._store.standing(name) for name in added]
        try:
            found = await gatherResults(rows, consumeErrors=True)
        except FirstError as error:
            error.subFailure.raiseException()
        return {row.board: row for row in found if row is not None}

    def _has_changed(self, making: Deferred[None]) -> None:
        if not making.called:
            self._tell_listeners(None)
        making.addCallback(self._tell_listeners)

    def _tell_listeners(self, _: None) -> None:
        for listener in self._listeners:
            listener()


def _tell(planned: Plan) -> None:
    log.info("inventory: {summary}", summary=planned.summary())
    if planned.restart:
        log.warn(
            "lifeguard.toml: changed, and read at the next start only: {tables}",
            tables=", ".join(planned.restart),
        )
