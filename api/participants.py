"""Participants: who is where in which flow, since when and until when (PART_6), and what can be done about one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Select, and_, or_, select
from sqlmodel import Session, col

from activities.desk.participants import Participants, holds_of, possible, reason_of, status_of
from activities.journeys.standing import Standing, UnknownParticipant
from activities.journeys.untils import untils
from api.engine import Engine, EngineDep
from api.flows import find
from api.paging import EMPTY_IS_ANY, OnlyId, Page, Paging, PagingDep
from api.resource import PathId, problems
from flows.experiment import Arm
from flows.outcome import Reason, Status
from store.flows import FlowRow
from store.journeys import EffectRow, EffectStatus, JournalRow, ParticipantRow
from workflows.contract import journey_id

in_flow = APIRouter(prefix="/flows", tags=["participants"])
router = APIRouter(prefix="/participants", tags=["participants"])

_INSIDE = (Status.QUEUED, Status.ACTIVE)

Operation = Literal["pause", "resume", "cancel", "retry", "skip"]
_SUMMARIES: dict[Operation, str] = {
    "pause": "Hold a participant where it stands",
    "resume": "End the hold of a pause",
    "cancel": "Take a participant out of the flow",
    "retry": "Try a failing step again, or start a lost journey again",
    "skip": "Leave a failing step undone and go on",
}


class ParticipantPublic(BaseModel):
    """One person's participation in one flow."""

    id: str
    flow: str
    version: int = Field(description="Of the flow, as last planned with.")
    person: str
    status: Status
    reason: Reason | None = Field(description="Why it ended; null while inside.")
    step: str = Field(description="Where it stands, or stood at the end.")
    since: datetime = Field(description="When it came to the step.")
    until: datetime | None = Field(
        description="When it goes on at the latest; null: now, or without limit. While its wait stands "
        "still (LIFE_12): as if the pause ended now."
    )
    left: float | None = Field(description="Seconds until then; while its wait stands still they do not run down.")
    awaits: list[str] = Field(description="Events that may end its wait before that.")
    held: list[str] = Field(description="Why it may not move on now: paused, failing, lost, flow paused.")
    holding: bool = Field(description="Due, and kept from going on by that; else it may be held and its wait run on.")
    enrolled_at: datetime
    ended_at: datetime | None
    success_at: datetime | None = Field(description="When the success criterion was met.")
    success_before: bool = Field(description="It was met before they came in (STEP_18).")
    key: str = Field(description="Which of the things it is about, where the flow is entered once for each (TRIG_13).")
    arm: Arm | None = Field(description="The side of a comparison; control: nothing is done to it (TRIG_12).")


