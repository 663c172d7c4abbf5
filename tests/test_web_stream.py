"""The stream of changes: whoever reads hears all, whoever does not is dropped."""

from __future__ import annotations

import json
import zlib
from typing import Any

import msgspec
import pytest
from twisted.internet.defer import Deferred

from lifeguard.model import Inventory
from lifeguard.web import Access
from lifeguard.web.stream import (
    BATCH_SECONDS,
    HEARTBEAT,
    HEARTBEAT_SECONDS,
    MOST_OF_A_CLIENT,
    MOST_WAITING,
    StreamedChange,
)
from tests.rig import inventory
from tests.test_inventory_difference import without
from tests.web_rig import (
    HERE,
    OPERATOR,
    PANDA_01,
    STRANGER,
    Connection,
    WebRig,
    web,
)

STREAM = "/api/v1/stream"

END = b"0\r\n\r\n"
"""How an answer in pieces ends."""


def listen(parts: WebRig, peer: str = STRANGER, **headers: str) -> Connection:
    """A client that has read the head of the answer."""
    connection = parts.connect(peer)
    connection.send("GET", STREAM, headers, b"")
    reply = connection.reply()
    assert (reply.status, reply.headers["content-type"]) == (200, "text/event-stream")
    assert chunks(reply.body) == [HEARTBEAT]
    return connection


def chunks(body: bytes) -> list[bytes]:
    """What was sent, without the frame that HTTP puts around it."""
    sent = []
    while body:
        length, _, body = body.partition(b"\r\n")
        size = int(length, 16)
        sent.append(body[:size])
        body = body[size + 2 :]
    return sent


def heard(connection: Connection) -> list[bytes]:
    body = connection.transport.value()
    connection.transport.clear()
    return chunks(body)


def changes(messages: list[bytes]) -> list[tuple[str, Any]]:
    """The id and the data of each event."""
    events = []
    for message in b"".join(messages).decode().split("\n\n")[:-1]:
        id_line, data_line = message.split("\n")
        events.append((id_line, json.loads(data_line.removeprefix("data: "))))
    return events


def ids(messages: list[bytes]) -> list[list[str]]:
    """Of each batch, which changes it tells of."""
    return [[event_id for event_id, _ in changes([batch])] for batch in messages]


def test_every_change_is_told_to_everyone_once() -> None:
    parts = web()
    first, second = listen(parts), listen(parts)
    parts.request("rq-reboot")
    parts.request("rq-reboot")
    parts.lab.cycled()
    parts.lab.clock.advance(BATCH_SECONDS)
    told = changes(heard(first))
    assert [
        (event_id, data["change"]["event"], data["board"]["state"])
        for event_id, data in told
    ] == [
        ("id: panda-01/1", "rq-reboot", "RebootRebooting"),
        ("id: panda-01/2", "power-cycle-started", "RebootRebooting"),
        ("id: panda-01/3", "power-cycle-ok", "RebootComplete"),
    ]
    assert changes(heard(second)) == told
    for connection in (first, second):
        connection.hang_up()


def test_a_change_says_where_the_board_stands_as_the_list_does() -> None:
    parts = web()
    connection = listen(parts)
    parts.request("rq-reboot")
    [(_, data)] = changes(heard(connection))
    [listed] = parts.ask("/api/v1/boards?name=panda-01").json["boards"]
    assert data["board"] == listed
    connection.hang_up()


def test_the_first_change_is_told_at_once_and_a_burst_in_one_piece() -> None:
    parts = web()
    connection = listen(parts)
    parts.request("rq-reboot")
    parts.lab.cycled()
    assert ids(heard(connection)) == [["id: panda-01/1"]]
    parts.lab.clock.advance(BATCH_SECONDS)
    assert ids(heard(connection)) == [["id: panda-01/2", "id: panda-01/3"]]
    parts.request("rq-reboot")
    assert heard(connection) == []
    parts.lab.clock.pump([BATCH_SECONDS, BATCH_SECONDS])
    assert ids(heard(connection)) == [["id: panda-01/4"]]
    parts.request("rq-maintenance")
    assert ids(heard(connection)) == [["id: panda-01/5"]]
    connection.hang_up()


