"""From what the daemon answers to the records of `documents`, whoever answers there.

No character of it steers a terminal.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from lifeguard.cli.exits import Exit, Stop

if TYPE_CHECKING:
    from lifeguard.cli.documents import Document

Record = TypeVar("Record")

_HARMLESS = dict.fromkeys((*range(32), *range(127, 160)), " ")
"""What becomes of control characters: texts are lines, whoever wrote them."""


class Strange(Stop):
    """The daemon's answer is not what this client knows."""

    status = Exit.UNREACHABLE


def decode(data: bytes) -> Document:
    """The document that the daemon sent; raises Strange."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Strange("the daemon answers no JSON")
    harmless: Document = _harmless(document)
    return harmless


def read(value: Any, record: type[Record]) -> Record:
    """The document as a record; raises Strange."""
    try:
        return msgspec.convert(value, record)
    except msgspec.ValidationError as error:
        raise Strange(
            f"the daemon answers what this client cannot read: {error}"
        ) from None


def _harmless(value: Any) -> Any:
    if isinstance(value, str):
        return value.translate(_HARMLESS)
    if isinstance(value, list):
        return [_harmless(item) for item in value]
    if isinstance(value, dict):
        return {_harmless(key): _harmless(item) for key, item in value.items()}
    return value
