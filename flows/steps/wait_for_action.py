"""Wait for action: until the person does something, or no longer than a while (STEP_14)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from flows import events
from flows.calendar import Workdays, end_of_wait
from flows.catalog import Catalog
from flows.events import ActionFilter, EventFilter
from flows.facts import Facts, Happening
from flows.model import Strict
from flows.moments import zone_or
from flows.outcome import HandOver, Reason
from flows.problems import Place, Problem
from flows.steps.base import BaseStep, GoOn, Into, Leave, Move, Stay, action_problems, hand_over_problems, leaves
from flows.units import Duration

if TYPE_CHECKING:
    from flows.definition import Flow
    from flows.steps import Step

_CHANGES = ("person_updated", "added_to_selection", "added_to_project")
"""What may make a person match a condition."""


class ActionBranch(Strict):
    """The steps for one of the actions."""

    name: str = Field(title="Name", description="The branch's name.", examples=["Clicked"])
    action: int = Field(ge=1, title="Action", description="Which of the actions leads here, counted from one.")
    steps: "list[Step]" = Field(
        default_factory=list, title="Steps", description="What happens then; afterwards the flow goes on below."
    )


@dataclass(frozen=True, slots=True)
class _Came:
    """That an action came: which (counted from one), when, and the event if there is one."""

    number: int
    at: datetime
    event: Happening | None


class WaitForAction(BaseStep):
    """Waits until the person does something: the first of the actions by time, whatever order they are heard of in."""

    kind: Literal["wait_for_action"] = Field(title="Kind", description="Wait until the person does something.")
    actions: list[ActionFilter] = Field(
        default_factory=list,
        title="Actions",
        description="What is waited for: events, or conditions that the person comes to match. The first decides.",
        examples=[[{"event": "link_clicked", "link": "offer"}, {"event": "form_submitted", "form": "contact-me"}]],
    )
    within: Duration | Literal["none"] = Field(
        default=Duration(7, "days"),
        title="Within",
        description="The longest wait, 7 days by default; none waits for ever.",
        examples=["7 days", "none"],
    )
    otherwise: Literal["continue", "exit"] = Field(
        default="continue", title="Otherwise", description="What to do when nothing came in time."
    )
    exit: HandOver | None = Field(
        default=None, title="Exit", description="Where people go who exit because nothing came in time."
    )
    branches: list[ActionBranch] = Field(
        default_factory=list, title="Branches", description="Steps for who did one of the actions."
    )

    def enter(self, flow: "Flow", facts: Facts) -> Move:
        """Looks for the earliest action not later than the deadline; then waits, or ends the wait."""
        deadline = self._deadline(flow, facts)
        came = [
            action
            for number, wanted in enumerate(self.actions, start=1)
            if (action := self._came(number, wanted, flow, facts, deadline))
        ]
        if came:
            return self._decided(min(came, key=lambda action: (action.at, action.number)))
        types = tuple(sorted({name for wanted in self.actions for name in events.event_types(wanted) or _CHANGES}))
        if deadline is None or facts.now < deadline:
            return Stay(deadline, f"Waits for {self._words()}", types)
        # A click that came in time may turn out to count.
        settling = facts.records.settling(types, deadline)
        if settling is not None and settling > facts.now:
            return Stay(settling, f"Waits for {self._words()}", types)
        if self.otherwise == "exit":
            return Leave(Reason.NO_ACTION, f"No action within {self.within}", self.exit)
        return GoOn(f"No action within {self.within}")

    def _deadline(self, flow: "Flow", facts: Facts) -> datetime | None:
        if isinstance(self.within, str):
            return None
        zone = zone_or(facts.person.get("time_zone"), flow.zone)
        return end_of_wait(facts.since, self.within, facts.frozen, zone, Workdays(flow.settings.calendar))

    def ends(
        self, flow: "Flow", since: datetime, frozen: timedelta, zone: ZoneInfo, before: BaseStep
    ) -> datetime | None:
        """The deadline; None without one, or if something else is waited for than before."""
        if isinstance(self.within, str) or not isinstance(before, WaitForAction) or before.actions != self.actions:
            return None
        return end_of_wait(since, self.within, frozen, zone, Workdays(flow.settings.calendar))

    def _came(
        self, number: int, wanted: ActionFilter, flow: "Flow", facts: Facts, deadline: datetime | None
    ) -> _Came | None:
        if not isinstance(wanted, EventFilter):
            return self._matched(number, wanted, flow, facts, deadline)
        types, since = events.event_types(wanted), _counts_from(wanted, facts)
        for event in facts.records.happenings(types, since, unused=True):
            if deadline is not None and event.at > deadline:
                return None
            if event.id not in facts.used and events.matches(wanted, event, facts, flow.zone):
                return _Came(number, event.at, event)
        return None

    def _matched(
        self, number: int, wanted: ActionFilter, flow: "Flow", facts: Facts, deadline: datetime | None
    ) -> _Came | None:
        """A condition has no event of its own: it came true with the latest change in time, else now."""
        if not events.matches(wanted, None, facts, flow.zone):
            return None
        changes = facts.records.happenings(_CHANGES, facts.since)
        in_time = [change.at for change in changes if deadline is None or change.at <= deadline]
        at = in_time[-1] if in_time else facts.now
        return None if deadline is not None and at > deadline else _Came(number, at, None)

    def _decided(self, came: _Came) -> Move:
        text = f"Came first: {events.words(self.actions[came.number - 1])}"
        for index, branch in enumerate(self.branches):
            if branch.action == came.number:
                return Into(index, f"{branch.name}: {text}", came.event)
        return GoOn(text, came.event)

    def _words(self) -> str:
        return " or ".join(events.words(wanted) for wanted in self.actions)

    def summary(self) -> str:
        """`Wait for link_clicked offer, at most 7 days`."""
        return f"Wait for {self._words()}" + ("" if self.within == "none" else f", at most {self.within}")

    def timing(self, flow: "Flow") -> object:
        """What is waited for and how long, and the clock and calendar that it counts by."""
        counted_by = flow.time_zone, flow.settings.calendar, flow.settings.waits_during_pause
        return tuple(self.actions), self.within, counted_by

    def inner(self) -> Sequence[Sequence[BaseStep]]:
        """One sequence for each branch."""
        return [branch.steps for branch in self.branches]

    def inner_names(self) -> Sequence[str]:
        """As the branches are named."""
        return [branch.name for branch in self.branches]

    def inner_places(self) -> Sequence[Place]:
        """`branches/0/steps` and so on."""
        return [("branches", index, "steps") for index in range(len(self.branches))]

    def always_leaves(self) -> bool:
        """True if whatever comes, and nothing coming, leads out of the flow."""
        out = {branch.action for branch in self.branches if leaves(branch.steps)}
        return out >= set(range(1, len(self.actions) + 1)) and (self.within == "none" or self.otherwise == "exit")

    def problems(self, flow: "Flow", catalog: Catalog) -> Iterator[Problem]:
        """No actions, unknown names, branches that no action or the same action leads to."""
        if not self.actions:
            yield Problem("The step waits for nothing.", "Add at least one action.", ("actions",))
        for index, wanted in enumerate(self.actions):
            yield from action_problems(wanted, catalog, "actions", index)
        taken: dict[int, str] = {}
        for index, branch in enumerate(self.branches):
            here = ("branches", index, "action")
            if branch.action > len(self.actions):
                count = f"{len(self.actions)} action{'' if len(self.actions) == 1 else 's'}"
                yield Problem(
                    f"Branch “{branch.name}” is for action {branch.action}, and the step has {count}.",
                    "Give the number of one of the actions, counted from one.",
                    here,
                )
            elif branch.action in taken:
                yield Problem(
                    f"Branch “{branch.name}” is never taken: action {branch.action} leads to “{taken[branch.action]}”.",
                    "Keep one branch for each action.",
                    here,
                )
            taken.setdefault(branch.action, branch.name)
        yield from hand_over_problems(self.exit, flow, catalog, "exit")


def _counts_from(wanted: EventFilter, facts: Facts) -> datetime:
    """A click or an open counts from the latest mail that could lead to it, all else from the step before."""
    if wanted.event in ("link_clicked", "email_opened"):
        return facts.records.last_sent(wanted.link, wanted.content) or facts.records.last_acted()
    return facts.records.last_acted()
