"""Events: stored first, then matched (TRIG_1, STEP_14, STEP_18).

What happened may enrol the person (triggers), end a wait, meet a success criterion, or make somebody leave. Nothing is
decided here about a journey: a participant that the event may concern is marked and woken, and its own gate decides
from the store, so that the order in which things are processed never matters.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import and_, insert, or_, select
from sqlmodel import Session, col

from activities.counting import experiments
from activities.crm.embedded import EmbeddedCrm
from activities.crm.groups import lock_people
from activities.definitions import Definitions
from activities.dispatcher import wake
from activities.enrolling.enrolment import Enrolled, Enrolment, Proposal
from activities.records import happening
from flows.definition import Flow
from flows.events import of_same_key
from flows.outcome import Status
from flows.planning import Outline
from flows.success import event_meets, state_meets
from store.columns import new_id
from store.flows import TAKES_PEOPLE, FlowRow, FlowTrigger
from store.journeys import EventRow, EventUse, JournalRow, ParticipantRow
from store.locks import lock_person

# Events after which a condition on the person, the company or a membership may have come to hold.
CHANGES = ("person_updated", "added_to_selection", "added_to_project")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as it is told. (`source`, `id`) deduplicates; without an id it is always new.

    `machine`: kept, and counts for nothing. `settles_at`: it counts for nothing until it is `settled` (STEP_24).
    """

    type: str
    at: datetime
    person: str = ""
    subject: str = ""
    data: dict[str, Any] | None = None
    source: str = "ferd"
    id: str = ""
    cause: tuple[str, ...] = ()
    machine: bool = False
    settles_at: datetime | None = None


CheckNow = Callable[[Session, str, datetime], None]
"""Has a participant leave at once if a check leads out, whatever holds it (PART_1)."""


