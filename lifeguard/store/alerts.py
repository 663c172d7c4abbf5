"""The SQL of alerts: from notices to what waits for each channel, to messages.

As in `statements`, nothing here commits. Each step on the way of a notice is one
transaction, so that it stands in one place at any time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, delete, func, insert, select, update

from lifeguard.model import Queue, SavedChannel
from lifeguard.store import rows, statements
from lifeguard.store.many import write_many
from lifeguard.store.schema import alert_messages, alerts, daemon, notices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from lifeguard.model import Alert, Message, Notice

_insert_alert = insert(alerts)
_insert_message = insert(alert_messages)
_insert_notice = insert(notices)

_take = delete(alerts).where(
    alerts.c.channel == bindparam("of_channel"), alerts.c.id <= bindparam("through")
)

_save_message = update(alert_messages).where(
    alert_messages.c.key == bindparam("of_key")
)

_turn_few_ready = (
    update(daemon)
    .where(daemon.c.few_ready != bindparam("is_few"))
    .values(few_ready=bindparam("is_few"))
)

_measure = (
    select(alerts.c.kind, func.count(), func.max(alerts.c.id))
    .where(alerts.c.channel == bindparam("of_channel"))
    .group_by(alerts.c.kind)
)

_first = (
    select(alerts)
    .where(
        alerts.c.channel == bindparam("of_channel"),
        alerts.c.id <= bindparam("through"),
    )
    .order_by(alerts.c.id)
    .limit(bindparam("most"))
)

_of_outcome = select(alert_messages).where(
    alert_messages.c.channel == bindparam("of_channel"),
    alert_messages.c.outcome == bindparam("of_outcome"),
)
_newest = _of_outcome.order_by(alert_messages.c.ended.desc()).limit(1)


class Told(NamedTuple):
    """Notices that somebody has heard, and the alerts that come of them."""

    notices: Sequence[Notice]
    alerts: Sequence[Alert]


class Begun(NamedTuple):
    """A message, and the highest id of the alerts that it tells."""

    message: Message
    through: int


class Readiness(NamedTuple):
    """Whether too few boards are Ready by now, and what people should hear of it."""

    is_few: bool
    notice: Notice


def told(connection: Connection, heard: Sequence[Told]) -> None:
    """Forget notices, and let their alerts wait for the channels."""
    statements.told(connection, [notice for each in heard for notice in each.notices])
    waiting = [rows.from_alert(alert) for each in heard for alert in each.alerts]
    write_many(connection, _insert_alert, waiting)


def begin_messages(connection: Connection, begun: Sequence[Begun]) -> None:
    """Keep messages instead of the alerts that they tell."""
    for message, through in begun:
        connection.execute(_insert_message, rows.from_message(message))
        taken = {"of_channel": message.channel, "through": through}
        connection.execute(_take, taken)


def save_messages(connection: Connection, messages: Sequence[Message]) -> None:
    """Keep what became of messages; may be repeated."""
    for message in messages:
        row = rows.from_message(message)
        connection.execute(_save_message, row | {"of_key": row.pop("key")})


def turn_few_ready(connection: Connection, turned: Sequence[Readiness]) -> None:
    """Keep what people should hear, unless it was kept already; may be repeated."""
    for is_few, notice in turned:
        if connection.execute(_turn_few_ready, {"is_few": is_few}).rowcount:
            connection.execute(_insert_notice, rows.from_numbered(notice))


def channel(connection: Connection, name: str, most: int) -> SavedChannel:
    """What there is of a channel; of its waiting alerts, the first `most`."""

    def find(outcome: str) -> Message | None:
        which = {"of_channel": name, "of_outcome": outcome}
        row = connection.execute(_newest, which).first()
        return None if row is None else rows.to_message(row)

    sent = find("sent")
    return SavedChannel(
        message=find("waiting"),
        queue=_queue(connection, name, most),
        last_sent=None if sent is None else sent.ended,
        failed=_count_failed(connection, name),
        last_failed=find("failed"),
    )


def _queue(connection: Connection, name: str, most: int) -> Queue:
    measured = connection.execute(_measure, {"of_channel": name}).all()
    through = max((last for _, _, last in measured), default=0)
    which = {"of_channel": name, "through": through, "most": most}
    first = connection.execute(_first, which)
    return Queue(
        tuple(map(rows.to_alerted, first)),
        {kind: count for kind, count, _ in measured},
        through,
    )


def _count_failed(connection: Connection, name: str) -> int:
    which = {"of_channel": name, "of_outcome": "failed"}
    count = select(func.count()).select_from(_of_outcome.subquery())
    return connection.scalar(count, which) or 0
