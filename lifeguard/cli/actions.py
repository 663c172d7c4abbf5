"""What is done to boards: requests and changes by hand, and waiting for their end."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from rich.text import Text
from twisted.internet.defer import Deferred, TimeoutError

from lifeguard.cli.api import Refused
from lifeguard.cli.documents import Accepted
from lifeguard.cli.exits import Exit, Stop
from lifeguard.cli.live import follow
from lifeguard.cli.reading import read
from lifeguard.cli.selection import Selection
from lifeguard.cli.session import complain
from lifeguard.cli.together import together
from lifeguard.cli.waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any

    from lifeguard.cli.documents import Document
    from lifeguard.cli.session import Session


class Answer(NamedTuple):
    """What became of one board's request: what was accepted, or what stopped it."""

    board: str
    accepted: Document | None
    stop: Stop | None = None

    @property
    def document(self) -> Document:
        """In the interface's words."""
        if self.accepted is not None:
            return self.accepted
        said = self.stop.document if isinstance(self.stop, Refused) else None
        return {"board": self.board, **(said or {"error": str(self.stop)})}


def board_path(name: str, *parts: str) -> str:
    """Below the interface's prefix; whatever the name is made of."""
    return "/".join(["/boards", *(quote(part, safe="") for part in (name, *parts))])


async def post_to(
    session: Session, names: Sequence[str], body: Document, *path: str
) -> list[Answer]:
    """Post to each board; those that refuse are complained of."""

    def job(name: str) -> Callable[[], Coroutine[Any, Any, Answer]]:
        async def post() -> Answer:
            try:
                path_of_board = board_path(name, *path)
                return Answer(name, await session.api.post(path_of_board, body))
            except Stop as stop:
                return Answer(name, None, stop)

        return post

    answers = await together(job(name) for name in names)
    for answer in answers:
        _complain(answer)
    return answers


def worst(answers: Sequence[Answer]) -> Exit:
    """The highest exit status of all."""
    return max(Exit.DONE if one.stop is None else one.stop.status for one in answers)


async def wait_for(
    session: Session, answers: Sequence[Answer], request: str, seconds: float | None
) -> Exit:
    """Wait until each board that accepted has come to rest, or has failed."""
    accepted = {
        answer.board: answer.accepted
        for answer in answers
        if answer.accepted is not None
    }
    if not accepted:
        return Exit.DONE
    waiting = Waiting(accepted, request, session.api.clock, _sayer(session))
    selection = Selection(tuple(accepted))
    following = Deferred.fromCoroutine(follow(session.api, selection, waiting))
    following.addErrback(
        lambda failure: None if waiting.over.called else waiting.over.errback(failure)
    )
    if seconds is not None:
        waiting.over.addTimeout(seconds, session.api.clock)
    try:
        with session.live(lambda: waiting.view(session.out.height)):
            await waiting.over
    except TimeoutError:
        waiting.give_up()
    finally:
        following.cancel()
    if session.as_json:
        for document in waiting.documents():
            session.dump(document)
    return waiting.status


def _sayer(session: Session) -> Callable[[Text], None]:
    return (lambda _: None) if session.as_json else session.show


def _complain(answer: Answer) -> None:
    if isinstance(answer.stop, Refused):
        complain(f"{answer.board}: {answer.stop.said}")
    elif answer.stop is not None:
        complain(f"{answer.board}: {answer.stop}")


def say(session: Session, answers: Sequence[Answer]) -> None:
    """Where each board stands now."""
    for answer in answers:
        if session.as_json:
            session.dump(answer.document)
        elif answer.accepted is not None:
            accepted = read(answer.accepted, Accepted)
            repeat = ", as was asked before" if accepted.repeat else ""
            session.show(Text(f"{answer.board}: {accepted.state}{repeat}"))
