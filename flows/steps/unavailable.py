"""Kinds of step that are known by name and not available in this version."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import ConfigDict, Field

from flows.catalog import Catalog
from flows.facts import Facts
from flows.problems import Problem
from flows.steps.base import Action, Fail, Move

if TYPE_CHECKING:
    from flows.definition import Flow


class Unavailable(Action):
    """A step of such a kind: its settings are kept and printed as they are, a flow with one cannot run."""

    model_config = ConfigDict(extra="allow")

    kind: Literal[
        "create_follow_up", "create_request", "create_sale", "distribute",
    ] = Field(title="Kind", description="A kind of step that this version does not have.")  # fmt: skip

    def enter(self, flow: "Flow", facts: Facts) -> Move:
        """Cannot be done."""
        return Fail(f"Steps of kind {self.kind} are not available in this version.")

    def summary(self) -> str:
        """`create_sale (not available)`."""
        return f"{self.kind} (not available)"

    def problems(self, flow: "Flow", catalog: Catalog) -> Iterator[Problem]:
        """That the kind is not available."""
        yield Problem(
            f"Steps of kind {self.kind} are not available in this version.",
            "Remove the step, or run the flow with a version that has this kind.",
            ("kind",),
        )
