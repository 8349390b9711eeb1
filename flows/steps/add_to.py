"""Add to: the person becomes a member of selections and projects (STEP_4)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from flows.catalog import Catalog
from flows.facts import Facts
from flows.ports import ChangeMembership
from flows.problems import Problem
from flows.steps.base import Do, Move
from flows.steps.membership import Membership

if TYPE_CHECKING:
    from flows.definition import Flow


class AddTo(Membership):
    """Adds the person to selections and projects; one who is a member already stays one."""

    kind: Literal["add_to"] = Field(title="Kind", description="Add the person to selections and projects.")
    create: bool = Field(default=False, title="Create", description="Whether to make a selection that does not exist.")

    def enter(self, flow: "Flow", facts: Facts) -> Move:
        """Asks for the membership."""
        person = str(facts.person["id"])
        request = ChangeMembership(person, "add", tuple(self.selection), tuple(self.project), self.create)
        return Do(request, f"Added to {self.names()}")

    def summary(self) -> str:
        """`Add to selection customers`."""
        return f"Add to {self.names()}"

    def unknown_selections(self, catalog: Catalog) -> Iterator[Problem]:
        """None where they are made."""
        return iter(()) if self.create else super().unknown_selections(catalog)
