"""What Alembic runs: the revisions, on the connection that `migrate` hands over."""

from __future__ import annotations

from alembic import context

from lifeguard.store.boot_index import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata
)
context.run_migrations()
