"""Run script: start a program of the team's own and go on at once (STEP_12)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from flows.catalog import Catalog, unknown
from flows.facts import Facts
from flows.model import Id
from flows.ports import StartScript
from flows.problems import Problem
from flows.steps.base import Do, Fail, Move
from flows.steps.calling import Calling
from flows.templates import TemplateError

if TYPE_CHECKING:
    from flows.definition import Flow


class RunScript(Calling):
    """Starts a script; its result is recorded when it comes, even after the journey has ended."""

    in_store: ClassVar[bool] = True

    kind: Literal["run_script"] = Field(title="Kind", description="Start a script and go on without waiting for it.")
    script: Id | None = Field(default=None, title="Script", description="Which script to start.", examples=["score"])

    def enter(self, flow: "Flow", facts: Facts) -> Move:
        """Asks for the start; fails if a merge tag cannot be filled."""
        if self.script is None:
            return Fail("The step names no script.")
        try:
            values = self.values(flow, facts)
        except TemplateError as error:
            return Fail(f"The data cannot be filled in: {error}")
        request = StartScript(self.script, flow.id, self.id, facts.participant, str(facts.person["id"]), values)
        return Do(request, f"Started script {self.script}")

    def summary(self) -> str:
        """`Run script score`."""
        return f"Run script {self.script}"

    def problems(self, flow: "Flow", catalog: Catalog) -> Iterator[Problem]:
        """No script or an unknown one, merge tags that are wrong."""
        if self.script is None:
            yield Problem("The step names no script.", "Add script: the id of one.", ("script",))
        else:
            yield from unknown(catalog, ("script",), self.script, "script")
        yield from super().problems(flow, catalog)
