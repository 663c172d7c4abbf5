"""Outlets that are switched and read by URLs, as the inventory gives them.

`{outlet}` in a path stands for the outlet's name, `{{` and `}}` for braces. What a read
answers is looked up in its JSON, or is the whole of its text; it is taken for on or off
by a list of words, and anything else for an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import field

from lifeguard.config.forms import Flag, Form, Text, matching, one_of, template, text
from lifeguard.config.reader import shown
from lifeguard.power.connectionless import Connectionless, read_back
from lifeguard.power.driver import Driver
from lifeguard.power.errors import BadAnswer
from lifeguard.power.web import Answer, WebOptions, web

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from lifeguard.model import RelayBoard
    from lifeguard.power.driver import Surroundings
    from lifeguard.power.web import Web


def _word(value: object) -> str:
    """As answers are compared: in lower case, without space around it."""
    return text(text(value).strip().lower())


_path = matching("/[!-~]*")

Path = Annotated[
    str, Form('a path like "/relay/{outlet}?turn=on"', template(_path, "outlet"))
]
TestPath = Annotated[str, Form('a path like "/status"', template(_path))]
Way = Annotated[
    str, Form('a way like "relays.{outlet}.ison"', template(text, "outlet"))
]
Word = Annotated[str, Form("a word", _word)]
Method = Annotated[str, one_of("GET", "POST", "PUT")]


class HttpOptions(WebOptions, frozen=True, kw_only=True):
    """`value` has ways into the JSON of a read's answer, such as "relays.0.ison"; the
    first that leads somewhere counts. Without `read`, success is taken for granted."""

    on: Path
    off: Path
    read: Path | None = None
    value: tuple[Way, ...] = ()
    means_on: tuple[Word, ...] = ("on", "true", "1")
    means_off: tuple[Word, ...] = ("off", "false", "0")
    test: TestPath = "/"
    method: Method = "GET"
    headers: dict[str, Text] = field(default_factory=dict)
    digest: Flag = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.means_on or not self.means_off:
            raise ValueError("means_on and means_off need a word each")
        if both := sorted({*self.means_on} & {*self.means_off}):
            raise ValueError(f"means_on and means_off both have {shown(both[0])}")
        if self.digest and self.user is None:
            raise ValueError("digest needs a user")
        if self.value and self.read is None:
            raise ValueError("value needs a read")


class HttpSwitch(Connectionless):
    """Outlets at URLs."""

    def __init__(self, clock: IReactorTime, web: Web, options: HttpOptions) -> None:
        self._clock, self._web, self._options = clock, web, options

    async def switch(self, rest: str, on: bool, deadline: float) -> None:
        options = self._options
        await self._ask(
            options.method, options.on if on else options.off, rest, deadline
        )
        if (path := options.read) is not None:
            await read_back(
                lambda: self._read(path, rest, deadline), on, deadline, self._clock
            )

    async def read(self, rest: str, deadline: float) -> bool | None:
        path = self._options.read
        return None if path is None else await self._read(path, rest, deadline)

    async def test(self, deadline: float) -> None:
        await self._ask("GET", self._options.test, "", deadline)

    async def _read(self, path: str, rest: str, deadline: float) -> bool:
        answer = await self._ask("GET", path, rest, deadline)
        said = self._said(answer, rest)
        if said in self._options.means_on:
            return True
        if said in self._options.means_off:
            return False
        raise BadAnswer(f"neither on nor off in {answer}")

    async def _ask(self, method: str, path: str, rest: str, deadline: float) -> Answer:
        path = path.format(outlet=rest)
        return await self._web.ask(method, path, deadline, self._options.headers)

    def _said(self, answer: Answer, rest: str) -> str | None:
        """The word for on or off, in lower case."""
        if not self._options.value:
            return answer.text.strip().lower()
        document = answer.json()
        for way in self._options.value:
            found = follow(way.format(outlet=rest), document)
            if isinstance(found, str | int):
                return str(found).strip().lower()
        return None


def follow(way: str, document: Any) -> Any:
    """What is at the end of the way; a list's items count from 0. None: no such way."""
    for step in way.split("."):
        try:
            document = document[int(step) if isinstance(document, list) else step]
        except (LookupError, TypeError, ValueError):
            return None
    return document


def http_switch(options: HttpOptions, surroundings: Surroundings) -> HttpSwitch:
    """The device that is asked for these URLs, over the network."""
    reactor = surroundings.reactor
    return HttpSwitch(reactor, web(reactor, options), options)


def _device(relay_board: RelayBoard, surroundings: Surroundings) -> HttpSwitch:
    return http_switch(relay_board.options, surroundings)


DRIVER = Driver(
    options=HttpOptions,
    outlet=Form(
        "a name of letters, digits, dots, _ and -", matching("[A-Za-z0-9._-]+")
    ),
    device=_device,
)
