"""Enrolling many: jobs that are carried on page by page, and what would become of them beforehand (TRIG_7, TRIG_11).

A page is one transaction: people enrolled, refusals, and how far the job has come. A job that is killed half way goes
on after its last page, and two that work on it at once do not take anybody twice: the later one finds its place taken.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256

from sqlalchemy import insert, select, update
from sqlmodel import Session, col

from activities.crm.embedded import EmbeddedCrm
from activities.crm.groups import PROJECT, SELECTION, Kind
from activities.definitions import Definitions
from activities.dispatcher import FlowChanged, ask
from activities.enrolling import census
from activities.enrolling.candidates import Occurrence, Page, existing, joined, listed
from activities.enrolling.census import Forecast
from activities.enrolling.enrolment import Enrolment, Proposal
from flows.events import ScheduleTrigger, key_value
from flows.outcome import Refusal
from flows.planning import Outline
from store.columns import new_id
from store.database import Database
from store.enrolments import EnrolmentJob, JobPerson, JobSource
from store.flows import TAKES_PEOPLE, FlowRow, FlowTrigger
from store.inserts import insert_new

PAGE = 250
_CHUNK = 1_000  # rows of a list in a statement

_JOINED = {SELECTION.noun: JobSource.JOINED_SELECTION, PROJECT.noun: JobSource.JOINED_PROJECT}
_WHY = {JobSource.SELECTION: "selection", JobSource.PEOPLE: "list", JobSource.SCHEDULE: "schedule"}


class Overtaken(Exception):
    """Another worker has done this page, or the job was ended: nothing of it is kept."""


class EnrolmentJobs:
    """Begins jobs, and carries them on."""

    def __init__(self, definitions: Definitions, crm: EmbeddedCrm, enrolment: Enrolment) -> None:
        self._definitions = definitions
        self._crm = crm
        self._enrolment = enrolment

    # --- beginning -------------------------------------------------------------------------------------------------

    def begin(
        self,
        session: Session,
        flow: FlowRow,
        source: JobSource,
        now: datetime,
        *,
        selection: str = "",
        again: bool = False,
        people: Sequence[str] | None = None,
    ) -> EnrolmentJob:
        """Have people proposed in the background. A list without `people` waits until `complete` is called."""
        job = EnrolmentJob(
            id=new_id("job"), flow=flow.id, source=source, selection=selection, again=again, at=now,
            ready=source is not JobSource.PEOPLE or people is not None,
        )  # fmt: skip
        session.add(job)
        session.flush()
        if people:
            self.add(session, job.id, people)
        if job.ready:
            ask(session, FlowChanged(flow.id, flow.name))
        return job

    def begin_at(self, session: Session, flow: FlowRow, trigger: ScheduleTrigger, moment: str, now: datetime) -> bool:
        """Have a selection proposed because a moment of a schedule has come; once for each moment (TRIG_1)."""
        job = EnrolmentJob(
            id=f"job_{sha256(moment.encode()).hexdigest()[:24]}", flow=flow.id, source=JobSource.SCHEDULE,
            selection=trigger.selection, again=trigger.again, at=now,
        )  # fmt: skip
        if not insert_new(session, EnrolmentJob, [job.model_dump()]):
            return False
        ask(session, FlowChanged(flow.id, flow.name))
        return True

    def add(self, session: Session, job: str, people: Sequence[str], *, before: int = 0) -> None:
        """Put more people on a job's list, after `before` that are on it."""
        for first in range(0, len(people), _CHUNK):
            chunk = enumerate(people[first : first + _CHUNK], before + first + 1)
            session.execute(insert(JobPerson), [{"job": job, "number": at, "person": person} for at, person in chunk])

    def complete(self, session: Session, job: str) -> EnrolmentJob:
        """All people of a list are on it: begin."""
        row = session.get_one(EnrolmentJob, job)
        flow = session.get_one(FlowRow, row.flow)
        row.ready = True
        ask(session, FlowChanged(flow.id, flow.name))
        return row

    def came_together(self, session: Session, kind: Kind, group: str, people: Sequence[str], now: datetime) -> None:
        """Many people have joined a selection or project: propose them to the flows that listen to it (TRIG_7)."""
        for flow in self.listening(session, kind, group):
            self.begin(session, flow, _JOINED[kind.noun], now, selection=group, people=people)

    def listening(self, session: Session, kind: Kind, group: str) -> list[FlowRow]:
        """The flows that take people and have a trigger on joining this selection or project."""
        query = (
            select(FlowRow)
            .join(FlowTrigger, col(FlowTrigger.flow) == col(FlowRow.id))
            .where(col(FlowTrigger.event) == kind.event, col(FlowRow.status).in_(TAKES_PEOPLE))
            .order_by(col(FlowRow.id))
        )

        def wants(flow: FlowRow) -> bool:
            triggers = self._definitions.current(session, flow).flow.enrolment.triggers
            return any(
                getattr(trigger, "event", "") == kind.event and getattr(trigger, kind.noun) in (None, group)
                for trigger in triggers
            )

        return [flow for flow in session.scalars(query) if wants(flow)]

    # --- carrying on -----------------------------------------------------------------------------------------------

    def page(self, session: Session, flow: str, epoch: int, now: datetime) -> str | None:
        """Propose the next people of the oldest unfinished job; None if there is nothing more to do now.

        A command that was given after `epoch` comes first. Raises Overtaken.
        """
        row = session.get_one(FlowRow, flow)
        job = session.scalar(
            select(EnrolmentJob)
            .where(col(EnrolmentJob.flow) == flow, ~col(EnrolmentJob.done), col(EnrolmentJob.ready))
            .order_by(col(EnrolmentJob.at), col(EnrolmentJob.id))
            .limit(1)
        )
        if job is None or row.epoch != epoch or row.status not in TAKES_PEOPLE:
            return None
        outline = self._definitions.current(session, row)
        before, page = job.after, self._next(session, job, outline)
        proposals = self._proposals(session, page.occurrences, row, outline, now, _WHY.get(job.source), job.again)
        answers = self._enrolment.propose_all(session, proposals, now, job=job.id) if proposals else []
        refusals = Counter(answer.value for answer in answers if isinstance(answer, Refusal))
        if refusals[Refusal.FLOW_NOT_OPEN.value]:
            raise Overtaken(job.id)
        done = {
            "after": page.after,
            "enrolled": job.enrolled + len(answers) - refusals.total(),
            "refused": job.refused + refusals.total(),
            "refusals": dict(refusals + Counter(job.refusals)),
            "done": not page.occurrences,
        }
        place = update(EnrolmentJob).where(
            col(EnrolmentJob.id) == job.id, col(EnrolmentJob.after) == before, ~col(EnrolmentJob.done)
        )
        moved = session.execute(place.values(done).execution_options(synchronize_session=False))
        if moved.rowcount != 1:  # type: ignore[attr-defined]
            raise Overtaken(job.id)
        return f"enrolled {done['enrolled']}, refused {done['refused']}"

    def _next(self, session: Session, job: EnrolmentJob, outline: Outline) -> Page:
        if job.source is JobSource.EXISTING:
            return existing(session, outline.flow, job.after, PAGE)
        return listed(session, job, job.after, PAGE)

    def _proposals(
        self,
        session: Session,
        occurrences: Sequence[Occurrence],
        flow: FlowRow,
        outline: Outline,
        now: datetime,
        why: str | None,
        again: bool,
    ) -> list[Proposal]:
        """One for each person, and for each value of the flow's key (TRIG_13); `why` None: as triggers would."""
        if why is not None:
            return [Proposal(flow.id, each.person, why, again=again) for each in occurrences]
        people = sorted({each.person for each in occurrences})
        kept = self._crm.load(session, people)  # while they are held, no person is read again
        found: dict[tuple[str, str], Proposal] = {}
        for each in occurrences:
            given = Proposal(flow.id, each.person, "trigger", event=each.data, type=each.type)
            proposal = self._enrolment.triggered(session, given, outline, now)
            if proposal is not None:
                one = (each.person, key_value(outline.flow.enrolment.key, each.data or {}))
                if one not in found or (proposal.again and not found[one].again):
                    found[one] = proposal
        del kept
        return list(found.values())

    # --- beforehand ------------------------------------------------------------------------------------------------

    async def who_matches(self, db: Database, flow: FlowRow, outline: Outline, now: datetime) -> Forecast:
        """What `existing` would lead to, if the flow took people and stood as in `outline`; changes nothing."""
        if census.can_count(outline.flow):
            return await db.read(lambda session: census.existing(session, self._crm, flow, outline, now))
        return await self.walk(
            db, lambda session, after: existing(session, outline.flow, after, PAGE), flow, outline, now
        )

    async def who_joins(
        self, db: Database, flow: FlowRow, kind: Kind, group: str, people: Sequence[str], now: datetime
    ) -> Forecast:
        """What the joining of these people, who exist, would lead to in a flow; changes nothing."""
        outline = await db.read(lambda session: self._definitions.current(session, flow))
        if census.can_count(outline.flow):
            return await db.read(
                lambda session: census.joining(session, self._crm, flow, outline, kind, group, people, now)
            )

        def page(session: Session, after: str) -> Page:
            first = int(after or 0)
            chunk = people[first : first + PAGE]
            return Page(joined(chunk, kind, group), str(first + len(chunk)))

        return await self.walk(db, page, flow, outline, now)

    def who_is_in(self, session: Session, flow: FlowRow, selection: str, again: bool, now: datetime) -> Forecast:
        """What proposing the members of a selection would lead to; nobody comes by an event, so all can be counted."""
        outline = self._definitions.current(session, flow)
        return census.members(session, self._crm, flow, outline, selection, again, now)

    def who_is_named(
        self, session: Session, flow: FlowRow, people: Sequence[str], again: bool, now: datetime
    ) -> Forecast:
        """What proposing these people by the API would lead to."""
        forecast, outline = Forecast(), self._definitions.current(session, flow)
        proposals = [Proposal(flow.id, person, "api", again=again) for person in people]
        for answer in self._enrolment.rehearse(session, proposals, flow, outline, now):
            forecast.add(answer)
        return forecast

    async def walk(
        self, db: Database, page_of: Callable[[Session, str], Page], flow: FlowRow, outline: Outline, now: datetime
    ) -> Forecast:
        """What would become of everybody on these pages, each asked singly; for what `census` cannot count."""
        forecast, after = Forecast(), ""
        while True:
            page, answers = await db.read(partial(self._rehearse, page_of, after, flow, outline, now))
            if not page.occurrences:
                return forecast
            after = page.after
            for answer in answers:
                forecast.add(answer)

    def _rehearse(
        self,
        page_of: Callable[[Session, str], Page],
        after: str,
        flow: FlowRow,
        outline: Outline,
        now: datetime,
        session: Session,
    ) -> tuple[Page, Iterable[Refusal | None]]:
        page = page_of(session, after)
        proposals = self._proposals(session, page.occurrences, flow, outline, now, None, False)
        return page, self._enrolment.rehearse(session, proposals, flow, outline, now)
