"""Taking over everything from the CRM behind ferd."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from activities.core import now
from activities.outside.superoffice import pulling
from api.engine import Engine, EngineDep
from api.errors import NotAllowed
from api.resource import problems

router = APIRouter(prefix="/pull", tags=["crm"])


class PulledPublic(BaseModel):
    """How far the pull of one kind of thing has come."""

    model_config = ConfigDict(from_attributes=True)

    kind: str = Field(title="Kind")
    taken: int = Field(title="Taken over")
    refused: int = Field(title="Could not be taken over")
    done: bool = Field(title="Done")
    why: str = Field(title="Why it does not get on, or which was the last to be refused")
    started_at: datetime = Field(title="Started at")


class PullPublic(BaseModel):
    """The pull, in the order in which kinds are taken over; nothing: it was never begun."""

    items: list[PulledPublic] = Field(title="Kinds")


@router.post("", operation_id="start_pull", summary="Take everything over from SuperOffice", status_code=202,
             responses=problems(409))  # fmt: skip
async def start(engine: EngineDep) -> PullPublic:
    """In the background, page by page. Begun again, it takes over what has changed since; people who are there no
    longer leave their flows. The first pull sets off no triggers."""
    if engine.superoffice is None:
        raise NotAllowed("There is nothing to pull from: the CRM is ferd's own, or a webhook.", "Set FERD_CRM.")
    await engine.dispatcher.write(lambda session: pulling.start(session, now()))
    return await _state(engine)


@router.get("", operation_id="get_pull", summary="How far the pull has come")
async def get(engine: EngineDep) -> PullPublic:
    return await _state(engine)


async def _state(engine: Engine) -> PullPublic:
    rows = await engine.db.read(pulling.state)
    return PullPublic(items=[PulledPublic.model_validate(row) for row in rows])
