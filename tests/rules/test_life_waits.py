"""LIFE_12: waits, actions and success while a flow, a participant or everything is paused."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from activities.desk.participants import Participants
from activities.life import brakes
from activities.life.commands import command
from flows.outcome import Reason, Status
from store.pauses import PauseRow
from tests.rules.given import DAY, HOUR, left, resting
from tests.support.world import World, mail, now, wait
from workflows.contract import Command

FREEZE = {"settings": {"waits_during_pause": "freeze"}}
SOON = timedelta(seconds=30)  # time goes on while a test runs


class Journey:
    """One participant, whose clock is led by hand; what is done to its flow happens at that clock's time."""

    def __init__(self, world: World, flow: str, participant: str, since: datetime) -> None:
        self.world, self.flow, self.participant = world, flow, participant
        self.since = self.now = since

    async def later(self, time: timedelta) -> None:
        await self.world.forward(self.flow, self.participant, time)
        self.now += time

    async def give(self, given: Command) -> None:
        core = self.world.core
        await core.dispatcher.write(
            lambda session: command(session, core.definitions, core.crm.catalog(session), self.flow, given, self.now)
        )
        await self.world.settled(self.flow)

    async def operate(self, name: str) -> None:
        does = getattr(Participants(self.world.core.rules), name)
        await self.world.core.dispatcher.write(lambda session: does(session, self.participant, self.now) and None)

    async def brake(self, does: Any) -> None:
        await self.world.core.dispatcher.write(lambda session: does(session, "all", self.now))

    async def rests_for(self, time: timedelta) -> None:
        """It waits, and goes on so long after it came to the wait."""
        row = await self.world.stored.until(self.participant, holding=False, until=self.since + time)
        assert row.plan["type"] == "wait"


async def at_wait(world: World, step: dict[str, Any], **settings: Any) -> Journey:
    """A participant at its first wait."""
    flow = await world.flow("pauses", step, mail("after"), **settings)
    participant = await world.enrol(flow)
    row = await resting(world, participant, step["id"])
    return Journey(world, flow, participant, row.since)


async def test_LIFE_12_freeze_lets_a_wait_stand_still_during_the_pause(world: World) -> None:
    """3 days; paused from day 1 to day 5, past the old end: on at day 7."""
    journey = await at_wait(world, wait("rest", "3 days"), **FREEZE)
    await journey.later(DAY)
    await journey.give("pause")
    await journey.later(4 * DAY)
    await world.until(journey.participant, holding=True)
    await journey.give("resume")
    await journey.rests_for(7 * DAY)
    await journey.later(DAY)
    assert world.inbox.mails == []
    await journey.later(DAY + SOON)
    await world.until(journey.participant, status=Status.FINISHED)


async def test_LIFE_12_freeze_adds_a_pause_that_was_slept_through(world: World) -> None:
    """Paused from day 1 to day 2 of 3: nobody is woken, and the old end is not the end."""
    journey = await at_wait(world, wait("rest", "3 days"), **FREEZE)
    await journey.later(DAY)
    await journey.give("pause")
    await journey.later(DAY)
    await journey.give("resume")
    await journey.later(DAY + SOON)
    await journey.rests_for(4 * DAY)
    await journey.later(DAY)
    assert await left(world, journey.participant) is Reason.COMPLETED


async def test_LIFE_12_keep_lets_deadlines_stand(world: World) -> None:
    journey = await at_wait(world, wait("rest", "3 days"))
    await journey.later(DAY)
    await journey.give("pause")
    await journey.later(DAY)
    await journey.give("resume")
    await journey.rests_for(3 * DAY)
    await journey.later(DAY + SOON)
    assert await left(world, journey.participant) is Reason.COMPLETED


async def test_LIFE_12_pauses_of_flow_participant_and_everything_that_overlap_count_once(world: World) -> None:
    """Participant from day 1 to 3, flow from 2 to 4, everything from 3 to 5: four days, not six."""
    journey = await at_wait(world, wait("rest", "10 days"), **FREEZE)
    await journey.later(DAY)
    await journey.operate("pause")
    await journey.later(DAY)
    await journey.give("pause")
    await journey.later(DAY)
    await journey.brake(brakes.pause)
    await journey.operate("resume")
    await journey.later(DAY)
    await journey.give("resume")
    await journey.later(DAY)
    await world.until(journey.participant, holding=True)
    await journey.brake(brakes.resume)
    await journey.rests_for(14 * DAY)
    assert await world.stored.count(PauseRow) == 3
    await journey.operate("remove")
    assert await world.stored.count(PauseRow) == 2  # no record of the participation stays (PART_4)


async def test_LIFE_12_a_fixed_date_never_stands_still(world: World) -> None:
    until = f"{now() + 2 * DAY:%Y-%m-%d %H:%M}"
    dated = await at_wait(world, {"id": "date", "kind": "wait", "until": until}, **FREEZE)
    await dated.later(DAY)
    await dated.give("pause")
    await dated.later(3 * DAY)
    await world.until(dated.participant, holding=True)
    await dated.give("resume")
    assert await left(world, dated.participant) is Reason.COMPLETED


FOR = {"id": "react", "kind": "wait_for_action", "actions": [{"event": "a.b"}], "within": "3 days"}


@pytest.mark.parametrize(("day", "event"), [(2, "Came first"), (4, "No action within")])
async def test_LIFE_12_an_action_during_the_pause_counts_with_its_time(world: World, day: int, event: str) -> None:
    """Deadline on day 3, paused from 1 to 5: an action on day 2 came in time, one on day 4 did not. Told at resume."""
    journey = await at_wait(world, FOR)
    person = (await world.participant(journey.participant)).person
    await journey.later(DAY)
    await journey.give("pause")
    await world.happens("a.b", person, journey.since + day * DAY)
    await journey.later(4 * DAY)
    await world.until(journey.participant, holding=True)
    assert world.inbox.mails == []
    await journey.give("resume")
    assert await left(world, journey.participant) is Reason.COMPLETED
    assert any(line.text.startswith(event) for line in await world.lines(journey.participant))


async def test_LIFE_12_freeze_lets_a_time_out_stand_still(world: World) -> None:
    """Paused from day 1 to day 5 of 3: an action on day 6 is in time."""
    journey = await at_wait(world, FOR, **FREEZE)
    person = (await world.participant(journey.participant)).person
    await journey.later(DAY)
    await journey.give("pause")
    await journey.later(4 * DAY)
    await journey.give("resume")
    await journey.rests_for(7 * DAY)
    await journey.later(DAY)
    await world.happens("a.b", person, journey.now)
    assert await left(world, journey.participant) is Reason.COMPLETED
    assert any(line.text.startswith("Came first") for line in await world.lines(journey.participant))


async def test_LIFE_12_success_during_the_pause_is_recorded_and_acted_on_at_resume(world: World) -> None:
    journey = await at_wait(world, wait("rest", "3 days"), success={"any": [{"event": "a.b"}]})
    person = (await world.participant(journey.participant)).person
    await journey.later(DAY)
    await journey.give("pause")
    at = journey.now + HOUR
    await world.happens("a.b", person, at)
    row = await world.until(journey.participant, holding=True)
    assert (row.success_at, row.status) == (at, Status.ACTIVE)
    await journey.give("resume")
    assert await left(world, journey.participant) is Reason.SUCCESS
