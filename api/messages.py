"""What flows have sent."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlmodel import Session, col

from activities.mail.compose import bodies
from activities.mail.links import Tracker
from api.engine import Engine, EngineDep
from api.paging import OnlyId, Page, PagingDep
from api.resource import problems
from store.journeys import EffectStatus, MessageRow
from store.library import LinkRow

router = APIRouter(prefix="/messages", tags=["messages"])


class MessagePublic(BaseModel):
    """One message, as it left or is about to leave."""

    model_config = ConfigDict(from_attributes=True, serialize_by_alias=True)

    id: str
    channel: str
    person: str
    participant: str
    flow: str
    step: str
    content: str = Field(description="The prepared e-mail that it was made from.")
    to: str
    sender: str = Field(serialization_alias="from")
    subject: str
    text: str = Field(description="As it leaves: links tracked; made from the HTML where the content gives none.")
    html: str = Field(description="As it leaves: links and opening tracked, styles put on the elements.")
    headers: dict[str, str]
    segments: int = Field(description="Of an SMS: in how many it was sent.")
    state: EffectStatus = Field(description="planned: on its way. unknown: nobody knows whether it left (SAFE_2).")
    delivery: str | None = Field(description="What was heard of it later: delivered, undelivered, bounced, complained.")
    notice: bool = Field(description="Whether it went to one of us, about the person.")
    at: datetime
    opened_at: datetime | None
    clicked: list[str] = Field(description="Links; an address where the link is not registered.")


@router.get("", operation_id="list_messages", summary="List messages", responses=problems(422))
async def list_messages(
    engine: EngineDep,
    paging: PagingDep,
    person: Annotated[OnlyId, Query(description="Only to this person.")] = None,
    flow: Annotated[OnlyId, Query(description="Only from this flow.")] = None,
    participant: Annotated[OnlyId, Query(description="Only in this participation.")] = None,
) -> Page[MessagePublic]:
    """In the order in which they were made."""
    query = select(MessageRow).where(col(MessageRow.id) > paging.after)
    for column, wanted in (
        (col(MessageRow.person), person),
        (col(MessageRow.flow), flow),
        (col(MessageRow.participant), participant),
    ):
        if wanted is not None:
            query = query.where(column == wanted)

    def look(session: Session) -> list[MessagePublic]:
        rows = list(session.scalars(query.order_by(col(MessageRow.id)).limit(paging.limit + 1)))
        ids = {link for row in rows for link in row.links}
        links = select(col(LinkRow.url), col(LinkRow.id)).where(col(LinkRow.id).in_(ids)).order_by(col(LinkRow.id))
        known = {url: id for url, id in session.execute(links)}
        return [_public(row, known, engine) for row in rows]  # some work: not on the event loop

    return paging.page(await engine.db.read(look), lambda message: message, lambda message: message.id)


def _public(row: MessageRow, links: Mapping[str, str], engine: Engine) -> MessagePublic:
    message = MessagePublic.model_validate(row)
    if row.channel != "email":
        return message
    own = {url: id for url, id in links.items() if id in row.links}
    tracker = Tracker(engine.public_url.rstrip("/"), engine.tokens, row.id, own, row.campaign, row.person, row.flow)
    text, html = bodies(row.text, row.html, tracker, tracked=not row.notice)
    return message.model_copy(update={"text": text, "html": html})
