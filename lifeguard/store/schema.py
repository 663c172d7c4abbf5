"""The tables, as SQLAlchemy knows them; `migrations` builds them.

A column has the name of the record's field (see `model`). Lists and objects are
JSON in plain text, the same in every database. Moments are UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
    text,
)
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect


class Moment(TypeDecorator[datetime]):
    """An aware datetime in UTC.

    SQLite keeps no zone, so what it answers is said to be UTC; PostgreSQL answers
    in the zone of the session, so that is converted.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value.astimezone(UTC)


# SQLite numbers rows by itself only in a column that is called INTEGER.
_Id = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData()

boards = Table(
    "boards",
    metadata,
    Column("board", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("since", Moment, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("stay", BigInteger, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("entered", Double, nullable=False),
    Column("deadline", Double),
    Column("image", Text),
    Column("wanted_image", Text),
    Column("boot_config", Text, nullable=False),
    Column("strikes", Text, nullable=False),
    Column("accepted", Text, nullable=False),
    Column("noted", Text, nullable=False),
    Column("request", Text, nullable=False),
)

owed_outlets = Table(
    "owed_outlets",
    metadata,
    Column("relay_board", Text, primary_key=True),
    Column("rest", Text, primary_key=True),
    Column("board", Text, ForeignKey("boards.board"), nullable=False),
    Column("generation", BigInteger, nullable=False),
)

by_netboot = text("source = 'netboot'")
"""The rows of history that tell how far a boot came; `boot_index` is theirs."""

history = Table(
    "history",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("last", Moment),
    Column("board", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("from_state", Text, nullable=False),
    Column("to_state", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    Index("history_of_board", "board", "id"),
    sqlite_autoincrement=True,
)

relay_board_history = Table(
    "relay_board_history",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("relay_board", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("why", Text, nullable=False),
    Index("history_of_relay_board", "relay_board", "id"),
    sqlite_autoincrement=True,
)

# SQLite would give the id of a notice that was told to the next one, which a
# second `told` of the first would then delete.
notices = Table(
    "notices",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("board", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("kind", Text, nullable=False, server_default="given-up"),
    sqlite_autoincrement=True,
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("board", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Index("alerts_of_channel", "channel", "id"),
    sqlite_autoincrement=True,
)

alert_messages = Table(
    "alert_messages",
    metadata,
    Column("key", Text, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("made", Moment, nullable=False),
    Column("notices", Text, nullable=False),
    Column("counts", Text, nullable=False),
    Column("tries", BigInteger, nullable=False),
    Column("refusals", BigInteger, nullable=False),
    Column("due", Double, nullable=False),
    Column("error", Text),
    Column("outcome", Text, nullable=False),
    Column("ended", Moment),
    Index("alert_messages_of_channel", "channel", "outcome", "ended"),
)

evidence = Table(
    "evidence",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("board", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("image", Text),
    sqlite_autoincrement=True,
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("opened", Moment, nullable=False),
    Column("closed", Moment),
    Column("since", Double, nullable=False),
    Column("boards", Text, nullable=False),
    Column("failing", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("set_aside", Boolean, nullable=False),
    Column("broken", Boolean, nullable=False, server_default=false()),
)

operators = Table(
    "operators",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("made", Moment, nullable=False),
    Column("expires", Moment),
    Column("last_used", Moment),
    Column("revoked", Moment),
)

daemon = Table(
    "daemon",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("service_seconds", Double, nullable=False),
    Column("token_key", LargeBinary, nullable=False),
    Column("ruler", Text, nullable=False, server_default=""),
    Column("few_ready", Boolean, nullable=False, server_default=false()),
)
"""One row, with id 1; `ruler` is the token of the start that took over last."""
