"""Create follow-up: a to-do or a meeting in an associate's diary (STEP_6)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from flows.catalog import Catalog, unknown
from flows.facts import Facts
from flows.making import CreateFollowUp as Request
from flows.making import FreeTime
from flows.model import Id, Strict
from flows.problems import Problem
from flows.steps.creating import AnyDay, Owned, text_problems
from flows.units import Duration

if TYPE_CHECKING:
    from flows.definition import Flow


class Meeting(Strict):
    """A meeting at the first time that is free in the owner's diary."""

    first_free_after: Duration | None = Field(
        default=None,
        title="First free after",
        description="The first free time so long after the step is reached; without it, the first free time of all.",
        examples=["2 workdays", "1 week"],
    )
    duration: Duration | None = Field(
        default=None,
        title="Duration",
        description="How long it takes; without it, as long as the type says.",
        examples=["30 minutes"],
    )

    @field_validator("duration")
    @classmethod
    def _part_of_a_day(cls, duration: Duration | None) -> Duration | None:
        if duration is not None and (not duration.elapsed or not timedelta() < _length(duration) <= timedelta(days=1)):
            raise ValueError("A meeting takes minutes or hours, a day at most. Write for example “30 minutes”.")
        return duration

    @property
    def length(self) -> timedelta | None:
        """How long it takes; None: as long as the type says."""
        return _length(self.duration) if self.duration is not None else None


def _length(duration: Duration) -> timedelta:
    return timedelta(**{duration.unit: duration.amount})


def _as_meeting(given: object) -> object:
    return {} if given == "first_free" else given


class CreateFollowUp(Owned):
    """Creates a to-do with a due date, or books a meeting, for an associate."""

    kind: Literal["create_follow_up"] = Field(title="Kind", description="Create a to-do or a meeting for an associate.")
    type: Id | None = Field(
        default=None, title="Type", description="The follow-up type; it decides which fields apply.", examples=["phone"]
    )
    due: AnyDay | None = Field(
        default=None,
        title="Due",
        description="Makes it a to-do: when it is to be done.",
        examples=[{"after": "3 workdays"}, {"date": "2026-12-31"}, "1 week", "2026-12-31"],
    )
    meeting: (
        Annotated[Meeting, BeforeValidator(_as_meeting, json_schema_input_type=Literal["first_free"] | Meeting)] | None
    ) = Field(
        default=None,
        title="Meeting",
        description="Makes it a meeting at the first free time in the owner's diary: working hours less absences, "
        "public holidays and what is booked.",
        examples=[{"first_free_after": "2 workdays"}, "first_free"],
    )
    project: Id | None = Field(default=None, title="Project", description="The project it belongs to.")
    agenda: str = Field(
        default="",
        title="Agenda",
        description="What it is about: rich text (HTML) with merge tags.",
        examples=["<p>{{ person.first_name }} asked about <b>beans</b>.</p>"],
    )
    files: list[Id] = Field(default_factory=list, title="Files", description="Files and images that go with it.")
    links: list[str] = Field(
        default_factory=list,
        title="Links",
        description="Web addresses that go with it.",
        examples=[["https://fjord.example"]],
    )

    def request(self, flow: "Flow", facts: Facts) -> Request:
        """The follow-up, its texts filled in."""
        meeting = self.meeting or Meeting()
        free = FreeTime(meeting.first_free_after, meeting.length, flow.time_zone, flow.settings.calendar)
        return Request(
            origin=self.origin(flow, facts),
            title=self.filled_title(flow, facts),
            type=self.type,
            owners=self.owners(facts),
            when=self.due.on(flow, facts) if self.due is not None else free,
            project=self.project,
            agenda=self.filled(flow, facts, self.agenda, html=True),
            files=tuple(self.files),
            links=tuple(self.links),
        )

    def summary(self) -> str:
        """`Create follow-up phone`."""
        return f"Create follow-up {self.type or ''}".strip()

    def problems(self, flow: "Flow", catalog: Catalog) -> Iterator[Problem]:
        """No date or two, and whatever the type does not have."""
        yield from super().problems(flow, catalog)
        yield from unknown(catalog, ("follow_up_type",), self.type, "type")
        yield from unknown(catalog, ("project",), self.project, "project")
        yield from text_problems(self.agenda, catalog, "agenda")
        for index, file in enumerate(self.files):
            yield from unknown(catalog, ("file",), file, "files", index)
        for index, link in enumerate(self.links):
            if not link.startswith(("https://", "http://")):
                remedy = "Write it in full, as in https://www.example.com."
                yield Problem(f"“{link}” is not a web address.", remedy, ("links", index))
        if (self.due is None) == (self.meeting is None):
            what = "neither due nor meeting" if self.due is None else "both due and meeting"
            yield Problem(f"The follow-up has {what}.", "Add due for a to-do, or meeting for a meeting.")
        elif self.type is None or catalog.exists("follow_up_type", self.type):
            yield from self._not_of_the_type(catalog)

    def _not_of_the_type(self, catalog: Catalog) -> Iterator[Problem]:
        date = "due" if self.due is not None else "meeting"
        dates = catalog.choices("follow_up_type", self.type, "date")
        if dates is not None and date not in dates:
            yield Problem(f"Follow-ups of type {self.type} have no {date}.", f"Use {' or '.join(dates)}.", (date,))
        fields = catalog.choices("follow_up_type", self.type, "fields")
        for name in ("project", "agenda", "files", "links"):
            if fields is not None and getattr(self, name) and name not in fields:
                remedy = "Leave it out, or choose another type."
                yield Problem(f"Follow-ups of type {self.type} have no {name}.", remedy, (name,))
