"""The SQL: functions of a connection, none of which commits.

Those that write take many items at once, in the order they were asked for.
SQLite and PostgreSQL run the same statements.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from lifeguard.model import Saved, SeenBoot
from lifeguard.store import blame, rows
from lifeguard.store.errors import Replaced, StoreError, Superseded
from lifeguard.store.many import write_many
from lifeguard.store.operators import all_operators
from lifeguard.store.schema import (
    boards,
    by_netboot,
    daemon,
    history,
    notices,
    owed_outlets,
    relay_board_history,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

    from lifeguard.model import (
        Change,
        HistoryRow,
        Notice,
        Owed,
        RelayBoardChange,
        Standing,
    )

COALESCED = 20
"""Among so many of a board's newest rows a repeated one is looked for."""

_BALLAST_BYTES = 512 * 1024
"""1 MiB in digits, as much as a full group of changes with boot configs of 1 KB; a
larger one may still find the disk full. No database makes random digits smaller."""

_SAME = ("event", "source", "outcome", "from_state", "generation")
"""What two rows of a board must share to be one; it gives the newest reason."""

_standings = select(boards).where(boards.c.board.in_(bindparam("of", expanding=True)))

# An inner join would let SQLite go through all that netboot ever saw, as would a plain
# look for NULL; so it looks up each board, and leaves out those that were not seen.
_boots = (
    select(
        boards.c.board,
        history.c.event,
        history.c.outcome,
        history.c.reason,
        func.coalesce(history.c.last, history.c.at).label("latest"),
    )
    .outerjoin_from(
        boards,
        history,
        (history.c.board == boards.c.board)
        & (history.c.generation == boards.c.generation)
        & by_netboot,
    )
    .where(text("coalesce(history.event, '') <> ''"))
    .order_by(history.c.id)
)

_insert_board = insert(boards)
_insert_line = insert(history)
_insert_notice = insert(notices)
_insert_relay_board_change = insert(relay_board_history)

_move_board = update(boards).where(
    boards.c.board == bindparam("of_board"),
    boards.c.version == bindparam("version_before"),
)

# SQLAlchemy has ON CONFLICT only by dialect; both spell it this way. Generations are
# counted by board: those of two boards, when an outlet has moved, say nothing.
_owe = text("""
    INSERT INTO owed_outlets (relay_board, rest, board, generation)
    VALUES (:relay_board, :rest, :board, :generation)
    ON CONFLICT (relay_board, rest) DO UPDATE
    SET board = excluded.board, generation = excluded.generation
    WHERE owed_outlets.board <> excluded.board
    OR owed_outlets.generation <= excluded.generation
""")

_settle = delete(owed_outlets).where(
    owed_outlets.c.relay_board == bindparam("relay_board"),
    owed_outlets.c.rest == bindparam("rest"),
    owed_outlets.c.board == bindparam("board"),
    owed_outlets.c.generation <= bindparam("generation"),
)

_newest = (
    select(history)
    .where(history.c.board == bindparam("of_board"))
    .order_by(history.c.id.desc())
    .limit(COALESCED)
    .subquery()
)

_coalesce = (
    update(history)
    .where(
        history.c.id
        == select(func.max(_newest.c.id))
        .where(*(_newest.c[name] == bindparam(f"of_{name}") for name in _SAME))
        .scalar_subquery()
    )
    .values(
        count=history.c.count + bindparam("more"),
        last=bindparam("latest"),
        reason=bindparam("newest_reason"),
    )
)

_tell = delete(notices).where(notices.c.id == bindparam("told"))

_take_over = update(daemon).values(ruler=bindparam("new_ruler"))

# The row is written though the time may not move on: what counts is that it is there.
_rule = (
    update(daemon)
    .where(daemon.c.ruler == bindparam("by"))
    .values(
        service_seconds=case(
            (daemon.c.service_seconds < bindparam("now"), bindparam("now")),
            else_=daemon.c.service_seconds,
        )
    )
)


def commit(connection: Connection, changes: Sequence[Change]) -> None:
    """Write what each change carries. Superseded when any of them is."""
    _write_standings(connection, [change.after for change in changes])
    lines = [rows.from_numbered(change.row) for change in changes]
    write_many(connection, _insert_line, lines)
    owed = [rows.from_owed(owed) for change in changes for owed in change.owed]
    write_many(connection, _owe, owed)
    notes = [rows.from_numbered(note) for change in changes for note in change.notices]
    write_many(connection, _insert_notice, notes)
    blame.add_evidence(connection, [each.evidence for each in changes if each.evidence])


def settle(connection: Connection, settled: Sequence[Owed]) -> None:
    """Take away these marks, but for those of another board or a newer generation."""
    write_many(connection, _settle, [rows.from_owed(owed) for owed in settled])


def record(connection: Connection, recorded: Sequence[HistoryRow]) -> None:
    """Count each into a recent row that says the same, or insert it."""
    for row in recorded:
        if not _counted(connection, row):
            connection.execute(_insert_line, rows.from_numbered(row))


def relay_boards_changed(
    connection: Connection, changes: Sequence[RelayBoardChange]
) -> None:
    """Keep what became of relay boards."""
    lines = [rows.from_numbered(change) for change in changes]
    write_many(connection, _insert_relay_board_change, lines)


