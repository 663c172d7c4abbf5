"""A client that keeps every board busy, and remembers what it was answered."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from threading import Event
from typing import Any, Self
from urllib.parse import urlsplit

from msgspec import Struct

PAUSE = 0.05
"""Seconds between two looks at the boards."""
ANSWER_SECONDS = 10.0


class Asked(Struct):
    """What came of the requests for one board."""

    accepted: list[int] = []
    """The generations that were answered."""
    repeated: int = 0
    unanswered: int = 0


class Driver:
    """Asks for a reimage of every board, and again when it is Ready, until stopped.

    A request whose answer was lost is sent again, whatever has become of its board.
    """

    def __init__(self, url: str, boards: Iterable[str]) -> None:
        self.asked = {board: Asked() for board in boards}
        self.answered = _nothing
        """Called in the instant of the next answer, and then no more."""
        self._due = set(self.asked)
        self._netloc = urlsplit(url).netloc
        self._stopping, self._abandoned = Event(), Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """However the campaign has ended, let the thread end."""
        self._abandoned.set()

    def stop(self) -> None:
        """Ask for nothing new; `run` returns when every request has been answered."""
        self._stopping.set()

    def run(self) -> None:
        """Returns when stopped; AssertionError for an answer that may not be."""
        while not self._abandoned.is_set():
            if self._stopping.is_set() and not self._due:
                return
            with suppress(OSError, HTTPException):
                self._look()
            self._abandoned.wait(PAUSE)

    def _look(self) -> None:
        connection = HTTPConnection(self._netloc, timeout=ANSWER_SECONDS)
        with closing(connection):
            connection.connect()
            for board in sorted(self._due):
                self._ask(connection, board)
            for board in self._idle(connection):
                self._ask(connection, board)

    def _idle(self, connection: HTTPConnection) -> list[str]:
        if self._stopping.is_set():
            return []
        connection.request("GET", "/api/v1/boards?state=Ready&limit=1000")
        _, answer = _answer(connection)
        return [board["name"] for board in answer["boards"]]

    def _ask(self, connection: HTTPConnection, board: str) -> None:
        asked = self.asked[board]
        self._due.add(board)
        asked.unanswered += 1
        connection.request(
            "POST", f"/api/v1/boards/{board}/events/rq-reimage", '{"image": "debian"}'
        )
        status, answer = _answer(connection)
        answered, self.answered = self.answered, _nothing
        answered()
        asked.unanswered -= 1
        if status == 503:
            return
        assert status == 200, (board, status, answer)
        self._due.discard(board)
        if answer.get("repeat"):
            asked.repeated += 1
        else:
            asked.accepted.append(answer["generation"])


def _nothing() -> None: ...


def _answer(connection: HTTPConnection) -> tuple[int, Any]:
    response = connection.getresponse()
    return response.status, json.loads(response.read())
