"""Endpoints of other programs, with secrets that are answered when they are made and never again."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field, PlainSerializer

from activities.webhooks.endpoints import ENDPOINTS, EndpointIn
from api.resource import Kept, PathId, add_create, add_list, add_one, problems
from api.services import ServicesDep

Masked = Annotated[dict[str, str], PlainSerializer(lambda headers: dict.fromkeys(headers, "…"), return_type=dict)]


class EndpointPublic(Kept):
    """An endpoint; headers by their names alone."""

    name: str
    url: str
    headers: Masked


class Secret(BaseModel):
    """A secret, answered this once: it verifies `webhook-signature`."""

    secret: str = Field(title="Secret")


class EndpointMade(EndpointPublic, Secret):
    """An endpoint that was just made, with its secret."""


router = APIRouter(prefix="/endpoints", tags=["endpoints"])
add_list(router, "endpoints", lambda _: ENDPOINTS, EndpointPublic)
add_create(router, "endpoint", lambda _: ENDPOINTS, EndpointIn, EndpointMade)
add_one(router, "endpoint", lambda _: ENDPOINTS, EndpointIn, EndpointPublic)


@router.post(
    "/{id}/secret",
    operation_id="renew_endpoint_secret",
    summary="Make a new secret",
    description="The present one is void from now on: what is sent later is signed with the new one.",
    responses=problems(404, 422),
)
async def renew(services: ServicesDep, id: PathId) -> Secret:
    at = services.clock()
    return await services.dispatcher.write(
        lambda session: Secret(secret=ENDPOINTS.renew(session, id, at).secret)
    )
