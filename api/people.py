"""People: the embedded CRM's first noun."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from sqlalchemy import select
from sqlmodel import Session, col

from activities.crm.embedded import EmbeddedCrm
from activities.crm.models import Consent, PersonIn
from activities.crm.people import People
from activities.crm.values import Custom, Line, email_key
from api.imports import add_import
from api.paging import Page, PagingDep
from api.resource import Kept, add_create, add_one, problems
from api.services import ServicesDep
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


def _people(crm: EmbeddedCrm) -> People:
    return crm.people


add_import(router)
add_create(router, "person", _people, PersonIn, PersonPublic)
add_one(router, "person", _people, PersonIn, PersonPublic)
