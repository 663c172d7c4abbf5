"""The token in the state directory: an admin's, to make all others with."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FILE = "operator.token"


class EmptyToken(Exception):
    """A token that everybody has."""


def own_token(state_dir: Path) -> str:
    """Lets a person in from anywhere; made at the first start, for its owner alone.

    Raises EmptyToken, or OSError.
    """
    path = state_dir / FILE
    if not path.exists():
        # Renamed when it is whole: a crash leaves no half of it.
        unfinished = path.with_suffix(".new")
        unfinished.touch(mode=0o600)
        unfinished.write_text(secrets.token_urlsafe(32) + "\n", "ascii")
        unfinished.rename(path)
    token = path.read_text("utf-8").strip()
    if not token:
        raise EmptyToken(f"{path}: empty; remove it, and a new one is made")
    return token
