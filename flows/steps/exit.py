"""Exit: leave the flow as dropped out (STEP_16)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from flows.catalog import Catalog
from flows.facts import Facts
from flows.outcome import HandOver, Reason
from flows.problems import Problem
from flows.steps.base import BaseStep, Leave, Move, hand_over_problems

if TYPE_CHECKING:
    from flows.definition import Flow


class Exit(HandOver, BaseStep):
    """Ends the participation as dropped out; then perhaps to another flow or into a selection."""

    kind: Literal["exit"] = Field(title="Kind", description="Leave the flow as dropped out.")
    reason: str = Field(default="", title="Reason", description="Why people leave here, in your own words.")

    def enter(self, flow: "Flow", facts: Facts) -> Move:
        """Leaves, always."""
        return Leave(
            Reason.EXIT,
            self.reason or "Left by an exit step",
            HandOver(add_to_flow=self.add_to_flow, add_to_selection=self.add_to_selection),
        )

    def summary(self) -> str:
        """`Exit: no interest`."""
        return f"Exit: {self.reason}" if self.reason else "Exit"

    def always_leaves(self) -> bool:
        """True."""
        return True

    def problems(self, flow: "Flow", catalog: Catalog) -> Iterator[Problem]:
        """Unknown flows and selections."""
        yield from hand_over_problems(self, flow, catalog)
