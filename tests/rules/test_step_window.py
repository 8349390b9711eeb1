"""STEP_19, and pause dates: messages leave only when they may. How windows are counted is proven in tests/flows."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flows.outcome import Reason
from tests.rules.given import DAY, HOUR, closed_now, ended, left, resting, steps_passed
from tests.support.waiting import eventually
from tests.support.world import SENDER, World, mail, now

TAG = {"id": "tag", "kind": "update_person", "set": {"person.category": "seen"}}


def windowed(**settings: Any) -> dict[str, Any]:
    return {**SENDER, "window": closed_now(**settings)}


def opening() -> datetime:
    return (now() + 3 * HOUR).replace(minute=0, second=0, microsecond=0)


async def _sent(world: World, flow: str, participant: str) -> datetime:
    assert await ended(world, flow, participant) is Reason.COMPLETED
    (message,) = await world.messages(participant=participant)
    return message.at


async def test_STEP_19_who_comes_outside_the_window_waits_in_the_step_until_it_opens(world: World) -> None:
    """Only messages do: the change before it is made at once."""
    opens = opening()
    flow = await world.flow("window", TAG, mail("hello"), email=windowed())
    participant = await world.enrol(flow)
    row = await resting(world, participant, "hello")
    assert row.passed == ["tag"]
    assert row.until == opens
    assert world.inbox.mails == []
    assert timedelta() <= await _sent(world, flow, participant) - opens < timedelta(minutes=5)


async def test_STEP_19_the_persons_own_clock_may_count(world: World) -> None:
    """Open in three hours by the flow's clock; two hours earlier for who lives two zones to the east."""
    opens = opening()
    flow = await world.flow("zones", mail("hello"), email=windowed(zone="person"))
    at_home = await world.enrol(flow)
    east = await world.enrol(flow, await world.person(time_zone="Etc/GMT-2"))
    assert (await resting(world, at_home, "hello")).until == opens
    assert (await resting(world, east, "hello")).until == opens - 2 * HOUR


async def test_STEP_19_outside_the_window_a_message_may_be_skipped(world: World) -> None:
    flow = await world.flow("skip", mail("hello"), TAG, email=windowed(outside="skip"))
    participant = await world.enrol(flow)
    assert await left(world, participant) is Reason.COMPLETED
    assert await steps_passed(world, participant) == ["hello", "tag"]
    assert ("hello", "skipped") in await world.journal(participant)
    assert world.inbox.mails == []


async def test_STEP_19_any_action_may_be_limited_to_weekdays(world: World) -> None:
    """A weekday that has to be waited for is no reason to skip a message whose window is open."""
    day = now() + 2 * DAY
    weekday = f"{day:%a}".lower()
    open_window = {**SENDER, "window": {"days": "every_day", "from": "00:00", "to": "24:00", "outside": "skip"}}
    tagging = await world.flow("tag", {**TAG, "only_on": [weekday]}, mail("hello"))
    sending = await world.flow("send", mail("hello", only_on=[weekday]), email=open_window)
    for flow, step in ((tagging, "tag"), (sending, "hello")):
        participant = await world.enrol(flow)
        assert (await resting(world, participant, step)).passed == []
        at = await _sent(world, flow, participant)
        assert at.astimezone(UTC).date() == day.date()


async def test_LIFE_13_on_pause_dates_no_action_is_carried_out(world: World) -> None:
    """Due today, and neither today nor tomorrow is permitted: at the same time of the day after."""
    dates = [f"{now() + days * DAY:%Y-%m-%d}" for days in (0, 1)]
    flow = await world.flow("dates", TAG, mail("hello"), settings={"pause_dates": {"dates": dates}})
    participant = await world.enrol(flow)
    row = await resting(world, participant, "tag")
    assert row.until is not None
    assert row.passed == []
    assert abs(row.until - now() - 2 * DAY) < timedelta(minutes=5)
    assert (await _sent(world, flow, participant)).date() == (now() + 2 * DAY).date()


async def test_LIFE_13_who_is_woken_on_a_pause_date_still_moves_to_the_time_when_the_step_was_due(world: World) -> None:
    dates = [f"{now() + days * DAY:%Y-%m-%d}" for days in range(3)]
    flow = await world.flow("woken", TAG, settings={"pause_dates": {"dates": dates}})
    participant = await world.enrol(flow)
    row = await resting(world, participant, "tag")
    await world.forward(flow, participant, timedelta(hours=5))
    await world.journey(flow, participant).signal("replan")

    async def looks() -> int:
        events = (await world.journey(flow, participant).fetch_history()).events
        return sum(event.activity_task_scheduled_event_attributes.activity_type.name == "look" for event in events)

    await eventually(looks)
    await world.forward(flow, participant, timedelta(hours=1))
    after = await resting(world, participant, "tag")
    assert (after.until, after.passed) == (row.until, [])
