"""Records to rows and back; the only place that knows both."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from msgspec import DecodeError
from msgspec.json import Decoder, Encoder
from msgspec.structs import asdict

from lifeguard.model import (
    Cause,
    Evidence,
    HistoryRow,
    Incident,
    Message,
    Notice,
    Outlet,
    Owed,
    RelayBoardChange,
    Request,
    Standing,
    Strikes,
)
from lifeguard.store.errors import StoreError
from lifeguard.store.schema import boards

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Row

    from lifeguard.model import Alert

_encoder = Encoder()

# Ten thousand boards have heard the same few events: they share what is decoded.
_decode_names = lru_cache(Decoder(tuple[str, ...]).decode)

_decode_boards = Decoder(tuple[str, ...]).decode

_message_decoders: dict[str, Callable[[str], Any]] = {
    "notices": Decoder(tuple[Notice, ...]).decode,
    "counts": Decoder(dict[str, int]).decode,
}
"""The columns of `alert_messages` that hold JSON."""

_decoders: dict[str, Callable[[str], Any]] = {
    "boot_config": Decoder(dict[str, Any]).decode,
    "strikes": Decoder(dict[str, Strikes]).decode,
    "accepted": _decode_names,
    "noted": _decode_names,
    "request": Decoder(Request | None).decode,
}
"""The columns of `boards` that hold JSON."""

_SHARED = ("state", "image", "wanted_image")
"""Columns in which many boards say the same; one text is enough for all of them."""

_COLUMNS: Final = boards.c.keys()
"""A row would find out its own again: half of what ten thousand of them take."""


def from_standing(standing: Standing) -> dict[str, Any]:
    """The columns of `boards`. ValueError where its JSON cannot be written."""
    row = asdict(standing)
    for column in _decoders:
        row[column] = _encoder.encode(row[column]).decode()
    return row


def to_standing(row: Row[Any]) -> Standing:
    """Of all columns of `boards`. StoreError where somebody else has written in it."""
    fields = dict(zip(_COLUMNS, row, strict=True))
    for column in _SHARED:
        fields[column] = fields[column] and sys.intern(fields[column])
    for column, decode in _decoders.items():
        try:
            fields[column] = decode(fields[column])
        except DecodeError as error:
            raise StoreError(f"board {row.board}, {column}: {error}") from error
    return Standing(**fields)


def from_owed(owed: Owed) -> dict[str, Any]:
    """The columns of `owed_outlets`."""
    return {
        "relay_board": owed.outlet.relay_board,
        "rest": owed.outlet.rest,
        "board": owed.board,
        "generation": owed.generation,
    }


def to_owed(row: Row[Any]) -> Owed:
    """The mark of one outlet."""
    return Owed(Outlet(row.relay_board, row.rest), row.board, row.generation)


def from_numbered(record: HistoryRow | Notice | RelayBoardChange) -> dict[str, Any]:
    """The columns of a table whose rows are numbered, but for their number."""
    row = asdict(record)
    del row["id"]
    return row


def to_history_row(row: Row[Any]) -> HistoryRow:
    """One line of a board's history."""
    return HistoryRow(**row._asdict())


def to_relay_board_change(row: Row[Any]) -> RelayBoardChange:
    """One line of a relay board's history."""
    return RelayBoardChange(**row._asdict())


def to_notice(row: Row[Any]) -> Notice:
    """One notice that has not been told."""
    return Notice(**row._asdict())


def from_alert(alert: Alert) -> dict[str, Any]:
    """The columns of `alerts`, but for the id it will be given."""
    return from_numbered(alert.notice) | {"channel": alert.channel}


def to_alerted(row: Row[Any]) -> Notice:
    """What a channel is to tell."""
    fields = row._asdict()
    del fields["channel"]
    return Notice(**fields)


def from_message(message: Message) -> dict[str, Any]:
    """The columns of `alert_messages`."""
    row = asdict(message)
    for column in _message_decoders:
        row[column] = _encoder.encode(row[column]).decode()
    return row


def to_message(row: Row[Any]) -> Message:
    """StoreError where somebody else has written in the row."""
    fields = row._asdict()
    for column, decode in _message_decoders.items():
        try:
            fields[column] = decode(fields[column])
        except DecodeError as error:
            reason = f"alert message {row.key}, {column}: {error}"
            raise StoreError(reason) from error
    return Message(**fields)


def from_evidence(evidence: Evidence) -> dict[str, Any]:
    """The columns of `evidence`, but for the id it will be given."""
    return asdict(evidence)


def to_evidence(row: Row[Any]) -> tuple[int, Evidence]:
    """What a change said, and its id."""
    fields = row._asdict()
    return fields.pop("id"), Evidence(**fields)


def from_incident(incident: Incident) -> dict[str, Any]:
    """The columns of `incidents`."""
    row = asdict(incident)
    row["kind"], row["name"] = row.pop("cause")
    for column in ("boards", "failing"):
        row[column] = _encoder.encode(row[column]).decode()
    return row


def to_incident(row: Row[Any]) -> Incident:
    """StoreError where somebody else has written in the row."""
    fields = row._asdict()
    fields["cause"] = Cause(fields.pop("kind"), fields.pop("name"))
    for column in ("boards", "failing"):
        try:
            fields[column] = _decode_boards(fields[column])
        except DecodeError as error:
            raise StoreError(f"incident {row.id}, {column}: {error}") from error
    return Incident(**fields)
