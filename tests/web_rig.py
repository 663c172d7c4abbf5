"""The HTTP interface over a fleet with fakes; a test chooses who calls, and when."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress, ISSLTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import directlyProvides

from lifeguard.alerts import ChannelStatus, NotDelivered, UnknownChannel
from lifeguard.alerts.channel import Tally
from lifeguard.blame.inquiry import Inquiry
from lifeguard.config import Blame, Configuration, ConfigurationError
from lifeguard.health.poller import HealthStatus
from lifeguard.inventory.reload import Reload
from lifeguard.metrics import Metrics
from lifeguard.model import Inventory, OperatorRole, Saved
from lifeguard.netboot.boot_server import BootServer
from lifeguard.netboot.files import Root
from lifeguard.netboot.loader_config import LoaderConfigs
from lifeguard.netboot.parameters import Server
from lifeguard.netboot.tokens import Tokens
from lifeguard.netboot.totals import TransferTotals
from lifeguard.operators import Made, Operators
from lifeguard.power import OwedOutlet, RelayBoardStatus, RelayError, UnknownRelayBoard
from lifeguard.power.condition import State
from lifeguard.power.tally import CyclesEnded
from lifeguard.web import Access, World, site
from lifeguard.web.request import LabSite
from tests.rig import EPOCH, Rig, result_of, rig

PANDA = "192.0.2.1"
"""The address of panda-01."""
STRANGER = "198.51.100.7"
HERE = "127.0.0.1"
OPERATOR = {"Authorization": "Bearer let-me-in"}

BOARDS = "/api/v1/boards"
PANDA_01 = f"{BOARDS}/panda-01"

OPEN = Access()
"""As a lab has it that says nothing about callers."""

SERVER = Server("lab-1", "http://192.0.2.254:8080")


@dataclass
class FakeRelayBoards:
    """One relay board, which fails its test when `error` says so.

    The board that is `switching` is in the middle of a power cycle.
    """

    state: State = "Working"
    debts: list[OwedOutlet] = field(default_factory=list)
    switching: str | None = None
    error: str | None = None
    cycles_ended: CyclesEnded = field(default_factory=lambda: CyclesEnded(["rack1"]))

    def owed(self) -> list[OwedOutlet]:
        return self.debts

    def is_switching(self, board: str) -> bool:
        return board == self.switching

    def relay_boards(self) -> list[RelayBoardStatus]:
        return [
            RelayBoardStatus(
                name="rack1",
                state=self.state,
                since=5.0,
                why="",
                connected=True,
                waiting=2,
                last_success=10.0,
                last_error=self.error,
                last_error_at=None,
            )
        ]

    def test(self, relay_board: str) -> Deferred[None]:
        if relay_board != "rack1":
            return fail(UnknownRelayBoard(f"no relay board {relay_board}"))
        return fail(RelayError(self.error)) if self.error else succeed(None)


@dataclass
class FakeAlerts:
    """Channels as a test puts them; a try of one fails with `error`, if there is."""

    channels: list[ChannelStatus] = field(default_factory=list)
    counted: dict[str, Tally] = field(default_factory=lambda: {"ops": Tally()})
    error: str | None = None
    tested: list[str] = field(default_factory=list)

    def status(self) -> list[ChannelStatus]:
        return self.channels

    def tallies(self) -> dict[str, Tally]:
        return self.counted

    async def test(self, name: str) -> None:
        if name not in [each.name for each in self.channels]:
            raise UnknownChannel(f"no such channel: {name}")
        self.tested.append(name)
        if self.error is not None:
            raise NotDelivered(self.error)


@dataclass
class FakePolls:
    withheld: tuple[str, ...] = ()

    def status(self) -> HealthStatus:
        return HealthStatus(2, bool(self.withheld), self.withheld, {})

    def release(self) -> None:
        self.withheld = ()


@dataclass
class Reply:
    """An answer as a client reads it."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        assert self.headers["content-type"] == "application/json"
        assert int(self.headers["content-length"]) == len(self.body)
        return json.loads(self.body)


