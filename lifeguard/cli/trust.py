"""By which certificates a daemon that speaks TLS is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.web.client import BrowserLikePolicyForHTTPS

from lifeguard.cli.exits import Usage

if TYPE_CHECKING:
    from pathlib import Path


def policy(ca_file: Path | None) -> BrowserLikePolicyForHTTPS:
    """The machine's own, or those of a PEM file alone; raises Usage."""
    if ca_file is None:
        return BrowserLikePolicyForHTTPS()
    # Hardly any command needs it.
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import load_pem_x509_certificates
    from twisted.internet.ssl import Certificate, trustRootFromCertificates

    try:
        found = load_pem_x509_certificates(ca_file.read_bytes())
    except OSError as error:
        raise Usage(f"{ca_file}: {error.strerror}") from error
    except ValueError as error:
        raise Usage(f"{ca_file}: no certificates in PEM") from error
    trusted = [Certificate.loadPEM(each.public_bytes(Encoding.PEM)) for each in found]
    return BrowserLikePolicyForHTTPS(trustRootFromCertificates(trusted))
