"""The shell without SSH's client: what is typed, shown and logged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from twisted.conch.insults.insults import ServerProtocol
from twisted.conch.interfaces import ISession
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from zope.interface.verify import verifyObject

from lifeguard.event import Answer
from lifeguard.manhole.at_hand import HELP, BoardAtHand, at_hand
from lifeguard.manhole.interpreter import Interpreter
from lifeguard.manhole.session import GREETING, NEEDS_TERMINAL, Session, Shell, Typist
from tests.log_lines import log_lines
from tests.rig import Rig, reimaged, rig

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
    with log_lines("manhole") as found:
        yield found


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
    assert terminal.line("fo o").splitlines()[-1].startswith("SyntaxError: ")
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