def test_a_change_is_written_out_once_however_many_listen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts, written = web(), []
    encode = msgspec.json.encode
    monkeypatch.setattr(
        "lifeguard.web.stream.msgspec.json.encode",
        lambda value: written.append(value) or encode(value),
    )
    connections = [listen(parts) for _ in range(3)]
    parts.request("rq-reboot")
    streamed = [one for one in written if isinstance(one, StreamedChange)]
    assert len(streamed) == 1
    for connection in connections:
        assert len(heard(connection)) == 1
        connection.hang_up()


def test_who_takes_it_packed_hears_the_same() -> None:
    parts = web()
    plain, packed = listen(parts), parts.connect()
    parts.request("rq-reboot")
    before = heard(plain)
    packed.send("GET", STREAM, {"Accept-Encoding": "gzip, br"}, b"")
    reply = packed.reply()
    assert reply.headers["content-encoding"] == "gzip"
    unpack = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    assert unpack.decompress(b"".join(chunks(reply.body))) == HEARTBEAT
    for event in ("rq-maintenance", "rq-reimage", "rq-reboot"):
        parts.request(event, {"image": "debian"} if event == "rq-reimage" else None)
        parts.lab.clock.advance(BATCH_SECONDS)
        told = heard(plain)
        assert told != before
        assert unpack.decompress(b"".join(heard(packed))) == b"".join(told)
    for connection in (plain, packed):
        connection.hang_up()


def test_a_heart_beats_while_somebody_listens() -> None:
    parts = web()
    before = len(parts.lab.clock.getDelayedCalls())
    connection = listen(parts)
    parts.lab.clock.pump([15, 15])
    assert heard(connection) == [HEARTBEAT, HEARTBEAT]
    connection.hang_up()
    assert len(parts.lab.clock.getDelayedCalls()) == before
    listen(parts).hang_up()


def test_a_slow_client_hears_everything_later() -> None:
    parts = web()
    connection = listen(parts)
    connection.transport.producer.pauseProducing()
    parts.request("rq-reboot")
    parts.lab.cycled()
    parts.lab.clock.advance(BATCH_SECONDS)
    assert heard(connection) == []
    connection.transport.producer.resumeProducing()
    assert [event_id for event_id, _ in changes(heard(connection))] == [
        "id: panda-01/1",
        "id: panda-01/2",
        "id: panda-01/3",
    ]
    connection.hang_up()


def test_a_client_that_does_not_read_is_dropped_and_the_others_are_not() -> None:
    parts = web()
    deaf, quick = listen(parts), listen(parts)
    deaf.transport.producer.pauseProducing()
    for _ in range(MOST_WAITING):
        parts.lab.clock.advance(15)
    assert deaf.transport.disconnecting is False
    assert deaf.transport.disconnected is False
    parts.lab.clock.advance(15)
    assert deaf.transport.disconnected is True
    deaf.hang_up()
    heard(quick)
    parts.request("rq-reboot")
    assert len(heard(quick)) == 1
    quick.hang_up()


def test_a_client_that_does_not_read_much_is_dropped_sooner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lifeguard.web.stream.MOST_BYTES", 3 * len(HEARTBEAT))
    parts = web()
    deaf = listen(parts)
    deaf.transport.producer.pauseProducing()
    dropped = []
    for _ in range(4):
        parts.lab.clock.advance(15)
        dropped.append(deaf.transport.disconnected)
    assert dropped == [False, False, False, True]
    deaf.hang_up()


def test_who_reads_on_owes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lifeguard.web.stream.MOST_BYTES", 3 * len(HEARTBEAT))
    parts = web()
    slow = listen(parts)
    for _ in range(3):
        slow.transport.producer.pauseProducing()
        parts.lab.clock.pump([15, 15, 15])
        slow.transport.producer.resumeProducing()
        assert len(heard(slow)) == 3
    slow.hang_up()


def test_a_client_may_hold_some_streams_and_all_together_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = web()
    one = [listen(parts) for _ in range(MOST_OF_A_CLIENT)]
    assert parts.ask(STREAM).status == 429
    other = listen(parts, "198.51.100.8")
    monkeypatch.setattr("lifeguard.web.stream.MOST_LISTENERS", MOST_OF_A_CLIENT + 1)
    assert parts.ask(STREAM, peer="198.51.100.9").status == 503
    one.pop().hang_up()
    again = listen(parts)
    for connection in (*one, other, again):
        connection.hang_up()


