"""The SQL of blame: what is said of boards, and the incidents that it opens.

As in `statements`, nothing here commits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, case, delete, func, insert, or_, select, update

from lifeguard.store import rows
from lifeguard.store.many import write_many
from lifeguard.store.schema import evidence, incidents, notices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from lifeguard.model import Evidence, Incident, IncidentPlace, Judgement

_insert_evidence = insert(evidence)
_insert_notice = insert(notices)

_acquit = delete(evidence).where(
    evidence.c.image == bindparam("acquitted"),
    evidence.c.about == "install",
    evidence.c.verdict != "well",
)

_forget_evidence = delete(evidence).where(evidence.c.seconds < bindparam("oldest"))


def add_evidence(connection: Connection, said: Sequence[Evidence]) -> None:
    """Keep what changes say."""
    write_many(connection, _insert_evidence, list(map(rows.from_evidence, said)))


def save_incidents(connection: Connection, judged: Sequence[Judgement]) -> None:
    """Write each as it is by now; what people should hear of it goes with it.

    With an incident that is closed on an image goes what the image had failed by.
    """
    for judgement in judged:
        incident = judgement.incident
        row = rows.from_incident(incident)
        here = incidents.c.id == incident.id
        if not connection.execute(update(incidents).where(here).values(row)).rowcount:
            connection.execute(insert(incidents), row)
        if incident.closed is not None and incident.cause.kind == "image":
            connection.execute(_acquit, {"acquitted": incident.cause.name})
        notes = [rows.from_numbered(note) for note in judgement.notices]
        write_many(connection, _insert_notice, notes)


def forget_evidence(connection: Connection, before: Sequence[float]) -> None:
    """Forget what was said before these service seconds."""
    write_many(connection, _forget_evidence, [{"oldest": oldest} for oldest in before])


def open_incidents(connection: Connection) -> list[Incident]:
    """All that lifeguard resumes with."""
    still_open = select(incidents).where(incidents.c.closed.is_(None))
    return list(map(rows.to_incident, connection.execute(still_open)))


def last_incident(connection: Connection) -> int:
    """The highest id that any was given; 0 where none was."""
    return connection.scalar(select(func.max(incidents.c.id))) or 0


def evidence_between(
    connection: Connection, after: int, since: float, until: float, at_most: int
) -> list[tuple[int, Evidence]]:
    """What was said from `since` to `until` in service seconds, with its ids.

    Those above `after`, the first `at_most` of them.
    """
    found = connection.execute(
        select(evidence)
        .where(evidence.c.id > after, evidence.c.seconds.between(since, until))
        .order_by(evidence.c.id)
        .limit(at_most)
    )
    return list(map(rows.to_evidence, found))


def page_of_incidents(
    connection: Connection, limit: int, after: IncidentPlace | None
) -> list[Incident]:
    """The open ones first, of each the newest; those that come after a place."""
    is_closed = case((incidents.c.closed.is_(None), 0), else_=1)
    page = select(incidents).order_by(is_closed, incidents.c.id.desc()).limit(limit)
    if after is not None:
        here = is_closed == int(after.is_closed)
        further = and_(here, incidents.c.id < after.id)
        page = page.where(or_(is_closed > int(after.is_closed), further))
    return list(map(rows.to_incident, connection.execute(page)))
