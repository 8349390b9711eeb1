"""The attention list: what a person has to look at (SAFE_2, SAFE_3)."""

from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from activities.crm.models import Incoming
from activities.crm.values import wrong
from activities.desk import attention
from api.engine import EngineDep
from api.flows import find
from api.paging import EMPTY_IS_ANY, OnlyId, Page, PagingDep
from api.participants import EffectPublic
from api.resource import problems
from flows.model import ID, Id
from store.chores import Attend, EffectOperation, HeldOperation

Source = Annotated[str, Field(pattern=f"^(form|link) {ID[1:]}", examples=["form contact"])]

router = APIRouter(prefix="/attention", tags=["attention"])


class AttentionPublic(BaseModel):
    """One thing to look at."""

    model_config = ConfigDict(from_attributes=True)

    kind: Literal["held", "unknown", "failed"] = Field(
        description="held: this participant goes on only when somebody acts. unknown: did the effect happen? "
        "failed: what a form or link did by itself did not happen, and is not tried any more."
    )
    flow: str = Field(description="Empty for what a form or link did by itself.")
    participant: str = Field(description="Empty for what a form or link did by itself.")
    person: str
    step: str = Field(description="The step; or the form or link that did it by itself, as in `form contact`.")
    reason: str = Field(description="failing, lost, unknown or failed.")
    text: str = Field(description="Why, and what the other side said, if it said anything.")
    since: datetime
    effect: str | None = Field(description="The effect's key, if it is unknown or failed.")
    possible: list[str] = Field(
        description="held: calls of /v1/participants/{id}. unknown, failed: outcomes for POST /v1/attention."
    )


class Settled(Incoming):
    """What a person has found out about an effect."""

    effect: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}/[0-9]{1,9}$")] = Field(
        title="Effect", description="Its key."
    )
    outcome: EffectOperation = Field(
        title="Outcome", description="Whether it happened; or `again`, to have it done once more (SAFE_2)."
    )


class All(Incoming):
    """Which entries are meant."""

    flow: Id | None = Field(default=None, title="Flow", description="Those of this flow.")
    step: Id | None = Field(default=None, title="Step", description="Only those of this step.")
    source: Source | None = Field(
        default=None, title="Source", description="Instead of a flow: what this form or link did by itself."
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.flow is None) == (self.source is None) or (self.step is not None and self.flow is None):
            raise wrong("This says not exactly one of flow and source", "Give one of them; step goes with flow.")
        return self


class AttendedPublic(BaseModel):
    """What came of it so far."""

    model_config = ConfigDict(from_attributes=True)

    done: int
    refused: int = Field(description="Of those, it cannot be done as things stand; they stay in the list.")
    more: bool = Field(description="There are more, and they are done in the background.")


@router.get("", operation_id="list_attention", summary="What needs attention", responses=problems(422))
async def list_attention(
    engine: EngineDep,
    paging: PagingDep,
    flow: Annotated[OnlyId, Query(description="Only of this flow.")] = None,
    step: Annotated[OnlyId, Query(description="Only of this step.")] = None,
    source: Annotated[
        Source | None, EMPTY_IS_ANY, Query(description="Only what this form or link did by itself.")
    ] = None,
) -> Page[AttentionPublic]:
    """Effects of which a person has to say whether they happened, then participants that are held."""
    found = await engine.db.read(
        lambda session: attention.entries(session, paging.after, paging.limit + 1, flow, source or step)
    )
    return paging.page(found, AttentionPublic.model_validate, lambda entry: entry.place)


@router.post(
    "",
    operation_id="settle_effect",
    summary="Say whether an effect happened",
    responses=problems(404, 409, 413, 415, 422),
)
async def settle(engine: EngineDep, body: Settled) -> EffectPublic:
    """It leaves the list. `again` answers the entry of the repetition: for a message the next visit's."""
    at, desk = engine.clock(), engine.core.attention
    row = await engine.dispatcher.write(lambda session: desk.settle(session, body.effect, body.outcome, at))
    return EffectPublic.model_validate(row)


@router.post(
    "/{operation}",
    operation_id="attend_all",
    summary="Do the same about all entries of a flow, step, form or link",
    description="retry, skip and remove are for what is held; done, not_done and again for effects.",
    status_code=202,
    responses=problems(404, 413, 415, 422),
)
async def attend_all(engine: EngineDep, operation: HeldOperation | EffectOperation, body: All) -> AttendedPublic:
    """The first hundred at once, the rest in the background."""
    flow = body.flow
    if flow is not None:
        await engine.db.read(lambda session: find(session, flow))
    what = Attend(operation=operation, flow=flow or "", step=body.source or body.step)
    return AttendedPublic.model_validate(await engine.core.chores.attend(what))