def test_a_client_that_has_gone_is_forgotten() -> None:
    parts = web()
    gone, there = listen(parts), listen(parts)
    gone.hang_up()
    parts.request("rq-reboot")
    assert (heard(gone), len(heard(there))) == ([], 1)
    there.hang_up()


def test_streams_end_when_the_port_is_closed() -> None:
    parts = web()
    connection = listen(parts)
    parts.request("rq-reboot")
    parts.lab.cycled()
    heard(connection)
    parts.site.doStart()
    parts.site.doStop()
    said = connection.transport.value().removesuffix(b"0\r\n\r\n")
    assert ids(chunks(said)) == [["id: panda-01/2", "id: panda-01/3"]]
    connection.hang_up()
    parts.request("rq-reboot")


def by_token(parts: WebRig, name: str = "eve") -> str:
    return f"Bearer {parts.operator(name, 'see')}"


def is_heard(parts: WebRig, connection: Connection) -> bool:
    """Whether the heart beats for it; a stream that ends says so."""
    parts.lab.clock.advance(HEARTBEAT_SECONDS)
    said = connection.transport.value()
    connection.transport.clear()
    assert said in (END, b"e\r\n" + HEARTBEAT + b"\r\n")
    return bool(said != END)


def test_a_revoked_token_hears_no_more() -> None:
    parts = web(access=Access(read="token"))
    eve = listen(parts, Authorization=by_token(parts))
    ann = listen(parts, Authorization=by_token(parts, "ann"))
    assert parts.post("/api/v1/operators/eve/revoke", headers=OPERATOR).status == 200
    assert (is_heard(parts, eve), heard(ann)) == (False, [HEARTBEAT])
    assert is_heard(parts, ann)
    for connection in (eve, ann):
        connection.hang_up()


def test_a_token_that_expires_hears_no_more() -> None:
    parts = web(access=Access(read="token"))
    connection = listen(parts, Authorization=by_token(parts))
    assert is_heard(parts, connection)
    parts.lab.clock.pump([3600 - 2 * HEARTBEAT_SECONDS])
    heard(connection)
    assert not is_heard(parts, connection)
    connection.hang_up()


def test_who_signs_out_hears_no_more_unless_all_may_look() -> None:
    for access, goes_on in ((Access(read="token"), False), (Access(), True)):
        parts = web(access=access)
        cookie = parts.sign_in(parts.operator("eve", "see"))
        connection = listen(parts, Cookie=cookie)
        assert is_heard(parts, connection)
        own = {"Cookie": cookie, "X-Lifeguard": "1", "Origin": "http://localhost:8080"}
        assert parts.post("/api/v1/session/end", headers=own).status == 200
        assert is_heard(parts, connection) is goes_on
        connection.hang_up()


def apply(parts: WebRig, lab: Inventory) -> None:
    parts.found[0] = lab
    reply = parts.post("/api/v1/inventory/apply", {"yes": True}, peer=HERE)
    assert reply.status == 200


def test_another_inventory_ends_the_streams_so_that_all_is_read_anew() -> None:
    parts = web()
    before = listen(parts)
    apply(parts, inventory(boards=3))
    assert before.transport.value() == END
    after = listen(parts)
    assert is_heard(parts, after)
    for connection in (before, after):
        connection.hang_up()


def test_they_end_again_when_the_last_that_leaves_has_left() -> None:
    parts, cycle = web(), Deferred[None]()
    parts.lab.power.cycles["panda-01"] = cycle
    apply(parts, without(inventory(), "boards", "panda-01"))
    connection = listen(parts)
    assert is_heard(parts, connection)
    cycle.callback(None)
    assert not is_heard(parts, connection)
    again = listen(parts)
    assert is_heard(parts, again)
    for each in (connection, again):
        each.hang_up()


def test_the_headers_of_a_stream_end_at_once() -> None:
    reply = web().ask(STREAM, "HEAD", peer=HERE)
    assert (reply.status, reply.body) == (200, b"")


def test_refusals_are_no_changes() -> None:
    parts = web()
    connection = listen(parts)
    parts.post(f"{PANDA_01}/state", {"from": "Ready", "to": "New"}, peer=HERE)
    assert heard(connection) == []
    connection.hang_up()
