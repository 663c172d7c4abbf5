"""What does the dashboard cost: its first view, its updates, and 200 who look at it?

A headless Chromium opens a lab of 10,000 boards, then sees 500 boards a second change
from one kind of state to another. Beside it stands a lab of 12. The streams are read by
a process of their own; their peer is the same load while nobody looks.
"""

from __future__ import annotations

import selectors
import socket
import time
from contextlib import contextmanager
from multiprocessing import Process
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import TYPE_CHECKING, NoReturn

from playwright.sync_api import sync_playwright

from benchmarks.events import requests
from benchmarks.http_load import Connection, load
from benchmarks.lab import board_name, write_lab
from benchmarks.process import lifeguard
from benchmarks.report import Figure, arguments, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from benchmarks.lab import Lab
    from benchmarks.process import Program
    from benchmarks.report import Run

CHROMIUM = "/usr/bin/chromium"

BOARDS, FEW = 10_000, 12
CHANGES = 500
"""A second."""
TICKS = 20
"""A second: so often some boards are changed."""
STREAMS = 200
CONNECTIONS = 32

STATES = ("Ready", "Troubleshooting")
"""A board is put from one into the other: of two kinds, so its tile moves."""

FIGURES = (
    Figure("12 boards: first view", "ms"),
    Figure("12 boards: bytes", "KB"),
    Figure("10,000 boards: first view", "ms", "12 boards: first view"),
    Figure("10,000 boards: bytes", "KB", "12 boards: bytes"),
    Figure("500 changes/s: seen", "/s"),
    Figure("500 changes/s: longest frame", "ms", goal="100 ms"),
    Figure("500 changes/s: p99 frame", "ms"),
    Figure("no stream: events", "/s"),
    Figure("200 streams: events", "/s", "no stream: events"),
    Figure("no stream: CPU an event", "ms"),
    Figure("200 streams: CPU an event", "ms", "no stream: CPU an event", "1.1"),
)

FIRST_VIEW = """([count]) => {
    if (document.querySelectorAll(".tile").length < count) return null;
    const all = [...performance.getEntriesByType("navigation"),
                 ...performance.getEntriesByType("resource")];
    const bytes = all.reduce((sum, one) => sum + one.transferSize, 0);
    return { ms: performance.now(), bytes };
}"""

FRAMES = """async ([seconds]) => {
    const frames = [];
    let changes = 0;
    const count = (records) => (changes += records.length);
    const observer = new MutationObserver(count);
    const watched = { subtree: true, attributeFilter: ["data-kind"] };
    observer.observe(document.querySelector(".groups"), watched);
    const start = performance.now();
    let last = start;
    while (last - start < seconds * 1000) {
        await new Promise(requestAnimationFrame);
        frames.push(performance.now() - last);
        last = performance.now();
    }
    observer.disconnect();
    return { frames, changes };
}"""


def main() -> None:
    chosen = arguments(__doc__, runs=3, seconds=5)
    with TemporaryDirectory() as name:
        runs = [
            once(Path(name, str(run)), chosen.seconds) for run in range(chosen.runs)
        ]
    show(FIGURES, runs)


def once(directory: Path, seconds: int) -> Run:
    directory.mkdir()
    few = write_lab(directory / "few", FEW, states=STATES[:1])
    many = write_lab(directory / "many", BOARDS, states=STATES[:1])
    busy = write_lab(directory / "busy", CONNECTIONS, states=("ReimageInstalling",))
    return viewed(few, many, seconds) | looked_at(busy, seconds)


def viewed(few: Lab, many: Lab, seconds: int) -> Run:
    """What a person sees who opens the dashboard."""
    run: Run = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        for lab, boards in ((few, FEW), (many, BOARDS)):
            with lifeguard(lab) as program:
                program.answers("/healthz")
                page = browser.new_page(viewport={"width": 1600, "height": 1000})
                run |= first_view(page, lab, boards)
                if boards == BOARDS:
                    run |= frames(page, lab, seconds)
                page.close()
        browser.close()
    return run


def first_view(page: Page, lab: Lab, boards: int) -> Run:
    page.goto(f"http://127.0.0.1:{lab.http}/", wait_until="commit")
    seen = page.wait_for_function(FIRST_VIEW, arg=[boards]).json_value()
    name = f"{boards:,} boards"
    return {f"{name}: first view": seen["ms"], f"{name}: bytes": seen["bytes"] / 1000}


def frames(page: Page, lab: Lab, seconds: int) -> Run:
    """How long the frames are while boards change."""
    with changing(lab):
        seen = page.evaluate(FRAMES, [seconds])
    lengths = sorted(seen["frames"])
    return {
        "500 changes/s: seen": seen["changes"] / seconds,
        "500 changes/s: longest frame": lengths[-1],
        "500 changes/s: p99 frame": lengths[int(0.99 * len(lengths))],
    }


@contextmanager
def changing(lab: Lab) -> Iterator[None]:
    """Boards change, evenly, spread over the whole lab."""
    stop = Event()
    thread = Thread(target=change, args=(lab.http, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def change(port: int, stop: Event) -> None:
    at_once = CHANGES // TICKS
    connections = [
        socket.create_connection(("127.0.0.1", port)) for _ in range(at_once)
    ]
    number, next_tick = 0, time.monotonic()
    while not stop.wait(max(0.0, next_tick - time.monotonic())):
        next_tick += 1 / TICKS
        for connection in connections:
            connection.sendall(put(*divmod(number, BOARDS)))
            number += 1
        for connection in connections:
            if not connection.recv(65536).startswith(b"HTTP/1.1 200 "):
                raise ConnectionError("a change was refused")
    for connection in connections:
        connection.close()


def put(turn: int, number: int) -> bytes:
    """Put a board from one state into the other; 7919 is prime to their number."""
    name, (old, new) = board_name(number * 7919 % BOARDS), (STATES * 2)[turn % 2 :][:2]
    body = f'{{"from": "{old}", "to": "{new}"}}'
    return (
        f"POST /api/v1/boards/{name}/state HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def looked_at(lab: Lab, seconds: int) -> Run:
    """What events cost while nobody looks, and while many do."""
    with lifeguard(lab) as program:
        program.answers("/healthz")
        loaded(program, lab, 1)
        alone = loaded(program, lab, seconds)
        with listening(lab.http):
            beside = loaded(program, lab, seconds)
    return {
        f"{name}: {figure}": value
        for name, values in (("no stream", alone), ("200 streams", beside))
        for figure, value in zip(("events", "CPU an event"), values, strict=True)
    }


def loaded(program: Program, lab: Lab, seconds: int) -> tuple[float, float]:
    """Events a second, and the milliseconds of the daemon's that each takes."""
    before = program.cpu_seconds()
    rate = load(("127.0.0.1", lab.http), requests(CONNECTIONS), seconds).rate
    used = program.cpu_seconds() - before
    return rate, used / (rate * seconds) * 1000


@contextmanager
def listening(port: int) -> Iterator[None]:
    """So many who read the stream, in a process of their own."""
    request = (
        b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n"
        b"Accept-Encoding: gzip\r\n\r\n"
    )
    streams = [Connection(("127.0.0.1", port), request) for _ in range(STREAMS)]
    for stream in streams:
        stream.ask()
    process = Process(target=drain, args=(streams,), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()
        for stream in streams:
            stream.socket.close()


def drain(streams: list[Connection]) -> NoReturn:
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream.socket, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                key.fileobj.recv(1 << 20)  # type: ignore[union-attr]


if __name__ == "__main__":
    main()
