"""STEP_13: a wait ends at a moment that is computed from the arrival."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flows.outcome import HandOver, Reason
from flows.steps.base import GoOn, Leave, Move, Stay
from tests.flows.steps.arrival import MONDAY, PERSON, flow_with, standing


def entered(now: datetime = MONDAY, since: datetime = MONDAY, person: Any = PERSON, **wait: Any) -> Move:
    flow = flow_with({"id": "w", "kind": "wait", **wait})
    return flow.steps[0].enter(flow, standing(now, since, person=person))


def until(move: Move) -> datetime:
    assert isinstance(move, Stay)
    assert move.until is not None
    return move.until


def utc(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=UTC)  # type: ignore[arg-type, misc]


def lasting(duration: str) -> dict[str, Any]:
    return {"for": duration}


NEW_YORK = {**PERSON, "time_zone": "America/New_York"}


@pytest.mark.parametrize(
    ("wait", "ends"),
    [
        ({"for": "90 seconds"}, MONDAY + timedelta(seconds=90)),
        ({"for": "2 hours"}, utc(2026, 6, 1, 14)),
        ({"for": "3 days"}, utc(2026, 6, 4, 12)),
        ({"for": "5 workdays"}, utc(2026, 6, 8, 12)),
        ({"until": "2026-12-01 08:00"}, utc(2026, 12, 1, 7)),
        ({"until": "2026-12-01T08:00:00+03:00"}, utc(2026, 12, 1, 5)),
        ({"until": "2026-12-01"}, utc(2026, 11, 30, 23)),
        ({"until_weekday": "tue", "at": "09:00"}, utc(2026, 6, 2, 7)),
        ({"until_weekday": "mon", "at": "14:00"}, utc(2026, 6, 8, 12)),
        ({"until_weekday": "tue"}, utc(2026, 6, 1, 22)),
    ],
)
def test_STEP_13_ways_to_wait(wait: dict[str, Any], ends: datetime) -> None:
    """Without an offset a time is the flow's, Oslo; today at this very minute is not waited for again."""
    assert until(entered(**wait)) == ends
    assert isinstance(entered(now=ends - timedelta(seconds=1), **wait), Stay)
    assert isinstance(entered(now=ends, **wait), GoOn)


@pytest.mark.parametrize(
    ("more", "ends"),
    [
        ({}, utc(2026, 6, 9, 22)),
        ({"at": "08:30"}, utc(2026, 6, 10, 6, 30)),
        ({"offset": "-3 days"}, utc(2026, 6, 6, 22)),
        ({"offset": "2 hours", "at": "08:00"}, utc(2026, 6, 10, 8)),
        ({"offset": "1 week"}, utc(2026, 6, 16, 22)),
    ],
)
def test_STEP_13_until_a_date_of_the_person(more: dict[str, Any], ends: datetime) -> None:
    person = {**PERSON, "custom": {"renewal": "2026-06-10"}}

    assert until(entered(person=person, until_field="person.custom.renewal", **more)) == ends


def test_STEP_13_a_date_with_a_time_keeps_it() -> None:
    person = {**PERSON, "custom": {"renewal": "2026-06-10T18:00:00+02:00"}}

    assert until(entered(person=person, until_field="person.custom.renewal")) == utc(2026, 6, 10, 16)


def test_STEP_13_in_the_persons_zone_where_it_is_known() -> None:
    """A fixed date of the flow file stays the flow's unless asked otherwise (CONTRACT.md)."""
    tuesday: dict[str, Any] = {"until_weekday": "tue", "at": "09:00"}

    assert until(entered(person=NEW_YORK, **tuesday)) == utc(2026, 6, 2, 13)
    assert until(entered(person=NEW_YORK, **tuesday, zone="flow")) == utc(2026, 6, 2, 7)
    assert until(entered(person={**PERSON, "time_zone": "Europe/Nowhere"}, **tuesday)) == utc(2026, 6, 2, 7)
    assert until(entered(person=NEW_YORK, until="2026-12-01 08:00")) == utc(2026, 12, 1, 7)
    assert until(entered(person=NEW_YORK, until="2026-12-01 08:00", zone="person")) == utc(2026, 12, 1, 13)


def test_STEP_13_days_keep_the_local_time_over_the_change_to_winter() -> None:
    friday = utc(2026, 10, 23, 10)

    assert until(entered(friday, friday, **lasting("3 days"))) == utc(2026, 10, 26, 11)
    assert until(entered(friday, friday, **lasting("72 hours"))) == utc(2026, 10, 26, 10)


def test_STEP_13_a_local_time_that_does_not_exist_is_the_next_and_one_that_exists_twice_the_first() -> None:
    assert until(entered(until="2027-03-28 02:30")) == utc(2027, 3, 28, 1)
    assert until(entered(until="2026-10-25 02:30")) == utc(2026, 10, 25, 0, 30)


def test_STEP_13_a_date_already_past_goes_on_or_exits() -> None:
    past: dict[str, Any] = {"until": "2026-05-01 08:00"}
    move = entered(**past, if_past="exit", exit={"add_to_selection": "late"})

    assert isinstance(entered(**past), GoOn)
    assert isinstance(move, Leave)
    assert move.reason is Reason.DATE_PAST
    assert move.hand_over == HandOver(add_to_selection="late")


def test_STEP_13_past_is_judged_by_the_arrival() -> None:
    """A wait that ran its course went well, however late the journey wakes."""
    move = entered(now=utc(2026, 12, 5), until="2026-12-01 08:00", if_past="exit")

    assert isinstance(move, GoOn)


@pytest.mark.parametrize("value", [None, "", "soon", 5, "9999-12-31"])
def test_STEP_13_a_missing_date_goes_on_or_exits(value: object) -> None:
    person = {**PERSON, "custom": {"renewal": value}}
    wait: dict[str, Any] = {"until_field": "person.custom.renewal", "offset": "10 days"}
    move = entered(person=person, **wait, if_missing="exit")

    assert isinstance(entered(person=person, **wait), GoOn)
    assert isinstance(move, Leave)
    assert move.reason is Reason.DATE_MISSING


def test_STEP_13_a_wait_for_a_field_wakes_when_the_person_changes() -> None:
    move = entered(person={**PERSON, "custom": {"renewal": "2026-06-10"}}, until_field="person.custom.renewal")

    assert isinstance(move, Stay)
    assert move.events == ("person_updated",)


def test_EDIT_4_a_longer_wait_lasts_for_the_rest_and_a_shorter_one_may_be_over() -> None:
    thursday = utc(2026, 6, 4, 12)

    assert until(entered(now=thursday, **lasting("10 days"))) == utc(2026, 6, 11, 12)
    assert isinstance(entered(now=thursday, **lasting("2 days")), GoOn)


@pytest.mark.parametrize(
    ("wait", "summary"),
    [
        ({"for": "3 days"}, "Wait for 3 days"),
        ({"until": "2026-12-01 08:00"}, "Wait until 2026-12-01 08:00"),
        ({"until_weekday": "fri", "at": "09:00"}, "Wait until fri 09:00"),
        ({"until_field": "person.custom.renewal", "offset": "-3 days"}, "Wait until person.custom.renewal -3 days"),
    ],
)
def test_the_summary_says_how_long(wait: dict[str, Any], summary: str) -> None:
    assert flow_with({"id": "w", "kind": "wait", **wait}).steps[0].summary() == summary
