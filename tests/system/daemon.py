"""`twistd lifeguard` as a process of its own, and one of its boards over HTTP."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import treq
from twisted.internet.error import ConnectError
from twisted.internet.task import deferLater

from .child import Child

REPOSITORY = Path(__file__).parents[2]
PAUSE = 0.5
"""Seconds between two looks."""
PATIENCE = 30.0
"""Seconds that lifeguard has to start, and to end."""

Move = tuple[str, str]
"""An event and the state it led to."""


class Daemon:
    """lifeguard of this checkout, with the configuration that `directory` holds."""

    def __init__(self, reactor: Any, directory: Path, port: int, board: str) -> None:
        self._reactor = reactor
        self._url = f"http://127.0.0.1:{port}"
        self._board = f"/api/v1/boards/{board}"
        self._child = Child(
            reactor,
            [
                *(str(Path(sys.executable).with_name("twistd")), "-n", "--pidfile="),
                *("lifeguard", "--config", str(directory / "lifeguard.toml")),
                *("--state-dir", str(directory)),
            ],
            directory / "lifeguard.log",
            {**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )

    async def ready(self) -> None:
        """Wait until lifeguard is ready."""
        for _ in range(round(PATIENCE / PAUSE)):
            assert not self._child.ended.called, "lifeguard has ended"
            with contextlib.suppress(ConnectError):
                if (await self._ask("GET", "/readyz")).code == 200:
                    return
            await deferLater(self._reactor, PAUSE)
        raise AssertionError(f"lifeguard is not ready after {PATIENCE} s")

    async def stop(self) -> None:
        """Let it finish the power cycles that it has begun, and end."""
        self._child.signal("TERM")
        impatience = self._reactor.callLater(PATIENCE, self._child.signal, "KILL")
        await self._child.ended
        if impatience.active():
            impatience.cancel()

    async def kill(self) -> None:
        """End it as a power cut would."""
        self._child.signal("KILL")
        await self._child.ended

    async def request(self, event: str, body: object) -> None:
        """Want something of the board."""
        path = f"{self._board}/events/{event}"
        response = await self._ask("POST", path, json=body)
        assert response.code < 300, (response.code, await response.text())

    async def board(self) -> Any:
        """What lifeguard knows of the board."""
        return await self._get(self._board)

    async def board_moves(self, expected: list[Move], seconds: float) -> None:
        """Wait until these are all the board's moves; any other one is an error."""
        moves: list[Move] = []
        for _ in range(round(seconds / PAUSE)):
            moves = await self._moves()
            assert moves == expected[: len(moves)]
            if moves == expected:
                return
            await deferLater(self._reactor, PAUSE)
        raise AssertionError(f"in {seconds} s no more than {moves}")

    async def _moves(self) -> list[Move]:
        answer = await self._get(f"{self._board}/history")
        return [
            (row["event"], row["to_state"])
            for row in sorted(answer["history"], key=lambda row: row["id"])
            if row["to_state"] != row["from_state"]
        ]

    async def _get(self, path: str) -> Any:
        response = await self._ask("GET", path)
        assert response.code == 200, (path, response.code, await response.text())
        return await response.json()

    async def _ask(self, method: str, path: str, **arguments: Any) -> Any:
        return await treq.request(
            method,
            self._url + path,
            persistent=False,
            timeout=10,
            reactor=self._reactor,
            **arguments,
        )
