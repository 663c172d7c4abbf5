"""What a person finds at hand in the shell: boards, requests, and a `help()`.

Everything is said to the fleet as an HTTP client would say it, with the person's name
as its source; nothing is decided here.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, NoReturn

import msgspec
from twisted.internet.defer import Deferred, maybeDeferred

from lifeguard.event import Answer, Refused
from lifeguard.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from twisted.python.failure import Failure

    from lifeguard.clock import ServiceTime
    from lifeguard.fleet import Fleet
    from lifeguard.model import Standing

HELP: Final = """\
What you type is Python. It runs inside the daemon, which does nothing else until your
line is done, and it is logged with your name.

  boards()                      all boards
  boards("Failed*")             those in such a state
  board("panda-01")             one board
  board("panda-01").show()      all about it
  board("panda-01").reboot()
  board("panda-01").reimage("debian", boot_config={"hostname": "panda-01"})
  board("panda-01").self_test()
  board("panda-01").maintenance()
  board("panda-01").power_off()
  board("panda-01").power_on()
  board("panda-01").change("Troubleshooting", "Ready")
                                by hand, and only if it is in the first state
  for each in boards("Failed*"): each.reboot()
  fleet                         what the daemon itself works with
  help(), exit()                Ctrl-D leaves as well

A request is done when it is saved; what became of it is shown then.
In a script: ssh -p 2222 HOST 'board("panda-01").reboot()'"""

HEADINGS: Final = (
    "board",
    "state",
    "since (UTC)",
    "deadline",
    "generation",
    "image",
    "strikes",
)


class NotDone(Refused):
    """A person's request that came to nothing; one line that names the board."""


class BoardAtHand:
    """A board as a person handles it; what it is asked for may fail with NotDone."""

    def __init__(
        self, fleet: Fleet, name: str, service_time: ServiceTime, source: str
    ) -> None:
        """Raises UnknownBoard."""
        self.name = name
        self._fleet, self._board = fleet, fleet.board(name)
        self._service_time, self._source = service_time, source

    def __repr__(self) -> str:
        return table([HEADINGS, self.row()])

    @property
    def standing(self) -> Standing:
        """The board's row of the database, as it is now."""
        return self._board.standing

    def row(self) -> tuple[str, ...]:
        """Its line of a table, as HEADINGS say."""
        standing = self.standing
        strikes = (f"{state} {each.count}" for state, each in standing.strikes.items())
        return (
            self.name,
            standing.state,
            f"{standing.since:%Y-%m-%d %H:%M:%S}",
            self._deadline(),
            str(standing.generation),
            standing.image or "-",
            ", ".join(strikes) or "-",
        )

    def show(self) -> None:
        """Print all about it."""
        board, standing = self._board.board, self.standing
        accepted = self._board.lifecycle.accepted(standing.state)
        print(
            table(
                [
                    *zip(HEADINGS, self.row(), strict=True),
                    ("wanted image", standing.wanted_image or "-"),
                    ("accepts", ", ".join(accepted) or "-"),
                    ("hardware", board.hardware),
                    ("MAC", board.mac),
                    ("address", board.address or "-"),
                    ("power", ", ".join(map(str, board.power)) or "-"),
                ]
            )
        )

    def reboot(self) -> Deferred[Answer]:
        """Cycle its power."""
        return self._request("rq-reboot")

    def reimage(
        self, image: str, boot_config: Mapping[str, Any] | None = None
    ) -> Deferred[Answer]:
        """Install `image`; what its installer reads, `boot_config`, must be JSON."""
        try:
            config = as_json(boot_config or {})
        except (TypeError, ValueError, RecursionError) as error:
            raise NotDone(f"{self.name}: boot_config is no JSON: {error}") from error
        return self._request("rq-reimage", image=image, boot_config=config)

    def self_test(self) -> Deferred[Answer]:
        """Boot the self-test image of its hardware."""
        return self._request("rq-self-test")

    def maintenance(self) -> Deferred[Answer]:
        """Boot the maintenance image of its hardware."""
        return self._request("rq-maintenance")

    def power_off(self) -> Deferred[Answer]:
        """Switch it off, until somebody wants it."""
        return self._request("rq-power-off")

    def power_on(self) -> Deferred[Answer]:
        """Bring it back from Off."""
        return self._request("rq-power-on")

    def change(self, from_state: str, to_state: str) -> Deferred[Answer]:
        """Put it into `to_state` by hand, provided that it is in `from_state`."""
        changing = self._fleet.change(self.name, from_state, to_state, self._source)
        return changing.addErrback(self._not_done)

    def _request(self, event: str, **body: object) -> Deferred[Answer]:
        asking = maybeDeferred(
            self._fleet.request, self.name, event, body, self._source
        )
        return asking.addErrback(self._not_done)

    def _not_done(self, failure: Failure) -> NoReturn:
        failure.trap(Refused, StoreError)
        raise NotDone(f"{self.name}: {failure.value}") from failure.value

    def _deadline(self) -> str:
        if self.standing.deadline is None:
            return "-"
        left = max(0.0, self.standing.deadline - self._service_time.now())
        return f"in {timedelta(seconds=round(left))}"


class Boards(tuple[BoardAtHand, ...]):
    """Some boards; shown as a table."""

    __slots__ = ()

    def __repr__(self) -> str:
        return table([HEADINGS, *(board.row() for board in self)])


def at_hand(fleet: Fleet, service_time: ServiceTime, source: str) -> dict[str, Any]:
    """The names a person finds; what he does has that `source` in history."""

    def board(name: str) -> BoardAtHand:
        return BoardAtHand(fleet, name, service_time, source)

    def boards(state: str = "*") -> Boards:
        found = (board(name) for name in sorted(fleet.boards))
        return Boards(each for each in found if fnmatchcase(each.standing.state, state))

    return {
        "fleet": fleet,
        "board": board,
        "boards": boards,
        "help": lambda: print(HELP),
        # Python's own would close the daemon's standard input.
        "exit": sys.exit,
        "quit": sys.exit,
    }


def as_json(value: Mapping[str, Any]) -> dict[str, Any]:
    """A copy as it will be saved, so that what is typed later changes nothing."""
    copy: dict[str, Any] = msgspec.json.decode(
        msgspec.json.encode(value), type=dict[str, Any]
    )
    return copy


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns two spaces apart; all rows have as many cells as the first."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
