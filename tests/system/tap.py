"""A network of the board's own: a tap device on this machine, and a DHCP server.

For firmware that must be told of another TFTP server than QEMU's own. dnsmasq gives
addresses and says what to boot; it serves no files.
"""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from .child import Child
from .debian import program

DEVICE = "lifeguard-test"
SERVER, BOARD = "10.177.0.1", "10.177.0.11"
NETWORK = f"tap,ifname={DEVICE},script=no,downscript=no"

HTTP_BOOT_X64 = 16
"""The client architecture of UEFI that boots over HTTP, RFC 4578's successor."""


@asynccontextmanager
async def tap(
    reactor: Any, directory: Path, mac: str, first: str
) -> AsyncIterator[None]:
    """The network, on which the board of that MAC is told to boot `first`."""
    _ip("tuntap", "add", DEVICE, "mode", "tap")
    try:
        _ip("address", "add", f"{SERVER}/24", "dev", DEVICE)
        _ip("link", "set", DEVICE, "up")
        server = Child(reactor, _dnsmasq(mac, first), directory / "dnsmasq.log")
        try:
            yield
        finally:
            server.signal("TERM")
            await server.ended
    finally:
        _ip("tuntap", "del", DEVICE, "mode", "tap")


def _dnsmasq(mac: str, first: str) -> list[str]:
    return [
        *(program("dnsmasq", "dnsmasq-base"), "--keep-in-foreground", "--port=0"),
        *("--conf-file=/dev/null", "--leasefile-ro", "--pid-file=", "--user=root"),
        *("--log-facility=-", "--log-dhcp"),
        *(f"--interface={DEVICE}", "--bind-interfaces", "--except-interface=lo"),
        *(f"--dhcp-range={SERVER},static", f"--dhcp-host={mac},{BOARD}"),
        *(f"--dhcp-boot={first},,{SERVER}",),
        f"--dhcp-match=set:http,option:client-arch,{HTTP_BOOT_X64}",
        "--dhcp-option-force=tag:http,60,HTTPClient",
    ]


def _ip(*arguments: str) -> None:
    done = subprocess.run(
        [program("ip", "iproute2"), *arguments], capture_output=True, text=True
    )
    if done.returncode:
        pytest.fail(f"ip {' '.join(arguments)}: {done.stderr.strip()}", pytrace=False)
