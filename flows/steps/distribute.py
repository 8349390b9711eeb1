"""Distribute to owner: associates get people in turn (STEP_9)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from flows.calendar import Workdays, add
from flows.catalog import Catalog, unknown
from flows.facts import Facts
from flows.making import Distribute as Request
from flows.making import Origin, Owner
from flows.model import Id
from flows.problems import Problem
from flows.steps.base import Action, Do, GoOn, Move, Stay
from flows.steps.membership import Ids
from flows.units import Duration

if TYPE_CHECKING:
    from flows.definition import Flow


class Distribute(Action):
    """Gives the person an owner: one of the associates, or of a primary group's members, evenly."""

    in_store: ClassVar[bool] = True

    kind: Literal["distribute"] = Field(title="Kind", description="Give the person an owner, evenly.")
    associates: Ids = Field(
        default_factory=list,
        title="Associates",
        description="Who gets people in turn. Who is absent or not available is passed over.",
        examples=[["liv", "jon"]],
    )
    group: Id | None = Field(
        default=None, title="Group", description="A primary group whose members get people in turn.", examples=["sales"]
    )
    owner: Owner = Field(default="our_contact", title="Owner", description="Which contact of the person they become.")
    only_if_unowned: bool = Field(
        default=False,
        title="Only if unowned",
        description="Whether a person who has an owner already keeps it.",
    )
    fallback: Id | None = Field(
        default=None,
        title="Fallback",
        description="The associate who gets people when nobody is available; without one, on_error decides.",
        examples=["liv"],
    )
    settle: Duration | None = Field(
        default=None,
        title="Settle",
        description="How old a person has to be: who is newer waits in the step. 10 minutes where owners are "
        "synchronised from the company.",
        examples=["10 minutes"],
    )

    def enter(self, flow: "Flow", facts: Facts) -> Move:
        """Waits until the person is old enough, passes over one who has an owner, else asks for one."""
        if self.settle is not None:
            settled = add(facts.person["created_at"], self.settle, flow.zone, Workdays(flow.settings.calendar))
            if settled > facts.now:
                return Stay(settled, f"the person is new: not before {settled:%Y-%m-%d %H:%M} UTC")
        if self.only_if_unowned and facts.person.get(self.owner):
            return GoOn("the person has an owner already", skipped=True)
        origin = Origin(str(facts.person["id"]), facts.participant, flow.id, self.id)
        request = Request(origin, self.owner, tuple(self.associates), self.group, self.fallback)
        return Do(request, self.summary())

    def summary(self) -> str:
        """`Distribute to group sales`."""
        return f"Distribute to {f'group {self.group}' if self.group else ', '.join(self.associates)}"

    def problems(self, flow: "Flow", catalog: Catalog) -> Iterator[Problem]:
        """Nobody named or both ways, unknown associates and groups."""
        if bool(self.associates) == (self.group is not None):
            what = "both associates and a group" if self.associates else "neither associates nor a group"
            yield Problem(f"The step names {what}.", "Add associates, or group.")
        for index, name in enumerate(self.associates):
            yield from unknown(catalog, ("associate",), name, "associates", index)
        yield from unknown(catalog, ("group",), self.group, "group")
        yield from unknown(catalog, ("associate",), self.fallback, "fallback")
