"""Copies of flows, and the archive: what works from every status (LIFE)."""

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlmodel import Session

from activities.crm.models import Incoming
from activities.crm.values import Line
from activities.editing import copies
from activities.editing.copies import Copy
from api.engine import EngineDep
from api.flow_files import places
from api.flows import FlowSaved, etag, saved
from api.idempotency import IdempotencyDep
from api.resource import PREFIX, PathId, problems
from flows.model import Id
from store.flows import FlowStatus

router = APIRouter(prefix="/flows", tags=["flows"])

_SUMMARIES: dict[Copy, str] = {
    "duplicate": "Save a copy of a flow as draft",
    "new-version": "Save a flow's successor as draft: a copy that names its ancestor",
}


class CopyIn(Incoming):
    """What the copy is called."""

    id: Id | None = Field(default=None, title="Id", description="Without it a free one is made of the flow's own.")
    name: Annotated[Line, Field(title="Name", description="Without it the flow's own.")] | None = None
    author: Line = Field(default="", title="Author", description="Who makes it.")


class Archived(BaseModel):
    """Whether a flow is in the archive."""

    id: str
    status: FlowStatus
    archived: bool


def _add(how: Copy) -> None:
    @router.post(
        f"/{{flow}}/{how}",
        operation_id=f"{how.replace('-', '_')}_of_flow",
        summary=_SUMMARIES[how],
        description="Of the current version, as it was written. When the file says that it starts or closes by itself, "
        "that counts once the copy is saved again.",
        status_code=201,
        response_model=FlowSaved,
        responses=problems(404, 409, 413, 415, 422),
    )
    async def make(engine: EngineDep, idempotency: IdempotencyDep, flow: PathId, body: CopyIn | None = None) -> Any:
        given, at = body or CopyIn(), engine.clock()

        def work(session: Session) -> FlowSaved:
            definitions = engine.core.definitions
            row, text = copies.copy(
                session, definitions, flow, how, at, id=given.id, name=given.name, author=given.author
            )
            return saved(engine, session, row, definitions.current(session, row).flow, places(text))

        made = await engine.dispatcher.write(
            lambda session: idempotency.once(session, given.model_dump_json(), at, lambda: work(session))
        )
        return JSONResponse(made, 201, {"Location": f"{PREFIX}/flows/{made['id']}", "ETag": etag(made["version"])})


for each in _SUMMARIES:
    _add(each)


@router.post(
    "/{flow}/archive",
    operation_id="archive_flow",
    summary="Put a flow into the archive",
    description="Out of the default lists, while nobody is inside: whoever comes in brings it back. Its id, numbers "
    "and messages stay.",
    responses=problems(404, 409, 422),
)
async def archive(engine: EngineDep, flow: PathId) -> Archived:
    row = await engine.dispatcher.write(lambda session: copies.archive(session, flow))
    return Archived(id=flow, status=row.status, archived=row.archived)


@router.post(
    "/{flow}/unarchive",
    operation_id="unarchive_flow",
    summary="Take a flow out of the archive",
    responses=problems(404, 422),
)
async def unarchive(engine: EngineDep, flow: PathId) -> Archived:
    row = await engine.dispatcher.write(lambda session: copies.unarchive(session, flow))
    return Archived(id=flow, status=row.status, archived=row.archived)
