"""When: local times, working days, sending windows and pause dates.

Every function is pure. Moments are aware datetimes, in and out in UTC; a zone says what the clock on the wall shows.
A local time that does not exist is the next valid one, one that exists twice is the first (STEP_13).
A moment beyond the calendar's years, or one that never comes, raises NoSuchMomentError.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from holidays import country_holidays
from holidays.registry import COUNTRIES
from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator, model_validator

from flows.model import Strict
from flows.units import Duration, TimeOfDay, Weekday

_SEARCH_DAYS = 400
_DAY = timedelta(days=1)
_COUNTRY_CODES = {name.upper(): names[1] for names in COUNTRIES.values() for name in names}


class NoSuchMomentError(ValueError):
    """The moment asked for never comes, or lies outside the years that a calendar has."""


@contextmanager
def _inside_the_calendar() -> Iterator[None]:
    try:
        yield
    except OverflowError as error:
        raise NoSuchMomentError("The date lies outside the years 1 to 9999. Use a date closer to today.") from error


def _local(at: datetime, zone: ZoneInfo) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} has no time zone. Pass a moment in UTC.")
    return at.astimezone(zone)


@_inside_the_calendar()
def resolve_local(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The moment at which the wall clock in `zone` shows that date and time (STEP_13)."""
    first = datetime.combine(day, clock.replace(fold=0), zone)
    late = first.astimezone(UTC)
    if late.astimezone(zone).replace(tzinfo=None) == first.replace(tzinfo=None):
        return late
    # The time is skipped: read with the offset before the change it lies after it, and the other way round.
    early = first.replace(fold=1, microsecond=0).astimezone(UTC)
    changed = late.astimezone(zone).utcoffset() or timedelta()
    seconds = range(int((late - early).total_seconds()) + 1)
    return early + timedelta(seconds=bisect_left(seconds, changed, key=lambda second: _offset(early, second, zone)))


def _offset(start: datetime, seconds: int, zone: ZoneInfo) -> timedelta:
    return (start + timedelta(seconds=seconds)).astimezone(zone).utcoffset() or timedelta()


