"""How long a wait stood still (LIFE_12).

Pauses are written down when they begin and end, one row each however many people are inside. Nobody's wait is touched
then: a journey that wakes adds up the pauses since it came to its step, and waits on for as long.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlmodel import Session, col

from flows.definition import Flow
from store.journeys import ParticipantRow
from store.pauses import PauseRow


def begin(session: Session, now: datetime, *, flow: str = "", participant: str = "") -> None:
    """A pause begins: of a participant, of a flow, or of all flows."""
    session.add(PauseRow(flow=flow, participant=participant, began_at=now))


def end(session: Session, now: datetime, *, flow: str = "", participant: str = "") -> None:
    """It ends, if there is one."""
    lasting = update(PauseRow).where(
        col(PauseRow.flow) == flow, col(PauseRow.participant) == participant, col(PauseRow.ended_at).is_(None)
    )
    session.execute(lasting.values(ended_at=now))


def frozen(session: Session, flow: Flow, row: ParticipantRow, now: datetime) -> timedelta:
    """For how long a wait of this participant has stood still since it came to its step; pauses that overlap, once."""
    if flow.settings.waits_during_pause == "keep":
        return timedelta()
    pauses = (
        select(col(PauseRow.began_at), col(PauseRow.ended_at))
        .where(col(PauseRow.flow).in_(["", row.flow]), col(PauseRow.participant).in_(["", row.id]))
        .where(or_(col(PauseRow.ended_at).is_(None), col(PauseRow.ended_at) > row.since))
        .order_by(col(PauseRow.began_at))
    )
    return _total([(began, ended) for began, ended in session.execute(pauses)], row.since, now)


def frozen_for_all(session: Session, flow: Flow, now: datetime) -> Callable[[datetime], timedelta]:
    """For how long a wait that began at a moment has stood still with the flow; pauses of one person not counted."""
    pauses = (
        select(col(PauseRow.began_at), col(PauseRow.ended_at))
        .where(col(PauseRow.flow).in_(["", flow.id]), col(PauseRow.participant) == "")
        .order_by(col(PauseRow.began_at))
    )
    freezes = flow.settings.waits_during_pause == "freeze"
    rows = [(began, ended) for began, ended in session.execute(pauses)] if freezes else []
    return lambda since: _total(rows, since, now)


def _total(pauses: Iterable[tuple[datetime, datetime | None]], since: datetime, now: datetime) -> timedelta:
    total, counted = timedelta(), since
    for began_at, ended_at in pauses:
        start, stop = max(began_at, counted), min(ended_at or now, now)
        if stop > start:
            total += stop - start
            counted = stop
    return total
