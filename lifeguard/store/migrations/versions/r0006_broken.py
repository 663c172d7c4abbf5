"""Which incidents are closed by their relay board itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column(
        "incidents",
        sa.Column("broken", sa.Boolean, nullable=False, server_default=sa.false()),
    )
