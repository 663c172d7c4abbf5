"""History, closed incidents, alerts and tokens that count no more are kept for a time,
and then forgotten in steps that hold up nobody.

Ids grow with time, so the rows are gone through in the order of their ids; no index
on the moments is needed. A row that is still being counted into stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, func, select

from lifeguard.store.schema import (
    alert_messages,
    alerts,
    history,
    incidents,
    operators,
    relay_board_history,
)

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

_step = (
    select(history.c.id, history.c.at)
    .where(history.c.id > bindparam("after"))
    .order_by(history.c.id)
    .limit(bindparam("at_most"))
    .subquery()
)

_measure = select(func.max(_step.c.id), func.min(_step.c.at))

_forget = delete(history).where(
    history.c.id > bindparam("after"),
    history.c.id <= bindparam("last"),
    func.coalesce(history.c.last, history.c.at) < bindparam("older_than"),
)

_forget_relay_boards = delete(relay_board_history).where(
    relay_board_history.c.at < bindparam("older_than")
)

_forget_messages = delete(alert_messages).where(
    alert_messages.c.made < bindparam("older_than")
)

# Those of a channel that is not configured any more.
_forget_alerts = delete(alerts).where(alerts.c.at < bindparam("older_than"))

_forget_operators = delete(operators).where(
    func.coalesce(operators.c.revoked, operators.c.expires) < bindparam("older_than")
)

_old_incidents = (
    select(incidents.c.id)
    .where(incidents.c.closed < bindparam("older_than"))
    .order_by(incidents.c.id)
    .limit(bindparam("at_most"))
)

# The newest stays: its id tells the next start which ids have been given.
_forget_incidents = delete(incidents).where(
    incidents.c.id.in_(_old_incidents),
    incidents.c.id < select(func.max(incidents.c.id)).scalar_subquery(),
)

_FEW = (_forget_relay_boards, _forget_messages, _forget_alerts, _forget_operators)


def forget(
    connection: Connection, older_than: datetime, after: int, at_most: int
) -> int | None:
    """Look at the next `at_most` rows and delete those that ended before `older_than`.

    A pass begins with `after` 0, and with `at_most` incidents that were closed before
    `older_than`; the next one goes on with those. The answer is the id to go on from,
    or None when the pass is over: not one of the rows began before `older_than`, so
    that all further ones are younger. `older_than` is aware. Rows are dated by the wall
    clock; where it was ahead for `at_most` rows on end, passes end there until their
    time has come.
    """
    if after == 0:  # there is little of it
        for forget_few in _FEW:
            connection.execute(forget_few, {"older_than": older_than})
        oldest_incidents = {"older_than": older_than, "at_most": at_most}
        connection.execute(_forget_incidents, oldest_incidents)
    step = {"after": after, "at_most": at_most}
    last, oldest = connection.execute(_measure, step).one()
    if oldest is None or oldest >= older_than:
        return None
    connection.execute(
        _forget, {"after": after, "last": last, "older_than": older_than}
    )
    return int(last)
