"""What boards failed by, and the incidents that were opened."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "evidence",
        sa.Column("id", _id, primary_key=True),
        sa.Column("at", _moment, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("board", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("image", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "incidents",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("opened", _moment, nullable=False),
        sa.Column("closed", _moment),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("boards", sa.Text, nullable=False),
        sa.Column("failing", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("set_aside", sa.Boolean, nullable=False),
    )
