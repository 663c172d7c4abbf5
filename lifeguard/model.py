"""The records that everything else passes around; all frozen, none does anything.

What a lab's inventory says of a thing (`Board`, `Image`, ...) and where a board
stands (`Standing`, `Change`, `HistoryRow`) are kept apart: the first comes from
files, the second from the database.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, NamedTuple

from msgspec import Struct, field

from lifeguard.lifecycle import Lifecycle

Role = Literal["self-test", "maintenance"]

LoaderName = Literal["pxelinux", "ipxe", "grub", "raspberry-pi", "uefi"]
"""A boot loader; U-Boot is a "pxelinux", whose search list and configs it reads."""

DiskBoot = Literal["not-found", "localboot", "exit", "sanboot", "chainload"]
"""How "boot your disk" is said; which of these a loader knows, `netboot.loaders` says.

"not-found": it finds nothing to boot, and its firmware goes on to the disk.
"""

Outcome = Literal["moved", "noted", "refused", "stale", "repeat"]
"""What became of an event."""

CauseKind = Literal[
    "board", "image", "installed-image", "relay-board", "hardware", "addresses"
]
"""What an incident can be blamed on; "image" is one that is being installed."""

NoticeKind = Literal[
    "given-up",
    "incident-opened",
    "incident-closed",
    "relay-board-broken",
    "relay-board-works",
    "few-ready",
    "enough-ready",
]
"""What people are told of; "few-ready": fewer boards are Ready than a lab wants."""


class Outlet(NamedTuple):
    """One relay of a relay board. `rest` is the driver's own: "bank/relay"."""

    relay_board: str
    rest: str

    def __str__(self) -> str:
        return f"{self.relay_board}/{self.rest}"


class Cause(NamedTuple):
    """One thing that may be to blame: a board, or what several boards share.

    `name` of "addresses" is an IPv4 network.
    """

    kind: CauseKind
    name: str

    def __str__(self) -> str:
        return f"{_KIND_IN_WORDS[self.kind]} {self.name}"


_KIND_IN_WORDS: dict[CauseKind, str] = {
    "board": "board",
    "image": "image",
    "installed-image": "installed image",
    "relay-board": "relay board",
    "hardware": "hardware type",
    "addresses": "addresses",
}


class RelayBoard(Struct, frozen=True, kw_only=True):
    """A networked switch, as the inventory describes it. Times in seconds."""

    name: str
    driver: str
    address: str
    """Where it is, for people."""
    off_seconds: float = 1.0
    on_at_once: int = 1
    on_apart: float = 0.0
    """Between the switching on of so many outlets and the next: inrush."""
    together: int = 16
    """Boards whose power cycles may be under way."""
    patience: float = 86400.0
    """How long boards wait for it while it is ill, before they are given up."""
    off_check: float = 900.0
    """Between two looks at an outlet that is to be off; 0: never."""
    options: Any = None
    """Its driver's own, a Struct."""


class Boot(Struct, frozen=True, kw_only=True):
    """How one hardware type boots one image, or a board that is not known.

    `files` is below the TFTP root: all that a Raspberry Pi loads beside its command
    line, or the program that UEFI runs. UEFI alone needs no template.
    """

    loader: LoaderName
    template: str | None
    """Absolute path of the Jinja2 template."""
    files: str | None = None


class Image(Struct, frozen=True, kw_only=True):
    """What a board can be made to run. `health` None: the hardware's."""

    name: str
    boot: dict[str, Boot] = {}
    health: tuple[str, ...] | None = None
    role: Role | None = None


class Hardware(Struct, frozen=True, kw_only=True):
    """A kind of board; its lifecycle has the inventory's figures built in.

    `boot_file` is what its firmware asks for first, as the DHCP server names it.
    """

    name: str
    lifecycle: Lifecycle
    disk_boot: DiskBoot = "not-found"
    boot_file: tuple[str, ...] = ()
    health: tuple[str, ...] = ("ping",)


class Board(Struct, frozen=True, kw_only=True):
    """A managed computer, as the inventory describes it.

    `mac` is lower case with colons. Without an `address` the board reports by
    token only and is never polled; without `power` nothing can reboot it. Some boot
    loaders name it by its `uuid`, a Raspberry Pi by its `serial`: the last 8 digits,
    in lower case hex as both are.
    """

    name: str
    mac: str
    hardware: str
    address: str | None = None
    power: tuple[Outlet, ...] = ()
    uuid: str | None = None
    serial: str | None = None
    idle_off: float | None = None
    """Seconds after which it is switched off when nobody wants it; None: never."""


