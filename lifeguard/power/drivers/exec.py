"""Outlets that are switched and read by commands of the lab's, such as ipmitool.

`{outlet}` in an argument stands for the outlet's name, `{{` and `}}` for braces. No
shell is between; a lab that wants one names it. A command that is not done in time is
killed, with all that it has started.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Struct

from lifeguard.config.forms import Form, ListOf, matching, template, text
from lifeguard.power.command import Output, run
from lifeguard.power.connectionless import Connectionless, read_back
from lifeguard.power.driver import Driver
from lifeguard.power.errors import BadAnswer, Refused

if TYPE_CHECKING:
    from lifeguard.model import RelayBoard
    from lifeguard.power.driver import Surroundings


def _regular_expression(value: object) -> re.Pattern[str]:
    try:
        return re.compile(text(value))
    except re.error as error:
        raise ValueError(value) from error


_LIST = ListOf("a list of arguments")

Argument = Annotated[
    str,
    Form(
        "a text with all braces doubled but those of {outlet}",
        template(text, "outlet"),
    ),
]
Command = Annotated[tuple[Argument, ...], _LIST]
TestArgument = Annotated[str, Form("a text with all braces doubled", template(text))]
TestCommand = Annotated[tuple[TestArgument, ...], _LIST]
Pattern = Annotated[
    re.Pattern[str] | None, Form("a regular expression", _regular_expression)
]


class ExecOptions(Struct, frozen=True, kw_only=True):
    """A read tells by its exit code, 0 on and 1 off, or by what its output has in it.

    Without `read`, a switch whose exit code is 0 is taken for granted.
    """

    on: Command
    off: Command
    read: Command = ()
    means_on: Pattern = None
    means_off: Pattern = None
    test: TestCommand = ()

    def __post_init__(self) -> None:
        if not self.on or not self.off:
            raise ValueError("on and off need a command")
        if (self.means_on is None) != (self.means_off is None):
            raise ValueError("means_on and means_off go together")
        if self.means_on is not None and self.means_on == self.means_off:
            raise ValueError("means_on and means_off are the same")
        if self.means_on is not None and not self.read:
            raise ValueError("means_on needs a read")


class Commands(Connectionless):
    """Outlets behind commands."""

    def __init__(self, reactor: Any, options: ExecOptions) -> None:
        self._reactor, self._options = reactor, options

    async def switch(self, rest: str, on: bool, deadline: float) -> None:
        options = self._options
        await self._do(options.on if on else options.off, rest, deadline)
        if options.read:
            await read_back(
                lambda: self._read(rest, deadline), on, deadline, self._reactor
            )

    async def read(self, rest: str, deadline: float) -> bool | None:
        return await self._read(rest, deadline) if self._options.read else None

    async def test(self, deadline: float) -> None:
        if self._options.test:
            await self._do(self._options.test, "", deadline)

    async def _do(self, command: Command, rest: str, deadline: float) -> Output:
        """Run it; Refused unless it succeeds."""
        output = await self._run(command, rest, deadline)
        if output.exit_code != 0:
            raise Refused(f"{command[0]}: {output}")
        return output

    async def _read(self, rest: str, deadline: float) -> bool:
        options = self._options
        if options.means_on is None or options.means_off is None:
            output = await self._run(options.read, rest, deadline)
            if output.exit_code not in (0, 1):
                raise Refused(f"{options.read[0]}: {output}")
            return output.exit_code == 0
        output = await self._do(options.read, rest, deadline)
        on, off = (
            pattern.search(output.out) is not None
            for pattern in (options.means_on, options.means_off)
        )
        if on == off:
            which = "both on and off" if on else "neither on nor off"
            raise BadAnswer(f"{options.read[0]} says {which}: {output}")
        return on

    async def _run(self, command: Command, rest: str, deadline: float) -> Output:
        arguments = [each.format(outlet=rest) for each in command]
        return await run(self._reactor, arguments, deadline)


def _device(relay_board: RelayBoard, surroundings: Surroundings) -> Commands:
    return Commands(surroundings.reactor, relay_board.options)


DRIVER = Driver(
    options=ExecOptions,
    outlet=Form("an outlet's name", matching("[A-Za-z0-9._:/-]+")),
    device=_device,
    address=lambda options: str(options.on[0]),
)
