"""Alembic at work; it takes a while to import, so only who needs it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from lifeguard.store.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection


def upgrade(connection: Connection) -> None:
    """What `migrate` promises, by Alembic, and however long a statement may take."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "lifeguard.store:migrations")
    revisions = ScriptDirectory.from_config(config).walk_revisions()
    applied = MigrationContext.configure(connection).get_current_heads()
    unknown = set(applied) - {revision.revision for revision in revisions}
    if unknown:
        newer = ", ".join(sorted(unknown))
        raise StoreError(f"the database is of a newer lifeguard (revision {newer})")
    command.upgrade(config, "head")
