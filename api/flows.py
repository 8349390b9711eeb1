"""Flows: saved as versions, read with their problems and statistics."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlmodel import Session, col

from activities import ledger
from activities.counting.statistics import statistics
from activities.crm.values import Line
from activities.definitions import UnknownFlow
from activities.editing import versions
from activities.journeys import pace
from activities.life import schedules
from activities.life.lifecycle import allowed
from activities.life.progress import MOST, kept_open, left_to_do
from api.engine import Engine, EngineDep
from api.errors import NotAllowed
from api.flow_files import REQUEST_BODY, places, read_flow
from api.idempotency import IdempotencyDep
from api.paging import EMPTY_IS_ANY, Page, PagingDep
from api.resource import PREFIX, PathId, problems
from flows import checks
from flows.definition import Flow
from flows.experiment import CONFIDENCE
from flows.source import Source
from store.flows import TAKES_PEOPLE, FlowRow, FlowStatus, FlowVersion
from workflows.contract import Command

router = APIRouter(prefix="/flows", tags=["flows"])


class FlowProblem(BaseModel):
    """Something wrong with a flow: an error keeps it from running, a warning does not."""

    model_config = ConfigDict(from_attributes=True)

    pointer: str = Field(title="Place", description="JSON pointer (RFC 6901) in the file.")
    line: int = Field(title="Line", description="From one; 0: it has no place of its own.")
    column: int = Field(title="Column")
    step: str | None = Field(title="Step", description="The step it belongs to.")
    what: str = Field(title="What is wrong")
    remedy: str = Field(title="What to do")
    severity: Literal["error", "warning"] = Field(title="Severity")


class FlowSaved(BaseModel):
    """A flow after it was saved."""

    id: str = Field(title="Id")
    name: str = Field(title="Name")
    status: FlowStatus = Field(title="Status")
    version: int = Field(title="Version", description="Of the file; +1 for every save.")
    commands: list[Command] = Field(title="Commands", description="Allowed now.")
    problems: list[FlowProblem] = Field(title="Problems", description="It can be saved with errors, not run.")


class StepCounts(BaseModel):
    """A step in numbers."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    kind: str | None = Field(description="Null: the step was removed, and somebody still stands there.")
    summary: str
    waiting: int = Field(description="Who stands there now.")
    passed: int = Field(description="Who has been through it.")


class SideCounts(BaseModel):
    """One side of a comparison."""

    model_config = ConfigDict(from_attributes=True)

    enrolled: int
    successes: int = Field(description="Met the success criterion since, inside the flow or after it.")
    rate: float | None = Field(description="Null: nobody was enrolled.")


class ComparisonPublic(BaseModel):
    """What a flow achieves beside its control group, over the same time since enrolment (TRIG_12)."""

    model_config = ConfigDict(from_attributes=True)

    treated: SideCounts
    control: SideCounts
    lift: float | None = Field(description="Rate of the treated less that of the control group; null: a side is empty.")
    interval: tuple[float, float] | None = Field(description="In which the lift lies with that confidence (Newcombe).")
    confidence: float = CONFIDENCE


class FlowStatistics(BaseModel):
    """A flow in numbers, over all its runs."""

    model_config = ConfigDict(from_attributes=True)

    enrolled: int
    active: int
    queued: int
    finished: int = Field(description="Without success.")
    finished_with_success: int
    success_rate: float | None = Field(description="Finished with success among the enrolled; null: nobody enrolled.")
    dropped_out: dict[str, int] = Field(description="By reason.")
    cancelled: int
    refused: dict[str, int] = Field(description="Proposals that were not taken, by reason.")
    comparison: ComparisonPublic | None = Field(description="Null: the flow never had a control group.")
    steps: list[StepCounts]


class FlowSummary(BaseModel):
    """A flow in a list."""

    id: str
    name: str
    status: FlowStatus
    paused_because: str = Field(description="Why it paused itself (LIFE_17); empty: it did not.")
    version: int
    commands: list[Command]
    created_at: datetime
    changed_at: datetime
    archived: bool = Field(description="Out of the default lists.")
    ancestor: str | None = Field(description="The flow whose new version this one is.")
    statistics: FlowStatistics


class Throttled(BaseModel):
    """Those who wait because of a throttle, in the order in which they came."""

    model_config = ConfigDict(from_attributes=True)

    waiting: int
    last_leaves_at: datetime | None


class KeptOpenPublic(BaseModel):
    """Who has not left a closed flow yet (LIFE_7)."""

    model_config = ConfigDict(from_attributes=True)

    inside: int
    held: int = Field(description="Goes on only when a hold ends: see /v1/attention.")
    without_limit: int = Field(description="Waits for an action that may never come.")


class FlowPublic(FlowSummary):
    """A flow."""

    description: str
    throttled: Throttled = Field(description="Who waits for a throttle.")
    problems: list[FlowProblem]
    under_way: int = Field(description="Effects that have begun and are not settled yet.")
    settling: bool = Field(description="A command's background work is not finished yet.")
    left_to_do: int = Field(description=f"Whom that work has still to release or cancel; {MOST}: so many or more.")
    kept_open: KeptOpenPublic | None = Field(description="Who keeps a closed flow from being finished; else null.")
    temporal: str | None = Field(description="Its workflow in the Temporal UI.")


