"""The versions of a flow: every save is one, and none ever changes (EDIT_1)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlmodel import Session, col

from api.engine import EngineDep
from api.flows import etag, find, find_version
from api.paging import Page, PagingDep
from api.resource import PathId, problems
from store.flows import FlowVersion

router = APIRouter(prefix="/flows", tags=["flows"])

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


class VersionSummary(BaseModel):
    """One save of a flow."""

    model_config = ConfigDict(from_attributes=True)

    version: int
    author: str
    note: str
    at: datetime


class VersionPublic(VersionSummary):
    """One save, in full."""

    source: str = Field(description="As it was written.")
    definition: dict[str, Any] = Field(description="As it was understood.")


@router.get(
    "/{flow}/versions",
    operation_id="list_flow_versions",
    summary="List a flow's versions",
    responses=problems(404, 422),
)
async def list_versions(engine: EngineDep, paging: PagingDep, flow: PathId) -> Page[VersionSummary]:
    """The oldest first."""

    def look(session: Session) -> Sequence[FlowVersion]:
        find(session, flow)
        query = select(FlowVersion).where(col(FlowVersion.flow) == flow, col(FlowVersion.version) > paging.after_number)
        return session.scalars(query.order_by(col(FlowVersion.version)).limit(paging.limit + 1)).all()

    rows = await engine.db.read(look)
    return paging.page(rows, VersionSummary.model_validate, lambda row: str(row.version))


@router.get(
    "/{flow}/versions/{version}",
    operation_id="get_flow_version",
    summary="Read one version of a flow",
    responses=problems(404, 422),
)
async def get_version(engine: EngineDep, flow: PathId, version: Number) -> VersionPublic:
    def look(session: Session) -> FlowVersion:
        find(session, flow)
        return find_version(session, flow, version)

    return VersionPublic.model_validate(await engine.db.read(look))


@router.get(
    "/{flow}/source",
    operation_id="get_flow_source",
    summary="Read a flow's file as it was written",
    response_class=Response,
    responses={200: {"content": {"text/yaml": {"schema": {"type": "string"}}}}, **problems(404, 422)},
)
async def get_source(engine: EngineDep, flow: PathId) -> Response:
    def look(session: Session) -> FlowVersion:
        return find_version(session, flow, find(session, flow).version)

    row = await engine.db.read(look)
    return Response(row.source, media_type="text/yaml", headers={"ETag": etag(row.version)})
