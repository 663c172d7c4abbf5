"""The SSH server that the shell is behind: public keys only, nothing but sessions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from twisted.conch.avatar import ConchUser
from twisted.conch.interfaces import IConchUser, ISession
from twisted.conch.manhole_ssh import ConchFactory
from twisted.conch.ssh.session import SSHSession
from twisted.conch.ssh.transport import (
    DISCONNECT_BY_APPLICATION,
    DISCONNECT_PROTOCOL_ERROR,
    SSHServerTransport,
)
from twisted.cred.portal import IRealm, Portal
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.logger import Logger
from zope.interface import implementer

from lifeguard.manhole.at_hand import at_hand
from lifeguard.manhole.host_keys import host_keys
from lifeguard.manhole.login import KeyChecker, Login
from lifeguard.manhole.session import Session, Typist

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from twisted.internet.interfaces import IAddress, IReactorTime
    from twisted.python.failure import Failure
    from zope.interface.interface import InterfaceClass

    from lifeguard.clock import ServiceTime
    from lifeguard.fleet import Fleet

log = Logger()

LOGIN_SECONDS: Final = 120.0
"""As much as OpenSSH gives; conch would wait for ten hours."""


def manhole_factory(
    fleet: Fleet,
    clock: IReactorTime,
    service_time: ServiceTime,
    state_dir: Path,
    authorized_keys: Path,
) -> ConchFactory:
    """A shell for everybody whose key is in the file `authorized_keys`.

    The host's own keys are kept in `state_dir`. Raises HostKeyError.
    """
    realm = Realm(fleet, clock, service_time)
    keys = host_keys(state_dir)
    factory = ConchFactory(Portal(realm, [KeyChecker(authorized_keys)]))
    factory.noisy = False
    factory.protocol = partial(Transport, clock)
    factory.privateKeys = {key.sshType(): key for key in keys}  # type: ignore[misc]
    factory.publicKeys = {key.sshType(): key.public() for key in keys}
    return factory


class Transport(SSHServerTransport):
    """SSH with a stranger, who is given little time and no trust until he logs in."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock

    def connectionMade(self) -> None:
        super().connectionMade()
        self._patience = self._clock.callLater(LOGIN_SECONDS, self._check_login)

    def connectionLost(self, reason: Failure | None = None) -> None:
        super().connectionLost(reason)
        if self._patience.active():
            self._patience.cancel()

    def dispatchMessage(self, messageNum: int, payload: bytes) -> None:
        """Conch raises at a malformed message; a stranger's is worth one line."""
        try:
            super().dispatchMessage(messageNum, payload)
        except Exception as error:
            if self._is_logged_in:
                raise
            log.warn("{peer}: malformed SSH: {error!r}", peer=peer(self), error=error)
            self.sendDisconnect(DISCONNECT_PROTOCOL_ERROR, b"malformed message")

    def receiveError(self, reasonCode: int, description: bytes) -> None:
        """The other end hangs up; conch takes the ordinary way for an error."""
        if reasonCode != DISCONNECT_BY_APPLICATION:
            super().receiveError(reasonCode, description)

    @property
    def _is_logged_in(self) -> bool:
        return hasattr(self, "avatar")

    def _check_login(self) -> None:
        if not self._is_logged_in:
            self.sendDisconnect(DISCONNECT_BY_APPLICATION, b"no login in time")


class Person(ConchUser):
    """Somebody who has logged in; each channel he opens is a session of its own."""

    def __init__(
        self,
        login: Login,
        names: Callable[[str], dict[str, Any]],
        clock: IReactorTime,
    ) -> None:
        super().__init__()
        self.channelLookup[b"session"] = SSHSession
        self._login, self._names, self._clock = login, names, clock

    def __conform__(self, interface: InterfaceClass) -> Session | None:
        if interface is not ISession:
            return None
        names = self._names(f"manhole {self._login.name}")
        typist = Typist(str(self._login), peer(self.conn.transport), names)
        return Session(typist, self._clock)


@implementer(IRealm)
class Realm:
    """Gives everybody who logs in the same lab, under his own name."""

    def __init__(
        self, fleet: Fleet, clock: IReactorTime, service_time: ServiceTime
    ) -> None:
        self._names = partial(at_hand, fleet, service_time)
        self._clock = clock

    def requestAvatar(
        self, avatarId: Any, mind: object, *interfaces: InterfaceClass
    ) -> tuple[Any, Person, Callable[[], None]]:
        """A Person for a Login, whatever is asked for."""
        return IConchUser, Person(avatarId, self._names, self._clock), lambda: None


def peer(transport: SSHServerTransport) -> str:
    """Where the other end of a connection is, for the log."""
    address: IAddress = transport.getPeer().address
    if isinstance(address, IPv4Address | IPv6Address):
        return f"{address.host}:{address.port}"
    return "a local socket"
