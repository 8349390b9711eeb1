"""People enrolled in bulk: from a selection, a list or a CSV file, in the background (TRIG_11)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select
from sqlmodel import Session, col

from activities.enrolling.census import Forecast
from api.engine import Engine, EngineDep
from api.errors import NotFound
from api.flows import find
from api.paging import Page, PagingDep
from api.resource import PathId, problems
from flows.definition import Flow
from flows.model import Id
from flows.outcome import Refusal
from flows.planning import Outline
from store.enrolments import EnrolmentJob, JobPerson, JobSource, RefusalRow
from store.flows import FlowRow
from store.people import SelectionMember

router = APIRouter(prefix="/flows", tags=["participants"])

JobId = Annotated[Id, Path()]


class JobPublic(BaseModel):
    """People who are enrolled in bulk, and how far it is. Someone refused is counted, and the rest go on."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    flow: str
    source: JobSource = Field(description="Whom it enrols.")
    selection: str = Field(description="The selection, or for joined_project the project; empty if there is none.")
    again: bool
    enrolled: int
    refused: int
    refusals: dict[str, int] = Field(description="By reason.")
    total: int | None = Field(description="How many there are to look at; null: it is not known before.")
    done: bool
    at: datetime


class RefusalPublic(BaseModel):
    """Someone who was proposed and not taken."""

    model_config = ConfigDict(from_attributes=True)

    person: str
    reason: Refusal
    why: str = Field(description="Who or what proposed: a list, a selection, a trigger…")
    event: str = Field(description="The event that did.")
    at: datetime


class ForecastPublic(BaseModel):
    """What a bulk enrolment would lead to now, after filter, once and exclusion (TRIG_7)."""

    enrolled: int = Field(description="How many would come in.")
    refused: dict[str, int] = Field(description="How many would not, by reason.")


@router.get(
    "/{flow}/enrolments",
    operation_id="list_enrolments",
    summary="List the bulk enrolments of a flow",
    responses=problems(404, 422),
)
async def list_jobs(engine: EngineDep, paging: PagingDep, flow: PathId) -> Page[JobPublic]:
    """The oldest first."""

    def look(session: Session) -> Page[JobPublic]:
        find(session, flow)
        query = select(EnrolmentJob).where(col(EnrolmentJob.flow) == flow, col(EnrolmentJob.id) > paging.after)
        rows = session.scalars(query.order_by(col(EnrolmentJob.id)).limit(paging.limit + 1)).all()
        return paging.page(rows, lambda row: job_of(session, row), lambda row: row.id)

    return await engine.db.read(look)


@router.get(
    "/{flow}/enrolments/{job}",
    operation_id="get_enrolment",
    summary="How far a bulk enrolment is",
    responses=problems(404, 422),
)
async def get_job(engine: EngineDep, flow: PathId, job: JobId) -> JobPublic:
    return await engine.db.read(lambda session: job_of(session, _find(session, flow, job)))


@router.get(
    "/{flow}/enrolments/{job}/refusals",
    operation_id="list_enrolment_refusals",
    summary="Who was not taken, and why",
    responses=problems(404, 422),
)
async def list_refusals_of_job(engine: EngineDep, paging: PagingDep, flow: PathId, job: JobId) -> Page[RefusalPublic]:
    def look(session: Session) -> Sequence[RefusalRow]:
        _find(session, flow, job)
        return _refusals(session, paging.after_number, paging.limit, col(RefusalRow.job) == job)

    rows = await engine.db.read(look)
    return paging.page(rows, RefusalPublic.model_validate, lambda row: str(row.number))


@router.get(
    "/{flow}/refusals",
    operation_id="list_refusals",
    summary="Who was refused in bulk, or because of a loop (TRIG_10)",
    responses=problems(404, 422),
)
async def list_refusals(
    engine: EngineDep, paging: PagingDep, flow: PathId, reason: Refusal | None = None
) -> Page[RefusalPublic]:
    def look(session: Session) -> Sequence[RefusalRow]:
        find(session, flow)
        wanted = [col(RefusalRow.flow) == flow, *([col(RefusalRow.reason) == reason] if reason else [])]
        return _refusals(session, paging.after_number, paging.limit, *wanted)

    rows = await engine.db.read(look)
    return paging.page(rows, RefusalPublic.model_validate, lambda row: str(row.number))


def _refusals(session: Session, after: int, limit: int, *wanted: Any) -> Sequence[RefusalRow]:
    query = select(RefusalRow).where(*wanted, col(RefusalRow.number) > after)
    return session.scalars(query.order_by(col(RefusalRow.number)).limit(limit + 1)).all()


def job_of(session: Session, row: EnrolmentJob) -> JobPublic:
    """How a bulk enrolment stands."""
    if row.source in (JobSource.SELECTION, JobSource.SCHEDULE):
        query = select(func.count()).where(col(SelectionMember.selection) == row.selection)
    else:
        query = select(func.count()).where(col(JobPerson.job) == row.id)
    total = None if row.source is JobSource.EXISTING else session.connection().scalar(query) or 0
    return JobPublic(**row.model_dump(), total=total)


async def forecast_existing(engine: Engine, flow: str, edited: Flow | None = None) -> ForecastPublic:
    """How many match the triggers of a flow, or of an edit of it, already, and what would become of them."""

    def look(session: Session) -> tuple[FlowRow, Outline]:
        row = find(session, flow)
        return row, engine.core.definitions.current(session, row) if edited is None else Outline(edited)

    row, outline = await engine.db.read(look)
    return shown(await engine.core.jobs.who_matches(engine.db, row, outline, engine.clock()))


def shown(forecast: Forecast) -> ForecastPublic:
    """A forecast, as it is answered."""
    refused = {reason.value: number for reason, number in sorted(forecast.refused.items())}
    return ForecastPublic(enrolled=forecast.enrolled, refused=refused)


def _find(session: Session, flow: str, job: str) -> EnrolmentJob:
    row = session.get(EnrolmentJob, job)
    if row is None or row.flow != flow:
        raise NotFound(f"The flow {flow} has no enrolment {job}.", "GET /v1/flows/{id}/enrolments lists them.")
    return row
