"""Commands that wait for their time (LIFE_14)."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from activities.crm.models import Incoming
from activities.life import schedules
from api.engine import Engine, EngineDep
from api.errors import ProblemDetail, Unprocessable
from api.flows import find
from api.resource import PathId, problems
from flows.model import Id
from flows.moments import Moment, read_moment
from workflows.contract import Command

router = APIRouter(prefix="/flows", tags=["flows"])


class CommandIn(Incoming):
    """What may be said with a command."""

    at: Moment | None = Field(
        default=None,
        title="At",
        description="When the command takes effect; without an offset in the flow's time zone. Without it: now.",
        examples=["2026-12-01 08:00"],
    )


At = Annotated[str | None, Query(description="As `at` in the body.", examples=["2026-12-01 08:00"])]


class ScheduledPublic(BaseModel):
    """A command that waits for its time."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    command: Command
    at: datetime
    given_at: datetime
    by_file: bool = Field(description="The flow's file says so: schedule.run_at, schedule.close_at.")
    enrol_existing: bool = Field(description="Who matches the triggers then is enrolled too (TRIG_7).")
    refused: str = Field(description="Its time has come, and the flow refused it for this reason; else empty.")


class ScheduledList(BaseModel):
    """What is scheduled, by its time."""

    items: list[ScheduledPublic]
    next_cursor: None = None


def later(at: str | None, body: CommandIn | None) -> datetime | None:
    """The moment for which a command is asked, in the query or in the body; None: now. Raises Unprocessable."""
    if at is None:
        return body.at if body is not None else None
    try:
        return read_moment(at)
    except ValueError as error:
        remedy = "Give a date and time."
        wrong = ProblemDetail(place="query", pointer="/at", what=str(error), remedy=remedy)
        raise Unprocessable("at is not a moment.", remedy, problems=[wrong]) from None


def schedule(
    engine: Engine, session: Session, flow: str, command: Command, at: datetime, *, enrol_existing: bool = False
) -> ScheduledPublic:
    """Keep the command for later."""
    made = schedules.schedule(
        session, engine.core.definitions, flow, command, at, engine.clock(), enrol_existing=enrol_existing
    )
    return ScheduledPublic.model_validate(made)


@router.get(
    "/{flow}/scheduled", operation_id="list_scheduled", summary="Commands that wait", responses=problems(404, 422)
)
async def list_scheduled(engine: EngineDep, flow: PathId) -> ScheduledList:
    """By their time; with those that were refused when it came, until they are withdrawn."""

    def look(session: Session) -> ScheduledList:
        find(session, flow)
        rows = schedules.scheduled(session, flow)
        return ScheduledList(items=[ScheduledPublic.model_validate(row) for row in rows])

    return await engine.db.read(look)


@router.delete(
    "/{flow}/scheduled",
    operation_id="withdraw_all_scheduled",
    summary="Withdraw every command that waits",
    status_code=204,
    responses=problems(404, 422),
)
async def withdraw_all(engine: EngineDep, flow: PathId) -> None:
    await engine.dispatcher.write(lambda session: schedules.withdraw(session, flow))


@router.delete(
    "/{flow}/scheduled/{id}",
    operation_id="withdraw_scheduled",
    summary="Withdraw a command that waits",
    status_code=204,
    responses=problems(404, 422),
)
async def withdraw(engine: EngineDep, flow: PathId, id: Annotated[Id, Path()]) -> None:
    await engine.dispatcher.write(lambda session: schedules.withdraw(session, flow, id))
