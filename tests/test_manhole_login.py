"""Who is let into the manhole, by which key, and what strangers find."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.conch.error import ValidPublicKey
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.transport import SSHServerTransport
from twisted.cred.credentials import SSHPrivateKey
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from lifeguard.manhole import HostKeyError, manhole_factory
from lifeguard.manhole.host_keys import host_keys
from lifeguard.manhole.login import (
    AuthorizedKey,
    KeyChecker,
    Login,
    fingerprint,
    read_authorized_keys,
)
from lifeguard.manhole.server import LOGIN_SECONDS
from tests.log_lines import log_lines
from tests.rig import result_of, rig

ALICE = (
    b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC4vXo8XX0vOPgDg7Exq4uGO1wBDc8jr6rOT9E4S1Q9A"
)


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What the manhole has logged."""
    with log_lines("manhole") as found:
        yield found


# Keys.


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With host keys in it, which take a while to make."""
    path = tmp_path_factory.mktemp("state")
    host_keys(path)
    return path


def test_a_fingerprint_is_what_openssh_shows() -> None:
    shown = "SHA256:nzx4TytBTjFEEEiOCVdKYd0ukTJ9O8VL9ERD1cTnMyA"
    assert fingerprint(Key.fromString(ALICE)) == shown


def test_host_keys_are_made_once_for_the_daemon_alone(state_dir: Path) -> None:
    keys = host_keys(state_dir)
    assert [key.sshType() for key in keys] == [b"ssh-ed25519", b"ssh-rsa"]
    assert keys == host_keys(state_dir)
    modes = {path.name: path.stat().st_mode & 0o777 for path in state_dir.iterdir()}
    assert modes == {
        "ssh_host_ed25519_key": 0o600,
        "ssh_host_rsa_key": 0o600,
    }


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END", ALICE],
)
def test_a_file_that_is_no_host_key_is_an_error_that_names_it(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "ssh_host_ed25519_key"
    path.write_bytes(content)
    with pytest.raises(HostKeyError) as raised:
        host_keys(tmp_path)
    assert str(raised.value) == f"{path}: no private key, or one with a password"
    assert path.read_bytes() == content


def test_host_keys_that_cannot_be_kept_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(HostKeyError, match="ssh_host_ed25519_key: No such file"):
        host_keys(tmp_path / "nowhere")


def test_lines_that_are_no_keys_are_skipped_and_named(
    tmp_path: Path, lines: list[str]
) -> None:
    path = tmp_path / "authorized_keys"
    path.write_bytes(
        b"# Alice\n\n  " + ALICE + b"  alice@laptop  \r\n"
        b'from="192.0.2.1" ' + ALICE + b"\n"
        b"ssh-ed25519\n"
        b"ssh-rsa " + ALICE.split()[1] + b"\n" + ALICE + b"\n"
    )
    listed = list(read_authorized_keys(path))
    alice = Key.fromString(ALICE)
    assert listed == [(alice, "alice@laptop"), (alice, "")]
    no_key = "not a public key, or one with options before it"
    assert lines == [
        f"{path}, line 4: skipped: {no_key}",
        f"{path}, line 5: skipped: {no_key}",
        f"{path}, line 6: skipped: a key of another kind than the line says",
    ]


@given(st.binary(), st.integers(0, len(ALICE)), st.booleans())
def test_no_line_is_worse_than_skipped(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, cut: int, whole: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "authorized_keys"
    path.write_bytes(junk if whole else ALICE[:cut] + junk + ALICE[cut + len(junk) :])
    for key, comment in read_authorized_keys(path):
        assert key.isPublic()
        assert comment == comment.strip()


@dataclass
class Door:
    """Alice, her key, and the list that it is on."""

    key: Key
    path: Path
    checker: KeyChecker

    def knock(
        self, name: bytes, key: Key | None = None, signed: bytes = b"data"
    ) -> Any:
        key = key or self.key
        blob, signature = key.public().blob(), key.sign(b"data")
        return SSHPrivateKey(name, key.sshType(), blob, signed, signature)


@pytest.fixture
def door(tmp_path: Path, state_dir: Path) -> Door:
    key = host_keys(state_dir)[0]
    path = tmp_path / "authorized_keys"
    path.write_bytes(key.public().toString("openssh", comment=b"her key"))
    return Door(key, path, KeyChecker(path))


def test_who_holds_a_listed_key_comes_in_under_any_name(
    door: Door, lines: list[str]
) -> None:
    for name in (b"alice", b"bob.b"):
        login = result_of(door.checker.requestAvatarId(door.knock(name)))
        assert login == Login(
            name.decode(), AuthorizedKey(door.key.public(), "her key")
        )
    key = fingerprint(door.key)
    assert lines == [
        f"alice (her key) has logged in by {key}",
        f"bob.b (her key) has logged in by {key}",
    ]


def test_a_key_without_comment_is_known_by_its_fingerprint(door: Door) -> None:
    door.path.write_bytes(door.key.public().toString("openssh"))
    login = result_of(door.checker.requestAvatarId(door.knock(b"alice")))
    assert str(login) == f"alice ({fingerprint(door.key)})"


def test_the_list_is_read_anew_for_each_login(door: Door, lines: list[str]) -> None:
    result_of(door.checker.requestAvatarId(door.knock(b"alice")))
    door.path.unlink()
    with pytest.raises(UnauthorizedLogin):
        result_of(door.checker.requestAvatarId(door.knock(b"alice")))
    assert lines[1:] == [
        f"{door.path}: No such file or directory; nobody can log in",
        f"login of 'alice' with {fingerprint(door.key)} refused: Key not authorized",
    ]


def test_nobody_else_comes_in(door: Door, state_dir: Path, lines: list[str]) -> None:
    stranger = host_keys(state_dir)[1]
    for credentials in (
        door.knock(b"alice", stranger),
        door.knock(b"alice", signed=b"other data"),
        door.knock(b"al\nice"),
        door.knock(b""),
    ):
        with pytest.raises(UnauthorizedLogin):
            result_of(door.checker.requestAvatarId(credentials))
    hers = fingerprint(door.key)
    assert lines == [
        f"login of 'alice' with {fingerprint(stranger)} refused: Key not authorized",
        f"login of 'alice' with {hers} refused: Key signature invalid.",
        f"login of 'al\\nice' with {hers} refused: no name for a person",
        f"login of '' with {hers} refused: no name for a person",
    ]


def test_a_key_without_a_signature_is_no_login(door: Door, lines: list[str]) -> None:
    credentials = SSHPrivateKey(b"alice", b"", door.key.public().blob(), None, None)
    with pytest.raises(ValidPublicKey):
        door.checker.requestAvatarId(credentials)
    assert lines == []


# Strangers.


ADDRESS = IPv4Address("TCP", "192.0.2.9", 1234)


def stranger(
    state_dir: Path, address: Any = ADDRESS
) -> tuple[SSHServerTransport, StringTransport, Clock]:
    parts = rig()
    factory = manhole_factory(
        parts.fleet, parts.clock, parts.service_time, state_dir, state_dir / "nobody"
    )
    factory.startFactory()
    protocol = factory.buildProtocol(None)
    transport = StringTransport(peerAddress=address)
    protocol.makeConnection(transport)
    return protocol, transport, parts.clock


def test_only_public_keys_are_asked_for(state_dir: Path) -> None:
    protocol, _, _ = stranger(state_dir)
    wanted = protocol.factory.portal.listCredentialsInterfaces()
    assert [interface.__name__ for interface in wanted] == ["ISSHPrivateKey"]
    assert protocol.supportedPublicKeys[:2] == [b"ssh-ed25519", b"rsa-sha2-512"]
    protocol.connectionLost()


def test_who_does_not_log_in_is_disconnected(state_dir: Path) -> None:
    protocol, transport, clock = stranger(state_dir)
    clock.advance(LOGIN_SECONDS - 1)
    assert not transport.disconnecting
    clock.advance(1)
    assert transport.disconnecting
    protocol.connectionLost()


def test_who_has_logged_in_may_stay(state_dir: Path) -> None:
    protocol, transport, clock = stranger(state_dir)
    protocol.avatar = object()
    clock.advance(LOGIN_SECONDS)
    assert not transport.disconnecting


def test_a_stranger_who_hangs_up_leaves_nothing(state_dir: Path) -> None:
    protocol, _, clock = stranger(state_dir)
    before = len(clock.getDelayedCalls())
    protocol.connectionLost()
    assert len(clock.getDelayedCalls()) == before - 1


@pytest.mark.parametrize(
    ("address", "where"),
    [
        (ADDRESS, "192.0.2.9:1234"),
        (UNIXAddress("/run/manhole"), "a local socket"),
    ],
)
def test_a_malformed_message_of_a_stranger_is_one_line(
    state_dir: Path, lines: list[str], address: Any, where: str
) -> None:
    protocol, transport, _ = stranger(state_dir, address)
    protocol.dispatchMessage(20, b"")  # a KEXINIT without its lists
    assert transport.disconnecting
    assert lines == [
        f"{where}: malformed SSH: error('unpack requires a buffer of 4 bytes')",
        "Disconnecting with error, code 2\nreason: b'malformed message'",
    ]
    protocol.connectionLost()


def test_an_ordinary_end_is_no_error_in_the_log(
    state_dir: Path, lines: list[str]
) -> None:
    protocol, _, _ = stranger(state_dir)
    protocol.receiveError(11, b"disconnected by user")
    assert lines == []
    protocol.receiveError(2, b"bad packet")
    assert lines == ["Got remote error, code 2\nreason: b'bad packet'"]
    protocol.connectionLost()


def test_what_goes_wrong_after_the_login_is_shown_whole(state_dir: Path) -> None:
    protocol, transport, _ = stranger(state_dir)
    protocol.avatar = object()
    with pytest.raises(Exception, match="unpack"):
        protocol.dispatchMessage(20, b"")
    assert not transport.disconnecting
