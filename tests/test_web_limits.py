"""How much and how often anybody may ask; boards are never held up by it."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from lifeguard.web import Access, connections
from lifeguard.web.callers import UNKNOWN_CALLS, WRONG_TOKENS
from lifeguard.web.errors import TooMany
from lifeguard.web.limits import MOST_ADDRESSES, Limit
from lifeguard.web.request import LARGEST_BODY, REQUEST_SECONDS, SWEEP_SECONDS
from tests.web_rig import (
    BOARDS,
    HERE,
    OPERATOR,
    PANDA,
    PANDA_01,
    STRANGER,
    Connection,
    WebRig,
    booting,
    web,
)

WRONG = {"Authorization": "Bearer lg_wrong"}
EVENT = f"{PANDA_01}/events/installer-running"
PROXY = "192.0.2.200"


def taken(limit: Limit, address: str = STRANGER) -> float:
    """Seconds until the next call is allowed; 0 if this one was."""
    try:
        limit.take(address)
    except TooMany as too_many:
        return too_many.seconds
    return 0.0


# A limit by itself.


def test_some_calls_at_once_and_then_one_in_a_while() -> None:
    clock = Clock()
    limit = Limit(clock, at_once=2, seconds=5)
    assert [taken(limit) for _ in range(4)] == [0, 0, 5, 5]
    clock.advance(4)
    assert taken(limit) == 1
    clock.advance(1)
    assert [taken(limit), taken(limit)] == [0, 5]
    clock.advance(100)
    assert [taken(limit) for _ in range(3)] == [0, 0, 5]


def test_each_address_has_its_own_and_a_network_of_ipv6_one() -> None:
    limit = Limit(Clock(), at_once=1, seconds=5)
    addresses = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:1::"]
    assert [taken(limit, one) for one in addresses] == [0, 0, 0, 5, 0]


def test_only_so_many_addresses_are_remembered() -> None:
    limit = Limit(Clock(), at_once=1, seconds=5)
    assert taken(limit) == 0
    for number in range(MOST_ADDRESSES - 1):
        limit.take(f"10.0.{number // 256}.{number % 256}")
    assert taken(limit) == 5
    for number in range(MOST_ADDRESSES):
        taken(limit, f"10.1.{number // 256}.{number % 256}")
    assert taken(limit) == 0


@given(
    pauses=st.lists(st.floats(0, 20), min_size=1, max_size=50),
    at_once=st.integers(1, 5),
)
def test_in_no_time_more_are_allowed_than_are_paid_for(
    pauses: list[float], at_once: int
) -> None:
    clock, allowed = Clock(), []
    limit = Limit(clock, at_once, seconds=5)
    for pause in pauses:
        clock.advance(pause)
        if taken(limit) == 0:
            allowed.append(clock.seconds())
    for first, start in enumerate(allowed):
        for number, end in enumerate(allowed[first:], 1):
            assert number <= at_once + (end - start) / 5 + 1e-6


# Tokens that are wrong.


def wrong(parts: WebRig, peer: str = STRANGER, **headers: str) -> int:
    return parts.ask(BOARDS, peer=peer, headers=WRONG | headers).status


def test_ten_wrong_tokens_a_minute_and_then_it_is_said_when_to_come_again() -> None:
    parts = web()
    at_once, _ = WRONG_TOKENS
    assert [wrong(parts) for _ in range(at_once)] == [403] * at_once
    reply = parts.ask(BOARDS, headers=WRONG)
    assert (reply.status, reply.headers["retry-after"]) == (429, "6")
    assert reply.json == {"error": "too many calls from your address"}
    assert wrong(parts, "198.51.100.8") == 403
    parts.lab.clock.advance(6)
    assert [wrong(parts), wrong(parts)] == [403, 429]


def test_who_has_a_right_token_is_not_held_up_by_others_wrong_ones() -> None:
    parts = booting(web())
    for _ in range(30):
        wrong(parts)
        parts.post(f"{EVENT}?token=1.00")
    assert parts.ask(BOARDS, headers=OPERATOR).status == 200
    assert parts.happens("installer-running").status == 200


def test_no_board_is_ever_held_up() -> None:
    parts = booting(web())
    for _ in range(2 * UNKNOWN_CALLS[0]):
        assert parts.ask(BOARDS, peer=PANDA).status == 200
    for _ in range(30):
        assert parts.post(f"{EVENT}?token=1.00", peer=PANDA).status == 403


def test_behind_a_trusted_proxy_each_client_has_its_own() -> None:
    parts = web(access=Access(trusted_proxies=(ip_network(PROXY),)))
    said = [
        {"X-Forwarded-For": STRANGER},
        {"X-Forwarded-For": f"127.0.0.1, 192.0.2.1, {STRANGER}"},
        {"X-Forwarded-For": f"{STRANGER}, {PROXY}"},
    ]
    for number in range(10):
        assert wrong(parts, PROXY, **said[number % 3]) == 403
    assert wrong(parts, PROXY, **said[0]) == 429
    assert wrong(parts, PROXY, **{"X-Forwarded-For": "198.51.100.8"}) == 403
    assert wrong(parts, STRANGER, **{"X-Forwarded-For": "198.51.100.8"}) == 429


@pytest.mark.parametrize("said", ["", "x", "1.2.3.4.5", "\xff", PROXY, "1.2.3.4:80"])
def test_a_proxy_that_does_not_say_for_whom_it_asks_breaks_nothing(said: str) -> None:
    parts = web(access=Access(trusted_proxies=(ip_network(PROXY),)))
    for _ in range(20):
        assert wrong(parts, PROXY, **{"X-Forwarded-For": said}) == 403


# Calls by nobody.


def test_a_stranger_may_ask_often_but_not_without_end() -> None:
    parts = web()
    at_once, seconds = UNKNOWN_CALLS
    statuses = [parts.ask("/api/v1/health").status for _ in range(at_once + 1)]
    assert statuses == [200] * at_once + [429]
    assert parts.ask("/metrics").status == 429
    assert parts.ask("/healthz").status == 200
    assert parts.ask("/api/v1/health", headers=OPERATOR).status == 200
    assert parts.ask("/api/v1/health", peer=HERE).status == 200
    parts.lab.clock.advance(seconds)
    assert parts.ask("/api/v1/health").status == 200


# What a request may be.


def test_a_longer_url_and_longer_headers_are_refused_and_the_connection_ends() -> None:
    for path, headers in (
        ("/" + "x" * 20_000, {}),
        (BOARDS, {"X": "x" * 20_000}),
        (BOARDS, {f"X{number}": "x" * 50 for number in range(400)}),
    ):
        connection = web().connect()
        connection.send("GET", path, headers, b"")
        assert connection.transport.disconnecting
        assert connection.transport.value() in (
            b"",
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
        )


def test_a_body_is_kept_to_its_limit_only() -> None:
    parts, connection = web(), web().connect(HERE)
    headers = {"Content-Length": str(2 * LARGEST_BODY)}
    connection.send("POST", f"{PANDA_01}/events/rq-reimage", headers, b"")
    connection.receive(b"x" * 2 * LARGEST_BODY)
    assert connection.reply().status == 413
    parts.lab.clock.advance(0)


SLOW = [
    b"G",
    b"GET / HTTP/1.1\r\nX: ",
    b"POST /api/v1/boards HTTP/1.1\r\nContent-Length: 1000\r\n\r\n",
    b"POST /api/v1/boards HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
]


@pytest.mark.parametrize("begun", SLOW)
def test_who_never_comes_to_the_end_of_a_request_is_cut(begun: bytes) -> None:
    parts = web()
    parts.site.doStart()
    connection = parts.connect()
    connection.receive(begun)
    for _ in range(int(REQUEST_SECONDS / SWEEP_SECONDS)):
        assert not connection.transport.disconnected
        parts.lab.clock.advance(SWEEP_SECONDS)
        connection.receive(b"x" if b"chunked" not in begun else b"1\r\nx\r\n")
    parts.lab.clock.advance(SWEEP_SECONDS)
    assert connection.transport.disconnected
    connection.hang_up()
    parts.site.doStop()


def test_who_does_not_read_is_not_answered_again_until_they_do() -> None:
    parts = web()
    connection = parts.connect()
    client = connection.transport.producer
    connection.send("GET", "/healthz", {}, b"")
    assert connection.reply().status == 200
    client.pauseProducing()
    for _ in range(3):
        connection.send("GET", "/healthz", {}, b"")
    assert connection.transport.value().count(b"HTTP/1.1 200") == 1
    client.resumeProducing()
    assert connection.transport.value().count(b"HTTP/1.1 200") == 3
    connection.hang_up()


def test_who_never_reads_is_cut() -> None:
    parts = web()
    parts.site.doStart()
    connection = parts.connect()
    connection.transport.producer.pauseProducing()
    connection.send("GET", "/healthz", {}, b"")
    for _ in range(int(REQUEST_SECONDS / SWEEP_SECONDS)):
        assert not connection.transport.disconnected
        parts.lab.clock.advance(SWEEP_SECONDS)
    parts.lab.clock.advance(SWEEP_SECONDS)
    assert connection.transport.disconnected
    connection.hang_up()
    parts.site.doStop()


def test_who_is_answered_for_long_or_asks_now_and_then_is_not_cut() -> None:
    parts = web()
    parts.site.doStart()
    stream, patient = parts.connect(), parts.connect()
    stream.send("GET", "/api/v1/stream", {}, b"")
    for _ in range(20):
        patient.send("GET", "/healthz", {}, b"")
        assert patient.reply().status == 200
        parts.lab.clock.advance(30)
    assert not stream.transport.disconnected
    assert not patient.transport.disconnected
    for connection in (stream, patient):
        connection.hang_up()
    assert parts.site.channels == set()
    parts.site.doStop()


# Connections that are open.

FEW = 10


def few(*proxies: str) -> WebRig:
    trusted = tuple(map(ip_network, proxies))
    return web(access=Access(trusted_proxies=trusted, connections_per_address=FEW))


def opened(parts: WebRig, peer: str | IAddress, number: int) -> list[Connection]:
    return [parts.connect(peer) for _ in range(number)]


def is_taken(connection: Connection) -> bool:
    return not connection.transport.disconnected


def test_an_address_that_has_enough_open_gets_no_more_and_others_do() -> None:
    parts = few()
    assert all(map(is_taken, opened(parts, STRANGER, FEW)))
    refused = parts.connect(STRANGER)
    refused.receive(b"GET / HTTP/1.1\r\n\r\n")
    assert (is_taken(refused), refused.transport.value()) == (False, b"")
    assert is_taken(parts.connect("198.51.100.8"))


def test_one_that_ends_makes_room_and_a_refused_one_makes_none() -> None:
    parts = few()
    first, *_ = opened(parts, STRANGER, FEW)
    parts.connect(STRANGER).hang_up()
    assert not is_taken(parts.connect(STRANGER))
    first.hang_up()
    assert [is_taken(each) for each in opened(parts, STRANGER, 2)] == [True, False]


def test_a_network_of_ipv6_is_one_address_and_ipv4_is_the_same_in_its_guise() -> None:
    parts = few()
    opened(parts, "2001:db8::1", FEW)
    opened(parts, f"::ffff:{STRANGER}", FEW)
    refused = ["2001:db8::2", STRANGER]
    taken = ["2001:db8:0:1::", "::ffff:198.51.100.8"]
    assert [is_taken(parts.connect(each)) for each in refused] == [False, False]
    assert [is_taken(parts.connect(each)) for each in taken] == [True, True]


@pytest.mark.parametrize("peer", [HERE, "::1", PROXY, UNIXAddress("/run/l.sock")])
def test_this_machine_and_a_trusted_proxy_may_have_more(peer: str | IAddress) -> None:
    assert all(map(is_taken, opened(few(PROXY), peer, 3 * FEW)))


def test_refusals_are_counted_and_told_once_a_minute() -> None:
    parts = few()
    with capturedLogs() as logged:
        opened(parts, STRANGER, FEW + 5)
        parts.lab.clock.advance(60)
        opened(parts, STRANGER, 1)
    line = f"{STRANGER} has {FEW} connections open: no more are taken from there"
    ours = [each for each in logged if each["log_namespace"] == connections.__name__]
    assert [formatEvent(event) for event in ours] == [
        line,
        f"{line} (4 lines left out)",
    ]
    metric = "lifeguard_http_connections_refused_total 6.0"
    assert metric in parts.ask("/metrics", peer=HERE).body.decode().splitlines()


def test_nothing_is_kept_of_who_has_left() -> None:
    parts = few()
    for connection in opened(parts, STRANGER, FEW) + opened(parts, "2001:db8::1", FEW):
        connection.hang_up()
    assert parts.site.connections.open == {}
