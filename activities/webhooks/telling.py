"""What endpoints are told, found in the journal: whoever writes it pays nothing for being listened to.

The journal is written in the transactions that decide, in the order of its numbers. Each endpoint has a place in it;
what stands beyond becomes deliveries, in one transaction with the new place, so that nothing is told that did not
happen, and nothing is left out. On PostgreSQL a number may become visible after a later one: only what no transaction
under way can come before any more is read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import func, select, text
from sqlmodel import Session, col

from activities.webhooks.signing import message_id
from flows.outcome import Status
from store.journeys import JournalRow, ParticipantRow
from store.outside import Delivery, EndpointRow

EventName = Literal[
    "participant.enrolled",
    "participant.step_done",
    "participant.finished",
    "participant.dropped_out",
    "participant.cancelled",
    "participant.needs_attention",
    "flow.status_changed",
]
"""What can be told. As the type of a CloudEvent it begins with `ferd.`."""

PAGE = 200
FLOW_STATUS = "flow_status"
"""The journal's event of a flow whose status changed; such a line has no participant."""

_NAMES: Mapping[str, EventName] = {
    "enrolled": "participant.enrolled",
    "done": "participant.step_done",
    "failing": "participant.needs_attention",
    "lost": "participant.needs_attention",
    "unknown": "participant.needs_attention",
    FLOW_STATUS: "flow.status_changed",
}
_LEFT: Mapping[Status, EventName] = {
    Status.FINISHED: "participant.finished",
    Status.FINISHED_WITH_SUCCESS: "participant.finished",
    Status.DROPPED_OUT: "participant.dropped_out",
    Status.CANCELLED: "participant.cancelled",
}
_TOLD = (*_NAMES, "left")
_SNAPSHOT = "SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint FROM pg_current_snapshot() s"


@dataclass(slots=True)
class Horizon:
    """How far the journal can be read without missing what comes late. Kept by whoever reads it again and again."""

    settled: int = 0
    _newest: int = 0
    _waits: tuple[int, int] | None = None

    def look(self, session: Session) -> int:
        """The last number before which none can appear any more."""
        newest = session.scalar(select(func.max(col(JournalRow.number)))) or 0
        if session.get_bind().dialect.name == "sqlite":  # one writer at a time: numbers appear in order
            return newest
        oldest, next_one = session.connection().execute(text(_SNAPSHOT)).one()
        if self._waits is not None and oldest >= self._waits[1]:
            self.settled, self._waits = self._waits[0], None
        if self._waits is None:  # the number is of the look before: whoever took a smaller one has its place by now
            self._waits = (self._newest, next_one)
        self._newest = newest
        return self.settled


def write_down(session: Session, flow: str, before: str, status: str, now: datetime, why: str = "") -> None:
    """Write in the journal that a flow's status has changed."""
    data = {"before": before, "status": status, "reason": why}
    line = f"from {before} to {status}"
    session.add(JournalRow(participant="", flow=flow, at=now, event=FLOW_STATUS, text=line, data=data))


def fan_out(session: Session, horizon: int, now: datetime) -> bool:
    """Make deliveries of what subscribed endpoints have not been told; True: there is more."""
    endpoints = session.scalars(
        select(EndpointRow)
        .where(col(EndpointRow.subscribed), col(EndpointRow.told) < horizon)
        .with_for_update(skip_locked=True)
    ).all()
    more = False
    for endpoint in endpoints:
        lines = session.scalars(
            select(JournalRow)
            .where(col(JournalRow.number) > endpoint.told, col(JournalRow.number) <= horizon)
            .where(col(JournalRow.event).in_(_TOLD))
            .order_by(col(JournalRow.number))
            .limit(PAGE)
        ).all()
        session.add_all(_deliveries(session, endpoint, lines, now))
        full = len(lines) == PAGE
        endpoint.told = lines[-1].number or 0 if full else horizon
        more = more or full
    return more


def _deliveries(session: Session, endpoint: EndpointRow, lines: Sequence[JournalRow], now: datetime) -> list[Delivery]:
    ids = {line.participant for line in lines}
    known = {row.id: row for row in session.scalars(select(ParticipantRow).where(col(ParticipantRow.id).in_(ids)))}
    made = []
    for line in lines:
        row = known.get(line.participant)
        if row is None and line.event != FLOW_STATUS:  # removed with all record (PART_4)
            continue
        name = _LEFT.get(row.status) if row is not None and line.event == "left" else _NAMES.get(line.event)
        if name in endpoint.events:
            made.append(
                Delivery(
                    endpoint=endpoint.id,
                    id=message_id(f"{line.number}/{endpoint.id}"),
                    type=f"ferd.{name}",
                    flow=line.flow,
                    person=row.person if row is not None else "",
                    data=_data(line, row),
                    at=line.at,
                    due=now,
                )
            )
    return made


def _data(line: JournalRow, row: ParticipantRow | None) -> dict[str, object]:
    """Ids and words of ours: nothing personal."""
    if row is None:
        return {"flow": line.flow, **line.data}
    data: dict[str, object] = {"flow": line.flow, "participant": row.id, "person": row.person}
    if line.event == "left":
        return {**data, "status": row.status.value, "reason": row.reason.value if row.reason else None}
    if line.event != "enrolled":
        data |= {"step": line.step, "kind": line.kind}
    if line.event in ("failing", "lost", "unknown"):
        data["reason"] = line.event
    return data
