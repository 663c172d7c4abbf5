"""Whatever answers in a daemon's place, the answer is one line and no traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.protocol import Factory, Protocol
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from lifeguard.cli.api import REQUEST_SECONDS
from tests.cli_rig import CliRig, Said, Wire, cli
from tests.web_rig import web

COMMANDS = [
    ["status"],
    ["status", "--json"],
    ["show", "panda-01"],
    ["history"],
    ["relay-boards"],
    ["relay-boards", "test", "rack1"],
    ["incidents"],
    ["images"],
    ["images", "release", "debian"],
    ["polls"],
    ["polls", "release"],
    ["alerts"],
    ["alerts", "test", "ops"],
    ["watch"],
    ["reboot", "panda-01", "--wait"],
    ["set-state", "panda-01", "--from", "New", "--to", "Ready"],
]


class Impostor(Resource):
    """Answers everything in one way."""

    isLeaf = True

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__()
        self._status, self._body = status, body

    def render(self, request: Request) -> bytes:
        request.setResponseCode(self._status)
        request.setHeader("Location", "http://elsewhere.example/")
        return self._body


def ask(command: list[str], status: int, body: bytes) -> Said:
    parts = web()
    site = Site(Impostor(status, body), reactor=parts.lab.clock)
    rig = CliRig(parts, Wire(site), Path("/nonexistent"))
    rig.steps = [lambda: rig.clock.advance(10)] * 10
    return rig.run(*command)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>"),
        (200, b"[]"),
        (200, b"{}"),
        (200, b"[" * 100_000),
        (200, b'{"boards": [{}], "history": [{}], "incidents": [{}], "next": null}'),
        (200, b"data: []\n\n"),
        (302, b""),
        (401, b"<html>"),
        (404, b'{"error": 3}'),
        (500, b'{"error": "a fault"}'),
        (503, b'{"error": "not now"}'),
    ],
)
def test_an_impostor_is_one_line(status: int, body: bytes) -> None:
    for command in COMMANDS:
        said = ask(command, status, body)
        assert said.status in (1, 3)
        assert said.out == []
        (line,) = said.err
        assert line.startswith("lifeguard: ")


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n\r\n{"])
@pytest.mark.parametrize("command", [["status"], ["reboot", "a", "--wait"], ["watch"]])
def test_an_answer_that_never_ends_has_a_limit(command: list[str], said: bytes) -> None:
    class Silent(Protocol):
        def dataReceived(self, data: bytes) -> None:
            assert self.transport is not None
            self.transport.write(said)

    rig = CliRig(web(), Wire(Factory.forProtocol(Silent)), Path("/nonexistent"))
    rig.steps = [lambda: rig.clock.advance(REQUEST_SECONDS)]
    assert rig.run(*command) == (
        3,
        [],
        ["lifeguard: http://127.0.0.1:8080: no answer"],
    )


def test_a_redirection_is_not_followed_with_the_token() -> None:
    said = ask(["status"], 302, b"")
    assert said.err == [
        "lifeguard: http://127.0.0.1:8080: this is no lifeguard: status 302"
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def answers(rig: CliRig, path: str) -> dict[str, Any]:
    document: dict[str, Any] = rig.web.ask(path).json
    return document


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_an_answer_that_is_wrong_somewhere_is_no_traceback(data: st.DataObject) -> None:
    document = answers(cli(), "/api/v1/boards?name=panda-01")
    board = document["boards"][0]
    board[data.draw(st.sampled_from(sorted(board)))] = data.draw(JSON)
    command = data.draw(st.sampled_from([["status"], ["status", "--long"]]))
    assert ask(command, 200, json.dumps(document).encode()).status == 3


def test_no_text_steers_the_terminal_or_is_markup() -> None:
    text = "\x1b[2J\x9b31m\n[bold]:cat:"
    said = ask(["show", "panda-01"], 409, json.dumps({"error": text}).encode())
    assert said.err == [
        "lifeguard: http://127.0.0.1:8080/api/v1/boards/panda-01: [2J 31m [bold]:cat:"
    ]
    incident = {
        "opened": "2026-01-01T00:00:00Z",
        "closed": None,
        "kind": "image",
        "name": text,
        "boards": ["a", "b"],
        "failing": ["b"],
        "set_aside": True,
        "text": text,
    }
    said = ask(["incidents"], 200, json.dumps({"incidents": [incident]}).encode())
    assert said.out == [
        "   OPENED    LASTED  CAUSE                       BOARDS  TEXT",
        "✗  00:00:00  0 s     image  [2J 31m [bold]:cat:  2"
        "        [2J 31m [bold]:cat:; still failing: b;"
        " set aside until it is released",
    ]
