"""Who may come in: whoever holds a key that is listed, under a name of his choice.

The list is an OpenSSH `authorized_keys` file, read anew for each login. Options before
a key would be promises that are not kept here, so such a line counts as a mistake.
"""

from __future__ import annotations

import re
import struct
from base64 import b64decode
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from twisted.conch.checkers import InMemorySSHKeyDB, SSHPublicKeyChecker
from twisted.conch.error import ValidPublicKey
from twisted.conch.ssh.keys import BadKeyError, FingerprintFormats, Key
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ISSHPrivateKey
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from twisted.cred.credentials import SSHPrivateKey

log = Logger()

NAME: Final = re.compile(rb"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,62}")
"""What a person may be called: it goes into the log and into history."""


class AuthorizedKey(NamedTuple):
    """A public key and whose it is, as far as the list says."""

    key: Key
    comment: str


class Login(NamedTuple):
    """A person who has proved to hold a key; `name` is only what he says."""

    name: str
    key: AuthorizedKey

    def __str__(self) -> str:
        return f"{self.name} ({self.key.comment or fingerprint(self.key.key)})"


def fingerprint(key: Key) -> str:
    """The key as `ssh-add -l` shows it."""
    digest: str = key.fingerprint(FingerprintFormats.SHA256_BASE64)
    return "SHA256:" + digest.rstrip("=")


def read_authorized_keys(path: Path) -> Iterator[AuthorizedKey]:
    """The keys in `path`; each mistake is skipped and logged with its line's number."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        log.error("{path}: {why}; nobody can log in", path=path, why=error.strerror)
        return
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith(b"#"):
            continue
        try:
            yield _authorized_key(line)
        except BadKeyError as error:
            log.error(
                "{path}, line {number}: skipped: {why}",
                path=path,
                number=number,
                why=str(error),
            )


def _authorized_key(line: bytes) -> AuthorizedKey:
    kind, encoded, comment = [*line.split(None, 2), b"", b""][:3]
    try:
        key = Key.fromString(b64decode(encoded, validate=True), type="BLOB")
    except (BadKeyError, ValueError, struct.error, UnsupportedAlgorithm) as error:
        raise BadKeyError("not a public key, or one with options before it") from error
    if key.sshType() != kind:
        raise BadKeyError("a key of another kind than the line says")
    return AuthorizedKey(key, comment.strip().decode("utf-8", "replace"))


@implementer(ICredentialsChecker)
class KeyChecker:
    """Lets in who proves to hold a key of the list at `path`."""

    credentialInterfaces = (ISSHPrivateKey,)

    def __init__(self, path: Path) -> None:
        self._path = path

    def requestAvatarId(self, credentials: SSHPrivateKey) -> Deferred[Any]:
        """Fires with a Login or fails with UnauthorizedLogin; raises ValidPublicKey."""
        if not credentials.signature:
            # The client asks whether signing is worth while; it is told afterwards.
            raise ValidPublicKey
        return Deferred.fromCoroutine(self._log_in(credentials))

    async def _log_in(self, credentials: SSHPrivateKey) -> Login:
        name, key = credentials.username, Key.fromString(credentials.blob)
        listed = list(read_authorized_keys(self._path))
        try:
            if not NAME.fullmatch(name):
                raise UnauthorizedLogin("no name for a person")
            known = InMemorySSHKeyDB({name: [each.key for each in listed]})
            await SSHPublicKeyChecker(known).requestAvatarId(credentials)
        except UnauthorizedLogin as refusal:
            log.warn(
                "login of {name!r} with {key} refused: {why}",
                name=name.decode("utf-8", "backslashreplace"),
                key=fingerprint(key),
                why=str(refusal),
            )
            raise
        authorized = next(each for each in listed if each.key == key)
        login = Login(name.decode("ascii"), authorized)
        log.info("{login} has logged in by {key}", login=login, key=fingerprint(key))
        return login