class Inventory(Struct, frozen=True, kw_only=True):
    """Everything `boards.toml` declares, by name.

    `unknown_boards` is what boards that are not in it boot, by loader.
    """

    relay_boards: dict[str, RelayBoard] = {}
    hardware: dict[str, Hardware] = {}
    images: dict[str, Image] = {}
    boards: dict[str, Board] = {}
    unknown_boards: dict[str, Boot] = {}

    def image_of_role(self, role: Role, hardware: str) -> Image | None:
        """The image that plays `role` on that hardware; at most one does."""
        for image in self.images.values():
            if image.role == role and hardware in image.boot:
                return image
        return None


class Strikes(Struct, frozen=True):
    """Failures counted against one state.

    `last` is when the last one came, in service seconds. Where strikes are forgotten
    by time, it is put off by what the board has spent on its way back since.
    """

    count: int
    last: float


class Request(Struct, frozen=True):
    """The last request accepted; it stands until its first state is left."""

    event: str
    body: dict[str, Any] = {}


class Standing(Struct, frozen=True, kw_only=True):
    """Where a board stands: exactly one row of the database.

    `entered` and `deadline` are service seconds (the time lifeguard has run),
    `since` is wall time and only for display. `version` counts the changes,
    `stay` the entries into a state, `generation` the power cycles ordered.
    """

    board: str
    state: str
    since: datetime
    version: int = 0
    stay: int = 0
    generation: int = 0
    entered: float = 0.0
    deadline: float | None = None
    image: str | None = None
    wanted_image: str | None = None
    boot_config: dict[str, Any] = {}
    strikes: dict[str, Strikes] = {}
    accepted: tuple[str, ...] = ()
    """Board events accepted in this generation."""
    noted: tuple[str, ...] = ()
    """Events noted in this stay, which moved nothing."""
    request: Request | None = None


class Owed(Struct, frozen=True):
    """An outlet that must be switched on again before anything is forgotten.

    Also while its board is to be off: so it comes back should the board be removed.
    """

    outlet: Outlet
    board: str
    generation: int


class HistoryRow(Struct, frozen=True, kw_only=True):
    """One line of a board's history.

    Refused, stale and repeated events are coalesced: `count` of them between `at`
    and `last`.
    """

    at: datetime
    board: str
    event: str
    source: str
    outcome: Outcome
    from_state: str
    to_state: str
    generation: int
    reason: str = ""
    count: int = 1
    last: datetime | None = None
    id: int = 0
    """Given by the database, ascending; 0 until then."""


class RelayBoardChange(Struct, frozen=True, kw_only=True):
    """One line of a relay board's history: what it became, and what led to that."""

    at: datetime
    relay_board: str
    state: str
    why: str = ""
    id: int = 0
    """Given by the database, ascending; 0 until then."""


class Notice(Struct, frozen=True, kw_only=True):
    """Something a person should hear, told once; a row until it has been told.

    `board` is what it is about, which may be a relay board or an image as well.
    """

    at: datetime
    board: str
    text: str
    kind: NoticeKind = "given-up"
    id: int = 0


class Alert(NamedTuple):
    """A notice that waits until its channel tells it; many may go in one message."""

    channel: str
    notice: Notice


class Queue(Struct, frozen=True):
    """The alerts that wait for a channel: the first of them, and how many of each kind.

    `through` is the highest id of all of them; 0: there are none.
    """

    notices: tuple[Notice, ...]
    counts: dict[str, int]
    through: int


class Message(Struct, frozen=True, kw_only=True):
    """What a channel is to tell at once; a row from before it is sent.

    `notices` are the first of all that it tells, `counts` say how many of each kind it
    tells. `key` is the same however often it is sent. `due` are service seconds.
    """

    key: str
    channel: str
    made: datetime
    notices: tuple[Notice, ...]
    counts: dict[str, int]
    tries: int = 0
    """How many have failed."""
    refusals: int = 0
    """After how many of those the other end had said no."""
    due: float = 0.0
    error: str | None = None
    """How the last try failed."""
    outcome: Literal["waiting", "sent", "failed"] = "waiting"
    ended: datetime | None = None


