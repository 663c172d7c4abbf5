"""The shell without SSH's client: what is typed, shown, logged, and who is let in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.conch.error import ValidPublicKey
from twisted.conch.insults.insults import ServerProtocol
from twisted.conch.interfaces import ISession
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.transport import SSHServerTransport
from twisted.cred.credentials import SSHPrivateKey
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from zope.interface.verify import verifyObject

from lifeguard.event import Answer
from lifeguard.manhole import HostKeyError, manhole_factory
from lifeguard.manhole.at_hand import HELP, BoardAtHand, at_hand
from lifeguard.manhole.host_keys import host_keys
from lifeguard.manhole.interpreter import Interpreter
from lifeguard.manhole.login import (
    AuthorizedKey,
    KeyChecker,
    Login,
    fingerprint,
    read_authorized_keys,
)
from lifeguard.manhole.server import LOGIN_SECONDS
from lifeguard.manhole.session import GREETING, NEEDS_TERMINAL, Session, Shell, Typist
from tests.rig import Rig, reimaged, result_of, rig

ALICE = (
    b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC4vXo8XX0vOPgDg7Exq4uGO1wBDc8jr6rOT9E4S1Q9A"
)
TABLE = """\
board     state  since (UTC)          deadline    generation  image   strikes
bare      New    2026-01-01 00:00:00  -           0           -       -
panda-01  Ready  2026-01-01 00:00:00  in 0:05:00  1           debian  -
panda-02  New    2026-01-01 00:00:00  -           0           -       -
"""
PANDA_01 = """\
board         panda-01
state         RebootRebooting
since (UTC)   2026-01-01 00:05:00
deadline      in 0:29:30
generation    2
image         debian
strikes       Ready 1
wanted image  debian
accepts       rq-maintenance, rq-power-off, rq-reboot, rq-reimage, rq-self-test
hardware      panda
MAC           02:00:00:00:00:01
address       192.0.2.1
power         rack1/1/1
"""


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What the manhole has logged."""
    found: list[str] = []

    def observe(event: LogEvent) -> None:
        if event.get("log_namespace", "").startswith("lifeguard.manhole"):
            found.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield found
    globalLogPublisher.removeObserver(observe)


@dataclass
class FakeClient:
    """The client's end of a channel, as a session sees it."""

    said: list[Any] = field(default_factory=list)

    def makeConnection(self, transport: Any) -> None:
        self.types = transport.write
        self.hangs_up = transport.loseConnection

    def write(self, data: bytes) -> None:
        self.said.append(data)

    outReceived = write

    def errReceived(self, data: bytes) -> None:
        self.said.append(("error", data))

    def processEnded(self, reason: Any) -> None:
        self.said.append(("exit", reason.value.exitCode))


def typist(parts: Rig, name: str = "alice") -> Typist:
    names = at_hand(parts.fleet, parts.service_time, f"manhole {name}")
    return Typist(f"{name} (her key)", "192.0.2.7:4022", names)


class Terminal:
    """Somebody at a shell; `ended` counts how often it ended."""

    def __init__(self, parts: Rig) -> None:
        self.ended = 0
        self._transport = StringTransport()
        self.shell = Shell(typist(parts), self._end)
        self._terminal = ServerProtocol(lambda: self.shell)
        self._terminal.makeConnection(self._transport)
        assert self.shows() == GREETING.decode() + "\x1b[4h>>> "

    def _end(self) -> None:
        self.ended += 1

    def shows(self) -> str:
        """What has come since it was asked last."""
        shown: str = self._transport.value().decode()
        self._transport.clear()
        return shown.replace("\r\n", "\n")

    def type(self, keys: str) -> str:
        self._terminal.dataReceived(keys.encode())
        return self.shows()

    def line(self, line: str) -> str:
        """What is shown for a line, without its echo and the prompt after it."""
        shown = self.type(line + "\r")
        assert shown.startswith(f"{line}\n")
        return shown.removeprefix(f"{line}\n").removesuffix(">>> ")


