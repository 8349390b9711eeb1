"""Scripts, and what became of their runs."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlmodel import Session, col

from activities.scripts.scripts import SCRIPTS, ScriptIn
from api.paging import Page, PagingDep
from api.resource import Kept, PathId, problems, resource
from api.services import ServicesDep
from flows.model import Id
from store.outside import RunStatus, ScriptRun


class ScriptPublic(Kept):
    """A script."""

    name: str
    executable: str | None
    entry_point: str | None
    seconds: float
    cpu_seconds: int
    memory_mb: int
    on_lost: Literal["report", "rerun"]


class RunPublic(BaseModel):
    """One run of a script, and what came of it."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    script: str
    flow: str
    step: str
    participant: str
    person: str
    status: RunStatus = Field(description="unknown: it was lost with its worker, nobody knows how far it came.")
    tries: int
    asked_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    why: str = Field(description="How it ended, in words.")
    result: Any = Field(description="What it printed; JSON where it can be read so.")
    log: str = Field(description="The end of what it wrote to standard error.")


router = resource("/scripts", "script", "scripts", lambda _: SCRIPTS, ScriptIn, ScriptPublic)


@router.get("/{id}/runs", operation_id="list_script_runs", summary="List runs of a script", responses=problems(422))
async def runs(
    services: ServicesDep,
    paging: PagingDep,
    id: PathId,
    status: Annotated[RunStatus | None, Query(description="Only those that stand so.")] = None,
    participant: Annotated[Id | None, Query(description="Only for this participant.")] = None,
) -> Page[RunPublic]:
    """In the order in which they were asked for."""
    query = select(ScriptRun).where(col(ScriptRun.script) == id, col(ScriptRun.id) > paging.after)
    if status is not None:
        query = query.where(col(ScriptRun.status) == status)
    if participant is not None:
        query = query.where(col(ScriptRun.participant) == participant)

    def look(session: Session) -> list[ScriptRun]:
        return list(session.scalars(query.order_by(col(ScriptRun.id)).limit(paging.limit + 1)))

    return paging.page(await services.db.read(look), RunPublic.model_validate, lambda row: row.id)
