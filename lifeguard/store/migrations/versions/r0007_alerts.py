"""What notices are about, and what becomes of them on the way to people."""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_moment = sa.DateTime(timezone=True)

# What they are about stood in their texts alone; all others tell of boards given up.
_KINDS = {
    r"incident \d+ is closed: relay board \S+: it works again": "relay-board-works",
    r"incident \d+ is closed: ": "incident-closed",
    r"incident \d+: relay board \S+ is broken: ": "relay-board-broken",
    r"incident \d+: board ": "given-up",
    r"incident \d+: ": "incident-opened",
}


def upgrade() -> None:
    op.add_column(
        "notices",
        sa.Column("kind", sa.Text, nullable=False, server_default="given-up"),
    )
    _name_kinds(op.get_bind())
    op.add_column(
        "daemon",
        sa.Column("few_ready", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "alerts",
        sa.Column("id", _id, primary_key=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("at", _moment, nullable=False),
        sa.Column("board", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("alerts_of_channel", "alerts", ["channel", "id"])
    op.create_table(
        "alert_messages",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("made", _moment, nullable=False),
        sa.Column("notices", sa.Text, nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
        sa.Column("tries", sa.BigInteger, nullable=False),
        sa.Column("refusals", sa.BigInteger, nullable=False),
        sa.Column("due", sa.Double, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("ended", _moment),
    )
    op.create_index(
        "alert_messages_of_channel",
        "alert_messages",
        ["channel", "outcome", "ended"],
    )


def _name_kinds(connection: sa.Connection) -> None:
    notices = sa.table("notices", sa.column("id"), sa.column("text"), sa.column("kind"))
    untold = connection.execute(sa.select(notices.c.id, notices.c.text)).all()
    for number, text in untold:
        here = sa.update(notices).where(notices.c.id == number)
        connection.execute(here.values(kind=_kind(text)))


def _kind(text: str) -> str:
    of = (kind for words, kind in _KINDS.items() if re.match(words, text))
    return next(of, "given-up")
