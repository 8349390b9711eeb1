"""Enrolment: who comes into a flow (TRIG). One transaction decides and writes; the workflows are started after it.

One person or a page of a hundred thousand: the same code, with the same few statements for all of them together.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import insert, select
from sqlmodel import Session, SQLModel, col

from activities.counting.tally import Measure, count
from activities.crm.embedded import EmbeddedCrm
from activities.definitions import Definitions
from activities.dispatcher import StartJourney, ask
from activities.enrolling.queue import must_queue
from activities.records import PageRecords
from flows import conditions
from flows.conditions import holds
from flows.events import CREATIONS, key_value, sets_off
from flows.experiment import Arm, arm_of
from flows.facts import Facts, Values
from flows.outcome import Refusal, Status
from flows.planning import Outline
from store.columns import new_id
from store.database import lock_flow
from store.enrolments import RefusalRow
from store.flows import TAKES_PEOPLE, FlowRow
from store.journeys import JournalRow, ParticipantRow
from store.people import Person
from workflows.contract import Perform

# A trigger may not lead back into a flow of its own chain; a hand-over may, once (TRIG_10).
_TRIGGER_ROUNDS, _HAND_OVER_ROUNDS = 1, 2

LeaveFor = Callable[[Session, str, str, datetime], None]
"""Has a participant leave its flow, for the sake of the flow that is named (TRIG_6)."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Someone is proposed to a flow.

    `why` is a word for the journal: trigger, api, selection, hand_over. `cause` are the flows that led here. `event` is
    the data of the event that proposed, `type` its name. `again` lets in who took part before (TRIG_8).
    """

    flow: str
    person: str
    why: str
    cause: tuple[str, ...] = ()
    event: Values | None = None
    type: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The answer to a proposal that was taken; `status` is active or queued."""

    participant: str
    status: Status


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store knows about a page of proposals: read at once, however many they are."""

    people: frozenset[str]
    before: Mapping[tuple[str, str], Sequence[tuple[Status, int]]]
    members: set[tuple[str, str]]
    groups: frozenset[str]
    rows: Sequence[SQLModel]


class Enrolment:
    """Decides about proposals."""

    def __init__(self, definitions: Definitions, crm: EmbeddedCrm, leave: LeaveFor) -> None:
        self._definitions = definitions
        self._crm = crm
        self._leave = leave

    def propose(self, session: Session, proposal: Proposal, now: datetime) -> Enrolled | Refusal:
        """Enrol the person, or say why not. Checked once, whoever or whatever proposes (TRIG_3)."""
        return self.propose_all(session, [proposal], now)[0]

    def propose_all(
        self, session: Session, proposals: Sequence[Proposal], now: datetime, *, job: str = ""
    ) -> list[Enrolled | Refusal]:
        """Several proposals to one flow in one transaction; the answers in their order. Refusals are kept for a job."""
        people = sorted({proposal.person for proposal in proposals})
        # In one order, so that two callers never wait for each other.
        locked = select(col(Person.id), col(Person.deleted_at)).where(col(Person.id).in_(people))
        rows = session.connection().execute(locked.order_by(col(Person.id)).with_for_update())
        known = frozenset(id for id, deleted_at in rows if deleted_at is None)
        name = proposals[0].flow
        lock_flow(session, name)
        # What was read of it before the lock may be out of date.
        flow = session.get(FlowRow, name, populate_existing=True)
        if flow is None:
            return [_not_open(proposal, known) for proposal in proposals]
        outline = self._definitions.current(session, flow)
        if flow.status in TAKES_PEOPLE:
            decided = self._decide(session, proposals, known, flow, outline, now)
        else:
            decided = [_not_open(proposal, known) for proposal in proposals]
        taken = [proposal for proposal, no in zip(proposals, decided, strict=True) if no is None]
        if taken and flow.archived:
            flow.archived = False  # a flow that somebody is inside is in the lists
        answers = iter(self._write(session, taken, flow, outline, now) if taken else ())
        refused = [(proposal, no) for proposal, no in zip(proposals, decided, strict=True) if no is not None]
        if refused:
            self._keep_refusals(session, refused, flow, outline.flow.day(now), now, job)
        self._leave_others(session, taken, outline, now)
        return [no or next(answers) for no in decided]

    def rehearse(
        self, session: Session, proposals: Sequence[Proposal], flow: FlowRow, outline: Outline, now: datetime
    ) -> list[Refusal | None]:
        """What would be answered if the flow took people and stood as in `outline`; nothing is locked or changed."""
        people = sorted({proposal.person for proposal in proposals})
        here = select(col(Person.id)).where(col(Person.id).in_(people), col(Person.deleted_at).is_(None))
        return self._decide(session, proposals, frozenset(session.scalars(here)), flow, outline, now)

    # --- deciding --------------------------------------------------------------------------------------------------

    def _decide(
        self,
        session: Session,
        proposals: Sequence[Proposal],
        people: frozenset[str],
        flow: FlowRow,
        outline: Outline,
        now: datetime,
    ) -> list[Refusal | None]:
        known = self._look_up(session, people, flow, outline)
        taken: set[tuple[str, str]] = set()
        decided: list[Refusal | None] = []
        for proposal in proposals:
            one = (proposal.person, key_value(outline.flow.enrolment.key, proposal.event or {}))
            refusal = Refusal.ALREADY_ACTIVE if one in taken else None
            refusal = refusal or self._refusal(session, proposal, one, known, flow, outline, now)
            if refusal is None:
                taken.add(one)
            decided.append(refusal)
        return decided

    def _look_up(self, session: Session, people: frozenset[str], flow: FlowRow, outline: Outline) -> _Known:
        enrolment = outline.flow.enrolment
        groups = {enrolment.exclude} if enrolment.exclude is not None else set()
        if enrolment.filter is not None:
            groups |= {reference.name for reference in conditions.selections(enrolment.filter)}
        ids = sorted(people)
        row = ParticipantRow
        took_part = select(col(row.person), col(row.key), col(row.status), col(row.generation)).where(
            col(row.person).in_(ids), col(row.flow) == flow.id
        )
        before: dict[tuple[str, str], list[tuple[Status, int]]] = {}
        for person, key, status, generation in session.execute(took_part):
            before.setdefault((person, key), []).append((Status(status), generation))
        return _Known(
            people=people,
            before=before,
            members=self._crm.memberships(session, ids, groups),
            groups=frozenset(groups),
            rows=self._crm.load(session, ids) if enrolment.filter is not None else (),
        )

    def _refusal(
        self,
        session: Session,
        proposal: Proposal,
        one: tuple[str, str],
        known: _Known,
        flow: FlowRow,
        outline: Outline,
        now: datetime,
    ) -> Refusal | None:
        enrolment = outline.flow.enrolment
        if proposal.person not in known.people:
            return Refusal.UNKNOWN_PERSON
        # Who comes round by something that was created comes in, and creates nothing: that ends the loop as well.
        round_again = outline.flow.settings.skip_creating and proposal.type in CREATIONS
        rounds = _HAND_OVER_ROUNDS if proposal.why == "hand_over" or round_again else _TRIGGER_ROUNDS
        if proposal.cause.count(flow.id) >= rounds:
            return Refusal.LOOP
        if enrolment.exclude is not None and (proposal.person, enrolment.exclude) in known.members:
            return Refusal.EXCLUDED
        before = known.before.get(one, ())
        if any(status.inside and generation == flow.generation for status, generation in before):
            return Refusal.ALREADY_ACTIVE
        if before and enrolment.once and not proposal.again:
            return Refusal.ONCE
        if enrolment.filter is not None:
            records = PageRecords(session, proposal.person, self._crm, known.members, known.groups)
            facts = self._facts(session, proposal, now, now, records)
            if not holds(enrolment.filter, facts, outline.flow.zone):
                return Refusal.FILTER
        return None

    def facts(
        self, session: Session, proposal: Proposal, now: datetime, *, enrolled_at: datetime | None = None
    ) -> Facts:
        """What conditions on a person decide from before, or beside, the person's own journey."""
        records = PageRecords(session, proposal.person, self._crm)
        return self._facts(session, proposal, now, enrolled_at or now, records)

    def _facts(
        self, session: Session, proposal: Proposal, now: datetime, enrolled_at: datetime, records: PageRecords
    ) -> Facts:
        people = self._crm.facts_of(session, proposal.person)
        return Facts(
            now=now,
            since=now,
            participant="",
            enrolled_at=enrolled_at,
            person=people.person,
            company=people.company,
            owner=people.owner,
            service_owner=people.service_owner,
            records=records,
            event=dict(proposal.event or {}),
        )

    def triggered(self, session: Session, given: Proposal, outline: Outline, now: datetime) -> Proposal | None:
        """The proposal of an event that sets off a trigger of the flow; None: it sets off none."""
        facts = self.facts(session, given, now)
        flow, data = outline.flow, given.event or {}
        set_off = [each for each in flow.enrolment.triggers if sets_off(each, given.type, data, facts, flow.zone)]
        return replace(given, again=any(each.again for each in set_off)) if set_off else None

    # --- writing ---------------------------------------------------------------------------------------------------

    def _write(
        self, session: Session, taken: Sequence[Proposal], flow: FlowRow, outline: Outline, now: datetime
    ) -> list[Enrolled]:
        status = Status.QUEUED if must_queue(session, flow) else Status.ACTIVE
        plan = _first(flow, outline)
        # What all of them share is made once: a model for each would cost more than the rest together.
        newcomer = ParticipantRow(
            id="", flow=flow.id, person="", generation=flow.generation, version=flow.version, status=status,
            step=plan.step, since=now, plan=plan.model_dump(mode="json"), enrolled_at=now,
        ).model_dump(exclude={"number"})  # fmt: skip
        rows = [
            {
                **newcomer,
                "id": new_id("par"),
                "person": proposal.person,
                "key": key_value(outline.flow.enrolment.key, proposal.event or {}),
                "arm": arm_of(proposal.person, flow.id, outline.flow.settings.control_group),
                "cause": [*proposal.cause, flow.id],
                "event": dict(proposal.event or {}),
            }
            for proposal in taken
        ]
        line = JournalRow(participant="", flow=flow.id, at=now, event="enrolled", text="")
        told = line.model_dump(exclude={"number"})
        lines = [
            {**told, "participant": row["id"], "text": _told(proposal, row["arm"])}
            for row, proposal in zip(rows, taken, strict=True)
        ]
        session.execute(insert(ParticipantRow), rows)
        session.execute(insert(JournalRow), lines)
        changes: dict[tuple[Measure, str], int] = {
            ("enrolled", ""): len(rows),
            ("status", status.value): len(rows),
            ("waiting", plan.step): len(rows) if status is Status.ACTIVE else 0,
        }
        changes |= {("arm", arm): number for arm, number in Counter(row["arm"] for row in rows if row["arm"]).items()}
        count(session, flow.id, flow.generation, now.microsecond, outline.flow.day(now), changes)
        if status is Status.ACTIVE:
            for row in rows:
                ask(session, StartJourney(flow.id, row["id"], row["person"], plan, flow.name))
        return [Enrolled(row["id"], status) for row in rows]

    def _leave_others(self, session: Session, taken: Sequence[Proposal], outline: Outline, now: datetime) -> None:
        """Who came in leaves the flows that this one names (TRIG_6); a control group is left as it is (TRIG_12)."""
        others, share = outline.flow.enrolment.leave, outline.flow.settings.control_group
        people = {each.person for each in taken if arm_of(each.person, each.flow, share) is not Arm.CONTROL}
        if not others or not people:
            return
        inside = (
            select(col(ParticipantRow.id))
            .join(FlowRow, col(FlowRow.id) == col(ParticipantRow.flow))
            .where(col(ParticipantRow.person).in_(sorted(people)))
            .where(col(ParticipantRow.flow).in_(others))
            .where(col(ParticipantRow.status).in_([Status.ACTIVE, Status.QUEUED]))
            .where(col(ParticipantRow.generation) == col(FlowRow.generation))
            .order_by(col(ParticipantRow.flow), col(ParticipantRow.number))
        )
        for participant in session.scalars(inside).all():
            self._leave(session, participant, outline.flow.id, now)

    def _keep_refusals(
        self,
        session: Session,
        refused: Sequence[tuple[Proposal, Refusal]],
        flow: FlowRow,
        day: date,
        now: datetime,
        job: str,
    ) -> None:
        """Count them; keep those of a job, and loops, so that a person can see who was not taken and why."""
        reasons = Counter(no for _, no in refused if no is not Refusal.UNKNOWN_PERSON)
        changes: dict[tuple[Measure, str], int] = {("refused", no.value): number for no, number in reasons.items()}
        count(session, flow.id, flow.generation, now.microsecond, day, changes)
        kept = [(proposal, no) for proposal, no in refused if job or no is Refusal.LOOP]
        if not kept:
            return
        refusal = RefusalRow(flow=flow.id, job=job, person="", reason=Refusal.LOOP, why="", at=now)
        same = refusal.model_dump(exclude={"number"})
        rows = [
            {**same, "person": proposal.person, "reason": no, "why": proposal.why, "event": proposal.type}
            for proposal, no in kept
        ]
        session.execute(insert(RefusalRow), rows)
        for proposal, no in kept:
            if no is Refusal.LOOP:
                self._journal_loop(session, proposal, flow, now)

    def _journal_loop(self, session: Session, proposal: Proposal, flow: FlowRow, now: datetime) -> None:
        """A line in the journal of the person's latest participation, which led round to here (TRIG_10)."""
        latest = session.scalar(
            select(col(ParticipantRow.id))
            .where(col(ParticipantRow.person) == proposal.person, col(ParticipantRow.flow) == flow.id)
            .order_by(col(ParticipantRow.number).desc())
            .limit(1)
        )
        if latest is not None:
            by = proposal.type or proposal.why.replace("_", " ")
            text = f"not enrolled again by {by}: this flow led to it"
            session.add(JournalRow(participant=latest, flow=flow.id, at=now, event="loop", text=text))


def _not_open(proposal: Proposal, known: frozenset[str]) -> Refusal:
    return Refusal.FLOW_NOT_OPEN if proposal.person in known else Refusal.UNKNOWN_PERSON


def _told(proposal: Proposal, arm: Arm | None) -> str:
    return f"enrolled by {proposal.why}" + (", in the control group" if arm is Arm.CONTROL else "")


def _first(flow: FlowRow, outline: Outline) -> Perform:
    first = outline.step[outline.first] if outline.first is not None else None
    return Perform(
        position=1,
        version=flow.version,
        step=first.id if first else "",
        kind=first.kind if first else "finish",
        summary=first.label() if first else "Finish",
        local=first is None or first.in_store,
    )
