"""Edits of a flow that may have people in it: what each does to whom, told before it is done (EDIT_2 to EDIT_7)."""

import re
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from activities.editing import versions
from activities.editing.effects import Change
from activities.life.lifecycle import allowed
from api.engine import Engine, EngineDep
from api.enrolment_jobs import ForecastPublic, forecast_existing
from api.errors import PreconditionFailed, ProblemDetail, Unprocessable
from api.flow_files import REQUEST_BODY, read_flow
from api.flows import Author, FlowSaved, Note, etag, find, problems_of, taking_people
from api.pending import refuse_pending
from api.resource import PathId, problems
from flows.changes import changes
from flows.definition import Flow
from flows.source import Source
from store.enrolments import JobSource
from store.flows import TAKES_PEOPLE

router = APIRouter(prefix="/flows", tags=["flows"])

IfMatch = Annotated[str | None, Header(description="The ETag of the version that was edited.")]
DryRun = Annotated[bool, Query(description="Only say what the edit would do; nothing is saved.")]


class Span(BaseModel):
    """From the earliest to the latest."""

    model_config = ConfigDict(from_attributes=True)

    earliest: datetime
    latest: datetime


class StepEffect(BaseModel):
    """What the edit does to those who stand at a step: unaffected, replanned, moved on and refused are all of them."""

    model_config = ConfigDict(from_attributes=True)

    step: str
    kind: str
    summary: str
    change: Change = Field(description="What happens to the step; one whose kind changes is removed and added.")
    standing: int = Field(description="Who stands there now; where the guard refuses, also who is on its branches.")
    unaffected: int = Field(description="They go on as planned.")
    replanned: int = Field(description="They stay, and go on at another time.")
    moved_on: int = Field(description="They go on to another step at once; with a planned time, then.")
    refused: int = Field(description="The edit is not possible while they are there (settings.guard_occupied_steps).")
    before: Span | None = Field(description="When they were to go on.")
    after: Span | None = Field(description="When they go on now; null: without limit, or each by what they do.")
    on_to: str | None = Field(description="Where those go on who are moved on; null: to the end of the flow.")
    why: str = Field(description="Why it is refused.")


class FlowChange(BaseModel):
    """One difference between two versions."""

    model_config = ConfigDict(from_attributes=True)

    step: str | None = Field(description="Null: of the flow as a whole.")
    what: Literal["added", "removed", "moved", "edited"]
    text: str = Field(description="In words.", examples=["wait breathe: for 3 days → 5 days"])


class FlowEdited(FlowSaved):
    """A flow after an edit; after a dry run as it would be."""

    dry_run: bool = Field(description="Nothing was saved.")
    possible: bool = Field(description="False: people stand where the edit would remove or move something.")
    changes: list[FlowChange] = Field(description="What is different from the version before.")
    steps: list[StepEffect] = Field(description="For each step, what the edit does to whom.")
    existing: ForecastPublic | None = Field(
        default=None,
        description="Dry run with other triggers, or enrol_existing: whom the triggers already hold for (TRIG_7).",
    )


@router.put(
    "/{flow}",
    operation_id="put_flow",
    summary="Save a new version of a flow",
    responses=problems(404, 409, 412, 413, 415, 422),
    openapi_extra=REQUEST_BODY,
    dependencies=[Depends(refuse_pending)],
)
async def put(
    engine: EngineDep,
    request: Request,
    response: Response,
    flow: PathId,
    author: Author = "",
    note: Note = "",
    dry_run: DryRun = False,
    enrol_existing: Annotated[
        bool, Query(description="Also enrol who matches the triggers already; the flow has to take people (TRIG_7).")
    ] = False,
    if_match: IfMatch = None,
) -> FlowEdited:
    """Answers for each step what the edit does to those who stand there; `dry_run` answers the same beforehand."""
    expected = version_of(if_match)
    given, text, source = await read_flow(request)
    if given.id != flow:
        remedy = f"Write id: {flow}, or send it to /v1/flows/{given.id}."
        wrong = ProblemDetail(pointer="/id", what=f"The file is of the flow {given.id}, not {flow}.", remedy=remedy)
        raise Unprocessable("The id of a flow never changes.", remedy, problems=[wrong])

    def save(session: Session) -> FlowEdited:
        if enrol_existing:
            taking_people(session, flow)
        edited = edit(
            engine, session, given, text, source, author=author, note=note, expected=expected, dry_run=dry_run
        )
        if enrol_existing and not dry_run:
            engine.core.jobs.begin(session, taking_people(session, flow), JobSource.EXISTING, engine.clock())
        return edited

    others = dry_run and await engine.db.read(lambda session: _other_triggers(engine, session, given))
    edited = await engine.dispatcher.write(save)
    if not dry_run:
        response.headers["ETag"] = etag(edited.version)
    elif enrol_existing or others:
        edited.existing = await forecast_existing(engine, flow, given)
    return edited


def _other_triggers(engine: Engine, session: Session, edited: Flow) -> bool:
    """Whether a flow that takes people gets other triggers by the edit."""
    row = find(session, edited.id)
    current = engine.core.definitions.current(session, row).flow
    return row.status in TAKES_PEOPLE and current.enrolment.triggers != edited.enrolment.triggers


def edit(
    engine: Engine,
    session: Session,
    flow: Flow,
    text: str,
    source: Source,
    *,
    author: str,
    note: str,
    expected: int | None,
    dry_run: bool,
) -> FlowEdited:
    """Save a version, or say what saving it would do."""
    edited = versions.replace(
        session,
        engine.core.definitions,
        engine.crm.catalog(session),
        flow,
        text,
        engine.clock(),
        author=author,
        note=note,
        expected=expected,
        dry_run=dry_run,
    )
    row = edited.flow
    return FlowEdited(
        id=row.id,
        name=flow.name or row.id,
        status=row.status,
        version=edited.version,
        commands=allowed(row.status),
        problems=problems_of(engine, session, row, flow, source),
        dry_run=dry_run,
        possible=not any(effect.refused for effect in edited.effects),
        changes=[FlowChange.model_validate(change) for change in changes(edited.edit)],
        steps=[StepEffect.model_validate(effect) for effect in edited.effects],
    )


def version_of(if_match: str | None) -> int | None:
    """The version that an If-Match header names; None if any will do. Raises PreconditionFailed."""
    if if_match is None or if_match.strip() == "*":
        return None
    match = re.fullmatch(r'"?(\d{1,9})"?', if_match.strip())
    if match is None:
        raise PreconditionFailed(
            "If-Match is not an ETag of a flow.", 'Send the ETag as it came, as in If-Match: "3", or leave it out.'
        )
    return int(match[1])
