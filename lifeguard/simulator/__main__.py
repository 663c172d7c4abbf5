"""`python -m lifeguard.simulator DIR --boards N --seed S`: a lab until stopped.

Writes a complete configuration into DIR, then says so in one line on its standard
output. If its standard input is a pipe, it ends when that is closed: a parent that
dies takes the lab with it. `--virtual` instead lives through a lab in virtual time.
"""

from __future__ import annotations

import os
import stat
import sys
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from twisted.internet.abstract import FileDescriptor
from twisted.internet.error import CannotListenError
from twisted.internet.main import CONNECTION_DONE
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)

from lifeguard.clock import utc_now
from lifeguard.simulator.board import Stage
from lifeguard.simulator.configuration import DATABASE, IMAGES
from lifeguard.simulator.faults import Faults, FaultsError, parse_faults
from lifeguard.simulator.lab import Lab, Options
from lifeguard.simulator.plan import MOST_BOARDS, MOST_OUTLETS, RELAYS, plan_boards
from lifeguard.simulator.ports import choose_ports
from lifeguard.simulator.relay import Illness
from lifeguard.simulator.virtual import command

if TYPE_CHECKING:
    from typing import TextIO

    from twisted.python.failure import Failure

    from lifeguard.simulator.reactor import IReactor

EPILOG = """\
faults, each a rate from 0 to 1:
  hang   a boot stops in the boot loader
  die    an installation stops half way
  relay  a relay answers, but does not switch
  lost   an event is lost
  late   an event arrives late, from an older boot
  loss   a TFTP packet is lost
  dead   a board whose image never comes up, chosen once
--faults 0.1 sets hang, die and lost to 0.1, late to 0.05, relay to 0.025, loss to 0.01.
--faults hang=0.05,loss=0.01 sets those alone.

If standard input is a pipe, the simulator ends when that is closed.

--virtual [--boards N] [--days D] [--seed S] lives through a lab in virtual time
instead: no directory, no sockets, and the rules are checked after every step.
"""


def main(arguments: list[str], reactor: IReactor) -> None:
    """Run until stopped; SystemExit with a line for a mistake."""
    if command.OPTION in arguments:
        command.main(arguments, reactor.seconds)
        return
    options = parse_options(arguments)
    lab = Lab(options, reactor, utc_now)
    try:
        lab.startService()
        log_file = (options.directory / "simulator.log").open("w")
    except (OSError, CannotListenError) as error:
        sys.exit(f"simulator: {error}")
    globalLogBeginner.beginLoggingTo([_observer(log_file)], redirectStandardIO=False)
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        ParentPipe(reactor).watch()
    reactor.addSystemEventTrigger("before", "shutdown", lab.stopService)
    ready = f"simulator: {lab}, configuration in {options.directory}/lifeguard.toml"
    reactor.callWhenRunning(print, ready, flush=True)
    reactor.run()