def ssh(parts: Rig, statement: str | bytes, *, terminal: bool = False) -> list[Any]:
    """All that the client of `ssh HOST STATEMENT` gets."""
    client, clock = FakeClient(), Clock()
    session = Session(typist(parts), clock)
    if terminal:
        session.getPty(b"xterm", (24, 80, 0, 0), [])
    command = statement if isinstance(statement, bytes) else statement.encode()
    session.execCommand(client, command)  # type: ignore[arg-type]
    assert client.said == []
    client.types(b"nobody reads this")
    session.eofReceived()
    clock.advance(0)
    return client.said


# In the shell.


def test_a_request_is_done_and_what_became_of_it_is_shown() -> None:
    parts = rig()
    terminal = Terminal(parts)
    reboot = 'board("panda-01").reboot()'
    assert terminal.line(reboot) == "panda-01: RebootRebooting, generation 1\n"
    assert terminal.line(reboot) == (
        "panda-01: RebootRebooting, generation 1, as asked for before\n"
    )
    assert parts.said[-1] == ("cycle", "panda-01", 1, "rack1/1/1")


def test_every_request_leads_to_its_state() -> None:
    parts = rig()
    terminal = Terminal(parts)
    for typed, state in [
        ("reimage('debian', boot_config={'a': [1]})", "ReimageRebooting"),
        ("self_test()", "SelfTestRebooting"),
        ("maintenance()", "MaintenanceRebooting"),
        ("power_off()", "PoweringOff"),
        ("power_on()", "RebootRebooting"),
        ("reboot()", "RebootRebooting"),
        ("change('RebootRebooting', 'Troubleshooting')", "Troubleshooting"),
    ]:
        terminal.line(f"board('panda-01').{typed}")
        assert parts.state() == state
    assert parts.board().standing.boot_config == {"a": [1]}


def test_history_names_the_person() -> None:
    parts = rig()
    terminal = Terminal(parts)
    terminal.line('board("panda-01").reboot()')
    terminal.line('board("panda-01").change("RebootRebooting", "New")')
    assert [(row.event, row.source) for row in parts.store.rows] == [
        ("rq-reboot", "manhole alice"),
        ("set-state", "manhole alice"),
    ]


def test_every_line_is_logged_with_who_typed_it(lines: list[str]) -> None:
    terminal = Terminal(rig())
    for line in ["1", "", "for each in boards():", "    each", "", "it's \\x1b"]:
        terminal.type(line + "\r")
    terminal.type("\x0b\r")
    typed = "alice (her key) at 192.0.2.7:4022 typed "
    assert lines == [
        typed + "'1'",
        typed + "'for each in boards():'",
        typed + "'    each'",
        typed + '''"it's \\\\x1b"''',
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('board("panda-99")', "no such board: panda-99"),
        ('board("panda-01").reimage("beos")', "panda-01: no such image: beos"),
        (
            'board("bare").reboot()',
            "bare: the board has no power outlet to switch",
        ),
        (
            'board("panda-01").change("Ready", "New")',
            "panda-01: the board is in New, not in Ready",
        ),
        (
            'board("panda-01").change("New", "Asleep")',
            "panda-01: no such state: Asleep",
        ),
        (
            'board("panda-01").reimage("debian", {"a": {1, object()}})',
            "panda-01: boot_config is no JSON:"
            " Encoding objects of type object is unsupported",
        ),
        (
            'board("panda-01").reimage("debian", [1])',
            "panda-01: boot_config is no JSON: Expected `object`, got `array`",
        ),
        (
            'a = {}; a["a"] = a; board("panda-01").reimage("debian", a)',
            "panda-01: boot_config is no JSON:"
            " maximum recursion depth exceeded while serializing an object",
        ),
        ('fleet.request("x", "rq-reboot", {}, "me")', "no such board: x"),
        ('fleet.change("bare", "A", "New", "me")', "the board is in New, not in A"),
    ],
)
def test_a_refusal_is_one_readable_line(line: str, why: str) -> None:
    assert Terminal(rig()).line(line) == f"not done: {why}\n"


