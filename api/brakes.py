"""The brakes for everything (LIFE_16)."""

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from activities.life import brakes
from activities.life.brakes import Brake, Brakes
from api.engine import Engine, EngineDep
from api.resource import problems
from flows.steps.base import Channel

router = APIRouter(tags=["brakes"])


class BrakesPublic(BaseModel):
    """How the brakes stand."""

    model_config = ConfigDict(from_attributes=True)

    paused: list[Brake] = Field(title="Paused", description="`all`: every flow. Else the channels that are paused.")
    changed_at: datetime | None = Field(title="Changed at", description="When that became so; null: never paused.")
    under_way: int = Field(title="Under way", description="Effects that have begun and are not settled yet.")


@router.get("/brakes", operation_id="get_brakes", summary="Whether everything, or a channel, is paused")
async def get(engine: EngineDep) -> BrakesPublic:
    return BrakesPublic.model_validate(await engine.db.read(brakes.brakes))


@router.post("/pause-all", operation_id="pause_all", summary="Pause all flows")
async def pause_all(engine: EngineDep) -> BrakesPublic:
    """Everyone stays where they are; new people queue. No effect begins after the answer."""
    return await _give(engine, brakes.pause, "all")


@router.post("/resume-all", operation_id="resume_all", summary="End the pause of all flows")
async def resume_all(engine: EngineDep) -> BrakesPublic:
    """Everyone goes on whom neither their flow's own pause nor another brake holds."""
    return await _give(engine, brakes.resume, "all")


@router.post(
    "/channels/{channel}/pause",
    operation_id="pause_channel",
    summary="Pause one channel in all flows",
    responses=problems(422),
)
async def pause_channel(engine: EngineDep, channel: Channel) -> BrakesPublic:
    """Whoever comes to a step that acts through it is held there. No such effect begins after the answer."""
    return await _give(engine, brakes.pause, channel)


@router.post(
    "/channels/{channel}/resume",
    operation_id="resume_channel",
    summary="End the pause of one channel",
    responses=problems(422),
)
async def resume_channel(engine: EngineDep, channel: Channel) -> BrakesPublic:
    """Whom it held goes on, where nothing else holds them."""
    return await _give(engine, brakes.resume, channel)


async def _give(engine: Engine, does: Callable[[Session, Brake, datetime], Brakes], brake: Brake) -> BrakesPublic:
    at = engine.clock()
    return BrakesPublic.model_validate(await engine.dispatcher.write(lambda session: does(session, brake, at)))
