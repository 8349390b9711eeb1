"""Local times, working days, windows and pause dates: STEP_13, STEP_19, LIFE_13.

Europe/Oslo in 2026: clocks go forward on 29 March at 02:00 (01:00 UTC) and back on 25 October at 03:00 (01:00 UTC).
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from flows.calendar import (
    CountryCode,
    NoSuchMomentError,
    PauseDates,
    Window,
    Workdays,
    add,
    end_of_wait,
    only_on,
    resolve_local,
    until_weekday,
)
from flows.units import Duration, Offset, TimeOfDay, Weekday

OSLO = ZoneInfo("Europe/Oslo")
TOKYO = ZoneInfo("Asia/Tokyo")
NUUK = ZoneInfo("America/Nuuk")  # goes forward from 23:00 on a Saturday to 00:00 on Sunday
HAVANA = ZoneInfo("America/Havana")  # goes forward from 00:00, back from 01:00 to 00:00
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # changes by half an hour
NORWAY = Workdays("NO")
MON_FRI = Workdays()


def local(text: str, zone: ZoneInfo = OSLO, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


moments = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))
zones = st.sampled_from([OSLO, TOKYO, NUUK, HAVANA, LORD_HOWE, ZoneInfo("America/Santiago"), ZoneInfo("UTC")])
calendars = st.sampled_from([MON_FRI, NORWAY, Workdays("US")])
clocks = st.builds(TimeOfDay, st.integers(0, 23), st.integers(0, 59))


class TestResolveLocal:
    @pytest.mark.parametrize(
        ("zone", "wall", "expected"),
        [
            (OSLO, "2026-03-29 01:59:59", "2026-03-29 00:59:59"),
            (OSLO, "2026-03-29 02:00", "2026-03-29 01:00"),
            (OSLO, "2026-03-29 02:30:15.5", "2026-03-29 01:00"),
            (OSLO, "2026-03-29 02:59:59.999999", "2026-03-29 01:00"),
            (OSLO, "2026-03-29 03:00", "2026-03-29 01:00"),
            (TOKYO, "2026-03-29 02:30", "2026-03-28 17:30"),
            (HAVANA, "2026-03-08 00:00", "2026-03-08 05:00"),
            (NUUK, "2026-03-28 23:30", "2026-03-29 01:00"),
            (LORD_HOWE, "2026-10-04 02:15", "2026-10-03 15:30"),
            (ZoneInfo("Pacific/Apia"), "2011-12-30 12:00", "2011-12-30 10:00"),
        ],
    )
    def test_STEP_13_a_time_that_does_not_exist_is_the_next_valid_one(
        self, zone: ZoneInfo, wall: str, expected: str
    ) -> None:
        at = datetime.fromisoformat(wall)
        assert resolve_local(at.date(), at.time(), zone) == utc(expected)

    @pytest.mark.parametrize(
        ("zone", "wall", "expected"),
        [
            (OSLO, "2026-10-25 02:00", "2026-10-25 00:00"),
            (OSLO, "2026-10-25 02:30", "2026-10-25 00:30"),
            (OSLO, "2026-10-25 03:00", "2026-10-25 02:00"),
            (TOKYO, "2026-10-25 02:30", "2026-10-24 17:30"),
        ],
    )
    def test_STEP_13_a_time_that_exists_twice_is_the_first(self, zone: ZoneInfo, wall: str, expected: str) -> None:
        at = datetime.fromisoformat(wall)
        assert resolve_local(at.date(), at.time(), zone) == utc(expected)
        assert resolve_local(at.date(), at.time().replace(fold=1), zone) == utc(expected)

    @given(st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)), zones)
    @example(datetime(2026, 3, 29, 2, 30), OSLO)
    def test_STEP_13_the_wall_clock_shows_that_time_or_the_first_one_after_it(
        self, wall: datetime, zone: ZoneInfo
    ) -> None:
        moment = resolve_local(wall.date(), wall.time(), zone)
        assert moment.tzinfo is UTC
        shown = moment.astimezone(zone).replace(tzinfo=None)
        assert shown >= wall
        if shown > wall:
            assert (moment - timedelta(microseconds=1)).astimezone(zone).replace(tzinfo=None) < wall


class TestAdd:
    @pytest.mark.parametrize(
        ("start", "duration", "expected"),
        [
            # Forward: the day of 29 March has 23 hours.
            ("2026-03-28 08:00", "1 day", "2026-03-29 08:00"),
            ("2026-03-28 08:00", "P1D", "2026-03-29 08:00"),
            ("2026-03-28 08:00", "24 hours", "2026-03-29 09:00"),
            ("2026-03-28 02:30", "1 day", "2026-03-29 03:00"),
            ("2026-03-27 02:30", "2 days", "2026-03-29 03:00"),
            ("2026-03-28 02:30", "2 days", "2026-03-30 02:30"),
            ("2026-03-29 01:30", "1 hour", "2026-03-29 03:30"),
            ("2026-03-29 01:59:30", "90 seconds", "2026-03-29 03:01"),
            ("2026-03-23 12:00", "1 week", "2026-03-30 12:00"),
            ("2026-03-27 12:00", "1 workday", "2026-03-30 12:00"),
            # Back: the day of 25 October has 25 hours.
            ("2026-10-24 08:00", "1 day", "2026-10-25 08:00"),
            ("2026-10-24 08:00", "24 hours", "2026-10-25 07:00"),
            ("2026-10-24 08:00", "1440 minutes", "2026-10-25 07:00"),
            ("2026-10-24 02:30", "1 day", "2026-10-25 02:30"),
            ("2026-10-19 12:00", "1 week", "2026-10-26 12:00"),
            ("2026-10-23 12:00", "1 working day", "2026-10-26 12:00"),
        ],
    )
    def test_STEP_13_days_keep_the_local_time_and_hours_are_elapsed(
        self, start: str, duration: str, expected: str
    ) -> None:
        assert add(local(start), Duration.parse(duration), OSLO, NORWAY) == local(expected)

    def test_STEP_13_from_a_time_that_exists_twice(self) -> None:
        first, second = local("2026-10-25 02:30"), local("2026-10-25 02:30", fold=1)
        assert second - first == timedelta(hours=1)
        assert add(first, Duration(1, "hours"), OSLO, NORWAY) == second
        for start in (first, second):
            assert add(start, Duration(1, "days"), OSLO, NORWAY) == local("2026-10-26 02:30")
            assert add(start, Duration(0, "days"), OSLO, NORWAY) == start

    @pytest.mark.parametrize("day", ["2026-03-28", "2026-10-24"])
    def test_STEP_13_where_clocks_never_change_a_day_is_24_hours(self, day: str) -> None:
        start = local(f"{day} 02:30", TOKYO)
        assert add(start, Duration(1, "days"), TOKYO, MON_FRI) == start + timedelta(hours=24)
        assert add(start, Duration(24, "hours"), TOKYO, MON_FRI) == start + timedelta(hours=24)

    @pytest.mark.parametrize(
        ("start", "offset", "expected"),
        [
            ("2026-03-30 08:00", "-1 day", "2026-03-29 08:00"),
            ("2026-03-30 02:30", "-1 day", "2026-03-29 03:00"),
            ("2026-03-29 08:00", "-24 hours", "2026-03-28 07:00"),
            ("2026-10-26 02:30", "-1 day", "2026-10-25 02:30"),
            ("2026-10-25 08:00", "-24 hours", "2026-10-24 09:00"),
            ("2026-12-24 09:00", "-3 days", "2026-12-21 09:00"),
            ("2026-12-24 09:00", "-1 week", "2026-12-17 09:00"),
            ("2026-12-28 09:00", "-2 workdays", "2026-12-23 09:00"),
        ],
    )
    def test_STEP_13_an_offset_before(self, start: str, offset: str, expected: str) -> None:
        assert add(local(start), Offset.parse(offset), OSLO, NORWAY) == local(expected)

    @pytest.mark.parametrize(
        ("start", "duration", "workdays", "expected"),
        [
            ("2027-05-14 10:00", "1 workday", NORWAY, "2027-05-18 10:00"),  # over Whit Monday, 17 May
            ("2027-05-14 10:00", "1 workday", MON_FRI, "2027-05-17 10:00"),
            ("2028-05-16 10:00", "1 workday", NORWAY, "2028-05-18 10:00"),  # 17 May 2028 is a Wednesday
            ("2026-11-20 10:00", "1 workday", NORWAY, "2026-11-23 10:00"),
            ("2026-11-21 10:00", "1 workday", NORWAY, "2026-11-23 10:00"),  # from a Saturday
            ("2026-11-21 10:00", "0 workdays", NORWAY, "2026-11-21 10:00"),
            ("2026-11-16 10:00", "5 workdays", NORWAY, "2026-11-23 10:00"),
            ("2026-12-31 10:00", "1 workday", NORWAY, "2027-01-04 10:00"),
            ("2026-03-31 10:00", "3 workdays", NORWAY, "2026-04-08 10:00"),  # over Easter
        ],
    )
    def test_STEP_13_working_days(self, start: str, duration: str, workdays: Workdays, expected: str) -> None:
        assert add(local(start), Duration.parse(duration), OSLO, workdays) == local(expected)

    def test_STEP_13_the_day_is_the_local_one(self) -> None:
        """Friday 23:30 UTC is Saturday in Oslo: the next working day is Monday, 00:30 there."""
        assert add(utc("2026-11-20 23:30"), Duration(1, "workdays"), OSLO, NORWAY) == utc("2026-11-22 23:30")

    @given(moments, st.integers(0, 500), st.sampled_from(["seconds", "hours", "days", "workdays", "weeks"]), zones)
    def test_STEP_13_never_before_the_start(self, at: datetime, amount: int, unit: Any, zone: ZoneInfo) -> None:
        later = add(at, Duration(amount, unit), zone, NORWAY)
        assert (later > at) is (amount > 0)
        assert (add(at, Offset(-amount, unit), zone, NORWAY) < at) is (amount > 0)
        if unit == "workdays" and amount and zone is TOKYO:
            assert later.astimezone(zone).date() in NORWAY

    def test_SAFE_5_a_date_beyond_the_calendar_is_said_plainly(self) -> None:
        for start, offset in (("9999-12-31 12:00", "1 day"), ("0001-01-01 12:00", "-2 workdays")):
            with pytest.raises(NoSuchMomentError, match="closer to today"):
                add(utc(start), Offset.parse(offset), TOKYO, NORWAY)

    def test_a_moment_without_a_zone_is_refused(self) -> None:
        with pytest.raises(ValueError, match="Pass a moment in UTC"):
            add(datetime(2026, 1, 1), Duration(1, "hours"), OSLO, NORWAY)


class TestUntilWeekday:
    @pytest.mark.parametrize(
        ("start", "weekday", "clock", "expected"),
        [
            ("2026-11-20 07:59", "fri", "08:00", "2026-11-20 08:00"),
            ("2026-11-20 08:00", "fri", "08:00", "2026-11-27 08:00"),
            ("2026-11-20 08:01", "mon", "08:00", "2026-11-23 08:00"),
            ("2026-03-28 12:00", "sun", "02:30", "2026-03-29 03:00"),
            ("2026-10-24 12:00", "sun", "02:30", "2026-10-25 02:30"),
            ("2026-11-20 12:00", "sat", "24:00", "2026-11-22 00:00"),
        ],
    )
    def test_STEP_13_the_next_such_moment(self, start: str, weekday: str, clock: str, expected: str) -> None:
        assert until_weekday(local(start), Weekday(weekday), TimeOfDay.parse(clock), OSLO) == local(expected)

    def test_STEP_13_the_second_showing_of_a_time_is_after_the_first(self) -> None:
        second = local("2026-10-25 02:30", fold=1)
        assert until_weekday(second, Weekday.SUN, TimeOfDay(2, 30), OSLO) == local("2026-11-01 02:30")

    @given(moments, st.sampled_from(Weekday), clocks, zones)
    def test_STEP_13_strictly_after_and_within_a_week(
        self, at: datetime, weekday: Weekday, clock: TimeOfDay, zone: ZoneInfo
    ) -> None:
        moment = until_weekday(at, weekday, clock, zone)
        assert at < moment <= at + timedelta(days=7, hours=1)
        shown = moment.astimezone(zone)
        skipped = timedelta(hours=1)
        assert timedelta() <= shown.replace(tzinfo=None) - clock.on((shown - skipped).date()) <= timedelta(days=1)
        if zone is TOKYO:
            assert (Weekday.of(shown.date()), shown.time()) == (weekday, time(clock.hour, clock.minute))


class TestWorkdays:
    def test_public_holidays_are_no_working_days(self) -> None:
        assert date(2027, 5, 17) not in NORWAY
        assert date(2027, 5, 17) in MON_FRI
        assert date(2027, 5, 18) in NORWAY
        assert date(2026, 5, 17) not in MON_FRI  # a Sunday
        assert date(2021, 12, 31) not in Workdays("US")  # New Year's Day 2022, observed

    def test_an_unknown_country_is_refused(self) -> None:
        with pytest.raises(ValueError, match="“XX” is not a country"):
            Workdays("XX")

    @pytest.mark.parametrize(
        ("value", "says"),
        [
            ("no", "Write “NO”"),
            ("NOR", "Write “NO”"),
            ("Norway", "Write “NO”"),
            ("UK", "Write “GB”"),
            ("Atlantis", "two-letter ISO 3166 code of one, for example “NO”"),
            ("", "for example “NO”"),
            (False, "in quotes"),  # what YAML 1.1 makes of NO
        ],
    )
    def test_SAFE_5_a_country_is_refused_with_the_right_code(self, value: object, says: str) -> None:
        with pytest.raises(ValidationError, match=re.escape(says)):
            TypeAdapter(CountryCode).validate_python(value)

    def test_a_country_code_is_kept_and_described(self) -> None:
        assert TypeAdapter(CountryCode).validate_python("NO") == "NO"
        assert TypeAdapter(CountryCode).json_schema()["pattern"] == "^[A-Z]{2}$"


def window(start: str, end: str, days: str = "every_day", **more: str) -> Window:
    return Window.model_validate({"days": days, "from": start, "to": end, **more})


class TestWindow:
    @pytest.mark.parametrize(
        ("at", "expected"),
        [
            ("2026-11-20 07:59:59", "2026-11-20 08:00"),
            ("2026-11-20 08:00", "2026-11-20 08:00"),
            ("2026-11-20 12:34:56", "2026-11-20 12:34:56"),
            ("2026-11-20 19:59:59", "2026-11-20 19:59:59"),
            ("2026-11-20 20:00", "2026-11-23 08:00"),
            ("2026-11-21 12:00", "2026-11-23 08:00"),
            ("2027-05-14 21:00", "2027-05-18 08:00"),  # Whit Monday and 17 May
            ("2026-03-28 12:00", "2026-03-30 08:00"),
            ("2026-10-24 12:00", "2026-10-26 08:00"),
        ],
    )
    def test_STEP_19_workdays(self, at: str, expected: str) -> None:
        assert window("08:00", "20:00", "workdays").opens(local(at), OSLO, NORWAY) == local(expected)

    @pytest.mark.parametrize(
        ("days", "at", "expected"),
        [
            ("every_day", "2026-11-20 21:59", "2026-11-20 22:00"),
            ("every_day", "2026-11-20 23:00", "2026-11-20 23:00"),
            ("every_day", "2026-11-21 05:59", "2026-11-21 05:59"),
            ("every_day", "2026-11-21 06:00", "2026-11-21 22:00"),
            ("workdays", "2026-11-20 23:00", "2026-11-20 23:00"),
            ("workdays", "2026-11-21 05:59", "2026-11-21 05:59"),  # Saturday, opened on Friday
            ("workdays", "2026-11-21 06:00", "2026-11-23 22:00"),
            ("workdays", "2026-11-23 05:00", "2026-11-23 22:00"),  # Monday, Sunday's did not open
            ("workdays", "2027-05-18 05:00", "2027-05-18 22:00"),  # 17 May's did not open
        ],
    )
    def test_STEP_19_over_midnight_the_day_it_opened_counts(self, days: str, at: str, expected: str) -> None:
        assert window("22:00", "06:00", days).opens(local(at), OSLO, NORWAY) == local(expected)

    def test_STEP_19_over_a_clock_change(self) -> None:
        opens = window("02:15", "02:45").opens
        assert opens(local("2026-03-29 01:00"), OSLO, NORWAY) == local("2026-03-30 02:15")  # skipped that night
        first, second = local("2026-10-25 02:30"), local("2026-10-25 02:30", fold=1)
        assert opens(first, OSLO, NORWAY) == first
        assert opens(second, OSLO, NORWAY) == local("2026-10-26 02:15")
        assert window("02:30", "08:00").opens(local("2026-03-29 01:59"), OSLO, NORWAY) == local("2026-03-29 03:00")
        night = window("22:00", "06:00")
        for at in ("2026-03-29 05:59", "2026-10-25 05:59"):
            assert night.opens(local(at), OSLO, NORWAY) == local(at)
        assert night.opens(local("2026-03-29 06:00"), OSLO, NORWAY) == local("2026-03-29 22:00")

    def test_STEP_19_a_whole_day(self) -> None:
        whole = window("00:00", "24:00", "workdays")
        assert whole.opens(local("2026-11-20 23:59:59"), OSLO, NORWAY) == local("2026-11-20 23:59:59")
        assert whole.opens(local("2026-11-21 00:00"), OSLO, NORWAY) == local("2026-11-23 00:00")

    def test_STEP_19_the_zone_decides(self) -> None:
        at = utc("2026-11-20 07:30")
        assert window("08:00", "20:00").opens(at, OSLO, NORWAY) == at
        assert window("08:00", "16:00").opens(at, TOKYO, NORWAY) == local("2026-11-21 08:00", TOKYO)

    def test_STEP_19_the_local_day_counts_where_utc_is_already_in_the_next(self) -> None:
        at = local("2026-11-20 17:00", ZoneInfo("America/Los_Angeles"))
        assert window("20:00", "18:00").opens(at, ZoneInfo("America/Los_Angeles"), NORWAY) == at

    def test_STEP_19_defaults(self) -> None:
        assert (window("08:00", "20:00").outside, window("08:00", "20:00").zone) == ("wait", "flow")

    def test_STEP_19_a_window_that_never_opens_is_said_plainly(self) -> None:
        class Holiday(Workdays):
            def __contains__(self, day: date) -> bool:
                return False

        with pytest.raises(NoSuchMomentError, match=r"08:00 to 20:00 never opens in the 400 days from 2026-11-20"):
            window("08:00", "20:00", "workdays").opens(local("2026-11-20 08:00"), OSLO, Holiday())

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"from": "08:00", "to": "08:00"}, "from 08:00 to 08:00 has no length. Write two different times"),
            ({"from": "24:00"}, "Write “00:00”"),
            ({"from": "8"}, "Write for example “08:00”"),
            ({"days": "weekends"}, "'workdays' or 'every_day'"),
            ({"outside": "drop"}, "'wait' or 'skip'"),
            ({"start": "08:00"}, "Extra inputs are not permitted"),
        ],
    )
    def test_STEP_19_SAFE_5_a_wrong_window_is_refused(self, change: dict[str, str], says: str) -> None:
        with pytest.raises(ValidationError, match=re.escape(says)):
            Window.model_validate({"days": "workdays", "from": "08:00", "to": "20:00"} | change)

    @given(clocks, clocks | st.just(TimeOfDay(24, 0)), st.sampled_from(["workdays", "every_day"]), moments, zones)
    def test_STEP_19_open_at_the_result_and_never_before(
        self, start: TimeOfDay, end: TimeOfDay, days: str, at: datetime, zone: ZoneInfo
    ) -> None:
        if start == end:
            return
        moment = window(str(start), str(end), days).opens(at, zone, NORWAY)
        assert moment >= at
        assert window(str(start), str(end), days).opens(moment, zone, NORWAY) == moment
        shown = moment.astimezone(zone)
        if zone is TOKYO:
            clock = TimeOfDay(shown.hour, shown.minute)
            evening = start <= clock and (clock < end or end < start)
            assert evening or clock < end < start
            assert days == "every_day" or (shown.date() if evening else shown.date() - timedelta(days=1)) in NORWAY

    @given(clocks, clocks, st.sampled_from(["wait", "skip"]), st.sampled_from(["flow", "person"]))
    def test_parse_print_parse_is_equal(self, start: TimeOfDay, end: TimeOfDay, outside: str, zone: str) -> None:
        if start == end:
            return
        parsed = window(str(start), str(end), outside=outside, zone=zone)
        printed = parsed.model_dump(mode="json")
        assert printed["from"] == str(start)
        assert Window.model_validate(printed) == parsed
        jsonschema.validate(printed, Window.model_json_schema())


class TestPauseDates:
    @pytest.mark.parametrize(
        ("at", "expected"),
        [
            ("2027-05-14 10:00", "2027-05-14 10:00"),
            ("2027-05-15 10:00", "2027-05-15 10:00"),  # a Saturday is no holiday
            ("2027-05-17 10:00", "2027-05-18 10:00"),
            ("2026-12-25 10:15:30", "2026-12-27 10:15:30"),
            ("2026-12-31 10:00", "2027-01-02 10:00"),  # the date, then New Year's Day
            ("2027-05-16 23:59", "2027-05-19 23:59"),  # Whit Sunday, 17 May, then the date
        ],
    )
    def test_LIFE_13_the_same_local_time_of_the_next_permitted_day(self, at: str, expected: str) -> None:
        pause = PauseDates(holidays="NO", dates=[date(2026, 12, 31), date(2027, 5, 18)])
        if at == "2027-05-17 10:00":
            pause = PauseDates(holidays="NO")
        assert pause.permitted(local(at), OSLO) == local(expected)

    def test_LIFE_13_over_a_clock_change_and_by_the_local_date(self) -> None:
        pause = PauseDates(dates=[date(2026, 3, 28), date(2026, 10, 24)])
        assert pause.permitted(local("2026-03-28 08:00"), OSLO) == local("2026-03-29 08:00")
        assert pause.permitted(local("2026-03-28 02:30"), OSLO) == local("2026-03-29 03:00")
        assert pause.permitted(local("2026-10-24 08:00"), OSLO) == local("2026-10-25 08:00")
        assert pause.permitted(utc("2026-03-27 23:30"), OSLO) == local("2026-03-29 00:30")
        assert pause.permitted(utc("2026-03-27 23:30"), ZoneInfo("UTC")) == utc("2026-03-27 23:30")

    def test_LIFE_13_none_is_no_pause(self) -> None:
        assert PauseDates().permitted(local("2027-05-17 10:00"), OSLO) == local("2027-05-17 10:00")

    def test_LIFE_13_no_permitted_day_is_said_plainly(self) -> None:
        pause = PauseDates(dates=[date(2026, 1, 1) + timedelta(days=day) for day in range(500)])
        with pytest.raises(NoSuchMomentError, match="No day is allowed in the 400 days from 2026-01-02"):
            pause.permitted(local("2026-01-02 10:00"), OSLO)

    def test_SAFE_5_wrong_pause_dates_are_refused(self) -> None:
        for wrong in ({"holidays": "XX"}, {"dates": ["2026-02-30"]}, {"date": ["2026-12-31"]}):
            with pytest.raises(ValidationError):
                PauseDates.model_validate(wrong)

    @given(moments, zones)
    def test_LIFE_13_permitted_at_the_result_and_never_before(self, at: datetime, zone: ZoneInfo) -> None:
        pause = PauseDates(holidays="NO", dates=[at.date(), at.date() + timedelta(days=2)])
        moment = pause.permitted(at, zone)
        assert moment >= at
        assert pause.permitted(moment, zone) == moment
        assert moment.astimezone(zone).date() not in pause.dates

    def test_parse_print_parse_is_equal(self) -> None:
        pause = PauseDates.model_validate({"holidays": "NO", "dates": ["2026-12-31"]})
        assert PauseDates.model_validate(pause.model_dump(mode="json")) == pause


class TestOnlyOn:
    @pytest.mark.parametrize(
        ("at", "expected"),
        [
            ("2026-11-23 10:00", "2026-11-23 10:00"),
            ("2026-11-25 10:00", "2026-11-30 10:00"),
            ("2026-03-28 02:30", "2026-03-30 02:30"),
            ("2026-10-25 02:30", "2026-10-26 02:30"),
        ],
    )
    def test_STEP_19_the_same_local_time_of_the_next_allowed_day(self, at: str, expected: str) -> None:
        assert only_on(local(at), [Weekday.MON, Weekday.TUE], OSLO) == local(expected)

    def test_STEP_19_a_skipped_time_before_midnight_does_not_slip_into_a_day_that_is_not_allowed(self) -> None:
        """In Nuuk 23:30 on Saturday 28 March 2026 does not exist, and the next valid time is on Sunday."""
        at = local("2026-03-27 23:30", NUUK)
        assert only_on(at, [Weekday.SAT], NUUK) == local("2026-04-04 23:30", NUUK)

    def test_STEP_19_no_weekday_at_all_is_said_plainly(self) -> None:
        with pytest.raises(NoSuchMomentError, match="Allow at least one"):
            only_on(local("2026-11-23 10:00"), [], OSLO)

    @given(moments, st.sets(st.sampled_from(Weekday), min_size=1), zones)
    def test_STEP_19_allowed_at_the_result_and_never_before(
        self, at: datetime, weekdays: set[Weekday], zone: ZoneInfo
    ) -> None:
        moment = only_on(at, weekdays, zone)
        assert moment >= at
        assert Weekday.of(moment.astimezone(zone).date()) in weekdays


def test_SAFE_5_the_last_day_of_the_calendar_has_no_next() -> None:
    last = utc("9999-12-31 12:00")
    asks: list[Callable[[], datetime]] = [
        lambda: until_weekday(last, Weekday.MON, TimeOfDay(8, 0), TOKYO),
        lambda: window("08:00", "09:00").opens(last, TOKYO, NORWAY),
        lambda: only_on(last, [Weekday.MON], OSLO),
        lambda: PauseDates(dates=[date(9999, 12, 31)]).permitted(last, OSLO),
        lambda: resolve_local(date(1, 1, 1), time(0, 0), TOKYO),
    ]
    for ask in asks:
        with pytest.raises(NoSuchMomentError, match="closer to today"):
            ask()


@pytest.mark.parametrize("model", [Window, PauseDates])
def test_every_field_has_a_title_and_a_description(model: type[Window] | type[PauseDates]) -> None:
    for name, field in model.model_json_schema()["properties"].items():
        assert field["title"], name
        assert field["description"], name


@pytest.mark.parametrize(
    ("frozen", "ends"),
    [(0, "2026-03-18T20:00"), (3, "2026-03-18T23:00"), (4, "2026-03-19T00:00"), (72, "2026-03-23T00:00")],
)
def test_LIFE_12_a_wait_of_working_days_that_stood_still_ends_later_and_on_one(frozen: int, ends: str) -> None:
    """Three of them from a Friday evening; where standing still leads into a weekend, the next working day's begin."""
    friday = datetime(2026, 3, 13, 20, tzinfo=UTC)
    end = end_of_wait(friday, Duration(3, "workdays"), timedelta(hours=frozen), ZoneInfo("UTC"), MON_FRI)
    assert end == datetime.fromisoformat(f"{ends}:00+00:00")


def test_LIFE_12_who_stood_still_longer_never_goes_on_earlier() -> None:
    """Whatever the unit and the day: an hour more is at most an hour more, and never less."""
    lengths = [Duration(2, "hours"), Duration(2, "days"), Duration(2, "weeks"), Duration(2, "workdays")]
    for length in lengths:
        for day in range(7):
            start = datetime(2026, 3, 23 + day, 17, 30, tzinfo=UTC)  # across the change of clock in Oslo
            ends = [end_of_wait(start, length, timedelta(hours=hours), OSLO, MON_FRI) for hours in range(100)]
            assert ends == sorted(ends), (length, day)
            assert ends[0] == add(start, length, OSLO, MON_FRI)
