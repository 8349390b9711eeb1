"""What every kind of step has in common, and the moves that a step can answer with.

A new kind is one file beside this one and one line in the union of `flows/steps/__init__.py`. A step is entered with
the facts and answers with a move; it never acts and never looks at a clock.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from flows import conditions, events
from flows.catalog import Catalog, unknown
from flows.conditions import Condition, Reference
from flows.events import ActionFilter, Trigger
from flows.facts import Facts, Happening
from flows.model import Id, Strict
from flows.outcome import HandOver, Reason
from flows.ports import Request
from flows.problems import Place, Problem
from flows.units import Weekday as Weekday

if TYPE_CHECKING:
    from flows.calendar import Window
    from flows.definition import Flow

Channel = Literal["email", "sms", "crm", "webhook"]


@dataclass(frozen=True, slots=True)
class Do:
    """Ask a port for one effect, then go on. `text` is the sentence for the journal."""

    request: Request
    text: str


@dataclass(frozen=True, slots=True)
class Stay:
    """Wait here until a moment (None: without limit), or until something happens. `events` are the types looked for."""

    until: datetime | None
    text: str
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GoOn:
    """On to what follows. `used` is the event that decided it: it satisfies no other wait (STEP_14)."""

    text: str
    used: Happening | None = None
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class Into:
    """Down a branch, counted as in `inner()`; after it the journey goes on below the step (STEP_15)."""

    branch: int
    text: str
    used: Happening | None = None


@dataclass(frozen=True, slots=True)
class Leave:
    """Out of the flow. `success` None: whatever the success criterion says (STEP_17)."""

    reason: Reason
    text: str
    hand_over: HandOver | None = None
    on_success: HandOver | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """The step cannot be done as things are; `on_error` decides what follows. `text` says why and what to mend."""

    text: str


Move = Do | Stay | GoOn | Into | Leave | Fail


class BaseStep(Strict):
    """One step of a flow. Its identity is its id (EDIT_3)."""

    id: Id = Field(
        title="Id", description="The step's name in this flow: letters, digits, hyphens, dots and underscores."
    )
    name: str = Field(
        default="",
        max_length=100,
        title="Name",
        description="A short label for people: shown with the numbers and in the Temporal UI, instead of what is done.",
        examples=["Who is large?"],
    )
    acts: ClassVar[bool] = False
    """Whether the step has an effect in the world. A step that acts has an activity of its own."""

    in_store: ClassVar[bool] = True
    """Whether all that the step does happens inside our own store, so that it is quick and never in doubt."""

    kind: str

    @abstractmethod
    def enter(self, flow: "Flow", facts: Facts) -> Move:
        """What happens when a participant stands here with these facts. Pure: same facts, same move."""

    @abstractmethod
    def summary(self) -> str:
        """One short line without merge values, for the Temporal UI and the pages: `Send e-mail welcome-mail`."""

    def label(self) -> str:
        """What people call the step: its name, or what it does."""
        return self.name or self.summary()

    def inner(self) -> Sequence[Sequence["BaseStep"]]:
        """The step sequences of the step's branches, in order."""
        return ()

    def inner_places(self) -> Sequence[Place]:
        """Where in the step each sequence of `inner()` stands: `("branches", 0, "steps")`."""
        return ()

    def inner_names(self) -> Sequence[str]:
        """The branches' names, in the order of `inner()`."""
        return ()

    def timing(self, flow: "Flow") -> object:
        """What decides when who stands here goes on: if an edit changes it, they are planned afresh (EDIT_5)."""
        return None

    def ends(
        self, flow: "Flow", since: datetime, frozen: timedelta, zone: ZoneInfo, before: "BaseStep"
    ) -> datetime | None:
        """When who came here at `since`, stood still for `frozen`, and has the clock of `zone`, goes on at the latest.

        None: without limit, or more decides than the time, now that the step no longer says what it did `before`.
        """
        return None

    def always_leaves(self) -> bool:
        """Whether nobody ever goes on below this step, so that what follows is unreachable."""
        return False

    def problems(self, flow: "Flow", catalog: "Catalog") -> Iterator[Problem]:
        """What is wrong or missing; `where` of each problem is relative to this step (LIFE_2)."""
        return iter(())


