"""POST /v1/flows/{flow}/enrolments: a list of people, or a CSV file of them, enrolled in one call (TRIG_11)."""

from collections.abc import Sequence
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import Annotated, Any, BinaryIO, cast

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, ValidationError
from sqlmodel import Session

from activities.crm.bulk import Saved
from activities.crm.faults import Fault, faults
from activities.crm.importing import ImportResult, Row
from activities.crm.models import Incoming
from api import imports
from api.engine import Engine, EngineDep
from api.enrolment_jobs import JobPublic, job_of
from api.errors import ProblemDetail, Unprocessable
from api.flows import taking_people
from api.idempotency import Idempotency, IdempotencyDep
from api.resource import PREFIX, PathId, problems
from flows.model import Id
from store.enrolments import JobSource

MOST = 100_000

router = APIRouter(prefix="/flows", tags=["participants"])


class ListIn(Incoming):
    """People by their ids, in the order in which they come."""

    people: list[Id] = Field(min_length=1, max_length=MOST, title="People")
    again: bool = Field(default=False, title="Again", description="Let in who took part before (TRIG_8).")


class ListAnswer(BaseModel):
    """The `job` that enrols them; for a file also what became of its rows."""

    imported: ImportResult | None = Field(default=None, alias="import", serialization_alias="import")
    job: JobPublic


class _Begun(BaseModel):
    """A file is being read for this job."""

    job: str


@router.post(
    "/{flow}/enrolments",
    operation_id="enrol_many",
    summary="Enrol a list or a CSV file of people in the background",
    description="A file has the columns of /v1/people/import: its people are imported, without firing triggers, and "
    "each is proposed. Sent again with the same Idempotency-Key after a break, it goes on where it was.",
    status_code=202,
    response_model=ListAnswer,
    responses=problems(404, 409, 413, 415, 422),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": ListIn.model_json_schema()}, **imports.CSV_CONTENT},
        }
    },
)
async def enrol_many(
    engine: EngineDep,
    idempotency: IdempotencyDep,
    request: Request,
    response: Response,
    flow: PathId,
    again: Annotated[bool, Query(description="For a file: let in who took part before (TRIG_8).")] = False,
) -> Any:
    await engine.db.read(lambda session: taking_people(session, flow))
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
        body = await request.body()
        made = await engine.dispatcher.write(partial(_begin, engine, idempotency, flow, _read(body), body))
    else:
        with SpooledTemporaryFile(imports.IN_MEMORY) as file:
            await imports.receive(request, cast(BinaryIO, file))
            made = await _enrol_file(engine, idempotency, flow, cast(BinaryIO, file), again)
    response.headers["Location"] = f"{PREFIX}/flows/{flow}/enrolments/{made['job']['id']}"
    return made


def _read(body: bytes) -> ListIn:
    try:
        return ListIn.model_validate_json(body)
    except ValidationError as error:
        found: Sequence[Fault] = faults(error, ListIn)
        details = [ProblemDetail(pointer=each.pointer, what=each.what, remedy=each.remedy) for each in found]
        raise Unprocessable("The list is not valid.", details[0].remedy, problems=details) from None


def _begin(engine: Engine, idempotency: Idempotency, flow: str, given: ListIn, body: bytes, session: Session) -> Any:
    at = engine.clock()

    def make() -> ListAnswer:
        row = taking_people(session, flow)
        job = engine.core.jobs.begin(session, row, JobSource.PEOPLE, at, people=given.people, again=given.again)
        return ListAnswer(job=job_of(session, job))

    return idempotency.once(session, body, at, make, 202)


async def _enrol_file(
    engine: Engine, idempotency: Idempotency, flow: str, file: BinaryIO, again: bool
) -> dict[str, Any]:
    """Have its people saved, and proposed in their order."""
    taking = await imports.Taking.of(engine, idempotency, file)
    job = await engine.dispatcher.write(partial(_begin_file, engine, idempotency, flow, again, taking.digest))

    def save(session: Session, rows: Sequence[Row], before: int) -> Saved:
        saved = engine.crm.bulk.save(session, rows, engine.clock(), fire_triggers=False)
        engine.core.jobs.add(session, job, saved.people, before=before)
        return saved

    result = await taking.all_rows(save)
    begun = await engine.dispatcher.write(
        lambda session: ListAnswer(job=job_of(session, engine.core.jobs.complete(session, job)))
    )
    return {**begun.model_dump(mode="json", by_alias=True), "import": result.model_dump(mode="json")}


def _begin_file(engine: Engine, idempotency: Idempotency, flow: str, again: bool, digest: str, session: Session) -> str:
    at = engine.clock()

    def make() -> _Begun:
        row = taking_people(session, flow)
        return _Begun(job=engine.core.jobs.begin(session, row, JobSource.PEOPLE, at, again=again).id)

    return str(idempotency.once(session, f"{digest}{again}", at, make, 202)["job"])