def parse_options(arguments: list[str]) -> Options:
    """What the command line asks for; SystemExit with a line for a mistake."""
    parser = ArgumentParser(
        prog="python -m lifeguard.simulator",
        description="Relay boards and boards on loopback, for a daemon to manage.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("directory", metavar="DIR", type=Path)
    parser.add_argument("--boards", type=_board_count, default=12, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parser.add_argument("--http-port", type=_port, default=8080, help="0: any free")
    parser.add_argument("--tftp-port", type=_port, default=6969, help="0: any free")
    parser.add_argument("--faults", type=_faults, default=Faults(), metavar="F")
    parser.add_argument(
        "--dead",
        type=_dead,
        action="append",
        default=[],
        metavar="BOARD[=STAGE]",
        help="never comes farther than loader, installer or system (default)",
    )
    parser.add_argument("--outlets", type=_outlet_count, default=RELAYS, metavar="N")
    parser.add_argument(
        "--ill",
        type=_ill,
        action="append",
        default=[],
        metavar="RELAYBOARD[=HOW]",
        help="a relay board that refuses (default) every connection, or hangs",
    )
    parser.add_argument(
        "--broken-image",
        type=_name,
        action="append",
        default=[],
        metavar="IMAGE",
        help="an image more, whose kernel never comes up",
    )
    parser.add_argument(
        "--netretry", action="store_true", help="boot loaders ask again when TFTP fails"
    )
    parser.add_argument(
        "--database", default=DATABASE, metavar="URL", help="the daemon's database"
    )
    parsed = parser.parse_args(arguments)
    boards = plan_boards(parsed.boards, parsed.outlets)
    dead, ill = dict(parsed.dead), dict(parsed.ill)
    if strangers := sorted(set(dead) - {board.name for board in boards}):
        parser.error(f"argument --dead: no board {strangers[0]}")
    if strangers := sorted(set(ill) - {board.relay_board for board in boards}):
        parser.error(f"argument --ill: no relay board {strangers[0]}")
    return Options(
        directory=parsed.directory,
        boards=parsed.boards,
        seed=parsed.seed,
        faults=parsed.faults,
        ports=choose_ports(parsed.http_port, parsed.tftp_port),
        dead=dead,
        outlets=parsed.outlets,
        ill=ill,
        broken=tuple(parsed.broken_image),
        netretry=parsed.netretry,
        database=parsed.database,
    )


def _board_count(text: str) -> int:
    return _whole(text, 1, MOST_BOARDS)


def _outlet_count(text: str) -> int:
    return _whole(text, 1, MOST_OUTLETS)


def _port(text: str) -> int:
    return _whole(text, 0, 65535)


def _whole(text: str, lowest: int, highest: int) -> int:
    if not text.isdecimal() or not lowest <= int(text) <= highest:
        raise ArgumentTypeError(f"{text!r} is not a number from {lowest} to {highest}")
    return int(text)


def _dead(text: str) -> tuple[str, Stage]:
    board, _, stage = text.partition("=")
    stage = stage or "system"
    if stage not in get_args(Stage):
        raise ArgumentTypeError(f"{stage!r} is none of {', '.join(get_args(Stage))}")
    return board, cast("Stage", stage)


def _ill(text: str) -> tuple[str, Illness]:
    relay_board, _, how = text.partition("=")
    how = how or "refuses"
    if how not in get_args(Illness):
        raise ArgumentTypeError(f"{how!r} is none of {', '.join(get_args(Illness))}")
    return relay_board, cast("Illness", how)


def _name(text: str) -> str:
    if not text.isalnum() or text in IMAGES:
        raise ArgumentTypeError(f"{text!r} is no name of letters and digits of its own")
    return text


def _faults(text: str) -> Faults:
    try:
        return parse_faults(text)
    except FaultsError as error:
        raise ArgumentTypeError(str(error)) from error


def _observer(log_file: TextIO) -> ILogObserver:
    """What boards say, and errors; Twisted has a line for every socket opened."""
    levels = LogLevelFilterPredicate(defaultLogLevel=LogLevel.warn)
    levels.setLogLevelForNamespace("lifeguard", LogLevel.info)
    return FilteringLogObserver(textFileLogObserver(log_file), [levels])


class ParentPipe(FileDescriptor):
    """Standard input, watched for its end alone, which stops the reactor."""

    def __init__(self, reactor: IReactor) -> None:
        super().__init__(reactor)
        self._reactor = reactor

    def watch(self) -> None:
        """Begin; a reactor that stops for another reason need not hear of it."""
        self.startReading()
        self._reactor.addSystemEventTrigger("before", "shutdown", self.stopReading)

    def fileno(self) -> int:
        return 0

    def doRead(self) -> Exception | None:
        return None if os.read(0, 4096) else CONNECTION_DONE

    def connectionLost(self, reason: Failure) -> None:
        self._reactor.stop()


if __name__ == "__main__":
    from twisted.internet import reactor

    main(sys.argv[1:], cast("IReactor", reactor))
