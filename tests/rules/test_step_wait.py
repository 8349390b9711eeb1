"""STEP_13: waits in journeys. How times are counted is proven in tests/flows; here that journeys keep to them."""

from datetime import datetime, timedelta
from typing import Any

from flows.outcome import Reason
from tests.rules.given import DAY, HOUR, ended, is_member, left, resting
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
    first, second = await world.messages(participant)
    assert row.since >= first.at + 3 * DAY
    assert timedelta() <= second.at - first.at - 3 * DAY - 2 * HOUR < timedelta(minutes=5)


async def test_STEP_13_until_a_date_and_time(world: World) -> None:
    until = now() + 5 * DAY
    flow = await world.flow("until", {"id": "date", "kind": "wait", "until": written(until)}, mail("hello"))
    participant = await world.enrol(flow)
    assert await ended(world, flow, participant) is Reason.COMPLETED
    (message,) = await world.messages(participant)
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
        (message,) = await world.messages(participant)
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
