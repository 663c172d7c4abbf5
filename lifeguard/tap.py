"""`twistd lifeguard`: its options, and the one place where the reactor is taken."""

from __future__ import annotations

import atexit
import os
import re
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from resource import RLIMIT_NOFILE, getrlimit, setrlimit
from signal import SIGHUP, signal
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from msgspec import structs
from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger
from twisted.python import usage

from lifeguard.clock import utc_now
from lifeguard.config import Configuration, ConfigurationError
from lifeguard.daemon import Daemon
from lifeguard.demo import Demo
from lifeguard.inventory.reading import checked, checked_aside
from lifeguard.service_manager import service_manager, status_line
from lifeguard.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.application.service import IService

log = Logger()

DEMO_HTTP = "tcp:8080:interface=127.0.0.1"
DEMO_FAULTS = "0.05"


class Options(usage.Options):
    """What can be said on the command line; the configuration is read at once."""

    synopsis = "[--config FILE | --demo [--boards N] [--once]] [options]"
    longdesc = "Keeps a lab's development boards alive."

    optParameters: ClassVar = [
        ["config", None, None, "The configuration, such as /etc/lifeguard.toml."],
        ["state-dir", None, None, "Where the database and the keys are kept;"
         " default: the configuration's directory."],
        ["http", None, None, "Where to serve HTTP, a Twisted endpoint."],
        ["boards", None, 12, "How many boards the demo simulates.", int],
        ["seed", None, 1, "The seed of the demo's faults.", int],
    ]  # fmt: skip
    optFlags: ClassVar = [
        ["demo", None, "Manage a simulated lab, with nothing to set up."],
        ["once", None, "End the demo when all its boards are Ready."],
    ]

    configuration: Configuration | None = None

    def parseOptions(self, options: list[str] | None = None) -> None:
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            refuse(f"lifeguard: {error}")

    def postOptions(self) -> None:
        if self["demo"] == (self["config"] is not None):
            refuse("lifeguard: say either --config FILE or --demo")
        if self["once"] and not self["demo"]:
            refuse("lifeguard: --once goes with --demo")
        if not 1 <= self["boards"] <= 1000:
            refuse("lifeguard: --boards takes a number from 1 to 1000")
        if self["config"] is not None:
            self.configuration = read(Path(self["config"]), self["http"])


def read(path: Path, http: str | None) -> Configuration:
    """The configuration, or the end of the process with a line for each mistake."""
    try:
        return with_http(checked(path), http)
    except ConfigurationError as error:
        refuse(str(error))


def with_http(configuration: Configuration, http: str | None) -> Configuration:
    """The same, served elsewhere if `http` says so."""
    if http is None:
        return configuration
    settings = structs.replace(configuration.http, listen=http)
    return structs.replace(configuration, http=settings)


def obey_hang_up(reactor: Any, built: Daemon) -> None:
    """Whoever has changed the configuration says so by SIGHUP."""
    signal(SIGHUP, lambda *_: reactor.callFromThread(built.hang_up))


def stop_once(reactor: Any) -> None:
    """Who asks again for a stop that is under way is not answered by a traceback.

    It may take minutes, so somebody will.
    """
    stop = reactor.stop

    def stop_if_running() -> None:
        with suppress(ReactorNotRunning):
            stop()

    reactor.stop = stop_if_running


def read_aside(path: Path, http: str | None) -> Configuration:
    """The configuration as it is by now. Raises ConfigurationError."""
    return with_http(checked_aside(path), http)


def refuse(text: str) -> NoReturn:
    """End before the start; twistd would print its whole usage first."""
    raise SystemExit(text)


def makeService(options: Options) -> IService:
    """The daemon, or the demo, that the options ask for."""
    from twisted.internet import reactor

    raise_descriptor_limit()
    # The wall clock may jump, so nothing may be scheduled by it.
    reactor.seconds = time.monotonic  # type: ignore[method-assign]
    stop_once(reactor)
    ending = Ending(reactor)
    if options.configuration is None:
        return demo(options, reactor, ending)
    path = Path(options["config"]).absolute()
    state_dir = Path(options["state-dir"] or path.parent).absolute()
    read_again = partial(read_aside, path, options["http"])
    built = daemon(options.configuration, state_dir, reactor, ending, read_again)
    obey_hang_up(reactor, built)
    tell_service_manager(built, reactor)
    return built


def tell_service_manager(service: Daemon, reactor: Any) -> None:
    """If there is one: that the daemon is ready, that it lives, and that it stops."""
    manager = service_manager(os.environ, reactor, os.getpid())
    if manager is None:
        return
    status = partial(status_line, service.fleet)
    service.started.addCallback(lambda _: manager.ready(status))
    reactor.addSystemEventTrigger("before", "shutdown", manager.stopping)


def raise_descriptor_limit() -> None:
    """As far as we may: each board that boots takes some, and services get 1024."""
    _, most = getrlimit(RLIMIT_NOFILE)
    setrlimit(RLIMIT_NOFILE, (most, most))


def daemon(
    configuration: Configuration,
    state_dir: Path,
    reactor: Any,
    ending: Ending,
    read_again: Callable[[], Configuration],
) -> Daemon:
    """The daemon, or the end of the process if it cannot even be put together."""
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Daemon(configuration, state_dir, reactor, utc_now, ending, read_again)
    except (OSError, StoreError) as error:
        refuse(f"lifeguard: {error}")


def demo(options: Options, reactor: Any, ending: Ending) -> Demo:
    """The demo, in a directory that goes with it unless one is named."""
    listen = options["http"] or DEMO_HTTP
    if (port := re.match(r"tcp:(?:port=)?(\d+)", listen)) is None:
        refuse(f"lifeguard: the demo's boards need a tcp endpoint, not {listen}")
    directory = _directory(options["state-dir"], reactor)

    def build(configuration: Configuration) -> Daemon:
        read_again = partial(read_aside, directory / "lifeguard.toml", listen)
        served = with_http(configuration, listen)
        return daemon(served, directory, reactor, ending, read_again)

    arguments = {
        "--boards": options["boards"],
        "--seed": options["seed"],
        "--faults": DEMO_FAULTS,
        "--http-port": port[1],
        "--tftp-port": 0,
    }
    return Demo(
        reactor,
        directory,
        [str(word) for pair in arguments.items() for word in pair],
        build,
        ending,
        once=bool(options["once"]),
    )


def _directory(named: str | None, reactor: Any) -> Path:
    if named is not None:
        return Path(named).absolute()
    temporary = TemporaryDirectory(prefix="lifeguard-demo-")
    # twistd ends by the signal that stopped it, so nothing of Python's own is run.
    reactor.addSystemEventTrigger("after", "shutdown", temporary.cleanup)
    return Path(temporary.name)


class Ending:
    """Ends the process; with a reason, said in one line, its exit status is 1.

    twistd has no exit status of its own, so one is forced when all else is over.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._failed = False
        atexit.register(self._leave)

    def __call__(self, reason: str | None) -> None:
        if reason is not None:
            log.critical("{reason}", reason=reason)
            self._failed = True
        self._reactor.callWhenRunning(self._reactor.stop)

    def _leave(self) -> None:
        if self._failed:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(1)
