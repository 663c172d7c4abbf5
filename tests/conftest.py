"""What every test is held to: it leaves nothing behind in the reactor or the log."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from twisted.internet import reactor
from twisted.logger import LogEvent, globalLogPublisher

# The reactor's own wakers and the worker pool are there before any test.
_STANDING = set(map(id, reactor.getReaders()))  # type: ignore[attr-defined]


def pytest_collection_finish() -> None:
    """What is imported by now stays: collecting after a test need not look at it."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def logged_failures() -> Iterator[list[LogEvent]]:
    """Failures logged so far; a test that expects one takes it out of the list."""
    failures: list[LogEvent] = []

    def observe(event: LogEvent) -> None:
        if event.get("log_failure") is not None or event.get("isError"):
            failures.append(event)

    globalLogPublisher.addObserver(observe)
    yield failures
    globalLogPublisher.removeObserver(observe)


@pytest.fixture(autouse=True)
def leaves_nothing_behind(logged_failures: list[LogEvent]) -> Iterator[None]:
    """pytest-twisted passes tests that leave timers, ports or logged failures."""
    yield
    gc.collect()  # a Deferred's unheard error is logged when it is collected
    timers = [call for call in reactor.getDelayedCalls() if call.active()]  # type: ignore[attr-defined]
    readers = [
        reader
        for reader in reactor.getReaders()  # type: ignore[attr-defined]
        if id(reader) not in _STANDING and "Waker" not in type(reader).__name__
    ]
    for call in timers:
        call.cancel()
    assert not timers, f"timers left: {timers}"
    assert not readers, f"sockets left open: {readers}"
    failures = [str(event.get("log_failure") or event) for event in logged_failures]
    assert not failures, "failures logged:\n" + "\n".join(failures)


@pytest.fixture
def lines() -> Iterator[list[LogEvent]]:
    """What is logged, as it comes."""
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    yield events
    globalLogPublisher.removeObserver(events.append)
