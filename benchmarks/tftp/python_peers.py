"""`python_peers.py NAME HOST PORT`: a Python TFTP server for the current directory.

Each is put together as its own documentation does it.
"""

from __future__ import annotations

import os
import sys
from typing import Any


def fbtftp(host: str, port: int) -> None:
    from fbtftp import base_handler, base_server  # type: ignore[import-not-found]

    class File(base_handler.ResponseData):  # type: ignore[misc]
        def __init__(self, path: str) -> None:
            self._size = os.stat(path).st_size
            self._file = open(path, "rb")  # noqa: SIM115
            self.read, self.close = self._file.read, self._file.close

        def size(self) -> int:
            return self._size

    class Handler(base_handler.BaseHandler):  # type: ignore[misc]
        def get_response_data(self) -> File:
            return File(self._path)

    class Server(base_server.BaseServer):  # type: ignore[misc]
        def get_handler(self, *request: Any) -> Handler:
            server_addr, peer, path, options = request
            return Handler(server_addr, peer, path, options, lambda stats: None)

    Server(host, port, retries=5, timeout=1).run()


def tftpy(host: str, port: int) -> None:
    import tftpy  # type: ignore[import-not-found]

    tftpy.TftpServer(".").listen(host, port)


def py3tftp(host: str, port: int) -> None:
    from py3tftp.__main__ import main  # type: ignore[import-not-found]

    sys.argv = ["py3tftp", "--host", host, "--port", str(port)]
    main()


PEERS = {"fbtftp": fbtftp, "tftpy": tftpy, "py3tftp": py3tftp}

if __name__ == "__main__":
    PEERS[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
