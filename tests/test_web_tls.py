"""HTTPS by a Twisted endpoint, with a lab's own certificate, from the command line."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import ConnectionDone
from twisted.internet.ssl import PrivateCertificate
from twisted.internet.testing import StringTransport
from twisted.internet.utils import getProcessOutputAndValue
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from lifeguard.clock import utc_now
from lifeguard.endpoints import with_backlog
from lifeguard.web import Access
from lifeguard.web.request import HTTPS_SECONDS
from tests.process_lab import REPOSITORY
from tests.web_rig import OPERATOR, STRANGER, WebRig, web

REAL = cast("Any", reactor)


def write_certificate(directory: Path) -> None:
    """`key.pem` and `cert.pem`, as a lab would make them for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lab")])
    addresses = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    )
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(utc_now() - timedelta(days=1))
        .not_valid_after(utc_now() + timedelta(days=1))
        .add_extension(addresses, critical=False)
        .sign(key, hashes.SHA256())
    )
    form = Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    (directory / "key.pem").write_bytes(key.private_bytes(*form))
    (directory / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))


class Served(NamedTuple):
    """A lab behind TLS."""

    parts: WebRig
    port: Any
    url: str


async def served(directory: Path) -> Served:
    write_certificate(directory)
    where = (
        f"ssl:0:interface=127.0.0.1:privateKey={directory / 'key.pem'}"
        f":certKey={directory / 'cert.pem'}"
    )
    parts = web()
    endpoint = serverFromString(REAL, with_backlog(where))
    port: Any = await endpoint.listen(parts.site)
    return Served(parts, port, f"https://localhost:{port.getHost().port}")


async def command(home: Path, *words: str) -> tuple[int, list[str], list[str]]:
    """What the command line says, in a process of its own."""
    environment = {k: v for k, v in os.environ.items() if "LIFEGUARD" not in k}
    environment |= {"HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
    out, err, status = await getProcessOutputAndValue(
        sys.executable, ["-m", "lifeguard.cli", *words], environment
    )
    return status, out.decode().splitlines(), err.decode().splitlines()


@ensureDeferred
async def test_the_command_line_knows_a_lab_by_its_own_certificate(
    tmp_path: Path,
) -> None:
    parts, port, url = await served(tmp_path)
    settings = tmp_path / ".config/lifeguard/config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f'url = "{url}"\n')
    stranger = await command(tmp_path, "reboot", "panda-01")
    settings.write_text(f'url = "{url}"\nca_file = "~/cert.pem"\n')
    known = await command(tmp_path, "reboot", "panda-01")
    await port.stopListening()
    assert (stranger[0], len(stranger[2])) == (3, 1)
    assert stranger[2][0].endswith(
        "its certificate is not trusted; --ca-file says which are"
    )
    assert known == (0, ["panda-01: RebootRebooting"], [])
    assert parts.outcomes() == [("rq-reboot", "moved", "operator 127.0.0.1")]


def test_by_tls_browsers_come_by_tls_again_and_so_does_the_cookie() -> None:
    parts, said = web(), []
    for is_secure in (True, False):
        connection = parts.connect(is_secure=is_secure)
        connection.send("POST", "/api/v1/session", OPERATOR, b"")
        headers = connection.reply().headers
        cookie = headers["set-cookie"].partition("; ")[2]
        said.append((headers.get("strict-transport-security"), cookie))
    assert said == [
        (f"max-age={HTTPS_SECONDS}", "Path=/; Secure; HttpOnly; SameSite=strict"),
        (None, "Path=/; HttpOnly; SameSite=strict"),
    ]


def test_by_tls_a_page_without_it_is_another_sites() -> None:
    parts = web(access=Access(read="token"))
    cookie = {"Cookie": parts.sign_in("let-me-in")}
    statuses = []
    for scheme in ("https", "http"):
        connection = parts.connect(is_secure=True)
        origin = {"Origin": f"{scheme}://localhost:8080"}
        connection.send("GET", "/api/v1/boards", cookie | origin, b"")
        statuses.append(connection.reply().status)
    assert statuses == [200, 403]


def test_connections_count_also_below_tls_and_end_before_a_handshake(
    tmp_path: Path,
) -> None:
    write_certificate(tmp_path)
    pem = (tmp_path / "key.pem").read_bytes() + (tmp_path / "cert.pem").read_bytes()
    parts = web(access=Access(connections_per_address=1))
    options = PrivateCertificate.loadPEM(pem).options()
    factory: Any = TLSMemoryBIOFactory(options, False, parts.site, parts.lab.clock)
    peer = IPv4Address("TCP", STRANGER, 40000)

    def connect() -> tuple[Any, Any]:
        transport: Any = StringTransport(peerAddress=peer)
        transport.setTcpNoDelay = lambda enabled: None
        protocol = factory.buildProtocol(peer)
        protocol.makeConnection(transport)
        return protocol, transport

    first, transport = connect()
    assert not transport.disconnected
    _, refused = connect()
    assert (refused.disconnected, refused.value()) == (True, b"")
    first.connectionLost(Failure(ConnectionDone()))
    _, again = connect()
    assert not again.disconnected
