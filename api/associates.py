"""Associates: our own people, who are contacts of others."""

from fastapi import APIRouter

from activities.crm.models import AssociateIn
from activities.crm.nouns import ASSOCIATES
from api.resource import Kept, resource


class AssociatePublic(Kept):
    """An associate."""

    name: str
    email: str | None
    mobile: str | None


router: APIRouter = resource(
    "/associates", "associate", "associates", lambda _: ASSOCIATES, AssociateIn, AssociatePublic
)
