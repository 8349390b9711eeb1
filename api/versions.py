"""The versions of a flow: every save is one, and none ever changes (EDIT_1)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlmodel import Session, col

from api.edits import DryRun, FlowChange, FlowEdited, IfMatch, edit, version_of
from api.engine import EngineDep
from api.flow_files import places
from api.flows import Author, Note, etag, find, find_version
from api.idempotency import IdempotencyDep
from api.paging import Page, PagingDep
from api.pending import refuse_pending
from api.resource import PathId, problems
from flows.changes import changes
from flows.definition import Flow
from flows.edits import Edit
from flows.planning import Outline
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


class VersionsCompared(BaseModel):
    """What is different in version `to`."""

    version: int
    to: int
    changes: list[FlowChange]


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
    "/{flow}/versions/{version}/compare",
    operation_id="compare_flow_versions",
    summary="Compare two versions of a flow",
    responses=problems(404, 422),
)
async def compare_versions(
    engine: EngineDep,
    flow: PathId,
    version: Number,
    to: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="With this version; default: the current.")] = None,
) -> VersionsCompared:
    """What is different in the other version, in words: settings, steps added, removed and moved."""

    def look(session: Session) -> VersionsCompared:
        row = find(session, flow)
        numbers = version, row.version if to is None else to
        before, after = (Outline(definition(find_version(session, flow, number))) for number in numbers)
        found = [FlowChange.model_validate(change) for change in changes(Edit(before, after))]
        return VersionsCompared(version=numbers[0], to=numbers[1], changes=found)

    return await engine.db.read(look)


@router.post(
    "/{flow}/versions/{version}/restore",
    operation_id="restore_flow_version",
    summary="Restore a version of a flow",
    response_model=FlowEdited,
    responses=problems(404, 409, 412, 422),
    dependencies=[Depends(refuse_pending)],
)
async def restore_version(
    engine: EngineDep,
    idempotency: IdempotencyDep,
    response: Response,
    flow: PathId,
    version: Number,
    author: Author = "",
    note: Note = "",
    dry_run: DryRun = False,
    if_match: IfMatch = None,
) -> Any:
    """Save an earlier version once more, as the newest: an edit like any other."""
    expected = version_of(if_match)

    def save(session: Session) -> Any:
        if dry_run:
            return restore(session).model_dump(mode="json")
        return idempotency.once(session, "", engine.clock(), lambda: restore(session), 200)

    def restore(session: Session) -> FlowEdited:
        find(session, flow)
        row = find_version(session, flow, version)
        return edit(
            engine,
            session,
            definition(row),
            row.source,
            places(row.source),
            author=author,
            note=note or f"version {version} restored",
            expected=expected,
            dry_run=dry_run,
        )

    edited = await engine.dispatcher.write(save)
    if not dry_run:
        response.headers["ETag"] = etag(edited["version"])
    return edited


def definition(row: FlowVersion) -> Flow:
    """A version as it was understood."""
    return Flow.model_validate(row.definition)


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
