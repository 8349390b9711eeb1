"""Blocked addresses: nothing is sent to them any more."""

from fastapi import APIRouter

from activities.crm.models import BlockedIn, Channel
from activities.crm.nouns import BLOCKED
from api.resource import Kept, resource


class BlockedPublic(Kept):
    """A blocked address, as it is compared: lower case, or E.164."""

    channel: Channel
    address: str
    reason: str | None


router: APIRouter = resource(
    "/blocked", "blocked address", "blocked addresses", lambda _: BLOCKED, BlockedIn, BlockedPublic
)
