"""A network that ends in this machine, with a DHCP server that gives addresses only.

It is a network namespace that is gone with the process that holds it. lifeguard has
an end of the only wire that leads there. There is a router for IPv6, but nothing to
boot by it: iPXE would look for one for 16 s of every boot.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from twisted.internet.defer import DeferredList
from twisted.internet.task import deferLater

from .child import Child
from .daemon import PAUSE
from .debian import program

OURS = "198.51.100.1"
"""The address of lifeguard's end."""

_WIRE, _BRIDGE, SOCKET = "lifeguard0", "bridge0", "board0"
_PREFIX = "2001:db8::"
_OUTSIDE = f"""
link add {_WIRE} type veth peer name uplink0 netns {{pid}}
addr add {OURS}/24 dev {_WIRE}
link set {_WIRE} up
"""
_INSIDE = f"""
link add {_BRIDGE} type bridge
addr add 198.51.100.2/24 dev {_BRIDGE}
addr add {_PREFIX}2/64 dev {_BRIDGE} nodad
tuntap add {SOCKET} mode tap
link set uplink0 master {_BRIDGE}
link set {SOCKET} master {_BRIDGE}
link set uplink0 up
link set {SOCKET} up
link set {_BRIDGE} up
"""


class Network:
    """Where a board is plugged in: QEMU's tap interface is called `SOCKET`."""

    def __init__(self, reactor: Any, directory: Path) -> None:
        self._reactor, self._directory = reactor, directory
        command = [program("unshare", "util-linux"), "--net", "sleep", "infinity"]
        self._holder = Child(reactor, command, directory / "network.log")
        self._dhcp: Child | None = None
        assert self._holder.transport is not None
        self._pid = self._holder.transport.pid
        self._namespace = f"/proc/{self._pid}/ns/net"

    async def start(self, mac: str, address: str) -> None:
        """Lay the wire, and give that board its address."""
        here = Path("/proc/self/ns/net")
        while here.samefile(self._namespace):
            await deferLater(self._reactor, PAUSE)
        ip = program("ip", "iproute2")
        _run(ip, "-batch", "-", lines=_OUTSIDE.format(pid=self._pid))
        _run(*self.inside(ip, "-batch", "-"), lines=_INSIDE)
        dnsmasq = [
            *(program("dnsmasq", "dnsmasq-base"), "--keep-in-foreground", "--port=0"),
            *("--conf-file=/dev/null", "--log-facility=-", "--user=root"),
            *(f"--interface={_BRIDGE}", "--dhcp-range=198.51.100.50,static"),
            *(f"--dhcp-host={mac},{address}", "--dhcp-authoritative"),
            *("--leasefile-ro", "--pid-file="),
            *("--enable-ra", f"--dhcp-range={_PREFIX},ra-only"),
        ]
        self._dhcp = Child(
            self._reactor, self.inside(*dnsmasq), self._directory / "dhcp.log"
        )

    def inside(self, *command: str) -> list[str]:
        """The same, run by somebody on this network."""
        return [program("nsenter", "util-linux"), f"--net={self._namespace}", *command]

    async def end(self) -> None:
        """Cut the wire; everything plugged in must be off."""
        if self._dhcp is not None:
            # The kernel would cut it too, but when it finds the time.
            _run(program("ip", "iproute2"), "link", "delete", _WIRE, lines="")
        children = [self._holder, *filter(None, [self._dhcp])]
        for child in children:
            child.signal("KILL")
        await DeferredList([child.ended for child in children])


def _run(*command: str, lines: str) -> None:
    subprocess.run(command, input=lines, text=True, check=True)
