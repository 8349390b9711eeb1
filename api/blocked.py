"""Blocked addresses: nothing is sent to them any more."""

from fastapi import APIRouter
from sqlmodel import Session

from activities.crm.models import BlockedIn, Channel
from activities.crm.nouns import BLOCKED
from api.resource import Kept, problems, resource
from api.services import ServicesDep


class BlockedPublic(Kept):
    """A blocked address, as it is compared: lower case, or E.164."""

    channel: Channel
    address: str
    reason: str | None


router: APIRouter = resource(
    "/blocked", "blocked address", "blocked addresses", lambda _: BLOCKED, BlockedIn, BlockedPublic
)


@router.post(
    "/lift",
    operation_id="lift_blocked_address",
    summary="Write to an address again",
    description="Its owner wants it: it is blocked no longer, nor remembered from a person who was erased.",
    status_code=204,
    responses=problems(413, 415, 422),
)
async def lift(services: ServicesDep, body: BlockedIn) -> None:
    def work(session: Session) -> None:
        services.crm.unblock(session, body.channel, body.address)

    await services.dispatcher.write(work)