def test_without_a_store_a_request_is_not_done() -> None:
    parts = rig()
    parts.store.leave()
    shown = Terminal(parts).line('board("panda-01").reboot()')
    text = "lifeguard cannot save what it is told just now"
    assert shown == f"not done: panda-01: {text}\n"
    assert parts.said == [("owe",)]


def test_a_mistake_in_python_is_told_by_python() -> None:
    terminal = Terminal(rig())
    assert terminal.line("borad").splitlines()[-1] == (
        "NameError: name 'borad' is not defined"
    )
    assert terminal.line("fo o").splitlines()[-1] == "SyntaxError: invalid syntax"
    assert terminal.line("2 + 2") == "4\n"


def test_an_answer_that_comes_late_leaves_what_is_being_typed() -> None:
    parts = rig()
    parts.store.holds = True
    terminal = Terminal(parts)
    assert terminal.line('board("panda-01").reboot()') == ""
    terminal.type("brds()" + "\x1b[D" * 5)
    parts.store.held.pop()()
    assert terminal.shows().split("\n") == [
        "\r\x1b[2Kpanda-01: RebootRebooting, generation 1",
        ">>> brds()\x1b[5D",
    ]
    assert "panda-02  New" in terminal.type("oa\r")


def test_of_many_requests_each_answer_is_shown() -> None:
    expected = (
        "not done: bare: the board has no power outlet to switch\n"
        "panda-01: RebootRebooting, generation 1\n"
        "panda-02: RebootRebooting, generation 1\n"
    )
    assert Terminal(rig()).line("[each.reboot() for each in boards()]") == expected
    terminal = Terminal(rig())
    terminal.type("for each in boards(): each.reboot()\r")
    assert terminal.type("\r") == f"\n{expected}>>> "


def test_boards_are_a_table_and_can_be_chosen_by_state() -> None:
    parts = reimaged(rig())
    terminal = Terminal(parts)
    assert terminal.line("boards()") == TABLE
    heading, _, ready, _ = TABLE.splitlines()
    assert terminal.line('boards("Rea*")') == f"{heading}\n{ready}\n"
    assert terminal.line('board("panda-01")') == f"{heading}\n{ready}\n"
    assert terminal.line("[each.name for each in boards('New')]") == (
        "['bare', 'panda-02']\n"
    )


def test_all_about_a_board_can_be_shown() -> None:
    parts = reimaged(rig())
    parts.clock.advance(300)
    parts.poller.watches["panda-01"].failed("no answer")
    parts.clock.advance(30)
    assert Terminal(parts).line('board("panda-01").show()') == PANDA_01


def test_a_boot_config_that_is_changed_later_changes_nothing() -> None:
    parts = rig()
    terminal = Terminal(parts)
    terminal.line("config = {'a': [1]}")
    terminal.line("board('panda-01').reimage('debian', config)")
    terminal.line("config['a'].append(2)")
    assert parts.board().standing.boot_config == {"a": [1]}


def test_help_names_all_that_is_at_hand() -> None:
    names = {name for name in vars(BoardAtHand) if not name.startswith("_")}
    for name in names - {"row", "standing"}:
        assert f").{name}(" in HELP
    for name in at_hand(rig().fleet, rig().service_time, "").keys() - {"quit"}:
        assert name in HELP
    assert Terminal(rig()).line("help()") == f"{HELP}\n"


@pytest.mark.parametrize("keys", ["\x04", "exit()\r", "quit()\r", "raise SystemExit\r"])
def test_the_shell_is_left_once_and_what_was_typed_ahead_is_not_run(
    keys: str, lines: list[str]
) -> None:
    terminal = Terminal(rig())
    assert "\x1b[4l" in terminal.type(f"{keys}board('panda-01').reboot()\r\x04")
    terminal.shell.leave()
    assert terminal.ended == 1
    assert not any("reboot" in line for line in lines)


# One statement.


