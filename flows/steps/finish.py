"""Finish: the end of the flow, with or without success (STEP_17)."""

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


class Finish(BaseStep):
    """Ends the participation as finished; the success criterion says whether with success."""

    kind: Literal["finish"] = Field(title="Kind", description="Finish the flow.")
    success: HandOver | None = Field(
        default=None, title="Success", description="Where people go who met the success criterion."
    )
    no_success: HandOver | None = Field(
        default=None, title="No success", description="Where people go who did not meet it."
    )

    def enter(self, flow: "Flow", facts: Facts) -> Move:
        """Leaves, always."""
        return Leave(Reason.COMPLETED, "Came to the end of the flow", self.no_success, self.success)

    def summary(self) -> str:
        """`Finish`."""
        return "Finish"

    def always_leaves(self) -> bool:
        """True."""
        return True

    def problems(self, flow: "Flow", catalog: Catalog) -> Iterator[Problem]:
        """Unknown flows and selections."""
        yield from hand_over_problems(self.success, flow, catalog, "success")
        yield from hand_over_problems(self.no_success, flow, catalog, "no_success")
