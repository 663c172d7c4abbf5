"""What notices are about, and what becomes of them on the way to people."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column(
        "notices",
        sa.Column("kind", sa.Text, nullable=False, server_default="given-up"),
    )
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
