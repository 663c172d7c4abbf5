"""What is taken for the newest revision is the newest."""

from __future__ import annotations

from alembic.config import Config
from alembic.script import ScriptDirectory

from lifeguard.store.migrate import NEWEST


def test_the_newest_revision_is_the_last_of_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", "lifeguard.store:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [NEWEST]
