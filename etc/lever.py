"""A driver of a lab's own: outlets that are files of a directory, there when on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Struct

from lifeguard.config.forms import Form, matching, text
from lifeguard.power.connectionless import Connectionless
from lifeguard.power.driver import Driver
from lifeguard.power.errors import NotSwitched


class LeverOptions(Struct, frozen=True, kw_only=True):
    directory: Annotated[str, Form("a directory", text)]


class Lever(Connectionless):
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def switch(self, rest: str, on: bool, deadline: float) -> None:
        outlet = self._directory / rest
        try:
            outlet.touch() if on else outlet.unlink(missing_ok=True)
        except OSError as error:
            raise NotSwitched(f"{outlet}: {error.strerror}") from None

    async def read(self, rest: str, deadline: float) -> bool:
        return (self._directory / rest).exists()

    async def test(self, deadline: float) -> None:
        if not self._directory.is_dir():
            raise NotSwitched(f"no directory {self._directory}")


DRIVER = Driver(
    options=LeverOptions,
    outlet=Form("a file's name", matching("[a-z0-9]+")),
    device=lambda relay_board, _: Lever(Path(relay_board.options.directory)),
    address=lambda options: str(options.directory),
)
