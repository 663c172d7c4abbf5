"""An index on what netboot saw of each boot: it is read at every start."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    by_netboot = sa.text("source = 'netboot'")
    op.create_index(
        "history_of_boot",
        "history",
        ["board", "generation"],
        sqlite_where=by_netboot,
        postgresql_where=by_netboot,
    )
