"""Places in a queue: never more than the rate in any period, in order, and no longer than needed."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from flows.pacing import Queue, after
from flows.units import Rate

NOW = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)
PER_MINUTE = Rate.parse("3 per minute")


def places(queue: Queue, rate: Rate, *moments: datetime) -> list[datetime]:
    given = []
    for moment in moments:
        at, queue = queue.place(rate, moment)
        given.append(at)
    return given


def test_as_many_as_the_rate_leave_at_once_and_the_next_when_those_are_a_period_old() -> None:
    first, second, third, fourth, *_, seventh = places(Queue(), PER_MINUTE, *[NOW] * 7)
    assert (first, second, third) == (NOW, NOW, NOW)
    assert timedelta(minutes=1) <= fourth - NOW <= timedelta(seconds=61)
    assert timedelta(minutes=2) <= seventh - NOW <= timedelta(seconds=122)


@given(
    st.integers(1, 20),
    st.sampled_from(["minute", "hour", "day"]),
    st.lists(st.integers(0, 200_000_000), min_size=1, max_size=60),
)
def test_STEP_20_never_more_than_the_rate_in_any_period(count: int, unit: str, gaps: list[int]) -> None:
    rate, moment, moments = Rate.parse(f"{count} per {unit}"), NOW, []
    for gap in gaps:
        moment += timedelta(microseconds=gap)
        moments.append(moment)
    given = places(Queue(), rate, *moments)
    assert given == sorted(given)
    assert all(place >= asked for place, asked in zip(given, moments, strict=True))
    assert all(later - earlier >= rate.per for earlier, later in zip(given, given[count:], strict=False))


def test_what_has_left_before_counts() -> None:
    at, _ = after(2, PER_MINUTE, NOW).place(PER_MINUTE, NOW)
    assert at == NOW
    at, _ = after(3, PER_MINUTE, NOW).place(PER_MINUTE, NOW)
    assert at >= NOW + timedelta(minutes=1)


def test_STEP_20_a_place_that_is_given_back_is_given_again() -> None:
    queue, at = Queue(), NOW
    for _ in range(7):
        at, queue = queue.place(PER_MINUTE, NOW)
    again, _ = queue.without(PER_MINUTE, at).place(PER_MINUTE, NOW)
    assert again == at
