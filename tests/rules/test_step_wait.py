"""STEP_13: waits in journeys. How times are counted is proven in tests/flows; here that journeys keep to them."""

import asyncio
from datetime import date, datetime, timedelta
from typing import Any

from flows.outcome import Reason
from tests.rules.given import DAY, HOUR, ended, is_member, left, resting
from tests.support.running import Running
from tests.support.waiting import eventually
from tests.support.world import World, mail, now, wait


def date_wait(**settings: Any) -> dict[str, Any]:
    return {"id": "renewal", "kind": "wait", "until_field": "person.custom.renewal", "zone": "flow", **settings}


def written(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


async def test_STEP_13_a_wait_lasts_from_the_step_before(world: World) -> None:
    flow = await world.flow("wait", mail("first"), wait("days", "3 days"), wait("hours", "2 hours"), mail("second"))
    participant = await world.enrol(flow)
    await world.forward(flow, participant, 3 * DAY + HOUR)
    row = await resting(world, participant, "hours")
    assert world.inbox.subjects == ["first"]
    assert await ended(world, flow, participant) is Reason.COMPLETED
    first, second = await world.messages(participant=participant)
    assert row.since >= first.at + 3 * DAY
    assert timedelta() <= second.at - first.at - 3 * DAY - 2 * HOUR < timedelta(minutes=5)


async def test_STEP_13_until_a_date_and_time(world: World) -> None:
    until = now() + 5 * DAY
    flow = await world.flow("until", {"id": "date", "kind": "wait", "until": written(until)}, mail("hello"))
    participant = await world.enrol(flow)
    assert await ended(world, flow, participant) is Reason.COMPLETED
    (message,) = await world.messages(participant=participant)
    assert until.replace(second=0, microsecond=0) <= message.at < until + timedelta(minutes=5)


async def test_STEP_13_until_a_date_of_the_person_with_an_offset_also_when_it_is_moved(world: World) -> None:
    flow = await world.flow("renewal", date_wait(offset="-1 day"), mail("hello"))
    date = now() + 10 * DAY
    people = [await world.person(custom={"renewal": written(date)}) for _ in range(3)]
    participants = [await world.enrol(flow, person) for person in people]
    before = [await resting(world, participant, "renewal") for participant in participants]
    for days, person in ((4, people[1]), (30, people[2])):
        await world.change(person, custom={"renewal": written(date + timedelta(days=days - 10))})
    for old, participant in zip(before[1:], participants[1:], strict=True):
        await eventually(lambda p=participant: world.participant(p), lambda row, o=old: row.until != o.until)  # type: ignore[misc]
    expected = [date - DAY, date - 7 * DAY, date + 19 * DAY]
    for participant, moment in zip(participants, expected, strict=True):
        assert await ended(world, flow, participant) is Reason.COMPLETED
        (message,) = await world.messages(participant=participant)
        assert abs(message.at - moment) < timedelta(minutes=5)


async def test_STEP_13_a_date_that_is_past_or_missing_goes_on_or_exits(world: World) -> None:
    await world.selection("late")
    on = await world.flow("on", date_wait(), mail("hello"))
    out = await world.flow(
        "out", date_wait(if_past="exit", if_missing="exit", exit={"add_to_selection": "late"}), mail("hello")
    )
    past, missing, ahead = [
        await world.person(custom=custom)
        for custom in ({"renewal": written(now() - DAY)}, {}, {"renewal": written(now() + DAY)})
    ]
    for person in (past, missing):
        assert await left(world, await world.enrol(on, person)) is Reason.COMPLETED
    assert len(world.inbox.mails) == 2
    reasons = [await ended(world, out, await world.enrol(out, person)) for person in (past, missing, ahead)]
    assert reasons == [Reason.DATE_PAST, Reason.DATE_MISSING, Reason.COMPLETED]
    assert [await is_member(world, person, "late") for person in (past, missing, ahead)] == [True, True, False]


def changes(after: datetime) -> list[date]:
    """The days of the next change of clock in Europe/Oslo in spring, and of the one in autumn after it."""
    year = after.year + 1
    ends = [date(year, 3, 31), date(year, 10, 31)]
    return [day - timedelta(days=(day.weekday() + 1) % 7) for day in ends]


async def test_STEP_13_both_changes_of_clock_and_a_zone_without_them(ferd: Running) -> None:
    """A flow file over HTTP, carried over a year: half past two at night, on the clock of each person."""
    spring, autumn = changes(now())
    flow = f"""
id: {ferd.world.id("clocks")}
name: Clocks
time_zone: UTC
steps:
- {{id: eve-of-spring, kind: wait, until: "{spring - DAY} 02:30", zone: person}}
- {{id: a-day, kind: wait, for: 1 day}}
- {{id: hours, kind: wait, for: 24 hours}}
- {{id: weekday, kind: wait, until_weekday: sun, at: "02:30"}}
- {{id: a-workday, kind: wait, for: 1 workday}}
- {{id: eve-of-autumn, kind: wait, until: "{autumn - DAY} 02:30", zone: person}}
- {{id: a-short-night, kind: wait, for: 1 day}}
- {{id: an-hour, kind: wait, for: 60 minutes}}
- {{id: renewal, kind: wait, until_field: person.custom.renewal, offset: -1 week}}
"""
    saved = await ferd.save(flow)
    await ferd.post(f"/flows/{saved['id']}/run")
    expected = {
        "Europe/Oslo": [
            f"{spring - DAY} 02:30+01:00", f"{spring} 03:00+02:00", f"{spring + DAY} 03:00+02:00",
            f"{spring + 7 * DAY} 02:30+02:00", f"{spring + 8 * DAY} 02:30+02:00",
            f"{autumn - DAY} 02:30+02:00", f"{autumn} 02:30+02:00", f"{autumn} 02:30+01:00",
            f"{autumn + 5 * DAY} 02:30+01:00",
        ],
        "Asia/Kolkata": [
            f"{day} {at}+05:30" for day, at in [
                (spring - DAY, "02:30"), (spring, "02:30"), (spring + DAY, "02:30"), (spring + 7 * DAY, "02:30"),
                (spring + 8 * DAY, "02:30"), (autumn - DAY, "02:30"), (autumn, "02:30"), (autumn, "03:30"),
                (autumn + 5 * DAY, "02:30"),
            ]
        ],
    }  # fmt: skip
    custom = {"renewal": f"{autumn + 12 * DAY} 02:30"}
    participants = {}
    for zone in expected:
        person = await ferd.post("/people", {"first_name": "Å", "time_zone": zone, "custom": custom}, 201)
        enrolled = await ferd.post(f"/flows/{saved['id']}/participants", {"person": person["id"]}, 202)
        participants[zone] = enrolled["items"][0]["participant"]
    await asyncio.gather(*(ended(ferd.world, saved["id"], participant) for participant in participants.values()))
    for zone, moments in expected.items():
        journal = (await ferd.get(f"/participants/{participants[zone]}"))["journal"]
        went_on = [datetime.fromisoformat(line["at"]) for line in journal if line["event"] == "passed"]
        late = [at - datetime.fromisoformat(moment) for at, moment in zip(went_on, moments, strict=True)]
        assert all(timedelta() <= each < timedelta(minutes=5) for each in late), (zone, late)
