"""The table `[proxy_dhcp]`: the loader that each kind of network boot is given.

A kind is a name for numbers of RFC 4578, or iPXE, which says itself what it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from msgspec import Struct

from lifeguard.config.forms import Form, matching
from lifeguard.config.places import Address, http_url, ipv4_address
from lifeguard.config.reader import did_you_mean

if TYPE_CHECKING:
    from lifeguard.config.reader import Reader

ARCHITECTURES: Final = {
    0: "bios",
    6: "uefi-x86",
    7: "uefi-x64",
    9: "uefi-x64",  # by the RFC's first text; IANA gave the number to EBC
    10: "uefi-arm",
    11: "uefi-arm64",
    15: "uefi-x86-http",
    16: "uefi-x64-http",
    18: "uefi-arm-http",
    19: "uefi-arm64-http",
    27: "uefi-riscv64",
    28: "uefi-riscv64-http",
}
"""What IANA's list of processor architectures is called here."""

IPXE: Final = "ipxe"
_HTTP = "-http"


class Loader(Struct, frozen=True, kw_only=True):
    """What is booted: `file` of the TFTP `server`, or a URL; server None: lifeguard."""

    file: str
    server: str | None = None

    @property
    def is_url(self) -> bool:
        return "://" in self.file


_short_ascii = matching("[!-~]{1,127}")  # what a DHCP message has room for


def loader(value: object) -> Loader:
    """A file name or a URL; only TFTP's is taken apart."""
    written = _short_ascii(value)
    scheme, separator, rest = written.partition("://")
    if not separator:
        return Loader(file=written)
    if scheme != "tftp":
        return Loader(file=http_url(written))
    server, _, file = rest.partition("/")
    return Loader(file=_short_ascii(file), server=ipv4_address(server))


class ProxyDhcp(Struct, frozen=True, kw_only=True):
    """Whom to answer beside the lab's DHCP server, and with what.

    `address` is the one on the boards' network, the first of its interface; 0.0.0.0
    answers on all of them. `loaders` by kind; a kind without one gets no answer.
    """

    loaders: dict[
        str,
        Annotated[
            Loader,
            Form(
                'a file like "pxelinux.0", tftp://ADDRESS/FILE or http://HOST/FILE',
                loader,
            ),
        ],
    ]
    address: Address = "0.0.0.0"


def check_proxy_dhcp(proxy_dhcp: ProxyDhcp, reader: Reader) -> None:
    """Whether each kind is one, and can load what it is given."""
    kinds = {*ARCHITECTURES.values(), IPXE}
    for kind, found in proxy_dhcp.loaders.items():
        keys = ("proxy_dhcp", "loaders", kind)
        if kind not in kinds:
            reader.mistake(f"unknown key{did_you_mean(kind, kinds)}", *keys)
        elif kind != IPXE and kind.endswith(_HTTP) != found.is_url:
            reader.mistake("HTTP boot takes a URL, PXE a file", *keys)
