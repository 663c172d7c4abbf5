"""Stands in for all boards that are polled by TCP: it accepts, and hangs up."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from multiprocessing import Process
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def answering() -> Iterator[int]:
    """A port at which all loopback addresses are answered."""
    with socket.create_server(("", 0), backlog=1024) as server:
        process = Process(target=_hang_up, args=(server,), daemon=True)
        process.start()
        port: int = server.getsockname()[1]
        try:
            yield port
        finally:
            process.terminate()
            process.join()


def _hang_up(server: socket.socket) -> NoReturn:
    while True:
        server.accept()[0].close()