class SavedChannel(Struct, frozen=True, kw_only=True):
    """What a store holds of one channel.

    `message` is the one under way. `failed` counts the messages that were given up.
    """

    message: Message | None = None
    queue: Queue = Queue((), {}, 0)
    last_sent: datetime | None = None
    failed: int = 0
    last_failed: Message | None = None


class Evidence(Struct, frozen=True, kw_only=True):
    """A board failed in `state`, or did well: what blame is laid by.

    `at` is wall time, `seconds` are service seconds. `about` says what was tried:
    to cycle its power, to install `image`, or to run it. `image` None: nobody knows
    which, or a self-test's or maintenance's.
    """

    at: datetime
    seconds: float
    board: str
    state: str
    verdict: Literal["well", "failed", "given-up"]
    about: Literal["power", "install", "run"]
    image: str | None


class Incident(Struct, frozen=True, kw_only=True):
    """Boards that fail by one cause; open until `closed`, saved before it counts.

    `opened` and `closed` are wall time, `since` the service seconds when it was
    opened. Of all its `boards` these are still `failing`. `set_aside`: its cause is
    an image that nobody may be given until an operator takes it back. `broken`: its
    cause is a relay board that said so itself, and says itself when it works again.
    """

    id: int
    cause: Cause
    opened: datetime
    since: float
    boards: tuple[str, ...]
    failing: tuple[str, ...]
    text: str
    closed: datetime | None = None
    set_aside: bool = False
    broken: bool = False


class Blamed(NamedTuple):
    """The open incident that a board's failures belong to.

    `excuses`: they do not count towards giving the board up.
    """

    incident: int
    cause: Cause
    excuses: bool


class IncidentPlace(NamedTuple):
    """Where an incident stands in the list of all: the open first, then by id."""

    is_closed: bool
    id: int


class Judgement(Struct, frozen=True):
    """An incident as it shall be from now on, and what people should hear of it."""

    incident: Incident
    notices: tuple[Notice, ...] = ()


class Change(Struct, frozen=True, kw_only=True):
    """One step of one board, committed whole or not at all.

    `after.version` is one more than the version it replaces; a first row has
    version 1.
    """

    after: Standing
    row: HistoryRow
    owed: tuple[Owed, ...] = ()
    notices: tuple[Notice, ...] = ()
    evidence: Evidence | None = None


class SeenBoot(Struct, frozen=True):
    """What netboot saw of a board's present generation: the image that it fetches.

    `steps` are events, each with the time it came last.
    """

    image: str
    steps: dict[str, datetime]


OperatorRole = Literal["see", "operate", "admin"]
"""What an operator may do; who has one of them may do what those before it may."""


class Operator(Struct, frozen=True, kw_only=True):
    """A person or program with a token, of which only the SHA-256 is kept, in hex.

    `expires` None: never. `last_used` is true to an hour.
    """

    name: str
    role: OperatorRole
    digest: str
    made: datetime
    expires: datetime | None = None
    last_used: datetime | None = None
    revoked: datetime | None = None

    def counts(self, now: datetime) -> bool:
        """Whether the token lets anybody in."""
        return self.revoked is None and (self.expires is None or now < self.expires)

    def ended_before(self, moment: datetime) -> bool:
        """Whether it was over by then: revoked, or else expired."""
        ended = self.revoked or self.expires
        return ended is not None and ended < moment


class Saved(Struct, frozen=True, kw_only=True):
    """What a store holds when lifeguard starts."""

    service_seconds: float = 0.0
    standings: dict[str, Standing] = field(default_factory=dict)
    owed: tuple[Owed, ...] = ()
    notices: tuple[Notice, ...] = ()
    boots: dict[str, SeenBoot] = field(default_factory=dict)
    incidents: tuple[Incident, ...] = ()
    """The open ones."""
    last_incident: int = 0
    """The highest id that any incident was given."""
    few_ready: bool = False
    """Whether people were told that too few boards are Ready, and nothing since."""
    operators: tuple[Operator, ...] = ()
    """All that are kept, in the order in which they were made."""
    token_key: bytes = b""
