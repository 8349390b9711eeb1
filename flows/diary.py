"""Free time: when somebody works, and the first time that is not taken (STEP_6).

Pure. What is booked and when somebody is away is given as pairs of moments; moments are aware datetimes in UTC.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from flows.calendar import NoSuchMomentError, Workdays, add, is_public_holiday, resolve_local
from flows.units import Duration, TimeOfDay, Weekday

Span = tuple[datetime, datetime]
"""From a moment to a later one, which is no longer part of it."""

SEARCH = timedelta(days=400)
"""How far ahead a free time is looked for."""

_DAY = timedelta(days=1)
_QUARTER = 15 * 60


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of work on some days of the week; an end that is not after the start lies on the next day."""

    days: frozenset[Weekday]
    start: TimeOfDay
    end: TimeOfDay

    @staticmethod
    @cache
    def usual() -> tuple["Hours", ...]:
        """Monday to Friday, 08:00 to 16:00."""
        return (Hours(frozenset(list(Weekday)[:5]), TimeOfDay(8, 0), TimeOfDay(16, 0)),)

    def on(self, day: date, zone: ZoneInfo) -> Span:
        """The hours that begin on this day."""
        start, end = self.start.on(day), self.end.on(day if self.start < self.end else day + _DAY)
        return resolve_local(start.date(), start.time(), zone), resolve_local(end.date(), end.time(), zone)


@dataclass(frozen=True, slots=True)
class Diary:
    """When somebody works: hours in a zone, free on a country's public holidays, and away at times."""

    zone: ZoneInfo
    country: str | None
    hours: tuple[Hours, ...]
    absences: tuple[Span, ...] = ()

    def after(self, now: datetime, duration: Duration | None) -> datetime:
        """The moment from which on a time is wanted; working days are this country's."""
        return now if duration is None else add(now, duration, self.zone, Workdays(self.country))

    def first_free(self, earliest: datetime, length: timedelta, booked: Sequence[Span], until: datetime) -> datetime:
        """The first quarter of an hour from `earliest` on at which so much time is free, all of it before `until`.

        Raises NoSuchMomentError if there is none.
        """
        taken = sorted([*booked, *self.absences])
        first = 0
        for start, closes in _joined(self._working(earliest, until)):
            end = min(closes, until)  # what is booked from then on is not known
            moment = _quarter(max(start, earliest))
            while first < len(taken) and taken[first][1] <= start:
                first += 1
            for begins, ends in (taken[index] for index in range(first, len(taken))):
                if begins >= min(moment + length, end):
                    break
                if ends > moment:
                    moment = _quarter(ends)
            if moment + length <= end:
                return moment
        minutes = length // timedelta(minutes=1)
        raise NoSuchMomentError(
            f"There are no {minutes} minutes free between {earliest:%Y-%m-%d} and {until:%Y-%m-%d}. "
            "Give the associate more working hours, or choose another."
        )

    def _working(self, earliest: datetime, until: datetime) -> Iterator[Span]:
        """The working hours that end after one moment and begin before the other, in order."""
        day, last = (moment.astimezone(self.zone).date() for moment in (earliest - _DAY, until))
        while day <= last:
            if not is_public_holiday(self.country, day):
                spans = (hours.on(day, self.zone) for hours in self.hours if Weekday.of(day) in hours.days)
                yield from sorted(span for span in spans if span[0] < until and span[1] > earliest)
            day += _DAY


def _joined(spans: Iterator[Span]) -> Iterator[Span]:
    """The same time in fewer spans: what begins before another ends, or just then, goes on from it."""
    last: Span | None = None
    for span in spans:
        if last is not None and span[0] <= last[1]:
            last = last[0], max(last[1], span[1])
        else:
            if last is not None:
                yield last
            last = span
    if last is not None:
        yield last


def _quarter(moment: datetime) -> datetime:
    """The moment, or the next full quarter of an hour."""
    seconds = -(-moment.timestamp() // _QUARTER) * _QUARTER
    return datetime.fromtimestamp(seconds, UTC)
