"""A flow: what its file says, as values that never change. `flows.loading` reads it, `flows.checks` checks it."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from flows.calendar import CountryCode, PauseDates, Window
from flows.conditions import Condition
from flows.events import ActionFilter, Trigger
from flows.model import Id, Strict
from flows.moments import Moment, TimeZone
from flows.problems import Place
from flows.senders import ReplyTo, Sender
from flows.steps import Step
from flows.steps.base import BaseStep
from flows.units import Duration, Rate, Share


class Throttle(Strict):
    """How fast messages may leave, and notices to us (STEP_20)."""

    flow: Rate | None = Field(
        default=None, title="Flow", description="At most so many messages of this flow.", examples=["600 per minute"]
    )
    email: Rate | None = Field(
        default=None, title="E-mail", description="At most so many e-mails of this flow.", examples=["300 per minute"]
    )
    sms: Rate | None = Field(
        default=None, title="SMS", description="At most so many SMS of this flow.", examples=["60 per minute"]
    )


class CircuitBreaker(Strict):
    """When the flow pauses itself (LIFE_17)."""

    failed: Share = Field(
        default=Share.parse("20 percent"), title="Failed", description="More than this share of the last sends failed."
    )
    of_last: int = Field(
        default=50, ge=1, le=10_000, title="Of the last", description="How many of the last sends are looked at."
    )


class Settings(Strict):
    """How the flow behaves as a whole."""

    waits_during_pause: Literal["keep", "freeze"] = Field(
        default="keep",
        title="Waits during a pause",
        description="keep: deadlines stand. freeze: durations and time-outs stand still while paused (LIFE_12).",
    )
    edit_while_running: bool = Field(
        default=False,
        title="Edit while running",
        description="Whether the flow may be edited without pausing it (EDIT_2).",
    )
    guard_occupied_steps: bool = Field(
        default=True,
        title="Guard occupied steps",
        description="Whether waits, splits and branches with participants in them are kept from removal (EDIT_6).",
    )
    throttle: Throttle | None = Field(
        default=None, title="Throttle", description="How fast messages and notices may leave."
    )
    control_group: Share | None = Field(
        default=None,
        title="Control group",
        description="The share of people who go through without any effect, for comparison (TRIG_12).",
        examples=["10 percent"],
    )
    calendar: CountryCode | None = Field(
        default=None,
        title="Calendar",
        description="The country whose public holidays are not working days; without it only weekends are free.",
        examples=["NO"],
    )
    pause_dates: PauseDates | None = Field(
        default=None, title="Pause dates", description="Days on which no action is carried out (LIFE_13)."
    )
    circuit_breaker: CircuitBreaker | Literal["off"] | None = Field(
        default=None,
        title="Circuit breaker",
        description="When the flow pauses itself because sends fail: more than 20 percent of the last 50 unless said "
        "otherwise; off: never (LIFE_17).",
        examples=["off", {"failed": "10 percent", "of_last": 100}],
    )
    skip_creating: bool = Field(
        default=False,
        title="Skip creating",
        description="To stop loops, skip the step that would create something instead of the enrolment (TRIG_10).",
    )


class Schedule(Strict):
    """When the flow starts and closes by itself (LIFE_14)."""

    run_at: Moment | None = Field(default=None, title="Run at", description="When the flow is run.")
    close_at: Moment | None = Field(
        default=None, title="Close at", description="When the flow closes to new entrances; those inside go on."
    )


class Campaign(Strict):
    """Tags for the links in the flow's e-mails, read by web analytics as utm_source and so on."""

    source: str | None = Field(default=None, title="Source", description="utm_source", examples=["ferd"])
    medium: str | None = Field(default=None, title="Medium", description="utm_medium", examples=["email"])
    name: str | None = Field(default=None, title="Name", description="utm_campaign", examples=["welcome"])
    term: str | None = Field(default=None, title="Term", description="utm_term")
    content: str | None = Field(default=None, title="Content", description="utm_content")

    def tags(self) -> dict[str, str]:
        """The query parameters that are appended to links."""
        tags = {
            "utm_source": self.source, "utm_medium": self.medium, "utm_campaign": self.name,
            "utm_term": self.term, "utm_content": self.content,
        }  # fmt: skip
        return {key: value for key, value in tags.items() if value}


class EmailSettings(Strict):
    """What holds for every e-mail of the flow."""

    from_: Sender | None = Field(
        default=None,
        alias="from",
        title="From",
        description="Who the e-mails come from: an address, or the associate who looks after the person (STEP_1).",
        examples=["hello@fjord.example", {"owner": "our_contact", "fallback": "hello@fjord.example"}],
    )
    reply_to: ReplyTo | None = Field(
        default=None,
        title="Reply to",
        description="Where answers go: same_as_from, an address, or the associate who looks after the person.",
        examples=["same_as_from"],
    )
    subscription: Id | None = Field(
        default=None, title="Subscription", description="The subscription type that the e-mails belong to."
    )
    consent: Literal["not_withdrawn", "required"] = Field(
        default="not_withdrawn",
        title="Consent",
        description="not_withdrawn: only a withdrawal or unsubscription blocks. required: consent must be recorded, "
        "and the person subscribed (PART_2).",
    )
    window: Window | None = Field(
        default=None, title="Window", description="The hours in which e-mails may be sent (STEP_19)."
    )
    campaign: Campaign | None = Field(
        default=None, title="Campaign", description="Tags for the links, read by web analytics."
    )


