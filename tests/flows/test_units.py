"""The text types of the flow file: parse, print, refuse, describe. STEP_13 (durations), SAFE_5 (errors)."""

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import get_args

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from flows.units import Duration, DurationUnit, Offset, Rate, RateUnit, Share, TextValue, TimeOfDay, Weekday

KINDS: list[type[TextValue]] = [Duration, Offset, Rate, Share, TimeOfDay]

durations = st.builds(Duration, st.integers(0, 5_000), st.sampled_from(get_args(DurationUnit)))
offsets = st.builds(Offset, st.integers(-5_000, 5_000), st.sampled_from(get_args(DurationUnit)))
rates = st.builds(Rate, st.integers(1, 999_999_999), st.sampled_from(get_args(RateUnit)))
shares = st.builds(Share, st.decimals(Decimal("0.01"), 100, places=4).filter(lambda share: share > 0))
times = st.builds(TimeOfDay, st.integers(0, 23), st.integers(0, 59)) | st.just(TimeOfDay(24, 0))


class Model(BaseModel):
    duration: Duration = Field(default=Duration(1, "days"), title="How long")
    offset: Offset = Offset(0, "days")
    rate: Rate = Rate(1, "day")
    share: Share = Share(Decimal(10))
    time: TimeOfDay = TimeOfDay(8, 0)
    weekday: Weekday = Weekday.MON


@pytest.mark.parametrize(
    ("text", "amount", "unit", "printed"),
    [
        ("3 days", 3, "days", "3 days"),
        ("1 day", 1, "days", "1 day"),
        ("1 days", 1, "days", "1 day"),
        ("2 hours", 2, "hours", "2 hours"),
        ("15 minutes", 15, "minutes", "15 minutes"),
        ("90 seconds", 90, "seconds", "90 seconds"),
        ("5 workdays", 5, "workdays", "5 workdays"),
        ("5 working days", 5, "workdays", "5 workdays"),
        ("1 working day", 1, "workdays", "1 workday"),
        ("1 week", 1, "weeks", "1 week"),
        ("PT90S", 90, "seconds", "90 seconds"),
        ("PT2H", 2, "hours", "2 hours"),
        ("PT30M", 30, "minutes", "30 minutes"),
        ("PT1H30M", 5_400, "seconds", "5400 seconds"),
        ("PT0H5S", 5, "seconds", "5 seconds"),
        ("P3D", 3, "days", "3 days"),
        ("P1W", 1, "weeks", "1 week"),
    ],
)
def test_STEP_13_a_duration_is_read_and_printed(text: str, amount: int, unit: DurationUnit, printed: str) -> None:
    assert Duration.parse(text) == Duration(amount, unit)
    assert str(Duration.parse(text)) == printed


def test_STEP_13_an_offset_may_be_negative_a_duration_may_not() -> None:
    assert Offset.parse("-3 days") == Offset(-3, "days")
    assert Offset.parse("-PT1H30M") == Offset(-5_400, "seconds")
    assert Offset.parse("2 workdays") == Offset(2, "workdays")
    assert str(Offset.parse("-1 week")) == "-1 week"
    for text in ("-3 days", "-P3D", "-0 days"):
        with pytest.raises(ValueError, match="only an offset"):
            Duration.parse(text)
    with pytest.raises(ValueError, match="not a duration"):
        Duration(-1, "days")
    with pytest.raises(ValidationError, match="not a duration"):
        Model(duration=Offset(-1, "days"))


def test_STEP_13_hours_and_shorter_are_elapsed() -> None:
    elapsed = {unit for unit in get_args(DurationUnit) if Duration(1, unit).elapsed}
    assert elapsed == {"seconds", "minutes", "hours"}


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        (Duration, "3", "has no unit"),
        (Duration, "3 moons", "“3 moons” is not a duration. Write for example “3 days”"),
        (Duration, "3days", "Write for example “3 days”"),
        (Duration, "3 days\n", "Write for example “3 days”"),
        (Duration, "٣ days", "Write for example “3 days”"),
        (Duration, "", "“” is not a duration"),
        (Duration, "P", "not a duration"),
        (Duration, "PT", "not a duration"),
        (Duration, "1.5 hours", "90 minutes"),
        (Duration, "PT1.5H", "whole numbers"),
        (Duration, "1 month", "months and years differ in length"),
        (Duration, "P1M", "months and years differ in length"),
        (Duration, "P1DT2H", "PT26H"),
        (Duration, "101 years", "months and years differ in length"),
        (Duration, "36501 days", "longer than 36500 days"),
        (Duration, "9999999999 weeks", "longer than 36500 days"),
        (Duration, "9" * 5_000 + " days", "Write for example “3 days”"),
        (Offset, "3 days before", "“-3 days”"),
        (Offset, "-36501 workdays", "longer than 36500 days"),
        (Rate, "0 per minute", "“600 per minute”"),
        (Rate, "600/minute", "“600 per minute”"),
        (Rate, "600 per second", "“50 per hour”"),
        (Share, "0 percent", "above 0 and at most 100"),
        (Share, "100.5 percent", "above 0 and at most 100"),
        (Share, "10%", "“10 percent”"),
        (Share, "0.1", "“12.5 percent”"),
        (TimeOfDay, "8:00", "“08:00”"),
        (TimeOfDay, "24:01", "“24:00”"),
        (TimeOfDay, "08:60", "“08:00”"),
        (TimeOfDay, "08:00:00", "“08:00”"),
    ],
)
def test_SAFE_5_what_cannot_be_read_is_refused_with_the_reason_and_a_right_example(
    kind: type[TextValue], text: str, says: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(says)) as refusal:
        kind.parse(text)
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize("value", [3, 480, 0.1, True, None, ["3 days"], date(2026, 1, 1)])
def test_SAFE_5_what_is_not_text_is_refused_with_a_right_example(value: object) -> None:
    data = dict.fromkeys(["duration", "offset", "rate", "share", "time"], value)
    with pytest.raises(ValidationError, match="it has to be text") as refusal:
        Model.model_validate(data)
    assert refusal.value.error_count() == 5
    assert "“08:00”" in str(refusal.value)


