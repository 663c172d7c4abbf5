"""Endpoints: room for many, and one line about those that cannot be opened."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock

from lifeguard.endpoints import BACKLOG, CannotOpen, open_endpoint, with_backlog
from tests.rig import result_of


def opened(where: str) -> MemoryReactorClock:
    reactor = MemoryReactorClock()
    opening = open_endpoint(reactor, "http", where, Factory())
    result_of(Deferred.fromCoroutine(opening))
    return reactor


@pytest.mark.parametrize(
    ("where", "opened"),
    [
        ("tcp:8080", "tcp:8080:backlog=4096"),
        ("ssl:8443:privateKey=k.pem", "ssl:8443:privateKey=k.pem:backlog=4096"),
        ("unix:/run/lifeguard.sock", "unix:/run/lifeguard.sock:backlog=4096"),
        ("tcp:8080:backlog=5:interface=::1", "tcp:8080:backlog=5:interface=::1"),
        ("systemd:domain=INET:index=0", "systemd:domain=INET:index=0"),
    ],
)
def test_a_whole_lab_may_call_at_once(where: str, opened: str) -> None:
    assert with_backlog(where) == opened


def test_an_endpoint_is_opened_with_room_for_many() -> None:
    [(port, _, backlog, interface)] = opened("tcp:8080:interface=127.0.0.1").tcpServers
    assert (port, backlog, interface) == (8080, BACKLOG, "127.0.0.1")


@pytest.mark.parametrize("where", ["8080", "nothing:8080", "tcp:http!", "ssl:1", ""])
def test_an_endpoint_that_cannot_be_opened_is_named(where: str) -> None:
    with pytest.raises(CannotOpen) as raised:
        opened(where)
    said = f"http.listen: cannot listen on {where}: "
    assert str(raised.value).startswith(said)
