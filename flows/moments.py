"""Points in time as a flow file writes them: with an offset, or in the flow's own time zone (CONTRACT.md)."""

import re
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from flows.calendar import resolve_local
from flows.catalog import suggestion

_FORM = re.compile(
    "[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)


def read_moment(value: object) -> datetime:
    """A date, or a date and time, with or without an offset; a date alone is its first minute. ValueError otherwise."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    if isinstance(value, str) and _FORM.fullmatch(value):
        try:
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValueError(f"“{value}” does not exist. Write a date and time that the calendar has.") from None
    raise ValueError(f"“{value}” is not a date and time. Write for example “2026-12-01 08:00”.")


def write_moment(value: datetime) -> str:
    """The moment as `read_moment` reads it."""
    return value.isoformat(sep=" ", timespec="minutes" if value.second == value.microsecond == 0 else "auto")


Moment = Annotated[
    datetime,
    BeforeValidator(read_moment),
    PlainSerializer(write_moment, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^{_FORM.pattern}$",
            "examples": ["2026-12-01 08:00", "2026-12-01T08:00:00+01:00", "2026-12-01"],
            "description": "A date and time; without an offset in the flow's time zone. A date is its first minute.",
        }
    ),
]


def resolve(moment: datetime, zone: ZoneInfo) -> datetime:
    """The moment in UTC; without an offset it is local in `zone` (STEP_13)."""
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    return resolve_local(moment.date(), moment.time(), zone)


@cache
def time_zones() -> frozenset[str]:
    """The names of all time zones of the IANA database."""
    return frozenset(available_timezones())


def zone_or(name: object, otherwise: ZoneInfo) -> ZoneInfo:
    """The zone of that name, or `otherwise` if there is none, as with a person whose zone is not known."""
    return ZoneInfo(name) if isinstance(name, str) and name in time_zones() else otherwise


def _time_zone(value: object) -> str:
    if isinstance(value, str) and value in time_zones():
        return value
    close = suggestion(str(value), sorted(time_zones()))
    raise ValueError(f"“{value}” is not a time zone. Write its IANA name, for example “Europe/Oslo”. {close}".strip())


TimeZone = Annotated[
    str,
    BeforeValidator(_time_zone),
    WithJsonSchema(
        {
            "type": "string",
            "examples": ["Europe/Oslo", "America/New_York", "UTC"],
            "description": "A time zone by its IANA name.",
        }
    ),
]
