"""Associates, our own people who are contacts of others, and the groups that they are in."""

from activities.crm.associates import Absence, AssociateIn, WorkingHours
from activities.crm.kinds import GroupIn
from activities.crm.nouns import ASSOCIATES, GROUPS
from api.resource import Kept, resource


class AssociatePublic(Kept):
    """An associate."""

    name: str
    email: str | None
    mobile: str | None
    time_zone: str | None
    country: str | None
    working_hours: list[WorkingHours] | None
    absences: list[Absence]
    available: bool


class GroupPublic(Kept):
    """A primary group."""

    name: str
    members: list[str]


routers = (
    resource("/associates", "associate", "associates", lambda _: ASSOCIATES, AssociateIn, AssociatePublic),
    resource("/groups", "group", "groups", lambda _: GROUPS, GroupIn, GroupPublic),
)
