"""One call of the command line: the daemon it asks, and where it says what."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import click
from rich.console import Console
from rich.live import Live
from twisted.internet.task import LoopingCall

from lifeguard.cli.access import access
from lifeguard.cli.api import Api
from lifeguard.cli.exits import Exit
from lifeguard.cli.reading import read

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path

    from rich.console import RenderableType
    from treq.client import HTTPClient
    from twisted.internet.interfaces import IReactorTime

    from lifeguard.cli.documents import Document
    from lifeguard.clock import WallClock

Record = TypeVar("Record")
Result = TypeVar("Result")

REFRESH_SECONDS = 0.25

UNBOUNDED = 10_000
"""Columns where there is no terminal: a line is for `grep`, and never wraps."""


class Run(Protocol):
    """Runs a coroutine to its end; raises what it raises."""

    def __call__(self, coroutine: Coroutine[Any, Any, Result]) -> Result: ...


class Machine(NamedTuple):
    """All that the command line touches of the machine it runs on."""

    clock: IReactorTime
    http: Callable[[Path | None], HTTPClient]
    """Who asks; the file holds the certificates that are trusted."""
    run: Run
    wall: WallClock
    home: Path
    out: Console

    def session(self, options: dict[str, Any], *, as_json: bool = False) -> Session:
        """A session with the daemon that options, environment or file name.

        Raises Usage.
        """
        where = access(
            options["url"],
            options["token"],
            options["token_file"],
            options["ca_file"],
            self.home,
        )
        api = Api(where, self.http(where.ca_file), self.clock)
        return Session(api, self.out, self.wall, as_json)


class Session(NamedTuple):
    """The daemon, and where it is shown what it answers."""

    api: Api
    out: Console
    wall: WallClock
    as_json: bool

    def show(self, view: RenderableType) -> None:
        """For people; where there is no terminal, without the blanks that fill it."""
        if self.out.is_terminal:
            self.out.print(view)
            return
        with self.out.capture() as shown:
            self.out.print(view)
        for line in shown.get().splitlines():
            click.echo(line.rstrip())

    def dump(self, document: Document) -> None:
        """For programs: a document a line."""
        dump(document)

    def answer(
        self,
        document: Document,
        record: type[Record],
        view: Callable[[Record], RenderableType],
    ) -> Exit:
        """As it came for programs, for people as `view` shows it; a command's end."""
        if self.as_json:
            self.dump(document)
        else:
            self.show(view(read(document, record)))
        return Exit.DONE

    @contextmanager
    def live(self, view: Callable[[], RenderableType]) -> Iterator[None]:
        """Below all that is shown meanwhile: `view`, again and again, on a terminal."""
        if not self.out.is_terminal or self.as_json:
            yield
            return
        screen = Live(console=self.out, auto_refresh=False, transient=True)
        beat = LoopingCall(lambda: screen.update(view(), refresh=True))
        beat.clock = self.api.clock
        with screen:
            beat.start(REFRESH_SECONDS)
            try:
                yield
            finally:
                beat.stop()


def dump(document: Document) -> None:
    """A document in one line."""
    click.echo(json.dumps(document, ensure_ascii=False))


def complain(line: str) -> None:
    """What is wrong, on standard error, in one line."""
    click.echo(f"lifeguard: {' '.join(line.split())}", err=True)


def console() -> Console:
    """Standard output: as wide as the terminal, or as its lines where there is none."""
    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    return plain_console(width=None if known else UNBOUNDED)


def plain_console(**options: Any) -> Console:
    """Shows texts as they are, whatever is written in them."""
    return Console(highlight=False, markup=False, emoji=False, **options)
