"""How health checks are spelt, and what each asks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed

from lifeguard.health.checks import BadCheck, parse


class RecordingProbes:
    """Answers at once, and writes down what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def ping(self, address: str) -> Deferred[None]:
        self.asked.append(("ping", address))
        return succeed(None)

    def connect(self, address: str, port: int) -> Deferred[None]:
        self.asked.append(("connect", address, port))
        return succeed(None)

    def fetch(self, url: str) -> Deferred[None]:
        self.asked.append(("fetch", url))
        return succeed(None)


def test_each_check_asks_the_board_its_own_way() -> None:
    probes = RecordingProbes()
    for text in [
        "ping",
        "tcp:22",
        "http://{address}:80/path",
        "https://{address}",
        "http://{address}/?who={address}",
    ]:
        parse(text).poll("192.0.2.1", probes)
    assert probes.asked == [
        ("ping", "192.0.2.1"),
        ("connect", "192.0.2.1", 22),
        ("fetch", "http://192.0.2.1:80/path"),
        ("fetch", "https://192.0.2.1"),
        ("fetch", "http://192.0.2.1/?who=192.0.2.1"),
    ]


@pytest.mark.parametrize(
    "text", ["ping", "tcp:22", "http://{address}/", "https://{address}:8443/{x}"]
)
def test_a_check_is_shown_as_it_was_written(text: str) -> None:
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Ping",
        "ping ",
        "ping\n",
        "tcp:",
        "tcp:ssh",
        "tcp:-1",
        "tcp:٢٢",
        "udp:69",
        "ftp://{address}/",
        "http://192.0.2.1/",
        "http://{address}.example/",
        "http://{address}:/",
        "http://{address}/two words",
        "http://{address}/ü",
    ],
)
def test_what_names_no_check_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(BadCheck) as refusal:
        parse(text)
    assert str(refusal.value) == (
        f"{text!r} is no health check:"
        ' "ping", "tcp:PORT" or "http://{address}:PORT/path"'
    )


@pytest.mark.parametrize("text", ["tcp:0", "tcp:65536", "http://{address}:99999/"])
def test_a_port_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(BadCheck) as refusal:
        parse(text)
    assert str(refusal.value) == (f"{text!r} is no health check: a port is 1 to 65535")


@given(st.text() | st.from_regex(r"https?://\{address\}:?[0-9]*/?.*", fullmatch=True))
def test_a_text_is_a_check_that_can_be_asked_or_it_is_refused(text: str) -> None:
    try:
        check = parse(text)
    except BadCheck:
        return
    probes = RecordingProbes()
    check.poll("192.0.2.1", probes)
    assert len(probes.asked) == 1