def test_a_value_that_could_not_be_written_cannot_be_made() -> None:
    for make in (
        lambda: Rate(0, "day"),
        lambda: Share(Decimal(0)),
        lambda: TimeOfDay(24, 30),
        lambda: Offset(36_501, "days"),
    ):
        with pytest.raises(ValueError, match="Write for example"):
            make()


def test_a_rate_has_a_count_and_a_period() -> None:
    assert (Rate.parse("600 per minute").count, Rate.parse("600 per minute").per) == (600, timedelta(minutes=1))
    assert [Rate(1, unit).per for unit in get_args(RateUnit)] == [
        timedelta(minutes=1),
        timedelta(hours=1),
        timedelta(days=1),
        timedelta(weeks=1),
    ]


def test_a_share_is_exact_and_prints_without_idle_zeros() -> None:
    assert Share.parse("12.5 percent").fraction == Fraction(1, 8)
    assert Share.parse("100 percent").fraction == 1
    assert Share.parse("0.1 percent").fraction == Fraction(1, 1_000)
    assert [str(Share.parse(text)) for text in ("12.50 percent", "100.0 percent", "010 percent")] == [
        "12.5 percent",
        "100 percent",
        "10 percent",
    ]
    assert Share.parse("12.50 percent") == Share.parse("12.5 percent")


def test_24_00_is_the_start_of_the_next_day() -> None:
    assert TimeOfDay.parse("24:00").on(date(2026, 12, 31)) == datetime(2027, 1, 1)
    assert TimeOfDay.parse("08:30").on(date(2026, 12, 31)) == datetime(2026, 12, 31, 8, 30)
    assert TimeOfDay.parse("08:30") < TimeOfDay.parse("10:00") < TimeOfDay.parse("24:00")


def test_weekdays_follow_the_calendar() -> None:
    assert [Weekday.of(date(2026, 11, 2) + timedelta(days=day)) for day in range(7)] == list(Weekday)
    assert Weekday.of(date(2026, 11, 22)) is Weekday.SUN


@given(durations | offsets | rates | shares | times)
def test_parse_print_parse_is_equal(value: TextValue) -> None:
    assert type(value).parse(str(value)) == value
    assert str(type(value).parse(str(value))) == str(value)


@given(st.data(), st.sampled_from(KINDS))
def test_the_published_pattern_is_what_is_read(data: st.DataObject, kind: type[TextValue]) -> None:
    """Whatever an editor accepts by the JSON Schema is read, save amounts out of bounds, which are refused as such."""
    text = data.draw(st.from_regex(kind.pattern, fullmatch=True).filter(lambda text: not text.endswith("\n")))
    try:
        value = kind.parse(text)
    except ValueError as refusal:
        assert re.search("longer than|above 0 and at most 100", str(refusal))  # noqa: PT017
    else:
        assert kind.parse(str(value)) == value


@given(
    st.builds(
        Model,
        duration=durations,
        offset=offsets,
        rate=rates,
        share=shares,
        time=times,
        weekday=st.sampled_from(Weekday),
    )
)
def test_a_model_reads_and_prints_them_as_text_by_its_own_schema(model: Model) -> None:
    printed = model.model_dump(mode="json")
    assert printed == {name: str(value) for name, value in model}
    assert Model.model_validate(printed) == model == Model.model_validate_json(model.model_dump_json())
    jsonschema.validate(printed, SCHEMA)


SCHEMA = Model.model_json_schema()


def test_the_json_schema_helps_an_editor() -> None:
    assert Model.model_json_schema(mode="serialization") == SCHEMA
    for name, kind in zip(Model.model_fields, KINDS, strict=False):
        field = SCHEMA["properties"][name]
        assert field["type"] == "string"
        assert field["description"]
        assert field["default"] == str(Model.model_fields[name].default)
        for example in field["examples"]:
            assert re.search(field["pattern"], example)
            kind.parse(example)
    assert SCHEMA["properties"]["duration"]["title"] == "How long"
    assert SCHEMA["$defs"]["Weekday"]["enum"] == ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    for wrong in ({"duration": "-3 days"}, {"time": "25:00"}, {"rate": "0 per day"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, SCHEMA)
