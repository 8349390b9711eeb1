"""The attention list: what a person has to look at (SAFE_2, SAFE_3)."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from activities import attention
from activities.attention import Mark
from activities.crm.models import Incoming
from api.engine import EngineDep
from api.paging import Page, PagingDep
from api.participants import EffectPublic
from api.resource import problems
from flows.model import Id

router = APIRouter(prefix="/attention", tags=["attention"])


class AttentionPublic(BaseModel):
    """One thing to look at."""

    model_config = ConfigDict(from_attributes=True)

    kind: Literal["held", "unknown"] = Field(
        description="held: this participant goes on only when somebody acts. unknown: did the effect happen?"
    )
    flow: str
    participant: str
    person: str
    step: str
    reason: str = Field(description="failing, lost or unknown.")
    text: str
    since: datetime
    effect: str | None = Field(description="The effect's key, if its outcome is unknown.")
    possible: list[str] = Field(
        description="held: calls of /v1/participants/{id}. unknown: outcomes for POST /v1/attention."
    )


class Settled(Incoming):
    """What a person has found out about an effect."""

    effect: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}/[0-9]{1,9}$")] = Field(
        title="Effect", description="Its key."
    )
    outcome: Mark = Field(title="Outcome", description="Whether it happened.")


@router.get("", operation_id="list_attention", summary="What needs attention", responses=problems(422))
async def list_attention(
    engine: EngineDep,
    paging: PagingDep,
    flow: Annotated[Id | None, Query(description="Only of this flow.")] = None,
) -> Page[AttentionPublic]:
    """Effects of which nobody knows whether they happened, then participants that are held."""
    found = await engine.db.read(lambda session: attention.entries(session, paging.after, paging.limit + 1, flow))
    return paging.page(found, AttentionPublic.model_validate, lambda entry: entry.place)


@router.post(
    "",
    operation_id="settle_effect",
    summary="Say whether an unknown effect happened",
    responses=problems(404, 413, 415, 422),
)
async def settle(engine: EngineDep, body: Settled) -> EffectPublic:
    """It leaves the list; nothing is done again."""
    at = engine.clock()
    row = await engine.dispatcher.write(lambda session: attention.mark(session, body.effect, body.outcome, at))
    return EffectPublic.model_validate(row)
