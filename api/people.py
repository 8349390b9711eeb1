"""People: the embedded CRM's first noun."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from sqlalchemy import select
from sqlmodel import Session, col

from activities.crm.embedded import EmbeddedCrm
from activities.crm.models import Consent, Incoming, PersonIn
from activities.crm.people import People
from activities.crm.values import Custom, Line, email_key
from api.engine import EngineDep
from api.imports import add_import
from api.paging import Page, PagingDep
from api.resource import Kept, PathId, add_create, add_one, problems
from api.services import ServicesDep
from flows.model import Id
from store.people import Person


class PersonPublic(Kept):
    """A person. What is not known is null; `name` is first and last name."""

    external_id: str | None
    first_name: str | None
    last_name: str | None
    name: str
    email: str | None
    mobile: str | None = Field(description="E.164.")
    country: str | None
    language: str | None
    time_zone: str | None
    category: str | None
    company: str | None = Field(description="The company's id.")
    our_contact: str | None = Field(description="An associate's id.")
    our_service_contact: str | None = Field(description="An associate's id.")
    former_employee: bool
    consent: Consent
    subscriptions: list[str]
    unsubscribed: list[str] = Field(description="Subscription types that the person turned away from by its own act.")
    custom: Custom


router = APIRouter(prefix="/people", tags=["people"])


@router.get("", operation_id="list_people", summary="List people", responses=problems(422))
async def list_people(
    services: ServicesDep,
    paging: PagingDep,
    email: Annotated[Line | None, Query(description="Only those with this address.")] = None,
    external_id: Annotated[Line | None, Query(description="Only the one with this key.")] = None,
) -> Page[PersonPublic]:
    query = select(Person).where(col(Person.id) > paging.after, col(Person.deleted_at).is_(None))
    if email is not None:
        query = query.where(col(Person.email_key) == email_key(email))
    if external_id is not None:
        query = query.where(col(Person.external_id) == external_id)

    def look(session: Session) -> list[Person]:
        return list(session.scalars(query.order_by(col(Person.id)).limit(paging.limit + 1)))

    rows = await services.db.read(look)
    return paging.page(rows, PersonPublic.model_validate, lambda person: person.id)


class MergeIn(Incoming):
    """Whom a person turns out to be."""

    into: Id = Field(title="Into", description="The person that stays.")


@router.post(
    "/{id}/erase",
    operation_id="erase_person",
    summary="Erase a person",
    description="The person leaves every flow; then everything personal is gone. Participations stay, without "
    "anything personal, and so do counts. It cannot be undone.",
    status_code=204,
    responses=problems(404, 422),
)
async def erase(engine: EngineDep, id: PathId) -> None:
    at = engine.clock()
    await engine.dispatcher.write(lambda session: engine.core.erasing.erase(session, id, at))
    await asyncio.to_thread(engine.db.scrub)


@router.post(
    "/{id}/merge",
    operation_id="merge_person",
    summary="Merge a person into another",
    description="Everything of this one follows to the other, which stays: participations, messages, memberships, "
    "consent (a withdrawal wins). Where both are in one flow the older participation stays. This id then answers "
    "with where it went.",
    responses=problems(404, 413, 415, 422),
)
async def merge(engine: EngineDep, id: PathId, body: MergeIn) -> PersonPublic:
    at = engine.clock()
    stays = await engine.dispatcher.write(lambda session: engine.core.merging.merge(session, id, body.into, at))
    return PersonPublic.model_validate(stays)


def _people(crm: EmbeddedCrm) -> People:
    return crm.people


add_import(router)
add_create(router, "person", _people, PersonIn, PersonPublic)
add_one(router, "person", _people, PersonIn, PersonPublic)