Author = Annotated[Line, Query(description="Who saves it.")]
Note = Annotated[Line, Query(description="Why.")]


@router.post(
    "",
    operation_id="create_flow",
    summary="Save a flow as draft",
    status_code=201,
    response_model=FlowSaved,
    responses=problems(409, 413, 415, 422),
    openapi_extra=REQUEST_BODY,
)
async def create(
    engine: EngineDep, idempotency: IdempotencyDep, request: Request, author: Author = "", note: Note = ""
) -> Response:
    flow, text, source = await read_flow(request)
    at = engine.clock()

    def save(session: Session) -> Any:
        def make() -> FlowSaved:
            row = versions.create(session, flow, text, at, author=author, note=note)
            return saved(engine, session, row, flow, source)

        return idempotency.once(session, body, at, make)

    body = await request.body()
    made = await engine.dispatcher.write(save)
    return JSONResponse(made, 201, {"Location": f"{PREFIX}/flows/{made['id']}", "ETag": etag(made["version"])})


@router.get("", operation_id="list_flows", summary="List flows", responses=problems(422))
async def list_flows(
    engine: EngineDep,
    paging: PagingDep,
    archived: Annotated[bool, Query(description="Those in the archive instead.")] = False,
    status: Annotated[FlowStatus | None, EMPTY_IS_ANY, Query(description="Only those.")] = None,
) -> Page[FlowSummary]:
    """All but archived and deleted ones."""

    def look(session: Session) -> Page[FlowSummary]:
        query = select(FlowRow).where(col(FlowRow.archived) == archived, ~col(FlowRow.deleted))
        if status is not None:
            query = query.where(col(FlowRow.status) == status)
        query = query.where(col(FlowRow.id) > paging.after)
        rows = session.scalars(query.order_by(col(FlowRow.id)).limit(paging.limit + 1)).all()
        return paging.page(rows, lambda row: FlowSummary(**_summary(engine, session, row)), lambda row: row.id)

    return await engine.db.read(look)


@router.get("/{flow}", operation_id="get_flow", summary="Read a flow", responses=problems(404, 422))
async def get(engine: EngineDep, response: Response, flow: PathId) -> FlowPublic:
    """With the commands allowed now, what is wrong with it, and how many people are where."""

    def look(session: Session) -> FlowPublic:
        row = find(session, flow)
        outline = engine.core.definitions.current(session, row)
        open_by = kept_open(session, engine.core.definitions, row)
        return FlowPublic(
            **_summary(engine, session, row),
            description=outline.flow.description,
            throttled=Throttled.model_validate(pace.waiting(session, flow, engine.clock())),
            problems=problems_of(engine, session, row, outline.flow, places(_source(session, row))),
            under_way=ledger.under_way(session, flow),
            settling=row.applied_epoch < row.epoch,
            left_to_do=left_to_do(session, row),
            kept_open=KeptOpenPublic.model_validate(open_by) if open_by is not None else None,
            temporal=engine.workflow_page(f"flow/{flow}"),
        )

    found = await engine.db.read(look)
    response.headers["ETag"] = etag(found.version)
    return found


def find(session: Session, flow: str) -> FlowRow:
    """The flow's row. Raises UnknownFlow, also for a deleted one."""
    row = session.get(FlowRow, flow)
    if row is None or row.deleted:
        raise UnknownFlow(flow)
    return row


def taking_people(session: Session, flow: str) -> FlowRow:
    """The flow's row. Raises UnknownFlow, and NotAllowed if nobody can be enrolled now."""
    row = find(session, flow)
    if row.status not in TAKES_PEOPLE:
        raise NotAllowed(
            f"The flow {flow} is {row.status.value}: nobody can be enrolled.",
            "Run it first.",
            flow_status=row.status.value,
            allowed=allowed(row.status),
        )
    return row


def find_version(session: Session, flow: str, version: int) -> FlowVersion:
    """One version of a flow. Raises UnknownFlow."""
    row = session.get(FlowVersion, (flow, version))
    if row is None:
        raise UnknownFlow(f"{flow} version {version}")
    return row


def _source(session: Session, row: FlowRow) -> str:
    return find_version(session, row.id, row.version).source


def _summary(engine: Engine, session: Session, row: FlowRow) -> dict[str, Any]:
    outline = engine.core.definitions.current(session, row)
    counts = FlowStatistics.model_validate(statistics(session, row, outline))
    return {**row.model_dump(), "commands": allowed(row.status), "statistics": counts}


def saved(engine: Engine, session: Session, row: FlowRow, flow: Flow, source: Source) -> FlowSaved:
    """The answer to a save."""
    found = problems_of(engine, session, row, flow, source)
    return FlowSaved(**row.model_dump(), commands=allowed(row.status), problems=found)


def problems_of(engine: Engine, session: Session, row: FlowRow, flow: Flow, source: Source) -> list[FlowProblem]:
    """What is wrong with a version of a flow, and what it came too late for."""
    found = checks.problems(flow, engine.crm.catalog(session), source)
    late = [source.placed(problem) for problem in schedules.missed(flow, row.status, engine.clock())]
    return [FlowProblem.model_validate(problem) for problem in (*found, *late)]


def etag(version: int) -> str:
    """The ETag of a flow at this version."""
    return f'"{version}"'
