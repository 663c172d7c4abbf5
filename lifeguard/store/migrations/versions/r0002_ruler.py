"""Which start of a daemon rules the lab."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column(
        "daemon", sa.Column("ruler", sa.Text, nullable=False, server_default="")
    )
