"""The Alembic environment and its revisions; `lifeguard.store.migrate` runs them."""
