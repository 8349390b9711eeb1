"""What is remembered, and for how long (PART_7).

In full at first; then thinned to ids, kind of event and kind of step; in the end the participations alone are left, so
that "only once" still holds. Page by page in the order of time, each page a transaction, from where it stood: killed
half way it simply goes on, and several workers at once do no harm.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, select, tuple_
from sqlmodel import Session, SQLModel, col

from activities.rounds import rounds
from flows.outcome import Status
from store.database import Database
from store.enrolments import RefusalRow
from store.journeys import EffectRow, EffectStatus, EventRow, EventUse, JournalRow, MessageRow, ParticipantRow
from store.outside import ScriptRun
from store.pending import PendingEffect
from store.retention import RetentionMark

EVERY = timedelta(hours=1)
PAGE = 200
_COUNTED = timedelta(weeks=1)  # what caps and throttles of a week look back on (STEP_20, STEP_21)

# What an event's data may say in ids; everything else of it may be about the person.
_IDS = ("link", "form", "content", "message", "selection", "project", "sale", "request", "follow_up", "flow", "step")
_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")


def _thin_journal(row: JournalRow) -> None:
    row.text, row.data = "", {}


def _thin_refusal(row: RefusalRow) -> None:
    row.event = ""


def _thin_event(row: EventRow) -> None:
    row.subject, row.data = "", _ids_of(row.data)


def _thin_message(row: MessageRow) -> None:
    row.to = row.sender = row.subject = row.text = row.html = ""
    row.headers, row.links, row.clicked = {}, [], []


def _thin_effect(row: EffectRow) -> None:
    row.error = row.provider_id = ""


def _thin_pending(row: PendingEffect) -> None:
    row.request, row.due = {}, None


def _thin_run(row: ScriptRun) -> None:
    row.given, row.result, row.log, row.why = {}, None, "", ""


def _thin_participant(row: ParticipantRow) -> None:
    row.event, row.kept = _ids_of(row.event), {}


def _ids_of(data: Mapping[str, Any]) -> dict[str, str]:
    return {name: data[name] for name in _IDS if isinstance(data.get(name), str) and _ID.fullmatch(data[name])}


_INSIDE = exists().where(
    col(ParticipantRow.id) == col(EffectRow.participant),
    col(ParticipantRow.status).in_([Status.QUEUED, Status.ACTIVE]),
)


@dataclass(frozen=True, slots=True)
class _Record:
    """Rows of one table: gone through in `order`, old by `moment`. `goes` says which go in the end, None: none do."""

    table: type[SQLModel]
    order: Sequence[Any]
    moment: Any
    thin: Callable[[Any], None]
    which: Sequence[ColumnElement[bool]] = ()
    goes: Sequence[ColumnElement[bool]] | None = field(default=())


_RECORDS = (
    _Record(RefusalRow, (col(RefusalRow.number),), col(RefusalRow.at), _thin_refusal),
    _Record(JournalRow, (col(JournalRow.number),), col(JournalRow.at), _thin_journal),
    _Record(EventRow, (col(EventRow.number),), col(EventRow.received_at), _thin_event),
    _Record(MessageRow, (col(MessageRow.id),), col(MessageRow.at), _thin_message),
    _Record(PendingEffect, (col(PendingEffect.number),), col(PendingEffect.made_at), _thin_pending),
    _Record(ScriptRun, (col(ScriptRun.id),), col(ScriptRun.asked_at), _thin_run),
    _Record(
        EffectRow,
        (col(EffectRow.planned_at), col(EffectRow.key)),
        col(EffectRow.planned_at),
        _thin_effect,
        # Whoever is inside may come by again (SAFE_1); what is unknown waits for a person (SAFE_2).
        goes=(~_INSIDE, col(EffectRow.status) != EffectStatus.UNKNOWN),
    ),
    _Record(
        ParticipantRow,
        (col(ParticipantRow.ended_at), col(ParticipantRow.number)),
        col(ParticipantRow.ended_at),
        _thin_participant,
        which=(col(ParticipantRow.ended_at).is_not(None),),
        goes=None,
    ),
)


class Retention:
    """Thins and forgets. Runs beside every worker."""

    def __init__(self, db: Database, full: timedelta, thin: timedelta, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._full = full
        self._thin = max(full, thin, _COUNTED)
        self._clock = clock

    async def run(self) -> None:
        """Again and again until cancelled."""
        await rounds(self.once, EVERY, "retention_failed", at_once=True)

    async def once(self) -> int:
        """Go through all that has become old since the last time; answers how many rows that were."""
        now, rows = self._clock(), 0
        for record in _RECORDS:
            while count := await self._db.write(partial(_thin_page, record, now - self._full)):
                rows += count
            while count := await self._db.write(partial(_forget_page, record, now - self._thin)):
                rows += count
        return rows


def _thin_page(record: _Record, before: datetime, session: Session) -> int:
    name = str(record.table.__tablename__)
    mark = session.get(RetentionMark, name, with_for_update=True)
    query = select(record.table).where(*record.which).order_by(*record.order).limit(PAGE).with_for_update()
    if mark is not None:
        after = [_moment(value) for value in mark.after]
        query = query.where(tuple_(*record.order) > tuple_(*after) if len(after) > 1 else record.order[0] > after[0])
    rows = _old(session.scalars(query).all(), record, before)
    for row in rows:
        record.thin(row)
    if rows:
        after = [getattr(rows[-1], column.key) for column in record.order]
        session.merge(RetentionMark(name=name, after=[_text(value) for value in after]))
    return len(rows)


def _forget_page(record: _Record, before: datetime, session: Session) -> int:
    if record.goes is None:
        return 0
    query = select(record.table).where(*record.goes).order_by(*record.order).limit(PAGE)
    rows = _old(session.scalars(query).all(), record, before)
    if not rows:
        return 0
    last = record.order[-1]  # the primary key
    if record.table is EventRow:
        session.execute(delete(EventUse).where(col(EventUse.event).in_([row.id for row in rows])))
    session.execute(delete(record.table).where(last.in_([getattr(row, last.key) for row in rows])))
    return len(rows)


def _old(rows: Sequence[Any], record: _Record, before: datetime) -> list[Any]:
    """Those from the beginning on that are older: the order is that of time."""
    old = []
    for row in rows:
        if getattr(row, record.moment.key) >= before:
            break
        old.append(row)
    return old


def _text(value: Any) -> Any:
    return {"at": value.isoformat()} if isinstance(value, datetime) else value


def _moment(value: Any) -> Any:
    return datetime.fromisoformat(value["at"]) if isinstance(value, dict) else value