def test_a_statement_is_run_and_its_result_printed(lines: list[str]) -> None:
    parts = reimaged(rig())
    assert ssh(parts, "boards()") == [TABLE.encode(), ("exit", 0)]
    assert ssh(parts, "'é'") == ["'é'\n".encode(), ("exit", 0)]
    assert ssh(parts, "print(1); exit()") == [b"1", b"\n", ("exit", 0)]
    assert lines == [
        "alice (her key) at 192.0.2.7:4022 typed 'boards()'",
        '''alice (her key) at 192.0.2.7:4022 typed "'é'"''',
        "alice (her key) at 192.0.2.7:4022 typed 'print(1); exit()'",
    ]


def test_on_a_terminal_lines_end_as_a_terminal_needs_it() -> None:
    assert ssh(rig(), "1", terminal=True) == [b"1\r\n", ("exit", 0)]


def test_a_statement_may_be_a_block() -> None:
    said = ssh(rig(), "for each in boards('New')[1:]: each.reboot()")
    assert said == [
        b"panda-01: RebootRebooting, generation 1\n",
        b"panda-02: RebootRebooting, generation 1\n",
        ("exit", 0),
    ]


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("board('x')", "not done: no such board: x\n"),
        ("board('bare').reboot()", "not done: bare: the board has no power outlet"),
        ("f(", "not done: the statement is not complete\n"),
        ("1\n2", "SyntaxError: multiple statements"),
        ("1\0", "source code string cannot contain null bytes\n"),
        (b"\xff", "SyntaxError: "),
        ("-" * 100_000 + "1", "Error"),
        ("nobody", "NameError: name 'nobody' is not defined\n"),
    ],
)
def test_what_goes_wrong_is_an_error_of_the_client(
    statement: str | bytes, why: str
) -> None:
    said = ssh(rig(), statement)
    errors = b"".join(text for channel, text in said[:-1] if channel == "error")
    assert why in errors.decode()
    assert said[-1] == ("exit", 1)


def test_a_statement_ends_when_its_answer_is_there() -> None:
    parts = rig()
    parts.store.holds = True
    said = ssh(parts, "board('panda-01').reboot()")
    assert said == []
    parts.store.held.pop()()
    assert said == [b"panda-01: RebootRebooting, generation 1\n", ("exit", 0)]


# Sessions.


def test_a_shell_needs_a_terminal() -> None:
    client, clock = FakeClient(), Clock()
    Session(typist(rig()), clock).openShell(client)  # type: ignore[arg-type]
    clock.advance(0)
    assert client.said == [("error", NEEDS_TERMINAL), ("exit", 1)]


def test_a_session_is_a_shell_that_ends_with_what_is_typed() -> None:
    client = FakeClient()
    session = Session(typist(rig()), Clock())
    assert verifyObject(ISession, session)
    session.getPty(b"xterm", (24, 80, 0, 0), [])
    session.openShell(client)  # type: ignore[arg-type]
    client.said.clear()
    session.windowChanged((50, 132, 0, 0))
    client.types(b"1\r")
    assert b"".join(client.said) == b"1\r\n1\r\n>>> "
    client.said.clear()
    session.eofReceived()
    client.hangs_up()
    session.closed()
    assert client.said == [b"\x1b[4l", ("exit", 0)]


def test_a_deferred_is_shown_as_what_it_fires_with() -> None:
    said: list[Any] = []

    class Handler:
        def addOutput(self, data: str, isAsync: bool = False) -> None:
            said.append((data, isAsync))

        def addError(self, data: str, isAsync: bool = False) -> None:
            said.append(("error", data, isAsync))

        def leave(self) -> None:
            said.append("leave")

    late: Deferred[Any] = Deferred()
    names: dict[str, Any] = {
        "late": late,
        "now": succeed(Answer("panda-01", "New", 3)),
        "none": succeed(None),
        "failed": fail(KeyError("a")),
    }
    interpreter = Interpreter(Handler(), names)
    for line in ["late", "now", "none", "failed"]:
        interpreter.push(line.encode())
    assert interpreter.waiting == {late}
    late.callback([1])
    assert interpreter.waiting == set()
    assert said == [
        ("panda-01: New, generation 3\n", False),
        ("error", "KeyError: 'a'\n", False),
        ("[1]\n", True),
    ]


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
