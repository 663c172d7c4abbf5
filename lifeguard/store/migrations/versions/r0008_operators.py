"""Who may do what: the operators' tokens, as digests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "operators",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("made", _moment, nullable=False),
        sa.Column("expires", _moment),
        sa.Column("last_used", _moment),
        sa.Column("revoked", _moment),
    )
