"""STEP_13: every way to wait across both changes of clock in Europe/Oslo, and in a zone that has none.

In 2026 the clock goes from 02:00 to 03:00 on 29 March, a Sunday, and from 03:00 back to 02:00 on 25 October, a Sunday.
In Asia/Kolkata nothing happens on either day. Every moment is written with the offset that holds then and there.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest

from flows.outcome import Reason
from flows.steps.base import GoOn, Leave, Move, Stay
from tests.flows.steps.arrival import PERSON, flow_with, standing

OSLO, KOLKATA = "Europe/Oslo", "Asia/Kolkata"


class Case(NamedTuple):
    """Who comes to this wait at this moment goes on at that one. `has`: the person's renewal date."""

    zone: str
    comes: str
    wait: dict[str, Any]
    goes_on: str
    has: str | None = None


def lasting(duration: str) -> dict[str, Any]:
    return {"for": duration}


def renewal(**more: str) -> dict[str, Any]:
    return {"until_field": "person.custom.renewal", **more}


def sunday(at: str | None = None) -> dict[str, Any]:
    return {"until_weekday": "sun"} | ({} if at is None else {"at": at})


# Half past two does not exist on the Sunday: the next time that does is three.
SPRING_EVE = "2026-03-28T02:30+01:00"
SPRING = [
    Case(OSLO, SPRING_EVE, lasting("90 seconds"), "2026-03-28T02:31:30+01:00"),
    Case(OSLO, SPRING_EVE, lasting("1440 minutes"), "2026-03-29T03:30+02:00"),
    Case(OSLO, SPRING_EVE, lasting("24 hours"), "2026-03-29T03:30+02:00"),
    Case(OSLO, SPRING_EVE, lasting("1 day"), "2026-03-29T03:00+02:00"),
    Case(OSLO, SPRING_EVE, lasting("2 days"), "2026-03-30T02:30+02:00"),
    Case(OSLO, "2026-03-22T02:30+01:00", lasting("1 week"), "2026-03-29T03:00+02:00"),
    Case(OSLO, SPRING_EVE, lasting("1 week"), "2026-04-04T02:30+02:00"),
    Case(OSLO, "2026-03-27T02:30+01:00", lasting("1 workday"), "2026-03-30T02:30+02:00"),
    Case(OSLO, SPRING_EVE, {"until": "2026-03-29 01:59"}, "2026-03-29T01:59+01:00"),
    Case(OSLO, SPRING_EVE, {"until": "2026-03-29 02:30"}, "2026-03-29T03:00+02:00"),
    Case(OSLO, SPRING_EVE, {"until": "2026-03-29T02:30:00+01:00"}, "2026-03-29T03:30+02:00"),
    Case(OSLO, SPRING_EVE, {"until": "2026-03-29"}, "2026-03-29T00:00+01:00"),
    Case(OSLO, SPRING_EVE, {"until": "2026-03-30"}, "2026-03-30T00:00+02:00"),
    Case(OSLO, SPRING_EVE, sunday(), "2026-03-29T00:00+01:00"),
    Case(OSLO, SPRING_EVE, sunday("02:30"), "2026-03-29T03:00+02:00"),
    Case(OSLO, "2026-03-29T03:00+02:00", sunday("02:30"), "2026-04-05T02:30+02:00"),
    Case(OSLO, SPRING_EVE, {"until_weekday": "mon", "at": "02:30"}, "2026-03-30T02:30+02:00"),
    Case(OSLO, SPRING_EVE, renewal(), "2026-03-29T00:00+01:00", "2026-03-29"),
    Case(OSLO, SPRING_EVE, renewal(), "2026-03-29T03:00+02:00", "2026-03-29 02:30"),
    Case(OSLO, SPRING_EVE, renewal(), "2026-03-29T03:30+02:00", "2026-03-29T02:30:00+01:00"),
    Case(OSLO, SPRING_EVE, renewal(at="02:30"), "2026-03-29T03:00+02:00", "2026-03-29"),
    Case(OSLO, SPRING_EVE, renewal(offset="1 day"), "2026-03-29T03:00+02:00", "2026-03-28 02:30"),
    Case(OSLO, SPRING_EVE, renewal(offset="-1 day"), "2026-03-29T03:00+02:00", "2026-03-30 02:30"),
    Case(OSLO, SPRING_EVE, renewal(offset="-24 hours"), "2026-03-29T01:30+01:00", "2026-03-30 02:30"),
    Case(OSLO, SPRING_EVE, renewal(offset="24 hours"), "2026-03-29T03:30+02:00", "2026-03-28 02:30"),
    Case(OSLO, "2026-03-20T02:30+01:00", renewal(offset="-1 week"), "2026-03-29T03:00+02:00", "2026-04-05 02:30"),
    Case(OSLO, SPRING_EVE, renewal(offset="1 workday"), "2026-03-30T02:30+02:00", "2026-03-27 02:30"),
]
# Half past two exists twice on the Sunday: the first of them, with the offset of summer, counts.
AUTUMN_EVE = "2026-10-24T02:30+02:00"
AUTUMN = [
    Case(OSLO, AUTUMN_EVE, lasting("1440 minutes"), "2026-10-25T02:30+02:00"),
    Case(OSLO, AUTUMN_EVE, lasting("25 hours"), "2026-10-25T02:30+01:00"),
    Case(OSLO, AUTUMN_EVE, lasting("1 day"), "2026-10-25T02:30+02:00"),
    Case(OSLO, "2026-10-24T08:00+02:00", lasting("1 day"), "2026-10-25T08:00+01:00"),
    Case(OSLO, "2026-10-24T08:00+02:00", lasting("24 hours"), "2026-10-25T07:00+01:00"),
    Case(OSLO, AUTUMN_EVE, lasting("2 days"), "2026-10-26T02:30+01:00"),
    Case(OSLO, "2026-10-25T02:30+01:00", lasting("1 day"), "2026-10-26T02:30+01:00"),
    Case(OSLO, "2026-10-25T02:30+02:00", lasting("60 minutes"), "2026-10-25T02:30+01:00"),
    Case(OSLO, "2026-10-18T02:30+02:00", lasting("1 week"), "2026-10-25T02:30+02:00"),
    Case(OSLO, "2026-10-23T02:30+02:00", lasting("1 workday"), "2026-10-26T02:30+01:00"),
    Case(OSLO, AUTUMN_EVE, {"until": "2026-10-25 02:30"}, "2026-10-25T02:30+02:00"),
    Case(OSLO, AUTUMN_EVE, {"until": "2026-10-25T02:30:00+01:00"}, "2026-10-25T02:30+01:00"),
    Case(OSLO, AUTUMN_EVE, {"until": "2026-10-26"}, "2026-10-26T00:00+01:00"),
    Case(OSLO, AUTUMN_EVE, sunday("02:30"), "2026-10-25T02:30+02:00"),
    Case(OSLO, "2026-10-25T02:30+01:00", sunday("02:30"), "2026-11-01T02:30+01:00"),
    Case(OSLO, AUTUMN_EVE, {"until_weekday": "mon"}, "2026-10-26T00:00+01:00"),
    Case(OSLO, AUTUMN_EVE, renewal(), "2026-10-25T02:30+02:00", "2026-10-25 02:30"),
    Case(OSLO, AUTUMN_EVE, renewal(at="02:30"), "2026-10-25T02:30+02:00", "2026-10-25"),
    Case(OSLO, AUTUMN_EVE, renewal(offset="1 day"), "2026-10-25T02:30+02:00", "2026-10-24 02:30"),
    Case(OSLO, AUTUMN_EVE, renewal(offset="-1 day"), "2026-10-25T02:30+02:00", "2026-10-26 02:30"),
    Case(OSLO, AUTUMN_EVE, renewal(offset="-24 hours"), "2026-10-25T02:30+01:00", "2026-10-26 02:30"),
    Case(OSLO, AUTUMN_EVE, renewal(offset="1 week"), "2026-10-25T02:30+02:00", "2026-10-18 02:30"),
    Case(OSLO, "2026-10-20T02:30+02:00", renewal(offset="-1 workday"), "2026-10-23T02:30+02:00", "2026-10-26 02:30"),
]
SPRING_THERE, AUTUMN_THERE = "2026-03-28T02:30+05:30", "2026-10-24T02:30+05:30"
NO_CHANGE = [
    case
    for day, comes in (("2026-03-29", SPRING_THERE), ("2026-10-25", AUTUMN_THERE))
    for case in [
        Case(KOLKATA, comes, lasting("1440 minutes"), f"{day}T02:30+05:30"),
        Case(KOLKATA, comes, lasting("24 hours"), f"{day}T02:30+05:30"),
        Case(KOLKATA, comes, lasting("1 day"), f"{day}T02:30+05:30"),
        Case(KOLKATA, comes, {"until": f"{day} 02:30"}, f"{day}T02:30+05:30"),
        Case(KOLKATA, comes, {"until": day}, f"{day}T00:00+05:30"),
        Case(KOLKATA, comes, sunday("02:30"), f"{day}T02:30+05:30"),
        Case(KOLKATA, comes, renewal(), f"{day}T02:30+05:30", f"{day} 02:30"),
        Case(KOLKATA, comes, renewal(at="02:30", offset="0 days"), f"{day}T02:30+05:30", day),
        Case(KOLKATA, comes, renewal(offset="1 day"), f"{day}T02:30+05:30", comes[:16]),
        Case(KOLKATA, comes, renewal(offset="24 hours"), f"{day}T02:30+05:30", comes[:16]),
    ]
] + [
    Case(KOLKATA, SPRING_THERE, lasting("1 week"), "2026-04-04T02:30+05:30"),
    Case(KOLKATA, SPRING_THERE, lasting("1 workday"), "2026-03-30T02:30+05:30"),
    Case(KOLKATA, AUTUMN_THERE, renewal(offset="-1 workday"), "2026-10-30T02:30+05:30", "2026-11-02 02:30"),
]


