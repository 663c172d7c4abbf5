"""What a person does over one SSH channel: a shell on a terminal, or one statement.

Every line is logged, with who typed it, before it is run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from twisted.conch.insults.insults import ServerProtocol, modes
from twisted.conch.interfaces import ISession
from twisted.conch.manhole import Manhole
from twisted.internet.defer import DeferredList
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from lifeguard.manhole.interpreter import Interpreter

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.conch.ssh.session import SSHSessionProcessProtocol
    from twisted.internet.interfaces import IReactorTime

log = Logger()

GREETING: Final = b"lifeguard: help() says what is here, Ctrl-D leaves\n"

NEEDS_TERMINAL: Final = (
    b"lifeguard: a shell needs a terminal; a script says ssh HOST 'boards()'\n"
)


class Typist(NamedTuple):
    """Somebody at a keyboard: who he is, where, and what he finds at hand."""

    who: str
    where: str
    at_hand: dict[str, Any]

    def typed(self, line: str) -> None:
        """Log it, quoted: no line can look like another."""
        log.info(
            "{who} at {where} typed {line!r}", who=self.who, where=self.where, line=line
        )


class Shell(Manhole):
    """Python on a terminal; `ended` is called once, when the person leaves."""

    def __init__(self, typist: Typist, ended: Callable[[], None]) -> None:
        super().__init__()
        self._typist, self._ended = typist, ended
        self._left = False

    def connectionMade(self) -> None:
        super().connectionMade()
        self.interpreter = Interpreter(self, self._typist.at_hand)

    def initializeScreen(self) -> None:
        """Conch would clear the screen."""
        self.terminal.write(GREETING)
        self.setInsertMode()
        self.drawInputLine()

    def keystrokeReceived(self, keyID: bytes, modifier: bytes | None) -> None:
        """What was typed ahead of leaving is not run."""
        if not self._left:
            super().keystrokeReceived(keyID, modifier)

    def lineReceived(self, line: bytes) -> None:
        if line.strip():
            self._typist.typed(line.decode("ascii"))
        super().lineReceived(line)

    def addOutput(self, data: str, isAsync: bool | None = False) -> None:
        """Show it; when `isAsync`, above the line that is being typed.

        Conch would lose that line.
        """
        if not isAsync:
            super().addOutput(data)
            return
        self.terminal.write(b"\r")
        self.terminal.eraseLine()
        self.terminal.write(data)
        self.drawInputLine()
        if behind_cursor := len(self.lineBuffer) - self.lineBufferIndex:
            self.terminal.cursorBackward(behind_cursor)

    def addError(self, data: str, isAsync: bool = False) -> None:
        """A terminal has one place for everything."""
        self.addOutput(data, isAsync)

    def handle_QUIT(self) -> None:
        self.terminal.nextLine()
        self.leave()

    def leave(self) -> None:
        """Give the terminal back as it was."""
        if not self._left:
            self._left = True
            self.terminal.resetModes([modes.IRM])
            self._ended()


class Statement:
    """What `ssh HOST STATEMENT` runs; it ends when all that it shows is there."""

    def __init__(
        self, typist: Typist, client: SSHSessionProcessProtocol, newline: str
    ) -> None:
        self._typist, self._client, self._newline = typist, client, newline
        self._status = 0

    def run(self, statement: bytes) -> None:
        """The client's `ssh` exits with 1 if anything goes wrong, else with 0."""
        source = statement.decode("utf-8", "backslashreplace")
        self._typist.typed(source)
        interpreter = Interpreter(self, self._typist.at_hand)
        # An end of line more than typed completes a block.
        if interpreter.runsource(source + "\n"):
            self.addError("not done: the statement is not complete\n")
        DeferredList(list(interpreter.waiting)).addCallback(self._end)

    def addOutput(self, data: str, isAsync: bool = False) -> None:
        self._client.outReceived(self._encoded(data))

    def addError(self, data: str, isAsync: bool = False) -> None:
        self._status = 1
        self._client.errReceived(self._encoded(data))

    def leave(self) -> None:
        """It ends by itself."""

    def _encoded(self, data: str) -> bytes:
        return data.replace("\n", self._newline).encode()

    def _end(self, _: object) -> None:
        hang_up(self._client, self._status)


class Keyboard:
    """What a client types goes to `write`; at its end there is nothing to close."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self.write = write

    def loseConnection(self) -> None:
        """The channel belongs to the connection."""


@implementer(ISession)
class Session:
    """One SSH channel of a typist.

    A client expects to hear that it may before it hears a result, so what ends by
    itself begins a moment later.
    """

    def __init__(self, typist: Typist, clock: IReactorTime) -> None:
        self._typist, self._clock = typist, clock
        self._has_terminal = False
        self._shell: Shell | None = None

    def getPty(self, term: bytes, windowSize: tuple[int, ...], modes: object) -> None:
        self._has_terminal = True

    def openShell(self, client: SSHSessionProcessProtocol) -> None:
        if not self._has_terminal:
            client.makeConnection(Keyboard(ignore))
            self._clock.callLater(0, refuse_shell, client)
            return
        self._shell = Shell(self._typist, lambda: hang_up(client, 0))
        terminal = ServerProtocol(lambda: self._shell)
        terminal.makeConnection(client)
        client.makeConnection(Keyboard(terminal.dataReceived))

    def execCommand(self, client: SSHSessionProcessProtocol, command: bytes) -> None:
        client.makeConnection(Keyboard(ignore))
        newline = "\r\n" if self._has_terminal else "\n"
        statement = Statement(self._typist, client, newline)
        self._clock.callLater(0, statement.run, command)

    def windowChanged(self, newWindowSize: tuple[int, ...]) -> None:
        """The terminal wraps the line by itself."""

    def eofReceived(self) -> None:
        """Who types no more leaves the shell; a statement reads nothing anyway."""
        if self._shell is not None:
            self._shell.leave()

    def closed(self) -> None:
        """What was asked for goes on without its person."""


def ignore(data: bytes) -> None:
    """Nobody reads it."""


def refuse_shell(client: SSHSessionProcessProtocol) -> None:
    """There is nothing to type on."""
    client.errReceived(NEEDS_TERMINAL)
    hang_up(client, 1)


def hang_up(client: SSHSessionProcessProtocol, status: int) -> None:
    """Close the channel; the client's `ssh` exits with `status`."""
    client.processEnded(
        Failure(ProcessTerminated(status) if status else ProcessDone(0))
    )
