"""Wait: for a while, until a date, until a date of the person, or until a weekday (STEP_13)."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from flows import fields
from flows.calendar import NoSuchMomentError, Workdays, add, end_of_wait, resolve_local, until_weekday
from flows.catalog import Catalog
from flows.facts import Facts
from flows.fields import FieldType
from flows.moments import Moment, read_moment, resolve, zone_or
from flows.outcome import HandOver, Reason
from flows.problems import Problem
from flows.steps.base import BaseStep, GoOn, Leave, Move, Stay, Weekday, hand_over_problems
from flows.units import Duration, Offset, TimeOfDay

if TYPE_CHECKING:
    from flows.definition import Flow

_MIDNIGHT = TimeOfDay(0, 0)


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" + ("" if moment.tzinfo is None else " UTC")


class Wait(BaseStep):
    """Stays with the participant until a moment that is computed from when they arrived (EDIT_4)."""

    kind: Literal["wait"] = Field(title="Kind", description="Wait for a time or until a date.")
    for_: Duration | None = Field(
        default=None, alias="for", title="For", description="How long after the previous step.", examples=["3 days"]
    )
    until: Moment | None = Field(default=None, title="Until", description="A fixed date and time.")
    until_field: str | None = Field(
        default=None,
        title="Until field",
        description="A field that holds a date, see offset and at.",
        examples=["person.custom.renewal_date"],
    )
    offset: Offset | None = Field(
        default=None,
        title="Offset",
        description="How long after the date of until_field, or with a minus before it.",
        examples=["-3 days"],
    )
    until_weekday: Weekday | None = Field(
        default=None, title="Until weekday", description="The next such weekday at the time given by at."
    )
    at: TimeOfDay | None = Field(
        default=None,
        title="At",
        description="Local time of day for until_weekday (default 00:00) and until_field (default: the field's own).",
    )
    zone: Literal["flow", "person"] | None = Field(
        default=None,
        title="Time zone",
        description="Whose clock counts: the flow's (default for until), or the person's where their time zone is "
        "known (default for all others).",
    )
    if_past: Literal["continue", "exit"] = Field(
        default="continue", title="If past", description="What to do when the date is past already on arrival."
    )
    if_missing: Literal["continue", "exit"] = Field(
        default="continue", title="If missing", description="What to do when the person has no such date."
    )
    exit: HandOver | None = Field(
        default=None, title="Exit", description="Where people go who exit because the date is past or missing."
    )

    def enter(self, flow: "Flow", facts: Facts) -> Move:
        """Goes on once the moment has come; `if_past` counts only for a date that was past on arrival."""
        try:
            moment = self._moment(flow, facts)
        except NoSuchMomentError:
            moment = None
        if moment is None:
            return self._otherwise(self.if_missing, Reason.DATE_MISSING, f"No date in {self.until_field}")
        if moment <= facts.since and (self.until is not None or self.until_field is not None):
            return self._otherwise(self.if_past, Reason.DATE_PAST, f"The date was past already: {_shown(moment)}")
        if moment <= facts.now:
            return GoOn(f"Waited until {_shown(moment)}")
        events = ("person_updated",) if self.until_field is not None else ()
        return Stay(moment, f"Waits until {_shown(moment)}", events)

    def _moment(self, flow: "Flow", facts: Facts) -> datetime | None:
        """When the wait ends, in UTC; None if the date it counts from is missing."""
        person = zone_or(facts.person.get("time_zone"), flow.zone)
        if self.until_field is None:
            return self._timed(flow, facts.since, person, facts.frozen)
        zone = self._clock(flow, person)
        moment = self._date(facts, zone)
        workdays = Workdays(flow.settings.calendar)
        return moment if moment is None or self.offset is None else add(moment, self.offset, zone, workdays)

    def _timed(self, flow: "Flow", since: datetime, person: ZoneInfo, frozen: timedelta = timedelta()) -> datetime:
        zone = self._clock(flow, person)
        if self.for_ is not None:
            return end_of_wait(since, self.for_, frozen, zone, Workdays(flow.settings.calendar))
        if self.until is not None:
            return resolve(self.until, zone)
        if self.until_weekday is not None:
            return until_weekday(since, self.until_weekday, self.at or _MIDNIGHT, zone)
        return since

    def _clock(self, flow: "Flow", person: ZoneInfo) -> ZoneInfo:
        whose = self.zone or ("flow" if self.until is not None else "person")
        return flow.zone if whose == "flow" else person

    def _date(self, facts: Facts, zone: ZoneInfo) -> datetime | None:
        written = fields.moment(fields.value(facts.namespace(), self.until_field or ""))
        if written is None:
            return None
        moment = read_moment(written)
        if self.at is None:
            return resolve(moment, zone)
        day = moment.date() if moment.tzinfo is None else moment.astimezone(zone).date()
        local = self.at.on(day)
        return resolve_local(local.date(), local.time(), zone)

    def _otherwise(self, choice: Literal["continue", "exit"], reason: Reason, text: str) -> Move:
        return Leave(reason, text, self.exit) if choice == "exit" else GoOn(text)

    def timing(self, flow: "Flow") -> object:
        """All that it says, and the clock and calendar that it counts by."""
        return self, flow.time_zone, flow.settings.calendar, flow.settings.waits_during_pause

    def ends(
        self, flow: "Flow", since: datetime, frozen: timedelta, zone: ZoneInfo, before: BaseStep
    ) -> datetime | None:
        """When the wait is over; None if a date of the person decides."""
        try:
            return None if self.until_field is not None else self._timed(flow, since, zone, frozen)
        except NoSuchMomentError:
            return None

    def summary(self) -> str:
        """`Wait for 3 days`."""
        if self.for_ is not None:
            return f"Wait for {self.for_}"
        if self.until is not None:
            return f"Wait until {_shown(self.until)}"
        if self.until_weekday is not None:
            return f"Wait until {self.until_weekday.value} {self.at or _MIDNIGHT}"
        return f"Wait until {self.until_field}" + (f" {self.offset}" if self.offset else "")

    def problems(self, flow: "Flow", catalog: Catalog) -> Iterator[Problem]:
        settings = {
            "for": self.for_, "until": self.until, "until_field": self.until_field, "until_weekday": self.until_weekday
        }  # fmt: skip
        given = [name for name, value in settings.items() if value is not None]
        if len(given) != 1:
            yield Problem(
                f"The wait says {' and '.join(given)}." if given else "The wait does not say how long.",
                f"Keep exactly one of {', '.join(settings)}.",
                (given[1],) if given else (),
            )
        if self.offset is not None and self.until_field is None:
            yield Problem("offset counts from a date field, and there is none.", "Add until_field.", ("offset",))
        if self.at is not None and self.until_field is None and self.until_weekday is None:
            yield Problem("at has no effect here.", "Use at with until_field or until_weekday.", ("at",))
        if self.until_field is not None:
            yield from _no_date(self.until_field)
        yield from hand_over_problems(self.exit, flow, catalog, "exit")


_DATES = (FieldType.DATE, FieldType.DATETIME, FieldType.ANY)


def _no_date(path: str) -> Iterator[Problem]:
    kind = fields.field_type(path)
    if kind is None:
        nearest = fields.nearest(path)
        yield Problem(
            f"There is no field “{path}”.",
            f"Did you mean “{nearest}”?" if nearest else "Name a field of the person or the company that holds a date.",
            ("until_field",),
        )
    elif kind not in _DATES:
        remedy = "Name a field that holds a date, such as person.custom.renewal_date."
        yield Problem(f"{path} holds {kind.value}, not a date.", remedy, ("until_field",))