def at(written: str) -> datetime:
    return datetime.fromisoformat(written)


def entered(case: Case, whose: str, now: datetime, since: datetime, **more: Any) -> Move:
    """In the flow's zone, with a person elsewhere; or in the person's, with a flow elsewhere."""
    elsewhere = "America/New_York"
    flow_zone, person_zone = (case.zone, elsewhere) if whose == "flow" else (elsewhere, case.zone)
    flow = flow_with({"id": "w", "kind": "wait", "zone": whose, **case.wait, **more}, time_zone=flow_zone)
    person = {**PERSON, "time_zone": person_zone, "custom": {"renewal": case.has}}
    return flow.steps[0].enter(flow, standing(now, since, person=person))


@pytest.mark.parametrize("whose", ["flow", "person"])
@pytest.mark.parametrize("case", SPRING + AUTUMN + NO_CHANGE, ids=lambda case: f"{case.zone} {case.comes} {case.wait}")
def test_STEP_13_every_wait_across_the_changes_of_clock(case: Case, whose: str) -> None:
    """It ends at that very moment, not a second before and not for whoever looks at it then."""
    comes, ends = at(case.comes), at(case.goes_on)
    move = entered(case, whose, comes, comes)
    assert isinstance(move, Stay)
    assert move.until == ends
    assert isinstance(entered(case, whose, ends - timedelta(seconds=1), comes), Stay)
    assert isinstance(entered(case, whose, ends, comes), GoOn)


