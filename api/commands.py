"""A flow's life: one call for each command of the table (LIFE)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from sqlmodel import Session

from activities import ledger
from activities.life import commands
from activities.life.commands import Commanded, NotRunnable
from activities.life.lifecycle import COMMANDS, MEANING, allowed
from api.engine import Engine, EngineDep
from api.enrolment_jobs import ForecastPublic, JobPublic, forecast_existing, job_of
from api.flow_files import places
from api.flows import find
from api.pending import refuse_pending
from api.resource import PathId, problems
from api.scheduled import At, CommandIn, ScheduledPublic, later, schedule
from store.flows import FlowRow, FlowStatus, FlowVersion
from workflows.contract import Command


class RunIn(CommandIn):
    """How a flow is run."""

    enrol_existing: bool = Field(
        default=False,
        title="Enrol existing",
        description="Also enrol who matches the triggers already: members, and those whose event is stored (TRIG_7).",
    )


class CommandAnswer(BaseModel):
    """A command has taken effect, or, after a dry run, would; or it is `scheduled`, and this is how things are now."""

    id: str
    status: FlowStatus = Field(title="Status")
    under_way: int = Field(title="Under way", description="Effects that have begun and are not settled yet.")
    commands: list[Command] = Field(title="Commands", description="Allowed now.")
    scheduled: ScheduledPublic | None = Field(default=None, title="Scheduled", description="If it was given for later.")
    enrolment: JobPublic | None = Field(default=None, description="The bulk enrolment that has begun (TRIG_7).")
    existing: ForecastPublic | None = Field(
        default=None, description="Dry run: what enrol_existing would lead to; null: the command changes nothing."
    )


router = APIRouter(prefix="/flows", tags=["flows"], dependencies=[Depends(refuse_pending)])


def _give(engine: Engine, session: Session, flow: str, command: Command) -> Commanded:
    with _placed(session, flow):
        catalog = engine.crm.catalog(session)
        return commands.command(session, engine.core.definitions, catalog, flow, command, engine.clock())


@contextmanager
def _placed(session: Session, flow: str) -> Iterator[None]:
    """What keeps a flow from running is told with its place in the file."""
    try:
        yield
    except NotRunnable as error:
        row = session.get_one(FlowVersion, (flow, session.get_one(FlowRow, flow).version))
        source = places(row.source)
        raise NotRunnable(flow, [source.placed(problem) for problem in error.problems]) from None


def _schedule(
    engine: Engine, session: Session, flow: str, command: Command, at: datetime, *, enrol_existing: bool = False
) -> CommandAnswer:
    made = schedule(engine, session, flow, command, at, enrol_existing=enrol_existing)
    row = find(session, flow)
    now = allowed(row.status)
    under_way = ledger.under_way(session, flow)
    return CommandAnswer(id=flow, status=row.status, under_way=under_way, commands=now, scheduled=made)


def _add(command: Command) -> None:
    @router.post(
        f"/{{flow}}/{command}",
        operation_id=f"{command}_flow",
        summary=f"{command.capitalize()} a flow",
        description=MEANING[command],
        response_model_exclude_none=True,
        responses=problems(404, 409, 413, 415, 422),
    )
    async def give(engine: EngineDep, flow: PathId, body: CommandIn | None = None, at: At = None) -> CommandAnswer:
        moment = later(at, body)
        if moment is not None:
            return await engine.dispatcher.write(lambda session: _schedule(engine, session, flow, command, moment))
        done = await engine.dispatcher.write(lambda session: _give(engine, session, flow, command))
        return CommandAnswer(id=flow, status=done.status, under_way=done.under_way, commands=allowed(done.status))


for each in COMMANDS:
    if each != "run":
        _add(each)


@router.post(
    "/{flow}/run",
    operation_id="run_flow",
    summary="Run a flow",
    description=MEANING["run"],
    response_model_exclude_none=True,
    responses=problems(404, 409, 413, 415, 422),
)
async def run(
    engine: EngineDep,
    flow: PathId,
    body: RunIn | None = None,
    at: At = None,
    enrol_existing: Annotated[bool, Query(description="Also enrol who matches the triggers already (TRIG_7).")] = False,
    dry_run: Annotated[bool, Query(description="Change nothing; answer how many enrol_existing would enrol.")] = False,
) -> CommandAnswer:
    if dry_run:
        return await _rehearse(engine, flow)
    existing = enrol_existing or (body is not None and body.enrol_existing)
    moment = later(at, body)
    if moment is not None:
        return await engine.dispatcher.write(
            lambda session: _schedule(engine, session, flow, "run", moment, enrol_existing=existing)
        )
    return await engine.dispatcher.write(lambda session: _run(engine, session, flow, existing))


def _run(engine: Engine, session: Session, flow: str, existing: bool) -> CommandAnswer:
    job = None
    if existing:
        with _placed(session, flow):
            catalog, core = engine.crm.catalog(session), engine.core
            done, job = commands.run_with_existing(session, core.definitions, catalog, core.jobs, flow, engine.clock())
    else:
        done = _give(engine, session, flow, "run")
    answer = CommandAnswer(id=flow, status=done.status, under_way=done.under_way, commands=allowed(done.status))
    answer.enrolment = job_of(session, job) if job is not None else None
    return answer


class _Rehearsed(Exception):
    """What a command would have led to; it undoes the transaction."""

    def __init__(self, answer: CommandAnswer, before: FlowStatus) -> None:
        super().__init__()
        self.answer, self.before = answer, before


async def _rehearse(engine: Engine, flow: str) -> CommandAnswer:
    def run_and_undo(session: Session) -> None:
        before = find(session, flow).status
        raise _Rehearsed(_run(engine, session, flow, existing=False), before)

    try:
        await engine.db.write(run_and_undo)
    except _Rehearsed as would:
        if would.answer.status is not would.before:
            would.answer.existing = await forecast_existing(engine, flow)
        return would.answer
    raise AssertionError("unreachable")


@router.delete(
    "/{flow}",
    operation_id="delete_flow",
    summary="Delete a flow",
    description="Whoever is inside is cancelled; what was sent stays in the record, and the id is never used again.",
    status_code=204,
    responses=problems(404, 409, 422),
)
async def delete(engine: EngineDep, flow: PathId) -> None:
    at = engine.clock()
    await engine.dispatcher.write(lambda session: commands.delete(session, flow, at))
