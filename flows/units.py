"""The quantities of a flow file: durations, offsets, rates, shares, times of day and weekdays.

Each is a small frozen value that is read from the file's text with `parse` and printed canonically with `str`;
reading what was printed gives an equal value. As the type of a field of a pydantic model it validates, serialises
to text, and describes itself in the JSON Schema. Text that cannot be read raises a ValueError that shows a right one.
"""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, ClassVar, Literal, Self, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, SchemaSerializer, core_schema

DurationUnit = Literal["seconds", "minutes", "hours", "days", "workdays", "weeks"]
RateUnit = Literal["minute", "hour", "day", "week"]

_SECONDS: dict[DurationUnit, int] = {
    "seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400, "workdays": 86_400, "weeks": 604_800,
}  # fmt: skip
_LONGEST_DAYS = 36_500
_NUMBER = "([0-9]{1,10})"
_AS_TEXT = core_schema.to_string_ser_schema()


class TextValue(ABC):
    """A value that is text in a flow file. A subclass gives its `pattern`, which is exactly what `parse` reads."""

    noun: ClassVar[str]
    pattern: ClassVar[str]
    examples: ClassVar[tuple[str, ...]]
    description: ClassVar[str]

    # Where no field's schema leads, as for a default in a JSON Schema, pydantic would write a dataclass as an object.
    __pydantic_serializer__ = SchemaSerializer(core_schema.any_schema(serialization=_AS_TEXT))

    @classmethod
    @abstractmethod
    def parse(cls, text: str) -> Self:
        """Reads the text of a flow file; ValueError with a right example if it cannot be read."""

    @abstractmethod
    def __str__(self) -> str: ...

    @classmethod
    def refuse(cls, value: object, why: str = "") -> ValueError:
        """The error for a value that cannot be read: what it is, why not, and how to write it."""
        shown = f"“{value}”" if isinstance(value, str) else repr(value)
        shown = shown if len(shown) <= 60 else f"{shown[:60]}…"
        right = "” or “".join(cls.examples[:3])
        return ValueError(f"{shown} is not {cls.noun}{why and f': {why}'}. Write for example “{right}”.")

    @classmethod
    def match(cls, text: str) -> re.Match[str]:
        if found := re.fullmatch(cls.pattern, text):
            return found
        raise cls.refuse(text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: object) -> TextValue:
            if type(value) is cls:
                return value
            if isinstance(value, str):
                return cls.parse(value)
            raise cls.refuse(value, "it has to be text, with its unit and where needed in quotes")

        return core_schema.no_info_plain_validator_function(read, serialization=_AS_TEXT)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "type": "string",
            "pattern": cls.pattern,
            "examples": list(cls.examples),
            "description": cls.description,
        }


@dataclass(frozen=True)
class Duration(TextValue):
    """A length of time, `3 days` or ISO 8601 `P3D`. What a day means on a clock is said by `flows.calendar.add`."""

    amount: int
    unit: DurationUnit

    noun = "a duration"
    pattern = (
        rf"^(?:{_NUMBER} (second|minute|hour|day|workday|working day|week)s?"
        rf"|P(?:{_NUMBER}W|{_NUMBER}D|T(?=[0-9])(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?))$"
    )
    examples: ClassVar[tuple[str, ...]] = ("3 days", "2 hours", "90 seconds", "5 workdays", "1 week", "PT90S")
    description = (
        "A whole number and a unit: seconds, minutes, hours, days, workdays or weeks; or ISO 8601. "
        "Days, workdays and weeks keep the local time of day; hours and shorter are elapsed time."
    )

    def __post_init__(self) -> None:
        if abs(self.amount) * _SECONDS[self.unit] > _LONGEST_DAYS * _SECONDS["days"]:
            raise self.refuse(str(self), f"it is longer than {_LONGEST_DAYS} days")
        self.match(str(self))

    @classmethod
    def parse(cls, text: str) -> Self:
        found = re.fullmatch(cls.pattern, text)
        if found is None:
            raise cls.refuse(text, _why_no_duration(text))
        sign = -1 if text.startswith("-") else 1
        amount, word, weeks, days, *clock = found.groups()
        if word:
            return cls(sign * int(amount), _UNITS[word])
        if weeks:
            return cls(sign * int(weeks), "weeks")
        if days:
            return cls(sign * int(days), "days")
        parts: list[tuple[int, DurationUnit]] = [
            (int(number), unit) for number, unit in zip(clock, _CLOCK_UNITS, strict=True) if number is not None
        ]
        if len(parts) == 1:
            return cls(sign * parts[0][0], parts[0][1])
        return cls(sign * sum(number * _SECONDS[unit] for number, unit in parts), "seconds")

    @property
    def elapsed(self) -> bool:
        """True for hours and shorter, which are elapsed time; False for what keeps the local time of day (STEP_13)."""
        return self.unit in _CLOCK_UNITS

    def __str__(self) -> str:
        return f"{self.amount} {self.unit.removesuffix('s') if abs(self.amount) == 1 else self.unit}"