class SmsSettings(Strict):
    """What holds for every SMS of the flow."""

    from_: str | None = Field(
        default=None,
        alias="from",
        title="From",
        description="The sender that phones show: a number, or up to 11 letters and digits.",
        examples=["FjordCoffee"],
    )
    window: Window | None = Field(
        default=None, title="Window", description="The hours in which SMS may be sent (STEP_19)."
    )


class Enrolment(Strict):
    """Who comes into the flow."""

    triggers: list[Trigger] = Field(
        default_factory=list,
        title="Triggers",
        description="What enrols people, up to 250; without any they come by hand, by selection, by the API (TRIG_1).",
    )
    filter: Condition | None = Field(
        default=None,
        title="Filter",
        description="Checked once, when someone is proposed: only who matches comes in (TRIG_3).",
    )
    once: bool = Field(
        default=True, title="Once", description="Whether who took part before is kept from starting again (TRIG_4)."
    )
    exclude: Id | None = Field(
        default=None, title="Exclude", description="A selection whose members stay out, and leave if inside (TRIG_5)."
    )
    leave: list[Id] = Field(
        default_factory=list, title="Leave", description="Other flows that people leave when enrolled here (TRIG_6)."
    )
    stay_while_filter_holds: bool = Field(
        default=False,
        title="Stay while the filter holds",
        description="Whether who stops matching the filter drops out at the next check (TRIG_14).",
    )
    key: str | None = Field(
        default=None,
        title="Key",
        description="A field of the event: once for each of its values instead of once (TRIG_13).",
        examples=["event.order_id"],
    )


class Success(Strict):
    """When a participation counts as a success (STEP_18)."""

    any: list[ActionFilter] = Field(
        default_factory=list,
        title="Any",
        description="Events and conditions; the first that comes true is the success.",
        examples=[[{"event": "sale_created"}, {"field": "person.category", "op": "is", "value": "customer"}]],
    )
    then: Literal["finish", "continue"] = Field(
        default="finish",
        title="Then",
        description="finish: leave the flow at once. continue: go on with it, counted at its end.",
    )
    within: Duration | None = Field(
        default=None,
        title="Within",
        description="Counts only so long after the enrolment; without it as long as the person is inside.",
        examples=["30 days"],
    )


class Flow(Strict):
    """A marketing flow: who comes in, what happens to them step by step, and what counts as success."""

    id: Id = Field(title="Id", description="The flow's name for other flows and programs. Never reused.")
    name: str = Field(default="", title="Name", description="The flow's name for people.")
    description: str = Field(default="", title="Description", description="What the flow is for.")
    time_zone: TimeZone = Field(
        default="UTC",
        title="Time zone",
        description="The zone of every date and time without an offset.",
        examples=["Europe/Oslo"],
    )
    settings: Settings = Field(
        default_factory=Settings, title="Settings", description="How the flow behaves as a whole."
    )
    schedule: Schedule = Field(
        default_factory=Schedule, title="Schedule", description="When the flow starts and closes by itself."
    )
    email: EmailSettings = Field(
        default_factory=EmailSettings, title="E-mail", description="What holds for every e-mail of the flow."
    )
    sms: SmsSettings = Field(
        default_factory=SmsSettings, title="SMS", description="What holds for every SMS of the flow."
    )
    enrolment: Enrolment = Field(default_factory=Enrolment, title="Enrolment", description="Who comes into the flow.")
    success: Success | None = Field(
        default=None, title="Success", description="When a participation counts as a success."
    )
    steps: list[Step] = Field(
        default_factory=list,
        title="Steps",
        description="What happens to a participant, one step after the other. An implicit finish stands at the end.",
    )

    @cached_property
    def zone(self) -> ZoneInfo:
        """The flow's time zone."""
        return ZoneInfo(self.time_zone)

    def day(self, at: datetime) -> date:
        """The date that the flow's calendar shows at a moment."""
        return at.astimezone(self.zone).date()

    def walk(self) -> Iterator[tuple[Place, BaseStep]]:
        """Every step with its place in the file, outer before inner, in the order of the file."""
        yield from _walk(self.steps, ("steps",))

    def step(self, id: str) -> BaseStep | None:
        """The step with this id, None if the flow has no such step."""
        return next((step for _, step in self.walk() if step.id == id), None)


def _walk(steps: Sequence[BaseStep], place: Place) -> Iterator[tuple[Place, BaseStep]]:
    for index, step in enumerate(steps):
        here = (*place, index)
        yield here, step
        for inner, branch in zip(step.inner_places(), step.inner(), strict=True):
            yield from _walk(branch, (*here, *inner))
