"""`lifeguard`, and `python -m lifeguard.cli`: here alone the reactor is taken."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool

from lifeguard.cli.main import run as run_command
from lifeguard.cli.output import guarded
from lifeguard.cli.session import Machine, console
from lifeguard.cli.together import AT_ONCE
from lifeguard.cli.trust import policy
from lifeguard.clock import utc_now

if TYPE_CHECKING:
    from collections.abc import Coroutine

Result = TypeVar("Result")

CONNECT_SECONDS = 5.0


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run the reactor as long as the coroutine; stopped before, it is cancelled."""
    results: list[Result | Failure] = []

    def start() -> None:
        deferred = Deferred.fromCoroutine(coroutine)
        reactor.addSystemEventTrigger("before", "shutdown", deferred.cancel)
        deferred.addBoth(results.append)
        deferred.addBoth(lambda _: stop())

    def stop() -> None:
        with suppress(ReactorNotRunning):  # a signal has stopped it already
            reactor.stop()

    reactor.callWhenRunning(start)
    reactor.run()
    if not results:
        raise CancelledError
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]


def main() -> NoReturn:
    """One call of the command line."""
    # The wall clock may jump, so nothing may be timed by it.
    reactor.seconds = time.monotonic  # type: ignore[method-assign]
    sys.stdout = guarded(sys.stdout)
    pool = HTTPConnectionPool(reactor)
    pool.maxPersistentPerHost = AT_ONCE

    def client(ca_file: Path | None) -> HTTPClient:
        known = policy(ca_file)
        return HTTPClient(Agent(reactor, known, CONNECT_SECONDS, pool=pool))

    machine = Machine(
        clock=reactor,
        http=client,
        run=run,
        wall=lambda: utc_now().astimezone(),
        home=Path.home(),
        out=console(),
    )
    sys.exit(run_command(sys.argv[1:], machine))


if __name__ == "__main__":
    main()
