"""`twistd lifeguard`: its options, and the one place where the reactor is taken."""

from __future__ import annotations

import atexit
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from msgspec import structs
from twisted.logger import Logger
from twisted.python import usage

from lifeguard.clock import utc_now
from lifeguard.config import Configuration, ConfigurationError, load
from lifeguard.daemon import Daemon
from lifeguard.demo import Demo

if TYPE_CHECKING:
    from twisted.application.service import IService

log = Logger()

DEMO_HTTP = "tcp:8080:interface=127.0.0.1"


class Options(usage.Options):
    """What can be said on the command line; the configuration is read at once."""

    synopsis = "[--config FILE | --demo [--boards N] [--once]] [options]"
    longdesc = "Keeps a lab's development boards alive."

    optParameters = [
        ["config", None, None, "The configuration, such as /etc/lifeguard.toml."],
        ["state-dir", None, None, "Where the database and the keys are kept;"
         " default: the configuration's directory."],
        ["http", None, None, "Where to serve HTTP, a Twisted endpoint."],
        ["boards", None, 12, "How many boards the demo simulates.", int],
        ["seed", None, 1, "The seed of the demo's faults.", int],
    ]  # fmt: skip
    optFlags = [
        ["demo", None, "Manage a simulated lab, with nothing to set up."],
        ["once", None, "End the demo when all its boards are Ready."],
    ]

    configuration: Configuration | None = None

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
        configuration = load(path)
    except ConfigurationError as error:
        refuse(str(error))
    return with_http(configuration, http)


def with_http(configuration: Configuration, http: str | None) -> Configuration:
    """The same, served elsewhere if `http` says so."""
    if http is None:
        return configuration
    settings = structs.replace(configuration.http, listen=http)
    return structs.replace(configuration, http=settings)


def refuse(text: str) -> NoReturn:
    """End before the start. A UsageError would print pages, and exit with 0."""
    raise SystemExit(text)


def makeService(options: Options) -> IService:
    """The daemon, or the demo, that the options ask for."""
    from twisted.internet import reactor

    # The wall clock may jump; nothing has been scheduled by it yet.
    reactor.seconds = time.monotonic  # type: ignore[attr-defined]
    if options.configuration is None:
        return Demo(...)
    state_dir = Path(options["state-dir"] or Path(options["config"]).parent).absolute()
    return Daemon(options.configuration, state_dir, reactor, utc_now, give_up(reactor))
