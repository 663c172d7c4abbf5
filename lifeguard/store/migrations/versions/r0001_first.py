"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "boards",
        sa.Column("board", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("since", _moment, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("stay", sa.BigInteger, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("entered", sa.Double, nullable=False),
        sa.Column("deadline", sa.Double),
        sa.Column("image", sa.Text),
        sa.Column("wanted_image", sa.Text),
        sa.Column("boot_config", sa.Text, nullable=False),
        sa.Column("strikes", sa.Text, nullable=False),
        sa.Column("accepted", sa.Text, nullable=False),
        sa.Column("noted", sa.Text, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
    )
    op.create_table(
        "owed_outlets",
        sa.Column("relay_board", sa.Text, primary_key=True),
        sa.Column("rest", sa.Text, primary_key=True),
        sa.Column("board", sa.Text, sa.ForeignKey("boards.board"), nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "history",
        sa.Column("id", _id, primary_key=True),
        sa.Column("at", _moment, nullable=False),
        sa.Column("last", _moment),
        sa.Column("board", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("from_state", sa.Text, nullable=False),
        sa.Column("to_state", sa.Text, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("history_of_board", "history", ["board", "id"])
    op.create_table(
        "notices",
        sa.Column("id", _id, primary_key=True),
        sa.Column("at", _moment, nullable=False),
        sa.Column("board", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "daemon",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("service_seconds", sa.Double, nullable=False),
        sa.Column("token_key", sa.LargeBinary, nullable=False),
    )
