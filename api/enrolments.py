"""Enrolling people by the API: one, many, or a whole selection (TRIG_11)."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field, model_validator
from sqlmodel import Session

from activities.crm.models import Incoming
from activities.crm.values import wrong
from activities.enrolling.enrolment import Enrolled, Proposal
from api.engine import Engine, EngineDep
from api.enrolment_jobs import ForecastPublic, JobPublic, job_of, shown
from api.errors import ProblemDetail, Unprocessable
from api.flows import find, taking_people
from api.idempotency import Idempotency, IdempotencyDep
from api.resource import PREFIX, PathId, problems
from flows.model import Id
from flows.outcome import Refusal
from store.enrolments import JobSource
from store.people import Selection

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


class EnrolmentAnswer(BaseModel):
    """`items` in the order of the request; for a selection, the `job` that enrols its members."""

    items: list[Proposed] = Field(default_factory=list)
    job: JobPublic | None = None
    forecast: ForecastPublic | None = Field(default=None, description="Dry run: what it would lead to.")


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
    engine: EngineDep,
    idempotency: IdempotencyDep,
    response: Response,
    flow: PathId,
    body: EnrolmentIn,
    dry_run: Annotated[bool, Query(description="Enrol nobody; answer how many would come in (TRIG_7).")] = False,
) -> Any:
    await engine.db.read(lambda session: find(session, flow))
    if dry_run:
        response.status_code = 200
        return await engine.db.read(partial(_forecast, engine, flow, body))
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
    at, selection = engine.clock(), body.selection or ""

    def make() -> EnrolmentAnswer:
        row = taking_people(session, flow)
        _check(session, selection)
        job = engine.core.jobs.begin(session, row, JobSource.SELECTION, at, selection=selection, again=body.again)
        return EnrolmentAnswer(job=job_of(session, job))

    return idempotency.once(session, body.model_dump_json(), at, make, 202)


def _forecast(engine: Engine, flow: str, body: EnrolmentIn, session: Session) -> EnrolmentAnswer:
    """What enrolling them now would lead to."""
    row, jobs, at = taking_people(session, flow), engine.core.jobs, engine.clock()
    if body.selection is not None:
        _check(session, body.selection)
        return EnrolmentAnswer(forecast=shown(jobs.who_is_in(session, row, body.selection, body.again, at)))
    people = [body.person] if body.person is not None else body.people or []
    return EnrolmentAnswer(forecast=shown(jobs.who_is_named(session, row, people, body.again, at)))


def _check(session: Session, selection: str) -> None:
    if session.get(Selection, selection) is None:
        what, remedy = f"There is no selection {selection}.", "GET /v1/selections lists them."
        raise Unprocessable(what, remedy, problems=[ProblemDetail(pointer="/selection", what=what, remedy=remedy)])
