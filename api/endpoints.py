"""Endpoints of other programs, with secrets that are answered when they are made and never again."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer
from sqlalchemy import select
from sqlmodel import Session, col

from activities.webhooks.endpoints import ENDPOINTS, EndpointIn
from activities.webhooks.telling import EventName
from api.paging import Page, PagingDep
from api.resource import Kept, PathId, add_create, add_list, add_one, problems
from api.services import ServicesDep
from store.outside import Delivery

Masked = Annotated[dict[str, str], PlainSerializer(lambda headers: dict.fromkeys(headers, "…"), return_type=dict)]


class EndpointPublic(Kept):
    """An endpoint; headers by their names alone."""

    name: str
    url: str
    headers: Masked
    events: list[EventName]
    failures: int = Field(title="Failures", description="Calls in a row that failed.")
    resting_until: datetime | None = Field(title="Resting", description="Not told anything before then: it fails.")


class Secret(BaseModel):
    """A secret, answered this once: it verifies `webhook-signature`."""

    secret: str = Field(title="Secret")


class EndpointMade(EndpointPublic, Secret):
    """An endpoint that was just made, with its secret."""


router = APIRouter(prefix="/endpoints", tags=["endpoints"])
add_list(router, "endpoints", lambda _: ENDPOINTS, EndpointPublic)
add_create(router, "endpoint", lambda _: ENDPOINTS, EndpointIn, EndpointMade)
add_one(router, "endpoint", lambda _: ENDPOINTS, EndpointIn, EndpointPublic)


class DeliveryPublic(BaseModel):
    """Something that an endpoint has not been told yet."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(description="Its webhook-id.")
    type: str
    flow: str
    person: str
    at: datetime = Field(description="When it happened.")
    due: datetime = Field(description="When it is tried next.")
    tries: int
    given_up: bool
    why: str = Field(description="What the last try came to.")


@router.get(
    "/{id}/deliveries",
    operation_id="list_deliveries",
    summary="List what is still to be told, and what was given up",
    responses=problems(422),
)
async def deliveries(services: ServicesDep, paging: PagingDep, id: PathId) -> Page[DeliveryPublic]:
    query = select(Delivery).where(col(Delivery.endpoint) == id, col(Delivery.id) > paging.after)

    def look(session: Session) -> list[Delivery]:
        return list(session.scalars(query.order_by(col(Delivery.id)).limit(paging.limit + 1)))

    return paging.page(await services.db.read(look), DeliveryPublic.model_validate, lambda row: row.id)


@router.post(
    "/{id}/secret",
    operation_id="renew_endpoint_secret",
    summary="Make a new secret",
    description="The present one is void from now on: what is sent later is signed with the new one.",
    responses=problems(404, 422),
)
async def renew(services: ServicesDep, id: PathId) -> Secret:
    at = services.clock()
    return await services.dispatcher.write(lambda session: Secret(secret=ENDPOINTS.renew(session, id, at).secret))