class Events:
    """Takes events in and finds whom they concern."""

    def __init__(self, definitions: Definitions, crm: EmbeddedCrm, enrolment: Enrolment, check_now: CheckNow) -> None:
        self._definitions = definitions
        self._crm = crm
        self._enrolment = enrolment
        self._check_now = check_now

    def take(self, session: Session, event: Event, now: datetime, *, triggers: bool = True) -> EventRow | None:
        """Store an event and match it; None if it was known already."""
        if event.person:
            # The person first, as everywhere: a wait that is being entered at this moment sees the event or is woken.
            lock_person(session, event.person)
        if event.id and self._known(session, event):
            return None
        row = _row(event, now)
        session.add(row)
        session.flush()
        if row.person and not row.machine:
            self._match(session, {row.person: row}, now)
            if triggers:
                self._trigger(session, [row], now)
        return row

    def settled(self, session: Session, row: EventRow, now: datetime, *, machine: bool) -> None:
        """It is known now who made a kept event, whose person is locked: one that counts is matched."""
        row.settles_at, row.machine = None, machine
        session.flush()
        if not machine:
            self._match(session, {row.person: row}, now)
            self._trigger(session, [row], now)

    def occur(
        self,
        session: Session,
        *,
        type: str,
        person: str | Sequence[str],
        at: datetime,
        data: dict[str, Any] | None = None,
        cause: Sequence[str] = (),
        source: str = "ferd",
        triggers: bool = True,
    ) -> None:
        """Something happened inside ferd itself: in the CRM, or by a journey."""
        event = Event(type, at, data=data, source=source, cause=tuple(cause))
        if isinstance(person, str):
            self.take(session, replace(event, person=person), at, triggers=triggers)
        else:
            self._take_all(session, event, person, at, triggers=triggers)

    def _take_all(
        self, session: Session, event: Event, people: Sequence[str], now: datetime, *, triggers: bool
    ) -> None:
        """Store and match the same for many people: a few statements for all of them."""
        rows = {person: _row(replace(event, person=person), now) for person in lock_people(session, people)}
        if rows:
            session.execute(insert(EventRow), [row.model_dump(exclude={"number"}) for row in rows.values()])
            self._match(session, rows, now)
            if triggers:
                self._trigger(session, list(rows.values()), now)

    def _known(self, session: Session, event: Event) -> bool:
        query = select(col(EventRow.number)).where(
            col(EventRow.source) == event.source, col(EventRow.external_id) == event.id
        )
        return session.connection().scalar(query) is not None

    def _match(self, session: Session, rows: Mapping[str, EventRow], now: datetime) -> None:
        """Wake whom the events may concern: one for each person."""
        here = col(ParticipantRow.status).in_([Status.ACTIVE, Status.QUEUED])
        # Where there is a control group, success counts for both sides after they have left, too (TRIG_12).
        compared = and_(col(ParticipantRow.arm).is_not(None), col(ParticipantRow.converted_at).is_(None))
        inside = session.execute(
            select(ParticipantRow, FlowRow)
            .join(FlowRow, col(FlowRow.id) == col(ParticipantRow.flow))
            .where(col(ParticipantRow.person).in_(rows))
            .where(or_(and_(here, col(ParticipantRow.generation) == col(FlowRow.generation)), compared))
        ).all()
        # While these rows are held, none of them is read again.
        kept = self._crm.load(session, sorted({each.person for each, _ in inside})) if len(rows) > 1 else ()
        for participant, flow in inside:
            row, outline = rows[participant.person], self._definitions.current(session, flow)
            if not participant.status.inside or participant.generation < flow.generation:
                self._converts(session, participant, outline.flow, row, now)
                continue
            met = self._meets_success(session, participant, outline.flow, row, now)
            if participant.id == session.info.get("acting"):
                continue  # it looks for itself at the end of what it is doing
            if row.type == "person_deleted":  # at once: who is restored a moment later does not come back (PART_3)
                self._check_now(session, participant.id, now)
            elif met or self._concerns(participant, outline, row):
                wake(session, participant, now)
        del kept

    def _meets_success(
        self, session: Session, participant: ParticipantRow, flow: Flow, row: EventRow, now: datetime
    ) -> bool:
        if flow.success is None or participant.success_at is not None:
            return False
        met = self._meets(session, participant, flow, row, now)
        if met:
            participant.success_at = row.at
            experiments.convert(session, participant, flow, row.at)
            text = f"the success criterion is met by {row.type}"
            session.add(
                JournalRow(participant=participant.id, flow=participant.flow, at=now, event="success", text=text)
            )
        return met and flow.success.then == "finish"

    def _converts(
        self, session: Session, participant: ParticipantRow, flow: Flow, row: EventRow, now: datetime
    ) -> None:
        """Success after leaving: it counts for the comparison alone."""
        if self._meets(session, participant, flow, row, now):
            experiments.convert(session, participant, flow, row.at)

    def _meets(self, session: Session, participant: ParticipantRow, flow: Flow, row: EventRow, now: datetime) -> bool:
        if flow.success is None or row.at < participant.enrolled_at or not _same_key(participant, flow, row):
            return False
        proposal = Proposal(participant.flow, participant.person, "")
        facts = self._enrolment.facts(session, proposal, now, enrolled_at=participant.enrolled_at)
        return event_meets(flow, happening(row), facts) or (row.type in CHANGES and state_meets(flow, facts))

    def _concerns(self, participant: ParticipantRow, outline: Outline, row: EventRow) -> bool:
        """Whether its gate could answer otherwise than before: better woken once too often than not."""
        if row.type in participant.awaits and _same_key(participant, outline.flow, row):
            return True
        enrolment = outline.flow.enrolment
        if row.type == "added_to_selection" and enrolment.exclude == row.data.get("selection"):
            return True
        if row.type != "person_updated":
            return False
        return "former_employee" in row.data.get("changed", ()) or enrolment.stay_while_filter_holds

    def _trigger(self, session: Session, rows: Sequence[EventRow], now: datetime) -> None:
        """Propose whoever the events set off a trigger for: the same event, one for each person."""
        open_flows = session.scalars(
            select(FlowRow)
            .join(FlowTrigger, col(FlowTrigger.flow) == col(FlowRow.id))
            .where(col(FlowTrigger.event) == rows[0].type)
            .where(col(FlowRow.status).in_(TAKES_PEOPLE))
            .order_by(col(FlowRow.id))
            .distinct()
        ).all()
        # While these rows are held, none of them is read again, for whichever flow.
        kept = self._crm.load(session, sorted(row.person for row in rows)) if open_flows and len(rows) > 1 else ()
        for flow in open_flows:
            self._propose(session, flow, rows, now)
        del kept

    def _propose(self, session: Session, flow: FlowRow, rows: Sequence[EventRow], now: datetime) -> None:
        outline = self._definitions.current(session, flow)
        proposals: dict[str, Proposal] = {}
        for row in rows:
            given = Proposal(flow.id, row.person, "trigger", cause=tuple(row.cause), event=row.data, type=row.type)
            proposal = self._enrolment.triggered(session, given, outline, now)
            if proposal is not None:
                proposals[row.id] = proposal
        if not proposals:
            return
        answers = self._enrolment.propose_all(session, list(proposals.values()), now)
        for event, answer in zip(proposals, answers, strict=True):
            if isinstance(answer, Enrolled):
                # What brought somebody in is not what a wait inside waits for, even if it happened at that very moment.
                session.add(EventUse(participant=answer.participant, event=event, step=""))


def _same_key(participant: ParticipantRow, flow: Flow, row: EventRow) -> bool:
    return of_same_key(flow.enrolment.key, participant.key, row.type, row.data)


def _row(event: Event, now: datetime) -> EventRow:
    id = new_id("evt")
    return EventRow(
        id=id,
        source=event.source,
        external_id=event.id or id,
        type=event.type,
        subject=event.subject,
        person=event.person,
        at=event.at,
        received_at=now,
        data=event.data or {},
        cause=list(event.cause),
        machine=event.machine or event.settles_at is not None,
        settles_at=event.settles_at,
    )