class JournalEntry(BaseModel):
    """What was done, and why."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    step: str
    kind: str
    event: str
    text: str
    data: dict[str, Any]


class EffectPublic(BaseModel):
    """One side effect in the world, and what is known of it (SAFE_1)."""

    model_config = ConfigDict(from_attributes=True)

    key: str
    step: str
    kind: str
    channel: str
    status: EffectStatus
    tries: int
    planned_at: datetime
    settled_at: datetime | None
    error: str = Field(description="What the other side said.")


class ParticipantInFull(ParticipantPublic):
    """With all that happened."""

    possible: list[str] = Field(description="What can be done about it now.")
    passed: list[str] = Field(description="Steps that it has been through, in this order; none is done again (EDIT_3).")
    kept: dict[str, Any] = Field(description="What webhooks have answered: `participant.…` in conditions (STEP_22).")
    journal: list[JournalEntry]
    effects: list[EffectPublic]
    workflow: str = Field(description="The journey's workflow id.")
    temporal: str | None = Field(description="The journey in the Temporal UI.")


@in_flow.get(
    "/{flow}/participants",
    operation_id="list_flow_participants",
    summary="Who is where in a flow",
    responses=problems(404, 422),
)
async def list_in_flow(
    engine: EngineDep,
    paging: PagingDep,
    flow: PathId,
    status: Annotated[Status | None, EMPTY_IS_ANY, Query(description="Only those.")] = None,
    step: Annotated[OnlyId, Query(description="Only those who stand, or stood last, at this step.")] = None,
) -> Page[ParticipantPublic]:
    """In the order in which they came."""
    query = _query().where(col(ParticipantRow.flow) == flow)
    if status is not None:
        query = query.where(_has(status))
    if step is not None:
        query = query.where(col(ParticipantRow.step) == step)

    def look(session: Session) -> Page[ParticipantPublic]:
        find(session, flow)
        return _page(engine, session, paging, query)

    return await engine.db.read(look)


@router.get("", operation_id="list_participants", summary="List participations", responses=problems(422))
async def list_all(
    engine: EngineDep,
    paging: PagingDep,
    person: Annotated[OnlyId, Query(description="Only this person's.")] = None,
    flow: Annotated[OnlyId, Query(description="Only in this flow.")] = None,
) -> Page[ParticipantPublic]:
    """Over all flows, in the order in which they began."""
    query = _query()
    if person is not None:
        query = query.where(col(ParticipantRow.person) == person)
    if flow is not None:
        query = query.where(col(ParticipantRow.flow) == flow)
    return await engine.db.read(lambda session: _page(engine, session, paging, query))


@router.get(
    "/{participant}", operation_id="get_participant", summary="Read a participation", responses=problems(404, 422)
)
async def get(engine: EngineDep, participant: PathId) -> ParticipantInFull:
    return await engine.db.read(lambda session: _in_full(engine, session, participant))


@router.delete(
    "/{participant}",
    operation_id="remove_participant",
    summary="Remove a participation with all record of it",
    description="It then counts as never enrolled (PART_4). What was sent is not called back.",
    status_code=204,
    responses=problems(404, 422),
)
async def remove(engine: EngineDep, participant: PathId) -> None:
    at = engine.clock()
    await engine.dispatcher.write(lambda session: Participants(engine.core.rules).remove(session, participant, at))


def _add(operation: Operation) -> None:
    @router.post(
        f"/{{participant}}/{operation}",
        operation_id=f"{operation}_participant",
        summary=_SUMMARIES[operation],
        responses=problems(404, 409, 422),
    )
    async def operate(engine: EngineDep, participant: PathId) -> ParticipantPublic:
        at, does = engine.clock(), getattr(Participants(engine.core.rules), operation)

        def work(session: Session) -> ParticipantPublic:
            here: Standing = does(session, participant, at)
            return _read(engine, session, [(here.row, here.flow)])[participant]

        return await engine.dispatcher.write(work)


for each in _SUMMARIES:
    _add(each)


def _query() -> Select[ParticipantRow, FlowRow]:
    return select(ParticipantRow, FlowRow).join(FlowRow, col(FlowRow.id) == col(ParticipantRow.flow))


def _has(status: Status) -> Any:
    """Has this status, as everybody reads it: who belongs to an older generation is cancelled (LIFE_15)."""
    stored = col(ParticipantRow.status) == status
    if status.inside:
        return and_(stored, col(ParticipantRow.generation) == col(FlowRow.generation))
    if status is Status.CANCELLED:
        older = col(ParticipantRow.generation) < col(FlowRow.generation)
        return or_(stored, and_(older, col(ParticipantRow.status).in_(_INSIDE)))
    return stored


def _page(
    engine: Engine, session: Session, paging: Paging, query: Select[ParticipantRow, FlowRow]
) -> Page[ParticipantPublic]:
    number = col(ParticipantRow.number)
    rows = session.execute(query.where(number > paging.after_number).order_by(number).limit(paging.limit + 1)).all()
    read = _read(engine, session, [(row, flow) for row, flow in rows])
    return paging.page(rows, lambda found: read[found[0].id], lambda found: str(found[0].number))


def _read(
    engine: Engine, session: Session, found: Sequence[tuple[ParticipantRow, FlowRow]]
) -> dict[str, ParticipantPublic]:
    """Participants by their ids."""
    at = engine.clock()
    ends = untils(session, engine.core.definitions, found, at)
    return {row.id: _public(row, flow, ends[row.id], at) for row, flow in found}


def _public(row: ParticipantRow, flow: FlowRow, until: datetime | None, at: datetime) -> ParticipantPublic:
    return ParticipantPublic(
        **row.model_dump(exclude={"status", "reason", "until", "held"}),
        status=status_of(row, flow),
        reason=reason_of(row, flow),
        until=until,
        left=max((until - at).total_seconds(), 0.0) if until is not None else None,
        held=holds_of(row, flow),
    )


def _in_full(engine: Engine, session: Session, participant: str) -> ParticipantInFull:
    found = session.execute(_query().where(col(ParticipantRow.id) == participant)).one_or_none()
    if found is None:
        raise UnknownParticipant(participant)
    row, flow = found
    journal = session.scalars(
        select(JournalRow).where(col(JournalRow.participant) == participant).order_by(col(JournalRow.number))
    )
    effects = session.scalars(
        select(EffectRow)
        .where(col(EffectRow.participant) == participant)
        .order_by(col(EffectRow.planned_at), col(EffectRow.key))
    )
    workflow = journey_id(row.flow, row.id)
    return ParticipantInFull(
        **_read(engine, session, [(row, flow)])[participant].model_dump(),
        possible=possible(row, flow),
        passed=row.passed,
        kept=row.kept,
        journal=[JournalEntry.model_validate(line) for line in journal],
        effects=[EffectPublic.model_validate(effect) for effect in effects],
        workflow=workflow,
        temporal=engine.workflow_page(workflow),
    )
