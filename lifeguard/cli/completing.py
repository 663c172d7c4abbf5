"""What the shell offers for the end of a word: names and states of the lab."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from click.shell_completion import CompletionItem
from twisted.internet.defer import Deferred, TimeoutError

from lifeguard.cli.documents import Board, BoardPage, Images, RelayBoards
from lifeguard.cli.exits import Stop
from lifeguard.cli.reading import read

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    import click

    from lifeguard.cli.api import Api
    from lifeguard.cli.session import Machine

    Ask = Callable[[Api, str], Coroutine[Any, Any, Iterable[str]]]
    """Asks for words; the second is how they begin."""

    Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

COMPLETION_SECONDS = 1.0
"""Nobody waits longer for the end of a word."""


def completed(ask: Ask) -> Complete:
    """The words that begin so; none if the daemon does not say soon."""

    def complete(
        context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        machine = cast("Machine", context.obj)

        async def words() -> Iterable[str]:
            api = machine.session(context.find_root().params).api
            asked = Deferred.fromCoroutine(ask(api, incomplete))
            return await asked.addTimeout(COMPLETION_SECONDS, machine.clock)

        try:
            found = machine.run(words())
        except (Stop, TimeoutError):
            return []
        beginning = {word for word in found if word.startswith(incomplete)}
        return [CompletionItem(word) for word in sorted(beginning)]

    return complete


@completed
async def board_names(api: Api, beginning: str) -> Iterable[str]:
    return [board.name for board in await _boards(api, f"{beginning}*")]


@completed
async def states(api: Api, beginning: str) -> Iterable[str]:
    """Those that boards are in."""
    return [board.state for board in await _boards(api, "*")]


@completed
async def hardware(api: Api, beginning: str) -> Iterable[str]:
    return [board.hardware or "" for board in await _boards(api, "*")]


@completed
async def images(api: Api, beginning: str) -> Iterable[str]:
    """But for those with a role: nobody asks for them by name."""
    found = read(await api.get("/images"), Images).images
    return [image.name for image in found if image.role is None]


@completed
async def relay_board_names(api: Api, beginning: str) -> Iterable[str]:
    found = read(await api.get("/relay-boards"), RelayBoards).relay_boards
    return [one.name for one in found]


async def _boards(api: Api, name: str) -> list[Board]:
    page = read(await api.get("/boards", name=name, limit=1000), BoardPage)
    return [read(document, Board) for document in page.boards]
