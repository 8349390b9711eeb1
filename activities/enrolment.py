"""Enrolment: who comes into a flow (TRIG). One transaction decides and writes; the workflow is started after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from activities.crm.embedded import EmbeddedCrm
from activities.definitions import Definitions
from activities.dispatcher import StartJourney, ask
from activities.records import StoreRecords
from activities.tally import count
from flows.conditions import holds
from flows.facts import Facts, Values
from flows.outcome import Refusal, Status
from flows.planning import Outline
from store.columns import new_id
from store.database import lock_flow
from store.flows import TAKES_PEOPLE, FlowRow, FlowStatus
from store.journeys import JournalRow, ParticipantRow
from store.people import Person
from workflows.contract import Perform

# A trigger may not lead back into a flow of its own chain; a hand-over may, once (TRIG_10).
_TRIGGER_ROUNDS, _HAND_OVER_ROUNDS = 1, 2


@dataclass(frozen=True, slots=True)
class Proposal:
    """Someone is proposed to a flow.

    `why` is a word for the journal: trigger, api, selection, hand_over. `cause` are the flows that led here. `event` is
    the data of the event that proposed. `again` lets in who took part before (TRIG_8).
    """

    flow: str
    person: str
    why: str
    cause: tuple[str, ...] = ()
    event: Values | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The answer to a proposal that was taken; `status` is active or queued."""

    participant: str
    status: Status


class Enrolment:
    """Decides about proposals."""

    def __init__(self, definitions: Definitions, crm: EmbeddedCrm) -> None:
        self._definitions = definitions
        self._crm = crm

    def propose(self, session: Session, proposal: Proposal, now: datetime) -> Enrolled | Refusal:
        """Enrol the person, or say why not. Checked once, whoever or whatever proposes (TRIG_3)."""
        if not self._lock_person(session, proposal.person):
            return Refusal.UNKNOWN_PERSON
        lock_flow(session, proposal.flow)
        flow = session.get(FlowRow, proposal.flow)
        if flow is None or flow.status not in TAKES_PEOPLE:
            return Refusal.FLOW_NOT_OPEN
        outline = self._definitions.current(session, flow)
        refusal = self._refusal(session, proposal, flow, outline, now)
        if refusal is not None:
            return refusal
        return self._enrol(session, proposal, flow, outline, now)

    def _lock_person(self, session: Session, person: str) -> bool:
        found = session.connection().execute(
            select(col(Person.deleted_at)).where(col(Person.id) == person).with_for_update()
        )
        row = found.one_or_none()
        return row is not None and row[0] is None

    def _refusal(
        self, session: Session, proposal: Proposal, flow: FlowRow, outline: Outline, now: datetime
    ) -> Refusal | None:
        enrolment = outline.flow.enrolment
        rounds = _HAND_OVER_ROUNDS if proposal.why == "hand_over" else _TRIGGER_ROUNDS
        if proposal.cause.count(flow.id) >= rounds:
            return Refusal.LOOP
        if enrolment.exclude is not None and self._crm.is_member(session, proposal.person, enrolment.exclude):
            return Refusal.EXCLUDED
        before = session.connection().execute(
            select(col(ParticipantRow.status), col(ParticipantRow.generation)).where(
                col(ParticipantRow.person) == proposal.person, col(ParticipantRow.flow) == flow.id
            )
        ).all()
        if any(Status(status).inside and generation == flow.generation for status, generation in before):
            return Refusal.ALREADY_ACTIVE
        if before and enrolment.once and not proposal.again:
            return Refusal.ONCE
        if enrolment.filter is not None:
            facts = self.facts(session, proposal, now)
            if not holds(enrolment.filter, facts, outline.flow.zone):
                return Refusal.FILTER
        return None

    def facts(
        self, session: Session, proposal: Proposal, now: datetime, *, enrolled_at: datetime | None = None
    ) -> Facts:
        """What conditions on a person decide from before, or beside, the person's own journey."""
        people = self._crm.facts_of(session, proposal.person)
        nobody = ParticipantRow(
            id="", flow=proposal.flow, person=proposal.person, generation=0, version=0,
            status=Status.QUEUED, since=now, enrolled_at=now, plan={},
        )  # fmt: skip
        event = dict(proposal.event or {})
        return Facts(
            now=now,
            since=now,
            participant="",
            enrolled_at=enrolled_at or now,
            person=people.person,
            company=people.company,
            owner=people.owner,
            service_owner=people.service_owner,
            records=StoreRecords(session, nobody, self._crm),
            event=event,
            form=event.get("fields") or {},
        )

    def _enrol(
        self, session: Session, proposal: Proposal, flow: FlowRow, outline: Outline, now: datetime
    ) -> Enrolled:
        status = Status.QUEUED if flow.status is FlowStatus.PAUSED else Status.ACTIVE
        first = outline.step[outline.first] if outline.first is not None else None
        plan = Perform(
            position=1,
            version=flow.version,
            step=first.id if first else "",
            kind=first.kind if first else "finish",
            summary=first.summary() if first else "Finish",
            local=first is None or first.in_store,
        )
        row = ParticipantRow(
            id=new_id("par"),
            flow=flow.id,
            person=proposal.person,
            generation=flow.generation,
            version=flow.version,
            status=status,
            step=plan.step,
            since=now,
            plan=plan.model_dump(mode="json"),
            enrolled_at=now,
            cause=[*proposal.cause, flow.id],
            event=dict(proposal.event or {}),
        )
        session.add(row)
        session.flush()
        session.add(
            JournalRow(
                participant=row.id, flow=flow.id, at=now, event="enrolled", text=f"enrolled by {proposal.why}"
            )
        )
        count(
            session,
            flow.id,
            flow.generation,
            row.number or 0,
            {
                ("enrolled", ""): 1,
                ("status", status.value): 1,
                ("waiting", plan.step): 1 if status is Status.ACTIVE else 0,
            },
        )
        if status is Status.ACTIVE:
            ask(session, StartJourney(flow.id, row.id, row.person, plan, flow.name))
        return Enrolled(row.id, status)

    def propose_all(
        self, session: Session, proposals: Sequence[Proposal], now: datetime
    ) -> list[Enrolled | Refusal]:
        """Several proposals in one transaction, in order."""
        return [self.propose(session, proposal, now) for proposal in proposals]
