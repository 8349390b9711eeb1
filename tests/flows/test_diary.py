"""STEP_6: the first free time, in the owner's own calendar."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.calendar import NoSuchMomentError
from flows.diary import Diary, Hours
from flows.units import Duration, TimeOfDay, Weekday

OSLO = ZoneInfo("Europe/Oslo")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
USUAL = Diary(OSLO, "NO", Hours.usual())


def oslo(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=OSLO).astimezone(UTC)


def first(earliest: str, *booked: tuple[str, str], diary: Diary = USUAL, length: timedelta = HOUR) -> str:
    spans = [(oslo(start), oslo(end)) for start, end in booked]
    moment = diary.first_free(oslo(earliest), length, spans, oslo(earliest) + timedelta(days=400))
    return f"{moment.astimezone(OSLO):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("earliest", "booked", "expected"),
    [
        ("2026-12-01 07:00", [], "2026-12-01 08:00"),
        ("2026-12-01 09:01", [], "2026-12-01 09:15"),
        ("2026-12-01 15:01", [], "2026-12-02 08:00"),  # an hour does not fit in any more
        ("2026-12-04 16:00", [], "2026-12-07 08:00"),  # over the weekend
        ("2026-12-23 15:30", [], "2026-12-24 08:00"),
        ("2026-12-24 15:30", [], "2026-12-28 08:00"),  # Christmas
        ("2026-12-01 08:00", [("2026-12-01 08:30", "2026-12-01 09:00")], "2026-12-01 09:00"),
        ("2026-12-01 08:00", [("2026-12-01 09:00", "2026-12-01 16:00")], "2026-12-01 08:00"),
        ("2026-12-01 08:00", [("2026-11-30 12:00", "2026-12-01 15:20")], "2026-12-02 08:00"),
        # Two that overlap, the longer one first; and one that lies in another.
        (
            "2026-12-01 08:00",
            [("2026-12-01 08:00", "2026-12-01 12:00"), ("2026-12-01 09:00", "2026-12-01 10:00")],
            "2026-12-01 12:00",
        ),
    ],
)
def test_STEP_6_working_hours_holidays_and_what_is_booked(
    earliest: str, booked: list[tuple[str, str]], expected: str
) -> None:
    assert first(earliest, *booked) == expected


def test_STEP_6_absences_and_hours_of_ones_own() -> None:
    night = Hours(frozenset({Weekday.SAT}), TimeOfDay(22, 0), TimeOfDay(2, 0))
    short = Hours(frozenset({Weekday.MON}), TimeOfDay(9, 0), TimeOfDay(9, 45))
    away = (oslo("2026-12-05 00:00"), oslo("2026-12-06 00:30"))
    diary = Diary(OSLO, None, (night, short), (away,))
    assert first("2026-12-01 12:00", diary=diary) == "2026-12-06 00:30"
    assert first("2026-12-06 00:31", diary=diary) == "2026-12-06 00:45"
    assert first("2026-12-06 01:01", diary=diary) == "2026-12-12 22:00"
    assert first("2026-12-06 01:01", diary=diary, length=timedelta(minutes=30)) == "2026-12-06 01:15"


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ([(8, 12), (12, 16)], "2026-12-01 08:00"),
        ([(8, 13), (12, 16)], "2026-12-01 08:00"),
        ([(8, 12), (13, 16)], None),
        ([(20, 0), (0, 4)], "2026-12-01 20:00"),  # on over midnight
    ],
)
def test_STEP_6_hours_that_go_on_from_one_another_are_one_time(
    hours: list[tuple[int, int]], expected: str | None
) -> None:
    """Written in two shifts, or in two days: a meeting may begin in one and end in the other."""
    shifts = tuple(Hours(frozenset(Weekday), TimeOfDay(start, 0), TimeOfDay(end, 0)) for start, end in hours)
    diary = Diary(OSLO, None, shifts)
    if expected is None:
        with pytest.raises(NoSuchMomentError):
            first("2026-12-01 07:00", diary=diary, length=6 * HOUR)
    else:
        assert first("2026-12-01 07:00", diary=diary, length=6 * HOUR) == expected
        taken = ("2026-12-01 07:00", "2026-12-02 01:00")
        assert first("2026-12-01 07:00", taken, diary=diary, length=2 * HOUR) > "2026-12-02 00"


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_STEP_6_the_clock_on_the_wall_counts_when_it_is_changed(day: str) -> None:
    """An hour is an hour, also in the night when the clock is put forward or back; the day begins at 08:00 in both."""
    every_day = frozenset(Weekday)
    night = Diary(OSLO, None, (Hours(every_day, TimeOfDay(1, 0), TimeOfDay(4, 0)),))
    starts = []
    at, end = oslo(f"{day} 00:00"), oslo(f"{day} 12:00")
    while at < end:
        try:
            at = night.first_free(at, HOUR, [], end)
        except NoSuchMomentError:
            break
        starts.append(at)
        at += HOUR
    assert len(starts) == (2 if day.startswith("2026-03") else 4)
    usual = Diary(OSLO, None, (Hours(every_day, TimeOfDay(8, 0), TimeOfDay(16, 0)),))
    assert first(f"{day} 00:30", diary=usual) == f"{day} 08:00"


def test_STEP_6_after_days_of_work_in_the_owners_country() -> None:
    """Two working days from the day before Christmas Eve: that day is the first, and the second is after the feast."""
    now = oslo("2026-12-23 10:00")
    assert USUAL.after(now, Duration.parse("2 workdays")) == oslo("2026-12-28 10:00")
    assert Diary(OSLO, None, Hours.usual()).after(now, Duration.parse("2 workdays")) == oslo("2026-12-25 10:00")
    assert USUAL.after(now, None) == now


def test_STEP_6_no_free_time_is_said_with_a_remedy() -> None:
    with pytest.raises(NoSuchMomentError, match=r"540 minutes free .* working hours"):
        first("2026-12-01 08:00", length=timedelta(hours=9))


@given(
    st.lists(st.tuples(st.integers(0, 60 * 24 * 20), st.integers(1, 600)), max_size=60),
    st.integers(0, 60 * 24 * 7),
    st.integers(5, 300),
)
def test_STEP_6_what_is_found_is_the_first_that_is_free(
    booked: list[tuple[int, int]], after: int, minutes: int
) -> None:
    """Against the plainest way to look: every quarter of an hour, one after the other."""
    origin, length = datetime(2026, 10, 20, tzinfo=UTC), timedelta(minutes=minutes)
    spans = [(origin + timedelta(minutes=at), origin + timedelta(minutes=at + long)) for at, long in booked]
    earliest = origin + timedelta(minutes=after)
    found = USUAL.first_free(earliest, length, spans, earliest + 60 * DAY)

    def free(start: datetime) -> bool:
        local, end = start.astimezone(OSLO), (start + length).astimezone(OSLO)
        inside = local.weekday() < 5 and local.hour >= 8 and end.date() == local.date() and f"{end:%H:%M}" <= "16:00"
        return inside and not any(begins < start + length and ends > start for begins, ends in spans)

    quarter = timedelta(minutes=15)
    moment = earliest - timedelta(minutes=earliest.minute % 15)
    while moment < earliest or not free(moment):
        moment += quarter
    assert found == moment