def told(connection: Connection, heard: Sequence[Notice]) -> None:
    """Forget notices; those already forgotten are no error."""
    write_many(connection, _tell, [{"told": notice.id} for notice in heard])


def take_over(connection: Connection, ruler: str) -> None:
    """Let the start with this token rule, and none before it."""
    connection.execute(_take_over, {"new_ruler": ruler})


def rule(connection: Connection, ruler: str, now: float = 0.0) -> None:
    """How every transaction begins: the saved service seconds move on, never back.

    Replaced when another start has taken over.
    """
    if connection.execute(_rule, {"by": ruler, "now": now}).rowcount != 1:
        raise Replaced("another lifeguard has taken over")


def try_out(connection: Connection) -> None:
    """Write as much as almost any group of changes, and take it back at once.

    A disk may be so full that an old row can still be overwritten.
    """
    ballast = token_hex(_BALLAST_BYTES)
    row = {"at": datetime.fromtimestamp(0, UTC), "board": "", "text": ballast}
    connection.execute(_insert_notice, row)
    connection.execute(delete(notices).where(notices.c.board == ""))


def first_start(connection: Connection, token_key: bytes) -> None:
    """Give a new database its one row of `daemon`."""
    if connection.execute(select(daemon.c.id)).first() is None:
        row = {"id": 1, "service_seconds": 0.0, "token_key": token_key}
        connection.execute(insert(daemon), row)


def load(connection: Connection) -> Saved:
    """Everything that lifeguard resumes from."""
    kept = connection.execute(select(daemon)).one()
    standings = map(rows.to_standing, connection.execute(select(boards)))
    return Saved(
        service_seconds=kept.service_seconds,
        token_key=kept.token_key,
        standings={standing.board: standing for standing in standings},
        owed=tuple(map(rows.to_owed, connection.execute(select(owed_outlets)))),
        notices=tuple(untold(connection)),
        boots=seen_boots(connection),
        incidents=tuple(blame.open_incidents(connection)),
        last_incident=blame.last_incident(connection),
        few_ready=kept.few_ready,
        operators=tuple(all_operators(connection)),
    )


def standings(
    connection: Connection, of: Sequence[str]
) -> dict[str, Standing | StoreError]:
    """Where those of these boards stand by now that have a row, or why it is unread."""
    found = connection.execute(_standings, {"of": list(of)})
    return {row.board: _readable(row) for row in found}


def seen_boots(connection: Connection) -> dict[str, SeenBoot]:
    """How far the boards came that were seen to boot in their present generation.

    The reason of such an event is the image; that of a refused one says why.
    """
    boots: dict[str, SeenBoot] = {}
    for row in connection.execute(_boots):
        seen = boots.get(row.board, SeenBoot("", {}))
        image = row.reason if row.outcome == "noted" else seen.image
        boots[row.board] = SeenBoot(image, {**seen.steps, row.event: row.latest})
    return boots


def untold(connection: Connection) -> list[Notice]:
    """The notices nobody has heard, oldest first."""
    found = connection.execute(select(notices).order_by(notices.c.id))
    return list(map(rows.to_notice, found))


def history_of(
    connection: Connection, board: str, limit: int, before: int | None
) -> list[HistoryRow]:
    """A board's newest `limit` rows, those older than id `before` if it is given."""
    newest = select(history).where(history.c.board == board)
    if before is not None:
        newest = newest.where(history.c.id < before)
    found = connection.execute(newest.order_by(history.c.id.desc()).limit(limit))
    return list(map(rows.to_history_row, found))


def history_of_relay_board(
    connection: Connection, relay_board: str, limit: int, before: int | None
) -> list[RelayBoardChange]:
    """As `history_of`, of a relay board."""
    columns = relay_board_history.c
    newest = select(relay_board_history).where(columns.relay_board == relay_board)
    if before is not None:
        newest = newest.where(columns.id < before)
    found = connection.execute(newest.order_by(columns.id.desc()).limit(limit))
    return list(map(rows.to_relay_board_change, found))


def _write_standings(connection: Connection, standings: Sequence[Standing]) -> None:
    for first, run in groupby(standings, lambda after: after.version == 1):
        if first:
            _insert_first(connection, list(map(rows.from_standing, run)))
        else:
            _move_on(connection, list(map(_guarded, run)))


def _insert_first(connection: Connection, standings: list[dict[str, Any]]) -> None:
    try:
        write_many(connection, _insert_board, standings)
    except IntegrityError as error:
        raise Superseded("the board has a row already") from error


def _move_on(connection: Connection, standings: list[dict[str, Any]]) -> None:
    if write_many(connection, _move_board, standings) != len(standings):
        raise Superseded("the board's row is at another version")


def _guarded(after: Standing) -> dict[str, Any]:
    row = rows.from_standing(after)
    return row | {"of_board": row.pop("board"), "version_before": after.version - 1}


def _readable(row: Row[Any]) -> Standing | StoreError:
    try:
        return rows.to_standing(row)
    except StoreError as error:
        return error


def _counted(connection: Connection, row: HistoryRow) -> bool:
    parameters = {f"of_{name}": getattr(row, name) for name in ("board", *_SAME)}
    parameters |= {
        "more": row.count,
        "latest": row.last or row.at,
        "newest_reason": row.reason,
    }
    return connection.execute(_coalesce, parameters).rowcount == 1
