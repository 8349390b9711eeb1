"""Split: which way a participant goes, by what is known of them or by chance (STEP_15)."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from flows import conditions, events
from flows.catalog import Catalog
from flows.events import ActionFilter, EventFilter, StateFilter
from flows.facts import Facts
from flows.model import Strict
from flows.outcome import HandOver, Reason
from flows.problems import Place, Problem
from flows.steps.base import (
    BaseStep,
    Into,
    Leave,
    Move,
    action_problems,
    hand_over_problems,
    leaves,
)
from flows.units import Share

if TYPE_CHECKING:
    from flows.definition import Flow
    from flows.steps import Step


EVERYONE_ELSE = "everyone else"


class SplitBranch(Strict):
    """One way, and who goes it: either when or share."""

    name: str = Field(title="Name", description="The branch's name.", examples=["Large companies"])
    when: ActionFilter | None = Field(
        default=None,
        title="When",
        description="Who matches this, or did this since the enrolment, unless an earlier branch took them.",
        examples=[
            {"field": "company.employees", "op": ">", "value": 200},
            {"event": "link_clicked", "link": "offer"},
            {"event": "form_submitted", "form": "contact-me"},
        ],
    )
    share: Share | None = Field(
        default=None,
        title="Share",
        description="A random share of those whom no condition before took.",
        examples=["50 percent"],
    )
    steps: "list[Step]" = Field(
        default_factory=list, title="Steps", description="What happens then; afterwards the flow goes on below."
    )

    @model_validator(mode="before")
    @classmethod
    def _as_it_was_saved(cls, given: Any) -> Any:
        # Flows saved before `when` could be an event said `happened` for that.
        if isinstance(given, Mapping) and "happened" in given and "when" not in given:
            return {"when" if name == "happened" else name: value for name, value in given.items()}
        return given


class EveryoneElse(Strict):
    """Who no branch took: they go through the steps, or leave."""

    steps: "list[Step]" = Field(default_factory=list, title="Steps", description="What happens to everyone else.")
    exit: HandOver | None = Field(
        default=None, title="Exit", description="Everyone else leaves as dropped out, and goes there."
    )


class Split(BaseStep):
    """Divides people over branches: the first that takes them, else everyone else. Below, all go on together."""

    kind: Literal["split"] = Field(title="Kind", description="Divide people over branches.")
    branches: list[SplitBranch] = Field(
        default_factory=list, title="Branches", description="The ways, in order: the first that matches is taken."
    )
    everyone_else: EveryoneElse = Field(
        default_factory=EveryoneElse, title="Everyone else", description="Who no branch took; always there."
    )

    def enter(self, flow: "Flow", facts: Facts) -> Move:
        """Into the first branch that takes the participant, with the reason."""
        drawn = draw(str(facts.person["id"]), self.id)
        slice_end = Fraction(0)
        for index, branch in enumerate(self.branches):
            if branch.share is not None:
                slice_end += branch.share.fraction
                if drawn < slice_end:
                    return Into(index, f"{branch.name}: drawn for {branch.share}")
            elif branch.when is not None and (why := _because(branch.when, flow, facts)):
                return Into(index, f"{branch.name}: {why}")
        if self.everyone_else.exit is not None:
            return Leave(Reason.EVERYONE_ELSE, "No branch matched: everyone else exits", self.everyone_else.exit)
        return Into(len(self.branches), "Everyone else: no branch matched")

    def summary(self) -> str:
        """`Split: Large, Lucky half`."""
        return "Split: " + ", ".join(branch.name for branch in self.branches)

    def inner(self) -> Sequence[Sequence[BaseStep]]:
        """One sequence for each branch, and that of everyone else."""
        return [*(branch.steps for branch in self.branches), self.everyone_else.steps]

    def inner_names(self) -> Sequence[str]:
        """As the branches are named, and everyone else."""
        return [*(branch.name for branch in self.branches), EVERYONE_ELSE]

    def inner_places(self) -> Sequence[Place]:
        """`branches/0/steps` and so on, and `everyone_else/steps`."""
        return [*(("branches", index, "steps") for index in range(len(self.branches))), ("everyone_else", "steps")]

    def always_leaves(self) -> bool:
        """True if every way ends outside the flow."""
        others = self.everyone_else
        return all(leaves(branch.steps) for branch in self.branches) and (
            others.exit is not None or leaves(others.steps)
        )

    def problems(self, flow: "Flow", catalog: Catalog) -> Iterator[Problem]:
        """Branches that say nothing or too much of who goes there, that nobody can reach, and unknown names."""
        if not self.branches:
            yield Problem("The split has no branches.", "Add at least one branch.", ("branches",))
        names: set[str] = set()
        shared, everyone_taken = Fraction(0), False
        for index, branch in enumerate(self.branches):
            here = ("branches", index)
            given = [name for name in ("when", "share") if getattr(branch, name) is not None]
            if len(given) != 1:
                yield Problem(
                    f"Branch “{branch.name}” says {' and '.join(given) if given else 'nothing'} of who goes there.",
                    "Give exactly one of when and share.",
                    here,
                )
            if branch.name in names:
                yield Problem(
                    f"Two branches are named “{branch.name}”.", "Give each a name of its own.", (*here, "name")
                )
            names.add(branch.name)
            if everyone_taken:
                yield Problem(
                    f"Nobody reaches branch “{branch.name}”: the shares before it take everyone.",
                    "Make the shares smaller, remove the branch, or move it up.",
                    here,
                )
            if branch.share is not None:
                shared += branch.share.fraction
                if shared > 1 and not everyone_taken:
                    yield Problem(
                        f"The shares add up to more than 100 percent at branch “{branch.name}”.",
                        "Make the shares smaller.",
                        (*here, "share"),
                    )
                everyone_taken = shared >= 1
            if branch.when is not None:
                yield from action_problems(branch.when, catalog, *here, "when")
        others = self.everyone_else
        if others.exit is not None and others.steps:
            yield Problem(
                "Everyone else exits, so their steps are never reached.",
                "Keep either steps or exit; an exit step may stand at the end of the steps.",
                ("everyone_else", "steps"),
            )
        yield from hand_over_problems(others.exit, flow, catalog, "everyone_else", "exit")


def draw(person: str, split: str) -> Fraction:
    """The person's place in a split's draw, from 0 and below 1: the same for ever, whatever the branches (STEP_15)."""
    digest = sha256(f"{person}\n{split}".encode()).digest()
    return Fraction(int.from_bytes(digest[:8]), 2**64)


def _because(wanted: ActionFilter, flow: "Flow", facts: Facts) -> str:
    """Why the person is among those that are wanted; empty if not."""
    if not isinstance(wanted, EventFilter):
        condition = wanted.condition if isinstance(wanted, StateFilter) else wanted
        return conditions.because(condition, facts, flow.zone) if conditions.holds(condition, facts, flow.zone) else ""
    happenings = facts.records.happenings(events.event_types(wanted), facts.enrolled_at)
    did = any(events.matches(wanted, happening, facts, flow.zone) for happening in happenings)
    return events.words(wanted) if did else ""
