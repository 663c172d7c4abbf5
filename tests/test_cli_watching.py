"""Every change as it happens, over a stream that may be lost."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from lifeguard.cli.api import SILENCE_SECONDS
from lifeguard.cli.live import Messages
from tests.cli_rig import cli


def test_a_change_is_a_line_in_the_words_of_the_log() -> None:
    rig = cli()
    rig.steps = [lambda: rig.web.lab.request("rq-reboot"), rig.web.lab.cycled]
    assert rig.run("watch") == (
        130,
        [
            "00:00:00  panda-01: New -- rq-reboot --> RebootRebooting",
            "00:00:00  panda-01: RebootRebooting -- power-cycle-started -->"
            " RebootRebooting",
            "00:00:00  panda-01: RebootRebooting -- power-cycle-ok --> RebootComplete",
        ],
        [],
    )


def test_only_the_boards_that_are_meant_are_watched() -> None:
    rig = cli()
    rig.steps = [lambda: rig.web.lab.request("rq-reboot")]
    assert rig.run("watch", "panda-02").out == []


def test_for_programs_it_is_what_the_stream_said() -> None:
    rig = cli()
    rig.steps = [lambda: rig.web.lab.request("rq-reboot")]
    (line,) = rig.run("watch", "--json").out
    assert json.loads(line)["change"]["event"] == "rq-reboot"


def test_a_stream_that_is_lost_comes_back() -> None:
    rig = cli()

    def come_back() -> None:
        rig.wire.is_cut = False
        rig.clock.advance(1)

    rig.steps = [
        rig.wire.cut,
        lambda: rig.clock.advance(1),
        come_back,
        lambda: rig.web.lab.request("rq-reboot"),
    ]
    status, out, err = rig.run("watch")
    assert (status, err) == (
        130,
        ["lifeguard: http://127.0.0.1:8080: the stream has ended"],
    )
    assert out == ["00:00:02  panda-01: New -- rq-reboot --> RebootRebooting"]


def test_a_stream_that_says_nothing_is_opened_again() -> None:
    rig = cli()

    def say_nothing() -> None:
        for pump in rig.wire.pumps:
            pump.serverIO.write = lambda data: None
        rig.clock.advance(SILENCE_SECONDS)

    rig.steps = [
        say_nothing,
        lambda: rig.clock.advance(1),
        lambda: rig.web.lab.request("rq-reboot"),
    ]
    assert len(rig.run("watch").out) == 1


def test_on_a_terminal_the_lab_is_shown_below() -> None:
    rig = cli()
    rig.width, rig.is_terminal = 80, True
    rig.steps = [
        lambda: rig.web.lab.request("rq-reboot"),
        lambda: rig.clock.advance(1),
        rig.wire.cut,
        lambda: rig.clock.advance(1),
        lambda: rig.clock.advance(0.25),
    ]
    said = rig.run("watch")
    text = "\n".join(said.out)
    assert "3 boards: 1 at work, 2 left alone" in text
    assert "http://127.0.0.1:8080: connection refused" in text
    assert said.err == []


@given(st.data())
def test_messages_are_whole_however_they_come_in(data: st.DataObject) -> None:
    heard: list[object] = []
    messages = Messages(heard.append)
    stream = b': still here\n\nid: a/1\ndata: {"a": 1}\n\nid: a/2\ndata: {"a": 2}\n\n'
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        messages.feed(stream[:size])
        stream = stream[size:]
    assert heard == [{"a": 1}, {"a": 2}]
