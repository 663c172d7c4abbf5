"""Alerts of a real daemon, which is killed while a real receiver has its message."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.process_lab import LIMIT, ProcessLab, process_lab, until

Heard = list[tuple[str, dict[str, Any]]]


@contextmanager
def receiver() -> Iterator[tuple[str, Heard, threading.Event]]:
    """Its URL, the keys and documents that it has heard; it answers when it may."""
    heard: Heard = []
    may_answer = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((self.headers["Idempotency-Key"], json.loads(body)))
            may_answer.wait(LIMIT)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever, args=(0.05,))
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", heard, may_answer
    finally:
        may_answer.set()
        server.shutdown()
        server.server_close()
        serving.join()


def tell(settings: Path, url: str) -> None:
    """Have one channel, which takes its time for nothing."""
    table = (
        "\n[alerts]\ngroup = 0.05\npause = 0.05\n"
        '[alerts.channels.ops]\nkind = "webhook"\n'
        f'url = "{url}"\non = ["given-up", "incident-closed"]\n'
    )
    settings.write_text(settings.read_text() + table)


def is_done(lab: ProcessLab) -> bool:
    """Whether the channel has told something, and nothing waits."""
    [ops] = lab.ask("/api/v1/alerts")[1]["channels"]
    return ops["waiting"] == 0 and ops["last_sent"] is not None


def test_a_stop_before_the_answer_repeats_nothing(tmp_path: Path) -> None:
    with receiver() as (url, heard, may_answer), process_lab(tmp_path) as lab:
        tell(tmp_path / "lifeguard.toml", url)
        daemon = lab.start()
        moved = {"from": "New", "to": "FailedRebootComplete"}
        assert lab.ask("/api/v1/boards/sim-01/state", moved)[0] == 200
        until(lambda: len(heard) == 1)
        threading.Timer(0.5, may_answer.set).start()
        daemon.end(signal.SIGTERM)
        lab.start()
        until(lambda: is_done(lab))
        assert len(heard) == 1


def test_a_kill_before_the_answer_repeats_one_message_once(tmp_path: Path) -> None:
    with receiver() as (url, heard, may_answer), process_lab(tmp_path) as lab:
        tell(tmp_path / "lifeguard.toml", url)
        daemon = lab.start()
        moved = {"from": "New", "to": "FailedRebootComplete"}
        assert lab.ask("/api/v1/boards/sim-01/state", moved)[0] == 200
        until(lambda: len(heard) == 1)
        daemon.end(signal.SIGKILL)
        may_answer.set()
        lab.start()
        until(lambda: len(heard) == 2)
        (first_key, first), (again_key, again) = heard
        assert (first_key, first) == (again_key, again)
        assert first["alerts"][0]["about"] == "sim-01"
        assert first["title"].endswith(
            "sim-01: New -- set-state --> FailedRebootComplete"
        )
        until(lambda: is_done(lab))
        back = {"from": "FailedRebootComplete", "to": "New"}
        assert lab.ask("/api/v1/boards/sim-01/state", back)[0] == 200
        until(lambda: len(heard) == 3)
        assert heard[2][0] != first_key
        assert heard[2][1]["counts"] == {"incident-closed": 1}
        assert lab.ask("/api/v1/alerts/ops/test", {})[0] == 200
        assert (len(heard), heard[3][1]["alerts"]) == (4, [])