@dataclass(frozen=True)
class Offset(Duration):
    """A duration from a date that may lie before it: `-3 days`."""

    noun = "an offset"
    pattern = Duration.pattern.replace("^", "^-?", 1)
    examples = ("-3 days", "2 hours", "-5 workdays", "1 week", "-P3D")
    description = "A duration after a date, or with a minus before it. " + Duration.description


_CLOCK_UNITS: tuple[DurationUnit, ...] = ("hours", "minutes", "seconds")
_UNITS: dict[str, DurationUnit] = {unit.removesuffix("s"): unit for unit in get_args(DurationUnit)} | {
    "working day": "workdays"
}


def _why_no_duration(text: str) -> str:
    reasons = {
        Offset.pattern: "only an offset before or after a date can be negative",
        r"-?[0-9]+": "it has no unit",
        r"-?[0-9]*[.,][0-9]+ .*|-?P.*[.,].*": "only whole numbers can be used, such as 90 minutes for 1.5 hours",
        r".*\b(months?|years?)|-?P[0-9]*[YM].*": "months and years differ in length, so use days or weeks",
        r"-?P.*[DW]T.*": "days keep the local time and hours do not, so use only one of them, P1D or PT26H",
    }
    return next((why for pattern, why in reasons.items() if re.fullmatch(pattern, text)), "")


@dataclass(frozen=True)
class Rate(TextValue):
    """At most so many in each minute, hour, day or week: `600 per minute`."""

    count: int
    unit: RateUnit

    noun = "a rate"
    pattern = r"^([1-9][0-9]{0,8}) per (minute|hour|day|week)$"
    examples = ("600 per minute", "50 per hour", "3 per week")
    description = "A whole number from 1 and per minute, per hour, per day or per week."

    def __post_init__(self) -> None:
        self.match(str(self))

    @classmethod
    def parse(cls, text: str) -> Self:
        count, unit = cls.match(text).groups()
        return cls(int(count), next(known for known in get_args(RateUnit) if known == unit))

    @property
    def per(self) -> timedelta:
        """The length of the period that `count` is allowed in."""
        return timedelta(**{f"{self.unit}s": 1})

    def __str__(self) -> str:
        return f"{self.count} per {self.unit}"


@dataclass(frozen=True)
class Share(TextValue):
    """A part of a whole, above 0 and at most 100 percent: `12.5 percent`."""

    percent: Decimal

    noun = "a share"
    pattern = r"^([0-9]{1,3}(?:\.[0-9]{1,6})?) percent$"
    examples = ("10 percent", "12.5 percent")
    description = "A number above 0 and at most 100, and the word percent."

    def __post_init__(self) -> None:
        if not 0 < self.percent <= 100:
            raise self.refuse(str(self), "it has to be above 0 and at most 100")

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(Decimal(cls.match(text)[1]))

    @property
    def fraction(self) -> Fraction:
        """The share of one, exact: 1/8 for 12.5 percent."""
        return Fraction(self.percent) / 100

    def __str__(self) -> str:
        return f"{self.percent.normalize():f} percent"


@dataclass(frozen=True, order=True)
class TimeOfDay(TextValue):
    """A local time of day to the minute, `08:00`; `24:00` is the end of a day."""

    hour: int
    minute: int

    noun = "a time of day"
    pattern = r"^([01][0-9]|2[0-3]):([0-5][0-9])$|^24:00$"
    examples = ("08:00", "17:30", "24:00")
    description = "Hours and minutes, two digits each, from 00:00 to 24:00, the end of the day. Best in quotes."

    def __post_init__(self) -> None:
        self.match(str(self))

    @classmethod
    def parse(cls, text: str) -> Self:
        hour, minute = cls.match(text)[0].split(":")
        return cls(int(hour), int(minute))

    def on(self, day: date) -> datetime:
        """This time on that day, without a zone; 24:00 is 00:00 of the next day."""
        return datetime.combine(day, time()) + timedelta(hours=self.hour, minutes=self.minute)

    def __str__(self) -> str:
        return f"{self.hour:02}:{self.minute:02}"


class Weekday(StrEnum):
    """A day of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"

    @classmethod
    def of(cls, day: date) -> "Weekday":
        """The weekday of a date."""
        return list(cls)[day.weekday()]