def country_code(value: object) -> str:
    """A country whose public holidays are known, as its two-letter code; ValueError naming the right code if it can."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a country code. Write it as text in quotes, for example “NO”.")
    code = _COUNTRY_CODES.get(value.upper())
    if code is None:
        raise ValueError(
            f"“{value[:60]}” is not a country whose public holidays are known. "
            "Write the two-letter ISO 3166 code of one, for example “NO”."
        )
    if code != value:
        raise ValueError(f"“{value}” is not a country's ISO 3166 code. Write “{code}”.")
    return code


CountryCode = Annotated[
    str,
    BeforeValidator(country_code),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^[A-Z]{2}$",
            "examples": ["NO", "SE", "DE"],
            "description": "A country, as its two-letter ISO 3166 code.",
        }
    ),
]


@lru_cache(maxsize=1024)
def _public_holidays(country: str, year: int) -> frozenset[date]:
    return frozenset(country_holidays(country, years=year, expand=False))


def is_public_holiday(country: str | None, day: date) -> bool:
    """Whether the day is a public holiday there; never without a country."""
    return country is not None and day in _public_holidays(country, day.year)


@dataclass(frozen=True)
class Workdays:
    """The working days: Monday to Friday, less the public holidays of a country if one is given. `day in workdays`."""

    country: str | None = None

    def __post_init__(self) -> None:
        if self.country is not None:
            country_code(self.country)

    def __contains__(self, day: date) -> bool:
        return day.weekday() < 5 and not is_public_holiday(self.country, day)

    def count(self, day: date, amount: int) -> date:
        """The working day that is `amount` working days after that day, or before it if negative."""
        step = _DAY if amount > 0 else -_DAY
        for _ in range(abs(amount)):
            day += step
            while day not in self:
                day += step
        return day


@_inside_the_calendar()
def add(start: datetime, duration: Duration, zone: ZoneInfo, workdays: Workdays) -> datetime:
    """`start` and a duration (or a negative offset): days, weeks and working days keep the local time of `zone`,
    hours and shorter are elapsed (STEP_13). Nothing added is `start` itself, whatever day that is."""
    local = _local(start, zone)
    if duration.amount == 0:
        return start
    if duration.elapsed:
        return start.astimezone(UTC) + timedelta(**{duration.unit: duration.amount})
    if duration.unit == "workdays":
        day = workdays.count(local.date(), duration.amount)
    else:
        day = local.date() + timedelta(**{duration.unit: duration.amount})
    return resolve_local(day, local.time(), zone)


@_inside_the_calendar()
def end_of_wait(start: datetime, duration: Duration, frozen: timedelta, zone: ZoneInfo, workdays: Workdays) -> datetime:
    """When a wait that began at `start` and has stood still for `frozen` is over: later by so much (LIFE_12).

    A wait of working days ends on one: else when the next of them begins.
    """
    end = add(start, duration, zone, workdays) + frozen
    day = end.astimezone(zone).date()
    if not frozen or duration.unit != "workdays" or day in workdays:
        return end
    return resolve_local(workdays.count(day, 1), time(), zone)


@_inside_the_calendar()
def until_weekday(start: datetime, weekday: Weekday, clock: TimeOfDay, zone: ZoneInfo) -> datetime:
    """The next such weekday and time strictly after `start` (STEP_13)."""
    day = _local(start, zone).date()
    while True:
        local = clock.on(day)
        if Weekday.of(day) is weekday and (moment := resolve_local(local.date(), local.time(), zone)) > start:
            return moment
        day += _DAY


def only_on(at: datetime, weekdays: Collection[Weekday], zone: ZoneInfo) -> datetime:
    """`at` if its local weekday is allowed, else the same local time of the next day that is (STEP_19)."""
    return _same_time_on(at, zone, lambda day: Weekday.of(day) in weekdays)


@_inside_the_calendar()
def _same_time_on(at: datetime, zone: ZoneInfo, allowed: Callable[[date], bool]) -> datetime:
    local = _local(at, zone)
    if allowed(local.date()):
        return at
    for days in range(1, _SEARCH_DAYS + 1):
        moment = resolve_local(local.date() + timedelta(days=days), local.time(), zone)
        # A skipped time shortly before midnight resolves into the next day.
        if allowed(moment.astimezone(zone).date()):
            return moment
    raise NoSuchMomentError(f"No day is allowed in the {_SEARCH_DAYS} days from {local.date()}. Allow at least one.")


class Window(Strict):
    """The hours in which messages may be sent."""

    model_config = ConfigDict(title="Sending window", populate_by_name=False, serialize_by_alias=True)

    days: Literal["workdays", "every_day"] = Field(
        title="Days", description="On which days it opens: workdays, by the flow's calendar, or every_day."
    )
    start: TimeOfDay = Field(alias="from", title="From", description="Local time at which it opens.")
    end: TimeOfDay = Field(
        alias="to",
        title="To",
        description="Local time at which it closes; earlier than from means the next day, after midnight.",
    )
    outside: Literal["wait", "skip"] = Field(
        default="wait",
        title="Outside the window",
        description="What a message does that comes outside: wait until it opens, or be skipped.",
    )
    zone: Literal["flow", "person"] = Field(
        default="flow", title="Time zone", description="Whose local time counts: the flow's or the person's."
    )

    @field_validator("start")
    @classmethod
    def _opens_within_the_day(cls, start: TimeOfDay) -> TimeOfDay:
        if start.hour == 24:
            raise ValueError("A window cannot open at 24:00. Write “00:00”.")
        return start

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        if self.start == self.end:
            raise ValueError(
                f"The window from {self.start} to {self.end} has no length. Write two different times; "
                "the whole day is from “00:00” to “24:00”."
            )
        return self

    @property
    def weekdays(self) -> frozenset[Weekday]:
        """The days of the week on which it may be open, by its own zone's clock."""
        if self.days == "every_day":
            return frozenset(Weekday)
        after_midnight = TimeOfDay(0, 0) < self.end < self.start
        return frozenset(list(Weekday)[: 6 if after_midnight else 5])

    @_inside_the_calendar()
    def opens(self, at: datetime, zone: ZoneInfo, workdays: Workdays) -> datetime:
        """`at` if the window is open then, else its next opening; `to` is outside (STEP_19).

        Over midnight, the day that counts is the one on which it opened.
        """
        today = _local(at, zone).date()
        for days in range(-1, _SEARCH_DAYS + 1):
            day = today + timedelta(days=days)
            if self.days == "workdays" and day not in workdays:
                continue
            start, end = self.start.on(day), self.end.on(day if self.start < self.end else day + _DAY)
            moment = max(at, resolve_local(start.date(), start.time(), zone))
            if moment < resolve_local(end.date(), end.time(), zone):
                return moment
        raise NoSuchMomentError(
            f"The window from {self.start} to {self.end} never opens in the {_SEARCH_DAYS} days from {today}. "
            "Choose other hours or days."
        )


class PauseDates(Strict):
    """Dates on which the flow does nothing."""

    model_config = ConfigDict(title="Pause dates")

    holidays: CountryCode | None = Field(
        default=None, title="Public holidays", description="The country whose public holidays are pause dates."
    )
    dates: list[date] = Field(
        default=[],
        title="Dates",
        description="Single dates, in the flow's time zone.",
        examples=[["2026-12-24", "2026-12-31"]],
    )

    def permitted(self, at: datetime, zone: ZoneInfo) -> datetime:
        """`at`, or on a pause date the same local time of the next day that is none (LIFE_13)."""
        return _same_time_on(at, zone, lambda day: day not in self.dates and not is_public_holiday(self.holidays, day))