class Action(BaseStep):
    """A step that does something in the world."""

    acts: ClassVar[bool] = True
    in_store: ClassVar[bool] = False
    channel: ClassVar[Channel] = "crm"

    only_on: list[Weekday] = Field(
        default_factory=list,
        title="Only on",
        description="Weekdays on which the step may act; on others it waits for the next of them (STEP_19).",
    )
    on_error: Literal["hold", "continue", "drop_out"] = Field(
        default="hold", title="On error", description="What to do when the step cannot be done."
    )
    on_unknown: Literal["repeat", "leave"] | None = Field(
        default=None,
        title="On unknown",
        description="When nobody knows whether it happened: do it again, or leave it to a person (SAFE_2). "
        "Default: messages are left, and what a CRM does that takes no key; everything else is repeated.",
    )

    @property
    def creates(self) -> bool:
        """Whether it makes something whose making is an event of its own (TRIG_10)."""
        return self.kind.startswith("create_")

    def timing(self, flow: "Flow") -> object:
        """Weekdays and pause dates."""
        return tuple(self.only_on), flow.settings.pause_dates, flow.time_zone


class Sending(Action):
    """A step that sends e-mail or SMS, to the person or to one of us. The throttle is minded by the gate."""

    def timing(self, flow: "Flow") -> object:
        """Also the throttle."""
        return super().timing(flow), flow.settings.throttle


class Message(Sending):
    """A step that sends a message to the person. Consent, window and cap are minded by the gate."""

    transactional: bool = Field(
        default=False,
        title="Transactional",
        description="The person needs this message, such as a receipt: it neither counts for the frequency cap nor "
        "waits for it (STEP_21), and carries no unsubscribe link.",
    )

    over_cap: Literal["wait", "skip"] = Field(
        default="wait",
        title="Over the cap",
        description="When the person has got as many messages as the frequency cap allows: wait until it allows one "
        "more, or skip this one (STEP_21).",
    )

    def without_address(self) -> GoOn | Leave:
        """What happens to who has no address of the step's channel (PART_2)."""
        return Leave(Reason.NO_ADDRESS, f"no address for {self.channel}")

    def timing(self, flow: "Flow") -> object:
        """Also the sending window, by the flow's calendar, and the cap."""
        calendar = flow.settings.calendar
        return super().timing(flow), self.window(flow), calendar, self.transactional, self.over_cap

    def window(self, flow: "Flow") -> "Window | None":
        """The sending window of its channel."""
        return flow.email.window if self.channel == "email" else flow.sms.window


def hand_over_problems(hand_over: HandOver | None, flow: "Flow", catalog: Catalog, *where: str) -> Iterator[Problem]:
    """What is wrong with a hand-over that stands at `where`: unknown flows and selections, and a flow into itself."""
    if hand_over is None:
        return
    if hand_over.add_to_flow == flow.id:
        yield Problem(
            "People who leave here are proposed to this same flow.",
            "Name another flow, or leave it if that is meant: they enter again only where the flow allows it.",
            (*where, "add_to_flow"),
            severity="warning",
        )
    else:
        yield from unknown(catalog, ("flow",), hand_over.add_to_flow, *where, "add_to_flow")
    yield from unknown(catalog, ("selection",), hand_over.add_to_selection, *where, "add_to_selection")


def condition_problems(condition: Condition, catalog: Catalog, *where: str | int) -> Iterator[Problem]:
    """What is wrong with a condition that stands at `where`, and the selections and projects it names in vain."""
    for problem in conditions.problems(condition):
        yield problem.under(*where)
    yield from _dangling(conditions.selections(condition), catalog, where)


def action_problems(wanted: ActionFilter | Trigger, catalog: Catalog, *where: str | int) -> Iterator[Problem]:
    """What is wrong with an event filter or trigger that stands at `where`, and what it names in vain."""
    for problem in events.problems(wanted):
        yield problem.under(*where)
    yield from _dangling(events.references(wanted), catalog, where)


def _dangling(references: Iterator[Reference], catalog: Catalog, where: Place) -> Iterator[Problem]:
    for kinds, name, place in references:
        yield from unknown(catalog, kinds, name, *where, *place)


def leaves(steps: Sequence[BaseStep]) -> bool:
    """Whether nobody comes out at the lower end of these steps."""
    return any(step.always_leaves() for step in steps)
