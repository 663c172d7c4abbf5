"""The command line over the served lab of `tests.web_rig`, in one process.

HTTP is the real thing at both ends, over transports that are pumped by hand. While a
command waits, the steps of a test happen, one by one; after the last comes Ctrl-C.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Coroutine
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any, NamedTuple, TextIO
from unittest.mock import patch

from treq.client import HTTPClient
from treq.testing import _SynchronousProducer
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport, IOPump, connect
from twisted.web.client import Agent
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from lifeguard.cli.main import run
from lifeguard.cli.session import Machine, plain_console
from lifeguard.web.stream import BATCH_SECONDS
from tests.rig import EPOCH
from tests.web_rig import HERE, WebRig, web

URL = "http://127.0.0.1:8080"

Step = Callable[[], object]


class Said(NamedTuple):
    """What a command came to; `out` and `err` are lines."""

    status: int
    out: list[str]
    err: list[str]


@implementer(IStreamClientEndpoint, IAgentEndpointFactory)
@dataclass
class Wire:
    """Leads every client to `site`, as if it came from `peer`."""

    site: Any
    peer: str = HERE
    is_cut: bool = False
    pumps: list[IOPump] = field(default_factory=list)

    def endpointForURI(self, uri: object) -> Wire:
        return self

    def connect(self, factory: Any) -> Deferred[Any]:
        if self.is_cut:
            return fail(ConnectionRefusedError())
        peer = IPv4Address("TCP", self.peer, 40000)
        server, client = self.site.buildProtocol(peer), factory.buildProtocol(None)
        self.pumps.append(
            connect(
                server,
                FakeTransport(server, isServer=True, peerAddress=peer),
                client,
                FakeTransport(client, isServer=False),
            )
        )
        return succeed(client)

    def settle(self) -> None:
        """Carry all that was written, and all that is answered to it."""
        while any([pump.pump() for pump in self.pumps]):
            pass

    def cut(self) -> None:
        """End every connection; no other is made until `is_cut` is false again."""
        self.is_cut = True
        for pump in self.pumps:
            pump.serverIO.abortConnection()
        self.settle()
        self.pumps.clear()


TERMINAL = {"TERM": "xterm-256color"}

_THEIRS = re.compile("LIFEGUARD|NO_COLOR|FORCE_COLOR|COLUMNS|LINES|TTY_")
"""What is not taken over: how each is at their terminal."""


@dataclass
class CliRig:
    """A lab, and a command line that reaches it."""

    web: WebRig
    wire: Wire
    home: Path
    steps: list[Step] = field(default_factory=list)
    width: int = 10_000
    is_terminal: bool = False

    @property
    def clock(self) -> Clock:
        return self.web.lab.clock

    def run(self, *arguments: str, **environment: str) -> Said:
        """One call; `environment` is all that is set of lifeguard's variables.

        The terminal is the same for all, whatever it is that runs the tests.
        """
        out, err = TextIOWrapper(BytesIO()), TextIOWrapper(BytesIO())
        kept = {k: v for k, v in os.environ.items() if not _THEIRS.match(k)}
        with (
            patch.dict(os.environ, {**kept, **TERMINAL, **environment}, clear=True),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                status = run(list(arguments), self._machine(out))
            except SystemExit as end:  # click's, when it completes a word
                status = int(end.code or 0)
        return Said(status, _lines(out), _lines(err))

    def _machine(self, out: TextIO) -> Machine:
        return Machine(
            clock=self.clock,
            http=lambda _: HTTPClient(
                Agent.usingEndpointFactory(self.clock, self.wire),
                # Other bodies are sent by the reactor's own clock.
                data_to_body_producer=_SynchronousProducer,
            ),
            run=self._run,
            wall=lambda: EPOCH + timedelta(seconds=self.clock.seconds()),
            home=self.home,
            out=plain_console(
                file=out,
                width=self.width,
                height=24,
                force_terminal=self.is_terminal,
                color_system=None,
            ),
        )

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        results: list[Any] = []
        deferred = Deferred.fromCoroutine(coroutine)
        deferred.addBoth(results.append)
        last = iter((self._hear_the_rest,))
        while True:
            self.wire.settle()
            if results:
                break
            step = self.steps.pop(0) if self.steps else next(last, deferred.cancel)
            step()
        self.wire.settle()
        if isinstance(results[0], Failure):
            results[0].raiseException()
        return results[0]

    def _hear_the_rest(self) -> None:
        """Of a burst, the stream tells the first change at once."""
        self.clock.advance(BATCH_SECONDS)


def _lines(written: TextIOWrapper) -> list[str]:
    written.seek(0)
    return written.read().splitlines()


def cli(parts: WebRig | None = None) -> CliRig:
    """A command line on the lab's own machine, with no home to speak of."""
    parts = parts or web()
    return CliRig(parts, Wire(parts.site), Path("/nonexistent"))
