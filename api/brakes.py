"""The brakes for everything (LIFE_16), now and for later (LIFE_14)."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from sqlmodel import Session

from activities.life import brakes, scheduled_brakes
from activities.life.brakes import Brake, BrakeCommand
from api.engine import Engine, EngineDep
from api.errors import ProblemDetail, Unprocessable
from api.resource import problems
from api.scheduled import CommandIn, later
from flows.model import Id
from flows.moments import Moment
from flows.steps.base import Channel

router = APIRouter(tags=["brakes"])


class BrakeIn(CommandIn):
    """What may be said with a brake."""

    at: Moment | None = Field(
        default=None,
        title="At",
        description="When it takes effect, within half a minute; with an offset. Without it: now.",
        examples=["2026-12-01T08:00+01:00"],
    )


At = Annotated[str | None, Query(description="As `at` in the body.", examples=["2026-12-01T08:00+01:00"])]

_WORDS = {"mail": "email", "webhooks": "webhook"}
PathChannel = Annotated[Channel, BeforeValidator(lambda given: _WORDS.get(given.lower(), given.lower()))]
"""A channel, also by the word that LIFE_16 has for it: mail, SMS, CRM, webhooks."""


class ScheduledBrakePublic(BaseModel):
    """A pause of everything, or of a channel, or its end, that waits for its time."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    brake: Brake
    command: BrakeCommand
    at: datetime
    given_at: datetime


class BrakesPublic(BaseModel):
    """How the brakes stand."""

    model_config = ConfigDict(from_attributes=True)

    paused: list[Brake] = Field(title="Paused", description="`all`: every flow. Else the channels that are paused.")
    changed_at: datetime | None = Field(title="Changed at", description="When that became so; null: never paused.")
    under_way: int = Field(title="Under way", description="Effects that have begun and are not settled yet.")
    scheduled: list[ScheduledBrakePublic] = Field(title="Scheduled", description="What waits for its time, in order.")


@router.get("/brakes", operation_id="get_brakes", summary="Whether everything, or a channel, is paused, or will be")
async def get(engine: EngineDep) -> BrakesPublic:
    return await engine.db.read(_public)


@router.post("/pause-all", operation_id="pause_all", summary="Pause all flows", responses=problems(413, 415, 422))
async def pause_all(engine: EngineDep, body: BrakeIn | None = None, at: At = None) -> BrakesPublic:
    """Everyone stays where they are; new people queue. No effect begins after the answer."""
    return await _give(engine, "pause", "all", later(at, body))


@router.post(
    "/resume-all",
    operation_id="resume_all",
    summary="End the pause of all flows",
    responses=problems(413, 415, 422),
)
async def resume_all(engine: EngineDep, body: BrakeIn | None = None, at: At = None) -> BrakesPublic:
    """Everyone goes on whom neither their flow's own pause nor another brake holds."""
    return await _give(engine, "resume", "all", later(at, body))


@router.post(
    "/channels/{channel}/pause",
    operation_id="pause_channel",
    summary="Pause one channel in all flows",
    responses=problems(413, 415, 422),
)
async def pause_channel(
    engine: EngineDep, channel: PathChannel, body: BrakeIn | None = None, at: At = None
) -> BrakesPublic:
    """Whoever comes to a step that acts through it is held there. No such effect begins after the answer."""
    return await _give(engine, "pause", channel, later(at, body))


@router.post(
    "/channels/{channel}/resume",
    operation_id="resume_channel",
    summary="End the pause of one channel",
    responses=problems(413, 415, 422),
)
async def resume_channel(
    engine: EngineDep, channel: PathChannel, body: BrakeIn | None = None, at: At = None
) -> BrakesPublic:
    """Whom it held goes on, where nothing else holds them."""
    return await _give(engine, "resume", channel, later(at, body))


@router.delete(
    "/brakes/scheduled",
    operation_id="withdraw_all_scheduled_brakes",
    summary="Withdraw every pause and resume of all flows that waits",
    status_code=204,
)
async def withdraw_all(engine: EngineDep) -> None:
    await engine.dispatcher.write(scheduled_brakes.withdraw)


@router.delete(
    "/brakes/scheduled/{id}",
    operation_id="withdraw_scheduled_brake",
    summary="Withdraw a pause or resume of all flows that waits",
    status_code=204,
    responses=problems(404, 422),
)
async def withdraw(engine: EngineDep, id: Annotated[Id, Path()]) -> None:
    await engine.dispatcher.write(lambda session: scheduled_brakes.withdraw(session, id))


async def _give(engine: Engine, command: BrakeCommand, brake: Brake, at: datetime | None) -> BrakesPublic:
    now = engine.clock()
    if at is not None and at.tzinfo is None:
        what, remedy = (
            "at does not say in which time zone.",
            f"Add its offset: {at:%Y-%m-%dT%H:%M}+01:00, or Z for UTC.",
        )
        raise Unprocessable(what, remedy, problems=[ProblemDetail(pointer="/at", what=what, remedy=remedy)])

    def give(session: Session) -> BrakesPublic:
        if at is not None:
            scheduled_brakes.schedule(session, command, brake, at, now)
        else:
            brakes.GIVE[command](session, brake, now)
        return _public(session)

    return await engine.dispatcher.write(give)


def _public(session: Session) -> BrakesPublic:
    found, waiting = brakes.brakes(session), scheduled_brakes.waiting(session)
    return BrakesPublic(
        paused=list(found.paused),
        changed_at=found.changed_at,
        under_way=found.under_way,
        scheduled=[ScheduledBrakePublic.model_validate(each) for each in waiting],
    )
