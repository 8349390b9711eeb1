"""Associates as they come in, with their working hours and absences, and the diary that these make (STEP_6)."""

from datetime import date, datetime, timedelta
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator

from activities.crm.models import Incoming
from activities.crm.values import Email, Line, Maybe, Name, Zone, phone, wrong
from flows.calendar import CountryCode
from flows.diary import Diary, Hours
from flows.moments import read_moment, resolve
from flows.units import TimeOfDay, Weekday
from store.people import Associate

_DAY = timedelta(days=1)


def _clock(text: str) -> str:
    try:
        return str(TimeOfDay.parse(text))
    except ValueError:
        raise wrong("This is not a time of day", "Write hours and minutes, as in 08:00.") from None


def _moment(text: str) -> str:
    try:
        read_moment(text)
    except ValueError:
        raise wrong("This is not a date, or a date and time", "Write it as 2026-12-24 or 2026-12-24 12:00.") from None
    return text


Clock = Annotated[str, AfterValidator(_clock)]
LocalMoment = Annotated[str, AfterValidator(_moment)]


class Period(Incoming):
    """Something with a beginning and an end, written `from` and `to`."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class WorkingHours(Period):
    """Hours of work on some days of the week."""

    days: list[Weekday] = Field(min_length=1, max_length=7, title="Days")
    start: Clock = Field(alias="from", title="From", description="Local time.")
    end: Clock = Field(alias="to", title="To", description="Local time; not after from: on the next day.")

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.start == self.end or self.start == "24:00":
            raise wrong("These working hours have no length", "Write two different times, as in 08:00 and 16:00.")
        return self


class Absence(Period):
    """A time away: dates in the associate's own zone, the last of them included; or moments."""

    start: LocalMoment = Field(alias="from", title="From")
    end: LocalMoment = Field(alias="to", title="To", description="A date is included.")
    reason: Maybe[Line] = Field(default=None, title="Reason")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        begins, ends = self.between(ZoneInfo("UTC"))
        if ends <= begins:
            raise wrong("The absence ends before it begins", "Write the earlier of the two under from.")
        return self

    def between(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """From when to when, for an associate in this zone."""
        ends = date.fromisoformat(self.end) + _DAY if len(self.end) == len("2026-12-24") else read_moment(self.end)
        return resolve(read_moment(self.start), zone), resolve(read_moment(ends), zone)


class AssociateIn(Incoming):
    """An associate's fields that can be written."""

    name: Name = Field(title="Name")
    email: Maybe[Email] = Field(default=None, title="E-mail")
    mobile: Maybe[Line] = Field(default=None, title="Mobile", description="With its country code.")
    time_zone: Maybe[Zone] = Field(
        default=None, title="Time zone", description="IANA name; without it, a flow's own zone counts."
    )
    country: Maybe[CountryCode] = Field(
        default=None, title="Country", description="Whose public holidays are free; without it, the flow's calendar."
    )
    working_hours: list[WorkingHours] | None = Field(
        default=None, max_length=50, title="Working hours", description="Without any: Monday to Friday, 08:00 to 16:00."
    )
    absences: list[Absence] = Field(default_factory=list, max_length=1_000, title="Absences")
    available: bool = Field(
        default=True, title="Available", description="Whether new people and requests are given to the associate."
    )

    @field_validator("mobile")
    @classmethod
    def _e164(cls, mobile: str | None) -> str | None:
        return phone(mobile, None) if mobile else None


def diary(associate: Associate, zone: ZoneInfo, country: str | None) -> Diary:
    """When the associate works; `zone` and `country` are used where it has none of its own."""
    zone = ZoneInfo(associate.time_zone) if associate.time_zone else zone
    hours = [_hours(WorkingHours.model_validate(each)) for each in associate.working_hours or ()]
    absences = tuple(sorted(each.between(zone) for each in _absences(associate)))
    return Diary(zone, associate.country or country, tuple(hours) or Hours.usual(), absences)


def available(associate: Associate, at: datetime) -> bool:
    """Whether new people and requests may be given to the associate at this moment: it is there, and takes some."""
    zone = ZoneInfo(associate.time_zone or "UTC")
    away = any(begins <= at < ends for begins, ends in (each.between(zone) for each in _absences(associate)))
    return associate.available and not away


def _absences(associate: Associate) -> list[Absence]:
    return [Absence.model_validate(each) for each in associate.absences]


def _hours(given: WorkingHours) -> Hours:
    return Hours(frozenset(given.days), TimeOfDay.parse(given.start), TimeOfDay.parse(given.end))