@pytest.mark.parametrize("whose", ["flow", "person"])
@pytest.mark.parametrize(
    ("wait", "has", "ahead", "past"),
    [
        ({"until": "2026-03-29 02:30"}, None, "2026-03-29T01:59:59+01:00", "2026-03-29T03:00+02:00"),
        ({"until": "2026-10-25 02:30"}, None, "2026-10-25T02:29:59+02:00", "2026-10-25T02:15+01:00"),
        (renewal(), "2026-03-29 02:30", "2026-03-29T01:59:59+01:00", "2026-03-29T03:00+02:00"),
        (renewal(offset="-1 day"), "2026-10-26 02:30", "2026-10-25T02:29:59+02:00", "2026-10-25T02:15+01:00"),
    ],
)
def test_STEP_13_what_is_past_is_judged_by_the_moment_not_by_what_the_clock_shows(
    wait: dict[str, Any], has: str | None, ahead: str, past: str, whose: str
) -> None:
    """A quarter past two the second time is later than half past two the first time."""
    case = Case(OSLO, "", wait, "", has)
    assert isinstance(entered(case, whose, at(ahead), at(ahead), if_past="exit"), Stay)
    left = entered(case, whose, at(past), at(past), if_past="exit")
    assert isinstance(left, Leave)
    assert left.reason is Reason.DATE_PAST
    assert isinstance(entered(case, whose, at(past), at(past)), GoOn)


@pytest.mark.parametrize("comes", [AUTUMN_EVE, SPRING_THERE])
def test_STEP_13_a_missing_date_goes_on_or_exits_whatever_the_day(comes: str) -> None:
    case = Case(OSLO, comes, renewal(offset="-1 day", at="02:30"), "")
    assert isinstance(entered(case, "person", at(comes), at(comes)), GoOn)
    left = entered(case, "person", at(comes), at(comes), if_missing="exit")
    assert isinstance(left, Leave)
    assert left.reason is Reason.DATE_MISSING