class Connection:
    """One connection to the site, from `peer`; `is_secure`: as if by TLS."""

    def __init__(self, served: LabSite, peer: IAddress, is_secure: bool) -> None:
        self.transport: Any = StringTransport(
            hostAddress=IPv4Address("TCP", "192.0.2.254", 8080), peerAddress=peer
        )
        if is_secure:
            self.transport.setTcpNoDelay = lambda enabled: None
            directlyProvides(self.transport, ISSLTransport)
        self._channel: Any = served.buildProtocol(peer)
        self._channel.makeConnection(self.transport)

    def send(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> None:
        sent = {"Host": "localhost:8080", **headers}
        if body:
            sent["Content-Length"] = str(len(body))
        lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in sent.items())]
        self.receive("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def receive(self, data: bytes) -> None:
        self._channel.dataReceived(data)

    def hang_up(self) -> None:
        self._channel.connectionLost(Failure(ConnectionDone()))

    def reply(self) -> Reply:
        """What has been answered since the last time; an error if nothing was."""
        assert self.transport.value(), "no answer yet"
        head, _, body = self.transport.value().partition(b"\r\n\r\n")
        self.transport.clear()
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        return Reply(
            int(status.split(" ")[1]), {k.lower(): v for k, v in headers.items()}, body
        )


@dataclass
class WebRig:
    """A served lab, and what lies behind it."""

    lab: Rig
    world: World
    site: LabSite
    tokens: Tokens
    operators: Operators
    files: BootServer
    relay_boards: FakeRelayBoards
    polls: FakePolls
    inquiry: Inquiry
    metrics: Metrics
    alerts: FakeAlerts
    found: list[Inventory | ConfigurationError]
    """What is in the inventory's file."""

    def connect(
        self, peer: str | IAddress = STRANGER, *, is_secure: bool = False
    ) -> Connection:
        if isinstance(peer, str):
            kind = IPv6Address if ":" in peer else IPv4Address
            peer = kind("TCP", peer, 40000)
        return Connection(self.site, peer, is_secure)

    def ask(
        self,
        path: str,
        method: str = "GET",
        peer: str | IAddress = STRANGER,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
    ) -> Reply:
        """The answer to one request over a connection of its own."""
        connection = self.connect(peer)
        connection.send(method, path, headers or {}, body)
        reply = connection.reply()
        connection.hang_up()
        return reply

    def post(self, path: str, body: Any = None, **how: Any) -> Reply:
        data = b"" if body is None else json.dumps(body).encode()
        return self.ask(path, "POST", body=data, **how)

    def request(self, event: str, body: Any = None, board: str = "panda-01") -> Reply:
        """An operator's request from the machine itself."""
        return self.post(f"{BOARDS}/{board}/events/{event}", body, peer=HERE)

    def token(self, board: str = "panda-01", generation: int | None = None) -> str:
        if generation is None:
            generation = self.lab.board(board).standing.generation
        return self.tokens.token(board, generation)

    def operator(self, name: str, role: OperatorRole, lifetime: int = 3600) -> str:
        """The token of a new operator."""
        making = self.operators.make(name, role, timedelta(seconds=lifetime))
        made: Made = result_of(Deferred.fromCoroutine(making))
        return made.token

    def sign_in(self, token: str, **how: Any) -> str:
        """The cookie that a browser would send from then on."""
        headers = {"Authorization": f"Bearer {token}"} | how.pop("headers", {})
        reply = self.post("/api/v1/session", headers=headers, **how)
        assert reply.status == 200, reply.body
        return reply.headers["set-cookie"].partition(";")[0]

    def happens(self, event: str, generation: int | None = None) -> Reply:
        """An event of panda-01 with its token, from an address of nobody's."""
        token = self.token(generation=generation)
        return self.post(f"{PANDA_01}/events/{event}?token={token}")

    def outcomes(self) -> list[tuple[str, str, str]]:
        """Event, outcome and source of every row of history."""
        return [(r.event, r.outcome, r.source) for r in self.lab.store.rows]


def web(
    lab: Inventory | None = None,
    saved: Saved | None = None,
    *,
    root: Any = None,
    files: BootServer | None = None,
    access: Access = OPEN,
    reactor: Callable[[Clock], Any] = lambda clock: clock,
) -> WebRig:
    """The default lab of `tests.rig`, served; `reactor` puts more beside its clock."""
    parts = rig(lab, saved)

    def wall() -> datetime:
        return EPOCH + timedelta(seconds=parts.clock.seconds())

    tokens, relay_boards, polls = Tokens(b"key"), FakeRelayBoards(), FakePolls()
    alerts = FakeAlerts([ChannelStatus(name="ops", kind="webhook")])
    if files is None:
        configs = LoaderConfigs(parts.fleet.inventory, tokens, SERVER)
        below = None if root is None else Root(root)
        files = BootServer(parts.fleet, configs, below, lambda: EPOCH)
    inquiry = Inquiry(
        parts.fleet,
        parts.store,
        Blame(),
        parts.clock,
        parts.service_time,
        wall,
        lambda: None,
    )
    totals = TransferTotals()
    operators = Operators((saved or Saved()).operators, "let-me-in", parts.store, wall)
    metrics = Metrics(
        parts.fleet, parts.store, relay_boards, totals, alerts, parts.clock
    )
    found: list[Inventory | ConfigurationError] = [parts.fleet.inventory]
    reload = Reload(
        Configuration(inventory=parts.fleet.inventory),
        lambda: _read(found[0]),
        parts.fleet,
        relay_boards,
        parts.store,
        lambda *new: parts.fleet.take_inventory(*new, lambda name: None),
    )
    world = World(
        fleet=parts.fleet,
        store=parts.store,
        power=relay_boards,
        poller=polls,
        inquiry=inquiry,
        alerts=alerts,
        reload=reload,
        files=files,
        tokens=tokens,
        operators=operators,
        server=SERVER,
        metrics=metrics,
        clock=reactor(parts.clock),
        service_time=parts.service_time,
        wall=wall,
    )
    served = site(world, access)
    return WebRig(
        parts,
        world,
        served,
        tokens,
        operators,
        files,
        relay_boards,
        polls,
        inquiry,
        metrics,
        alerts,
        found,
    )


def _read(found: Inventory | ConfigurationError) -> Deferred[Configuration]:
    if isinstance(found, ConfigurationError):
        return fail(found)
    return succeed(Configuration(inventory=found))


def booting(parts: WebRig) -> WebRig:
    """panda-01 was asked for a reimage and has power: ReimageBooting."""
    assert parts.request("rq-reimage", {"image": "debian"}).status == 200
    parts.lab.cycled()
    return parts
