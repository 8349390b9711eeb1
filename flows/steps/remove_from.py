"""Remove from: the person is no longer a member of selections and projects (STEP_5)."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from flows.facts import Facts
from flows.ports import ChangeMembership
from flows.steps.base import Do, Move
from flows.steps.membership import Membership

if TYPE_CHECKING:
    from flows.definition import Flow


class RemoveFrom(Membership):
    """Removes the person from selections and projects; one who is not a member is left as is."""

    kind: Literal["remove_from"] = Field(title="Kind", description="Remove the person from selections and projects.")

    def enter(self, flow: "Flow", facts: Facts) -> Move:
        """Asks for the end of the membership."""
        person = str(facts.person["id"])
        request = ChangeMembership(person, "remove", tuple(self.selection), tuple(self.project))
        return Do(request, f"Removed from {self.names()}")

    def summary(self) -> str:
        """`Remove from selection customers`."""
        return f"Remove from {self.names()}"
