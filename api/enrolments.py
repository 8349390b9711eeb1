"""Enrolling people by the API: one, many, or a whole selection (TRIG_11)."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import func, select
from sqlmodel import Session, col

from activities.crm.models import Incoming
from activities.crm.values import wrong
from activities.dispatcher import FlowChanged, ask
from activities.enrolment import Enrolled, Proposal
from activities.lifecycle import allowed
from api.engine import Engine, EngineDep
from api.errors import NotAllowed, NotFound, ProblemDetail, Unprocessable
from api.flows import find
from api.idempotency import Idempotency, IdempotencyDep
from api.resource import PREFIX, PathId, problems
from flows.model import Id
from flows.outcome import Refusal
from store.columns import new_id
from store.flows import TAKES_PEOPLE
from store.journeys import EnrolmentJob
from store.people import Person, Selection, SelectionMember

MOST = 1_000
CHUNK = 50  # people in a transaction

router = APIRouter(prefix="/flows", tags=["participants"])


class EnrolmentIn(Incoming):
    """Who is proposed: one of person, people and selection."""

    person: Id | None = Field(default=None, title="Person")
    people: list[Id] | None = Field(default=None, min_length=1, max_length=MOST, title="People")
    selection: Id | None = Field(default=None, title="Selection", description="Its members, in the background.")
    again: bool = Field(default=False, title="Again", description="Let in who took part before (TRIG_8).")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(given is not None for given in (self.person, self.people, self.selection)) != 1:
            raise wrong("This says not exactly one of person, people and selection", "Give one of them.")
        return self


class Proposed(BaseModel):
    """The answer to one proposal."""

    person: str
    outcome: Literal["enrolled", "queued", "refused"] = Field(
        description="queued: the flow is paused; the first step follows when it goes on."
    )
    participant: str | None = Field(default=None, description="Its id, unless refused.")
    reason: Refusal | None = Field(default=None, description="Why refused.")


class JobPublic(BaseModel):
    """The enrolment of a selection and how far it is. Someone refused is counted, and the rest go on."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    flow: str
    selection: str
    again: bool
    enrolled: int
    refused: int
    total: int = Field(description="Members of the selection now.")
    done: bool
    at: datetime


class EnrolmentAnswer(BaseModel):
    """`items` in the order of the request; for a selection, the `job` that enrols its members."""

    items: list[Proposed] = Field(default_factory=list)
    job: JobPublic | None = None


@router.post(
    "/{flow}/participants",
    operation_id="enrol",
    summary="Enrol people in a flow",
    description="Each person is decided on its own: the filter, once, the exclusion list (TRIG_3).",
    status_code=202,
    response_model=EnrolmentAnswer,
    responses=problems(404, 409, 413, 415, 422),
)
async def enrol(
    engine: EngineDep, idempotency: IdempotencyDep, response: Response, flow: PathId, body: EnrolmentIn
) -> Any:
    await engine.db.read(lambda session: find(session, flow))
    if body.selection is not None:
        made = await engine.dispatcher.write(partial(_begin, engine, idempotency, flow, body))
        response.headers["Location"] = f"{PREFIX}/flows/{flow}/enrolments/{made['job']['id']}"
        return made
    people = [body.person] if body.person is not None else body.people or []
    items: list[Any] = []
    for first in range(0, len(people), CHUNK):
        chunk = people[first : first + CHUNK]
        items += await engine.dispatcher.write(partial(_enrol, engine, idempotency, flow, chunk, first, body.again))
    return {"items": items}


@router.get(
    "/{flow}/enrolments/{job}",
    operation_id="get_enrolment",
    summary="How far the enrolment of a selection is",
    responses=problems(404, 422),
)
async def get_job(engine: EngineDep, flow: PathId, job: Annotated[Id, Path()]) -> JobPublic:
    def look(session: Session) -> JobPublic:
        row = session.get(EnrolmentJob, job)
        if row is None or row.flow != flow:
            raise NotFound(f"The flow {flow} has no enrolment {job}.", "Check the id in the answer that began it.")
        return _job(session, row)

    return await engine.db.read(look)


def _enrol(
    engine: Engine,
    idempotency: Idempotency,
    flow: str,
    people: Sequence[str],
    first: int,
    again: bool,
    session: Session,
) -> list[Any]:
    """Decide about one chunk. Its answer is kept under the key with the chunk's place, so that a repeat goes on."""
    at = engine.clock()

    def make() -> EnrolmentAnswer:
        # Locked in one order, so that two callers never wait for each other; enrolled in the order given.
        lock = select(col(Person.id)).where(col(Person.id).in_(people)).order_by(col(Person.id)).with_for_update()
        session.execute(lock).all()
        proposals = [Proposal(flow, person, "api", again=again) for person in people]
        answers = engine.core.enrolment.propose_all(session, proposals, at)
        return EnrolmentAnswer(items=[_proposed(person, one) for person, one in zip(people, answers, strict=True)])

    chunk = Idempotency(idempotency.key, f"{idempotency.route}#{first}")
    asked = EnrolmentIn(people=list(people), again=again)
    items: list[Any] = chunk.once(session, asked.model_dump_json(), at, make, 202)["items"]
    return items


def _proposed(person: str, answer: Enrolled | Refusal) -> Proposed:
    if isinstance(answer, Refusal):
        return Proposed(person=person, outcome="refused", reason=answer)
    outcome: Literal["enrolled", "queued"] = "queued" if answer.status.value == "queued" else "enrolled"
    return Proposed(person=person, outcome=outcome, participant=answer.participant)


def _begin(engine: Engine, idempotency: Idempotency, flow: str, body: EnrolmentIn, session: Session) -> Any:
    """Have the background enrol the members of a selection."""
    at = engine.clock()

    def make() -> EnrolmentAnswer:
        row = find(session, flow)
        if row.status not in TAKES_PEOPLE:
            raise NotAllowed(
                f"The flow {flow} is {row.status.value}: nobody can be enrolled.",
                "Run it first.",
                flow_status=row.status.value,
                allowed=allowed(row.status),
            )
        selection = body.selection or ""
        if session.get(Selection, selection) is None:
            what, remedy = f"There is no selection {selection}.", "GET /v1/selections lists them."
            raise Unprocessable(what, remedy, problems=[ProblemDetail(pointer="/selection", what=what, remedy=remedy)])
        job = EnrolmentJob(id=new_id("job"), flow=flow, selection=selection, again=body.again, at=at)
        session.add(job)
        session.flush()
        ask(session, FlowChanged(flow, row.name))
        return EnrolmentAnswer(job=_job(session, job))

    return idempotency.once(session, body.model_dump_json(), at, make, 202)


def _job(session: Session, row: EnrolmentJob) -> JobPublic:
    members = select(func.count()).where(col(SelectionMember.selection) == row.selection)
    return JobPublic(**row.model_dump(), total=session.connection().scalar(members) or 0)
